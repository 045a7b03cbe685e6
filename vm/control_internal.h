/* What control.c (requests, who a frame is for), control_command.c (commands, files and their
 * streams) and control_connect.c (sockets) share. */
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

/* The channel is at its end: tells everybody who waits. Not from inside a function that asks. */
void control_break(struct control *control, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same from the loop, for those. */
void control_break_soon(struct control *control, const struct error *error);
/* Sends a payload that was made, and frees it. */
int control_send(struct control *control, enum wire_code code, char *payload, struct error *error);

/* control_command.c */
void control_command_answered(struct control *control, const struct control_message *message);
void control_command_is_ready(struct control *control, uint64_t id);
void control_command_finished(struct control *control, const struct control_message *message);
void control_command_granted(struct control *control, const struct control_message *message);
void control_command_take_io(struct control *control, const struct wire_io *frame);
/* The channel broke: those that were not at their end are, now. */
void control_commands_break(struct control *control);
void control_commands_free(struct control *control);

/* control_connect.c */
void control_sockets_free(struct sockets *sockets);

#endif
