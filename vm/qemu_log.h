/* What QEMU said, out of the log that libvirt keeps of a machine. */
#ifndef DUET_VM_QEMU_LOG_H
#define DUET_VM_QEMU_LOG_H

#include <stddef.h>

/* The last line that QEMU itself printed into `log`, a text, or NULL. In the log stand lines of
 * libvirt's, which begin with "2026-11-22 09:44:55.694+0000: ", and QEMU's command line, of which
 * every line but the last ends with a backslash (libvirt's qemu_domain.c and vircommand.c). What is
 * printed before the command line is complete is taken for a part of it. `*length` does not count
 * the newline; the line is a part of `log`. */
const char *qemu_log_last_line(const char *log, size_t *length);

#endif
