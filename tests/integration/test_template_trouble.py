"""Templates that do not boot, and that cannot be saved or forked from: what their cases come to."""

import os
import re
import unittest

import duet
import stage
from test_templates import starts, templates

needs_mounts = unittest.skipUnless(stage.can_mount(), "needs root that may mount")


class DoesNotBoot(unittest.TestCase):
    """Cases that share an image whose guest does not get ready, beside one that is well."""

    SUITE = """
        name: broken
        defaults: {memory: 192M, run: "true"}
        nodes: {box: }
        cases:
          panics-1: {nodes: {box: {cmdline: rdinit=/nothing}}}
          panics-2: {nodes: {box: {cmdline: rdinit=/nothing}}}
          panics-3: {nodes: {box: {cmdline: rdinit=/nothing}}}
          module: {nodes: {box: {modules: [hv_vmbus]}}}
          fine:
        timeout: 120s
        """
    VERDICTS = {"panics-1": "panic", "panics-2": "panic", "panics-3": "panic", "module": "error",
                "fine": "passed"}

    @classmethod
    def setUpClass(cls):
        work = duet.Workplace()
        cls.addClassCleanup(work.close)
        cls.forked = work.run(cls.SUITE, "--accel", "tcg", "-j2")
        cls.cold = work.run(cls.SUITE, "--accel", "tcg", "-j2", "--cold")

    def directory(self, case):
        """Of the template that a case names in its reason."""
        found = re.search(r"all of its console is in (templates/\d+)/console\.log\.gz\)$",
                          self.forked.cases[case]["reason"])
        self.assertIsNotNone(found, self.forked)
        return found[1]

    def test_verdicts_are_those_of_machines_that_boot(self):
        self.assertEqual(self.forked.verdicts, self.VERDICTS, self.forked)
        self.assertEqual(self.cold.verdicts, self.VERDICTS, self.cold)
        self.assertEqual((self.forked.status, self.cold.status), (duet.TROUBLE, duet.TROUBLE))

    def test_the_reason_is_the_guest_s_own(self):
        for case, words in (("panics-1", "Kernel panic - not syncing"), ("module", "hv_vmbus")):
            with self.subTest(case=case):
                own = self.cold.cases[case]["reason"].removeprefix("box: ")
                self.assertRegex(own, words)
                self.assertIn(f"the template of its nodes does not boot: {own} (",
                              self.forked.cases[case]["reason"])

    def test_one_was_booted_for_all_that_need_it(self):
        self.assertEqual(len({self.directory(f"panics-{n}") for n in (1, 2, 3)}), 1)
        self.assertEqual(templates(self.forked), ["1", "2", "3"])

    def test_its_console_is_where_the_reason_says(self):
        for case, words in (("panics-1", b"Kernel panic"), ("module", b"hv_vmbus")):
            console = duet.read_console(
                self.forked.directory / self.directory(case) / "console.log.gz")
            self.assertIn(b"Linux version", console)
            self.assertIn(words, console)

    def test_its_console_is_shown_once(self):
        shown = ["lines of the template's console" in self.forked.shown(f"panics-{n}")
                 for n in (1, 2, 3)]
        self.assertEqual(sorted(shown), [False, False, True], self.forked)

    def test_a_case_beside_it_is_forked(self):
        self.assertEqual(starts(self.forked)["fine"], ["forked"])


class Hangs(unittest.TestCase):
    def test_a_machine_of_the_case_s_own_has_the_case_s_time(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        run = work.run("""
            name: hangs
            timeout: 15s
            nodes: {box: {memory: 192M, cmdline: rdinit=/bin/sh, run: "true"}}
            """, "--accel", "tcg", "--cold")
        self.assertEqual(run.verdicts, {"hangs": "timeout"}, run)
        self.assertRegex(run.cases["hangs"]["reason"],
                         "^box: the case's 15 s ended while (starting|booting)$")


class Refused(unittest.TestCase):
    """A QEMU that does not take part: its nodes are booted, and duet says why, once."""

    SUITE = """
        name: refused
        matrix: {n: [one, two, three]}
        nodes: {left: {run: ping -c 1 right}, right: }
        links: [{nodes: [left, right], subnet: 10.0.0.0/24}]
        """

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def assert_boots(self, word):
        """With an emulator that does not start with `word` on its command line."""
        path = stage.emulator(self.work.path / "bin", start=f"""case " $* " in
            *"{word}"*) echo "this one has no {word}" >&2; exit 1 ;;
            esac""")
        cache = stage.shared_cache(self.work.path / "cache")
        run = self.work.run(self.SUITE, "--accel", "tcg", "-j2", environment={
            "PATH": f"{path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(cache)})
        self.assertEqual(set(run.verdicts.values()), {"passed"}, run)
        self.assertEqual(set(map(tuple, starts(run).values())), {("booted", "booted")}, run)
        said = re.findall("nodes of a kind are booted instead of forked: .*", run.stderr)
        self.assertEqual(len(said), 1, run)
        self.assertIn(f"this one has no {word}", said[0])
        self.assertNotIn("this one has no", run.stdout)
        self.assertEqual(templates(run), ["1"])

    def test_that_shares_no_memory(self):
        self.assert_boots("share=on")

    def test_that_goes_on_from_nothing(self):
        self.assert_boots("-incoming")


class Memory(unittest.TestCase):
    @needs_mounts
    def test_a_shared_memory_file_system_that_is_full(self):
        """What forks share is in no file of /dev/shm."""
        work = duet.Workplace()
        self.addCleanup(work.close)
        suite = work.write("one.yaml", "name: one\nnodes: {box: {memory: 192M, run: 'true'}}\n")
        script = ("mount --make-rprivate / && mount -t tmpfs -o size=1m none /dev/shm && "
                  "{ cat /dev/zero >/dev/shm/filler 2>/dev/null; "
                  f"exec {duet.PROGRAM} run --accel tcg {suite}; }}")
        run = duet.Running(work, ["unshare", "--mount", "sh", "-c", script], work.environment,
                           work.path).wait()
        work.assert_nothing_left()
        self.assertEqual(run.verdicts, {"one": "passed"}, run)
        self.assertEqual(starts(run), {"one": ["forked"]})
        self.assertEqual(run.stderr, "")


if __name__ == "__main__":
    unittest.main()
