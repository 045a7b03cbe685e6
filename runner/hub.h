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
 *                                  "addresses":[…],"console":PATH}…]}. "state" is up, held or
 *                                  paused; a node's is starting, up, paused, stopping or gone, its
 *                                  "pid" QEMU's or 0, and its "console" the log of it
 *   {"open":"ctl","node":NAME}     {"ok":true,"client":K}, then ctl frames both ways, the first of
 *                                  them READY with "base": K; see vm/control.h
 *   {"open":"io","client":K}       {"ok":true}, then io frames both ways; once for each client
 *   {"open":"console","node":NAME} {"ok":true}, then what the ring has, then bytes both ways
 *   {"open":"logs","node":NAME}    the same, without a way back: the console and the output of
 *                                  background processes, each line with where it comes from before
 *                                  it ("entry: …", "entry/echo: …"); of all nodes without "node".
 *                                  With "follow":false the connection ends behind what there is,
 *                                  without a line that has no end yet
 *   {"open":"debug","node":NAME}   {"ok":true,"socket":PATH,"kernel":PATH}: QEMU's gdb stub. With
 *                                  "halt":true the guest is stopped
 *   {"open":"links"}               {"ok":true,"links":[…]}: what each is like now
 *   {"open":"impair","link":NAME,"set":{NAME:TEXT,…}}
 *                                  {"ok":true,"link":NAME,"nodes":[…],"packets":[N,N]}: changes the
 *                                  settings of a link, with "from":NODE in one direction.
 *                                  The answer comes when that is in force, and says from
 *                                  which packet of each node on
 *   {"open":"down"}                {"ok":true}, and the connection ends when all machines have
 *
 * "ctl" is answered when the guest has answered a ping. A request whose id, streams or target are
 * not above the client's base (K << 32), one that is the topology's own (STARTPOD, FINISHPOD,
 * DESTROYPOD), one with streams before there is "io", and more than 256 commands and files at once
 * are answered with an ERROR by the hub. A client that does not read what is sent to it (2 MiB of
 * ctl, 16 MiB of io wait), or sends what is no frame, is let go; a reader of consoles and logs that
 * is slow misses what it is told, and a console that takes no more loses what is typed.
 *
 * When a client of ctl goes, or one of its two connections, its commands get SIGHUP, the files that
 * it had not sent whole stay what they were, what it still has to be read is at its end, and what
 * is printed for it is dropped. */
#ifndef DUET_RUNNER_HUB_H
#define DUET_RUNNER_HUB_H

#include "base/error.h"
#include "base/loop.h"
#include "runner/link_control.h"
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
    struct node *const *nodes; /* in the case's order; until hub_free, as the next */
    struct link_control *links;
    enum hub_state state;
    const char *kernel;    /* path of the guests' kernel */
    const char *directory; /* of the case's evidence, absolute */
    /* Somebody wants it down: perhaps several times. May free the hub. */
    void (*down)(void *context);
    /* What has become of a node since the case is held, which is in its logs, too; or NULL. */
    void (*fate)(void *context, const struct node *node, const char *what);
    void *context;
};

struct hub;

/* What the nodes have printed up to now is in the logs, too. The strings of the options are the
 * caller's until hub_free. EADDRINUSE where the directory has a hub. */
int hub_new(const struct hub_options *options, struct hub **hub, struct error *error);
/* Lets go of clients whose node is gone, or has broken its channel. To be called when a node has
 * changed. */
void hub_look(struct hub *hub);
/* Ends all connections, those that asked for "down" too. NULL is fine. */
void hub_free(struct hub *hub);

#endif
