/* The user's terminal, lent to a program in a guest: every byte that is typed goes there, Ctrl-C
 * included, and every byte that it prints comes out as it is.
 *
 * Whatever becomes of duet, SIGKILL included, the terminal's settings come back: a process of a
 * session of its own watches over them, and ends with the loan. */
#ifndef DUET_RUNNER_TTY_H
#define DUET_RUNNER_TTY_H

#include "base/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct tty;

/* Takes the terminal `in` over. `out` is where the program prints, the same terminal as a rule;
 * both stay the caller's. `resized` is called from the loop when its size may be another. Takes
 * SIGWINCH over, and SIGCONT, at which the terminal is taken anew; all other threads must have
 * blocked both. */
int tty_take(struct loop *loop, int in, int out, void (*resized)(void *context), void *context,
             struct tty **tty, struct error *error);
/* `bytes` are on their way to the terminal. */
void tty_shown(struct tty *tty, const char *bytes, size_t count);
/* Its settings come back. Without `clean` the program had no time to tidy up: what it switched on
 * (a screen of its own, the mouse, colours) is switched off, and the cursor stands at the beginning
 * of a line. NULL is fine. */
void tty_give_back(struct tty *tty, bool clean);

/* The size of the terminal `fd`, at least 1 by 1; false where it is none or has none. */
bool tty_size(int fd, unsigned *rows, unsigned *columns);

#endif
