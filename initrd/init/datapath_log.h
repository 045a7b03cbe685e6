/* The verdicts of one direction on their way to the host: a log (net/verdict_log.h) that goes into
 * a pipe, which the agent sends on. Nothing waits for the reader: what finds no room is counted in
 * the log. */
#ifndef DUET_INIT_DATAPATH_LOG_H
#define DUET_INIT_DATAPATH_LOG_H

#include "net/packet.h"
#include "net/verdict_log.h"

struct datapath_log;

/* Takes over `fd`, the pipe's end to write to, which does not block. */
struct datapath_log *datapath_log_new(int fd, const struct verdict_log_header *header);
/* Adds what became of a packet that was parsed. */
void datapath_log_add(struct datapath_log *log, const struct impair_verdict *verdict,
                      const struct packet *packet);
/* Sends what was added, as far as the pipe has room. True where some is left. */
bool datapath_log_flush(struct datapath_log *log);
/* Whether there is something to flush. */
bool datapath_log_waits(const struct datapath_log *log);
/* As datapath_log_flush, with the log's end behind the rest; nothing is added from then on. To be
 * called again while some is left. */
bool datapath_log_end(struct datapath_log *log);
/* Closes the pipe; what is left is lost. NULL is fine. */
void datapath_log_free(struct datapath_log *log);

#endif
