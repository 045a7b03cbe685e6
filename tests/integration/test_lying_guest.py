"""A guest that lies on the control channel: it can fail its own case and do nothing else."""

import pathlib
import re
import shutil
import subprocess
import unittest

import duet
import liar

BROKE = "the guest broke the control channel: "

# Why the case fails.
LIES = {
    "ctl-long": BROKE + "duet.ctl: a frame says it has 4294967295 bytes",
    "ctl-short": BROKE + "duet.ctl: a frame says it has 7 bytes",
    "ctl-text": "the payload of a frame of code 7 from the guest is not a JSON object",
    "ctl-code": "the guest sent a frame of code 4711, which is no answer",
    "io-long": BROKE + "duet.io: a frame says it has 4294967295 bytes",
    "io-short": BROKE + "duet.io: a frame says it has 3 bytes",
    "io-stream": BROKE + "its output names command 2355, which was not started",
    "room-for-nothing": BROKE + "its NEXT names command 1",
    "finished-nobody": BROKE + "its CMDFINISHED names command 4711, which was not started",
    "finished-twice": BROKE + "command 1 ended twice",
    "status-and-signal": "the guest says that a command ended by signal 9 with status 0",
    "status-256": "the guest's CMDFINISHED has a wrong \"status\"",
    "two-statuses": BROKE + "command 1 ended with another status on io than on ctl",
    "more-was-sent": BROKE + "command 1 has closed a stream on which it announced more bytes",
    "after-the-end": BROKE + "command 1 sends on a stream that it has closed",
    "ends-unasked": BROKE + "it says that it ends, unasked",
}

# What each of these says without an end is possible, so it is the case's time that ends it. Whether
# duet has asked the guest for a sign of life by then, and heard none, is up to the time.
ENDLESS = ("io-endless", "ctl-endless", "ready-endless")

MEMORY_KIB = 128 << 10  # three times what duet takes for it
RESULTS_BYTES = 300 << 20  # a step's output is kept up to 256 MiB


def peak_kib(pid):
    """The most memory that a process has had, or 0 where it has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def lying_case(name, timeout):
    return f"""
          {name}:
            timeout: {timeout}
            nodes: {{box: {{files: [{{from: liar, to: /init}}], run: lie-about {name}}}}}"""


@unittest.skipUnless(shutil.which("gcc"), "no gcc to build a PID 1 with")
class Liar(duet.SuiteTest):
    SUITE = """
        nodes: {box: }
        cases:
          fine-first: {nodes: {box: {run: echo hello}}}
    """ + "".join(lying_case(name, "120s") for name in ("none", *LIES)) + "".join(
        lying_case(name, "10s") for name in ENDLESS) + """
          fine-last: {nodes: {box: {run: echo hello}}}
    """

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        liar.build(cls.work)
        running = cls.work.start(suite=cls.SUITE)
        cls.peak_kib = 0
        while running.process.poll() is None:
            cls.peak_kib = max(cls.peak_kib, peak_kib(running.process.pid))
            try:
                running.process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        cls.result = running.wait()
        cls.work.assert_nothing_left()

    def test_only_cases_with_a_lie_fail(self):
        passed = {name for name, verdict in self.result.verdicts.items() if verdict == "passed"}
        self.assertEqual(passed, {"fine-first", "none", "fine-last"}, self.result)
        self.assertEqual(self.result.status, duet.FAILED)

    def test_the_reason_says_so(self):
        for name, reason in LIES.items():
            with self.subTest(lie=name):
                self.expect(name, "failed", re.escape(f"box: {reason}"))

    def test_lies_without_an_end(self):
        for name in ENDLESS:
            with self.subTest(lie=name):
                self.assertIn(self.result.verdicts[name], ("timeout", "no_progress"), self.result)
                self.assertRegex(self.result.cases[name]["reason"], r"^box: .*step \"run\"")

    def test_memory_and_disk(self):
        self.assertGreater(self.peak_kib, 1000)
        self.assertLess(self.peak_kib, MEMORY_KIB)
        size = sum(path.stat().st_size for path in self.result.directory.rglob("*"))
        self.assertLess(size, RESULTS_BYTES)


if __name__ == "__main__":
    unittest.main()
