/* What a program has switched on a terminal, read from what it printed (ECMA-48, xterm's private
 * modes), and how to switch it back: for the program that has no time left to do so. Pure. */
#ifndef DUET_RUNNER_SCREEN_H
#define DUET_RUNNER_SCREEN_H

#include "base/buffer.h"

#include <stdbool.h>
#include <stdint.h>

enum { SCREEN_NUMBERS_MAX = 16 };

/* Zero-initialised is a terminal with everything as usual, and nothing printed. */
struct screen {
    uint32_t modes; /* a bit for each of the table in screen.c that is not as usual */
    bool styled;    /* colours, bold */
    bool region;    /* only some lines scroll */
    bool keypad;    /* sends codes of its own */
    bool keys;      /* modifyOtherKeys */
    bool charset;   /* line drawing */
    bool mid_line;  /* the cursor is not known to be in the first column */

    int state; /* within a sequence */
    char prefix, intermediate;
    unsigned numbers[SCREEN_NUMBERS_MAX];
    size_t number_count;
};

void screen_take(struct screen *screen, const char *bytes, size_t count);
/* Appends what makes it as usual, the cursor shown and in the first column included. */
void screen_undo(const struct screen *screen, struct buffer *out);

enum { SCREEN_UNDO_MAX = 256 }; /* bytes of the longest */

#endif
