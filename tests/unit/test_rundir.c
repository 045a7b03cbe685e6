/* Where the runtime directory of a run is, and that nothing stays of it. */
#include "runner/rundir.h"

#include "tests/unit/directory.h"

#include <stdlib.h>
#include <sys/stat.h>

/* Makes one with $XDG_RUNTIME_DIR of this mode. The caller frees its path. */
static char *make_and_free(const char *runtime, mode_t mode)
{
    struct rundir rundir;
    struct error error;
    struct stat info;
    char *path;

    assert_int_equal(chmod(runtime, mode), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
    assert_int_equal(rundir_make(&rundir, &error), 0);
    path = xstrdup(rundir.path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    rundir_free(&rundir);
    assert_int_equal(access(path, F_OK), -1);
    return path;
}

static void it_is_below_the_users_own_directory(void **state)
{
    const char *runtime = *state;
    cleanup_free char *path = make_and_free(runtime, 0700);
    cleanup_free char *expected = xasprintf("%s/duet/", runtime);

    assert_memory_equal(path, expected, strlen(expected));
}

static void it_is_elsewhere_where_others_may_write(void **state)
{
    cleanup_free char *path = make_and_free(*state, 0777);
    cleanup_free char *expected = xasprintf("/tmp/duet-%u-", (unsigned int)geteuid());

    assert_memory_equal(path, expected, strlen(expected));
}

static void it_is_elsewhere_where_libvirt_would_misread_the_path(void **state)
{
    static const char *const names[] = {"a b", "a%41", "a#b", "a,b", "a?b", "a&b", "a:b"};
    cleanup_free char *expected = xasprintf("/tmp/duet-%u-", (unsigned int)geteuid());

    for (size_t i = 0; i < array_size(names); i++) {
        cleanup_free char *runtime = xasprintf("%s/%s", (char *)*state, names[i]);
        cleanup_free char *path = NULL;

        assert_int_equal(mkdir(runtime, 0700), 0);
        path = make_and_free(runtime, 0700);
        assert_memory_equal(path, expected, strlen(expected));
    }
}

static void it_is_elsewhere_where_the_directory_is_anothers(void **state)
{
    cleanup_free char *expected = xasprintf("/tmp/duet-%u-", (unsigned int)geteuid());
    cleanup_free char *path = NULL;

    if (geteuid() != 0)
        skip();
    assert_int_equal(chown(*state, 12345, 12345), 0);
    path = make_and_free(*state, 0700);
    assert_memory_equal(path, expected, strlen(expected));
    assert_int_equal(chown(*state, 0, 0), 0);
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_below_the_users_own_directory),
        TEST(it_is_elsewhere_where_others_may_write),
        TEST(it_is_elsewhere_where_libvirt_would_misread_the_path),
        TEST(it_is_elsewhere_where_the_directory_is_anothers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
