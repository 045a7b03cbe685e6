/* The first line of a script, as the kernel reads it (fs/binfmt_script.c). Internal to initrd/. */
#ifndef DUET_INITRD_SHEBANG_H
#define DUET_INITRD_SHEBANG_H

#include "base/error.h"

#include <stddef.h>

enum {
    SHEBANG_MAX = 256, /* bytes that the kernel looks at: BINPRM_BUF_SIZE */
    SHEBANG_DEPTH = 4, /* interpreters that are scripts themselves */
};

struct shebang {
    char interpreter[SHEBANG_MAX];
    char argument[SHEBANG_MAX]; /* all that follows, as one; "" for none */
};

/* `bytes` are the first (at most SHEBANG_MAX) bytes of a file. Returns 1 for a script, 0 for what
 * is none, and -ENOEXEC for a line that no kernel would accept or that leads to nothing. */
int shebang_parse(const char *bytes, size_t count, struct shebang *shebang, struct error *error);

/* The program that env(1) would start with `argument`, or "" for none: options and assignments are
 * passed over, -S is looked into. */
void shebang_env_program(const char *argument, char program[static SHEBANG_MAX]);

#endif
