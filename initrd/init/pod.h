/* What makes a node out of a booted image: the payload of STARTPOD, decoded and checked. Pure.
 * docs/control-channel.md has the table of its fields. */
#ifndef DUET_INIT_POD_H
#define DUET_INIT_POD_H

#include "base/error.h"
#include "initrd/init/address.h"
#include "initrd/init/pod_carrier.h"
#include "initrd/init/pod_netem.h"

#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POD_ENTROPY_LEAST = 32, POD_ENTROPY_MOST = 64, POD_MACHINE_ID_SIZE = 16 }; /* bytes */

struct pod_addresses {
    struct address *items;
    size_t count;
};

struct pod_interface {
    uint8_t device[MAC_SIZE]; /* the NIC's, as it booted */
    uint8_t mac[MAC_SIZE];    /* the one it is to have */
    char name[IFNAMSIZ];
    uint32_t mtu; /* bytes; 0: the device's own */
    struct pod_addresses addresses;
    struct pod_netem *netem;     /* NULL: none */
    struct pod_carrier *carrier; /* likewise: the kernel has the NIC itself */
};

struct pod_route {
    struct address to;
    struct address via;    /* family 0: on the link */
    char device[IFNAMSIZ]; /* name of the link; empty: as `via` says */
};

struct pod_host {
    char *name;
    struct pod_addresses addresses;
};

struct pod_sysctl {
    char *key; /* as a path under /proc/sys */
    char *value;
};

struct pod_dns {
    bool given;
    struct pod_addresses nameservers;
    char **search;
    size_t search_count;
};

struct pod {
    char *hostname;   /* and the node's name in reports */
    bool is_router;   /* the packet core routes between its links, and the kernel has none */
    uint64_t time_ns; /* CLOCK_REALTIME of the host */
    uint8_t entropy[POD_ENTROPY_MOST];
    size_t entropy_size; /* bytes */
    uint8_t machine_id[POD_MACHINE_ID_SIZE];
    bool has_machine_id;
    struct pod_interface *interfaces;
    size_t interface_count;
    struct pod_route *routes;
    size_t route_count;
    struct pod_host *hosts;
    size_t host_count;
    struct pod_sysctl *sysctls;
    size_t sysctl_count;
    struct pod_dns dns;
};

/* Fills `pod`, which is zero, from the payload's object; `id` and `containers` in it are somebody
 * else's. EINVAL for
 * a field that is unknown, missing, of another type or impossible, with what came before it in
 * `pod`. Either way the caller calls pod_free. */
int pod_parse(json_t *json, struct pod *pod, struct error *error);
void pod_free(struct pod *pod);
/* The same of the payloads of SETUPINTERFACE (one interface) and SETUPROUTE (the routes). */
int pod_parse_interface(json_t *json, struct pod *pod, struct error *error);
int pod_parse_routes(json_t *json, struct pod *pod, struct error *error);

#endif
