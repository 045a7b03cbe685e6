/* From a case to machines: command lines word for word, who serves a link, who starts when. */
#include "runner/plan.h"

#include "directory.h"

#include <errno.h>

struct fixture {
    char *directory;
    struct suite *suite;
    struct plan plan;
    struct plan_options options;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    cleanup_free char *guest = NULL;

    fixture->directory = directory_make();
    guest = xasprintf("%s/guest", fixture->directory);
    assert_int_equal(fs_mkdirs(guest, 0755, NULL), 0);
    directory_write(guest, "run.sh", "#!/bin/sh\n", 0755);
    directory_write(guest, "my init", "#!/bin/sh\n", 0755);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    plan_free(&fixture->plan);
    suite_free(fixture->suite);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

static int try_plan(struct fixture *fixture, const char *yaml, struct error *error)
{
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &fixture->suite, error))
        fail_msg("%s", error->message);
    fixture->options = (struct plan_options){.suite_case = &fixture->suite->cases[0],
                                             .case_index = 3,
                                             .runtime_dir = "/run/d",
                                             .emulator = "/usr/bin/qemu",
                                             .kernel = "/boot/image",
                                             .accel = VM_ACCEL_KVM};
    return plan_make(&fixture->options, &fixture->plan, error);
}

static void plan(struct fixture *fixture, const char *yaml)
{
    struct error error = {0};

    if (try_plan(fixture, yaml, &error) < 0)
        fail_msg("%s", error.message);
}

static const struct vm_spec *spec(const struct fixture *fixture, size_t node)
{
    return &fixture->plan.machines[node].spec;
}

#define BASE "console=ttyS0 printk.time=1 panic=-1 reboot=t "

#define PAIR                                                                                       \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  exit: {memory: 128MiB, cpus: 2}\n"                                                          \
    "  entry: {run: one}\n"                                                                        \
    "links:\n"                                                                                     \
    "  - {nodes: [exit, entry], subnet: [10.0.0.0/24, fd00::/64], mtu: 1400}\n"

#define TOKENS "duet.result=DUET_RESULT:%20 duet.ready=DUET_READY:%20"

static void nodes_of_one_image_boot_alike(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, PAIR);
    for (size_t i = 0; i < 2; i++)
        assert_string_equal(spec(fixture, i)->cmdline, BASE TOKENS);
}

static void a_pair_is_told_its_link_and_its_peer(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, PAIR);
    assert_string_equal(
        fixture->plan.machines[0].pod,
        "{\"hostname\":\"exit\",\"interfaces\":[{\"device\":\"02:00:00:00:00:01\","
        "\"mac\":\"02:00:00:00:00:01\",\"name\":\"eth0\",\"mtu\":1400,\"addresses\":["
        "\"10.0.0.1/24\",\"fd00::1/64\"]}],\"routes\":[],\"hosts\":[{\"name\":\"entry\","
        "\"addresses\":[\"10.0.0.2\",\"fd00::2\"]}],\"sysctls\":[]}");
    assert_string_equal(
        fixture->plan.machines[1].pod,
        "{\"hostname\":\"entry\",\"interfaces\":[{\"device\":\"02:00:00:00:00:02\","
        "\"mac\":\"02:00:00:00:00:02\",\"name\":\"eth0\",\"mtu\":1400,\"addresses\":["
        "\"10.0.0.2/24\",\"fd00::2/64\"]}],\"routes\":[],\"hosts\":[{\"name\":\"exit\","
        "\"addresses\":[\"10.0.0.1\",\"fd00::1\"]}],\"sysctls\":[]}");
}

/* Each machine has the devices of the template, and each node the addresses of its own. */
static void forks_have_their_template_s_devices(void **state)
{
    struct fixture *fixture = *state;
    struct plan again;

    plan(fixture, "name: s\n"
                  "nodes: {a: {run: one}, b: {}}\n"
                  "links:\n"
                  "  - {nodes: [a, b], subnet: 10.0.0.0/24}\n"
                  "  - {nodes: [a, b], subnet: 10.0.1.0/24}\n");
    fixture->options.forked = true;
    assert_int_equal(plan_make(&fixture->options, &again, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(again.machines[i].spec.nics[0].mac, "02:64:75:65:74:00");
        assert_string_equal(again.machines[i].spec.nics[1].mac, "02:64:75:65:74:01");
    }
    assert_non_null(strstr(again.machines[0].pod, "\"device\":\"02:64:75:65:74:00\","
                                                  "\"mac\":\"02:00:00:00:00:01\""));
    assert_non_null(strstr(again.machines[1].pod, "\"device\":\"02:64:75:65:74:01\","
                                                  "\"mac\":\"02:00:00:00:01:02\""));
    plan_free(&again);
}

static void a_machine_has_its_shape_and_its_sockets(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, PAIR);
    assert_string_equal(spec(fixture, 0)->name, "c3-0-exit");
    assert_string_equal(spec(fixture, 1)->name, "c3-1-entry");
    assert_int_equal(spec(fixture, 0)->memory_bytes, 128 << 20);
    assert_int_equal(spec(fixture, 0)->cpus, 2);
    assert_string_equal(spec(fixture, 0)->emulator, "/usr/bin/qemu");
    assert_string_equal(spec(fixture, 0)->kernel, "/boot/image");
    assert_int_equal(spec(fixture, 0)->accel, VM_ACCEL_KVM);
    assert_string_equal(spec(fixture, 0)->console_path, "/run/d/3.0.con");
    assert_string_equal(spec(fixture, 0)->ctl_path, "/run/d/3.0.ctl");
    assert_string_equal(spec(fixture, 1)->io_path, "/run/d/3.1.io");
}

static void who_starts_first_serves_the_link(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, PAIR);
    assert_int_equal(fixture->plan.machines[0].rank, 0);
    assert_int_equal(fixture->plan.machines[1].rank, 1);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(spec(fixture, i)->nic_count, 1);
        assert_string_equal(spec(fixture, i)->nics[0].socket_path, "/run/d/3.l0");
    }
    assert_true(spec(fixture, 0)->nics[0].server);
    assert_false(spec(fixture, 1)->nics[0].server);
    assert_string_equal(spec(fixture, 0)->nics[0].mac, "02:00:00:00:00:01");
    assert_string_equal(spec(fixture, 1)->nics[0].mac, "02:00:00:00:00:02");
}

/* Each is told the peer's address on the link that they share, and else on its first. */
static void both_ends_of_a_carried_link_connect(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, "name: s\n"
                  "nodes: {a: {run: one}, b: {}}\n"
                  "links:\n"
                  "  - {nodes: [a, b]}\n"
                  "  - {nodes: [b, a], carrier: host}\n");
    assert_null(fixture->plan.links[0].sockets[0]);
    assert_null(fixture->plan.links[0].sockets[1]);
    assert_string_equal(fixture->plan.links[1].sockets[0], "/run/d/3.l1.0");
    assert_string_equal(fixture->plan.links[1].sockets[1], "/run/d/3.l1.1");
    assert_string_equal(spec(fixture, 0)->nics[1].socket_path, "/run/d/3.l1.1");
    assert_string_equal(spec(fixture, 1)->nics[1].socket_path, "/run/d/3.l1.0");
    for (size_t i = 0; i < 2; i++)
        assert_false(spec(fixture, i)->nics[1].server);
}

static void a_chain_knows_all_its_nodes(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, "name: s\n"
                  "nodes:\n"
                  "  left: {run: one, routes: [{to: 10.0.2.0/24, via: 10.0.1.2}]}\n"
                  "  middle: {sysctl: {net.ipv4.ip_forward: 1}}\n"
                  "  right: {}\n"
                  "links:\n"
                  "  - {nodes: [left, middle], subnet: 10.0.1.0/24}\n"
                  "  - {nodes: [middle, right], subnet: 10.0.2.0/24}\n");
    assert_non_null(strstr(fixture->plan.machines[0].pod,
                           "\"routes\":[{\"to\":\"10.0.2.0/24\",\"via\":\"10.0.1.2\"}],"
                           "\"hosts\":[{\"name\":\"middle\",\"addresses\":[\"10.0.1.2\"]},"
                           "{\"name\":\"right\",\"addresses\":[\"10.0.2.2\"]}]"));
    assert_non_null(strstr(fixture->plan.machines[1].pod,
                           "\"hosts\":[{\"name\":\"left\",\"addresses\":[\"10.0.1.1\"]},"
                           "{\"name\":\"right\",\"addresses\":[\"10.0.2.2\"]}],"
                           "\"sysctls\":[{\"key\":\"net.ipv4.ip_forward\",\"value\":\"1\"}]"));
    assert_non_null(strstr(fixture->plan.machines[2].pod,
                           "\"hosts\":[{\"name\":\"left\",\"addresses\":[\"10.0.1.1\"]},"
                           "{\"name\":\"middle\",\"addresses\":[\"10.0.2.1\"]}]"));
    assert_int_equal(spec(fixture, 1)->nic_count, 2);
    assert_string_equal(spec(fixture, 1)->nics[1].socket_path, "/run/d/3.l1");
    assert_false(spec(fixture, 1)->nics[0].server);
    assert_true(spec(fixture, 1)->nics[1].server);
}

static void odd_values_are_encoded(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, "name: s\n"
                  "tokens: {result: \"my, \\\"result\\\"\\u00e9% \"}\n"
                  "nodes:\n"
                  "  n: {run: one, sysctl: {net.ipv4.ping_group_range: \"0\\t\\\"100\\\"\"}, "
                  "cmdline: \"a=1 b\"}\n");
    assert_string_equal(spec(fixture, 0)->cmdline,
                        BASE "duet.result=my%2C%20%22result%22%C3%A9%25%20 "
                             "duet.ready=DUET_READY:%20 a=1 b");
    assert_non_null(
        strstr(fixture->plan.machines[0].pod,
               "{\"key\":\"net.ipv4.ping_group_range\",\"value\":\"0\\t\\\"100\\\"\"}"));
}

static void the_accelerator_has_its_words(void **state)
{
    struct fixture *fixture = *state;
    struct plan again;

    plan(fixture, PAIR);
    fixture->options.accel = VM_ACCEL_TCG;
    fixture->options.tsc_khz = 2400000;
    assert_int_equal(plan_make(&fixture->options, &again, NULL), 0);
    assert_non_null(strstr(again.machines[0].spec.cmdline, " tsc_early_khz=2400000 "));
    plan_free(&again);
}

/* -- Foreign inits ----------------------------------------------------------------------------- */

static void an_init_is_named_to_duet_s_or_to_the_kernel(void **state)
{
    static const struct {
        const char *init, *end;
    } inits[] = {
        {"{directory: guest, run: /run.sh}", " duet.ready=DUET_READY:%20 duet.exec=/run.sh"},
        {"{directory: guest, run: /my init}", " duet.ready=DUET_READY:%20 duet.exec=/my%20init"},
        {"{directory: guest, run: /run.sh, raw: true}",
         " duet.ready=DUET_READY:%20 rdinit=/run.sh"},
        {"{directory: guest, run: /my init, raw: true}",
         " duet.ready=DUET_READY:%20 rdinit=\"/my init\""},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < array_size(inits); i++) {
        cleanup_free char *yaml = xasprintf("name: s\nnodes:\n  n: {init: %s}\n", inits[i].init);
        const char *cmdline;

        plan(fixture, yaml);
        cmdline = spec(fixture, 0)->cmdline;
        assert_string_equal(cmdline + strlen(cmdline) - strlen(inits[i].end), inits[i].end);
        plan_free(&fixture->plan);
        suite_free(fixture->suite);
        fixture->suite = NULL;
    }
}

static void assert_ranks(const struct fixture *fixture, const size_t *ranks)
{
    for (size_t i = 0; i < fixture->plan.machine_count; i++)
        assert_int_equal(fixture->plan.machines[i].rank, ranks[i]);
}

#define FOREIGN "init: {directory: guest, run: /run.sh}"
#define RAW     "init: {directory: guest, run: /run.sh, raw: true}"

static void who_starts_late_starts_behind_all_that_do_not(void **state)
{
    struct fixture *fixture = *state;
    const struct suite_case *suite_case;

    plan(fixture, "name: s\n"
                  "nodes:\n"
                  "  a: {run: one}\n"
                  "  late: {after: [a], " RAW "}\n"
                  "  c: {after: [a], run: one}\n"
                  "  early: {" RAW "}\n"
                  "  held: {after: [a], " FOREIGN "}\n"
                  "links:\n"
                  "  - {nodes: [late, a], subnet: 10.0.0.0/24}\n"
                  "  - {nodes: [late, c], subnet: 10.0.1.0/24}\n"
                  "  - {nodes: [late, early], subnet: 10.0.2.0/24}\n"
                  "  - {nodes: [held, a], subnet: 10.0.3.0/24}\n");
    assert_ranks(fixture, (const size_t[]){0, 4, 1, 2, 3});
    for (size_t i = 0; i < 3; i++)
        assert_false(spec(fixture, 1)->nics[i].server);
    suite_case = &fixture->suite->cases[0];
    assert_false(plan_starts_late(&suite_case->nodes[0]));
    assert_true(plan_starts_late(&suite_case->nodes[1]));
    assert_false(plan_starts_late(&suite_case->nodes[2]));
    assert_false(plan_starts_late(&suite_case->nodes[3]));
    assert_false(plan_starts_late(&suite_case->nodes[4]));
}

/* `first` waits for a, which waits for `second`: that one starts before it, wherever it stands. */
static void late_ones_start_in_the_order_of_what_they_wait_for(void **state)
{
    struct fixture *fixture = *state;

    plan(fixture, "name: s\n"
                  "nodes:\n"
                  "  first: {after: [a], " RAW "}\n"
                  "  a: {after: [second], run: one}\n"
                  "  second: {after: [b], " RAW "}\n"
                  "  b: {run: one}\n"
                  "links:\n"
                  "  - {nodes: [first, a], subnet: 10.0.0.0/24}\n"
                  "  - {nodes: [second, b], subnet: 10.0.1.0/24}\n");
    assert_int_equal(fixture->plan.machines[2].rank, 2);
    assert_int_equal(fixture->plan.machines[0].rank, 3);
}

/* -- What does not fit ------------------------------------------------------------------------- */

/* A node with a command line of `length` bytes, of which a token's prefix makes up the rest. */
static int try_length(struct fixture *fixture, size_t length, struct error *error)
{
    const char *const format = "name: s\ntokens: {ready: \"%0*d\"}\n"
                               "nodes:\n  n: {run: one, cmdline: \"%01000d\"}\n";
    cleanup_free char *shortest = xasprintf(format, 1, 0, 0);
    cleanup_free char *yaml = NULL;
    size_t rest;

    plan_free(&fixture->plan);
    suite_free(fixture->suite);
    plan(fixture, shortest);
    rest = length - strlen(spec(fixture, 0)->cmdline);
    plan_free(&fixture->plan);
    suite_free(fixture->suite);
    fixture->suite = NULL;
    yaml = xasprintf(format, (int)rest + 1, 0, 0);
    return try_plan(fixture, yaml, error);
}

static void a_command_line_that_is_too_long_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};

    assert_int_equal(try_length(fixture, PLAN_CMDLINE_MAX, &error), 0);
    assert_int_equal(strlen(spec(fixture, 0)->cmdline), PLAN_CMDLINE_MAX);
    assert_int_equal(try_length(fixture, PLAN_CMDLINE_MAX + 1, &error), -E2BIG);
    assert_string_equal(error.message,
                        "node n: its kernel command line has 2047 bytes and the kernel takes 2046: "
                        "a shorter `cmdline:` is needed, or shorter `tokens:`");
    assert_null(fixture->plan.machines);
}

static void a_kernel_without_acpi_takes_fewer_links(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer yaml = {0};
    struct error error = {0};
    struct plan none = {0};

    buffer_append_text(&yaml, "name: s\nnodes: {n: {run: one}, m: {}}\nlinks:\n");
    for (int i = 0; i < VM_NICS_WITHOUT_ACPI + 1; i++)
        buffer_printf(&yaml, "  - {nodes: [n, m], subnet: 10.0.%d.0/24}\n", i);
    plan(fixture, yaml.data);
    fixture->options.no_acpi = true;
    assert_int_equal(plan_make(&fixture->options, &none, &error), -E2BIG);
    assert_null(none.machines);
    assert_non_null(strstr(error.message, "node n has 7 links"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(nodes_of_one_image_boot_alike),
        TEST(a_pair_is_told_its_link_and_its_peer),
        TEST(forks_have_their_template_s_devices),
        TEST(a_machine_has_its_shape_and_its_sockets),
        TEST(who_starts_first_serves_the_link),
        TEST(both_ends_of_a_carried_link_connect),
        TEST(a_chain_knows_all_its_nodes),
        TEST(odd_values_are_encoded),
        TEST(the_accelerator_has_its_words),
        TEST(an_init_is_named_to_duet_s_or_to_the_kernel),
        TEST(who_starts_late_starts_behind_all_that_do_not),
        TEST(late_ones_start_in_the_order_of_what_they_wait_for),
        TEST(a_command_line_that_is_too_long_is_refused),
        TEST(a_kernel_without_acpi_takes_fewer_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
