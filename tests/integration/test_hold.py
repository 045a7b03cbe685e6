"""`duet run --break-on-fail` and `--pause-on-fail`: the machines of the first case that fails."""

import json
import signal
import subprocess
import unittest

import duet

SUITE = """
    cases:
      good: {vars: {status: 0}}
      bad: {vars: {status: 7}}
      worse: {vars: {status: 8}}
    nodes:
      server:
        background: [{name: serve, run: "echo kept > /tmp/state; exec sleep 1000"}]
      client:
        after: [server]
        steps: [{name: ask, run: "echo asked > /tmp/state; exit ${status}"}]
    links: [{nodes: [server, client], subnet: 10.0.0.0/24}]
"""
VERDICTS = {"good": "passed", "bad": "failed", "worse": "failed"}


class HoldTest(unittest.TestCase):
    def setUp(self):
        # Of its own: cases that took longer the last time come first, and would be held.
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def duet(self, *arguments, **more):
        return subprocess.run([duet.PROGRAM, *arguments], capture_output=True, text=True,
                              env=self.work.environment, cwd=self.work.path, check=False,
                              timeout=duet.EVENT_LIMIT_S, stdin=subprocess.DEVNULL, **more)

    def start(self, *options, stdin=subprocess.DEVNULL):
        path = self.work.write("hold.yaml", SUITE)
        command = [duet.PROGRAM, "run", "--verbose", *options, path]
        running = HeldRun(self.work, list(map(str, command)), self.work.environment,
                          self.work.path, stdin=stdin)
        self.addCleanup(running.kill)
        return running

    def status(self):
        (case,) = json.loads(self.duet("ps", "--json").stdout)
        return case

    def test_a_shell_opens_in_the_node_that_failed(self):
        running = self.start("--break-on-fail", stdin=subprocess.PIPE)
        running.wait_for(r"bad: failed: client: step \"ask\": it ended with exit status 7")
        running.type("hostname; cat /tmp/state\n")
        running.wait_for(r"client\nasked\n", "stdout")
        # The others are held with it, and other terminals reach them.
        self.assertEqual(self.status()["state"], "held")
        other = self.duet("exec", "hold", "server", "--", "cat", "/tmp/state")
        self.assertEqual((other.returncode, other.stdout), (0, "kept\n"), other.stderr)
        running.type("exit 0\n")
        run = running.wait()
        self.assertEqual((run.status, run.verdicts), (duet.FAILED, VERDICTS), run)
        self.assertNotRegex(run.stderr, "worse: failed: client")
        self.work.assert_nothing_left()

    def test_nothing_is_held_where_nothing_fails(self):
        run = self.start("--break-on-fail", "--only", "good").wait()
        self.assertEqual((run.status, run.verdicts), (duet.PASSED, {"good": "passed"}), run)

    def test_a_node_that_is_gone_leaves_the_others(self):
        suite = SUITE.replace("exit ${status}", "echo c > /proc/sysrq-trigger")
        path = self.work.write("gone.yaml", suite)
        running = HeldRun(self.work, [str(duet.PROGRAM), "run", "-v", "--break-on-fail", "--only",
                                      "bad", str(path)],
                          self.work.environment, self.work.path)
        self.addCleanup(running.kill)
        running.wait_for(r"`duet down gone/bad` lets the run go on")
        self.assertRegex(running.text("stderr"), r"client: its machine is gone|no shell in client: ")
        other = self.duet("exec", "gone", "server", "--", "cat", "/tmp/state")
        self.assertEqual((other.returncode, other.stdout), (0, "kept\n"), other.stderr)
        self.assertEqual(self.duet("down", "gone").returncode, 0)
        run = running.wait()
        self.assertEqual(run.verdicts, {"bad": "panic"}, run)
        self.work.assert_nothing_left()

    def test_paused_machines_stand_still_until_they_are_taken_down(self):
        running = self.start("--pause-on-fail")
        running.wait_for(r"is held with its machines stopped as they are")
        running.wait_for(r"`duet down hold/bad` lets the run go on")
        self.assertEqual(self.status()["state"], "paused")
        refused = self.duet("exec", "hold", "server", "--", "true")
        self.assertEqual(refused.returncode, 255, refused)
        debug = self.duet("debug-kernel", "hold", "client")
        self.assertEqual(debug.returncode, 0, debug.stderr)
        self.assertIn("gdb", debug.stdout)
        self.assertEqual(self.duet("down", "hold").returncode, 0)
        run = running.wait()
        self.assertEqual((run.status, run.verdicts), (duet.FAILED, VERDICTS), run)
        self.work.assert_nothing_left()

    def test_ctrl_c_ends_what_is_held_and_its_verdict_stays(self):
        running = self.start("--pause-on-fail")
        running.wait_for(r"`duet down hold/bad` lets the run go on")
        running.signal(signal.SIGINT)
        run = running.wait()
        self.assertEqual(run.status, duet.INTERRUPTED)
        self.assertEqual(run.verdicts["bad"], "failed", run)
        self.assertEqual(run.cases["worse"]["reason"], "interrupted")
        self.work.assert_nothing_left()

    def test_what_does_not_go_with_it_is_bad_usage(self):
        for options, message in (
                (("--break-on-fail", "-j", "2"), "go with --jobs 1"),
                (("--break-on-fail", "--json"), "gives standard output to a shell"),
                (("--break-on-fail", "--pause-on-fail"), "a case is held in one way")):
            with self.subTest(options=options):
                run = self.duet("run", *options, "hold.yaml")
                self.assertEqual(run.returncode, duet.BAD_USAGE)
                self.assertIn(message, " ".join(run.stderr.split()))


class HeldRun(duet.Running):
    """A run whose standard input is the shell's."""

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def wait(self, limit_s=duet.RUN_LIMIT_S):
        if self.process.stdin:
            self.process.stdin.close()
        return super().wait(limit_s)

    def kill(self):
        """Where a test has failed."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
            self.wait()


if __name__ == "__main__":
    unittest.main()
