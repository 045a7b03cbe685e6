"""A topology that `duet up` keeps, for tests of the commands that work on it."""

import errno
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import duet

COMMAND_LIMIT_S = 300  # far above what any takes


class Kept(unittest.TestCase):
    """SUITE is up while the tests of a class run."""

    SUITE = None
    OPTIONS = ()

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        path = cls.work.write("kept.yaml", cls.SUITE)
        run = cls.work.start("up", "--detach", *cls.OPTIONS, path).wait()
        if run.status != 0:
            raise AssertionError(str(run))
        cls.addClassCleanup(cls.take_down)

    @classmethod
    def take_down(cls):
        cls.run_duet("down", "--all")
        cls.work.assert_nothing_left()

    @classmethod
    def environment(cls, more=None):
        return cls.work.environment | {"TERM": "xterm"} | (more or {})

    @classmethod
    def run_duet(cls, *arguments, data=b"", environment=None, **more):
        """`duet ARGUMENTS` with `data` as standard input; its output is bytes."""
        return subprocess.run([duet.PROGRAM, *map(str, arguments)], input=data,
                              capture_output=True, cwd=cls.work.path,
                              env=cls.environment(environment), timeout=COMMAND_LIMIT_S,
                              check=False, **more)

    @classmethod
    def open_duet(cls, *arguments, **more):
        """The same, while it runs, with pipes."""
        options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
                   "stderr": subprocess.PIPE} | more
        return subprocess.Popen([duet.PROGRAM, *map(str, arguments)], cwd=cls.work.path,
                                env=cls.environment(), **options)

    @classmethod
    def sh(cls, node, script, *arguments):
        """What a script in the node prints, which exits 0."""
        run = cls.run_duet("exec", "kept", node, "--", "sh", "-c", script, "sh", *arguments)
        if run.returncode != 0:
            raise AssertionError(f"{script}: {run}")
        return run.stdout.decode()

    def expect(self, run, status, message=None):
        self.assertEqual(run.returncode, status, run)
        if message:
            self.assertRegex(run.stderr.decode(), message)
        return run


def read_until(stream, pattern, limit_s=duet.EVENT_LIMIT_S):
    """What the pipe has given up to where `pattern` (bytes) has shown in it."""
    deadline, text = time.monotonic() + limit_s, b""
    while not re.search(pattern, text):
        ready, _, _ = select.select([stream], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(stream.fileno(), 65536) if ready else b""
        if not chunk:
            raise AssertionError(f"no {pattern!r} in {text!r}")
        text += chunk
    return text


class Terminal:
    """A program on a terminal of its own, with somebody who types."""

    def __init__(self, command, environment, directory, size=(24, 80)):
        self.master, terminal = pty.openpty()
        self.text = b""
        # Both are there before the program may look or change anything.
        self.before = termios.tcgetattr(self.master)
        self.resize(*size)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                os.close(self.master)
                os.login_tty(terminal)
                os.chdir(directory)
                os.execve(command[0], command, environment)
            finally:
                os._exit(127)
        os.close(terminal)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def _read(self, deadline):
        ready, _, _ = select.select([self.master], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise AssertionError(f"nothing more than {self.text!r}")
        try:
            return os.read(self.master, 65536)
        except OSError as error:
            if error.errno != errno.EIO:  # nobody has it open
                raise
            return b""

    def wait_for(self, pattern, limit_s=duet.EVENT_LIMIT_S):
        """Until it shows; what was shown so far is not looked at again."""
        deadline = time.monotonic() + limit_s
        while not (found := re.search(pattern.encode(), self.text)):
            chunk = self._read(deadline)
            if not chunk:
                raise AssertionError(f"no {pattern!r} before its end in {self.text!r}")
            self.text += chunk
        self.text = self.text[found.end():]
        return found

    def wait(self, limit_s=duet.EVENT_LIMIT_S):
        """Until it has ended; its exit status, as a shell has it."""
        deadline = time.monotonic() + limit_s
        while chunk := self._read(deadline):
            self.text += chunk
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def signal(self, number):
        os.kill(self.pid, number)

    def is_sane(self):
        """Its settings are those that it had at first."""
        return termios.tcgetattr(self.master) == self.before

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.master)
