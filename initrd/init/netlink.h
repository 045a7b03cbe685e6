/* rtnetlink(7) requests: one attribute list, one answer. */
#ifndef DUET_INIT_NETLINK_H
#define DUET_INIT_NETLINK_H

#include "base/error.h"

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NETLINK_MESSAGE_MAX = 512 }; /* bytes; the longest of ours has about 100 */

struct netlink_message {
    union {
        struct nlmsghdr header;
        char bytes[NETLINK_MESSAGE_MAX];
    };
};

/* A socket of `protocol` (NETLINK_ROUTE, …) that hears the multicast groups of the mask `groups`.
 * The caller closes *fd. */
int netlink_open(int protocol, uint32_t groups, int *fd, struct error *error);
/* Starts a message with its fixed part. */
void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
                   const void *fixed, size_t size);
/* Adds an attribute; it must fit. */
void netlink_add(struct netlink_message *message, uint16_t type, const void *data, size_t size);
/* Sends the request and waits for the kernel's acknowledgement. The error is the kernel's errno
 * with its own words for it where it has any; the caller adds what was tried. */
int netlink_request(int fd, struct netlink_message *message, struct error *error);
/* The same of a message of any length. */
int netlink_ask(int fd, struct nlmsghdr *header, struct error *error);

/* Sends a dump request and calls `each` for every message that answers it, until it returns
 * something else than 0, which becomes the result; the rest is read and dropped. */
typedef int (*netlink_fn)(void *context, const struct nlmsghdr *header);
int netlink_dump(int fd, struct netlink_message *message, netlink_fn each, void *context,
                 struct error *error);

/* Waits for multicast messages, and drops them: that there is news is all that its callers need.
 * False when `deadline_ns` (CLOCK_MONOTONIC) came first. */
bool netlink_wait(int fd, uint64_t deadline_ns);

/* The attribute `type` behind a fixed part of `fixed` bytes, or NULL; *size is its length. */
const void *netlink_attribute(const struct nlmsghdr *header, size_t fixed, uint16_t type,
                              size_t *size);
/* The same among the attributes that an attribute holds. */
const void *netlink_nested(const void *attributes, size_t length, uint16_t type, size_t *size);

#endif
