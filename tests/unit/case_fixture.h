/* A case of several nodes, whose guests are scripted: each node's script says how its guest
 * answers. */
#ifndef DUET_TESTS_CASE_FIXTURE_H
#define DUET_TESTS_CASE_FIXTURE_H

#include "runner/captures.h"
#include "runner/case_run.h"

#include "directory.h"
#include "fake_vm.h"
#include "virtual_time.h"

#include <signal.h>

enum { NODES_MAX = 4 };

/* Two nodes, and a link that duet carries on the host. */
#define FIXTURE_CARRIED                                                                            \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: {steps: [{name: work, run: work}]}\n"                                                    \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24, carrier: host}]\n"

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
    bool captures; /* of all links */
    size_t ended;  /* how often, as the next */
    size_t held;
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

static inline int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    virtual_time.real_waits = 0;
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

static inline int tear_down(void **state)
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

static void on_held(void *context)
{
    struct fixture *fixture = context;

    fixture->held++;
    loop_stop(fixture->loop);
}

static inline void make_held(struct fixture *fixture, const char *yaml, enum case_hold hold)
{
    struct plan_options plan = {.runtime_dir = fixture->directory,
                                .emulator = "/usr/bin/qemu",
                                .kernel = "/boot/image",
                                .accel = VM_ACCEL_TCG};
    struct case_run_options options = {.loop = fixture->loop,
                                       .host = &fixture->host,
                                       .run_directory = fixture->directory,
                                       .case_directory = "case",
                                       .seed = 7,
                                       .hold = hold,
                                       .held = on_held,
                                       .ended = on_ended,
                                       .context = fixture};
    cleanup_free char *guest = xasprintf("%s/guest", fixture->directory);
    struct error error = {0};

    assert_int_equal(fs_mkdirs(guest, 0755, NULL), 0);
    directory_write(guest, "run.sh", "#!/bin/sh\n", 0755);
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &fixture->suite, &error))
        fail_msg("%s", error.message);
    if (fixture->captures && captures_choose(&fixture->suite, 1, NULL, &error))
        fail_msg("%s", error.message);
    plan.suite_case = options.suite_case = &fixture->suite->cases[0];
    assert_int_equal(plan_make(&plan, &fixture->plan, &error), 0);
    for (size_t i = 0; i < fixture->plan.machine_count; i++)
        fixture->plan.machines[i].spec.initrd = "/run/initrd";
    options.plan = &fixture->plan;
    if (case_run_new(&options, &fixture->run, &error))
        fail_msg("%s", error.message);
}

static inline void make(struct fixture *fixture, const char *yaml)
{
    make_held(fixture, yaml, CASE_HOLD_NEVER);
}

/* The loop's waiting for ever, should it, fails the test: virtual_time.h. */
static inline void run(struct fixture *fixture, enum verdict verdict, const char *reason)
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

#endif
