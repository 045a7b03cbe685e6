"""What is measured, compared and shown over time: duet bench, compare and history."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import unittest

import duet

IPERF3 = shutil.which("iperf3")
TUNNELS = all(map(os.path.exists, ("/bin/ip", "/usr/bin/wg", "/usr/sbin/openvpn")))

MEASURING = """
name: m
vars: {value: 100}
nodes:
  n:
    steps:
      - name: step
        run: |
          echo 'DUET_METRIC: {"name": "m", "value": ${value}, "unit": "s", "better": "lower"}'
"""


def bench(values, **more):
    """The text of a results file of `duet bench` with the metric c/m."""
    return json.dumps({
        "format": "bench", "schema": 2, "suite": "s", "started": "2026-01-01T00:00:00Z",
        "host": {"cpu_model": "Z80", "cpus": 2, "accel": "tcg"},
        "metrics": [{"name": "c/m", "unit": "s", "better": "lower", "values": values}]} | more)


class Files(unittest.TestCase):
    """Without guests."""

    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)
        self.place.write("a.json", bench([10, 10.1, 9.9, 10, 10.05]))
        self.place.write("b.json", bench([20, 20.1, 19.9, 20, 20.05]))

    def duet(self, *arguments, status=0):
        run = self.place.command(*arguments)
        self.assertEqual(run.status, status, run)
        return run

    def test_a_slower_build_is_told_with_its_ratio(self):
        found = self.duet("compare", "a.json", "b.json", status=1)
        self.assertRegex(found.stdout, r"c/m +10 +20 s +2\.000 .* slower \(p ")
        found = self.duet("compare", "b.json", "a.json")
        self.assertRegex(found.stdout, r"c/m .* 0\.500 .* faster")
        found = self.duet("compare", "a.json", "a.json")
        self.assertRegex(found.stdout, r"c/m .* 1\.000 .* no difference that can be shown")

    def test_the_interval_of_two_sessions_is_of_these_runs(self):
        for name, started in (("one.json", 1), ("other.json", 1), ("later.json", 2)):
            self.place.write(name, bench([10, 10.1, 9.9], spin_ms=10,
                                         started=f"2026-01-0{started}T00:00:00Z"))
        self.assertRegex(self.duet("compare", "one.json", "other.json").stdout,
                         r"metric +A +B +B/A +95 % interval  ")
        self.assertRegex(self.duet("compare", "one.json", "later.json").stdout,
                         r"metric +A +B +B/A +of these runs  ")

    def test_the_comparison_as_json(self):
        found = json.loads(self.duet("compare", "--json", "a.json", "b.json", status=1).stdout)
        self.assertEqual((found["format"], found["schema"]), ("compare", 2))
        self.assertTrue(found["regression"])
        self.assertEqual(found["metrics"][0]["ratio"], 2)
        self.assertEqual(found["metrics"][0]["verdict"], "slower")

    def test_a_threshold_of_ones_own(self):
        self.place.write("c.json", bench([11, 11.1, 10.9, 11, 11.05]))
        self.duet("compare", "a.json", "c.json", status=1)
        self.duet("compare", "a.json", "c.json", "--threshold", "20%")
        self.assertIn("--threshold", self.duet("compare", "a.json", "c.json", "--threshold", "x",
                                               status=2).stderr)

    def test_another_machine_suite_or_schema_is_refused_and_said(self):
        others = {
            "another suite: s against t": {"suite": "t"},
            "another machine: processor: Z80 against 6502":
                {"host": {"cpu_model": "6502", "cpus": 2, "accel": "tcg"}},
            "another machine: accelerator: tcg against kvm":
                {"host": {"cpu_model": "Z80", "cpus": 2, "accel": "kvm"}},
        }
        for said, changed in others.items():
            with self.subTest(said):
                self.place.write("other.json", bench([10, 10, 10], **changed))
                self.assertIn(said, self.duet("compare", "a.json", "other.json", status=2).stderr)
                self.assertIn(said, self.duet("compare", "a.json", "other.json", "-f").stdout)
        self.place.write("other.json", bench([10, 10, 10], schema=7))
        found = self.duet("compare", "a.json", "other.json", status=2)
        self.assertIn("of schema 7, and this duet reads schema 2", found.stderr)
        disturbed = "which does not tell the values of disturbed runs from others"
        self.assertNotIn(disturbed, self.duet("compare", "a.json", "other.json", "-f").stdout)
        self.place.write("other.json", bench([10, 10, 10], schema=1))
        self.assertIn(f"note: the second is of schema 1, {disturbed}",
                      self.duet("compare", "a.json", "other.json", "-f").stdout)
        self.assertIn(f"note: the first is of schema 1, {disturbed}",
                      self.duet("compare", "other.json", "a.json", "-f").stdout)

    def test_what_cannot_be_read_is_said(self):
        self.place.write("junk.json", "{")
        self.assertIn("junk.json: this is not JSON",
                      self.duet("compare", "junk.json", "a.json", status=2).stderr)
        self.assertIn("nothing is no file, no directory, and no tag",
                      self.duet("compare", "nothing", "a.json", status=2).stderr)
        self.assertIn("expected two", self.duet("compare", "a.json", status=2).stderr)

    def test_make_bench_is_compared(self):
        measures = {"measures": [{"name": "start", "value": 2, "unit": "ms", "n": 5,
                                  "better": "lower", "values": [2, 2.01, 1.99, 2, 2]}]}
        self.place.write("old.json", json.dumps(measures))
        measures["measures"][0]["values"] = [4, 4.01, 3.99, 4, 4]
        self.place.write("new.json", json.dumps(measures))
        self.assertRegex(self.duet("compare", "old.json", "new.json", status=1).stdout,
                         r"start .* 2\.000 .* slower")

    def test_history_is_by_tag(self):
        for day, tag in ((1, "v1"), (2, None), (3, "v2")):
            self.place.write(f"duet-results/bench/2026010{day}T000000Z-s/results.json",
                       bench([day * 10, day * 10.1, day * 9.9], tag=tag))
        found = self.duet("history", "m")
        self.assertRegex(found.stdout, r"v1 .* 10 s .*\n +v2 .* 30 s .* 3\.000 ")
        self.assertNotIn("20 s", found.stdout)
        self.assertIn("20 s", self.duet("history", "c/m", "--all").stdout)
        said = json.loads(self.duet("history", "m", "--json").stdout)
        self.assertEqual((said["format"], said["metric"], said["unit"]), ("history", "c/m", "s"))
        self.assertEqual([(p["tag"], p["median"]) for p in said["points"]],
                         [("v1", 10), ("v2", 30)])
        self.assertIn("has no results of the suite x with a tag (--all",
                      self.duet("history", "m", "--suite", "x", status=2).stderr)
        self.assertIn('did you mean "c/m"?', self.duet("history", "c/n", status=2).stderr)
        self.duet("compare", "v1", "v2", status=1)

    def test_history_marks_what_says_little(self):
        metric = {"name": "c/m", "unit": "s", "better": "lower", "values": [10, 10, 10]}
        self.place.write("duet-results/bench/1-s/results.json", bench([], tag="v1", metrics=[metric]))
        self.place.write("duet-results/bench/2-s/results.json",
                         bench([], tag="v2", metrics=[metric | {"disturbed": 2}]))
        self.place.write("few/bench/1-s/results.json", bench([1, 2], tag="v1"))
        found = self.duet("history", "m").stdout
        self.assertRegex(found, r"(?m)^ +v1 .* 10 s .*#$")
        self.assertRegex(found, r"(?m)^ +v2 .* 10 s .*#  2 disturbed$")
        said = json.loads(self.duet("history", "m", "--json").stdout)
        self.assertEqual([(p["disturbed"], p["low"]) for p in said["points"]], [(0, 10), (2, 10)])
        found = json.loads(self.duet("history", "m", "--json", "--results", "few").stdout)
        self.assertEqual([(p["low"], p["high"]) for p in found["points"]], [(None, None)])

    def test_history_draws_or_says_what_is_missing(self):
        self.place.write("duet-results/bench/1-s/results.json", bench([1, 2, 3], tag='it"s'))
        if shutil.which("gnuplot"):
            self.duet("history", "m", "--plot", "out.svg")
            self.assertIn("</svg>", (self.place.path / "out.svg").read_text())
            self.assertEqual([p.name for p in self.place.path.glob("*.gnuplot")], [])
        else:
            self.assertIn("install the package gnuplot",
                          self.duet("history", "m", "--plot", "out.svg", status=3).stderr)

    def test_bench_wants_arguments_that_make_sense(self):
        self.place.write("m.yaml", MEASURING)
        self.place.write("c.json", bench([1], schema=7))
        self.place.write("make.json", json.dumps({"measures": []}))
        self.place.write("says.yaml", MEASURING.replace("name: step", "name: step\n        "
                                                        "measure: metrics"))
        self.assertIn('says.yaml can have a metric that matches "typo"',
                      self.duet("bench", "says.yaml", "-m", "typo", status=2).stderr)
        for said, arguments in {
                "it is set 2 times (--interleave compares two)":
                    ("--set", "value=1", "--set", "value=2"),
                "expected --set of one variable twice": ("--interleave", "--set", "value=1"),
                'no such variable; did you mean "value"?': ("--set", "valeu=1"),
                "--set takes NAME=VALUE": ("--set", "value"),
                "expected a number from 1 to 1000": ("--runs", "0"),
                'has no case that matches "x"': ("--transport", "x"),
                "no file, no directory, and no tag": ("--baseline", "none"),
                "a.json is not comparable (--force compares all the same):\nanother suite: s against "
                "m\nanother machine: processor: Z80 against ": ("--baseline", "a.json"),
                "c.json: results of `duet bench` of schema 7, and this duet reads schema 2":
                    ("--baseline", "c.json"),
                "another kind of file: results of `make bench`": ("--baseline", "make.json"),
        }.items():
            with self.subTest(said):
                self.assertIn(said, self.duet("bench", "m.yaml", *arguments, status=2).stderr)


class MakeBench(unittest.TestCase):
    """bench/run, which `make bench` runs, with programs that only say what they measured."""

    RUN = duet.PROGRAM.resolve().parent / "bench" / "run"
    # Of bench/wanted.c, where it is another than s.
    UNITS = {"control.ping_us": "us", "initrd.layer_ms": "ms", "core.64_ns": "ns/packet",
             "fidelity.loss_1.duet": "%"}

    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)
        self.output = self.place.path / "out" / "results.json"

    def program(self, name, measures, end="exit 0"):
        """`measures`: name -> what its measure says besides; None: it is listed and not taken."""
        lines = [json.dumps({"name": name, "unit": self.UNITS.get(name, "s"), "n": 5,
                             "better": "lower"} | more)
                 for name, more in measures.items() if more is not None]
        path = self.place.write(f"bench_{name}", "\n".join([
            "#!/bin/sh", "if [ $1 = --list ]; then", *(f"echo {name}" for name in measures),
            "exit; fi", *(f"echo '{line}'" for line in lines), end, ""]))
        path.chmod(0o755)
        return path

    def run_them(self, *programs, pattern=".", **environment):
        return subprocess.run([self.RUN, self.output, pattern, *programs], capture_output=True,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                              env=os.environ | environment)

    def measures(self):
        return {m["name"]: m for m in json.loads(self.output.read_text())["measures"]}

    def test_a_bound_is_judged_and_is_no_failure(self):
        good = self.program("start", {"start.cold_vs_hand": {
            "value": 5, "baseline": "by hand", "baseline_value": 4, "ratio": 1.25}})
        bad = self.program("fork", {"start.fork_s": {"value": 0.6}, "control.ping_us": {
            "value": 3}})
        run = self.run_them(good, bad)
        self.assertEqual(run.returncode, 0, run)
        self.assertRegex(run.stdout, r"(?m)^bench_start\n +start.cold_vs_hand +5 s +5 +4 s +1.25 +"
                                     r"ratio <= 1.25, met +by hand\nbench_fork\n")
        self.assertRegex(run.stdout, r"start.fork_s +0.6 s +5 +<= 0.5 s, NOT MET\s")
        self.assertRegex(run.stdout, r"control.ping_us .* \(lower is better\)")
        self.assertIn("1 of 2 bounds met; not: start.fork_s\n", run.stdout)
        self.assertIn("bench_fork: 2 measures, from start.fork_s on\n", run.stderr)
        found = self.measures()
        self.assertEqual([found[name].get("met") for name in found], [True, False, None])
        self.assertEqual(found["start.fork_s"]["wanted"], "<= 0.5 s")

    def test_what_a_program_says_of_its_own_bound_counts(self):
        said = {"value": 1, "wanted": "0.9 to 1.1 %", "met": False}
        run = self.run_them(self.program("loss", {"fidelity.loss_1.duet": said}))
        self.assertEqual(run.returncode, 0, run)
        self.assertIn("0.9 to 1.1 %, NOT MET", run.stdout)

    def test_the_others_are_kept_where_one_fails(self):
        first = self.program("a", {"initrd.layer_ms": {"value": 1}})
        failing = self.program("b", {"control.ping_us": {"value": 2}, "control.exec_ms": None},
                               end="exit 7")
        killed = self.program("c", {"core.64_ns": None}, end="kill -9 $$")
        silent = self.program("d", {"core.1500_ns": None})
        last = self.program("e", {"start.pool_s": {"value": 3}})
        run = self.run_them(first, failing, killed, silent, self.place.path / "none", last)
        self.assertEqual(run.returncode, 1, run)
        self.assertEqual(list(self.measures()),
                         ["initrd.layer_ms", "control.ping_us", "start.pool_s"])
        self.assertEqual(run.stderr.splitlines()[-4:], [
            "bench_b: exit status 7; not measured: control.exec_ms",
            "bench_c: signal 9; not measured: core.64_ns",
            "bench_d: it ended well; not measured: core.1500_ns",
            "none: cannot run it: No such file or directory"], run)
        self.assertEqual([r["trouble"] for r in json.loads(self.output.read_text())["runs"]], [
            None, "exit status 7; not measured: control.exec_ms",
            "signal 9; not measured: core.64_ns", "it ended well; not measured: core.1500_ns",
            None])

    def test_what_is_no_measure_is_said(self):
        odd = self.program("odd", {"start.fork_s": {"value": None}, "core.new": {"value": 1}},
                           end="echo junk")
        run = self.run_them(odd)
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("bench_odd: bench/wanted.c does not know core.new\n", run.stderr)
        self.assertIn("bench_odd: not one of its measures: junk\n", run.stderr)
        self.assertIn("not measured: start.fork_s\n", run.stderr)
        made, = json.loads(self.output.read_text())["runs"]
        self.assertRegex(made["trouble"], "not one of its measures: .*; bench/wanted.c does not "
                                          "know core.new; .*junk; it ended well; not measured")
        self.assertEqual(list(self.measures()), ["core.new"])

    def test_a_measure_in_another_unit_is_not_judged_and_is_said(self):
        run = self.run_them(self.program("fork", {
            "start.fork_s": {"value": 0.1, "unit": "ms"},
            "start.pool_s": {"value": 0.1},
            "fidelity.loss_1.duet": {"value": 1, "unit": "s", "wanted": "0.9 to 1.1 %",
                                     "met": True}}))
        self.assertEqual(run.returncode, 1, run)
        self.assertEqual(run.stderr.splitlines()[-2:], [
            'bench_fork: start.fork_s is in "ms"; bench/wanted.c expects s',
            'bench_fork: fidelity.loss_1.duet is in "s"; bench/wanted.c expects %'], run)
        self.assertEqual([measure.get("met") for measure in self.measures().values()],
                         [None, True, True])

    def test_the_qemu_that_is_measured_is_said(self):
        program = self.program("fork", {"start.fork_s": {"value": 0.1}})
        qemu = self.place.write("bin/qemu-system-x86_64", "#!/bin/sh\n"
                                "echo 'QEMU emulator version 9.9.7 (Debian 1:9.9.7+dfsg-1)'\n")
        for mode, version in ((0o755, "9.9.7"), (0o644, None)):
            with self.subTest(version):
                qemu.chmod(mode)
                run = self.run_them(program, PATH=f"{qemu.parent}")
                self.assertEqual(run.returncode, 0, run)
                self.assertEqual(json.loads(self.output.read_text())["host"]["qemu"], version)

    def test_only_what_matches_runs(self):
        start = self.program("start", {"start.fork_s": {"value": 0.1}})
        other = self.program("other", {"core.64_ns": {"value": 1}}, end="exit 1")
        self.assertEqual(self.run_them(start, other, pattern="^start").returncode, 0)
        self.assertEqual(list(self.measures()), ["start.fork_s"])
        self.output.unlink()
        run = self.run_them(start, pattern="nothing")
        self.assertEqual((run.returncode, run.stderr), (2, "no measure matches nothing\n"))
        self.assertFalse(self.output.exists())

    def test_colour_is_for_terminals(self):
        program = self.program("fork", {"start.fork_s": {"value": 0.6}})
        self.assertNotIn("\033", self.run_them(program).stdout)
        for value, coloured in (("", True), ("1", False)):
            with self.subTest(NO_COLOR=value):
                run = subprocess.run(
                    ["script", "-qec", f"{self.RUN} {self.output} . {program}", "/dev/null"],
                    capture_output=True, text=True, timeout=60, check=True,
                    stdin=subprocess.DEVNULL,
                    env=os.environ | {"NO_COLOR": value, "TERM": "xterm"})
                self.assertEqual("\033[" in run.stdout, coloured, run)

    def test_two_sessions_are_compared(self):
        def session(values):
            program = self.program("fork", {"start.fork_s": {"value": 1, "values": values},
                                            "fidelity.loss_1.duet": {"value": values[0]}})
            self.assertEqual(self.run_them(program).returncode, 0)
            return json.loads(self.output.read_text())

        first, second = session([1, 1.01, 0.99, 1, 1]), session([2, 2.01, 1.99, 2, 2])
        self.assertGreater(first["spin_ms"], 0)
        self.assertGreater(first["host"]["cpus"], 0)
        self.assertEqual(first["runs"][0]["program"], "bench_fork")
        for number, results in enumerate((first, second)):
            results["started"] = f"2026-01-01T00:00:0{number}Z"
            results["spin_ms"] = first["spin_ms"]  # whatever else this machine did
            for measure in results["measures"]:
                measure.pop("disturbed", None)
            self.place.write(f"{number}.json", json.dumps(results))
        run = self.place.command("compare", "0.json", "1.json")
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertRegex(run.stdout, r"start.fork_s .* 2\.000 .* slower")
        self.assertRegex(run.stdout, r"fidelity.loss_1.duet .* too few runs to say")
        second["measures"][0]["disturbed"] = 5
        self.place.write("1.json", json.dumps(second))
        run = self.place.command("compare", "0.json", "1.json")
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertRegex(run.stdout, r"start.fork_s .* 2\.000 .* too noisy to say")
        second["host"]["cpus"] += 1
        self.place.write("1.json", json.dumps(second))
        run = self.place.command("compare", "0.json", "1.json")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn("another machine: processors:", run.stderr)


class Guests(unittest.TestCase):
    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)

    def run_bench(self, suite, *arguments, status=0):
        """`status` None: whatever it is."""
        path = self.place.write("m.yaml", suite)
        run = self.place.command("bench", path, *arguments)
        if status is not None:
            self.assertEqual(run.status, status, run)
        latest = self.place.results / "bench" / "latest"
        return run, json.loads((latest / "results.json").read_text()), latest

    def test_runs_are_gathered_and_the_warm_up_is_not(self):
        run, results, latest = self.run_bench(MEASURING, "--runs", "3", "--warmup", "1",
                                              "--repeats", "0", "--tag", "v1")
        metric, = results["metrics"]
        self.assertEqual((metric["name"], metric["values"]), ("m/m", [100, 100, 100]), run)
        self.assertEqual([r["warmup"] for r in results["runs"]], [True, False, False, False])
        self.assertEqual([r["repeat"] for r in results["runs"]], [False] * 4)
        self.assertEqual({r["verdict"] for r in results["runs"]}, {"passed"})
        self.assertEqual(results["tag"], "v1")
        self.assertGreater(results["spin_ms"], 0)
        self.assertTrue((latest / results["runs"][3]["directory"] / "n").is_dir())
        self.assertRegex(run.stdout, r"m/m +3 +100 s ")

    def test_disturbed_runs_are_made_again_and_never_silently_used(self):
        for _ in range(2 * len(os.sched_getaffinity(0))):
            busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            self.addCleanup(busy.wait)
            self.addCleanup(busy.kill)
        run, results, _ = self.run_bench(MEASURING, "--runs", "1", "--warmup", "0", "--repeats",
                                         "2")
        self.assertEqual([r["repeat"] for r in results["runs"]], [False, True, True], run)
        for said in results["runs"]:
            self.assertIsNotNone(said["noise"], run)
        metric, = results["metrics"]
        self.assertEqual((metric["values"], metric["disturbed"], metric["left_out"]),
                         ([100] * 3, 3, []))
        self.assertRegex(run.stdout, r"repeat 2/2 +m .* disturbed: ")
        self.assertRegex(run.stdout, r"m/m .* 3 disturbed\n")
        self.assertIn("3 of 3 runs were disturbed", run.stdout)

    def test_two_builds_take_turns(self):
        run, results, latest = self.run_bench(
            MEASURING, "--interleave", "--set", "value=100", "--set", "value=150", "--runs", "3",
            "--warmup", "0", "--repeats", "0", status=None)
        first = json.loads((latest / "baseline.json").read_text())
        self.assertEqual(first["metrics"][0]["values"], [100] * 3)
        self.assertEqual(results["metrics"][0]["values"], [150] * 3)
        self.assertEqual((first["set"], results["set"]), ("value=100", "value=150"))
        # Which runs the host disturbs is up to it: were they of one build alone, nothing is told.
        disturbed = [record["metrics"][0]["disturbed"] > 0 for record in (first, results)]
        status, verdict = (0, "too noisy to say") if any(disturbed) and not all(disturbed) else (
            duet.FAILED, "slower")
        self.assertEqual(run.status, status, run)
        self.assertRegex(run.stdout, rf"m/m +100 +150 s +1\.500 .* {verdict}")
        self.assertRegex(run.stdout, r"metric +A +B +B/A  95 % interval ")

    def test_a_run_that_fails_is_said_and_the_others_count(self):
        suite = MEASURING.replace("echo", "[ -e /none ] || exit 3; echo") + """
cases: {bad: , good: {nodes: {n: {run: "echo 'DUET_METRIC: {\\"name\\": \\"g\\",
  \\"value\\": 1, \\"unit\\": \\"s\\", \\"better\\": \\"lower\\"}'"}}}}
"""
        run, results, _ = self.run_bench(suite, "--runs", "1", "--warmup", "0", status=1)
        self.assertEqual([m["name"] for m in results["metrics"]], ["good/g"], run)
        self.assertRegex(run.stdout, r"bad run 1: failed: n: step \"step\": it ended with exit")

    def test_what_is_interrupted_has_no_tag_and_is_not_the_latest(self):
        _, whole, latest = self.run_bench(MEASURING, "--runs", "1", "--warmup", "0", "--tag", "v1")
        first = latest.resolve()
        running = self.place.start("bench", "m.yaml", "--runs", "1000", "--tag", "v1")
        running.wait_for(r"run 1/1000 ", "stdout")
        running.signal(signal.SIGINT)
        run = running.wait()
        self.assertEqual(run.status, duet.INTERRUPTED, run)
        self.assertEqual(latest.resolve(), first)
        stump, = (path for path in latest.parent.iterdir() if path not in (latest, first))
        self.assertIn(f"what was measured is in duet-results/bench/{stump.name}", run.stderr)
        results = json.loads((stump / "results.json").read_text())
        self.assertEqual((whole["tag"], whole["interrupted"]), ("v1", False))
        self.assertEqual((results["tag"], results["interrupted"]), (None, True))
        self.assertEqual(results["metrics"][0]["values"][0], 100)
        self.place.assert_nothing_left()

    def test_no_metric_is_no_success(self):
        _, _, latest = self.run_bench(MEASURING, "--runs", "1", "--warmup", "0")
        first = latest.resolve()
        run = self.place.command("bench", "m.yaml", "-m", "typo", "--runs", "1", "--warmup", "0",
                                 "--repeats", "0", "--tag", "v1")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn('duet: no run printed a metric that matches "typo": what there is is in '
                      "duet-results/bench/", run.stderr)
        self.assertEqual(latest.resolve(), first)
        empty, = (path for path in latest.parent.iterdir() if path not in (latest, first))
        results = json.loads((empty / "results.json").read_text())
        self.assertEqual((results["tag"], results["metrics"]), (None, []))

    def test_only_what_is_wanted_is_limited(self):
        suite = MEASURING + "metrics: {m: {fail_above: 200}, none: {fail_above: 1}}\n"
        _, results, _ = self.run_bench(suite, "--runs", "1", "--warmup", "0", "-m", "m")
        self.assertEqual(results["metrics"][0]["fail_above"]["value"], 200)

    @unittest.skipUnless(IPERF3, "iperf3 is not there")
    def test_iperf3_is_measured(self):
        # A server for each step: between two tests one opens its socket anew, and resets whoever
        # connects meanwhile.
        suite = """
name: m
defaults: {files: [%s]}
nodes:
  server:
    background:
      - {name: one, run: exec iperf3 -s -p 1, ready: tcp/1}
      - {name: two, run: exec iperf3 -s -p 2, ready: tcp/2}
      - {name: three, run: exec iperf3 -s -p 3, ready: tcp/3}
      - {name: four, run: exec iperf3 -s -p 4, ready: tcp/4}
  client:
    after: [server]
    steps:
      - {name: tcp, run: iperf3 -J -c server -p 1 -t 1, measure: iperf3}
      - {name: none, run: iperf3 -J -c server -p 9 -t 1, measure: iperf3}
      - {name: udp, run: iperf3 -J -c server -p 2 -t 1 -u -b 1M, measure: iperf3}
      - name: ended
        run: |
          sent=/sys/class/net/eth0/statistics/tx_bytes
          enough=$(($(cat $sent) + 1000000))
          (until [ $(cat $sent) -gt $enough ]; do sleep 0.1; done; kill $$) &
          exec iperf3 -J -c server -p 3 -t 9999
        measure: iperf3
      - {name: killed, run: timeout -s KILL 1 iperf3 -J -c server -p 4 -t 9999, measure: iperf3}
links: [{nodes: [server, client], subnet: 10.0.0.0/24}]
timeout: 10m
""" % IPERF3
        run, results, _ = self.run_bench(suite, "--runs", "1", "--warmup", "0", status=1)
        metrics = {m["name"]: m["median"] for m in results["metrics"]}
        self.assertGreater(metrics["m/tcp.throughput"], 0, run)
        self.assertTrue(math.isfinite(metrics["m/udp.loss"]))
        for node in ("server", "client"):
            self.assertGreater(metrics[f"m/tcp.cpu_guest.{node}"], 0, run)
            self.assertGreater(metrics[f"m/tcp.cpu_qemu.{node}"], 0, run)
        self.assertLessEqual({name.split(".")[0] for name in metrics}, {"m/tcp", "m/udp"})
        self.assertRegex(run.stdout, r'step "none": iperf3 says: unable to connect.*; '
                                     r'step "ended": iperf3 says: interrupt.*; '
                                     r'step "killed": it was ended by signal 9 ')

    @unittest.skipUnless(TUNNELS, "the programs of the suite's tunnels are not there")
    def test_without_its_programs_the_rest_of_the_suite_is_measured(self):
        shutil.copytree(duet.ROOT / "scenarios", self.place.path, dirs_exist_ok=True)
        path = self.place.path / "bench.yaml"
        suite = path.read_text()
        for program in ("iperf3", "sockperf", "ab"):
            self.assertIn(f"{{from: /usr/bin/{program}, optional: true}}", suite)
            suite = suite.replace(f"/usr/bin/{program},", f"/none/{program},")
        path.write_text(suite.replace("pings: 100", "pings: 5"))
        run = self.place.command("bench", path, "--quick", "--runs", "1")
        self.assertEqual(run.status, 1, run)
        results = json.loads((self.place.results / "bench/latest/results.json").read_text())
        self.assertEqual([m["name"] for m in results["metrics"]], ["quick/latency"], run)
        self.assertRegex(run.stdout, r'step "tcp_fwd": .* iperf3: not found; step "tcp_rev": .*; '
                                     r'step "tcp_rr": .*: sockperf is missing')


if __name__ == "__main__":
    unittest.main()
