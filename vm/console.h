/* A node's serial console: the newest bytes in a ring, all of them in a gzip file. */
#ifndef DUET_VM_CONSOLE_H
#define DUET_VM_CONSOLE_H

#include "vm/vm.h"

enum {
    CONSOLE_RING_BYTES = 1 << 20,
    CONSOLE_LOG_BYTES_MAX = 256 << 20, /* a guest that floods must not fill the disk */
};

struct console;

/* `log_path` NULL: no log. A log that cannot be written is told by console_state, and the console
 * goes on: evidence that is missing must not cost the verdict. */
struct console *console_new(const char *log_path);
void console_write(struct console *console, const char *bytes, size_t count);
/* Ends the log. What came is kept for console_state until console_free. */
void console_finish(struct console *console);
void console_state(const struct console *console, struct vm_console_state *state);
void console_free(struct console *console);

#endif
