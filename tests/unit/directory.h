/* A directory of the test's own, with a path short enough for unix sockets. */
#ifndef DUET_TESTS_DIRECTORY_H
#define DUET_TESTS_DIRECTORY_H

#include "base/fs.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* The caller hands it to directory_remove. */
static inline char *directory_make(void)
{
    char *path = xstrdup("/tmp/duet-test-XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static inline void directory_remove(char *path)
{
    struct error error = {0};

    assert_int_equal(fs_remove_tree(path, &error), 0);
    free(path);
}

/* For tests whose state is such a directory and nothing else. */
static inline int directory_set_up(void **state)
{
    *state = directory_make();
    return 0;
}

static inline int directory_tear_down(void **state)
{
    directory_remove(*state);
    return 0;
}

/* The file NAME in the directory, as text that the caller frees; NULL where it is not there. */
static inline char *directory_read(const char *path, const char *name)
{
    cleanup_free char *file = xasprintf("%s/%s", path, name);
    struct buffer text = {0};

    if (fs_read(file, 1 << 30, &text, NULL) < 0) {
        buffer_free(&text);
        return NULL;
    }
    return buffer_steal(&text);
}

static inline void directory_write(const char *path, const char *name, const char *text,
                                   mode_t mode)
{
    cleanup_free char *file = xasprintf("%s/%s", path, name);

    assert_int_equal(fs_write(file, text, strlen(text), mode, NULL), 0);
}

static inline bool directory_has(const char *path, const char *name)
{
    cleanup_free char *file = xasprintf("%s/%s", path, name);

    return access(file, F_OK) == 0;
}

#endif
