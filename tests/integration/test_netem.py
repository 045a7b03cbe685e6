"""Links that the guests' own tc netem impairs."""

import json
import re
import time
import unittest

import duet
import kept
from test_carrier import DATAGRAMS, ENDS, PAIR, SCRIPT, causes, direction, quantile

TAIL = 1e-9  # how often chance alone may have a test fail, on each side
LIMIT = 4096  # packets on their way, where a suite names no limit


class Lossy(duet.SuiteTest):
    """2000 numbered datagrams, and those that say that all were sent."""

    SUITE = PAIR + SCRIPT + """
    matrix:
      impair: [{loss: 30%}, {duplicate: 20%}]
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: netem, impair: {from: {a: "${impair}"}}}
    """

    def received(self, case):
        self.assertEqual(self.result.verdicts.get(case), "passed", self.result)
        return self.result.step_output(case, "get", "b").decode().splitlines()[:-1]

    def test_loss_is_what_was_asked_for(self):
        received = self.received("loss=30%")
        self.assertEqual(received, sorted(set(received), key=int))
        self.assertGreaterEqual(len(received), quantile(DATAGRAMS, 0.7, TAIL))
        self.assertLessEqual(len(received), quantile(DATAGRAMS, 0.7, 1 - TAIL))

    def test_what_the_qdisc_counts_is_in_the_results(self):
        there, back = (direction(self.result, "loss=30%", number) for number in (0, 1))
        dropped = causes(self.result, "loss=30%")["dropped"]
        self.assertEqual(self.result.cases["loss=30%"]["links"][0]["carrier"], "netem")
        self.assertEqual((there["from"], there["to"]), ("a", "b"))
        self.assertEqual(there["packets_in"], DATAGRAMS + ENDS)
        self.assertEqual(there["packets_out"], DATAGRAMS + ENDS - dropped)
        self.assertGreaterEqual(dropped, quantile(DATAGRAMS + ENDS, 0.3, TAIL))
        self.assertLessEqual(dropped, quantile(DATAGRAMS + ENDS, 0.3, 1 - TAIL))
        self.assertIsNone(there["verdicts"])
        self.assertEqual(back["causes"], [])

    def test_duplicates_count_as_packets(self):
        received = self.received("duplicate=20%")
        self.assertEqual(len(set(received)), DATAGRAMS)
        self.assertGreaterEqual(len(received) - DATAGRAMS, quantile(DATAGRAMS, 0.2, TAIL))
        self.assertLessEqual(len(received) - DATAGRAMS, quantile(DATAGRAMS, 0.2, 1 - TAIL))
        self.assertGreater(direction(self.result, "duplicate=20%")["packets_out"], DATAGRAMS + ENDS)


class Up(kept.Kept):
    """Each direction has its own, in both families."""

    SUITE = """
    nodes: {a: {run: "true", files: [/sbin/tc]}, b: {files: [/sbin/tc]}}
    links:
      - nodes: [a, b]
        subnet: [10.0.0.0/24, "fd00::/64"]
        carrier: netem
        impair:
          delay: 50ms
          from:
            b: {delay: 30ms, jitter: 10ms, distribution: normal, loss.gemodel: {p: 1%, r: 50%}}
    """

    def test_a_delay_counts_there_and_back(self):
        for address in ("10.0.0.2", "fd00::2"):
            with self.subTest(address=address):
                times = re.findall(r"time=([0-9.]+) ms", self.sh("a", f"ping -c 10 {address}"))
                self.assertGreater(len(times), 0)
                self.assertGreaterEqual(min(map(float, times)), 50)

    def test_the_kernel_has_what_was_asked_for(self):
        self.assertIn(f"limit {LIMIT} delay 50ms\n", self.sh("a", "tc qdisc show dev eth0"))
        self.assertIn("delay 30ms  10ms loss gemodel p 1% r 50% 1-h 100% 1-k 0%",
                      self.sh("b", "tc qdisc show dev eth0"))


class Live(kept.Kept):
    """Changes of what runs."""

    SUITE = """
    nodes: {a: {run: "true", files: [/sbin/tc]}, b: {files: [/sbin/tc]}}
    links: [{nodes: [a, b], subnet: 10.0.0.0/24, carrier: netem, impair: {delay: 20ms}}]
    """

    def change(self, *arguments):
        return self.expect(self.run_duet("impair", "kept", *arguments), 0).stdout.decode()

    def qdisc(self, node):
        return self.sh(node, "tc qdisc show dev eth0")

    def dropped(self):
        link, = json.loads(self.expect(self.run_duet("link", "kept", "--json"), 0).stdout)
        return [way["causes"].get("dropped", 0) for way in link["directions"]]

    def tearDown(self):
        self.change("--clear", "--delay", "20ms")

    def test_what_is_not_named_stays(self):
        self.change("--loss", "5%")
        for node in "ab":
            self.assertIn("delay 20ms loss 5%", self.qdisc(node))
        self.change("--delay", "none")
        for node in "ab":
            self.assertNotIn("delay", self.qdisc(node))
            self.assertIn("loss 5%", self.qdisc(node))

    def test_one_direction(self):
        before = self.dropped()
        self.change("--from", "b", "--blackhole")
        self.assertIn("loss 100%", self.qdisc("b"))
        self.assertNotIn("loss", self.qdisc("a"))
        after, deadline = before, time.monotonic() + duet.EVENT_LIMIT_S
        # a's ping may be over before b has answered it.
        while after[1] == before[1] and time.monotonic() < deadline:
            self.sh("a", "! ping -c 2 -W 1 10.0.0.2")
            after = self.dropped()
        self.assertEqual(after[0], before[0])
        self.assertGreater(after[1], before[1])

    def test_what_netem_cannot_do_changes_nothing(self):
        run = self.run_duet("impair", "kept", "--mtu", "1400", "--delay", "30ms")
        self.assertNotEqual(run.returncode, 0, run)
        self.assertIn("mtu: tc netem has nothing like it", run.stderr.decode())
        for node in "ab":
            self.assertIn("delay 20ms", self.qdisc(node))


class Captured(duet.SuiteTest):
    OPTIONS = ("--capture",)
    SUITE = PAIR + """
    nodes: {a: {run: ping -c 3 10.0.0.2}, b: }
    links: [{nodes: [a, b], subnet: 10.0.0.0/24, carrier: netem, impair: {delay: 5ms}}]
    """

    def test_what_netem_lets_through_is_captured(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        link, = self.result.cases["suite"]["links"]
        self.assertEqual(link["carrier"], "netem")
        self.assertEqual(self.result.read(link["capture"])[:4], b"\x0a\x0d\x0d\x0a")
        for way in link["directions"]:
            self.assertIsNone(way["verdicts"])
            self.assertGreaterEqual(way["packets_out"], 3)


class Refused(unittest.TestCase):
    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def assert_refused(self, impair, value, message):
        """`value` is where the mistake is."""
        line = f"    impair: {impair}"
        run = self.work.run("nodes: {a: {run: 'true'}, b: }\n"
                            "links:\n"
                            "  - nodes: [a, b]\n"
                            "    carrier: netem\n"
                            f"{line}\n")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn(f"suite.yaml:5:{line.index(value) + 1}: {message}", run.stderr)

    def test_what_netem_cannot_do_has_a_line_and_a_column(self):
        others = "tc netem has nothing like it; `carrier: guest` and `carrier: host` do"
        self.assert_refused("{delay: 5ms, mtu: 1400}", "1400", f"mtu: {others}")
        self.assert_refused("{rate: 1mbit, burst: 15000B}", "15000B", f"burst: {others}")
        self.assert_refused("{from: {b: {corrupt: 1%, corrupt.bits: 2}}}", "2",
                            f"corrupt.bits: {others}")
        self.assert_refused("{delay: 5s, jitter: 3s}", "3s",
                            "jitter: found 3000000000 ns, expected at most 2147483647 ns")

    def test_a_node_with_an_init_of_its_own_has_no_netem(self):
        self.work.write("guest/init", "#!/bin/sh\n", 0o755)
        run = self.work.run("nodes: {a: {run: 'true'}, b: {init: {directory: guest, run: /init}}}\n"
                            "links: [{nodes: [a, b], carrier: netem}]\n")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn("suite.yaml:2:34: carrier: found netem, which duet's init sets, and the node "
                      "\"b\" has an init of its own: expected carrier: host", run.stderr)


if __name__ == "__main__":
    unittest.main()
