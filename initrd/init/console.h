/* The console and init's last words: what init says where no channel is, and how the machine ends.
 */
#ifndef DUET_INIT_CONSOLE_H
#define DUET_INIT_CONSOLE_H

#include "base/error.h"

/* Makes /dev/console standard input, output and error. Needs /dev. */
int console_open(struct error *error);
/* Writes all of `text` and waits until the device has sent it; a console that is not there is
 * nothing to wait for. */
void console_write(const char *text);
/* Waits until the device has sent what anybody wrote. */
void console_drain(void);
/* Flushes file systems and the console, then powers the machine off. */
void power_off(void) __attribute__((noreturn));

#endif
