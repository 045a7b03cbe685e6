/* The reaper: whom it reaps, whom it leaves alone, and what it tells. */
#include "vm/reaper.h"

#include "base/memory.h"

#include <errno.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_NS (60 * NS_PER_S)
#define QEMU_NAME   "qemu-system-x86"

struct fixture {
    struct loop *loop;
    struct reaper *reaper;
    struct timer *patience;
    int calls, wait_status;
    int release[2]; /* processes exit when the write end is closed */
    int never[2];   /* its write end stays open as long as the test */
};

static void on_patience(void *context)
{
    (void)context;
    fail_msg("nothing happened for a minute");
}

static void on_reaped(void *context, int wait_status)
{
    struct fixture *fixture = context;

    fixture->calls++;
    fixture->wait_status = wait_status;
    loop_stop(fixture->loop);
}

static void release(struct fixture *fixture)
{
    if (fixture->release[1] >= 0)
        close(fixture->release[1]);
    fixture->release[1] = -1;
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    assert_int_equal(reaper_new(fixture->loop, &fixture->reaper, &error), 0);
    assert_int_equal(pipe(fixture->release), 0);
    assert_int_equal(pipe(fixture->never), 0);
    fixture->patience = loop_timer(fixture->loop, on_patience, NULL);
    timer_start(fixture->patience, PATIENCE_NS);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    reaper_free(fixture->reaper);
    timer_free(fixture->patience);
    loop_free(fixture->loop);
    release(fixture);
    close(fixture->release[0]);
    close(fixture->never[0]);
    close(fixture->never[1]);
    free(fixture);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return 0;
}

/* What a process of a test does: gets its name, says its number, waits for the end of `until`. */
__attribute__((noreturn)) static void live(struct fixture *fixture, int until, int told,
                                           const char *name, bool session)
{
    pid_t pid = getpid();
    char byte;

    release(fixture);
    close(fixture->never[1]);
    if (session)
        setsid();
    prctl(PR_SET_NAME, name);
    if (write(told, &pid, sizeof pid) != sizeof pid)
        _exit(1);
    close(told);
    while (read(until, &byte, 1) < 0 && errno == EINTR)
        ;
    _exit(7);
}

static pid_t make_child(struct fixture *fixture, const char *name, bool session)
{
    int told[2];
    pid_t pid, same;

    assert_int_equal(pipe(told), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        live(fixture, fixture->release[0], told[1], name, session);
    assert_int_equal(read(told[0], &same, sizeof same), sizeof same);
    close(told[0]);
    close(told[1]);
    return pid;
}

/* A process whose parent has ended, in a session of its own, as QEMU daemonises. */
static pid_t make_orphan(struct fixture *fixture, int until, const char *name)
{
    int told[2];
    pid_t parent, pid;

    assert_int_equal(pipe(told), 0);
    parent = fork();
    assert_true(parent >= 0);
    if (parent == 0) {
        pid = fork();
        if (pid == 0)
            live(fixture, until, told[1], name, true);
        _exit(pid > 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(read(told[0], &pid, sizeof pid), sizeof pid);
    close(told[0]);
    close(told[1]);
    return pid;
}

static bool exists(pid_t pid)
{
    return kill(pid, 0) == 0;
}

/* Until the process has ended, without reaping it. */
static void wait_for_end(pid_t pid)
{
    siginfo_t info;

    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

/* Gives the reaper a look at everything that has ended. */
static void look(struct fixture *fixture)
{
    pid_t pid = make_orphan(fixture, fixture->never[0], QEMU_NAME);
    int calls = fixture->calls;

    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    kill(pid, SIGKILL);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, calls + 1);
    assert_int_equal(WTERMSIG(fixture->wait_status), SIGKILL);
}

static void a_daemonised_qemu_is_reaped_and_told(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], QEMU_NAME);

    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    release(fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
    assert_true(WIFEXITED(fixture->wait_status));
    assert_int_equal(WEXITSTATUS(fixture->wait_status), 7);
    assert_false(exists(pid));
}

static void a_qemu_that_was_killed_is_told_as_such(void **state)
{
    struct fixture *fixture = *state;

    look(fixture);
}

static void any_architecture_is_qemu(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], "qemu-system-aar");

    release(fixture);
    wait_for_end(pid);
    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 1);
}

static void an_end_before_it_is_expected_is_kept(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], QEMU_NAME);

    release(fixture);
    wait_for_end(pid);
    look(fixture);
    assert_false(exists(pid));
    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    assert_int_equal(fixture->calls, 2);
    assert_int_equal(WEXITSTATUS(fixture->wait_status), 7);
    reaper_expect(fixture->reaper, pid, on_reaped, fixture); /* told once */
    assert_int_equal(fixture->calls, 2);
}

static void other_orphans_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], "dnsmasq");

    release(fixture);
    wait_for_end(pid);
    look(fixture);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), pid);
}

/* libvirt and duet wait for their own children, whatever these are called. */
static void children_are_left_alone(void **state)
{
    struct fixture *fixture = *state;
    pid_t child = make_child(fixture, QEMU_NAME, false);
    pid_t leader = make_child(fixture, "duet", true);

    release(fixture);
    wait_for_end(child);
    wait_for_end(leader);
    look(fixture);
    assert_int_equal(waitpid(child, NULL, WNOHANG), child);
    assert_int_equal(waitpid(leader, NULL, WNOHANG), leader);
}

static void what_is_forgotten_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], QEMU_NAME);

    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    reaper_forget(fixture->reaper, fixture);
    release(fixture);
    wait_for_end(pid);
    look(fixture);
    assert_false(exists(pid));
    assert_int_equal(fixture->calls, 1); /* of `look` alone */
}

/* More ends than signals: SIGCHLD does not count. */
static void many_that_end_together_are_all_told(void **state)
{
    enum { COUNT = 20 };
    struct fixture *fixture = *state;
    pid_t pids[COUNT];

    for (int i = 0; i < COUNT; i++) {
        pids[i] = make_orphan(fixture, fixture->release[0], QEMU_NAME);
        reaper_expect(fixture->reaper, pids[i], on_reaped, fixture);
    }
    release(fixture);
    for (int i = 0; i < COUNT; i++)
        wait_for_end(pids[i]);
    while (fixture->calls < COUNT)
        loop_run(fixture->loop);
    for (int i = 0; i < COUNT; i++)
        assert_false(exists(pids[i]));
}

/* fork with a number of the test's choice, or -1 where that is not allowed. */
static pid_t make_child_numbered(struct fixture *fixture, pid_t pid)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    int told[2];
    long made;

    assert_int_equal(pipe(told), 0);
    made = syscall(SYS_clone3, &args, sizeof args);
    if (made == 0)
        live(fixture, fixture->release[0], told[1], QEMU_NAME, true);
    close(told[1]);
    assert_int_equal(read(told[0], &pid, sizeof pid), made < 0 ? 0 : sizeof pid);
    close(told[0]);
    return (pid_t)made;
}

/* libvirt's own QEMUs end unexpected, and numbers come round again. */
static void the_end_of_another_process_with_the_same_number_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_orphan(fixture, fixture->release[0], QEMU_NAME);

    kill(pid, SIGKILL);
    wait_for_end(pid);
    look(fixture);
    assert_false(exists(pid));
    if (make_child_numbered(fixture, pid) < 0)
        skip(); /* takes CAP_CHECKPOINT_RESTORE */
    reaper_expect(fixture->reaper, pid, on_reaped, fixture);
    assert_int_equal(fixture->calls, 1);
    release(fixture);
    loop_run(fixture->loop);
    assert_int_equal(fixture->calls, 2);
    assert_int_equal(WEXITSTATUS(fixture->wait_status), 7);
}

static void stop_loop(void *context)
{
    loop_stop(context);
}

/* A host that could not be opened leaves the loop to others. */
static void the_loop_outlives_the_reaper(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = make_child(fixture, "child", false);

    reaper_free(fixture->reaper);
    fixture->reaper = NULL;
    release(fixture);
    wait_for_end(pid);
    loop_post(fixture->loop, stop_loop, fixture->loop);
    loop_run(fixture->loop);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_daemonised_qemu_is_reaped_and_told),
        TEST(a_qemu_that_was_killed_is_told_as_such),
        TEST(any_architecture_is_qemu),
        TEST(an_end_before_it_is_expected_is_kept),
        TEST(other_orphans_are_left_alone),
        TEST(children_are_left_alone),
        TEST(what_is_forgotten_is_not_told),
        TEST(many_that_end_together_are_all_told),
        TEST(the_end_of_another_process_with_the_same_number_is_not_told),
        TEST(the_loop_outlives_the_reaper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
