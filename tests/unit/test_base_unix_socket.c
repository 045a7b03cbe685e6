/* Sockets with a path. */
#include "base/unix_socket.h"

#include "directory.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>

struct fixture {
    char *directory, *path;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    fixture->path = xasprintf("%s/s", fixture->directory);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    directory_remove(fixture->directory);
    free(fixture->path);
    free(fixture);
    return 0;
}

static void what_is_sent_arrives(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_fd int listener = -1, client = -1, server = -1;
    struct stat status;
    char bytes[8];

    assert_int_equal(unix_listen(fixture->path, 1, &listener, NULL), 0);
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_int_equal(unix_connect(fixture->path, 0, &client, NULL), 0);
    server = accept(listener, NULL, NULL);
    assert_true(server >= 0);
    assert_int_equal(write(client, "hello", 5), 5);
    assert_int_equal(read(server, bytes, sizeof bytes), 5);
    assert_int_equal(accept(listener, NULL, NULL), -1); /* and does not wait for another */
    assert_int_equal(errno, EAGAIN);
}

static void a_reader_loses_its_patience(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_fd int listener = -1, client = -1;
    char byte;

    assert_int_equal(unix_listen(fixture->path, 1, &listener, NULL), 0);
    assert_int_equal(unix_connect(fixture->path, 1, &client, NULL), 0);
    assert_int_equal(read(client, &byte, 1), -1);
    assert_int_equal(errno, EAGAIN);
}

static void expect_error(int code, int expected, const struct error *error, const char *part)
{
    assert_int_equal(code, expected);
    if (!strstr(error->message, part))
        fail_msg("no \"%s\" in: %s", part, error->message);
}

static void mistakes(void **state)
{
    const struct fixture *fixture = *state;
    cleanup_free char *missing = xasprintf("%s/none/s", fixture->directory);
    cleanup_free char *whole = xasprintf("%s/", fixture->directory);
    cleanup_free char *longest = xasprintf("%s%0*d", whole, (int)(108 - strlen(whole)), 0);
    cleanup_fd int fd = -1;
    int untouched = -7;
    struct error error;

    expect_error(unix_connect(fixture->path, 0, &untouched, &error), -ENOENT, &error,
                 "cannot connect to /tmp/");
    expect_error(unix_listen(missing, 1, &untouched, &error), -ENOENT, &error, "cannot listen on");
    expect_error(unix_listen(longest, 1, &untouched, &error), -ENAMETOOLONG, &error,
                 "has 108 bytes, unix sockets take 107");
    expect_error(unix_connect(longest, 1, &untouched, &error), -ENAMETOOLONG, &error,
                 "has 108 bytes, unix sockets take 107");
    longest[107] = '\0';
    assert_int_equal(unix_listen(longest, 1, &fd, &error), 0);
    expect_error(unix_listen(longest, 1, &untouched, &error), -EADDRINUSE, &error,
                 "which is there already");
    assert_int_equal(untouched, -7);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_sent_arrives),
        TEST(a_reader_loses_its_patience),
        TEST(mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
