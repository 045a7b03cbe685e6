/* The table of keys: the loader reads by it, and docs/scenario.md is made from it. */
#include "runner/suite_reader.h"

#include "base/memory.h"
#include "base/units.h"
#include "kernel/kernel.h"

/* A key that is read into `member` of the section's target. */
#define KEY(key_name, sections, structure, member, ...)                                            \
    {                                                                                              \
        .name = (key_name), .where = (sections), .offset = offsetof(struct structure, member),     \
        __VA_ARGS__                                                                                \
    }
/* A key whose reader fills in several members. */
#define PART(key_name, sections, ...)                                                              \
    {                                                                                              \
        .name = (key_name), .where = (sections), __VA_ARGS__                                       \
    }

#define DURATION .type = "duration", .unit = UNITS_DURATION, .read = read_duration
#define PERCENT_OF(default_share)                                                                  \
    .type = "percentage", .unit = UNITS_PERCENT, .read = read_percent,                             \
    .fallback = (default_share), .least = "0%", .most = "100%"
#define COUNT .type = "whole number", .read = read_count
#define PORT  COUNT, .least = "1", .most = "65535"

static const struct suite_key keys[] = {
    KEY("name", IN_SUITE, case_build, name, .type = "name", .read = read_name,
        .example = "resilience",
        .summary = "What the suite is called. Default: the file's name without `.yaml`."),
    KEY("summary", IN_SUITE, case_build, summary, .type = "line", .read = read_line, .fallback = "",
        .example = "An echo survives a slow link", .summary = "One line for `duet list`."),
    KEY("tags", IN_SUITE | IN_CASE, case_build, out.tags, .type = "list of names",
        .read = read_names_adding, .example = "[tunnel, slow]",
        .summary = "Words to choose cases by. A case has the suite's too."),
    KEY("vars", IN_SUITE | IN_CASE, case_build, vars, .type = "mapping of variables",
        .read = read_keep, .example = "{port: 9999}",
        .summary = "Variables and their values: texts, lists or mappings."),
    KEY("matrix", IN_SUITE | IN_CASE, case_build, matrix, .type = "mapping of variables to lists",
        .read = read_keep, .example = "{transport: [tcp, udp]}",
        .summary = "One case for every combination of these values, the first key outermost. A "
                   "case's own replaces the suite's."),
    KEY("cases", IN_SUITE, case_build, cases, .type = "mapping of names to cases",
        .read = read_keep, .example = "{plain: , slow: {timeout: 5m}}",
        .summary = "Cases that share the suite's nodes and links and differ in what is given "
                   "here. Without it the suite is one case, named after the suite."),
    KEY("nodes", IN_SUITE | IN_CASE, case_build, nodes, .type = "mapping of names to nodes",
        .read = read_keep, .required = IN_SUITE, .example = "{exit: , entry: {run: ping -c1 exit}}",
        .summary = "The guests. A name is a host name of one label (RFC 1123), in lower case. In "
                   "a case: what changes for nodes of the suite."),
    KEY("links", IN_SUITE | IN_CASE, case_build, links, .type = "list of links", .read = read_keep,
        .example = "[{nodes: [entry, exit], subnet: 10.0.0.0/24}]",
        .summary = "The cables. A case's own list replaces the suite's."),
    KEY("defaults", IN_SUITE, case_build, defaults, .type = "node", .read = read_keep,
        .example = "{memory: 512M}", .summary = "What every node starts from."),
    KEY("timeout", IN_SUITE | IN_CASE, case_build, out.timeout_ns, DURATION, .fallback = "60s",
        .least = "1ms", .most = "24h", .example = "90s",
        .summary = "A case that takes longer is stopped: `timeout`. Its time begins when its turn "
                   "has come and its machines may start, and ends with its last step; the boot of "
                   "a template does not count."),
    KEY("skip", IN_SUITE | IN_CASE, case_build, out.skip, .type = "text", .read = read_skip,
        .example = "waits for a fix of ours",
        .summary = "The reason not to run this. An empty text runs it."),
    KEY("explicit", IN_SUITE, case_build, suite_is_explicit, .type = "true or false",
        .read = read_bool, .fallback = "false", .example = "true",
        .summary = "Whether it is run only where it is named: `duet run` without names leaves it "
                   "out, and `duet list` its cases."),
    KEY("explicit", IN_CASE, case_build, out.is_explicit, .type = "true or false",
        .read = read_bool, .fallback = "false", .example = "true",
        .summary = "Whether it is run only where cases are chosen, as by `--only`, and it is."),
    KEY("env", IN_SUITE | IN_CASE, case_build, env, .type = "mapping of names to texts",
        .read = read_env, .example = "{LC_ALL: C}",
        .summary = "Environment of all that runs in all nodes. A case adds to the suite's."),
    KEY("kernel", IN_SUITE | IN_CASE, case_build, kernels, .type = "line", .read = read_kernel,
        .fallback = KERNEL_DEFAULT, .example = "small",
        .summary = "The guests' kernel: a provider's name, a path or a URL. `--kernel` goes "
                   "before it."),
    KEY("kernels", IN_SUITE | IN_CASE, case_build, kernels, .type = "list of kernels",
        .read = read_kernels, .example = "[debian, small]",
        .summary = "Kernels to run every case on, each as a case of its own. In place of "
                   "`kernel`."),
    KEY("cmdline", IN_SUITE | IN_CASE, case_build, cmdline, .type = "line", .read = read_line,
        .fallback = "", .example = "quiet",
        .summary = "Kernel parameters to add, for every node that has none of its own."),
    KEY("init", IN_SUITE | IN_CASE, case_build, init, .type = "init", .read = read_init,
        .example = "{directory: guest, run: /init}",
        .summary = "Somebody else's PID 1, for every node that has none of its own."),
    KEY("tokens", IN_SUITE | IN_CASE, case_build, out.tokens, .type = "tokens", .read = read_tokens,
        .example = "{result: \"MY_RESULT: \"}",
        .summary = "What the lines of the console that carry results begin with."),
    KEY("network", IN_SUITE | IN_CASE, case_build, out.network, .type = "limits",
        .read = read_network, .example = "{late: 200ms}",
        .summary = "How late a network may be, for want of CPU, before a case says nothing: "
                   "`invalid`."),
    PART("metrics", IN_SUITE | IN_CASE, .type = "mapping of names to limits", .read = read_metrics,
         .example = "{throughput: {fail_below: 90%}}",
         .summary = "Limits of metrics that the guests print (docs/results.md). A case adds to "
                    "the suite's, and replaces those of one name."),

    PART("exclude", IN_MATRIX, .type = "list of mappings of variables to values",
         .example = "[{transport: udp}]",
         .summary = "Combinations to leave out: those that have all the values of one of these."),

    KEY("memory", IN_NODE, suite_node, memory_bytes, .type = "size", .unit = UNITS_SIZE,
        .read = read_size, .fallback = "256M", .least = "32M", .most = "1T", .example = "512M",
        .summary = "RAM of the guest."),
    KEY("cpus", IN_NODE, suite_node, cpus, COUNT, .fallback = "1", .least = "1", .most = "64",
        .example = "2", .summary = "Processors of the guest."),
    PART("files", IN_NODE, .type = "list of paths or files", .read = read_files,
         .example = "[/bin/sh]",
         .summary = "What is copied into the guest. A path stays where it is. A case adds to "
                    "these; a file for the same place in the guest replaces the earlier one."),
    KEY("modules", IN_NODE, suite_node, modules, .type = "list of names", .read = read_names_adding,
        .example = "[wireguard, tun]",
        .summary = "Kernel modules to load, with what they depend on. A case adds to these."),
    KEY("sysctl", IN_NODE, suite_node, sysctls, .type = "mapping of names to texts",
        .read = read_sysctl, .example = "{net.ipv4.ip_forward: 1}",
        .summary = "Kernel settings, made before anything else runs. A case adds to these."),
    KEY("env", IN_NODE, suite_node, env, .type = "mapping of names to texts", .read = read_env,
        .example = "{LC_ALL: C}",
        .summary = "Environment of all that runs in the node. A case adds to it."),
    PART("background", IN_NODE, .type = "list of processes", .read = read_background,
         .example = "[{name: echo, run: nc -l -p 7, ready: tcp/7}]",
         .summary = "What runs beside the steps, started in this order. A case's own list "
                    "replaces the suite's."),
    PART("run", IN_NODE, .type = "shell script", .read = read_run, .example = "ping -c1 exit",
         .summary = "The node's one step, named `run`. In place of `steps`."),
    PART("steps", IN_NODE, .type = "list of steps", .read = read_steps,
         .example = "[{name: ping, run: ping -c1 exit}]",
         .summary = "What the node does, in this order. A case's own list replaces the suite's."),
    PART("after", IN_NODE, .type = "list of nodes", .read = read_after, .example = "[exit]",
         .summary = "Nodes whose background must all be ready before this one starts anything."),
    PART("routes", IN_NODE, .type = "list of routes", .read = read_routes,
         .example = "[{to: default, via: 10.0.0.2}]",
         .summary = "Routes besides those of the links. A case's own list replaces the suite's."),
    KEY("router", IN_NODE, suite_node, is_router, .type = "true or false", .read = read_bool,
        .fallback = "false", .example = "true",
        .summary = "The node is a router: duet's packet core forwards between its links, by its "
                   "`routes`. Its kernel has no network, and it has no steps or background of its "
                   "own."),
    KEY("init", IN_NODE, suite_node, init, .type = "init", .read = read_init,
        .example = "{directory: guest, run: /init}", .summary = "Somebody else's PID 1."),
    KEY("cmdline", IN_NODE, suite_node, cmdline, .type = "line", .read = read_line,
        .example = "quiet", .summary = "Kernel parameters to add. Default: the case's."),

    KEY("name", IN_STEP, suite_step, name, .type = "name", .read = read_name, .example = "send",
        .summary = "Unique in the node. Default: `step-` and its number, from 1."),
    KEY("run", IN_STEP, suite_step, run, .type = "shell script", .read = read_script,
        .required = IN_STEP, .example = "ping -c1 exit", .summary = "What to do."),
    KEY("timeout", IN_STEP, suite_step, timeout_ns, DURATION, .least = "1ms", .most = "24h",
        .example = "10s", .summary = "How long it may take. Default: as long as the case has."),
    KEY("env", IN_STEP, suite_step, env, .type = "mapping of names to texts", .read = read_env,
        .example = "{LC_ALL: C}", .summary = "Environment, over the node's."),
    KEY("expect", IN_STEP, suite_step, expect, .type = "expectation", .read = read_expect,
        .example = "{status: 1}", .summary = "What makes the step pass."),
    PART("impair", IN_STEP, .type = "mapping of links to impairments", .read = read_step_impair,
         .example = "{entry-exit: {loss: 5%}}",
         .summary = "What changes on links of the case when the step starts, in force until "
                    "something else changes it."),
    KEY("measure", IN_STEP, suite_step, measures, .type = "what it prints",
        .unit = "iperf3 metrics", .read = read_measure, .example = "iperf3",
        .summary = "Results of `iperf3 -J`, which become metrics of the step's name; or metric "
                   "tokens, one at least, each named `STEP` or `STEP.NAME`. A step that measures "
                   "and fails fails its case, and the next step runs."),

    KEY("status", IN_EXPECT, suite_expect, status, COUNT, .fallback = "0", .least = "0",
        .most = "255", .example = "1",
        .summary = "Exit status; 128 and the signal's number where one ended it."),
    KEY("stdout", IN_EXPECT, suite_expect, output, .type = "text", .read = read_text,
        .example = "\"hello\\n\"", .summary = "All of the standard output, byte for byte."),
    KEY("stdout_sha256", IN_EXPECT, suite_expect, output_sha256, .type = "SHA-256",
        .read = read_sha256,
        .example = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .summary = "Of all of the standard output, 64 digits in lower case."),
    KEY("stdout_contains", IN_EXPECT, suite_expect, output_has, .type = "text", .read = read_text,
        .example = "0% packet loss", .summary = "Somewhere in the standard output."),

    KEY("name", IN_BACKGROUND, suite_background, name, .type = "name", .read = read_name,
        .required = IN_BACKGROUND, .example = "echo", .summary = "Unique in the node."),
    KEY("run", IN_BACKGROUND, suite_background, run, .type = "shell script", .read = read_script,
        .required = IN_BACKGROUND, .example = "exec nc -l -p 7",
        .summary =
            "What to run. An end before that of the steps fails, but for status 0 (a daemon)."),
    KEY("ready", IN_BACKGROUND, suite_background, ready,
        .type = "tcp/PORT, udp/PORT, path or ready", .read = read_ready, .example = "tcp/9999",
        .summary = "What shows that it is ready. Default: that it was started."),
    KEY("ready_timeout", IN_BACKGROUND, suite_background, ready_timeout_ns, DURATION,
        .fallback = "30s", .least = "1ms", .most = "24h", .example = "5s",
        .summary = "How long that may take."),
    KEY("stop_signal", IN_BACKGROUND, suite_background, stop_signal, .type = "signal",
        .unit = "TERM INT HUP QUIT KILL USR1 USR2", .read = read_signal, .fallback = "TERM",
        .example = "INT", .summary = "What asks it to end, after the steps."),
    KEY("env", IN_BACKGROUND, suite_background, env, .type = "mapping of names to texts",
        .read = read_env, .example = "{LC_ALL: C}", .summary = "Environment, over the node's."),

    KEY("tcp", IN_READY, ready_build, tcp, PORT, .example = "9999",
        .summary = "Something in the node listens on this TCP port."),
    KEY("udp", IN_READY, ready_build, udp, PORT, .example = "9999",
        .summary = "Something in the node is bound to this UDP port."),
    KEY("path", IN_READY, ready_build, path, .type = "path", .read = read_guest_path,
        .example = "/run/echo.sock", .summary = "This path is there."),
    KEY("output", IN_READY, ready_build, output, .type = "line", .read = read_line,
        .example = "Initialization Sequence Completed",
        .summary = "The process wrote this, to standard output or standard error."),
    KEY("command", IN_READY, ready_build, command, .type = "shell script", .read = read_script,
        .example = "ip link show tun0", .summary = "This succeeds."),

    KEY("from", IN_FILE, file_build, from, .type = "path", .read = read_keep,
        .example = "guest/init",
        .summary = "On the host: a program (its shared libraries come along), another file, or a "
                   "directory with all that is in it. Relative to the suite's file."),
    KEY("to", IN_FILE, file_build, out.to, .type = "path", .read = read_guest_path,
        .example = "/etc/motd",
        .summary = "In the guest, absolute. Default: `from`, where that is absolute."),
    KEY("content", IN_FILE, file_build, out.content, .type = "text", .read = read_text,
        .example = "\"key = value\\n\"", .summary = "What is in the file. In place of `from`."),
    KEY("mode", IN_FILE, file_build, out.mode, .type = "octal digits", .read = read_mode,
        .example = "0755",
        .summary = "Permission bits. Default: as on the host; 0644 with `content`."),
    KEY("optional", IN_FILE, file_build, optional, .type = "true or false", .read = read_bool,
        .fallback = "false", .example = "true",
        .summary = "Where `from` is not on the host, the guest does without it."),

    KEY("to", IN_ROUTE, route_build, to, .type = "subnet", .read = read_keep, .required = IN_ROUTE,
        .example = "default", .summary = "Where the route leads, or `default`."),
    KEY("via", IN_ROUTE, route_build, via, .type = "address", .read = read_keep,
        .required = IN_ROUTE, .example = "10.0.0.2",
        .summary = "The next hop: another address in a subnet of the node's."),

    KEY("name", IN_LINK, link_build, out.name, .type = "name", .read = read_name,
        .example = "uplink", .summary = "Unique in the case. Default: its nodes, as `entry-exit`."),
    KEY("nodes", IN_LINK, link_build, nodes, .type = "list of two nodes", .read = read_keep,
        .required = IN_LINK, .example = "[entry, exit]", .summary = "Its ends."),
    KEY("subnet", IN_LINK, link_build, subnet, .type = "subnet or list of subnets",
        .read = read_keep, .example = "[10.0.0.0/24, \"fd00::/64\"]",
        .summary = "At most one of IPv4 and one of IPv6. The first node gets its first address, "
                   "the second node its second. Default: no addresses."),
    KEY("addresses", IN_LINK, link_build, addresses,
        .type = "mapping of nodes to lists of addresses", .read = read_keep,
        .example = "{entry: [10.0.0.7/24]}",
        .summary = "For the nodes named here, in place of those from `subnet`."),
    KEY("mtu", IN_LINK, link_build, out.mtu, COUNT, .unit = "bytes", .fallback = "1500",
        .least = "68", .most = "65535", .example = "9000",
        .summary = "Of both interfaces. With IPv6 at least 1280."),
    PART("carrier", IN_LINK, .type = "carrier", .unit = "direct guest host netem",
         .read = read_carrier, .example = "host",
         .summary =
             "Who takes packets from one end to the other: the two machines themselves "
             "(`direct`); duet's init in one of the guests (`guest`); duet on the host "
             "(`host`); or the guests' own tc netem (`netem`). Default: `guest` where "
             "`impair` is given, here or in a step (`host` where both nodes have an `init`), or "
             "an end is a router, "
             "else `direct`."),
    KEY("impair", IN_LINK, link_build, impair, .type = "impairment", .read = read_keep,
        .example = "{loss: 0.5%, delay: 5ms}",
        .summary = "How bad the link is, in each direction. Default: not at all."),

    PART("rules", IN_IMPAIR, .type = "list of rules", .read = read_keep,
         .example = "[{action: drop, protocol: udp, nth: 3}]",
         .summary = "Which packets are picked, and what happens to them; up to 64, in this order."),
    PART("from", IN_IMPAIR | IN_CHANGE | IN_STEP_IMPAIR, .type = "mapping of nodes to impairments",
         .read = read_keep, .example = "{entry: {loss: 5%}}",
         .summary = "For what this node sends, over what is said of both directions."),
    PART("changes", IN_IMPAIR, .type = "list of changes", .read = read_keep,
         .example = "[{at: 200, down: true}, {after: 2s, down: false}]",
         .summary = "How the link changes while it runs, one after the other."),

    KEY("at", IN_CHANGE, change_build, packet, .type = "whole number", .read = read_number,
        .example = "200",
        .summary = "On this packet of data, from 0; at once where it has come already."),
    KEY("of", IN_CHANGE, change_build, of, .type = "node", .read = read_keep, .example = "exit",
        .summary = "Whose packets `at` counts. Default: the link's first node's."),
    KEY("after", IN_CHANGE, change_build, after_ns, DURATION, .least = "0s", .most = "24h",
        .example = "2s",
        .summary = "So long after the change before it, the first: after the link's first packet. "
                   "In place of `at`."),

    KEY("directory", IN_INIT, suite_init, directory, .type = "path", .read = read_line,
        .required = IN_INIT, .example = "guest",
        .summary = "On the host: what is copied into the guest's root. Relative to the suite's "
                   "file."),
    KEY("run", IN_INIT, suite_init, run, .type = "path", .read = read_guest_path,
        .required = IN_INIT, .example = "/init", .summary = "What to run, from the directory."),
    KEY("raw", IN_INIT, suite_init, raw, .type = "true or false", .read = read_bool,
        .fallback = "false", .example = "true",
        .summary =
            "Whether `run` is PID 1 itself, in a guest that duet does nothing in. "
            "Otherwise duet's init prepares the node, takes its own mounts away, and becomes it."),

    KEY("result", IN_TOKENS, suite_tokens, result, .type = "line", .read = read_line,
        .fallback = "DUET_RESULT: ", .example = "\"MY_RESULT: \"",
        .summary = "Before the JSON of a result."),
    KEY("ready", IN_TOKENS, suite_tokens, ready, .type = "line", .read = read_line,
        .fallback = "DUET_READY: ", .example = "\"MY_READY: \"",
        .summary = "Before what says that a node is ready."),

    KEY("late", IN_NETWORK, suite_network, late_ns, DURATION, .fallback = "50ms", .least = "0ms",
        .most = "1h", .example = "200ms",
        .summary = "A packet that leaves a link by so much later than it should, and by more than "
                   "half of its delay, is late. 0: none is."),
    KEY("late_share", IN_NETWORK, suite_network, late_ppb, PERCENT_OF("20%"), .example = "40%",
        .summary = "How many of the packets of a direction that is to take time may be late."),
    KEY("stall", IN_NETWORK, suite_network, stall_ns, DURATION, .fallback = "1s", .least = "0ms",
        .most = "1h", .example = "5s", .summary = "How long duet may stand still. 0: for ever."),

    KEY("fail_below", IN_METRIC, metric_bounds, below, .type = "number or percentage",
        .read = read_bound, .example = "90%",
        .summary = "The case fails where the metric's median is below: in its own unit, or, as a "
                   "percentage, of the baseline's median where there is a baseline."),
    KEY("fail_above", IN_METRIC, metric_bounds, above, .type = "number or percentage",
        .read = read_bound, .example = "25", .summary = "Likewise above."),

    KEY("suite", IN_SHRUNK, shrunk_build, suite, .type = "path", .read = read_line,
        .required = IN_SHRUNK, .example = "base.yaml",
        .summary = "The other suite's file, which has all that is not said here. Relative to this "
                   "one."),
    KEY("case", IN_SHRUNK, shrunk_build, case_name, .type = "line", .read = read_line,
        .required = IN_SHRUNK, .example = "base", .summary = "The name of its case."),
    KEY("kernels", IN_SHRUNK, shrunk_build, kernels, .type = "line", .read = read_line,
        .example = "small", .summary = "As `--kernel` would name them, for all of that suite."),
    PART("seed", IN_SHRUNK, .type = "whole number", .read = read_seed, .example = "7193873153611",
         .summary = "The run's, unless `--seed` says another."),
    KEY("impair", IN_SHRUNK, shrunk_build, impair, .type = "mapping of links to impairments",
        .read = read_keep, .example = "{entry-exit: {loss: 12%}}",
        .summary =
            "In place of what these links have there, but for `changes` that are not named."),
};

const struct suite_key *suite_keys(size_t *count)
{
    *count = array_size(keys);
    return keys;
}
