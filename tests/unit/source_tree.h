/* Files of the source tree. */
#ifndef DUET_TESTS_SOURCE_TREE_H
#define DUET_TESTS_SOURCE_TREE_H

#include "base/memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The tree is where this program was built: <tree>/build/<compiler>/tests/<program>. The caller
 * frees the path. */
static inline char *source_tree_path(const char *relative)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

    assert_true(length > 0);
    path[length] = '\0';
    for (int i = 0; i < 4; i++) {
        char *slash = strrchr(path, '/');

        assert_non_null(slash);
        *slash = '\0';
    }
    return xasprintf("%s/%s", path, relative);
}

#endif
