/* What the tests of initrd/ share: a temporary directory, an archive, and checks of errors. */
#ifndef DUET_TESTS_ARCHIVE_FIXTURE_H
#define DUET_TESTS_ARCHIVE_FIXTURE_H

#include "base/base.h"
#include "initrd/initrd.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include <cmocka.h>

struct fixture {
    char directory[64];
    char path[PATH_MAX];                                /* of the last `in` */
    char release[sizeof((struct utsname *)0)->release]; /* for tests of modules */
    struct initrd *initrd;
    struct error error;
};

static inline const char *in(struct fixture *f, const char *name)
{
    assert_true(strlen(f->directory) + strlen(name) + 2 <= sizeof f->path);
    sprintf(f->path, "%s/%s", f->directory, name);
    return f->path;
}

static inline int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);

    strcpy(f->directory, "/tmp/duet-test-initrd-XXXXXX");
    assert_non_null(mkdtemp(f->directory));
    f->initrd = initrd_new();
    *state = f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;
    int code = fs_remove_tree(f->directory, NULL);

    initrd_free(f->initrd);
    free(f);
    return code;
}

#define assert_done(call, f)                                                                       \
    do {                                                                                           \
        if ((call) < 0)                                                                            \
            fail_msg("%s", (f)->error.message);                                                    \
    } while (0)

#define assert_error(call, wanted, f, text)                                                        \
    do {                                                                                           \
        (f)->error = (struct error){0};                                                            \
        assert_int_equal(call, -(wanted));                                                         \
        assert_int_equal((f)->error.code, wanted);                                                 \
        if (!strstr((f)->error.message, text))                                                     \
            fail_msg("\"%s\" lacks \"%s\"", (f)->error.message, text);                             \
    } while (0)

/* A file in the directory; its parents are made. */
static inline void make_file(struct fixture *f, const char *name, const char *text, mode_t mode)
{
    char parent[PATH_MAX];

    strcpy(parent, in(f, name));
    *strrchr(parent, '/') = '\0';
    assert_done(fs_mkdirs(parent, 0755, &f->error), f);
    assert_done(fs_write(f->path, text, strlen(text), mode, &f->error), f);
}

#endif
