/* CoDel (RFC 8289): which packets to drop so that no standing queue lasts.
 *
 * The RFC's pseudocode takes packets from a queue in a loop; here each packet that leaves the queue
 * is asked about, in the same order and with the same answers. */
#ifndef DUET_NET_IMPAIR_CODEL_H
#define DUET_NET_IMPAIR_CODEL_H

#include <stdbool.h>
#include <stdint.h>

struct codel {
    uint64_t target_ns, interval_ns;
    uint64_t first_above_ns; /* when the wait will have been above the target for an interval */
    uint64_t drop_next_ns;
    uint32_t count, last_count; /* drops of this dropping state, and of the one before */
    bool dropping;
    bool again; /* the packet before this one was dropped inside the dropping state */
};

/* When `count` drops after `at_ns` call for the next (RFC 8289, 5.7). */
uint64_t codel_control_law(uint64_t at_ns, uint64_t interval_ns, uint32_t count);

/* Whether the packet that leaves the queue at `now_ns`, after `waited_ns`, is to be dropped.
 * `behind_bytes` are left in the queue, `longest_bytes` has the longest packet seen. */
bool codel_drops(struct codel *codel, uint64_t now_ns, uint64_t waited_ns, uint64_t behind_bytes,
                 uint64_t longest_bytes);

#endif
