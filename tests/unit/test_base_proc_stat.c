/* What the kernel tells of processes. */
#include "base/proc_stat.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void this_process_is_told_of(void **state)
{
    struct proc_stat stat;

    (void)state;
    assert_int_equal(prctl(PR_SET_NAME, "of) (two"), 0);
    assert_true(proc_stat_read(getpid(), &stat));
    assert_string_equal(stat.name, "of) (two");
    assert_int_equal(stat.state, 'R');
    assert_int_equal(stat.parent, getppid());
    assert_int_equal(stat.session, getsid(0));
}

static void a_child_that_was_waited_for_has_used_time(void **state)
{
    struct proc_stat before, after;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        do
            proc_stat_read(getpid(), &after);
        while (after.ticks == 0);
        _exit(0);
    }
    assert_true(proc_stat_read(getpid(), &before));
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(proc_stat_read(getpid(), &after));
    assert_true(after.children_ticks > before.children_ticks);
}

static void who_is_stopped_says_so_and_who_is_gone_nothing(void **state)
{
    struct proc_stat stat;
    pid_t child = fork();

    (void)state;
    if (child == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
    assert_true(proc_stat_read(child, &stat));
    assert_int_equal(stat.state, 'T');
    assert_int_equal(stat.parent, getpid());
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(proc_stat_read(child, &stat));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_process_is_told_of),
        cmocka_unit_test(a_child_that_was_waited_for_has_used_time),
        cmocka_unit_test(who_is_stopped_says_so_and_who_is_gone_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
