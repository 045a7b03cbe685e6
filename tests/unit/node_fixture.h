/* A node with a machine that is none (fake_vm.h), in time that is none (virtual_time.h). */
#ifndef DUET_TESTS_NODE_FIXTURE_H
#define DUET_TESTS_NODE_FIXTURE_H

#include "runner/node.h"

#include "directory.h"
#include "fake_vm.h"
#include "virtual_time.h"

#include <signal.h>

struct fixture {
    struct loop *loop;
    char *directory;
    struct suite *suite;
    struct vm_host host;
    struct vm_spec machine;
    struct node *node;
    struct vm *vm;
    struct node_result result; /* of fixture_end */
    size_t changes;
};

/* Commands 1 (background), 2 and 3. */
#define NODE_YAML                                                                                  \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n:\n"                                                                                       \
    "    env: {WHERE: node, MORE: node}\n"                                                         \
    "    background:\n"                                                                            \
    "      - {name: server, run: serve, ready: tcp/80, ready_timeout: 30s}\n"                      \
    "    steps:\n"                                                                                 \
    "      - {name: first, run: one, env: {WHERE: step}, timeout: 10s}\n"                          \
    "      - {name: second, run: two, expect: {stdout: \"hello\"}}\n"

#define FOREIGN_YAML                                                                               \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n: {init: {directory: guest, run: /run.sh}}\n"

#define RAW_YAML                                                                                   \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  n: {init: {directory: guest, run: /run.sh, raw: true}}\n"

static inline void fixture_changed(void *context)
{
    ((struct fixture *)context)->changes++;
}

static inline int fixture_set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    virtual_time.real_waits = 0;
    *state = fixture;
    return 0;
}

static inline void fixture_drop_node(struct fixture *fixture)
{
    node_result_free(&fixture->result);
    fixture->result = (struct node_result){0};
    node_free(fixture->node);
    suite_free(fixture->suite);
    fixture->node = NULL;
    fixture->suite = NULL;
    fixture->vm = NULL;
    fixture->host.count = 0;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    fixture_drop_node(fixture);
    loop_free(fixture->loop);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* Makes a node of the one that `yaml` has, in place of an earlier one. */
static inline void fixture_use(struct fixture *fixture, const char *yaml)
{
    cleanup_free char *guest = xasprintf("%s/guest", fixture->directory);
    struct node_options options = {.loop = fixture->loop,
                                   .host = &fixture->host,
                                   .machine = &fixture->machine,
                                   .pod = "{\"hostname\":\"n\"}",
                                   .seed = 42,
                                   .directory = fixture->directory,
                                   .relative = "case/n",
                                   .changed = fixture_changed,
                                   .nodes = &fixture->node,
                                   .context = fixture};
    struct error error = {0};

    fixture_drop_node(fixture);
    assert_int_equal(fs_mkdirs(guest, 0755, NULL), 0);
    directory_write(guest, "run.sh", "#!/bin/sh\n", 0755);
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &fixture->suite, &error))
        fail_msg("%s", error.message);
    options.suite_case = &fixture->suite->cases[0];
    options.spec = &options.suite_case->nodes[0];
    fixture->machine.name = "n";
    assert_int_equal(node_new(&options, &fixture->node, &error), 0);
}

/* The next request is EXECCMD of command `id`; the guest acknowledges it. */
static inline const struct fake_request *fixture_executes(struct fixture *fixture, uint64_t id)
{
    const struct fake_request *request = next_request(fixture->vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_EXECCMD);
    assert_int_equal(request_id(request), id);
    guest_acks(fixture->vm, WIRE_EXECCMD, id);
    return request;
}

/* The next request is STARTPOD; the guest acknowledges it. */
static inline void fixture_is_configured(struct fixture *fixture)
{
    const struct fake_request *request;

    assert_int_equal(node_state(fixture->node), NODE_CONFIGURING);
    request = next_request(fixture->vm);
    assert_non_null(request);
    assert_int_equal(request->code, WIRE_STARTPOD);
    guest_acks(fixture->vm, WIRE_STARTPOD, request_id(request));
}

/* From BOOTING on. */
static inline void fixture_reach_foreign(struct fixture *fixture, enum node_state state)
{
    if (!fixture->suite->cases[0].nodes[0].init.raw) {
        guest_is_ready(fixture->vm);
        assert_int_equal(node_state(fixture->node), NODE_WAITING);
        if (state == NODE_WAITING)
            return;
        node_go(fixture->node);
        if (state == NODE_CONFIGURING)
            return;
        fixture_is_configured(fixture);
    }
    assert_int_equal(node_state(fixture->node), NODE_TOKEN);
    if (state == NODE_DONE)
        guest_prints(fixture->vm, "DUET_RESULT: {\"verdict\":\"passed\"}\n");
}

/* Likewise. */
static inline void fixture_reach_own(struct fixture *fixture, enum node_state state)
{
    guest_is_ready(fixture->vm);
    if (state == NODE_CONFIGURING)
        return;
    fixture_is_configured(fixture);
    assert_int_equal(node_state(fixture->node), NODE_WAITING);
    if (state == NODE_WAITING)
        return;
    node_go(fixture->node);
    fixture_executes(fixture, 1);
    assert_int_equal(node_state(fixture->node), NODE_BACKGROUND);
    if (state == NODE_BACKGROUND)
        return;
    guest_says(fixture->vm, WIRE_CMDREADY, "{\"id\":1,\"after_ms\":5}");
    fixture_executes(fixture, 2);
    assert_int_equal(node_state(fixture->node), NODE_STEPS);
    if (state == NODE_STEPS)
        return;
    guest_finished(fixture->vm, 2, 0, 0, 0);
    fixture_executes(fixture, 3);
    guest_writes(fixture->vm, 6, "hello");
    guest_finished(fixture->vm, 3, 0, 0, 5);
}

/* Brings a node of NODE_YAML, FOREIGN_YAML or RAW_YAML to `state`, DONE at most. */
static inline void fixture_reach(struct fixture *fixture, enum node_state state)
{
    const struct suite_init *init = &fixture->suite->cases[0].nodes[0].init;

    node_start(fixture->node);
    fixture->vm = fixture->host.machines[0];
    if (state == NODE_STARTING)
        return;
    machine_starts(fixture->vm);
    assert_int_equal(node_state(fixture->node), init->raw ? NODE_TOKEN : NODE_BOOTING);
    if (state == NODE_BOOTING)
        return;
    if (init->directory)
        fixture_reach_foreign(fixture, state);
    else
        fixture_reach_own(fixture, state);
    assert_int_equal(node_state(fixture->node), state);
    assert_int_equal(node_verdict(fixture->node),
                     state == NODE_DONE ? VERDICT_PASSED : VERDICT_SKIPPED);
}

/* duet ends the node at once, and QEMU is killed for it. */
static inline void fixture_stop(struct fixture *fixture)
{
    node_stop(fixture->node, true);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, SIGKILL);
}

/* Fills `result` once QEMU has ended as told, and checks verdict and reason. */
static inline void fixture_judge(struct fixture *fixture, enum verdict verdict, const char *reason)
{
    assert_int_equal(node_state(fixture->node), NODE_GONE);
    node_result(fixture->node, &fixture->result);
    if (fixture->result.reason && reason)
        assert_string_equal(fixture->result.reason, reason);
    assert_true(!fixture->result.reason == !reason);
    assert_string_equal(verdict_name(fixture->result.verdict), verdict_name(verdict));
    assert_int_equal(node_verdict(fixture->node), verdict);
}

/* As fixture_judge, for a node with a fault that ends its case: duet kills the machine. */
static inline void fixture_is_lost(struct fixture *fixture, enum verdict verdict,
                                   const char *reason)
{
    assert_true(node_is_lost(fixture->node));
    node_stop(fixture->node, true);
    assert_true(fixture->vm->stops > 0);
    machine_ends(fixture->vm, VM_END_STOPPED, -1, 9);
    fixture_judge(fixture, verdict, reason);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

#endif
