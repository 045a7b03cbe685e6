#include "runner/case_network.h"

#include "base/memory.h"
#include "runner/stalls.h"

enum { GUEST_STALLS = 32 }; /* that are kept: later ones say nothing new */

#define GUEST_STALL_NS (NS_PER_S / 2) /* shorter ones are none, without duet's own */

struct guest_stall {
    const char *node;
    uint64_t since_ns, length_ns;
};

struct case_network {
    const struct suite_case *suite_case;
    uint64_t started_ns;
    struct stalls *stalls; /* of duet */
    struct guest_stall guests[GUEST_STALLS];
    size_t guest_count;
};

struct case_network *case_network_new(struct loop *loop, const struct suite_case *suite_case)
{
    struct case_network *network = xcalloc(1, sizeof *network);

    network->suite_case = suite_case;
    network->started_ns = clock_ns();
    network->stalls = stalls_new(loop);
    return network;
}

void case_network_stalled(struct case_network *network, const char *node, uint64_t since_ns,
                          uint64_t length_ns)
{
    uint64_t own_ns;

    if (since_ns < network->started_ns || network->guest_count == GUEST_STALLS)
        return;
    stalls_look(network->stalls);
    own_ns = stalls_within_ns(network->stalls, since_ns, since_ns + length_ns);
    if (length_ns - own_ns < GUEST_STALL_NS)
        return;
    network->guests[network->guest_count++] =
        (struct guest_stall){.node = node, .since_ns = since_ns, .length_ns = length_ns - own_ns};
}

void case_network_stop(struct case_network *network)
{
    stalls_stop(network->stalls);
}

void case_network_free(struct case_network *network)
{
    if (!network)
        return;
    stalls_free(network->stalls);
    free(network);
}

/* -- The result -------------------------------------------------------------------------------- */

static double seconds_into(const struct case_network *network, uint64_t at_ns)
{
    return at_ns > network->started_ns ? (double)(at_ns - network->started_ns) / NS_PER_S : 0;
}

static void add_stalls(const struct case_network *network, struct case_result *result)
{
    size_t count;
    const struct stall *own = stalls_items(network->stalls, &count);

    for (size_t i = 0; i < count; i++)
        *case_result_add_stall(result) =
            (struct stall_result){.start_s = seconds_into(network, own[i].since_ns),
                                  .length_s = (double)own[i].length_ns / NS_PER_S,
                                  .cpu_s = own[i].cpu_s,
                                  .stolen_s = own[i].stolen_s,
                                  .pressure_s = own[i].pressure_s};
    for (size_t i = 0; i < network->guest_count; i++) {
        const struct guest_stall *guest = &network->guests[i];

        *case_result_add_stall(result) =
            (struct stall_result){.node = xstrdup(guest->node),
                                  .start_s = seconds_into(network, guest->since_ns),
                                  .length_s = (double)guest->length_ns / NS_PER_S,
                                  .cpu_s = -1,
                                  .stolen_s = -1,
                                  .pressure_s = -1};
    }
}

static bool is_impaired(const struct suite_case *suite_case)
{
    for (size_t i = 0; i < suite_case->link_count; i++)
        if (suite_case->links[i].carrier != SUITE_CARRIER_DIRECT)
            return true;
    return false;
}

/* Links that duet carries stand still with it. Those of guests need not have done so, but where the
 * host stood still they did, and a failure may come of that. Else it is duet's clock alone. */
static bool matters(const struct case_network *network, bool needs_host, enum verdict verdict)
{
    return needs_host || verdict == VERDICT_TIMEOUT ||
           (verdict == VERDICT_FAILED && is_impaired(network->suite_case));
}

static char *stall_fault(const struct case_network *network, bool needs_host,
                         const struct case_result *result)
{
    const struct stall *longest = stalls_longest(network->stalls);
    uint64_t most_ns = network->suite_case->network.stall_ns;

    if (!longest || !most_ns || longest->length_ns < most_ns ||
        !matters(network, needs_host, result->verdict))
        return NULL;
    return xasprintf("duet stood still for %.1f s, %.1f s after the case began, and with it the "
                     "links that it carries and its clocks (less than %.3g s would be fine): was "
                     "it stopped, or is the host short of CPU? Run fewer cases at once (`-j`), or "
                     "allow for it with `network: {stall: …}`",
                     (double)longest->length_ns / NS_PER_S,
                     seconds_into(network, longest->since_ns), (double)most_ns / NS_PER_S);
}

static char *link_fault(const struct case_result *result)
{
    for (size_t i = 0; i < result->link_count; i++)
        for (size_t from = 0; from < 2; from++) {
            const struct link_result *link = &result->links[i];

            if (link->ways[from].measured.fault)
                return xasprintf("link %s, %s to %s: %s", link->name, link->nodes[from],
                                 link->nodes[1 - from], link->ways[from].measured.fault);
        }
    return NULL;
}

/* A network that was not as asked explains a test that failed, and one that passed on it has not
 * passed what it asks for. What ended a guest is its own fault still. */
static bool may_be_invalid(const struct case_result *result)
{
    return result->verdict != VERDICT_SKIPPED && result->verdict != VERDICT_INVALID &&
           verdict_worse(result->verdict, VERDICT_INVALID) == VERDICT_INVALID;
}

void case_network_result(const struct case_network *network, bool needs_host,
                         struct case_result *result)
{
    cleanup_free char *reason = NULL;
    char *fault = NULL;

    add_stalls(network, result);
    if (may_be_invalid(result))
        fault = stall_fault(network, needs_host, result);
    if (may_be_invalid(result) && !fault)
        fault = link_fault(result);
    if (!fault)
        return;
    reason = result->reason;
    result->reason = xasprintf("%s. Without that: %s%s%s", fault, verdict_name(result->verdict),
                               reason ? ", " : "", reason ? reason : "");
    result->verdict = VERDICT_INVALID;
    free(fault);
}
