/* How true losses are: the share that was asked for against the one that was counted, for duet's
 * packet core and for the kernel's tc netem. The sender waits for the receiver every so often, so
 * that nothing else loses any. */
#include "base/base.h"
#include "bench/bench.h"
#include "bench/fidelity.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS = 100000, LOSSES = 3 };

#define OUTSIDE 0.001 /* how often a share is outside of its bounds by chance */

static const char *const losses[LOSSES] = {"0.1", "1", "10"}; /* percent */

/* Taken once for all measures, by turns: packets. */
static double lost_packets[LOSSES][FIDELITY_SIDES];

static void loss_case(char name[static 32], int loss, enum fidelity_side side)
{
    snprintf(name, 32, "loss_%s.%s", losses[loss], fidelity_side_name(side));
}

static void describe(struct buffer *yaml)
{
    buffer_append_text(yaml, "links:\n");
    fidelity_add_link(yaml, 0, "\"${carrier}\"", "{loss: \"${loss}\"}");
    buffer_append_text(yaml, "cases:\n");
    for (int i = 0; i < LOSSES; i++)
        for (int side = 0; side < FIDELITY_SIDES; side++) {
            char name[32];

            loss_case(name, i, (enum fidelity_side)side);
            buffer_printf(yaml, "  %s: {vars: {carrier: %s, loss: %s%%}}\n", name,
                          fidelity_carrier((enum fidelity_side)side), losses[i]);
        }
}

static int take_loss(const char *directory, int loss, enum fidelity_side side, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    unsigned sent, received, overflowed;
    char name[32];
    int code;

    loss_case(name, loss, side);
    code = fidelity_read(directory, name, &text, error);
    if (code < 0)
        return code;
    if (sscanf(text.data ? text.data : "", "%u %u %u", &sent, &received, &overflowed) != 3 ||
        sent != PACKETS || received > sent)
        return error_set(error, EIO, "%s: not what the probe prints: %s", name, text.data);
    if (overflowed > 0)
        return error_set(error, EIO, "%s: the receiver was too slow for %u packets", name,
                         overflowed);
    lost_packets[loss][side] = sent - received;
    return 0;
}

static int take_losses(const char *directory, struct error *error)
{
    int code = 0;

    for (int i = 0; i < LOSSES; i++)
        for (int side = 0; side < FIDELITY_SIDES && code == 0; side++)
            code = take_loss(directory, i, (enum fidelity_side)side, error);
    return code;
}

/* The least number of `tail` or less probability that a binomial one, of PACKETS with `share` each,
 * is lower; from the weights of all numbers, each from the one before. */
static unsigned quantile(double share, double tail)
{
    static double weights[PACKETS + 1];
    unsigned mode = (unsigned)(PACKETS * share), k;
    double sum = 1, below = 0;

    memset(weights, 0, sizeof weights);
    weights[mode] = 1;
    for (k = mode; k < PACKETS && weights[k] > 1e-15; k++)
        sum += weights[k + 1] = weights[k] * (PACKETS - k) / (k + 1) * share / (1 - share);
    for (k = mode; k > 0 && weights[k] > 1e-15; k--)
        sum += weights[k - 1] = weights[k] * k / (PACKETS - k + 1) * (1 - share) / share;
    for (k = 0; k < PACKETS && below + weights[k] / sum < tail; k++)
        below += weights[k] / sum;
    return k;
}

static int need_losses(struct error *error)
{
    static struct fidelity fidelity = {
        .command = "loss 10.0.0.2 5000 100000", .describe = describe, .take = take_losses};

    return fidelity_run(&fidelity, error);
}

/* Emits the measure with the bounds of what is wanted, and fails where it is not within them. */
static int emit_judged(struct bench_measure *measure, int loss, struct error *error)
{
    double share = strtod(losses[loss], NULL) / 100;
    unsigned least = quantile(share, OUTSIDE / 2), most = quantile(share, 1 - OUTSIDE / 2);
    double lost = lost_packets[loss][FIDELITY_DUET];
    cleanup_free char *wanted =
        xasprintf("%.10g to %.10g %%", least * 100. / PACKETS, most * 100. / PACKETS);

    measure->wanted = wanted;
    measure->met = lost >= least && lost <= most;
    bench_emit(measure);
    measure->wanted = NULL;
    return measure->met ? 0
                        : error_set(error, ERANGE,
                                    "%.0f of %d packets were lost; %u to %u are within the 99.9 %% "
                                    "bounds",
                                    lost, PACKETS, least, most);
}

static int measure_loss(int loss, enum fidelity_side side, struct error *error)
{
    char case_name[32];
    cleanup_free char *name = NULL;
    double asked = strtod(losses[loss], NULL);
    struct bench_measure measure = {
        .unit = "%", .n = PACKETS, .baseline = "asked", .baseline_value = asked, .better = "lower"};
    int code = need_losses(error);

    if (code < 0)
        return code;
    loss_case(case_name, loss, side);
    name = xasprintf("fidelity.%s", case_name);
    measure.name = name;
    measure.value = lost_packets[loss][side] / PACKETS * 100;
    measure.ratio = measure.value / asked;
    if (side == FIDELITY_DUET)
        return emit_judged(&measure, loss, error);
    bench_emit(&measure);
    return 0;
}

/* -- The measures ------------------------------------------------------------------------------ */

#define LOSS(index, name)                                                                          \
    static int name##_duet(struct error *error)                                                    \
    {                                                                                              \
        return measure_loss(index, FIDELITY_DUET, error);                                          \
    }                                                                                              \
    static int name##_netem(struct error *error)                                                   \
    {                                                                                              \
        return measure_loss(index, FIDELITY_NETEM, error);                                         \
    }

LOSS(0, loss_01)
LOSS(1, loss_1)
LOSS(2, loss_10)

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {
        {"fidelity.loss_0.1.duet", loss_01_duet}, {"fidelity.loss_0.1.netem", loss_01_netem},
        {"fidelity.loss_1.duet", loss_1_duet},    {"fidelity.loss_1.netem", loss_1_netem},
        {"fidelity.loss_10.duet", loss_10_duet},  {"fidelity.loss_10.netem", loss_10_netem},
    };

    return bench_main(argc, argv, entries, array_size(entries));
}
