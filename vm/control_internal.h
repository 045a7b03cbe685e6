/* What control.c (requests, who a frame is for), control_command.c (commands and files),
 * control_heard.c (what the guest says of them) and control_connect.c (sockets) share. */
#ifndef DUET_VM_CONTROL_INTERNAL_H
#define DUET_VM_CONTROL_INTERNAL_H

#include "vm/control_message.h"

struct sockets; /* control_connect.c */

/* A request that is not answered yet. */
struct request {
    struct request *next;
    struct control *control;
    uint64_t id;
    enum wire_code code;
    control_answer_fn answer; /* NULL: nobody wants to know, or was told that it took too long */
    void *context;
    struct timer *deadline; /* NULL: none */
};

struct control {
    struct control_options options;
    uint64_t base;
    uint64_t requests_made, commands_made;
    struct request *requests, **requests_end; /* in the order of their making */
    struct control_command *commands;         /* the newest first */
    bool broken;
    int broken_code;
    char *broken_reason;
    struct timer *break_later; /* what breaks while somebody asks is told from the loop */
    struct sockets *sockets;   /* NULL: the link is the caller's */
};

/* A command with its process, a file that goes or comes, or what is said of a link. */
enum control_kind { KIND_COMMAND, KIND_WRITE, KIND_READ, KIND_LINK };

struct incoming {
    bool exists, closed;
    uint64_t received; /* bytes, as the next ones */
    uint64_t room;     /* that the guest may still send */
    uint64_t taken;    /* of which it was not told yet */
};

struct outgoing {
    bool exists;
    bool granted; /* the guest has said how much there is room for, and so waits for the close */
    bool close_asked, closed;
    uint64_t room;
};

struct control_command {
    struct control *control;
    struct control_command *next;
    uint64_t id, stream; /* `stream` + 1 is that of standard error */
    enum control_kind kind;
    enum wire_code code;
    struct control_command_calls calls;
    void *context;
    unsigned in_call;
    struct incoming in[2]; /* by enum control_output */
    struct outgoing out;
    bool started, ended, complete, forgotten;
    int status_byte; /* what came on io; -1: nothing yet */
    struct control_end end;
    char *reason;
};

/* The channel is at its end: tells everybody who waits. Not from inside a function that asks. */
void control_break(struct control *control, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from the loop, for those. */
void control_break_soon(struct control *control, const struct error *error);
/* Sends a payload that was made, and frees it. */
int control_send(struct control *control, enum wire_code code, char *payload, struct error *error);

/* control_heard.c */
void control_command_answered(struct control *control, const struct control_message *message);
void control_command_is_ready(struct control *control, uint64_t id);
void control_command_finished(struct control *control, const struct control_message *message);
void control_command_granted(struct control *control, const struct control_message *message);
void control_command_take_io(struct control *control, const struct wire_io *frame);
/* The channel broke: those that were not at their end are, now. */
void control_commands_break(struct control *control);

/* control_command.c */
void control_commands_free(struct control *control);
/* Frees it where its owner has done so and nothing can come any more. */
void control_command_reap(struct control_command *command);
/* Closes what is fed, where the guest waits for that. */
void control_command_close_granted(struct control_command *command);
/* A file on its way of which its owner wants no more. */
void control_command_give_up(struct control_command *command);

/* control_connect.c */
void control_sockets_free(struct sockets *sockets);

#endif
