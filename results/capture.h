/* A capture that is written while packets pass, without ever holding one up.
 *
 * Packets go into a bounded ring, from where a thread of the capture's own writes them
 * (base/writer.h). What does not fit is not waited for: it is counted, and the next packet of its
 * interface says how many are missing before it. Whatever goes wrong with the file is remembered
 * and is what closing returns. One thread may call these functions. */
#ifndef DUET_RESULTS_CAPTURE_H
#define DUET_RESULTS_CAPTURE_H

#include "base/error.h"
#include "net/pcapng.h"

#include <stddef.h>
#include <stdint.h>

struct capture;

enum capture_format {
    CAPTURE_PCAPNG,
    CAPTURE_PCAP, /* one interface, no comments, no counts */
};

enum {
    CAPTURE_INTERFACES_MAX = 1024,
    CAPTURE_RING_DEFAULT = 4 << 20, /* bytes */
};

struct capture_options {
    enum capture_format format;
    size_t ring_bytes; /* 0: the default; less than WRITER_RING_MIN is that */
    uint64_t start_ns; /* since 1970: of the capture */
};

/* What became of the packets of one interface. */
struct capture_counts {
    uint64_t received; /* that were to be captured */
    uint64_t dropped;  /* of these, those that are not in the file */
};

/* Makes the file, or empties the one that is there. The caller ends *capture with capture_close.
 * Errors are open's and those of starting a thread. */
int capture_open(const char *path, const struct capture_options *options, struct capture **capture,
                 struct error *error);
/* As capture_open, to a descriptor, which becomes the capture's; `path` is its name for messages.
 */
int capture_start(int fd, const char *path, const struct capture_options *options,
                  struct capture **capture, struct error *error);

/* Adds an interface. Returns its number. ENOBUFS: the ring is full, which it is not before
 * packets; EMFILE: no more, and no second one in a pcap. */
int capture_add_interface(struct capture *capture, const struct capture_interface *interface,
                          struct error *error);

/* Captures a packet; its interface's snap length holds, and `dropped` is the capture's own. */
void capture_packet(struct capture *capture, const struct capture_packet *packet);

/* Has what is in the ring written soon, for who reads along; otherwise the thread waits until it is
 * worth its while. Does not wait. */
void capture_flush(struct capture *capture);

struct capture_counts capture_counts(const struct capture *capture, uint32_t interface);

/* Writes what is left, then each interface's counts as of `end_ns` since 1970, and closes the file.
 * Frees `capture` in any case. Returns the first error of all that was written, with the file's
 * name: the file is cut there. NULL is fine. */
int capture_close(struct capture *capture, uint64_t end_ns, struct error *error);

#endif
