"""Whether the network was what a case asks for: what is measured, and who stood still."""

import os
import signal
import subprocess
import time
import unittest

import duet

PAIR = """
    name: pair
    timeout: 180s
    defaults: {cmdline: ipv6.disable=1}
    nodes:
      b:
      a: {steps: [{name: work, run: "%s"}]}
    links: [{nodes: [a, b], subnet: 10.0.0.0/24, carrier: host, impair: {delay: 25ms, loss: 20%%}}]
    """

STOP_S = 3  # how long duet is stopped, in a step that takes much longer


def directions(run):
    return run.cases["pair"]["links"][0]["directions"]


class Stopped(unittest.TestCase):
    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)

    def run_stopped(self, limits):
        suite = (PAIR % "sleep 15").rstrip() + f"\n    network: {limits}\n"
        running = self.place.start("--verbose", suite=suite)
        running.wait_for("step \"work\"|step 1/1 work")
        os.kill(running.process.pid, signal.SIGSTOP)
        time.sleep(STOP_S)
        os.kill(running.process.pid, signal.SIGCONT)
        run = running.wait()
        self.place.assert_nothing_left()
        return run

    def test_a_link_that_stood_still_makes_the_case_invalid(self):
        run = self.run_stopped("{late: 0s}")
        self.assertEqual(run.verdicts, {"pair": "invalid"}, run)
        self.assertEqual(run.status, duet.TROUBLE)
        self.assertRegex(run.cases["pair"]["reason"],
                         r"duet stood still for \d+\.\d s, .*Without that: passed")
        longest = max(run.cases["pair"]["stalls"], key=lambda stall: stall["length_s"])
        self.assertIsNone(longest["node"])
        self.assertGreater(longest["length_s"], STOP_S - 0.5)
        self.assertLess(longest["cpu_s"], longest["length_s"] / 2)

    def test_unless_it_allows_for_that(self):
        run = self.run_stopped("{stall: 10m, late: 0s}")
        self.assertEqual(run.verdicts, {"pair": "passed"}, run)
        self.assertGreater(max(stall["length_s"] for stall in run.cases["pair"]["stalls"]),
                           STOP_S - 0.5)


class Busy(duet.SuiteTest):
    """As many other processes that compute as the host has CPUs."""

    SUITE = PAIR % "ping -c 300 -i 0.01 -q 10.0.0.2 || true"

    @classmethod
    def prepare(cls):
        for _ in range(os.cpu_count()):
            busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
            cls.addClassCleanup(busy.wait)
            cls.addClassCleanup(busy.kill)

    def test_a_case_beside_them_is_valid(self):
        self.assertEqual(self.result.verdicts, {"pair": "passed"}, self.result)
        for way in directions(self.result):
            self.assertTrue(way["measured"]["as_asked"], way)

    def test_what_was_measured_is_told(self):
        way = directions(self.result)[0]
        shares = {share["name"]: share for share in way["measured"]["shares"]}
        causes = {cause["name"]: cause["packets"] for cause in way["causes"]}
        # ARP may be lost as well; what is judged is data.
        self.assertLessEqual(shares["loss"]["hits"], causes["loss"])
        self.assertGreaterEqual(shares["loss"]["hits"], causes["loss"] - causes.get("upkeep", 0))
        self.assertAlmostEqual(shares["loss"]["expected"], shares["loss"]["trials"] / 5, delta=0.1)
        self.assertLess(shares["loss"]["least"], shares["loss"]["expected"])
        self.assertGreater(shares["loss"]["most"], shares["loss"]["expected"])
        self.assertEqual(shares["duplicate"]["most"], 0)
        self.assertEqual(way["measured"]["delay_ms"], {"median": 25, "p99": 25, "max": 25})
        self.assertGreaterEqual(way["measured"]["late_ms"]["max"],
                                way["measured"]["late_ms"]["median"])


if __name__ == "__main__":
    unittest.main()
