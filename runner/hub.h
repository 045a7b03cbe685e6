/* Lets other duets of the same user reach the nodes of a topology that this one keeps up: a unix
 * socket `hub` in the runtime directory, which no other user can enter and no other user's process
 * is answered on (SO_PEERCRED, unix(7)).
 *
 * A client connects and sends one line, a JSON object of at most HUB_LINE_MAX bytes; the hub
 * answers with one line, an object with "ok": true, or "ok": false and an "error" for a person.
 * What follows is the connection's, by what was asked for:
 *
 *   {"open":"status"}              the line has it: {"ok":true,"pid","case","suite","state",
 *                                  "directory","started","nodes":[{"name","state","pid",
 *                                  "addresses":[…],"console":PATH}…]}; state: up, held or paused
 *   {"open":"ctl","node":NAME}     {"ok":true,"client":K}, then ctl frames both ways, the first of
 *                                  them READY with "base": K; see vm/control.h
 *   {"open":"io","client":K}       {"ok":true}, then io frames both ways; once for each client
 *   {"open":"console","node":NAME} {"ok":true}, then what the ring has, then bytes both ways
 *   {"open":"logs","node":NAME}    the same, without a way back; all nodes without "node", each
 *                                  line with the name of its node before it
 *   {"open":"debug","node":NAME}   {"ok":true,"socket":PATH}: QEMU's gdb stub
 *   {"open":"down"}                {"ok":true}, and the connection ends when all machines have
 *
 * When a client of ctl goes, its commands get SIGHUP, what they still read is at its end, and what
 * they print is dropped. */
