/* One direction of a link that duet carries: from frames that were read to a socket. */
#ifndef DUET_VM_CARRIER_WAY_H
#define DUET_VM_CARRIER_WAY_H

#include "vm/carrier.h"
#include "vm/verdict_file.h"

#include <stdbool.h>

enum { WAY_BATCH = 64 }; /* frames that are handled at once */

struct way {
    struct impair *impair;
    struct impair_config config;  /* what is in force */
    struct impair_plan_run *plan; /* of both ways */
    struct way *other;            /* the other direction */
    unsigned direction;
    struct pool pool;
    struct timer *timer;
    struct verdict_file *log;       /* or NULL */
    struct impair_measure *measure; /* likewise */
    struct carrier_counters counters;
    struct packet **queue; /* a ring: what is due and was not sent */
    size_t room, head, count;
    size_t sent; /* bytes of the first, its header included */
    int fd;      /* of the receiver; -1 where it is not there */
    /* Whether frames wait until the receiver reads may have changed. */
    void (*waits)(void *context);
    void *context;
    /* As struct impair_options'; NULL: nobody asks. */
    void (*note)(void *context, const struct impair_verdict *verdict, const struct packet *packet);
    void *note_context;
};

/* `way` is all zero but for `plan`, which has not started yet, `other`, and the two calls with
 * their contexts.
 */
int way_open(struct way *way, const struct carrier_options *options, unsigned direction,
             struct error *error);
/* Up to WAY_BATCH packets of the pool, for frames to come. There are always so many. */
void way_room(struct way *way, struct packet *packets[static WAY_BATCH]);
/* Takes `count` of them, which have their bytes, and the others back. */
void way_take(struct way *way, struct packet *packets[static WAY_BATCH], size_t count);
/* Its settings are others now: a step of the plan has set them. */
void way_settings_changed(struct way *way);
/* Those are in force from the packet of data of that number on, as somebody else has seen to. */
void way_note(struct way *way, uint64_t number, const struct impair_settings *settings);
/* Puts `config` in force, and leaves it none. */
void way_set(struct way *way, struct impair_config *config);
/* The receiver can be written to. */
void way_send(struct way *way);
/* The receiver came, or went (-1): what waits for it is lost then. */
void way_connect(struct way *way, int fd);
/* Loses all that is on its way; the counters stay. Any number of times. */
void way_end(struct way *way);
/* Writes its log to its end, after way_end; another thread may. The first error of the log. */
int way_close(struct way *way, struct error *error);

#endif
