/* The socket tables of /proc/net (tcp, tcp6, udp, udp6; proc_net_tcp in the kernel's
 * documentation). Pure: takes the text. */
#ifndef DUET_INIT_SOCKETS_H
#define DUET_INIT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOCKETS_LISTEN = 0x0a, SOCKETS_ANY_STATE = -1 };

/* Whether a line of `table` has the local port `port` (host order) and the state `state`. Lines
 * that do not look like a socket are skipped. */
bool sockets_have(const char *table, size_t length, uint16_t port, int state);

#endif
