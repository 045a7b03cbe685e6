/* A guest's bytes made fit for files and terminals. */
#ifndef DUET_RESULTS_TEXT_H
#define DUET_RESULTS_TEXT_H

#include "base/buffer.h"

#include <stddef.h>

/* Appends valid UTF-8 (RFC 3629): each byte that is part of none becomes U+FFFD. */
void text_utf8(struct buffer *out, const char *bytes, size_t count);
/* As text_utf8, for XML 1.0 content and attribute values: characters that XML forbids become
 * U+FFFD, markup and quotes become entities, and tab, newline and carriage return character
 * references. */
void text_xml(struct buffer *out, const char *bytes, size_t count);
/* As text_utf8, for a terminal: control characters (C0 but tab and newline, DEL, C1) become
 * U+FFFD and carriage returns before a newline go, so that a guest cannot move the cursor. */
void text_printable(struct buffer *out, const char *bytes, size_t count);

#endif
