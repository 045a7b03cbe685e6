"""However a run ends, at whatever moment: its results say so, and nothing of it is left."""

import os
import pathlib
import select
import signal
import time
import unittest

import duet
import stage

BACKGROUND = """\
    name: background
    nodes:
      a:
        background: [{name: gate, run: exec sleep 1000, ready: /never, ready_timeout: 10m}]
        run: "true"
    timeout: 20m
    """
STEP = """\
    name: step
    nodes:
      a: {run: sleep 1000}
    timeout: 20m
    """
HURRY = STEP.replace("20m", "5s")
PAIR = """\
    name: pair
    nodes:
      a: {run: sleep 1000}
      b:
    links: [{nodes: [a, b], subnet: 10.0.0.0/24}]
    timeout: 20m
    """
STUBBORN = """\
    name: stubborn
    nodes:
      a:
        background:
          - {name: stubborn, stop_signal: INT, ready: {output: up},
             run: "trap '' INT; echo up; while :; do sleep 1; done"}
        run: "true"
    """
MANY = """\
    name: many
    matrix: {n: [one, two, three, four, five, six]}
    nodes:
      a: {memory: 192M, run: sleep 1000}
    timeout: 20m
    """
TWO_CASES = """\
    name: two
    matrix: {n: [one, two, three]}
    nodes:
      a: {run: "[ ${n} = one ] || exec sleep 1000"}
    timeout: 20m
    """


class LifecycleTest(unittest.TestCase):
    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)

    # -- Moments: each starts a run and returns it when it is there -------------------------------

    def start(self, suite, *options, **more):
        return self.place.start("--verbose", "--accel", "tcg", *options, suite=suite, **more)

    def emulated(self, *options, suite=STEP, **behaviour):
        """With an emulator that hangs where `behaviour` says so, and a cache of its own."""
        path = stage.emulator(self.place.path / "bin", **behaviour)
        cache = stage.shared_cache(self.place.path / "cache")
        return self.place.start("--verbose", *options, suite=suite, environment={
            "PATH": f"{path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(cache)})

    def wait_for_qemu(self, running, word):
        """Until a QEMU of the run has `word` on its command line."""
        deadline = time.monotonic() + duet.EVENT_LIMIT_S
        while time.monotonic() < deadline and running.process.poll() is None:
            for pid, name, _ in self.place.processes():
                if not name.startswith("qemu-"):
                    continue
                try:
                    if word in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                        return pid
                except OSError:
                    continue
            time.sleep(0.01)  # no event tells of another's children
        raise AssertionError(f"no QEMU with {word}: {running.text('stderr')}")

    def getting_the_kernel(self):
        server = stage.WebServer({"/kernel": bytes(1 << 20)}, stalling=["/kernel"])
        self.addCleanup(server.close)
        cache = self.place.path / "cache"
        running = self.start(STEP, "--kernel", server.url("/kernel") + "#sha256=" + "0" * 64,
                             environment={"XDG_CACHE_HOME": str(cache)})
        self.assertTrue(server.stalled.wait(duet.EVENT_LIMIT_S), running.text("stderr"))
        return running

    def probing_kvm(self):
        if not stage.can_open_kvm():
            self.skipTest("/dev/kvm cannot be opened")
        running = self.emulated(probe="hang")
        self.wait_for_qemu(running, b"probe.pid")
        return running

    def asking_libvirt(self):
        running = self.emulated("--accel", "tcg", ask="hang")
        self.wait_for_qemu(running, b"-qmp")
        return running

    def creating_a_domain(self):
        running = self.emulated("--accel", "tcg", start="hang")
        self.wait_for_qemu(running, b"guest=")
        return running

    def starting(self):
        running = self.start(PAIR)
        running.wait_for("a: starting")
        return running

    def booting_a_template(self):
        running = self.start(PAIR)
        running.wait_for("pair: waiting for its template")
        return running

    def booting(self):
        running = self.start(PAIR, "--cold")
        running.wait_for("b: booting")
        return running

    def waiting_for_background(self):
        running = self.start(BACKGROUND)
        running.wait_for('background process "gate" gets ready')
        return running

    def in_a_step(self):
        running = self.start(STEP)
        running.wait_for('step "run"')
        return running

    def stopping(self):
        running = self.start(STUBBORN)
        running.wait_for("a: stopping")
        return running

    def between_cases(self):
        running = self.start(TWO_CASES, "-j1", "--cold")
        running.wait_for("two: preparing its images")
        return running

    def side_by_side(self):
        """Four cases run, and the machines of the last two wait."""
        running = self.start(MANY, "-j4")
        for case in ("one", "two", "three", "four"):
            running.wait_for(f'{case}: a: step "run"')
        for case in ("five", "six"):
            running.wait_for(f"{case}: a: waiting")
        self.assertEqual(len(running.qemus()), 6)
        return running

    # -- What must hold afterwards -----------------------------------------------------------------

    def assert_interrupted(self, run, number, cases=1, passed=0):
        """Its status, results that say so of all cases but the first `passed`, nothing left."""
        self.assertEqual(run.status, 128 + number, run)
        self.assertIn("interrupted: cleaning up", run.stderr)
        self.assertIsNotNone(run.results, run)
        self.assertEqual(len(run.cases), cases, run)
        for index, case in enumerate(run.results["cases"]):
            expected = ("passed", None) if index < passed else ("error", "interrupted")
            self.assertEqual((case["verdict"], case["reason"]), expected, run)
        self.assertIn(f"{passed} passed, 0 failed, 0 skipped, {cases - passed} interrupted",
                      run.stdout)
        self.place.assert_nothing_left()

    def interrupt(self, running, number=signal.SIGINT, **expected):
        running.signal(number)
        self.assert_interrupted(running.wait(), number, **expected)


class Interrupted(LifecycleTest):
    def test_while_getting_the_kernel(self):
        self.interrupt(self.getting_the_kernel())

    def test_during_the_kvm_probe(self):
        self.interrupt(self.probing_kvm())

    def test_while_libvirt_asks_what_qemu_can_do(self):
        self.interrupt(self.asking_libvirt())

    def test_while_libvirt_waits_for_a_qemu_that_hangs(self):
        self.interrupt(self.creating_a_domain())

    def test_while_libvirt_starts_machines(self):
        self.interrupt(self.starting())

    def test_while_booting(self):
        self.interrupt(self.booting())

    def test_while_a_template_boots(self):
        self.interrupt(self.booting_a_template())

    def test_while_waiting_for_a_background_process(self):
        self.interrupt(self.waiting_for_background())

    def test_in_a_step(self):
        self.interrupt(self.in_a_step())

    def test_while_stopping(self):
        # The process that ignores its stop signal is given 2 s: a test that was held up for longer
        # comes too late, and tries again.
        for _ in range(5):
            running = self.stopping()
            running.signal(signal.SIGINT)
            run = running.wait()
            if "interrupted" in run.stderr:
                break
        self.assert_interrupted(run, signal.SIGINT)

    def test_between_cases(self):
        self.interrupt(self.between_cases(), cases=3, passed=1)

    def test_side_by_side(self):
        running = self.side_by_side()
        self.interrupt(running, cases=6)
        # Two had not begun, and look so.
        self.assertEqual(running.text("stdout").count("all of it: "), 4)

    def test_by_sigterm(self):
        self.interrupt(self.in_a_step(), signal.SIGTERM)

    def test_by_sighup(self):
        self.interrupt(self.booting(), signal.SIGHUP)

    def test_twice_leaves_at_once_and_the_guardian_cleans_up(self):
        running = self.creating_a_domain()
        running.signal(signal.SIGINT)
        running.wait_for("again to leave at once")
        running.signal(signal.SIGINT)
        self.assertEqual(running.wait().status, 128 + signal.SIGINT)
        self.place.assert_nothing_left()


class Killed(LifecycleTest):
    def kill(self, running):
        self.assertTrue(self.place.processes())
        running.process.kill()
        self.assertEqual(running.wait().status, -signal.SIGKILL)
        self.place.assert_nothing_left()

    def kill_and_wait(self, pid):
        """Of a process that is another's child. While it lives it would do its part."""
        descriptor = os.pidfd_open(pid)
        self.addCleanup(os.close, descriptor)
        signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        self.assertTrue(select.select([descriptor], [], [], duet.EVENT_LIMIT_S)[0])

    def test_while_getting_the_kernel(self):
        self.kill(self.getting_the_kernel())

    def test_during_the_kvm_probe(self):
        self.kill(self.probing_kvm())

    def test_while_libvirt_asks_what_qemu_can_do(self):
        self.kill(self.asking_libvirt())

    def test_while_libvirt_waits_for_a_qemu_that_hangs(self):
        self.kill(self.creating_a_domain())

    def test_while_libvirt_starts_machines(self):
        self.kill(self.starting())

    def test_while_booting(self):
        self.kill(self.booting())

    def test_while_a_template_boots(self):
        self.kill(self.booting_a_template())

    def test_in_a_step(self):
        self.kill(self.in_a_step())

    def test_side_by_side(self):
        self.kill(self.side_by_side())

    def test_with_its_whole_process_group(self):
        running = self.start(STEP, start_new_session=True)
        running.wait_for('step "run"')
        os.killpg(running.process.pid, signal.SIGKILL)
        self.assertEqual(running.wait().status, -signal.SIGKILL)
        self.place.assert_nothing_left()

    def test_with_its_guardian_the_next_run_sweeps(self):
        running = self.in_a_step()
        guardians = [pid for pid, name, _ in self.place.processes() if name == "guardian"]
        self.assertEqual(len(guardians), 1)
        self.kill_and_wait(guardians[0])
        running.process.kill()
        running.wait()
        left = {name[:5] for _, name, _ in self.place.processes()}
        self.assertEqual(left, {"qemu-"}, "nothing is there to be swept")
        # A run that ends before it starts anything of its own sweeps as well.
        self.place.command("doctor", "--kernel", "/nonexistent")


class QemuKilled(LifecycleTest):
    def emulator(self, verdict, status, **behaviour):
        """What libvirt's starting such a QEMU comes to."""
        run = self.emulated("--accel", "tcg", **behaviour).wait()
        self.place.assert_nothing_left()
        self.assertEqual(run.verdicts, {"step": verdict}, run)
        self.assertEqual(run.status, status, run)
        return run.cases["step"]["reason"]

    def test_while_libvirt_starts_it(self):
        reason = self.emulator("error", duet.TROUBLE, start="kill -KILL $$")
        self.assertIn("libvirt cannot start the machine", reason)

    def test_an_emulator_that_refuses_says_why(self):
        reason = self.emulator("error", duet.TROUBLE, start="echo no such thing >&2; exit 1")
        self.assertIn("no such thing", reason)

    def test_one_that_hangs_at_its_start_ends_with_the_case(self):
        reason = self.emulator("timeout", duet.FAILED, suite=HURRY, start="hang")
        self.assertIn("while starting", reason)

    def test_when_it_runs(self):
        running = self.in_a_step()
        os.kill(running.qemus()[0], signal.SIGKILL)
        run = running.wait()
        self.place.assert_nothing_left()
        self.assertEqual(run.verdicts, {"step": "qemu_died"}, run)
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertRegex(run.cases["step"]["reason"], r"signal 9 .*while step \"run\"")
        self.assertEqual(run.node("step")["qemu"]["signal"], 9)


    def test_side_by_side_it_is_one_case_s_verdict(self):
        running = self.start("""\
            name: side-by-side
            cases:
              killed: {nodes: {a: {run: sleep 1000}}}
              other: {nodes: {a: {run: sleep 5}}}
              later: {nodes: {a: {run: "true"}}}
            nodes: {a: {memory: 192M}}
            """, "-j2")
        running.wait_for('killed: a: step "run"')
        os.kill(self.wait_for_qemu(running, b"guest=c1-0-a"), signal.SIGKILL)
        run = running.wait()
        self.place.assert_nothing_left()
        self.assertEqual(run.verdicts, {"killed": "qemu_died", "other": "passed",
                                        "later": "passed"}, run)


class TwoAtOnce(LifecycleTest):
    def test_in_the_same_directory(self):
        suite = "name: same\nnodes: {a: {run: echo hello}}\n"
        both = [self.start(suite) for _ in range(2)]
        runs = [running.wait() for running in both]
        self.place.assert_nothing_left()
        for run in runs:
            self.assertEqual(run.status, duet.PASSED, run)
            self.assertEqual(run.verdicts, {"same": "passed"}, run)
        self.assertNotEqual(runs[0].directory, runs[1].directory)
        latest = (self.place.results / "latest").resolve()
        self.assertIn(latest, [run.directory for run in runs])
        self.assertEqual(sorted(path.name for path in self.place.results.iterdir()),
                         sorted(["latest"] + [run.directory.name for run in runs]))


if __name__ == "__main__":
    unittest.main()
