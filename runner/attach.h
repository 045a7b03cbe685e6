/* The user's standard streams as the far end of one command in a guest: on a terminal as ssh(1)
 * does it, else byte for byte. On the loop's thread; nothing that the user's side holds up, a
 * stopped terminal or a reader that does not read, holds up more than this command. */
#ifndef DUET_RUNNER_ATTACH_H
#define DUET_RUNNER_ATTACH_H

#include "vm/control.h"

struct attach;

enum attach_reason {
    ATTACH_ENDED,   /* the command did: `status` */
    ATTACH_LEFT,    /* the user did, by ~. or attach_leave; the command may run on */
    ATTACH_REFUSED, /* the guest could not run it: `message` */
    ATTACH_BROKEN,  /* the guest, or the way to it, is not there any more: `message` */
    ATTACH_UNHEARD, /* what it printed cannot be written here: `message`, or empty where the reader
                       went away */
};

struct attach_end {
    enum attach_reason reason;
    int status, signal;  /* of ENDED: as in struct control_end */
    const char *message; /* until the call returns */
};

struct attach_options {
    struct loop *loop;
    struct control *control;         /* of the node, which has become it */
    const struct control_exec *exec; /* its terminal and input are set by what follows */
    bool terminal;                   /* the command has one */
    int in, out, err;                /* the user's; they stay the caller's, and as they are */
    /* Once, from the loop: everything is written, and the terminal is the user's again. May free
     * the attach. */
    void (*ended)(void *context, const struct attach_end *end);
    void *context;
};

/* Errors: as control_exec's. */
int attach_start(const struct attach_options *options, struct attach **attach, struct error *error);
/* Has the command get the signal. */
void attach_signal(struct attach *attach, int signal_number);
/* Lets go of the command; `ended` follows, unless it is on its way. With a `message` the guest is
 * gone, without one the user wants to leave. */
void attach_leave(struct attach *attach, const char *message);
/* The terminal is the user's again, whatever the state. NULL is fine. */
void attach_free(struct attach *attach);

#endif
