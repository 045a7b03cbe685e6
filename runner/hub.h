/* Lets other duets of the same user reach the nodes of a topology that this one keeps up: a unix
 * socket `hub` in the runtime directory, which no other user can enter and no other user's process
 * is answered on (SO_PEERCRED, unix(7)).
 *
 * A client connects and sends one line, a JSON object of at most HUB_LINE_MAX bytes; the hub
 * answers with one line, an object with "ok": true, or "ok": false and an "error" for a person.
 * What follows is the connection's, by what was asked for:
 *
 *   {"open":"status"}              the line has it: {"ok":true,"pid","case","suite","path","state",
 *                                  "directory","started","nodes":[{"name","state","pid",
 *                                  "addresses":[…],"console":PATH}…]}; state: up, held or paused
 *   {"open":"ctl","node":NAME}     {"ok":true,"client":K}, then ctl frames both ways, the first of
 *                                  them READY with "base": K; see vm/control.h
 *   {"open":"io","client":K}       {"ok":true}, then io frames both ways; once for each client
 *   {"open":"console","node":NAME} {"ok":true}, then what the ring has, then bytes both ways
 *   {"open":"logs","node":NAME}    the same, without a way back: the console and the output of
 *                                  background processes, each line with where it comes from before
 *                                  it ("entry: …", "entry/echo: …"); of all nodes without "node".
 *                                  With "follow":false the connection ends behind what there is
 *   {"open":"debug","node":NAME}   {"ok":true,"socket":PATH,"kernel":PATH}: QEMU's gdb stub. With
 *                                  "halt":true the guest is stopped
 *   {"open":"down"}                {"ok":true}, and the connection ends when all machines have
 *
 * "ctl" is answered when the guest has answered a ping. A request whose id, streams or target are
 * not above the client's base, and one that is the topology's own (STARTPOD, FINISHPOD,
 * DESTROYPOD), is answered with an ERROR by the hub. A client that does not read what is sent to
 * it, or sends what is no frame, is let go; a reader of consoles and logs that is slow misses what
 * it is told.
 *
 * When a client of ctl goes, its commands get SIGHUP, its files stay what they were, what it still
 * has to be read is at its end, and what is printed for it is dropped. */
#ifndef DUET_RUNNER_HUB_H
#define DUET_RUNNER_HUB_H

#include "base/error.h"
#include "base/loop.h"
#include "runner/node.h"
#include "runner/suite.h"

#define HUB_SOCKET "hub"

enum { HUB_LINE_MAX = 4096, HUB_ANSWER_MAX = 1 << 20 };

enum hub_state { HUB_UP, HUB_HELD, HUB_PAUSED };

struct hub_options {
    struct loop *loop;
    const char *runtime_dir; /* the socket goes there; mode 0700 */
    const struct suite *suite;
    const struct suite_case *suite_case;
    struct node *const *nodes; /* in the case's order; until hub_free */
    enum hub_state state;
    const char *kernel;    /* path of the guests' kernel */
    const char *directory; /* of the case's evidence, absolute */
    /* Somebody wants it down: perhaps several times. */
    void (*down)(void *context);
    void *context;
};

struct hub;

int hub_new(const struct hub_options *options, struct hub **hub, struct error *error);
/* Lets go of clients whose node is gone. */
void hub_look(struct hub *hub);
/* Ends all connections, those that asked for "down" too. NULL is fine. */
void hub_free(struct hub *hub);

#endif
