/* The record of what became of every packet of one direction of a link, in a compact form.
 *
 * Format, version 2. Numbers of fixed size are little-endian; a varint is LEB128, a signed one
 * zigzag. The header has 48 bytes: "duetvlog", u16 version, u16 bytes of the header (a reader skips
 * what it does not know), u8 direction, 3 zero bytes, u64 seed, u64 link, u64 base of times in ns,
 * 8 zero bytes. Records follow to the end of the file. The two low bits of a record's first byte
 * say what it is:
 *
 *   0  a packet of data: then, in this order and where the bit in brackets says so, varint copy
 *      [2], signed varint number minus what was expected (that of its class before, plus 1) [3],
 *      signed varint in_ns minus that of the record before (the base, for the first), signed
 *      varint due_ns - in_ns, signed varint out_ns - due_ns, varint length, varint why [4],
 *      varint rule [5], u8 flow [6]. Bit 7: the packet goes back to its sender.
 *   1  a flow: u8 number, from here on; u8 network, u8 protocol, addresses of 4 or 16 bytes
 *      (source, destination), u16 ports (source, destination)
 *   2  varint count of records that are missing here, because there was no room for them
 *   3  a packet of the link's upkeep: as 0; IMPAIR_UPKEEP goes without saying
 *
 * Records are in the order in which verdicts became final, which need not be that of the packets.
 */
#ifndef DUET_NET_VERDICT_LOG_H
#define DUET_NET_VERDICT_LOG_H

#include "base/error.h"
#include "net/impair_verdict.h"
#include "net/packet_flow.h"

#include <stddef.h>

enum {
    VERDICT_LOG_VERSION = 2,
    VERDICT_LOG_HEADER = 48,      /* bytes */
    VERDICT_LOG_RECORD_MAX = 128, /* bytes that one verdict can come to, its flow included */
    VERDICT_LOG_FLOWS = 256,      /* that have a number at the same time */
    VERDICT_LOG_BYTES_MAX =
        256 << 20, /* of a whole log: a link that floods must not fill the disk */
};

struct verdict_log_header {
    uint64_t seed, link;
    unsigned direction;
    uint64_t base_ns; /* what times are shown from */
};

/* -- Writing ----------------------------------------------------------------------------------- */

struct verdict_log_flow {
    bool known;
    struct packet_flow flow;
};

/* What the next record is written against. */
struct verdict_log {
    uint64_t numbers[IMPAIR_CLASSES]; /* that are expected */
    uint64_t in_ns;
    uint64_t missing;
    struct verdict_log_flow flows[VERDICT_LOG_FLOWS];
};

/* Begins a log: VERDICT_LOG_HEADER bytes are written to `bytes`. */
void verdict_log_begin(struct verdict_log *log, const struct verdict_log_header *header,
                       uint8_t bytes[static VERDICT_LOG_HEADER]);
/* Writes a verdict; `flow` is NULL where the packet has none. Returns how many bytes that took. */
size_t verdict_log_write(struct verdict_log *log, const struct impair_verdict *verdict,
                         const struct packet_flow *flow,
                         uint8_t bytes[static VERDICT_LOG_RECORD_MAX]);
/* In place of verdict_log_write, where there is no room: the next record tells of it. */
void verdict_log_skip(struct verdict_log *log);
/* Behind the last record: tells of those that were skipped since. Returns how many bytes that took;
 * none, where none were. */
size_t verdict_log_end(struct verdict_log *log, uint8_t bytes[static VERDICT_LOG_RECORD_MAX]);

/* -- Reading ----------------------------------------------------------------------------------- */

struct verdict_log_entry {
    struct impair_verdict verdict;
    bool has_flow;
    struct packet_flow flow; /* all zero without one */
};

struct verdict_reader {
    struct verdict_log_header header;
    uint64_t missing; /* records, as far as was read */
    bool cut;         /* the end came within a record */
    const uint8_t *bytes;
    size_t length, at;
    uint64_t numbers[IMPAIR_CLASSES];
    uint64_t in_ns;
    struct verdict_log_flow flows[VERDICT_LOG_FLOWS];
};

/* Reads the header of a log, which stays the caller's. EBADMSG: it is none, or of another
 * version. */
int verdict_log_open(struct verdict_reader *reader, const void *bytes, size_t length,
                     struct error *error);
/* 1: *entry is the next. 0: that was all, or `cut`. -EBADMSG: these bytes are no record. */
int verdict_log_next(struct verdict_reader *reader, struct verdict_log_entry *entry,
                     struct error *error);

#endif
