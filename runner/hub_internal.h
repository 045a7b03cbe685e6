/* What the files of the hub share: hub.c (connections, and what they ask for), hub_client.c (users
 * of a node's control channel), hub_use.c (what they have in the guest), hub_watch.c (consoles and
 * logs), hub_debug.c (QEMU's gdb stub), hub_links.c (changes of links, and what they are like) and
 * hub_status.c.
 *
 * A connection (struct hub_link) is freed only when its peer is gone, from the loop, and with the
 * hub; a client only by the hub's tidying. So neither goes away inside a call. */
#ifndef DUET_RUNNER_HUB_INTERNAL_H
#define DUET_RUNNER_HUB_INTERNAL_H

#include "runner/hub.h"
#include "runner/hub_line.h"
#include "runner/journal.h"
#include "runner/peer.h"
#include "vm/control_message.h"

enum {
    HUB_LINKS_MAX = 128,
    HUB_CLIENTS_LEFT_MAX = 1024, /* who have gone, and have something in a guest */
    HUB_USES_MAX = 256,          /* commands and files of one client at once */
    HUB_CTL_QUEUE = 2 << 20,     /* bytes that may wait for a client to read */
    HUB_IO_QUEUE = 16 << 20,
    /* More bytes than that wait for the guest to read: no client is read. What the topology itself
     * sends finds room above that. */
    HUB_GUEST_QUEUE = 256 << 10,
};

struct hub_link;
struct hub_client;

/* What a connection is for. Each may be NULL. */
struct hub_role {
    void (*data)(struct hub_link *link, const char *bytes, size_t count);
    void (*drained)(struct hub_link *link);
    void (*gone)(struct hub_link *link); /* just before it is freed */
};

struct hub_node {
    struct hub *hub;
    struct node *node;
    bool left;               /* it was seen to be gone */
    bool debugged;           /* its gdb stub is open */
    struct hub_debug *debug; /* what libvirt was asked; NULL: nothing */
};

struct hub_link {
    struct hub *hub;
    struct hub_link *next;
    struct peer *peer;
    const struct hub_role *role;
    struct buffer in;       /* came, and was not taken yet */
    struct timer *patience; /* with its line, and with what answers it */
    struct hub_node *node;  /* of CONSOLE, LOGS (NULL: all), DEBUG */
    struct hub_client *client;
    struct hub_asked *asked; /* of LINKS, IMPAIR */
    uint64_t position, end;  /* of CONSOLE and LOGS: what was sent, and where it ends */
};

struct hub {
    struct hub_options options;
    struct loop *loop;
    char *path;
    char *suite_path; /* absolute where the file is there */
    char started[24]; /* ISO 8601, UTC */
    int listener;
    struct watch *watch;
    struct timer *again; /* to accept, after there were no more files */
    struct hub_node *nodes;
    size_t node_count;
    struct journal *journal;
    struct hub_link *links;
    size_t link_count;
    struct hub_client *clients; /* the newest first */
    uint64_t clients_made;
    struct timer *tidy; /* fires at once */
};

/* -- hub.c ------------------------------------------------------------------------------------- */

/* Sends one line. */
void hub_say(struct hub_link *link, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Says no, and ends the connection. */
void hub_refuse(struct hub_link *link, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Sends what waits, then ends it. */
void hub_finish(struct hub_link *link);
/* From now on it is for this; its client may take as long as it likes. */
void hub_become(struct hub_link *link, const struct hub_role *role);
bool hub_node_is_gone(const struct hub_node *node);

/* -- hub_client.c ------------------------------------------------------------------------------ */

void hub_client_open(struct hub_link *link, struct hub_node *node);
void hub_client_open_io(struct hub_link *link, uint64_t number);
/* Begins and ends to share the node's channel. */
void hub_clients_share(struct hub_node *node);
void hub_clients_unshare(struct hub_node *node);
/* Lets go of those whose node does not serve any more. */
void hub_clients_look(struct hub *hub);
/* Frees those who have gone, and have nothing in a guest any more. */
void hub_clients_tidy(struct hub *hub);
/* All. */
void hub_clients_free(struct hub *hub);

/* -- hub_use.c --------------------------------------------------------------------------------- */

/* A command or a file of a client, until nothing of it can come any more, and nothing is left to be
 * sent. */
struct hub_use;
struct hub_request;

struct hub_client {
    struct hub_client *next;
    struct hub_node *node;
    uint64_t number;           /* its base */
    struct hub_link *ctl, *io; /* NULL: it has none (any more) */
    struct timer *patience;    /* with the guest's answer to the first ping */
    bool welcome;              /* it has come */
    bool left;                 /* the client is gone */
    struct hub_use *uses;
    size_t use_count;
};

/* Notes what a request begins, before it is sent. EBUSY for numbers that are in use. */
int hub_use_begin(struct hub_client *client, uint32_t code, const struct hub_request *request,
                  struct error *error);
/* It could not be sent. */
void hub_use_forget(struct hub_client *client, uint64_t id);
/* What the guest says on ctl, what it sends on io, and what the client sends. */
void hub_use_hear(struct hub_client *client, const struct control_message *message);
void hub_use_receive(struct hub_client *client, const struct wire_io *frame);
void hub_use_send(struct hub_client *client, const struct wire_io *frame);
/* The client has gone: ends what it has in the guest. */
void hub_use_hang_up(struct hub_client *client);
void hub_use_free_all(struct hub_client *client);
/* The id of what the hub itself asks for the client. */
uint64_t hub_own_id(const struct hub_client *client);

/* -- hub_watch.c ------------------------------------------------------------------------------- */

void hub_watch_console(struct hub_link *link, struct hub_node *node);
/* `node` NULL: of all. */
void hub_watch_logs(struct hub_link *link, struct hub_node *node, bool follow);
/* Begins to write the journal of a node. */
void hub_watch_node(struct hub_node *node);
void hub_unwatch_node(struct hub_node *node);
/* A node is gone: ends who watches it. */
void hub_watch_ended(struct hub_node *node);

/* -- hub_debug.c ------------------------------------------------------------------------------- */

void hub_debug_open(struct hub_link *link, struct hub_node *node, bool halt);
/* What libvirt still answers is for nobody. */
void hub_debug_forget(struct hub_node *node);

/* -- hub_links.c ------------------------------------------------------------------------------- */

void hub_links_show(struct hub_link *link);
void hub_links_change(struct hub_link *link, const struct hub_line *line);
/* It is freed: nobody waits for what it has asked. */
void hub_links_forget(struct hub_link *link);

/* -- hub_status.c ------------------------------------------------------------------------------ */

/* The answer to "status". The caller frees it. */
char *hub_status(const struct hub *hub);

#endif
