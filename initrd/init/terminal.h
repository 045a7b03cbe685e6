/* Pseudoterminals (pty(7)). */
#ifndef DUET_INIT_TERMINAL_H
#define DUET_INIT_TERMINAL_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

/* *master, which does not block, is init's end, *slave the command's. The caller closes both. */
int terminal_open(uint16_t rows, uint16_t columns, int *master, int *slave, struct error *error);
/* Its foreground process group gets SIGWINCH. */
int terminal_resize(int master, uint16_t rows, uint16_t columns, struct error *error);
/* In a child that leads a session: makes `slave` the terminal that controls it. */
int terminal_take(int slave);
/* Appends what tells who reads the terminal that nothing more comes. `last` is the last byte that
 * was typed: within a line, the end-of-file character first ends the line. */
void terminal_end(int master, char last, struct buffer *out);

#endif
