"""Runs build/duet for the integration tests, reads what it wrote, and looks for what it left.

The program is $DUET, else build/duet. Every Workplace has an XDG_RUNTIME_DIR of its own, so that
what other runs of this machine do is never taken for what this one left; the cache is the user's,
so that no kernel is fetched twice.
"""

import gzip
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import textwrap
import threading
import time
import unittest
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet")
RUN_LIMIT_S = 900  # of one `duet`; far above what any takes, even on a busy machine
LEFT_LIMIT_S = 60  # for a guardian to end once duet has
EVENT_LIMIT_S = 180  # for something to show that a test waits for

PASSED, FAILED, BAD_USAGE, TROUBLE, ALL_SKIPPED, INTERRUPTED = 0, 1, 2, 3, 4, 130


def read_console(path):
    """What a machine printed, from its console.log.gz."""
    with gzip.open(path) as log:
        return log.read()


def with_patience(suite):
    """The suite's text, for which no network is too late and no host stands still for too long,
    unless it has limits of its own: how busy the host is decides no test."""
    suite = textwrap.dedent(suite)
    if re.search(r"\bnetwork:", suite):
        return suite
    return suite.rstrip("\n") + "\nnetwork: {late: 0s, stall: 0s}\n"


class Run:
    """A `duet` that has ended: its exit status, its output, results.json."""

    def __init__(self, command, status, stdout, stderr, workplace):
        self.command, self.status = command, status
        self.stdout, self.stderr = stdout, stderr
        found = re.search(r"results in (\S+)\n", stdout)
        self.directory = (workplace.path / found[1]).resolve() if found else None
        if not self.directory and (workplace.results / "latest").exists():
            self.directory = (workplace.results / "latest").resolve()
        path = self.directory / "results.json" if self.directory else None
        self.results = json.loads(path.read_text()) if path and path.exists() else None

    def __str__(self):
        """For the messages of assertions. Of a guest's console its end will do."""
        stdout = re.sub(r"(?:        \| .*\n)+(?=(?:        \| .*\n){20})", "        | ...\n",
                        self.stdout)
        return (f"\n{' '.join(map(str, self.command))}\nexit status {self.status}\n"
                f"-- standard output --\n{stdout}\n-- standard error --\n{self.stderr}")

    @property
    def cases(self):
        return {case["name"]: case for case in self.results["cases"]} if self.results else {}

    @property
    def verdicts(self):
        return {name: case["verdict"] for name, case in self.cases.items()}

    def node(self, case, name=None):
        nodes = self.cases[case]["nodes"]
        return nodes[0] if name is None else next(n for n in nodes if n["name"] == name)

    def step(self, case, step, node=None):
        return next(s for s in self.node(case, node)["steps"] if s["name"] == step)

    def read(self, path):
        """Bytes of a file that results.json names."""
        return (self.directory / path).read_bytes()

    def step_output(self, case, step, node=None, stream="stdout"):
        return self.read(self.step(case, step, node)[stream]["path"])

    def console(self, case, node=None):
        return read_console(self.directory / self.node(case, node)["console"]["path"])

    def shown(self, case):
        """The lines on standard output that belong to one case."""
        lines = self.stdout.splitlines()
        heading = re.compile(rf"  \w+ +{re.escape(case)}\s")
        first = next(i for i, line in enumerate(lines) if heading.match(line))
        after = next(i for i in range(first + 1, len(lines)) if not lines[i].startswith("      "))
        return "\n".join(lines[first:after])


class Running:
    """A `duet` that runs. Its output is collected as it comes."""

    def __init__(self, workplace, command, environment, directory, **popen):
        self.workplace, self.command = workplace, command
        popen = {"stdin": subprocess.DEVNULL} | popen
        self.process = subprocess.Popen(command, cwd=directory, env=environment,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **popen)
        self.changed = threading.Condition()
        self.output = {"stdout": b"", "stderr": b""}
        self.readers = [threading.Thread(target=self._collect, args=(name,), daemon=True)
                        for name in self.output]
        for reader in self.readers:
            reader.start()

    def _collect(self, name):
        pipe = getattr(self.process, name)
        while chunk := os.read(pipe.fileno(), 65536):
            with self.changed:
                self.output[name] += chunk
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def text(self, name):
        with self.changed:
            return self.output[name].decode(errors="backslashreplace")

    def wait_for(self, pattern, name="stderr", limit_s=EVENT_LIMIT_S):
        """Until `pattern` stands in the output; `--verbose` says on stderr what is waited for."""
        deadline = time.monotonic() + limit_s
        with self.changed:
            while True:
                text = self.output[name].decode(errors="backslashreplace")
                if found := re.search(pattern, text):
                    return found
                alive = any(reader.is_alive() for reader in self.readers)
                left = deadline - time.monotonic()
                if left <= 0 or not alive:
                    raise AssertionError(f"no {pattern!r} on {name} " + (
                        f"after {limit_s} s" if alive else "before duet ended") + f":\n{text}")
                self.changed.wait(min(left, 1))

    def qemus(self):
        """Process ids of the run's QEMUs."""
        return [pid for pid, name, _ in self.workplace.processes() if name.startswith("qemu-")]

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit_s=RUN_LIMIT_S):
        """Until duet has ended; what became of it."""
        try:
            status = self.process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(LEFT_LIMIT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for reader in self.readers:
                reader.join(LEFT_LIMIT_S)
            raise AssertionError(f"still running after {limit_s} s: {' '.join(self.command)}\n"
                                 f"{self.text('stdout')}\n{self.text('stderr')}") from None
        for reader in self.readers:
            reader.join(LEFT_LIMIT_S)
            if reader.is_alive():
                raise AssertionError("duet has ended and something still holds its output")
        self.process.stdout.close()
        self.process.stderr.close()
        return Run(self.command, status, self.text("stdout"), self.text("stderr"), self.workplace)


class Workplace:
    """A directory to run duet in, with suites, results and a runtime directory of its own."""

    def __init__(self, environment=None):
        # Short, and not below TMPDIR: unix sockets have paths of 107 bytes.
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="dt-", dir="/tmp"))
        self.runtime = self.path / "r"
        self.runtime.mkdir(mode=0o700)
        self.results = self.path / "duet-results"
        self.mark = f"DUET_TEST_MARK={uuid.uuid4()}"
        self.environment = {key: value for key, value in os.environ.items()
                            if not key.startswith("DUET_") and key != "NO_COLOR"}
        self.environment |= {"XDG_RUNTIME_DIR": str(self.runtime), **(environment or {})}
        self.environment.update([self.mark.split("=")])

    def close(self):
        """Also ends what a failed test left, so that it fails alone."""
        for pid, _, _ in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        shutil.rmtree(self.path, ignore_errors=True)

    def write(self, name, text, mode=0o644):
        """A file below the workplace, relative to which suites name files."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(textwrap.dedent(text))
        path.chmod(mode)
        return path

    def write_suite(self, text, name="suite"):
        """The file of a suite, with patience."""
        return self.write(f"{name}.yaml", with_patience(text))

    def start(self, *arguments, suite=None, name="suite", environment=None, directory=None,
              **popen):
        """Starts duet. With `suite`, a text: `duet run` of that, with patience, after the options
        `arguments`."""
        command = [PROGRAM, *arguments]
        if suite is not None:
            command = [PROGRAM, "run", *arguments, self.write_suite(suite, name)]
        return Running(self, list(map(str, command)), self.environment | (environment or {}),
                       directory or self.path, **popen)

    def command(self, *arguments, **options):
        """`duet ARGUMENTS` to its end, with nothing left."""
        run = self.start(*arguments, **options).wait()
        self.assert_nothing_left()
        return run

    def run(self, suite, *options, **more):
        """`duet run OPTIONS` of the suite's text to its end, with nothing left."""
        return self.command(*options, suite=suite, **more)

    # -- What is left ----------------------------------------------------------------------------

    def processes(self):
        """(pid, name, command line) of every process that came of a duet started here.

        duet and its guardian have the mark in their environment; QEMU, which gets a clean one, has
        the runtime directory on its command line. Zombies have neither."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                cmdline = (entry / "cmdline").read_bytes()
                if (self.mark.encode() in (entry / "environ").read_bytes().split(b"\0")
                        or os.fsencode(self.runtime) + b"/" in cmdline):
                    name = (entry / "comm").read_text().strip()
                    found.append((int(entry.name), name, cmdline.replace(b"\0", b" ")[:200]))
            except (OSError, ProcessLookupError):
                continue
        return found

    def wait_for_processes(self, limit_s=LEFT_LIMIT_S):
        """Until none of them runs; those that still do after `limit_s`."""
        deadline = time.monotonic() + limit_s
        while (left := self.processes()) and time.monotonic() < deadline:
            poll = select.poll()
            descriptors = []
            for pid, _, _ in left:
                try:
                    descriptors.append(os.pidfd_open(pid))
                    poll.register(descriptors[-1], select.POLLIN)
                except ProcessLookupError:
                    pass
            if descriptors and len(descriptors) == len(left):
                poll.poll(max(0, deadline - time.monotonic()) * 1000)
            for descriptor in descriptors:
                os.close(descriptor)
        return left

    def assert_nothing_left(self, limit_s=LEFT_LIMIT_S):
        """No QEMU, guardian or other process, no socket, no directory, no libvirt state."""
        if left := self.wait_for_processes(limit_s):
            raise AssertionError(f"{limit_s} s after duet these still run: {left}")
        files = [path for path in self.runtime.rglob("*") if path != self.runtime / "duet"]
        if files:
            raise AssertionError(f"left in the runtime directory: {sorted(map(str, files))}")
        for path in self.temporary_directories():
            if path.exists():
                raise AssertionError(f"left behind: {path}")

    def temporary_directories(self):
        """Where the runs of this workplace had their sockets, as the domains' XML tells."""
        for xml in self.results.rglob("domain.xml"):
            for path in re.findall(r"mode='connect' path='([^']+)'", xml.read_text()):
                yield pathlib.Path(path).parent


class SuiteTest(unittest.TestCase):
    """One run of SUITE; each test looks at one of its cases."""

    SUITE = None
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.work = Workplace()
        cls.addClassCleanup(cls.work.close)
        cls.prepare()
        cls.result = cls.work.run(cls.SUITE, *cls.OPTIONS)

    @classmethod
    def prepare(cls):
        """Makes the files that the suite needs, in cls.work."""

    def expect(self, case, verdict, reason):
        """That a case has this verdict, in results.json and on the terminal, for this reason."""
        self.assertEqual(self.result.verdicts.get(case), verdict, self.result)
        self.assertRegex(self.result.cases[case]["reason"], reason)
        shown = self.result.shown(case)
        self.assertRegex(shown, rf"^  {verdict} +{case}\b")
        self.assertRegex(shown, reason)
        return shown
