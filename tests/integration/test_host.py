"""What the host lacks or refuses: each comes to a clear word and the right exit status, and leaves
nothing."""

import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import signal
import stat
import subprocess
import unittest
import xml.etree.ElementTree

import duet
import stage

ONE = "name: one\nnodes: {a: {run: echo hello}}\n"
PAIR = """\
    name: pair
    nodes:
      server: {background: [{name: ready, run: exec sleep 1000}]}
      client: {after: [server], run: ping -c 1 server}
    links: [{nodes: [server, client], subnet: 10.0.0.0/24}]
    """
TWO = "name: two\nmatrix: {n: [one, two]}\nnodes: {a: {run: 'test ${n} = one'}}\n"
FLOOD = "name: flood\nnodes: {a: {run: head -c 1000000 /dev/zero}}\n"

needs_root = unittest.skipIf(os.geteuid() != 0, "needs root")
needs_mounts = unittest.skipUnless(stage.can_mount(), "needs root that may mount")


class HostTest(unittest.TestCase):
    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)

    def within(self, context):
        """Enters a context until the test ends."""
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def finish(self, running):
        run = running.wait()
        self.place.assert_nothing_left()
        return run

    def assert_refused(self, run, *words, status=duet.TROUBLE):
        """It ended before any machine was started, and said why."""
        self.assertEqual(run.status, status, run)
        for word in words:
            self.assertIn(word, run.stderr)
        self.assertNotIn("starting", run.stderr, run)
        self.assertEqual(list(self.place.path.rglob("qemu.log")), [])


class Results(HostTest):
    @needs_root
    def test_that_cannot_be_written(self):
        nobody = stage.Nobody(self.place)
        closed = self.place.path / "closed"
        closed.mkdir(mode=0o755)
        suite = self.place.write("one.yaml", ONE)
        run = self.finish(nobody.start("run", "--verbose", "--results", closed, suite))
        self.assert_refused(run, f"cannot make the results directory {closed}/",
                            "Permission denied")

    def test_that_are_a_file(self):
        self.place.write("results", "")
        run = self.place.run(ONE, "--verbose", "--results", "results")
        self.assert_refused(run, "results is there already and is not a directory")

    @needs_mounts
    def test_on_a_file_system_that_is_full(self):
        full = self.within(stage.tmpfs(self.place.path / "full", "64k"))
        stage.fill(full)
        run = self.place.run(ONE, "--accel", "tcg", "--verbose", "--results", "full")
        self.assert_refused(run, "No space left on device")

    @needs_mounts
    def test_on_a_file_system_that_becomes_full(self):
        full = self.within(stage.tmpfs(self.place.path / "full", "64k"))
        run = self.place.run(FLOOD, "--accel", "tcg", "--results", "full")
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertIn("the results of this run are not whole", run.stderr)
        self.assertIn("No space left on device", run.stderr)
        self.assertEqual(list(full.rglob("results.json*")), [])
        self.assertFalse((full / "latest").is_symlink())


class Runtime(HostTest):
    @needs_mounts
    def test_a_runtime_directory_that_is_full(self):
        self.within(stage.tmpfs(self.place.runtime, "64k", ",mode=0700"))
        stage.fill(self.place.runtime)
        run = self.place.start("--accel", "tcg", "--verbose", suite=ONE).wait()
        (self.place.runtime / "filler").unlink()
        self.place.assert_nothing_left()
        self.assert_refused(run, str(self.place.runtime), "No space left on device")

    def in_another_tmp(self, *commands):
        """duet without XDG_RUNTIME_DIR, in a mount namespace where `commands` have changed /tmp, in
        which the workplace stays visible."""
        suite = self.place.write("one.yaml", ONE)
        program = shutil.copy(duet.PROGRAM, self.place.path / "duet")
        script = "\n".join([
            "set -e", "mount --make-rprivate /", f"mount --bind {self.place.path} /mnt",
            "mount -t tmpfs -o size=64k none /tmp", f"mkdir {self.place.path}",
            f"mount --bind /mnt {self.place.path}", *commands, f"cd {self.place.path}",
            f"status=0; {program} run --accel tcg --verbose {suite} || status=$?",
            "for left in /tmp/duet-*; do [ ! -e $left ] || echo left: $left >&2; done",
            "exit $status"])
        environment = {key: value for key, value in self.place.environment.items()
                       if key != "XDG_RUNTIME_DIR"}
        run = self.finish(duet.Running(self.place, ["unshare", "--mount", "sh", "-c", script],
                                       environment, self.place.path))
        self.assertNotIn("left:", run.stderr)
        return run

    @needs_mounts
    def test_a_tmp_that_is_full(self):
        run = self.in_another_tmp("cat /dev/zero >/tmp/filler 2>/dev/null || :")
        self.assert_refused(run, "/tmp/duet-0-", "No space left on device")

    @needs_mounts
    def test_a_tmp_that_is_read_only(self):
        run = self.in_another_tmp("mount -o remount,ro /tmp")
        self.assert_refused(run, "cannot make a runtime directory in /tmp",
                            "Read-only file system")

    def assert_runs_in_tmp(self, run):
        self.assertEqual(run.status, duet.PASSED, run)
        directories = list(self.place.temporary_directories())
        self.assertTrue(directories)
        for directory in directories:
            self.assertEqual(str(directory.parent), "/tmp")

    def test_a_path_too_long_for_sockets_has_tmp_used(self):
        long = self.place.path / ("x" * 60)
        long.mkdir(mode=0o700)
        self.assert_runs_in_tmp(self.place.run(ONE, "--accel", "tcg", environment={
            "XDG_RUNTIME_DIR": str(long)}))
        self.assertEqual(list(long.iterdir()), [])

    @needs_root
    def test_no_home_and_a_runtime_directory_of_somebody_else_has_tmp_used(self):
        nobody = stage.Nobody(self.place)
        suite = self.place.write("one.yaml", ONE)
        os.chown(self.place.runtime, 0, 0)
        self.assert_runs_in_tmp(self.finish(nobody.start("run", suite, environment={
            "HOME": None, "XDG_CACHE_HOME": str(nobody.home / ".cache")})))

    def test_no_home_and_no_cache_directory(self):
        running = self.place.start("--verbose", suite=ONE,
                                   environment={"HOME": "", "XDG_CACHE_HOME": ""})
        self.assert_refused(self.finish(running), "set HOME or XDG_CACHE_HOME")


class Users(HostTest):
    @needs_root
    def test_an_ordinary_user_runs_a_pair(self):
        nobody = stage.Nobody(self.place)
        suite = self.place.write("pair.yaml", PAIR)
        run = self.finish(nobody.start("run", suite))
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertEqual([path.name for path in nobody.home.iterdir()], [".cache"])
        self.assertEqual([path.name for path in (nobody.home / ".cache").iterdir()], ["duet"])
        owner = (run.directory / "results.json").stat().st_uid
        self.assertEqual(owner, pwd.getpwnam("nobody").pw_uid)
        if self.kvm_is_closed_to_others():
            self.assertIn("no KVM, guests run under TCG: /dev/kvm: ", run.stderr)
            self.assertEqual(run.results["host"]["accel"], "tcg")

    @staticmethod
    def kvm_is_closed_to_others():
        try:
            return not os.stat("/dev/kvm").st_mode & stat.S_IWOTH
        except FileNotFoundError:
            return True

    @needs_root
    def test_kvm_that_may_not_be_opened_and_is_asked_for(self):
        if not self.kvm_is_closed_to_others():
            self.skipTest("everybody may open /dev/kvm")
        nobody = stage.Nobody(self.place)
        suite = self.place.write("one.yaml", ONE)
        run = self.finish(nobody.start("run", "--verbose", "--accel", "kvm", suite))
        self.assert_refused(run, "no guest starts under KVM here: /dev/kvm: ")

    @needs_mounts
    def test_without_the_user_that_libvirt_wants(self):
        passwd = self.place.write("passwd", "".join(
            line for line in pathlib.Path("/etc/passwd").read_text().splitlines(keepends=True)
            if not line.startswith("libvirt-qemu:")))
        suite = self.place.write("one.yaml", ONE)
        script = (f"mount --make-rprivate / && mount --bind {passwd} /etc/passwd && "
                  f"exec {duet.PROGRAM} run --accel tcg --verbose {suite}")
        run = self.finish(duet.Running(self.place, ["unshare", "--mount", "sh", "-c", script],
                                       self.place.environment, self.place.path))
        self.assert_refused(run, "useradd --system --user-group libvirt-qemu")


class Kvm(HostTest):
    def setUp(self):
        super().setUp()
        if not stage.can_open_kvm():
            self.skipTest("/dev/kvm cannot be opened")
        path = stage.emulator(self.place.path / "bin", probe="hang")
        cache = stage.shared_cache(self.place.path / "cache")
        self.environment = {"PATH": f"{path}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(cache)}

    def test_that_starts_no_guest_is_found_out_and_remembered(self):
        words = "no KVM, guests run under TCG: /dev/kvm opens, but a guest under it printed nothing"
        first = self.place.run(ONE, environment=self.environment)
        second = self.place.run(ONE, environment=self.environment)
        for run in (first, second):
            self.assertEqual(run.status, duet.PASSED, run)
            self.assertIn(words, run.stderr)
            self.assertEqual(run.results["host"]["accel"], "tcg")
        self.assertNotIn("remembered", first.stderr)
        self.assertIn("(remembered for this boot of the host)", second.stderr)

    def test_that_starts_no_guest_and_is_asked_for(self):
        for _ in range(2):  # what is remembered is not believed here
            run = self.place.run(ONE, "--verbose", "--accel", "kvm", environment=self.environment)
            self.assert_refused(run, "no guest starts under KVM here", "printed nothing for 3 s")
            self.assertNotIn("remembered", run.stderr)


class Libvirt(HostTest):
    def test_a_uri_that_makes_no_sense(self):
        run = self.place.run(ONE, "--verbose", "--accel", "tcg", "--connect", "nonsense:///")
        self.assert_refused(run, "cannot open libvirt's driver nonsense:///")

    def test_without_the_embedded_driver(self):
        run = self.place.run(ONE, "--verbose", "--accel", "tcg", environment={
            "LIBVIRT_DRIVER_DIR": str(self.place.path)})
        self.assert_refused(run, "install the package libvirt-daemon-driver-qemu")

    @needs_root
    def test_the_session_daemon_of_an_ordinary_user(self):
        if not shutil.which("libvirtd", path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            self.skipTest("libvirtd is not installed (package libvirt-daemon)")
        nobody = stage.Nobody(self.place)
        suite = self.place.write("pair.yaml", PAIR)
        self.addCleanup(self.end_daemons)
        run = nobody.start("run", "--accel", "tcg", "--connect", "qemu:///session", suite).wait()
        self.assertEqual(run.status, duet.PASSED, run)
        left = [process for process in self.place.processes() if process[1] != "guardian"]
        self.assertEqual([name for _, name, _ in left if name.startswith("qemu-")], [])
        # The daemons are libvirt's and live on for a while; so does what they keep below libvirt/.
        self.assertEqual(list((self.place.runtime / "duet").iterdir()), [])

    def end_daemons(self):
        """Those that libvirt started for the workplace's home or runtime directory."""
        for entry in pathlib.Path("/proc").iterdir():
            try:
                if (entry.name.isdigit() and (entry / "comm").read_text().strip() in
                        ("libvirtd", "virtlogd", "virtqemud") and
                        os.fsencode(self.place.path) in (entry / "environ").read_bytes()):
                    os.kill(int(entry.name), signal.SIGKILL)
            except (OSError, ProcessLookupError):
                continue


class Output(HostTest):
    def test_for_programs_parses(self):
        run = self.place.run(TWO, "--accel", "tcg", "--json", "--junit", "junit.xml",
                             "--tap", "tap")
        self.assertEqual(run.status, duet.FAILED, run)
        printed = json.loads(run.stdout)
        self.assertEqual(printed, run.results)
        self.assertEqual(run.verdicts, {"one": "passed", "two": "failed"})
        root = xml.etree.ElementTree.parse(self.place.path / "junit.xml").getroot()
        cases = {case.get("name"): case for case in root.iter("testcase")}
        self.assertEqual(set(cases), {"one", "two"})
        self.assertIsNone(cases["one"].find("failure"))
        self.assertIsNotNone(cases["two"].find("failure"))
        tap = (self.place.path / "tap").read_text().splitlines()
        self.assertEqual(tap[:2], ["TAP version 14", "1..2"])
        self.assertEqual([line for line in tap if re.match(r"(not )?ok ", line)],
                         ["ok 1 - one", "not ok 2 - two"])

    def shell(self, words):
        suite = self.place.write("one.yaml", ONE)
        command = f"exec {duet.PROGRAM} run --accel tcg {suite} {words}"
        return self.finish(duet.Running(self.place, ["sh", "-c", command], self.place.environment,
                                        self.place.path))

    def test_closed_streams_reach_no_file(self):
        run = self.shell("<&- >&- 2>&-")
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertEqual(run.verdicts, {"one": "passed"})
        for path in run.directory.rglob("*"):
            if path.is_file():
                self.assertNotIn(b"1 passed", path.read_bytes(), path)

    def test_a_standard_output_that_is_full(self):
        run = self.shell("--json >/dev/full")
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertIn("standard output could not be written", run.stderr)
        self.assertEqual(run.verdicts, {"one": "passed"})

    def test_a_reader_that_goes_away(self):
        suite = self.place.write("one.yaml", ONE)
        with subprocess.Popen([duet.PROGRAM, "run", "--accel", "tcg", suite], cwd=self.place.path,
                              env=self.place.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE) as process:
            self.assertIn(b"one: 1 case", process.stdout.readline())
            process.stdout.close()
            self.assertEqual(process.wait(duet.RUN_LIMIT_S), duet.PASSED)
        self.place.assert_nothing_left()
        results = json.loads((self.place.results / "latest" / "results.json").read_text())
        self.assertEqual([case["verdict"] for case in results["cases"]], ["passed"])


if __name__ == "__main__":
    unittest.main()
