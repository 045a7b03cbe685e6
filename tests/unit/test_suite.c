/* Suites that are right: what the model says of them. */
#include "runner/suite.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define cleanup_suite __attribute__((cleanup(free_suite)))

static void free_suite(struct suite **suite)
{
    suite_free(*suite);
}

static struct suite *load(const char *directory, const char *text)
{
    struct suite *suite = NULL;
    struct error error = {0};

    if (suite_load_text("test.yaml", directory, text, strlen(text), &suite, &error))
        fail_msg("%s", error.message);
    return suite;
}

/* The example of the project's design, with a program that every machine has. */
static const char example[] =
    "name: resilience\n"
    "summary: An echo survives a slow and lossy link\n"
    "matrix:\n"
    "  transport: [tcp, udp]\n"
    "  impair:\n"
    "    - {loss: 0.5%, delay: 5ms}\n"
    "    - {loss: 2%, delay: 25ms, jitter: 5ms}\n"
    "    - {delay: 100ms}\n"
    "nodes:\n"
    "  exit:\n"
    "    files: [/bin/sh]             # binaries come with their shared libraries\n"
    "    background:\n"
    "      - {name: echo, run: \"socat TCP-LISTEN:9999,fork,reuseaddr EXEC:cat\", "
    "ready: tcp/9999}\n"
    "  entry:\n"
    "    after: [exit]\n"
    "    run: |\n"
    "      head -c 65536 /dev/zero | socat -t5 - TCP:exit:9999 | sha256sum\n"
    "links:\n"
    "  - {nodes: [entry, exit], subnet: 10.0.0.0/24, impair: \"${impair}\"}\n"
    "timeout: 90s\n";

static void the_example_of_the_design_loads(void **state)
{
    static const char *const names[] = {
        "tcp,loss=0.5%,delay=5ms", "tcp,loss=2%,delay=25ms,jitter=5ms", "tcp,delay=100ms",
        "udp,loss=0.5%,delay=5ms", "udp,loss=2%,delay=25ms,jitter=5ms", "udp,delay=100ms",
    };
    cleanup_suite struct suite *suite = load("/", example);

    (void)state;
    assert_string_equal(suite->name, "resilience");
    assert_string_equal(suite->summary, "An echo survives a slow and lossy link");
    assert_int_equal(suite->case_count, array_size(names));
    for (size_t i = 0; i < suite->case_count; i++) {
        assert_string_equal(suite->cases[i].name, names[i]);
        assert_int_equal(suite->cases[i].timeout_ns, 90000000000ull);
        assert_null(suite->cases[i].skip);
        assert_int_equal(suite->cases[i].variables.count, 2);
    }
    assert_string_equal(suite->cases[0].slug, "tcp-loss=0.5-delay=5ms");
    assert_string_equal(suite->cases[0].variables.items[0].name, "transport");
    assert_string_equal(suite->cases[0].variables.items[0].value, "tcp");
    assert_string_equal(suite->cases[0].tokens.result, "DUET_RESULT: ");
    assert_string_equal(suite->cases[0].tokens.ready, "DUET_READY: ");
}

static void nodes_do_what_the_example_says(void **state)
{
    cleanup_suite struct suite *suite = load("/", example);
    const struct suite_node *nodes = suite->cases[0].nodes;
    const struct suite_background *echo = nodes[0].background;
    const struct suite_step *step = nodes[1].steps;

    (void)state;
    assert_int_equal(suite->cases[0].node_count, 2);
    assert_string_equal(nodes[0].name, "exit");
    assert_int_equal(nodes[0].at.line, 10);
    assert_int_equal(nodes[0].at.column, 3);
    assert_int_equal(nodes[0].memory_bytes, 256 << 20);
    assert_int_equal(nodes[0].cpus, 1);
    assert_int_equal(nodes[0].file_count, 1);
    assert_int_equal(nodes[0].files[0].kind, SUITE_FILE_PROGRAM);
    assert_string_equal(nodes[0].files[0].from, "/bin/sh");
    assert_string_equal(nodes[0].files[0].to, "/bin/sh");
    assert_int_equal(nodes[0].files[0].mode, SUITE_MODE_KEPT);
    assert_int_equal(nodes[0].background_count, 1);
    assert_string_equal(echo->name, "echo");
    assert_string_equal(echo->run, "socat TCP-LISTEN:9999,fork,reuseaddr EXEC:cat");
    assert_int_equal(echo->ready.kind, SUITE_READY_TCP);
    assert_int_equal(echo->ready.port, 9999);
    assert_int_equal(echo->ready_timeout_ns, 30000000000ull);
    assert_int_equal(echo->stop_signal, SIGTERM);
    assert_int_equal(nodes[1].after_count, 1);
    assert_int_equal(nodes[1].after[0], 0);
    assert_int_equal(nodes[1].step_count, 1);
    assert_string_equal(step->name, "run");
    assert_string_equal(step->run,
                        "head -c 65536 /dev/zero | socat -t5 - TCP:exit:9999 | sha256sum\n");
    assert_int_equal(step->timeout_ns, 0);
    assert_int_equal(step->expect.status, 0);
    assert_null(step->expect.output);
}

static void links_have_ends_addresses_and_impairments(void **state)
{
    cleanup_suite struct suite *suite = load("/", example);
    const struct suite_link *link = suite->cases[1].links;
    static const uint8_t macs[2][6] = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};

    (void)state;
    assert_int_equal(suite->cases[1].link_count, 1);
    assert_string_equal(link->name, "entry-exit");
    assert_int_equal(link->mtu, 1500);
    assert_int_equal(link->ends[0].node, 1);
    assert_int_equal(link->ends[1].node, 0);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(link->ends[i].interface, "eth0");
        assert_memory_equal(link->ends[i].mac, macs[i], 6);
        assert_int_equal(link->ends[i].address_count, 1);
        assert_int_equal(link->ends[i].addresses[0].family, AF_INET);
        assert_int_equal(link->ends[i].addresses[0].prefix, 24);
    }
    assert_string_equal(link->ends[0].addresses[0].text, "10.0.0.1/24");
    assert_string_equal(link->ends[1].addresses[0].text, "10.0.0.2/24");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(link->impair[i].loss.random.ppb, 20000000);
        assert_int_equal(link->impair[i].delay.mean_ns, 25000000);
        assert_int_equal(link->impair[i].delay.jitter_ns, 5000000);
        assert_int_equal(link->impair[i].rate.bps, 0);
        assert_int_equal(suite->cases[2].links[0].impair[i].loss.random.ppb, 0);
    }
    assert_int_equal(link->impair_at.line, 7);
}

static void a_link_without_impairment_says_so(void **state)
{
    cleanup_suite struct suite *suite =
        load("/", "nodes: {a: {run: x}, b: }\nlinks: [{nodes: [a, b]}]\n");

    (void)state;
    assert_int_equal(suite->cases[0].links[0].impair_at.line, 0);
    assert_int_equal(suite->cases[0].links[0].ends[0].address_count, 0);
    assert_string_equal(suite->name, "test");
    assert_string_equal(suite->cases[0].name, "test");
}

static void both_families_and_addresses_of_ones_own(void **state)
{
    cleanup_suite struct suite *suite =
        load("/", "nodes: {a: {run: x}, b: , c: }\n"
                  "links:\n"
                  "- {nodes: [a, b], subnet: [10.0.0.0/31, 'fd00::/64'], mtu: 9000}\n"
                  "- {nodes: [a, b], subnet: fd01::/127}\n"
                  "- {nodes: [c, a], name: up, subnet: 10.1.0.0/24,\n"
                  "   addresses: {a: [10.1.0.77/24, fd02::5/64]}}\n");
    const struct suite_link *links = suite->cases[0].links;

    (void)state;
    assert_string_equal(links[0].ends[0].addresses[0].text, "10.0.0.0/31");
    assert_string_equal(links[0].ends[1].addresses[0].text, "10.0.0.1/31");
    assert_string_equal(links[0].ends[0].addresses[1].text, "fd00::1/64");
    assert_string_equal(links[0].ends[1].addresses[1].text, "fd00::2/64");
    assert_int_equal(links[0].mtu, 9000);
    assert_string_equal(links[1].name, "a-b-2");
    assert_string_equal(links[1].ends[0].addresses[0].text, "fd01::/127");
    assert_string_equal(links[1].ends[1].addresses[0].text, "fd01::1/127");
    assert_string_equal(links[1].ends[1].interface, "eth1");
    assert_string_equal(links[2].name, "up");
    assert_string_equal(links[2].ends[0].addresses[0].text, "10.1.0.1/24");
    assert_int_equal(links[2].ends[1].address_count, 2);
    assert_string_equal(links[2].ends[1].addresses[0].text, "10.1.0.77/24");
    assert_string_equal(links[2].ends[1].addresses[1].text, "fd02::5/64");
    assert_string_equal(links[2].ends[0].interface, "eth0");
    assert_string_equal(links[2].ends[1].interface, "eth2");
}

static void steps_say_what_they_expect(void **state)
{
    cleanup_suite struct suite *suite =
        load("/", "nodes:\n"
                  "  a:\n"
                  "    memory: 1G\n"
                  "    cpus: 2\n"
                  "    cmdline: quiet\n"
                  "    env: {A: 1, B: two}\n"
                  "    sysctl: {net.ipv4.ip_forward: 1}\n"
                  "    modules: [wireguard, tun]\n"
                  "    background:\n"
                  "    - {name: p, run: p, ready: /run/p, stop_signal: INT, ready_timeout: 5s}\n"
                  "    - {name: o, run: o, ready: {output: up and running}}\n"
                  "    - {name: c, run: c, ready: {command: test -e /x}}\n"
                  "    - {name: u, run: u, ready: {udp: 53}}\n"
                  "    - {name: n, run: n}\n"
                  "    steps:\n"
                  "    - {run: 'echo hi', expect: {stdout: \"hi\\n\"}, timeout: 3s, env: {C: 3}}\n"
                  "    - {name: fails, run: 'false', expect: {status: 1, stdout_contains: x}}\n");
    const struct suite_node *node = suite->cases[0].nodes;
    static const enum suite_ready_kind kinds[] = {SUITE_READY_PATH, SUITE_READY_OUTPUT,
                                                  SUITE_READY_COMMAND, SUITE_READY_UDP,
                                                  SUITE_READY_STARTED};

    (void)state;
    assert_int_equal(node->memory_bytes, 1 << 30);
    assert_int_equal(node->cpus, 2);
    assert_string_equal(node->cmdline, "quiet");
    assert_int_equal(node->env.count, 2);
    assert_string_equal(node->env.items[1].name, "B");
    assert_string_equal(node->env.items[1].value, "two");
    assert_string_equal(node->sysctls.items[0].name, "net.ipv4.ip_forward");
    assert_string_equal(node->modules.items[1], "tun");
    assert_int_equal(node->background_count, array_size(kinds));
    for (size_t i = 0; i < array_size(kinds); i++)
        assert_int_equal(node->background[i].ready.kind, kinds[i]);
    assert_string_equal(node->background[0].ready.text, "/run/p");
    assert_int_equal(node->background[0].stop_signal, SIGINT);
    assert_int_equal(node->background[0].ready_timeout_ns, 5000000000ull);
    assert_string_equal(node->background[1].ready.text, "up and running");
    assert_int_equal(node->background[3].ready.port, 53);
    assert_string_equal(node->steps[0].name, "step-1");
    assert_string_equal(node->steps[0].expect.output, "hi\n");
    assert_int_equal(node->steps[0].timeout_ns, 3000000000ull);
    assert_string_equal(node->steps[0].env.items[0].value, "3");
    assert_string_equal(node->steps[1].name, "fails");
    assert_int_equal(node->steps[1].expect.status, 1);
    assert_string_equal(node->steps[1].expect.output_has, "x");
}

static void routes_lead_over_a_neighbour(void **state)
{
    cleanup_suite struct suite *suite =
        load("/", "nodes:\n"
                  "  a:\n"
                  "    run: x\n"
                  "    routes: [{to: default, via: 10.0.0.2}, {to: 'fd01::/64', via: 'fd00::2'}]\n"
                  "  b:\n"
                  "links: [{nodes: [a, b], subnet: [10.0.0.0/24, 'fd00::/64']}]\n");
    const struct suite_route *routes = suite->cases[0].nodes[0].routes;

    (void)state;
    assert_int_equal(suite->cases[0].nodes[0].route_count, 2);
    assert_string_equal(routes[0].to.text, "0.0.0.0/0");
    assert_string_equal(routes[0].via.text, "10.0.0.2/24");
    assert_string_equal(routes[1].to.text, "fd01::/64");
    assert_int_equal(routes[1].via.family, AF_INET6);
}

static char *make_directory(void)
{
    char *directory = xstrdup("/tmp/duet-test-suite-XXXXXX");

    assert_non_null(mkdtemp(directory));
    return directory;
}

static void write_file(const char *directory, const char *name, mode_t mode, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", directory, name);

    assert_int_equal(fs_write(path, text, strlen(text), mode, NULL), 0);
}

static void files_of_the_host_are_found_beside_the_suite(void **state)
{
    cleanup_free char *directory = make_directory();
    cleanup_free char *path = xasprintf("%s/x.yaml", directory);
    cleanup_free char *tree = xasprintf("%s/tree", directory);
    cleanup_suite struct suite *suite = NULL;
    struct error error = {0};
    const struct suite_file *files;

    (void)state;
    write_file(directory, "program", 0755, "#!/bin/sh\n");
    write_file(directory, "data", 0640, "data\n");
    assert_int_equal(mkdir(tree, 0700), 0);
    write_file(directory, "tree/init", 0755, "#!/bin/sh\n");
    write_file(directory, "x.yaml", 0600,
               "init: {directory: tree, run: /init, raw: true}\n"
               "cmdline: a=1\n"
               "tokens: {result: 'R: '}\n"
               "kernel: ./vmlinux\n"
               "nodes:\n"
               "  a:\n"
               "    files:\n"
               "    - {from: ./program, to: /usr/bin/program}\n"
               "    - {from: data, to: /data, mode: 0600, optional: true}\n"
               "    - {from: none, to: /none, optional: true}\n"
               "    - {from: tree, to: /}\n"
               "    - {to: /etc/x, content: \"a\\nb\\n\"}\n"
               "    - {to: /etc/y, content: '', mode: 0755}\n");
    if (suite_load(path, NULL, &suite, &error))
        fail_msg("%s", error.message);
    files = suite->cases[0].nodes[0].files;
    assert_string_equal(suite->directory, directory);
    assert_string_equal(suite->name, "x");
    assert_int_equal(suite->cases[0].nodes[0].file_count, 5);
    assert_int_equal(files[0].kind, SUITE_FILE_PROGRAM);
    assert_int_equal(strncmp(files[0].from, directory, strlen(directory)), 0);
    assert_string_equal(files[0].from + strlen(directory), "/program");
    assert_string_equal(files[0].to, "/usr/bin/program");
    assert_int_equal(files[1].kind, SUITE_FILE_DATA);
    assert_int_equal(files[1].mode, 0600);
    assert_int_equal(files[2].kind, SUITE_FILE_TREE);
    assert_string_equal(files[2].to, "/");
    assert_int_equal(files[3].kind, SUITE_FILE_CONTENT);
    assert_string_equal(files[3].content, "a\nb\n");
    assert_int_equal(files[3].mode, 0644);
    assert_int_equal(files[4].mode, 0755);
    assert_string_equal(suite->cases[0].nodes[0].init.directory, tree);
    assert_string_equal(suite->cases[0].nodes[0].init.run, "/init");
    assert_true(suite->cases[0].nodes[0].init.raw);
    assert_string_equal(suite->cases[0].nodes[0].cmdline, "a=1");
    assert_string_equal(suite->cases[0].tokens.result, "R: ");
    assert_string_equal(suite->cases[0].tokens.ready, "DUET_READY: ");
    assert_string_equal(suite->cases[0].kernel + strlen(directory), "/./vmlinux");
    assert_int_equal(fs_remove_tree(directory, NULL), 0);
}

static void a_file_that_cannot_be_read_says_which(void **state)
{
    struct suite *suite = NULL;
    struct error error = {0};

    (void)state;
    assert_int_equal(suite_load("/nonexistent/duet.yaml", NULL, &suite, &error), -ENOENT);
    assert_non_null(strstr(error.message, "/nonexistent/duet.yaml"));
    assert_null(suite);
    suite_free(NULL);
}

static void too_large_a_file_is_refused(void **state)
{
    cleanup_free char *directory = make_directory();
    cleanup_free char *path = xasprintf("%s/big.yaml", directory);
    struct suite *suite = NULL;
    struct error error = {0};

    (void)state;
    write_file(directory, "big.yaml", 0600, "");
    assert_int_equal(truncate(path, (1 << 20) + 1), 0);
    assert_true(suite_load(path, NULL, &suite, &error) < 0);
    assert_int_equal(error.code, EFBIG);
    assert_null(suite);
    assert_int_equal(fs_remove_tree(directory, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_design_loads),
        cmocka_unit_test(nodes_do_what_the_example_says),
        cmocka_unit_test(links_have_ends_addresses_and_impairments),
        cmocka_unit_test(a_link_without_impairment_says_so),
        cmocka_unit_test(both_families_and_addresses_of_ones_own),
        cmocka_unit_test(steps_say_what_they_expect),
        cmocka_unit_test(routes_lead_over_a_neighbour),
        cmocka_unit_test(files_of_the_host_are_found_beside_the_suite),
        cmocka_unit_test(a_file_that_cannot_be_read_says_which),
        cmocka_unit_test(too_large_a_file_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
