/* Errors that a person can act on.
 *
 * The contract, everywhere in duet: a function that can fail returns 0 or a negative errno and
 * fills the `struct error` its caller passed. The message says what happened, where, what was
 * expected and, where it is known, what to do. Outputs are untouched on failure. Libraries never
 * print: the runner does. */
#ifndef DUET_BASE_ERROR_H
#define DUET_BASE_ERROR_H

enum { ERROR_MESSAGE_MAX = 2048 };

struct error {
    int code; /* a positive errno; 0 when nothing failed */
    char message[ERROR_MESSAGE_MAX];
};

/* Fills `error` with `code` (a positive errno) and a formatted message; returns -code.
 * A message that does not fit is cut. `error` may be NULL. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set with the current errno, and ": <strerror>" added to the message. */
int error_errno(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts "<context>: " before the message that is there; returns -error->code. */
int error_context(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
