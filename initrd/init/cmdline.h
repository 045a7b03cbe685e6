/* The guest's configuration: the `duet.*` keys of the kernel command line. Pure: no I/O.
 *
 * Keys, each `duet.KEY=VALUE`; docs/control-channel.md has the whole table. Any byte of a value
 * may be written as %XX (RFC 3986, 2.1); it is decoded before the value is taken apart, and a bare
 * `%` is an error. Words without the prefix `duet.` are the kernel's and are skipped. */
#ifndef DUET_INIT_CMDLINE_H
#define DUET_INIT_CMDLINE_H

#include "base/error.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address {
    int family;        /* AF_INET or AF_INET6; 0 where there is none */
    uint8_t bytes[16]; /* network order; the first 4 for AF_INET */
    uint8_t prefix;    /* bits */
};

struct link_config {
    uint8_t mac[6];
    char name[IFNAMSIZ];
    uint32_t mtu; /* 0: the device's own */
    struct address *addresses;
    size_t address_count;
};

struct route_config {
    struct address to;
    struct address via;  /* family 0: on the link */
    char name[IFNAMSIZ]; /* of the link; empty: as `via` says */
};

struct host_config {
    char *name;
    char **addresses;
    size_t address_count;
};

struct sysctl_config {
    char *key; /* as a path under /proc/sys */
    char *value;
};

struct config {
    char *node; /* host name and the node's name in reports */
    char *exec; /* a foreign init, absolute, or NULL */
    char *result_prefix;
    char *ready_prefix;
    struct link_config *links;
    size_t link_count;
    struct route_config *routes;
    size_t route_count;
    struct host_config *hosts;
    size_t host_count;
    struct sysctl_config *sysctls;
    size_t sysctl_count;
    char **modules;
    size_t module_count;
};

/* The configuration of an empty command line. */
void config_init(struct config *config);
void config_free(struct config *config);

/* Adds what `cmdline` says to `config`, which config_init made. EINVAL for an unknown key or a
 * malformed value, with the word in the message. After a failure `config` holds what came before
 * the mistake, so that the report carries the node's name and prefix. */
int cmdline_parse(const char *cmdline, struct config *config, struct error *error);

/* `10.0.0.1/24`, or without a prefix the whole length. */
int address_parse(const char *text, struct address *address, struct error *error);

#endif
