#include "initrd/init/netem_links.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/link_state.h"
#include "initrd/init/netem.h"
#include "initrd/init/netlink.h"
#include "initrd/init/reply.h"
#include "net/random.h"

#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>

static struct pod_netem *find(const struct agent *agent, const char *interface)
{
    const struct pod *pod = agent->netem ? &agent->netem->pod : NULL;

    for (size_t i = 0; pod && i < pod->interface_count; i++)
        if (strcmp(pod->interfaces[i].name, interface) == 0)
            return pod->interfaces[i].netem;
    return NULL;
}

void netem_links_keep(struct agent *agent, struct request *pod)
{
    bool any = false;

    for (size_t i = 0; i < pod->pod.interface_count; i++)
        any = any || pod->pod.interfaces[i].netem;
    if (any)
        agent->netem = request_share(pod);
}

bool netem_links_have(const struct agent *agent, const char *interface)
{
    return find(agent, interface) != NULL;
}

/* Each change begins the kernel's draws anew, and so has a seed of its own. What the kernel refuses
 * is not what the next change is made of. */
static int set(int netlink, int index, const char *name, struct pod_netem *netem,
               const struct request *request, struct error *error)
{
    struct pod_netem changed;
    int code = pod_netem_change(request->impair, netem, &changed, error);

    if (code < 0)
        return code;
    code = netem_set(netlink, index, name, &changed.config.settings,
                     random_at(changed.seed, changed.changes), error);
    impair_config_free(code < 0 ? &changed.config : &netem->config);
    if (code == 0)
        *netem = changed;
    return code;
}

static int answer(struct agent *agent, const struct request *request, int netlink, int index,
                  const struct pod_netem *netem, struct error *error)
{
    struct link_way_state ways[2] = {{0}};
    struct link_way_state *way = &ways[netem->end];
    cleanup_buffer struct buffer members = {0};
    struct netem_counters counters = {0};
    int code = netem_read(netlink, index, request->interface, &counters, error);

    if (code < 0)
        return code;
    way->packets_out = counters.packets_out;
    way->bytes_out = counters.bytes_out;
    way->dropped = counters.dropped;
    way->packets_in = way->packets_out + way->dropped + counters.packets_waiting;
    way->bytes_in = way->bytes_out + counters.bytes_waiting;
    way->next = way->packets_in;
    link_state_json(&members, ways);
    reply_ack_members(channel_out(&agent->ctl), request->code, request->id, members.data);
    return 0;
}

int netem_links_serve(struct agent *agent, struct request *request, struct error *error)
{
    struct pod_netem *netem = find(agent, request->interface);
    int index = (int)if_nametoindex(request->interface);
    cleanup_fd int netlink = -1;
    int code;

    if (index == 0)
        return error_set(error, ENODEV, "there is no link %s any more", request->interface);
    code = netlink_open(NETLINK_ROUTE, 0, &netlink, error);
    if (code == 0 && request->code == WIRE_SETLINK)
        code = set(netlink, index, request->interface, netem, request, error);
    return code < 0 ? code : answer(agent, request, netlink, index, netem, error);
}
