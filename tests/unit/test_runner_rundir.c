/* The runtime directory: what stays of it (nothing), what is swept, and what is left alone. */
#include "runner/rundir.h"

#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { PATIENCE_MS = 60000 };

/* $XDG_RUNTIME_DIR is a directory of the test's own. */
static int set_up(void **state)
{
    *state = directory_make();
    assert_int_equal(setenv("XDG_RUNTIME_DIR", *state, 1), 0);
    return 0;
}

static size_t count_entries(const char *directory)
{
    cleanup_free char *path = xasprintf("%s/duet", directory);
    DIR *opened = opendir(path);
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(opened);
    while ((entry = readdir(opened)))
        count += entry->d_name[0] != '.';
    closedir(opened);
    return count;
}

static bool is_there(const char *path)
{
    return access(path, F_OK) == 0;
}

static int open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    assert_true(fd >= 0);
    return fd;
}

static void wait_for_end(int pidfd)
{
    struct pollfd end = {.fd = pidfd, .events = POLLIN};

    assert_int_equal(poll(&end, 1, PATIENCE_MS), 1);
    close(pidfd);
}

static void make(struct rundir *rundir)
{
    struct error error = {0};

    if (rundir_make(rundir, &error) < 0)
        fail_msg("%s", error.message);
}

static void nothing_stays_of_one(void **state)
{
    struct rundir rundir;
    pid_t guardian;

    make(&rundir);
    guardian = rundir.guardian;
    directory_write(rundir.path, "file", "x", 0600);
    assert_int_equal(count_entries(*state), 1);
    rundir_free(&rundir);
    assert_int_equal(count_entries(*state), 0);
    assert_int_equal(kill(guardian, 0), -1);
    assert_int_equal(errno, ESRCH);
    rundir_free(&rundir); /* once more is fine */
}

static void two_runs_have_one_each(void **state)
{
    struct rundir first, second;

    make(&first);
    make(&second);
    assert_string_not_equal(first.path, second.path);
    assert_true(is_there(first.path));
    rundir_free(&second);
    assert_true(is_there(first.path));
    rundir_free(&first);
    assert_int_equal(count_entries(*state), 0);
}

/* A directory as a run leaves it whose guardian was killed too. */
static char *make_stale(const char *directory, bool locked)
{
    cleanup_free char *parent = xasprintf("%s/duet", directory);
    char *path = xasprintf("%s/stale0", parent);

    assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
    if (locked) {
        directory_write(path, "lock", "", 0600);
        directory_write(path, "1.0.con", "", 0600);
    }
    return path;
}

static void what_a_dead_run_left_is_swept(void **state)
{
    cleanup_free char *stale = make_stale(*state, true);
    struct rundir rundir;

    make(&rundir);
    assert_false(is_there(stale));
    rundir_free(&rundir);
}

/* Its name still has the dot that a directory has while it is made; a young one may be somebody's
 * who is at it. */
static void what_a_run_left_that_was_killed_at_once_is_swept(void **state)
{
    const struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    cleanup_free char *stale = xasprintf("%s/duet/.stale1", (char *)*state);
    cleanup_free char *young = xasprintf("%s/duet/.young1", (char *)*state);
    struct rundir rundir;

    assert_int_equal(fs_mkdirs(stale, 0700, NULL), 0);
    assert_int_equal(fs_mkdirs(young, 0700, NULL), 0);
    assert_int_equal(utimensat(AT_FDCWD, stale, long_ago, 0), 0);
    make(&rundir);
    assert_false(is_there(stale));
    assert_true(is_there(young));
    rundir_free(&rundir);
}

static void what_a_live_run_has_is_left_alone(void **state)
{
    cleanup_free char *live = make_stale(*state, true);
    cleanup_free char *lock = xasprintf("%s/lock", live);
    cleanup_fd int fd = -1;
    struct rundir rundir;

    assert_int_equal(fs_lock(lock, &fd, NULL), 0);
    make(&rundir);
    rundir_free(&rundir);
    assert_true(directory_has(live, "1.0.con"));
}

/* Below /tmp anybody may have a directory of such a name. */
static void what_is_no_run_s_is_left_alone(void **state)
{
    cleanup_free char *other = make_stale(*state, false);
    struct rundir rundir;

    directory_write(other, "notes", "mine", 0600);
    make(&rundir);
    rundir_free(&rundir);
    assert_true(directory_has(other, "notes"));
}

/* -- Processes --------------------------------------------------------------------------------- */

/* A process with this name and `argument` on its command line, until it is killed: a shell that
 * waits for input. */
static pid_t start_process(const char *directory, const char *name, const char *argument)
{
    cleanup_free char *program = xasprintf("%s/%s", directory, name);
    char *const argv[] = {program,      (char *)"-c",     (char *)"echo; read line",
                          (char *)"sh", (char *)argument, NULL};
    cleanup_buffer struct buffer shell = {0};
    int input[2], output[2];
    pid_t pid;
    char byte;

    assert_int_equal(fs_read("/bin/sh", 1 << 30, &shell, NULL), 0);
    assert_int_equal(fs_write(program, shell.data, shell.length, 0755, NULL), 0);
    assert_int_equal(pipe(input), 0);
    assert_int_equal(pipe(output), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(input[0], 0); /* whose other end this process keeps open */
        dup2(output[1], 1);
        execv(program, argv);
        _exit(127);
    }
    assert_int_equal(read(output[0], &byte, 1), 1);
    close(input[0]);
    close(input[1]);
    close(output[0]);
    close(output[1]);
    return pid;
}

static void a_qemu_of_the_directory_is_killed(void **state)
{
    cleanup_free char *stale = make_stale(*state, true);
    cleanup_free char *argument = xasprintf("socket,path=%s/1.0.con", stale);
    struct rundir rundir;
    pid_t pid;
    int status;

    pid = start_process(*state, "qemu-system-x86", argument);
    make(&rundir);
    rundir_free(&rundir);
    assert_false(is_there(stale));
    /* The sweep has reaped it where it is a child, as here. */
    assert_int_equal(waitpid(pid, &status, 0), -1);
    assert_int_equal(errno, ECHILD);
}

static void other_processes_are_left_alone(void **state)
{
    cleanup_free char *stale = make_stale(*state, true);
    cleanup_free char *argument = xasprintf("%s/1.0.con", stale);
    pid_t looker = start_process(*state, "less", argument);
    pid_t other = start_process(*state, "qemu-system-x86", "/run/another/1.0.con");

    rundir_sweep(stale);
    assert_false(is_there(stale));
    assert_int_equal(waitpid(looker, NULL, WNOHANG), 0);
    assert_int_equal(waitpid(other, NULL, WNOHANG), 0);
    kill(looker, SIGKILL);
    kill(other, SIGKILL);
    assert_int_equal(waitpid(looker, NULL, 0), looker);
    assert_int_equal(waitpid(other, NULL, 0), other);
}

static void a_kill_leaves_the_directory_and_the_waiting(void **state)
{
    cleanup_free char *path = make_stale(*state, true);
    pid_t pid = start_process(*state, "qemu-system-x86", path);
    int status;

    rundir_kill(path);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(is_there(path));
}

/* -- The guardian ------------------------------------------------------------------------------ */

struct owned {
    char path[128];
    pid_t guardian;
};

/* Makes a directory in a child that stays until it is killed; `prepare` comes before that. */
static pid_t start_owner(struct owned *owned, void (*prepare)(int told))
{
    int told[2];
    pid_t pid;

    assert_int_equal(pipe(told), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct owned mine = {0};
        struct rundir rundir;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(told[1], 100);
        if (prepare)
            prepare(100);
        if (rundir_make(&rundir, NULL) < 0)
            _exit(1);
        snprintf(mine.path, sizeof mine.path, "%s", rundir.path);
        mine.guardian = rundir.guardian;
        if (write(100, &mine, sizeof mine) != sizeof mine)
            _exit(2);
        for (;;)
            pause();
    }
    close(told[1]);
    assert_int_equal(read(told[0], owned, sizeof *owned), sizeof *owned);
    close(told[0]);
    return pid;
}

static void a_run_that_is_killed_leaves_nothing(void **state)
{
    struct owned owned;
    pid_t owner = start_owner(&owned, NULL);
    int guardian = open_pidfd(owned.guardian);
    cleanup_free char *argument = xasprintf("%s/1.0.con", owned.path);
    pid_t qemu = start_process(*state, "qemu-system-x86", argument);
    int status;

    assert_true(is_there(owned.path));
    assert_int_equal(waitpid(qemu, NULL, WNOHANG), 0);
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    assert_int_equal(waitpid(qemu, &status, 0), qemu);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    wait_for_end(guardian);
    assert_int_equal(count_entries(*state), 0);
}

/* Ctrl-C in a terminal goes to every process of the group, and a terminal may hang up. */
static void the_guardian_outlives_every_signal_but_one(void **state)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1};
    struct owned owned;
    pid_t owner = start_owner(&owned, NULL);
    int guardian = open_pidfd(owned.guardian);

    for (size_t i = 0; i < array_size(signals); i++)
        assert_int_equal(kill(owned.guardian, signals[i]), 0);
    assert_true(is_there(owned.path));
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    wait_for_end(guardian);
    assert_int_equal(count_entries(*state), 0);
}

static void close_standard_streams(int told)
{
    close(0);
    close(1);
    close(2);
    syscall(SYS_close_range, 3, told - 1, 0);
}

/* `duet run <&- >&- 2>&-`: its files get the numbers of the standard streams. */
static void a_run_without_standard_streams_is_guarded(void **state)
{
    struct owned owned;
    pid_t owner = start_owner(&owned, close_standard_streams);
    int guardian = open_pidfd(owned.guardian);
    struct pollfd end = {.fd = guardian, .events = POLLIN};

    assert_int_equal(poll(&end, 1, 200), 0); /* it waits, as long as this lets it */
    assert_true(is_there(owned.path));
    kill(owner, SIGKILL);
    assert_int_equal(waitpid(owner, NULL, 0), owner);
    wait_for_end(guardian);
    assert_int_equal(count_entries(*state), 0);
}

static void the_guardian_holds_nothing_of_its_parent_s(void **state)
{
    int ends[2];
    struct rundir rundir;
    char byte;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    make(&rundir);
    close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 0); /* the end of the pipe, though it runs */
    close(ends[0]);
    rundir_free(&rundir);
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    cleanup_free char *in_the_way = xasprintf("%s/duet", (char *)*state);
    struct rundir rundir;
    struct error error = {0};

    directory_write(*state, "duet", "a file", 0600);
    assert_true(rundir_make(&rundir, &error) < 0);
    assert_non_null(strstr(error.message, in_the_way));
    assert_null(rundir.path);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nothing_stays_of_one),
        TEST(two_runs_have_one_each),
        TEST(what_a_dead_run_left_is_swept),
        TEST(what_a_run_left_that_was_killed_at_once_is_swept),
        TEST(what_a_live_run_has_is_left_alone),
        TEST(what_is_no_run_s_is_left_alone),
        TEST(a_qemu_of_the_directory_is_killed),
        TEST(other_processes_are_left_alone),
        TEST(a_kill_leaves_the_directory_and_the_waiting),
        TEST(a_run_that_is_killed_leaves_nothing),
        TEST(the_guardian_outlives_every_signal_but_one),
        TEST(a_run_without_standard_streams_is_guarded),
        TEST(the_guardian_holds_nothing_of_its_parent_s),
        TEST(a_directory_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
