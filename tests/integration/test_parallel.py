"""Cases side by side: each has its own verdict and evidence, whatever becomes of its neighbours, and
results are in the suite's order, whatever the order of ending. How such runs are ended from outside
is in test_lifecycle."""

import json
import os
import pty
import re
import subprocess
import threading
import unittest
import xml.etree.ElementTree

import duet


class SideBySide(duet.SuiteTest):
    SUITE = """
        name: suite
        cases:
          slow: {nodes: {box: {run: sleep 3}}}
          fails: {nodes: {box: {run: "echo because; exit 3"}}}
          left-out: {skip: not today, nodes: {box: {run: "true"}}}
          quick: {nodes: {box: {run: "true"}}}
          panics: {nodes: {box: {run: "sleep 1; echo c > /proc/sysrq-trigger"}}}
          hangs: {nodes: {box: {steps: [{name: run, run: sleep 1000, timeout: 3s}]}}}
          fine: {nodes: {box: {run: echo $DUET_CASE}}}
        nodes: {box: {memory: 192M}}
        timeout: 5m
        """
    VERDICTS = {"slow": "passed", "fails": "failed", "left-out": "skipped", "quick": "passed",
                "panics": "panic", "hangs": "timeout", "fine": "passed"}
    OPTIONS = ("-j4", "--accel", "tcg", "--junit", "out.xml", "--tap", "out.tap", "--verbose")

    def test_each_has_its_own_verdict(self):
        self.assertEqual(self.result.verdicts, self.VERDICTS, self.result)
        self.assertEqual(self.result.status, duet.FAILED)
        self.assertEqual(self.result.step_output("fine", "run"), b"fine\n")

    def test_results_have_the_suite_s_order(self):
        names = list(self.VERDICTS)
        self.assertEqual(list(self.result.cases), names)
        junit = xml.etree.ElementTree.parse(self.work.path / "out.xml")
        self.assertEqual([case.get("name") for case in junit.iter("testcase")], names)
        tap = (self.work.path / "out.tap").read_text()
        self.assertEqual(re.findall(r"^(?:not )?ok \d+ - (\S+)", tap, re.MULTILINE), names)

    def test_a_report_is_whole_and_of_one_case(self):
        for case, reason in (("fails", "exit status 3"), ("panics", "Kernel panic"),
                             ("hangs", "its timeout")):
            with self.subTest(case=case):
                shown = self.expect(case, self.VERDICTS[case], reason)
                self.assertIn("the last 150 lines of box's console", shown)
                self.assertTrue(shown.endswith(f"/{case}"), shown)
                self.assertEqual(shown.count("all of it: "), 1)
        self.assertIn("| because", self.result.shown("fails"))

    def test_the_heading_says_how_many(self):
        self.assertRegex(self.result.stdout, r"^suite: 7 cases, 4 at a time, kernel ")

    def test_every_case_has_its_own_evidence(self):
        pids = {self.result.node(case)["qemu"]["pid"] for case in self.VERDICTS
                if case != "left-out"}
        self.assertEqual(len(pids), 6)
        self.assertIn(b"Kernel panic", self.result.console("panics"))
        for case in ("fails", "fine"):
            self.assertNotIn(b"Kernel panic", self.result.console(case))


class Order(unittest.TestCase):
    SUITE = """
        name: order
        matrix: {n: [new, short, long, older]}
        nodes: {box: {run: "true"}}
        timeout: 10m
        """

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def took(self, stamp, **durations):
        """A run that left these durations."""
        cases = [{"name": name, "verdict": "passed", "duration_s": seconds}
                 for name, seconds in durations.items()]
        self.work.write(f"duet-results/{stamp}-order/results.json",
                        json.dumps({"suite": "order", "cases": cases}))

    def order(self, *options):
        run = self.work.run(self.SUITE, "--verbose", "--accel", "tcg", "-j1", *options)
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertEqual(list(run.cases), ["new", "short", "long", "older"], run)
        return run, re.findall(r"(\w+): preparing its images", run.stderr)

    def test_what_took_long_begins_first(self):
        self.took("20260101T000000Z", older=10, long=1)
        self.took("20260102T000000Z", short=2, long=300)
        run, order = self.order()
        self.assertEqual(order, ["new", "long", "older", "short"])
        ended = re.findall(r"^  passed +(\w+) ", run.stdout, re.MULTILINE)
        self.assertEqual(ended, order, run)

    def test_cold_brings_nothing_up_ahead(self):
        run, order = self.order("--cold")
        self.assertEqual(order, ["new", "short", "long", "older"])
        events = re.findall(r"(\w+): (preparing|box: stopping)", run.stderr)
        self.assertEqual(events, [(case, what) for case in order
                                  for what in ("preparing", "box: stopping")], run)


class Terminal(unittest.TestCase):
    """The live view is for terminals only, and goes before anything else is printed."""
    SUITE = """
        name: view
        matrix: {n: [one, two, three]}
        nodes: {box: {run: sleep 2}}
        """

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def on_terminal(self, **environment):
        path = self.work.write("view.yaml", self.SUITE)
        ours, theirs = pty.openpty()
        shown = []

        def collect():
            try:
                while chunk := os.read(ours, 65536):
                    shown.append(chunk)
            except OSError:  # the other end is closed
                pass

        reader = threading.Thread(target=collect)
        reader.start()
        done = subprocess.run([duet.PROGRAM, "run", "-j2", "--accel", "tcg", path],
                              cwd=self.work.path, stdin=subprocess.DEVNULL, stdout=theirs,
                              stderr=theirs, timeout=duet.RUN_LIMIT_S,
                              env=self.work.environment | {"TERM": "xterm"} | environment)
        os.close(theirs)
        reader.join()
        os.close(ours)
        self.work.assert_nothing_left()
        self.assertEqual(done.returncode, duet.PASSED)
        return b"".join(shown).decode().replace("\r\n", "\n")

    def test_a_view_that_comes_and_goes(self):
        shown = self.on_terminal()
        self.assertIn("0/3 done, 2 running", shown)
        self.assertRegex(shown, r'  one +\d+ s  box: step "run"')
        # Each result stands where the view was.
        for line in re.findall(r".*passed.*", shown)[:3]:
            self.assertRegex(line, r"(^|\x1b\[J)  \x1b\[32mpassed")
        self.assertRegex(shown, r"3 passed, 0 failed, 0 skipped in .*\n$")

    def test_no_color_takes_the_colours(self):
        shown = self.on_terminal(NO_COLOR="1")
        self.assertNotRegex(shown, r"\x1b\[\d*m")
        self.assertIn("done, 2 running", shown)

    def test_a_pipe_gets_no_view(self):
        run = self.work.run(self.SUITE, "-j2", "--accel", "tcg", environment={"TERM": "xterm"})
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertNotIn("running", run.stdout + run.stderr)
        self.assertNotIn("\x1b", run.stdout + run.stderr)


class Jobs(unittest.TestCase):
    def test_numbers_that_are_none(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        for number in ("0", "-1", "many", "", "1e3", "10001"):
            with self.subTest(number=number):
                run = work.run(SideBySide.SUITE, "-j", number)
                self.assertEqual(run.status, duet.BAD_USAGE, run)
                self.assertIn("--jobs", run.stderr)
        self.assertFalse(work.results.exists())


if __name__ == "__main__":
    unittest.main()
