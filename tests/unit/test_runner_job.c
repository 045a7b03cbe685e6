/* One case from its plan to its result: forked, where it can be, and booted where it cannot. */
#include "runner/job.h"

#include "template_fixture.h"

#include <errno.h>

enum { JOBS_MAX = 2 };

/* A case that runs. */
struct test_job {
    char *results;
    struct suite *suite;
    struct job *job;
    struct case_result result; /* once it has ended */
    bool ended;
};

static struct kernel kernel = {
    .name = (char *)"k", .image = (char *)"/boot/image", .digest = "feed"};

static int set_up(void **state)
{
    struct fixture *fixture;

    fixture_set_up(state);
    fixture = *state;
    fixture->test = xcalloc(JOBS_MAX, sizeof(struct test_job));
    fixture_make_directory(fixture, "guest");
    directory_write(fixture->directory, "guest/run.sh", "#!/bin/sh\n", 0755);
    fixture_begin(fixture, false);
    return 0;
}

static struct test_job *job_at(const struct fixture *fixture, size_t index)
{
    return (struct test_job *)fixture->test + index;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < JOBS_MAX; i++) {
        struct test_job *job = job_at(fixture, i);

        if (job->job && !job->ended) {
            job_cancel(job->job);
            virtual_time_pass(fixture->loop, 10 * NS_PER_S);
            assert_true(job->ended);
        }
        job_free(job->job);
        case_result_free(&job->result);
        suite_free(job->suite);
        free(job->results);
    }
    free(fixture->test);
    return fixture_tear_down(state);
}

static void on_activity(void *context, const char *text)
{
    (void)context;
    (void)text;
}

static void on_imaged(void *context)
{
    (void)context;
}

static void on_ended(void *context)
{
    struct test_job *job = context;

    job->ended = true;
    job_result(job->job, &job->result);
}

static struct job *make(struct fixture *fixture, size_t index, const char *yaml, bool cold)
{
    struct test_job *job = job_at(fixture, index);
    struct error error;

    job->results = fixture_path(fixture, "results");
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &job->suite, &error))
        fail_msg("%s", error.message);
    job->job = job_new(&(struct job_options){.session = &fixture->session,
                                             .suite_case = &job->suite->cases[0],
                                             .kernel = &kernel,
                                             .templates = cold ? NULL : fixture->templates,
                                             .run_directory = job->results,
                                             .case_directory = index ? "second" : "first",
                                             .activity = on_activity,
                                             .imaged = on_imaged,
                                             .ended = on_ended,
                                             .context = job});
    return job->job;
}

/* Makes one of `yaml` and starts it: its first machines are asked for. */
static void start(struct fixture *fixture, size_t index, const char *yaml)
{
    job_start(make(fixture, index, yaml, false));
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

static void expect(struct fixture *fixture, size_t index, enum verdict verdict, const char *reason)
{
    const struct test_job *job = job_at(fixture, index);

    virtual_time_pass(fixture->loop, 10 * NS_PER_S);
    assert_true(job->ended);
    assert_string_equal(verdict_name(job->result.verdict), verdict_name(verdict));
    if (reason)
        assert_string_equal(job->result.reason, reason);
    else
        assert_null(job->result.reason);
}

/* -- Guests ------------------------------------------------------------------------------------ */

static struct vm *machine(const struct fixture *fixture, size_t number)
{
    assert_true(number < fixture->host.count);
    assert_non_null(fixture->host.machines[number]);
    return fixture->host.machines[number];
}

static void be_configured(struct fixture *fixture, struct vm *vm)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_STARTPOD);
    guest_acks(vm, WIRE_STARTPOD, request_id(request));
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

/* Up to where its step runs; a fork goes on where its template was. */
static void come_up(struct fixture *fixture, struct vm *vm)
{
    assert_null(vm->saves_to);
    machine_starts(vm);
    if (!vm->fork_of)
        guest_is_ready(vm);
    be_configured(fixture, vm);
}

static void do_step(struct fixture *fixture, struct vm *vm)
{
    const struct fake_request *request = next_request(vm);

    assert_int_equal(request->code, WIRE_EXECCMD);
    guest_finished(vm, request_id(request), 0, 0, 0);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    request = next_request(vm);
    assert_int_equal(request->code, WIRE_DESTROYPOD);
    guest_acks(vm, WIRE_DESTROYPOD, request_id(request));
}

/* Both steps of a pair; its case ends when the second has. */
static void end_pair(struct fixture *fixture, size_t number)
{
    for (size_t i = number; i < number + 2; i++)
        guest_finished(machine(fixture, i), 1, 0, 0, 0);
}

static void fails_to_start(struct fixture *fixture, struct vm *vm, const char *message)
{
    vm->gone.message = (char *)message;
    machine_ends(vm, VM_END_START_FAILED, -1, 0);
    virtual_time_pass(fixture->loop, 10 * NS_PER_MS);
}

#define ONE "name: s\nnodes:\n  a: {run: one}\n"
/* The first one serves the link, and starts before the second. */
#define PAIR                                                                                       \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  a: {run: one}\n"                                                                            \
    "  b: {run: one}\n"                                                                            \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n"

/* -- What goes well ---------------------------------------------------------------------------- */

static void nodes_of_one_shape_are_forked_from_one_template(void **state)
{
    struct fixture *fixture = *state;
    const struct case_result *result = &job_at(fixture, 0)->result;

    start(fixture, 0, PAIR);
    assert_int_equal(fixture->host.count, 1);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    for (size_t i = 1; i < 3; i++) {
        assert_int_equal(fixture->host.count, i + 1);
        assert_non_null(machine(fixture, i)->fork_of);
        come_up(fixture, machine(fixture, i));
    }
    end_pair(fixture, 1);
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(result->nodes[0].start, START_FORKED);
    assert_int_equal(result->nodes[1].start, START_FORKED);

    start(fixture, 1, PAIR); /* nor does another case boot one */
    assert_non_null(machine(fixture, 3)->fork_of);
    assert_string_equal(fixture_said(fixture), "");
}

static void without_templates_nodes_boot(void **state)
{
    struct fixture *fixture = *state;

    job_start(make(fixture, 0, ONE, true));
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_null(machine(fixture, 0)->fork_of);
    come_up(fixture, machine(fixture, 0));
    do_step(fixture, machine(fixture, 0));
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(job_at(fixture, 0)->result.nodes[0].start, START_BOOTED);
}

/* A raw init would not wait for STARTPOD; both kinds stand in one case. */
static void only_a_raw_init_is_booted(void **state)
{
    static const char token[] = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    struct fixture *fixture = *state;
    const struct case_result *result = &job_at(fixture, 0)->result;

    start(fixture, 0,
          "name: s\n"
          "nodes:\n"
          "  raw: {init: {directory: guest, run: /run.sh, raw: true}}\n"
          "  foreign: {init: {directory: guest, run: /run.sh}}\n"
          "links: [{nodes: [raw, foreign], subnet: 10.0.0.0/24}]\n");
    assert_int_equal(fixture->host.count, 1);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    assert_null(machine(fixture, 1)->fork_of);
    machine_starts(machine(fixture, 1));
    guest_prints(machine(fixture, 1), token);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_non_null(machine(fixture, 2)->fork_of);
    machine_starts(machine(fixture, 2));
    virtual_time_pass(fixture->loop, NS_PER_MS);
    be_configured(fixture, machine(fixture, 2));
    guest_prints(machine(fixture, 2), token);
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(result->nodes[0].start, START_BOOTED);
    assert_int_equal(result->nodes[1].start, START_FORKED);
}

/* -- Templates that do not boot ---------------------------------------------------------------- */

#define CONSOLE " (all of its console is in templates/1/console.log.gz)"

static void a_template_that_panics_fails_all_its_cases(void **state)
{
    static const char reason[] = "the template of its nodes does not boot: Kernel panic - not "
                                 "syncing: no init" CONSOLE;
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer console = {0};

    start(fixture, 0, ONE);
    start(fixture, 1, ONE);
    machine_starts(machine(fixture, 0));
    guest_prints(machine(fixture, 0), "[    0.500000] Kernel panic - not syncing: no init\n");
    machine_ends(machine(fixture, 0), VM_END_POWEROFF, 0, 0);
    expect(fixture, 0, VERDICT_PANIC, reason);
    expect(fixture, 1, VERDICT_PANIC, reason);
    assert_int_equal(fixture->host.count, 1);
    assert_string_equal(job_console_tail(job_at(fixture, 0)->job, 150, &console), "the template");
    assert_non_null(strstr(console.data, "Kernel panic"));
    assert_null(job_console_tail(job_at(fixture, 1)->job, 150, &console));
}

/* However long that is: a slow host is not what the case is about. Its own machines have its time.
 */
static void the_boot_of_a_template_is_not_the_case_s_time(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, 0, "name: s\ntimeout: 10s\nnodes:\n  a: {run: one}\n");
    machine_starts(machine(fixture, 0));
    virtual_time_pass(fixture->loop, 100 * NS_PER_S);
    assert_false(job_at(fixture, 0)->ended);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    assert_non_null(machine(fixture, 1)->fork_of);
    virtual_time_pass(fixture->loop, 9 * NS_PER_S);
    assert_false(job_at(fixture, 0)->ended);
    expect(fixture, 0, VERDICT_TIMEOUT, "a: the case's 10 s ended while starting");
    assert_true(job_at(fixture, 0)->result.duration_s >= 10);
    assert_true(job_at(fixture, 0)->result.duration_s < 20);
}

/* It is nobody's time that ends it, so all have the same verdict, whenever they come. */
static void a_template_that_hangs_ends_by_itself(void **state)
{
    static const char hasty[] = "name: s\ntimeout: 20s\nnodes:\n  a: {run: one}\n";
    static const char reason[] = "the template of its nodes does not boot: the guest was not ready "
                                 "120 s after its start" CONSOLE;
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer console = {0};

    start(fixture, 0, hasty);
    machine_starts(machine(fixture, 0));
    guest_prints(machine(fixture, 0), "it hangs\n");
    virtual_time_pass(fixture->loop, 119 * NS_PER_S);
    assert_false(job_at(fixture, 0)->ended);
    expect(fixture, 0, VERDICT_NO_PROGRESS, reason);
    assert_string_equal(job_console_tail(job_at(fixture, 0)->job, 150, &console), "the template");
    assert_string_equal(console.data, "it hangs\n");
    start(fixture, 1, hasty);
    expect(fixture, 1, VERDICT_NO_PROGRESS, reason);
    assert_int_equal(fixture->host.count, 1);
}

/* What no machine of its own would have to wait for is not the case's to wait for. */
static void a_template_that_is_saved_slowly_costs_no_time(void **state)
{
    struct fixture *fixture = *state;
    struct vm *template;

    start(fixture, 0, "name: s\ntimeout: 20s\nnodes:\n  a: {run: one}\n");
    template = machine(fixture, 0);
    machine_starts(template);
    guest_is_ready(template);
    virtual_time_pass(fixture->loop, 100 * NS_PER_S);
    assert_false(job_at(fixture, 0)->ended);
    template->saved(template->context, NULL);
    virtual_time_pass(fixture->loop, NS_PER_S);
    come_up(fixture, machine(fixture, 1));
    virtual_time_pass(fixture->loop, 15 * NS_PER_S);
    do_step(fixture, machine(fixture, 1));
    expect(fixture, 0, VERDICT_PASSED, NULL);
}

/* -- Forks that are refused -------------------------------------------------------------------- */

static void what_cannot_be_saved_is_booted(void **state)
{
    struct fixture *fixture = *state;
    struct error error;

    start(fixture, 0, ONE);
    machine_starts(machine(fixture, 0));
    guest_is_ready(machine(fixture, 0));
    error_set(&error, EOPNOTSUPP, "no x-ignore-shared");
    machine(fixture, 0)->saved(machine(fixture, 0)->context, &error);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_string_equal(fixture_said(fixture),
                        "duet: nodes of a kind are booted instead of forked: no x-ignore-shared\n");
    assert_null(machine(fixture, 1)->fork_of);
    come_up(fixture, machine(fixture, 1));
    do_step(fixture, machine(fixture, 1));
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(job_at(fixture, 0)->result.nodes[0].start, START_BOOTED);
}

/* The other node was forked in time, and begins anew as well. */
static void what_cannot_be_forked_is_booted(void **state)
{
    struct fixture *fixture = *state;
    const struct case_result *result = &job_at(fixture, 0)->result;
    cleanup_free char *name = NULL;

    start(fixture, 0, PAIR);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    name = xstrdup(machine(fixture, 1)->name);
    come_up(fixture, machine(fixture, 1));
    fails_to_start(fixture, machine(fixture, 2), "-incoming is not known");
    virtual_time_pass(fixture->loop, 10 * NS_PER_S); /* its guest does not answer that it ends */
    assert_string_equal(fixture_said(fixture),
                        "duet: nodes of a kind are booted instead of forked: -incoming is not "
                        "known\n");
    assert_int_equal(fixture->host.count, 4);
    assert_string_not_equal(machine(fixture, 3)->name, name);
    for (size_t i = 3; i < 5; i++) {
        assert_null(machine(fixture, i)->fork_of);
        come_up(fixture, machine(fixture, i));
    }
    end_pair(fixture, 3);
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(result->node_count, 2);
    assert_int_equal(result->nodes[0].start, START_BOOTED);
    assert_int_equal(result->nodes[1].start, START_BOOTED);

    start(fixture, 1, PAIR); /* nobody tries again */
    for (size_t i = 5; i < 7; i++) {
        assert_null(machine(fixture, i)->saves_to);
        come_up(fixture, machine(fixture, i));
    }
    end_pair(fixture, 5);
    expect(fixture, 1, VERDICT_PASSED, NULL);
    assert_string_equal(fixture_said(fixture), "");
}

/* A kind of machine that cannot be forked takes it away from no other. */
static void only_what_cannot_be_forked_is_booted(void **state)
{
    struct fixture *fixture = *state;
    const struct case_result *result = &job_at(fixture, 0)->result;

    start(fixture, 0,
          "name: s\n"
          "nodes:\n"
          "  a: {run: one}\n"
          "  b: {memory: 512M, run: one}\n"
          "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n");
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    fixture_machine_is_saved(fixture, machine(fixture, 1));
    come_up(fixture, machine(fixture, 2));
    fails_to_start(fixture, machine(fixture, 3), "no room");
    virtual_time_pass(fixture->loop,
                      10 * NS_PER_S); /* the guest of the other does not answer that it ends */
    assert_non_null(machine(fixture, 4)->fork_of);
    come_up(fixture, machine(fixture, 4));
    assert_null(machine(fixture, 5)->fork_of);
    come_up(fixture, machine(fixture, 5));
    end_pair(fixture, 4);
    expect(fixture, 0, VERDICT_PASSED, NULL);
    assert_int_equal(result->nodes[0].start, START_FORKED);
    assert_int_equal(result->nodes[1].start, START_BOOTED);

    start(fixture, 1, ONE); /* nor from another case */
    fixture_machine_is_saved(fixture, machine(fixture, 6));
    assert_non_null(machine(fixture, 7)->fork_of);
    come_up(fixture, machine(fixture, 7));
    do_step(fixture, machine(fixture, 7));
    expect(fixture, 1, VERDICT_PASSED, NULL);
}

/* It was brought up ahead: the refusal is found out when its time begins. */
static void so_is_a_case_that_was_prepared(void **state)
{
    struct fixture *fixture = *state;
    struct job *job = make(fixture, 0, ONE, false);

    job_prepare(job);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    fails_to_start(fixture, machine(fixture, 1), "-incoming is not known");
    assert_true(job_is_prepared(job));
    job_start(job);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    come_up(fixture, machine(fixture, 2));
    do_step(fixture, machine(fixture, 2));
    expect(fixture, 0, VERDICT_PASSED, NULL);
}

static void a_machine_that_starts_neither_way_is_an_error(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, 0, ONE);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    fails_to_start(fixture, machine(fixture, 1), "no room");
    fails_to_start(fixture, machine(fixture, 2), "no room");
    expect(fixture, 0, VERDICT_ERROR, "a: libvirt cannot start the machine: no room");
}

/* A peer that died first may be why the other does not start: that is a verdict. */
static void a_fork_that_dies_is_its_case_s_verdict(void **state)
{
    struct fixture *fixture = *state;

    start(fixture, 0, PAIR);
    fixture_machine_is_saved(fixture, machine(fixture, 0));
    come_up(fixture, machine(fixture, 1));
    machine_ends(machine(fixture, 1), VM_END_DIED, -1, SIGKILL);
    virtual_time.now_ns += NS_PER_MS;
    fails_to_start(fixture, machine(fixture, 2), "nobody listens");
    expect(fixture, 0, VERDICT_ERROR, "b: libvirt cannot start the machine: nobody listens");
    assert_int_equal(fixture->host.count, 3);
    assert_string_equal(fixture_said(fixture), "");
}

/* -- Interruptions ----------------------------------------------------------------------------- */

static void a_job_can_be_cancelled_whatever_it_waits_for(void **state)
{
    for (int moment = 0; moment < 5; moment++) {
        struct fixture *fixture = *state;

        start(fixture, 0, ONE);
        if (moment > 0)
            machine_starts(machine(fixture, 0));
        if (moment > 1)
            guest_is_ready(machine(fixture, 0));
        if (moment > 2) {
            machine(fixture, 0)->saved(machine(fixture, 0)->context, NULL);
            virtual_time_pass(fixture->loop, NS_PER_MS);
        }
        if (moment > 3) {
            fixture->host.on_request = NULL;
            machine_starts(machine(fixture, 1));
        }
        job_cancel(job_at(fixture, 0)->job);
        if (moment > 3) /* it had been about to be refused */
            fails_to_start(fixture, machine(fixture, 1), "no -incoming");
        expect(fixture, 0, VERDICT_ERROR, "interrupted");
        assert_string_equal(fixture_said(fixture), "");
        tear_down(state);
        set_up(state);
    }
}

int main(void)
{
#undef TEST
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nodes_of_one_shape_are_forked_from_one_template),
        TEST(without_templates_nodes_boot),
        TEST(only_a_raw_init_is_booted),
        TEST(a_template_that_panics_fails_all_its_cases),
        TEST(the_boot_of_a_template_is_not_the_case_s_time),
        TEST(a_template_that_hangs_ends_by_itself),
        TEST(a_template_that_is_saved_slowly_costs_no_time),
        TEST(what_cannot_be_saved_is_booted),
        TEST(what_cannot_be_forked_is_booted),
        TEST(only_what_cannot_be_forked_is_booted),
        TEST(so_is_a_case_that_was_prepared),
        TEST(a_machine_that_starts_neither_way_is_an_error),
        TEST(a_fork_that_dies_is_its_case_s_verdict),
        TEST(a_job_can_be_cancelled_whatever_it_waits_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
