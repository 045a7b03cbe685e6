/* One unix socket on which QEMU calls: a listener that becomes its one connection. */
#ifndef DUET_VM_PORT_H
#define DUET_VM_PORT_H

#include "base/error.h"
#include "base/loop.h"

#include <stddef.h>

struct port;

struct port_calls {
    /* Returns how many of the bytes it is done with. The rest comes again, before what follows. */
    size_t (*data)(void *context, const char *bytes, size_t count);
    /* All that port_send queued is on its way, after some of it had to wait; or NULL. */
    void (*drained)(void *context);
};

/* Listens on `path`, which must not be there. The path is unlinked at port_free. */
int port_listen(struct loop *loop, const char *path, const struct port_calls *calls, void *context,
                struct port **port, struct error *error);
/* Queues bytes, before a connection stands too. EPIPE once it has ended; ENOBUFS where more than
 * 4 MiB wait, which means that the guest does not read. */
int port_send(struct port *port, const void *bytes, size_t count, struct error *error);
/* The same with other bytes before these: a frame whose payload lies elsewhere than its header. */
int port_send_frame(struct port *port, const void *header, size_t header_count, const void *bytes,
                    size_t count, struct error *error);
/* Bytes that wait for the guest to read. */
size_t port_waiting(const struct port *port);
/* Delivers what the socket still holds of a peer that is dead, then closes. */
void port_finish(struct port *port);
/* Closes without reading further; safe inside `data`. */
void port_close(struct port *port);
void port_free(struct port *port);

#endif
