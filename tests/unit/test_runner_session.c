/* What a session does beside the loop: works on threads, one after another, signals, and kernels.
 */
#include "runner/cases_kernels.h"

#include "kernel_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

enum { WORKS = 5 };

struct fixture {
    char *directory;
    struct terminal terminal;
    char *err;
    size_t err_length;
    struct session session;
    struct buffer log; /* what happened; of works and `done` alike, since they never overlap */
    atomic_int at_once;
    size_t left, cancels;
    pthread_t loop_thread;
};

struct work {
    struct fixture *fixture;
    int number;
    int code;
    int (*act)(struct work *work); /* or NULL */
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct session_options options = {.terminal = &fixture->terminal, .no_machines = true};
    struct error error;

    fixture->directory = directory_make();
    fixture->loop_thread = pthread_self();
    fixture->terminal.err = open_memstream(&fixture->err, &fixture->err_length);
    setenv("XDG_RUNTIME_DIR", fixture->directory, 1);
    setenv("XDG_CACHE_HOME", fixture->directory, 1);
    if (session_open(&fixture->session, &options, &error) < 0)
        fail_msg("%s", error.message);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    session_close(&fixture->session);
    fclose(fixture->terminal.err);
    free(fixture->err);
    buffer_free(&fixture->log);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static int do_work(void *context, struct error *error)
{
    struct work *work = context;
    struct fixture *fixture = work->fixture;
    int code = 0;

    assert_int_equal(atomic_fetch_add(&fixture->at_once, 1), 0);
    assert_false(pthread_equal(pthread_self(), fixture->loop_thread));
    buffer_printf(&fixture->log, "%d ", work->number);
    if (work->act)
        code = work->act(work);
    atomic_fetch_sub(&fixture->at_once, 1);
    if (code == 0 && work->code < 0)
        code = error_set(error, -work->code, "no luck with %d", work->number);
    return code;
}

static void is_done(void *context, int code, const struct error *error)
{
    struct work *work = context;
    struct fixture *fixture = work->fixture;

    assert_true(pthread_equal(pthread_self(), fixture->loop_thread));
    assert_int_equal(atomic_load(&fixture->at_once), 0);
    buffer_printf(&fixture->log, "%s%s%s", code < 0 ? "(" : "done", code < 0 ? error->message : "",
                  code < 0 ? ")" : "");
    buffer_append_text(&fixture->log, --fixture->left > 0 ? ", " : "");
    if (fixture->left == 0)
        loop_stop(fixture->session.loop);
}

static void ask(struct work *work)
{
    work->fixture->left++;
    session_work(&work->fixture->session, do_work, is_done, work);
}

static void works_are_done_one_after_another(void **state)
{
    struct fixture *fixture = *state;
    struct work works[WORKS];

    for (int i = 0; i < WORKS; i++) {
        works[i] = (struct work){.fixture = fixture, .number = i, .code = i == 2 ? -EIO : 0};
        ask(&works[i]);
    }
    loop_run(fixture->session.loop);
    assert_string_equal(fixture->log.data, "0 done, 1 done, 2 (no luck with 2), 3 done, 4 done");
}

static void ask_again(void *context, int code, const struct error *error)
{
    struct work *work = context;

    if (work->number++ < 3)
        session_work(&work->fixture->session, do_work, ask_again, work);
    else
        is_done(context, code, error);
}

static void one_may_be_asked_for_when_another_is_done(void **state)
{
    struct fixture *fixture = *state;
    struct work work = {.fixture = fixture, .number = 0};

    fixture->left = 1;
    session_work(&fixture->session, do_work, ask_again, &work);
    loop_run(fixture->session.loop);
    assert_string_equal(fixture->log.data, "0 1 2 3 done");
}

static void blocking_returns_what_came_of_it(void **state)
{
    struct fixture *fixture = *state;
    struct work good = {.fixture = fixture}, bad = {.fixture = fixture, .code = -ENOSPC};
    struct error error;

    assert_int_equal(session_block(&fixture->session, do_work, &good, &error), 0);
    assert_int_equal(session_block(&fixture->session, do_work, &bad, &error), -ENOSPC);
    assert_string_equal(error.message, "no luck with 0");
}

static void many_files_may_be_open(void **state)
{
    struct rlimit limit;

    tear_down(state);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 256;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    set_up(state);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limit.rlim_cur, limit.rlim_max < 65536 ? limit.rlim_max : 65536);
}

/* -- Signals ----------------------------------------------------------------------------------- */

/* Ends when the loop has seen the signal. */
static int interrupt(struct work *work)
{
    kill(getpid(), SIGINT);
    while (!atomic_load(&work->fixture->session.cancelled))
        sched_yield();
    return 0;
}

static void on_cancel(void *context)
{
    ((struct fixture *)context)->cancels++;
}

static void a_signal_goes_to_who_takes_it(void **state)
{
    struct fixture *fixture = *state;
    struct work works[] = {{.fixture = fixture, .number = 0, .act = interrupt},
                           {.fixture = fixture, .number = 1}};

    session_on_cancel(&fixture->session, on_cancel, fixture);
    ask(&works[0]);
    ask(&works[1]);
    loop_run(fixture->session.loop);
    assert_int_equal(fixture->cancels, 1);
    assert_int_equal(fixture->session.signal_number, SIGINT);
    assert_string_equal(fixture->log.data, "0 done, (interrupted)");
    fflush(fixture->terminal.err);
    assert_non_null(strstr(fixture->err, "interrupted: cleaning up"));
}

static void blocking_work_is_interrupted(void **state)
{
    struct fixture *fixture = *state;
    struct work first = {.fixture = fixture, .number = 0, .act = interrupt};
    struct work second = {.fixture = fixture, .number = 1};
    struct error error;

    assert_int_equal(session_block(&fixture->session, do_work, &first, &error), -ECANCELED);
    assert_string_equal(error.message, "interrupted");
    assert_int_equal(session_block(&fixture->session, do_work, &second, &error), -ECANCELED);
    assert_string_equal(fixture->log.data, "0 ");
}

/* -- Kernels ----------------------------------------------------------------------------------- */

static struct cases_item item_of(struct suite_case *suite_case, struct run_result *result)
{
    return (struct cases_item){.suite_case = suite_case, .result = run_result_add_case(result)};
}

static void a_kernel_that_is_not_there_is_the_trouble_of_its_cases_alone(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/kernel", fixture->directory);
    cleanup_free char *image = make_bzimage(RELEASE, 'k');
    char none[] = "/none/a", other[] = "/none/b";
    struct suite_case cases[] = {{.kernel = none},
                                 {.kernel = path},
                                 {.kernel = none},
                                 {.kernel = other, .skip = other},
                                 {.kernel = path}};
    struct cases_item items[array_size(cases)];
    struct run_result results[array_size(cases)] = {0};
    const struct kernel *first;
    struct error error = {0};

    assert_int_equal(fs_write(path, image, BZIMAGE_SIZE, 0644, NULL), 0);
    for (size_t i = 0; i < array_size(cases); i++)
        items[i] = item_of(&cases[i], &results[i]);
    if (cases_get_kernels(&fixture->session, items, array_size(items), &first, &error) < 0)
        fail_msg("%s", error.message);
    assert_non_null(first);
    assert_string_equal(first->release, RELEASE);
    assert_ptr_equal(items[1].kernel, first);
    assert_ptr_equal(items[4].kernel, first);
    assert_non_null(strstr(items[0].trouble, "/none/a"));
    assert_string_equal(items[2].trouble, items[0].trouble);
    assert_null(items[3].kernel);
    assert_null(items[3].trouble);
    free(steal_pointer(&items[0].trouble));
    free(steal_pointer(&items[2].trouble));

    assert_int_equal(cases_get_kernels(&fixture->session, items, 1, &first, &error), -ENOENT);
    assert_non_null(strstr(error.message, "/none/a"));
    assert_null(first);
    free(items[0].trouble);
    for (size_t i = 0; i < array_size(cases); i++)
        run_result_free(&results[i]);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(works_are_done_one_after_another),
        TEST(many_files_may_be_open),
        TEST(one_may_be_asked_for_when_another_is_done),
        TEST(blocking_returns_what_came_of_it),
        TEST(a_signal_goes_to_who_takes_it),
        TEST(blocking_work_is_interrupted),
        TEST(a_kernel_that_is_not_there_is_the_trouble_of_its_cases_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
