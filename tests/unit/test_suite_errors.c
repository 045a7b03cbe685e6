/* Suites that are wrong: where the message points, and what it says. */
#include "runner/suite.h"

#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct bad {
    const char *text;
    const char *message; /* what it begins with, the file's name left out */
};

static void check(const struct bad *bad)
{
    struct suite *suite = NULL;
    struct error error = {0};
    int status = suite_load_text("s.yaml", "/", bad->text, strlen(bad->text), &suite, &error);

    if (!status) {
        suite_free(suite);
        fail_msg("it loads:\n%s", bad->text);
    }
    assert_null(suite);
    assert_int_equal(status, -error.code);
    if (strncmp(error.message, "s.yaml:", 7) ||
        strncmp(error.message + 7, bad->message, strlen(bad->message)))
        fail_msg("%s\nexpected: %s\nfor:\n%s", error.message, bad->message, bad->text);
}

#define CHECK_ALL(...)                                                                             \
    do {                                                                                           \
        static const struct bad bad_[] = {__VA_ARGS__};                                            \
        (void)state;                                                                               \
        for (size_t i_ = 0; i_ < array_size(bad_); i_++)                                           \
            check(&bad_[i_]);                                                                      \
    } while (0)

/* Two nodes and a link; the test adds to the first node, to the link or to the suite. */
#define NODE(more) "nodes:\n  a: {run: x, " more "}\n  b:\nlinks: [{nodes: [a, b]}]\n"
#define LINK(more)                                                                                 \
    "nodes: {a: {run: x}, b: , c: }\nlinks:\n- {nodes: [a, b], " more "}\n- {nodes: [b, c]}\n"
#define SUITE(more) more "\nnodes: {a: {run: x}}\n"

static void keys(void **state)
{
    CHECK_ALL(
        {SUITE("sumary: x"), "1:1: unknown key \"sumary\" in a suite; did you mean \"summary\"?"},
        {SUITE("frobnicate: x"), "1:1: unknown key \"frobnicate\" in a suite: expected one of "
                                 "name, summary, tags"},
        {NODE("comand: x"), "2:15: unknown key \"comand\" in a node"},
        {NODE("modul: x"), "2:15: unknown key \"modul\" in a node: expected one of memory"},
        {NODE("module: [x]"), "2:15: unknown key \"module\" in a node; did you mean \"modules\"?"},
        {LINK("subnets: x"), "3:19: unknown key \"subnets\" in a link; did you mean \"subnet\"?"},
        {LINK("impair: {lose: 1%}"),
         "3:28: unknown key \"lose\" in an impairment; did you mean \"loss\"?"},
        {SUITE("name: x\nname: y"), "2:1: the key \"name\" is here twice: it was given in line 1"},
        {NODE("cpus: 1, cpus: 2"), "2:24: the key \"cpus\" is here twice"},
        {"name: x\n", "1:1: a suite without the key \"nodes\""},
        {"nodes: {a: {background: [{name: p}]}}",
         "1:26: a background process without the key \"run\""});
}

static void types(void **state)
{
    CHECK_ALL(
        {"- a\n", "1:1: found a list, expected the keys of a suite"},
        {"hello\n", "1:1: found \"hello\", expected the keys of a suite"},
        {SUITE("name: [x]"), "1:7: name: found a list, expected name, as in resilience"},
        {SUITE("name:"), "1:6: name: found nothing, expected name"},
        {SUITE("name: a b"), "1:7: \"a b\" as the name of a"},
        {SUITE("tags: x"), "1:7: tags: found \"x\", expected a list of names"},
        {SUITE("tags: [[x]]"), "1:8: tags: found a list, expected a text"},
        {SUITE("timeout: [1s]"), "1:10: timeout: found a list, expected duration, as in 90s"},
        {SUITE("env: [A]"), "1:6: env: found a list, expected a mapping"},
        {SUITE("env: {A: {}}"), "1:10: A: found a mapping, expected a text"},
        {SUITE("env: {'A=B': x}"), "1:7: env: \"A=B\" as a name"},
        {SUITE("skip: true"), "1:7: skip: found \"true\", expected the reason"},
        {SUITE("summary: \"a\\nb\""), "1:10: summary: found \"a b\", expected one line"},
        {"nodes: [a]", "1:8: nodes: found a list, expected a mapping"},
        {"nodes: {a: [x]}", "1:12: found a list, expected the keys of a node"},
        {"nodes: {a: {run: }}", "1:18: run: found nothing, expected shell script"},
        {"nodes: {a: {run: ' '}}", "1:18: run: found \" \", expected a shell script that does"},
        {"nodes: {a: {steps: x}}", "1:20: steps: found \"x\", expected a list of steps"},
        {"nodes: {a: {steps: [x]}}", "1:21: found \"x\", expected the keys of a step"},
        {NODE("init: {directory: /, run: /x, raw: yes}"),
         "2:50: raw: found \"yes\", expected true or false"});
}

static void units_and_ranges(void **state)
{
    CHECK_ALL(
        {SUITE("timeout: 5"), "1:10: timeout: \"5\" has no unit"},
        {SUITE("timeout: 5min"), "1:10: timeout: \"5min\" has the unit \"min\""},
        {SUITE("timeout: 0s"), "1:10: timeout: \"0s\" is less than 1ms"},
        {SUITE("timeout: 25h"), "1:10: timeout: \"25h\" is more than 24h"},
        {NODE("memory: 256"), "2:23: memory: \"256\" has no unit"},
        {NODE("memory: 1M"), "2:23: memory: \"1M\" is less than 32M"},
        {NODE("cpus: 0"), "2:21: cpus: \"0\" is less than 1"},
        {NODE("cpus: two"), "2:21: cpus: \"two\" is not a whole number"},
        {NODE("cpus: 4294967297"), "2:21: cpus: \"4294967297\" is more than 64"},
        {LINK("impair: {loss: 120%}"), "3:34: loss: \"120%\" is more than 100%"},
        {LINK("impair: {loss: 0.5}"), "3:34: loss: \"0.5\" has no unit"},
        {LINK("impair: {delay: -5ms}"), "3:35: delay: \"-5ms\" is negative"},
        {LINK("impair: {rate: 0mbit}"), "3:34: rate: found \"0mbit\", expected more than that"},
        {LINK("impair: {reorder: 2%}"), "3:37: reorder: found no delay, expected one"},
        {LINK("impair: {delay: 5ms, rate: 20tbit}"),
         "3:46: rate: found 20000000000000 bit/s, expected at most"},
        {LINK("carrier: gest"), "3:28: carrier: found \"gest\", expected direct, guest, host or"},
        {LINK("impair: {delay: 5ms, jitter: 6ms}"),
         "3:48: jitter: found 6000000 ns, expected at most delay"},
        {LINK("mtu: 67"), "3:24: mtu: \"67\" is less than 68"},
        {LINK("mtu: 1279, subnet: 'fd00::/64'"),
         "3:3: mtu: 1279 with IPv6, which needs at least 1280"},
        {NODE("files: [{to: /x, content: x, mode: 9}]"),
         "2:50: mode: found \"9\", expected permission bits"});
}

static void kernels(void **state)
{
    CHECK_ALL(
        {SUITE("kernel:"), "1:8: kernel: found nothing, expected line, as in small"},
        {SUITE("kernel: ''"), "1:9: kernel: found \"\", expected a kernel's name, path or URL"},
        {SUITE("kernel: [a]"), "1:9: kernel: found a list, expected line"},
        {SUITE("kernels:"), "1:9: kernels: found nothing, expected a list of kernels"},
        {SUITE("kernels: a,b"), "1:10: kernels: found \"a,b\", expected a list of kernels"},
        {SUITE("kernels: []"), "1:10: kernels: found 0, expected 1 to 64"},
        {SUITE("kernels: [a, '']"), "1:14: kernels: found \"\", expected a kernel's name"},
        {SUITE("kernels: [a, [b]]"), "1:14: kernels: found a list, expected list of kernels"},
        {SUITE("kernels: [a, b, a]"), "1:17: kernels: the kernel \"a\" is here twice"},
        {SUITE("kernels: [./a/b, a/c, ./a/b]"), "1:23: kernels: the kernel \"./a/b\" is here"},
        {SUITE("vars: {k: a}\nkernels: [a, '${k}']"), "2:14: kernels: the kernel \"a\" is here"},
        {SUITE("kernel: a\nkernels: [a, b]"),
         "2:1: both \"kernel\" and \"kernels\", the first of them in line 1: expected one"},
        {SUITE("kernels: [a, b]\nkernel: a"), "2:1: both \"kernel\" and \"kernels\""},
        {SUITE("cases: {x: {kernels: [a], kernel: b}}"), "1:27: both \"kernel\" and \"kernels\""},
        {SUITE("cases:\n  x: {kernels: []}"), "2:16: kernels: found 0, expected 1 to 64"},
        {SUITE("kernel: [a]\ncases: {x: {kernels: [a, b]}}"), "1:9: kernel: found a list"});
}

static void names(void **state)
{
    CHECK_ALL(
        {"nodes: {A: {run: x}}", "1:9: \"A\" as the name of a node"},
        {"nodes: {-a: {run: x}}", "1:9: \"-a\" as the name of a node"},
        {"nodes: {a.b: {run: x}}", "1:9: \"a.b\" as the name of a node"},
        {"nodes: {12: {run: x}}", "1:9: \"12\" as the name of a node"},
        {"nodes: {localhost: {run: x}}", "1:9: \"localhost\" as the name of a node"},
        {"nodes: {a234567890123456789012345678901234567890123456789012345678901234: {run: x}}",
         "1:9: \"a23456789012345678901234567890123456789012345678…\" as the name of a node"},
        {"nodes: {}", "1:8: nodes: found 0, expected 1 to 64"},
        {"nodes: {a: {steps: [{name: s, run: x}, {name: s, run: y}]}}",
         "1:40: two steps of the name \"s\""},
        {"nodes: {a: {run: x, background: [{name: s, run: x}, {name: s, run: y}]}}",
         "1:53: two background processes of the name \"s\""},
        {"nodes: {a: {run: x}, b: , c: }\n"
         "links: [{nodes: [a, b], name: l}, {nodes: [b, c], name: l}]",
         "2:35: two links of the name \"l\""},
        {SUITE("cases: {a b: }"), "1:9: \"a b\" as the name of a case"});
}

static void nodes_that_are_not_there(void **state)
{
    CHECK_ALL(
        {NODE("after: [bb]"), "2:23: after: there is no node \"bb\"; did you mean \"b\"?"},
        {NODE("after: [exit]"), "2:23: after: there is no node \"exit\""},
        {NODE("after: [b, b]"), "2:26: after: the node \"b\" is here twice"},
        {"nodes: {entry: {run: x}, exit: }\nlinks: [{nodes: [entry, exti]}]",
         "2:25: nodes: there is no node \"exti\"; did you mean \"exit\"?"},
        {LINK("addresses: {z: []}"), "3:31: addresses: there is no node \"z\""},
        {LINK("addresses: {c: []}"), "3:31: addresses: the node \"c\" is no end of this link"},
        {"nodes: {entry: {run: x}}\ncases: {one: {nodes: {enrty: {cpus: 2}}}}",
         "2:23: nodes: there is no node \"enrty\"; did you mean \"entry\"?"});
}

static void topologies(void **state)
{
    CHECK_ALL({"nodes:\n  a: {run: x}\n  b:\n  c:\nlinks: [{nodes: [a, b]}]",
               "4:3: no link reaches the node \"c\""},
              {"nodes:\n  a: {run: x}\n  b:\n", "2:3: no link reaches the node \"a\""},
              {"nodes: {a: {run: x}, b: }\nlinks: [{nodes: [a]}]",
               "2:17: nodes: found 1, expected the two ends"},
              {"nodes: {a: {run: x}, b: }\nlinks: [{nodes: [a, b, a]}]",
               "2:17: nodes: found 3, expected"},
              {"nodes: {a: {run: x}, b: }\nlinks: [{nodes: [a, a]}]",
               "2:17: nodes: both ends are the same"},
              {"nodes: {a: {run: x, after: [b]}, b: {after: [c]}, c: {after: [b]}}\n"
               "links: [{nodes: [a, b]}, {nodes: [b, c]}]",
               "1:34: after: the nodes wait for each other in a circle: b -> c -> b"},
              {"nodes: {a: {run: x, after: [a]}}",
               "1:9: after: the nodes wait for each other in a circle: a -> a"},
              {"nodes: {a: {run: x, steps: []}}", "1:12: a node with both \"run\" and \"steps\""},
              {"nodes: {a: {run: x}}\ncases: {}", "2:8: the suite is empty"});
}

/* But to bring it up and look around is fine. */
static void what_could_never_fail_is_not_run(void **state)
{
    static const char text[] = "name: s\nnodes: {a: , b: }\nlinks: [{nodes: [a, b]}]";
    struct suite *suite;
    struct error error;

    (void)state;
    assert_int_equal(suite_load_text("s.yaml", "/", text, sizeof text - 1, &suite, &error), 0);
    assert_int_equal(suite_check_runs(&suite->cases[0], &error), -EINVAL);
    assert_string_equal(error.message,
                        "s.yaml:2:8: no node of the case \"s\" does anything that could fail: "
                        "expected \"run\", \"steps\" or \"init\" in one of them (`duet up` brings "
                        "it up as it is; a suite for that alone has `explicit: true`)");
    suite_free(suite);
}

static void addresses(void **state)
{
    CHECK_ALL(
        {LINK("subnet: 10.0.0.1/24"),
         "3:27: subnet: \"10.0.0.1/24\" is an address in a subnet; did "
         "you mean \"10.0.0.0/24\"?"},
        {LINK("subnet: 10.0.0.0"), "3:27: subnet: \"10.0.0.0\" has no prefix length"},
        {LINK("subnet: 10.0.0.0/33"),
         "3:27: subnet: \"10.0.0.0/33\" has the prefix length \"33\": expected 0 to 32"},
        {LINK("subnet: 10.0.0.0/32"), "3:27: subnet: the subnet 10.0.0.0/32 is too small"},
        {LINK("subnet: 'fd00::/128'"), "3:27: subnet: the subnet fd00::/128 is too small"},
        {LINK("subnet: 10.0.0/24"), "3:27: subnet: \"10.0.0/24\" is not an address"},
        {LINK("subnet: 010.0.0.0/24"), "3:27: subnet: \"010.0.0.0/24\" is not an address"},
        {LINK("subnet: 127.0.0.0/8"), "3:27: subnet: 127.0.0.1/8 is a loopback address"},
        {LINK("subnet: 224.0.0.0/8"), "3:27: subnet: 224.0.0.1/8 is a multicast"},
        {LINK("subnet: 'ff02::/64'"), "3:27: subnet: ff02::1/64 is a multicast"},
        {LINK("subnet: [10.0.0.0/24, 10.1.0.0/24]"), "3:41: subnet: two of one family"},
        {LINK("subnet: []"), "3:27: subnet: found 0"},
        {LINK("addresses: {a: [10.0.0.5]}"), "3:35: addresses: \"10.0.0.5\" has no prefix length"},
        {LINK("addresses: {a: [10.0.0.0/24]}"),
         "3:35: addresses: 10.0.0.0/24 is the address of its network"},
        {LINK("addresses: {a: [10.0.0.255/24]}"),
         "3:35: addresses: 10.0.0.255/24 is the broadcast"},
        {LINK("subnet: 10.0.0.0/24, addresses: {a: [10.0.0.2/24]}"),
         "3:27: subnet: the address 10.0.0.2/24 is given twice"},
        {"nodes: {a: {run: x}, b: , c: }\n"
         "links:\n- {nodes: [a, b], subnet: 10.0.0.0/24}\n- {nodes: [b, c], subnet: 10.0.0.0/16}",
         "4:27: subnet: the address 10.0.0.1/16 is given twice"},
        {NODE("routes: [{to: default, via: 10.9.9.9}]"),
         "2:43: via: \"10.9.9.9\" is in no subnet of the node \"a\""},
        {"nodes:\n  a: {run: x, routes: [{to: 'fd00::/64', via: 10.0.0.2}]}\n  b:\n"
         "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]",
         "2:29: to: \"fd00::/64\" and the address of via are of two families"},
        {"nodes:\n  a: {run: x, routes: [{to: 10.2.3.4/8, via: 10.0.0.2}]}\n  b:\n"
         "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]",
         "2:29: to: \"10.2.3.4/8\" is not a subnet; did you mean \"10.0.0.0/8\"?"},
        {"nodes:\n  a: {run: x, routes: [{to: default, via: 10.0.0.1}]}\n  b:\n"
         "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]",
         "2:43: via: \"10.0.0.1\" is the node's own address"});
}

static void files(void **state)
{
    CHECK_ALL(
        {NODE("files: [/nonexistent/duet]"),
         "2:23: files: cannot read /nonexistent/duet: No such file"},
        {NODE("files: [bin/sh]"), "2:23: files: found \"bin/sh\", expected an absolute path"},
        {NODE("files: [/dev/null]"), "2:23: files: /dev/null is neither a file nor a directory"},
        {NODE("files: [/bin/../bin/sh]"),
         "2:23: files: found \"/bin/../bin/sh\", expected an absolute path without"},
        {NODE("files: [{from: bin/sh}]"), "2:23: files: without the key \"to\""},
        {NODE("files: [{to: /x}]"), "2:23: files: expected one of \"from\" and \"content\""},
        {NODE("files: [{to: /x, from: /bin/sh, content: x}]"), "2:23: files: expected one of"},
        {NODE("files: [{from: /nonexistent/duet, to: /x}]"),
         "2:30: files: cannot read /nonexistent/duet"},
        {NODE("files: [{from: /nonexistent/duet, optional: false}]"),
         "2:30: files: cannot read /nonexistent/duet"},
        {NODE("files: [{to: /x, content: x, optional: true}]"),
         "2:23: optional: \"content\" is always there"},
        {NODE("steps: [{run: x, measure: iperf2}]"),
         "2:41: measure: found \"iperf2\", expected iperf3 or metrics"},
        {NODE("files: [/bin/sh, {from: /bin/sh, to: /bin/sh}]"),
         "2:32: files: two files for /bin/sh"},
        {NODE("files: [{from: /bin, to: /x, mode: 0755}]"), "2:30: mode: /bin is a directory"},
        {NODE("init: {directory: /nonexistent/duet, run: /x}"),
         "2:21: init: cannot read /nonexistent/duet"},
        {NODE("init: {directory: /bin, run: /nonexistent-duet}"),
         "2:21: init: cannot read /bin/nonexistent-duet"},
        {"nodes: {a: {run: x, init: {directory: /bin, run: /sh, raw: true}}}",
         "1:9: the node \"a\" has steps and an init with raw: true"});
}

static void routers(void **state)
{
    CHECK_ALL(
        {NODE("router: 7"), "2:23: router: found \"7\", expected true or false"},
        {"nodes: {a: {run: x}, r: {router: true, run: x}}",
         "1:22: the node \"r\" is a router and has steps"},
        {"nodes: {a: {run: x}, r: {router: true, background: [{name: p, run: p}]}}",
         "1:22: the node \"r\" is a router and has background processes"},
        {"nodes: {a: {run: x}, r: {router: true, init: {directory: /bin, run: /sh}}}",
         "1:22: the node \"r\" is a router and has an init of its own"},
        {"nodes: {a: {run: x}, r: {router: true}}\n"
         "links: [{nodes: [a, r], carrier: netem}]",
         "2:34: carrier: found netem, which is the kernel's, and the node \"r\" is a router"});
}

static void processes(void **state)
{
#define READY(text) "nodes: {a: {run: x, background: [{name: p, run: p, " text "}]}}"
    CHECK_ALL(
        {READY("ready: tcp/0"), "1:59: ready: found \"tcp/0\", expected a port from 1 to 65535"},
        {READY("ready: tcp/65536"), "1:59: ready: found \"tcp/65536\", expected a port"},
        {READY("ready: sctp/1"), "1:59: ready: found \"sctp/1\", expected tcp/PORT, udp/PORT"},
        {READY("ready: {tcp: 1, udp: 1}"), "1:59: ready: found 2 keys, expected one"},
        {READY("ready: {}"), "1:59: ready: found 0 keys, expected one"},
        {READY("ready: {prot: 1}"), "1:60: unknown key \"prot\" in a sign of readiness"},
        {READY("stop_signal: TREM"),
         "1:65: stop_signal: found \"TREM\", expected one of TERM, INT, "
         "HUP, QUIT, KILL, USR1 and USR2; did you mean \"TERM\"?"},
        {READY("stop_signal: SIGINT"),
         "1:65: stop_signal: found \"SIGINT\", expected one of TERM, INT, "
         "HUP, QUIT, KILL, USR1 and USR2; did you mean \"INT\"?"},
        {"nodes: {a: {steps: [{run: x, expect: {stdout_sha256: abc}}]}}",
         "1:54: stdout_sha256: found \"abc\", expected 64 hexadecimal digits"},
        {"tokens: {result: x, ready: x}\nnodes: {a: {run: x}}",
         "1:9: tokens: the prefixes \"x\" and \"x\": expected two different texts"});
#undef READY
}

static void variables(void **state)
{
    CHECK_ALL(
        {"matrix: {impair: [a]}\nnodes: {a: {run: '${impiar}'}}",
         "2:18: there is no variable \"impiar\" here; did you mean \"impair\"?"},
        {"nodes: {a: {run: 'echo ${HOME}'}}",
         "1:18: there is no variable \"HOME\" here: expected one of vars or matrix; the shell's "
         "own is written $HOME or $${HOME}"},
        {"nodes: {a: {run: 'echo ${x:-y}'}}", "1:18: \"${x:-y}\" names no variable"},
        {"nodes: {a: {run: 'echo ${}'}}", "1:18: \"${}\" names no variable"},
        {"nodes: {a: {run: 'echo ${x'}}", "1:18: \"${\" without \"}\""},
        {"vars: {m: {delay: 1}}\nnodes: {a: {run: 'echo ${m.dealy}'}}",
         "2:18: \"${m.dealy}\": there is no key \"dealy\"; did you mean \"delay\"?"},
        {"vars: {m: {delay: 1}}\nnodes: {a: {run: 'echo ${m}'}}", "2:18: \"${m}\" is a mapping"},
        {"vars: {m: {delay: 1}}\nnodes: {a: {run: '${m}'}}",
         "1:11: run: found a mapping, expected shell script"},
        {"vars: {a: '${b}', b: 'x${a}'}\nnodes: {a: {run: '${a}'}}",
         "1:11: variables lead from one to the next more than 16 times"},
        {"vars: {case: x}\nnodes: {a: {run: x}}", "1:8: the variable \"case\" is there already"},
        {"vars: {1a: x}\nnodes: {a: {run: x}}", "1:8: \"1a\" as a variable's name"},
        {"matrix: {x: [1]}\ncases: {c: {vars: {x: 2}}}\nnodes: {a: {run: x}}",
         "2:20: vars: the matrix sets \"x\" already"});
}

static void matrices(void **state)
{
    CHECK_ALL(
        {SUITE("matrix: {x: y}"), "1:13: x: found \"y\", expected a list of values"},
        {SUITE("matrix: {x: []}"), "1:13: x: found an empty list, expected values"},
        {SUITE("matrix: {x: [[a]]}"), "1:14: x: found a list, expected a text or a mapping"},
        {SUITE("matrix: {x: [a, b, a]}"), "1:20: x: the value \"a\" is here twice"},
        {SUITE("matrix: {x: [{a: 1, b: 2}, {b: 2, a: 1}]}"),
         "1:28: x: the value a mapping is here twice"},
        {SUITE("matrix: {node: [a]}"), "1:10: the variable \"node\" is there already"},
        {SUITE("matrix: {x: [a], exclude: [{y: a}]}"),
         "1:29: exclude: the matrix has no variable \"y\""},
        {SUITE("matrix: {x: [a], exclude: [{x: b}]}"), "1:32: exclude: \"b\" is no value of \"x\""},
        {SUITE("matrix: {x: [a], exclude: [{}]}"), "1:28: exclude: an empty mapping"},
        {SUITE("matrix: {x: [a], exclude: [{x: a}]}"), "1:1: the suite is empty"},
        {SUITE("matrix: {x: ['a,b', a], y: [c, 'b,c']}"), "1:1: two cases of the name \"a,b,c\""});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys),
        cmocka_unit_test(types),
        cmocka_unit_test(units_and_ranges),
        cmocka_unit_test(kernels),
        cmocka_unit_test(names),
        cmocka_unit_test(nodes_that_are_not_there),
        cmocka_unit_test(topologies),
        cmocka_unit_test(what_could_never_fail_is_not_run),
        cmocka_unit_test(addresses),
        cmocka_unit_test(files),
        cmocka_unit_test(routers),
        cmocka_unit_test(processes),
        cmocka_unit_test(variables),
        cmocka_unit_test(matrices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
