/* Verdict logs for people, for other programs, and beside each other. */
#ifndef DUET_NET_VERDICT_TEXT_H
#define DUET_NET_VERDICT_TEXT_H

#include "base/buffer.h"
#include "net/verdict_log.h"

/* Appends one line: number (of upkeep with a `u`) and copy, seconds since the base, how long it
 * took, what became of it and why, length, flow. */
void verdict_text(struct buffer *out, const struct verdict_log_header *header,
                  const struct verdict_log_entry *entry);
/* Appends one line, a JSON object: docs/impairment.md lists its members. */
void verdict_json(struct buffer *out, const struct verdict_log_entry *entry);
/* Appends what became of a packet, as the comment of a capture has it: "lost: loss", "delivered
 * after 25.000 ms: copy 1, corrupted". */
void verdict_comment(struct buffer *out, const struct impair_verdict *verdict);

/* A whole log: data, then upkeep, each in the order of its packets and, of one, of its copies.
 * Zero-initialised is empty. */
struct verdict_entries {
    struct verdict_log_entry *items; /* freed by verdict_entries_free */
    size_t count;
    struct verdict_log_header header;
    uint64_t missing; /* records */
    bool cut;         /* the last record is not whole, and not here */
};

/* Reads a log to its end. EBADMSG as verdict_log_open and verdict_log_next. */
int verdict_entries_read(struct verdict_entries *entries, const void *bytes, size_t length,
                         struct error *error);
void verdict_entries_free(struct verdict_entries *entries);

/* What two verdicts about one packet are compared by. Classes, numbers and copies always are; when
 * things happened never is. */
enum verdict_field {
    VERDICT_WHY = 1 << 0, /* and to whom it goes, and by which rule */
    VERDICT_LENGTH = 1 << 1,
    VERDICT_FLOW = 1 << 2,   /* two runs differ in the ports that kernels choose */
    VERDICT_DELAY = 1 << 3,  /* what was asked for: the same where no rate, queue or slot is */
    VERDICT_UPKEEP = 1 << 4, /* that of the link's upkeep, too, which kernels do when they like */
    VERDICT_DEFAULT = VERDICT_WHY | VERDICT_LENGTH,
};

/* Calls `differs`, unless NULL, for each packet or copy that is in one only (the other is NULL) or
 * is different in one of `fields`. Returns how many there are. Upkeep is left out unless `fields`
 * has it. */
size_t verdict_entries_compare(const struct verdict_entries *one,
                               const struct verdict_entries *other, unsigned fields,
                               void (*differs)(void *context, const struct verdict_log_entry *one,
                                               const struct verdict_log_entry *other),
                               void *context);

#endif
