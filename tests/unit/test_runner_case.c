/* A case of several nodes: the order of what happens, its verdict, and that it always ends. The
 * guests are scripted: each node's script says how its guest answers. */
#include "runner/case_run.h"

#include "directory.h"
#include "fake_vm.h"
#include "virtual_time.h"

#include <signal.h>

enum { NODES_MAX = 4 };

/* How a guest behaves. Zero is a good one. */
struct script {
    bool never_starts;   /* libvirt says nothing */
    bool never_ready;    /* READY does not come */
    bool silent;         /* answers no request */
    bool mute_stop;      /* does not acknowledge DESTROYPOD */
    int status;          /* of every step */
    const char *prints;  /* on the console: what its foreign init does */
    bool dies_at_step;   /* QEMU is killed at the first step */
    bool ends_at_step;   /* it acknowledges at the first step what nobody asked for */
    bool fails_to_start; /* libvirt cannot start it */
    uint64_t step_ns;    /* how long a step takes */
};

struct fixture;

/* One guest, and what it does next. */
struct actor {
    struct fixture *fixture;
    struct vm *vm;
    const struct script *script;
    struct timer *timer;
    void (*next)(struct actor *actor);
    uint64_t id;
};

struct fixture {
    struct loop *loop;
    char *directory;
    struct suite *suite;
    struct plan plan;
    struct vm_host host;
    struct case_run *run;
    struct case_result result;
    struct script scripts[NODES_MAX]; /* by the node's place in the file */
    struct actor actors[NODES_MAX];   /* likewise */
    struct buffer log;                /* what happened */
    struct timer *cancel;
    size_t ended; /* how often */
};

/* -- The guests -------------------------------------------------------------------------------- */

static struct actor *actor_of(struct fixture *fixture, const struct vm *vm)
{
    for (size_t i = 0; i < fixture->plan.machine_count; i++)
        if (strcmp(fixture->plan.machines[i].spec.name, vm->name) == 0)
            return &fixture->actors[i];
    fail_msg("no node has the machine %s", vm->name);
    return NULL;
}

static void note(struct actor *actor, const char *what)
{
    struct fixture *fixture = actor->fixture;

    buffer_printf(&fixture->log, "%s%s %s", fixture->log.length ? ", " : "",
                  fixture->suite->cases[0].nodes[actor - fixture->actors].name, what);
}

static void on_turn(void *context)
{
    struct actor *actor = context;

    actor->next(actor);
}

static void act(struct actor *actor, uint64_t delay_ns, void (*next)(struct actor *actor))
{
    actor->next = next;
    timer_start(actor->timer, delay_ns);
}

static void get_ready(struct actor *actor)
{
    guest_is_ready(actor->vm);
}

static bool is_raw(const struct actor *actor)
{
    const struct fixture *fixture = actor->fixture;

    return fixture->suite->cases[0].nodes[actor - fixture->actors].init.raw;
}

static void start(struct actor *actor)
{
    if (actor->script->fails_to_start) {
        actor->vm->gone.message = (char *)"no memory";
        machine_ends(actor->vm, VM_END_START_FAILED, -1, 0);
        return;
    }
    machine_starts(actor->vm);
    if (actor->script->prints && is_raw(actor))
        guest_prints(actor->vm, actor->script->prints);
    else if (!actor->script->never_ready)
        act(actor, NS_PER_S, get_ready);
}

static void be_configured(struct actor *actor)
{
    guest_acks(actor->vm, WIRE_STARTPOD, actor->id);
    if (actor->script->prints)
        guest_prints(actor->vm, actor->script->prints);
}

static void finish_command(struct actor *actor)
{
    guest_finished(actor->vm, actor->id, actor->script->status, 0, 0);
}

static void die(struct actor *actor)
{
    machine_ends(actor->vm, VM_END_DIED, -1, SIGKILL);
}

static void be_stopped(struct actor *actor)
{
    machine_ends(actor->vm, VM_END_STOPPED, -1, SIGKILL);
}

static void be_destroyed(struct actor *actor)
{
    guest_acks(actor->vm, WIRE_DESTROYPOD, actor->id);
}

static void execute(struct actor *actor, const struct fake_request *request)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(request->json, "name");

    note(actor, name->valuestring);
    if (actor->script->silent)
        return;
    actor->id = request_id(request);
    if (cJSON_GetObjectItemCaseSensitive(request->json, "background"))
        guest_acks(actor->vm, WIRE_EXECCMD, actor->id);
    else if (actor->script->dies_at_step)
        act(actor, NS_PER_S, die);
    else if (actor->script->ends_at_step)
        act(actor, NS_PER_S, be_destroyed);
    else
        act(actor, actor->script->step_ns ? actor->script->step_ns : NS_PER_S, finish_command);
}

static void on_request(void *context, struct vm *vm, const struct fake_request *request)
{
    struct actor *actor = actor_of(context, vm);

    if (!request) {
        note(actor, "killed");
        act(actor, NS_PER_S, be_stopped);
    } else if (request->code == WIRE_STARTPOD) {
        actor->id = request_id(request);
        if (actor->script->prints)
            note(actor, "runs its init");
        act(actor, NS_PER_MS, be_configured);
    } else if (request->code == WIRE_EXECCMD) {
        execute(actor, request);
    } else if (request->code == WIRE_DESTROYPOD) {
        note(actor, "asked to end");
        actor->id = request_id(request);
        if (!actor->script->mute_stop)
            act(actor, NS_PER_S, be_destroyed);
    } else if (request->code == WIRE_PING && !actor->script->silent) {
        guest_acks(vm, WIRE_PING, request_id(request));
    }
}

static void on_start(void *context, struct vm *vm)
{
    struct actor *actor = actor_of(context, vm);

    actor->vm = vm;
    note(actor, "starts");
    if (!actor->script->never_starts)
        act(actor, NS_PER_S, start);
}

/* -- The case ---------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    fixture->host =
        (struct vm_host){.on_request = on_request, .on_start = on_start, .context = fixture};
    for (size_t i = 0; i < NODES_MAX; i++)
        fixture->actors[i] =
            (struct actor){.fixture = fixture,
                           .script = &fixture->scripts[i],
                           .timer = loop_timer(fixture->loop, on_turn, &fixture->actors[i])};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    case_result_free(&fixture->result);
    case_run_free(fixture->run);
    plan_free(&fixture->plan);
    suite_free(fixture->suite);
    for (size_t i = 0; i < NODES_MAX; i++)
        timer_free(fixture->actors[i].timer);
    timer_free(fixture->cancel);
    loop_free(fixture->loop);
    buffer_free(&fixture->log);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static void on_ended(void *context)
{
    struct fixture *fixture = context;

    fixture->ended++;
    loop_stop(fixture->loop);
}

static void make(struct fixture *fixture, const char *yaml)
{
    struct plan_options plan = {.runtime_dir = "/run/d",
                                .emulator = "/usr/bin/qemu",
                                .kernel = "/boot/image",
                                .accel = VM_ACCEL_TCG};
    struct case_run_options options = {.loop = fixture->loop,
                                       .host = &fixture->host,
                                       .run_directory = fixture->directory,
                                       .case_directory = "case",
                                       .seed = 7,
                                       .ended = on_ended,
                                       .context = fixture};
    cleanup_free char *guest = xasprintf("%s/guest", fixture->directory);
    struct error error = {0};

    assert_int_equal(fs_mkdirs(guest, 0755, NULL), 0);
    directory_write(guest, "run.sh", "#!/bin/sh\n", 0755);
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &fixture->suite, &error))
        fail_msg("%s", error.message);
    plan.suite_case = options.suite_case = &fixture->suite->cases[0];
    assert_int_equal(plan_make(&plan, &fixture->plan, &error), 0);
    for (size_t i = 0; i < fixture->plan.machine_count; i++)
        fixture->plan.machines[i].spec.initrd = "/run/initrd";
    options.plan = &fixture->plan;
    if (case_run_new(&options, &fixture->run, &error))
        fail_msg("%s", error.message);
}

static void stop_loop(void *context)
{
    loop_stop(context);
}

/* Lets time pass, and what is due in it happen. */
static void pass(struct fixture *fixture, uint64_t duration_ns)
{
    struct timer *end = loop_timer(fixture->loop, stop_loop, fixture->loop);

    timer_start(end, duration_ns);
    loop_run(fixture->loop);
    timer_free(end);
}

/* The loop's waiting for ever, should it, fails the test: virtual_time.h. */
static void run(struct fixture *fixture, enum verdict verdict, const char *reason)
{
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    assert_int_equal(fixture->ended, 1);
    case_run_result(fixture->run, &fixture->result);
    if (fixture->result.reason && reason)
        assert_string_equal(fixture->result.reason, reason);
    assert_true(!fixture->result.reason == !reason);
    assert_string_equal(verdict_name(fixture->result.verdict), verdict_name(verdict));
}

#define PAIR                                                                                       \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  exit:\n"                                                                                    \
    "    background: [{name: echo, run: serve}]\n"                                                 \
    "  entry:\n"                                                                                   \
    "    after: [exit]\n"                                                                          \
    "    steps: [{name: send, run: send}]\n"                                                       \
    "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n"

#define TWO_WORKERS                                                                                \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: {steps: [{name: work, run: work}]}\n"                                                    \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n"

static void a_pair_runs_in_order_and_passes(void **state)
{
    struct fixture *fixture = *state;
    struct case_result *result = &fixture->result;

    make(fixture, PAIR);
    run(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->log.data,
                        "exit starts, entry starts, exit echo, entry send, exit asked to end, "
                        "entry asked to end, exit killed, entry killed");
    assert_int_equal(result->node_count, 2);
    assert_int_equal(result->link_count, 1);
    assert_string_equal(result->links[0].nodes[0], "entry");
    assert_true(result->duration_s >= 4);
    assert_true(result->duration_s < 60);
    assert_null(case_run_console_tail(fixture->run, 10, &fixture->log));
    assert_true(directory_has(fixture->directory, "case/exit/domain.xml"));
    assert_true(directory_has(fixture->directory, "case/entry/01-send.stdout"));
}

/* No command runs anywhere while a node still boots. */
static void all_nodes_boot_before_any_works(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].never_ready = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_TIMEOUT, "b: the case's 90 s ended while booting");
    assert_string_equal(fixture->log.data,
                        "a starts, b starts, a asked to end, b killed, a killed");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
}

static void one_that_fails_stops_the_others(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer tail = {0};

    fixture->scripts[1].status = 1;
    fixture->scripts[0].step_ns = 30 * NS_PER_S;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: step \"work\": it ended with exit status 1, expected exit status 0");
    assert_true(fixture->result.duration_s < 20);
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
    assert_string_equal(case_run_console_tail(fixture->run, 10, &tail), "b");
}

static void of_equals_the_first_in_time_gives_the_reason(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].status = 1;
    fixture->scripts[0].step_ns = 2 * NS_PER_S + 1;
    fixture->scripts[1].status = 2;
    fixture->scripts[1].step_ns = 2 * NS_PER_S;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: step \"work\": it ended with exit status 2, expected exit status 0");
}

static void the_cause_outranks_the_consequence(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].status = 1; /* the peer was gone */
    fixture->scripts[1].dies_at_step = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_QEMU_DIED,
        "b: QEMU was killed by signal 9 (Killed) while step \"work\" (1 of 1) runs");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_FAILED);
}

static void a_skipped_node_skips_its_case_and_says_why(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"skipped\",\"reason\":\"no IPv6\"}\n";
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_SKIPPED, "b: its result token says skipped: no IPv6");
}

static void a_timeout_names_who_takes_so_long(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].step_ns = 1000 * NS_PER_S;
    make(fixture, "name: s\n"
                  "timeout: 15s\n"
                  "nodes:\n"
                  "  entry: {after: [exit], steps: [{name: send, run: send}]}\n"
                  "  exit: {background: [{name: echo, run: serve, ready: tcp/9}]}\n"
                  "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n");
    run(fixture, VERDICT_TIMEOUT,
        "exit: the case's 15 s ended while background process \"echo\" gets ready");
    assert_int_equal(fixture->result.nodes[0].verdict, VERDICT_SKIPPED);
}

static void a_silent_guest_makes_no_progress(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].silent = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_NO_PROGRESS,
        "a: while step \"work\" (1 of 1) runs, the guest answered nothing for 22 s, in which QEMU "
        "used 0.0 s of CPU time");
}

static void a_machine_that_cannot_start_ends_the_case(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].fails_to_start = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_ERROR, "b: libvirt cannot start the machine: no memory");
}

static void a_host_that_takes_no_machine_ends_the_case(void **state)
{
    struct fixture *fixture = *state;

    fixture->host.start_code = -EACCES;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_ERROR, "a: no such luck");
    assert_int_equal(fixture->result.nodes[1].verdict, VERDICT_ERROR);
}

static void a_guest_that_does_not_power_off_is_killed(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].mute_stop = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_PASSED, NULL);
}

static void a_guest_that_ends_unasked_fails(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].ends_at_step = true;
    make(fixture, TWO_WORKERS);
    run(fixture, VERDICT_FAILED,
        "b: the guest broke the control channel: it says that it ends, unasked");
    assert_true(fixture->result.duration_s < 30);
}

/* A NIC whose server is not there yet connects to nobody. */
static void a_machine_waits_for_those_that_serve_its_links(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].never_starts = true;
    make(fixture, "name: s\n"
                  "timeout: 90s\n"
                  "nodes:\n"
                  "  a: {steps: [{name: work, run: work}]}\n"
                  "  b: {steps: [{name: work, run: work}]}\n"
                  "  c: {steps: [{name: work, run: work}]}\n"
                  "  d: {steps: [{name: work, run: work}]}\n"
                  "links:\n"
                  "  - {nodes: [b, a], subnet: 10.0.0.0/24}\n"
                  "  - {nodes: [d, c], subnet: 10.0.1.0/24}\n");
    run(fixture, VERDICT_TIMEOUT, "a: the case's 90 s ended while starting");
    assert_string_equal(fixture->log.data, "a starts, c starts, d starts, a killed, c asked to "
                                           "end, d asked to end, c killed, d killed");
}

/* -- Prepared ahead ---------------------------------------------------------------------------- */

#define SHORT_PAIR                                                                                 \
    "name: s\n"                                                                                    \
    "timeout: 20s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  exit:\n"                                                                                    \
    "    background: [{name: echo, run: serve}]\n"                                                 \
    "  entry:\n"                                                                                   \
    "    after: [exit]\n"                                                                          \
    "    steps: [{name: send, run: send}]\n"                                                       \
    "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n"

static void a_prepared_case_holds_until_it_is_started(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    assert_false(case_run_is_prepared(fixture->run));
    pass(fixture, 60 * NS_PER_S);
    assert_true(case_run_is_prepared(fixture->run));
    assert_string_equal(fixture->log.data, "exit starts, entry starts");
    run(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->log.data,
                        "exit starts, entry starts, exit echo, entry send, exit asked to end, "
                        "entry asked to end, exit killed, entry killed");
    assert_true(fixture->result.duration_s < 10);
}

/* Its clock runs from there on, and what is left of the way counts. */
static void a_case_may_be_started_while_it_is_prepared(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].never_ready = true;
    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    pass(fixture, 30 * NS_PER_S);
    assert_false(case_run_is_prepared(fixture->run));
    run(fixture, VERDICT_TIMEOUT, "entry: the case's 20 s ended while booting");
    assert_in_range((int)fixture->result.duration_s, 20, 25);
}

static void a_fault_while_prepared_is_the_verdict_once_started(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    pass(fixture, 20 * NS_PER_S);
    machine_ends(fixture->host.machines[1], VM_END_DIED, -1, SIGSEGV);
    pass(fixture, 20 * NS_PER_S);
    assert_int_equal(fixture->ended, 0);
    assert_true(case_run_is_prepared(fixture->run));
    assert_non_null(strstr(fixture->log.data, "exit killed"));
    run(fixture, VERDICT_QEMU_DIED,
        "entry: QEMU was killed by signal 11 (Segmentation fault) while waiting for other nodes");
    assert_null(strstr(fixture->log.data, "echo"));
}

static void a_machine_that_cannot_start_ahead_is_told_when_started(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].fails_to_start = true;
    make(fixture, SHORT_PAIR);
    case_run_prepare(fixture->run);
    pass(fixture, 20 * NS_PER_S);
    assert_int_equal(fixture->ended, 0);
    run(fixture, VERDICT_ERROR, "exit: libvirt cannot start the machine: no memory");
}

#define FOREIGN(init)                                                                              \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  foreign: {init: {directory: guest, run: /run.sh" init "}}\n"

static void a_foreign_init_runs_when_its_case_is_started(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[0].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, FOREIGN(""));
    assert_true(case_run_can_wait(&fixture->suite->cases[0]));
    case_run_prepare(fixture->run);
    pass(fixture, 60 * NS_PER_S);
    assert_true(case_run_is_prepared(fixture->run));
    assert_string_equal(fixture->log.data, "foreign starts");
    run(fixture, VERDICT_PASSED, NULL);
    assert_non_null(strstr(fixture->log.data, "foreign runs its init"));
}

static void a_raw_init_cannot_wait(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, FOREIGN(", raw: true"));
    assert_false(case_run_can_wait(&fixture->suite->cases[0]));
}

/* -- Foreign inits ----------------------------------------------------------------------------- */

#define LATE(init)                                                                                 \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  server: {background: [{name: echo, run: serve}]}\n"                                         \
    "  foreign: {after: [server], init: {directory: guest, run: /run.sh" init "}}\n"               \
    "  client: {steps: [{name: send, run: send}]}\n"                                               \
    "links:\n"                                                                                     \
    "  - {nodes: [server, foreign], subnet: 10.0.0.0/24}\n"                                        \
    "  - {nodes: [foreign, client], subnet: 10.0.1.0/24}\n"

/* The third node boots at once although it stands behind one that waits for the first. */
static void a_late_machine_keeps_nobody_waiting(void **state)
{
    static const char started[] = "server starts, client starts, server echo, client send, "
                                  "foreign starts";
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, LATE(", raw: true"));
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(strncmp(fixture->log.data, started, strlen(started)), 0);
}

/* What duet's init starts need not wait for its machine as well. */
static void a_foreign_init_waits_in_a_machine_that_is_up(void **state)
{
    static const char started[] = "server starts, foreign starts, client starts, server echo, "
                                  "foreign runs its init";
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_RESULT: {\"verdict\":\"passed\"}\n";
    make(fixture, LATE(""));
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(strncmp(fixture->log.data, started, strlen(started)), 0);
}

static void a_foreign_init_may_be_waited_for(void **state)
{
    struct fixture *fixture = *state;

    fixture->scripts[1].prints = "DUET_READY: {}\n";
    make(fixture, "name: s\n"
                  "timeout: 30s\n"
                  "nodes:\n"
                  "  client: {after: [foreign], steps: [{name: send, run: send}]}\n"
                  "  foreign: {init: {directory: guest, run: /run.sh}}\n"
                  "links: [{nodes: [client, foreign], subnet: 10.0.0.0/24}]\n");
    run(fixture, VERDICT_TIMEOUT,
        "foreign: the case's 30 s ended while waiting for its result token");
    assert_non_null(strstr(fixture->log.data, "client send"));
}

/* -- Cancelling -------------------------------------------------------------------------------- */

static void cancel(void *context)
{
    struct fixture *fixture = context;

    case_run_cancel(fixture->run);
    case_run_cancel(fixture->run);
}

/* At any moment of a case that takes some ten seconds; after its end, too. */
static void a_cancelled_case_ends_soon_whenever_that_is(void **state)
{
    for (uint64_t ms = 0; ms < 12000; ms += 500) {
        struct fixture *fixture = *state;
        uint64_t before;

        make(fixture, PAIR);
        fixture->cancel = loop_timer(fixture->loop, cancel, fixture);
        timer_start(fixture->cancel, ms * NS_PER_MS);
        before = virtual_time.now_ns;
        case_run_start(fixture->run);
        loop_run(fixture->loop);
        assert_true(virtual_time.now_ns - before <= ms * NS_PER_MS + 3 * NS_PER_S);
        case_run_result(fixture->run, &fixture->result);
        if (fixture->result.verdict != VERDICT_PASSED) {
            assert_int_equal(fixture->result.verdict, VERDICT_ERROR);
            assert_string_equal(fixture->result.reason, "interrupted");
        } else {
            assert_true(ms > 4000);
        }
        tear_down(state);
        set_up(state);
    }
}

/* Begun or not, at any moment while it is brought up, after a fault as well. */
static void a_prepared_case_can_be_cancelled(void **state)
{
    for (uint64_t ms = 0; ms < 12000; ms += 500) {
        struct fixture *fixture = *state;

        fixture->scripts[1].prints = ms % 1000 ? "DUET_RESULT: {\"verdict\":\"failed\"}\n" : NULL;
        make(fixture, PAIR);
        case_run_prepare(fixture->run);
        pass(fixture, ms * NS_PER_MS);
        cancel(fixture);
        loop_run(fixture->loop);
        assert_int_equal(fixture->ended, 1);
        case_run_result(fixture->run, &fixture->result);
        assert_int_equal(fixture->result.verdict, VERDICT_ERROR);
        assert_string_equal(fixture->result.reason, "interrupted");
        assert_true(fixture->result.duration_s == 0);
        tear_down(state);
        set_up(state);
    }
}

static void a_directory_that_cannot_be_made_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct case_run_options options;
    struct case_run *none = NULL;
    struct error error = {0};

    make(fixture, TWO_WORKERS);
    options = (struct case_run_options){.loop = fixture->loop,
                                        .host = &fixture->host,
                                        .suite_case = &fixture->suite->cases[0],
                                        .plan = &fixture->plan,
                                        .run_directory = fixture->directory,
                                        .case_directory = "guest/run.sh"};
    assert_int_equal(case_run_new(&options, &none, &error), -ENOTDIR);
    assert_null(none);
    assert_non_null(strstr(error.message, "guest/run.sh"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pair_runs_in_order_and_passes),
        TEST(all_nodes_boot_before_any_works),
        TEST(one_that_fails_stops_the_others),
        TEST(of_equals_the_first_in_time_gives_the_reason),
        TEST(the_cause_outranks_the_consequence),
        TEST(a_skipped_node_skips_its_case_and_says_why),
        TEST(a_timeout_names_who_takes_so_long),
        TEST(a_silent_guest_makes_no_progress),
        TEST(a_machine_that_cannot_start_ends_the_case),
        TEST(a_host_that_takes_no_machine_ends_the_case),
        TEST(a_guest_that_does_not_power_off_is_killed),
        TEST(a_guest_that_ends_unasked_fails),
        TEST(a_machine_waits_for_those_that_serve_its_links),
        TEST(a_prepared_case_holds_until_it_is_started),
        TEST(a_case_may_be_started_while_it_is_prepared),
        TEST(a_fault_while_prepared_is_the_verdict_once_started),
        TEST(a_machine_that_cannot_start_ahead_is_told_when_started),
        TEST(a_foreign_init_runs_when_its_case_is_started),
        TEST(a_raw_init_cannot_wait),
        TEST(a_late_machine_keeps_nobody_waiting),
        TEST(a_foreign_init_waits_in_a_machine_that_is_up),
        TEST(a_foreign_init_may_be_waited_for),
        TEST(a_cancelled_case_ends_soon_whenever_that_is),
        TEST(a_prepared_case_can_be_cancelled),
        TEST(a_directory_that_cannot_be_made_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
