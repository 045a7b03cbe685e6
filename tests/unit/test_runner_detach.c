/* A process that goes on in the background, seen by the one that waits until it can. */
#include "runner/detach.h"

#include "runner/commands.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE_MS = 60000 };

static void end_with_4(struct detach *detach)
{
    (void)detach;
    _exit(4);
}

static void be_killed(struct detach *detach)
{
    (void)detach;
    raise(SIGKILL);
}

static void be_terminated(struct detach *detach)
{
    (void)detach;
    raise(SIGTERM);
}

static void go_on(struct detach *detach)
{
    detach_done(detach);
    _exit(4);
}

/* What the parent finds. */
static int part(void (*child)(struct detach *detach), int *status, struct error *error)
{
    struct detach detach;
    int code = detach_fork(&detach, status, error);

    if (code == 0) {
        child(&detach);
        _exit(99);
    }
    return code;
}

static void the_parent_ends_well_when_the_child_is_done(void **state)
{
    struct error error;
    int status = -1;

    (void)state;
    assert_int_equal(part(go_on, &status, &error), 1);
    assert_int_equal(status, EXIT_PASSED);
    assert_true(wait(NULL) > 0);
}

static void the_parent_ends_as_a_child_that_is_not_done(void **state)
{
    struct error error;
    int status = -1;

    (void)state;
    assert_int_equal(part(end_with_4, &status, &error), 1);
    assert_int_equal(status, 4);
    assert_int_equal(part(be_terminated, &status, &error), 1);
    assert_int_equal(status, 128 + SIGTERM);
}

static void a_child_that_is_killed_is_told(void **state)
{
    struct error error;
    int status = -1;

    (void)state;
    assert_int_equal(part(be_killed, &status, &error), -ECHILD);
    assert_non_null(strstr(error.message, "killed by signal 9 (Killed)"));
    assert_int_equal(status, -1);
}

/* -- A parent that is killed ------------------------------------------------------------------- */

/* Gives back each byte that comes, until there is nobody to send one. */
static void echo(int fd)
{
    char byte;

    while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
        ;
    _exit(0);
}

static int others; /* the child's end of a socket: it is no child of the test's */

static void echo_before(struct detach *detach)
{
    (void)detach;
    echo(others);
}

static void echo_behind(struct detach *detach)
{
    detach_done(detach);
    echo(others);
}

/* Returns the parent of a process that is at the other end of *fd. */
static pid_t start_parent(void (*child)(struct detach *detach), int *fd)
{
    int ends[2];
    pid_t pid;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    others = ends[1];
    pid = fork();
    if (pid == 0) {
        struct error error;
        int status;

        close(ends[0]);
        part(child, &status, &error);
        pause();
        _exit(0);
    }
    close(ends[1]);
    *fd = ends[0];
    return pid;
}

static bool is_there(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    char byte = 'x';

    if (send(fd, &byte, 1, MSG_NOSIGNAL) != 1)
        return false;
    assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
    return read(fd, &byte, 1) == 1;
}

/* Whether the child is there behind that. */
static bool survives(void (*child)(struct detach *detach))
{
    int fd;
    pid_t parent = start_parent(child, &fd);
    bool survived;

    assert_true(is_there(fd));
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    survived = is_there(fd);
    close(fd);
    return survived;
}

static void a_parent_that_is_killed_takes_the_child_along(void **state)
{
    (void)state;
    assert_false(survives(echo_before));
}

static void a_child_that_is_done_outlives_the_parent(void **state)
{
    (void)state;
    assert_true(survives(echo_behind));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parent_ends_well_when_the_child_is_done),
        cmocka_unit_test(the_parent_ends_as_a_child_that_is_not_done),
        cmocka_unit_test(a_child_that_is_killed_is_told),
        cmocka_unit_test(a_parent_that_is_killed_takes_the_child_along),
        cmocka_unit_test(a_child_that_is_done_outlives_the_parent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
