"""duet replay and duet shrink: a case that fails at 30 % loss does so again, and at less."""

import json
import os
import pathlib
import re
import shutil
import signal
import tempfile
import unittest

import duet
import sink

SENT, ENDS, NEEDED = 400, 48, 320

# Numbered datagrams, and behind them those that say that all were sent. With the neighbour's address
# known, kernels send nothing else, and lose nothing while they look for it. A step that fails ends
# its case, so it fails when the sender has said, on a link that loses nothing, that it is done: else
# what of its last datagrams gets onto the link is another number each time.
SUITE = f"""\
name: count
timeout: 180s
defaults:
  cmdline: ipv6.disable=1
  files: [/bin/bash, /bin/ip, /usr/bin/socat]
matrix:
  loss: [5%, 30%]
nodes:
  b:
    sysctl: {{net.core.rmem_default: 8388608}}
    background:
      - {sink.UDP}
      - name: done
        run: |
          mkfifo /tmp/done
          exec socat -u TCP4-LISTEN:6000 OPEN:/tmp/done
        ready: {{tcp: 6000}}
    steps:
      - name: count
        run: |
          count=$(sed /^end/q /tmp/fifo | wc -l)
          cat /tmp/done
          test "$count" -gt {NEEDED}
  a:
    after: [b]
    steps:
      - name: neighbour
        run: ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
      - name: send
        run: |
          exec bash -c 'exec 3>/dev/udp/10.0.0.2/5000
            for i in {{1..{SENT}}}; do echo $i >&3; done
            for i in {{1..{ENDS}}}; do echo end >&3; done
            exec 4>/dev/tcp/10.0.1.2/6000'
links:
  - {{nodes: [a, b], subnet: 10.0.0.0/24, carrier: host,
     impair: {{loss: "${{loss}}", duplicate: 1%}}}}
  - {{name: done, nodes: [a, b], subnet: 10.0.1.0/24}}
"""
FAILS = "loss=30%"


class ReplayAndShrink(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        cls.first = cls.work.run(SUITE, "--seed", "3")

    def replay(self, *arguments):
        return self.work.command("replay", *arguments, self.first.directory)

    def write_suite(self, text):
        self.addCleanup(self.work.write_suite, SUITE)
        self.work.write_suite(text)

    def test_the_case_fails(self):
        self.assertEqual(self.first.verdicts, {"loss=5%": "passed", FAILS: "failed"}, self.first)

    def test_it_fails_again_in_the_same_way(self):
        run = self.replay()
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertRegex(run.stdout, r"(?m)^  same +loss=30%: failed again$")
        self.assertRegex(run.stdout, r"(?m)^  same +loss=5%: passed again$")
        self.assertIn("link a-b, a to b: same, ", run.stdout)
        self.assertNotIn("has changed", run.stderr)

    def test_what_comes_out_otherwise_differs(self):
        self.write_suite(SUITE.replace(f"-gt {NEEDED}", "-gt 1"))
        run = self.replay("--json", "--case", "loss=30*")
        self.assertEqual(run.status, duet.FAILED, run)
        told = json.loads(run.stdout)
        self.assertTrue(told["suite_changed"])
        self.assertIn("has changed since that run", run.stderr)
        self.assertEqual(told["seed"], "3")
        self.assertEqual([(case["name"], case["verdict_before"], case["verdict"], case["outcome"])
                          for case in told["cases"]],
                         [(FAILS, "failed", "passed", "differs")])
        self.assertEqual({way["outcome"] for way in told["cases"][0]["directions"]}, {"same"})

    def test_another_network_differs(self):
        self.write_suite(SUITE.replace("duplicate: 1%", "duplicate: 1%, loss.correlation: 50%"))
        run = self.replay("--case", "loss=5%")
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertRegex(run.stdout, r"link a-b, a to b: differs, \d+ packets and \d+ this time: "
                                     r"[1-9]\d* met another fate by chance")

    def test_a_log_that_is_not_whole_is_not_the_same(self):
        with tempfile.TemporaryDirectory() as scratch:
            before = pathlib.Path(scratch, "before")
            shutil.copytree(self.first.directory, before)
            for log in before.glob("*/a-b-from-a-to-b.verdicts"):
                os.truncate(log, log.stat().st_size - 1)
            run = self.work.command("replay", "--case", "loss=5%", before)
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertRegex(run.stdout, r"(?m)^  alike +loss=5%: passed again$")
        self.assertRegex(run.stdout, r"(?m)^      link a-b, a to b: alike, .*\n        only what is in "
                                     r"both logs was compared: that run's lacks its end$")

    def test_what_cannot_be_replayed(self):
        for arguments, word in (
                (("--case", "loss=6%"), "has no case to replay that --case matches"),
                (("--suite", "none.yaml"), "none.yaml"),
        ):
            run = self.replay(*arguments)
            self.assertEqual(run.status, duet.BAD_USAGE, run)
            self.assertIn(word, run.stderr)
        run = self.work.command("replay", "suite.yaml")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn("is no results.json of duet", run.stderr)

    def test_shrinking_finds_less_that_fails(self):
        run = self.work.command("shrink", "--case", FAILS, "--seed", "3", "--runs", "8", "--json",
                                "suite.yaml")
        self.assertEqual(run.status, duet.PASSED, run)
        told = json.loads(run.stdout)
        self.assertLessEqual(told["runs"], 8)
        self.assertFalse(told["fails_without"])
        left = re.fullmatch(r"link a-b, a to b: loss (\d+)%", told["impairment"])
        self.assertTrue(left, told)
        self.assertLess(int(left[1]), 30)
        self.assertEqual(told["scenario"], "count-shrunk.yaml")
        again = self.work.command("run", "./count-shrunk.yaml")
        self.assertEqual(again.status, duet.FAILED, again)
        self.assertIn("seed 3", again.stdout)
        self.assertEqual(again.verdicts, {FAILS: "failed"})

    def test_what_does_not_fail_cannot_be_shrunk(self):
        run = self.work.command("shrink", "--case", "loss=5%", "--seed", "3", "--output", "other.yaml",
                                "suite.yaml")
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertIn("the case does not fail as it is", run.stderr)
        self.assertFalse((self.work.path / "other.yaml").exists())

    def test_what_was_found_before_ctrl_c_is_written(self):
        running = self.work.start("shrink", "--case", FAILS, "--seed", "3", "--output", "part.yaml",
                                  "suite.yaml")
        running.wait_for(r"(?m)^ +1  failed +as it is$", "stdout")
        running.signal(signal.SIGINT)
        run = running.wait()
        self.assertEqual(run.status, duet.INTERRUPTED, run)
        self.assertRegex(run.stdout, r"(?m)^the search has ended after \d+ runs, before all was tried$")
        self.assertIn("shrunk:", (self.work.path / "part.yaml").read_text())
        self.work.assert_nothing_left()

    def test_where_the_scenario_cannot_be_written_nothing_is_run(self):
        for output, word in (("none/x.yaml", "cannot make a file beside none/x.yaml"),
                             ("suite.yaml", "--output names another file"),
                             (".", "is a directory")):
            run = self.work.command("shrink", "--case", FAILS, "--output", output, "suite.yaml")
            self.assertEqual(run.status, duet.BAD_USAGE, run)
            self.assertIn(word, run.stderr)
            self.assertEqual(run.stdout, "")


if __name__ == "__main__":
    unittest.main()
