"""`duet shell` on a real terminal: what a person sees of it, and that the terminal is sane after it.

The terminal is tmux's, which knows what a program has drawn, and where the cursor is.
"""

import itertools
import re
import shlex
import signal
import subprocess
import time
import unittest

import duet

WAIT_S = duet.EVENT_LIMIT_S  # for something to show
SUITE = """
    name: pair
    nodes:
      web:
        background: [{name: httpd, run: exec httpd -f -p 80, ready: tcp/80}]
      user:
        after: [web]
        run: wget -q -O - http://web/
    links:
      - {nodes: [web, user], subnet: 10.0.0.0/24}
"""


class Pane:
    """A tmux of its own, with a shell of the host's in it."""

    numbers = itertools.count()

    def __init__(self, work):
        self.work, self.socket = work, str(work.path / f"tmux{next(self.numbers)}")
        # What is to be left by duet has the mark, and this terminal is not of that.
        name = work.mark.split("=")[0]
        self.environment = {key: value for key, value in work.environment.items() if key != name}
        self.environment |= {"DUET": f"env {work.mark} {duet.PROGRAM}"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24",
                  "PS1='HOST> ' ENV= exec sh")
        self.wait_for(r"HOST>$")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-S", self.socket, *arguments], env=self.environment,
                              cwd=self.work.path, check=True, capture_output=True, text=True,
                              timeout=WAIT_S).stdout

    def close(self):
        subprocess.run(["tmux", "-S", self.socket, "kill-server"], capture_output=True, check=False)

    def type(self, text, enter=True):
        self.tmux("send-keys", "-l", text)
        if enter:
            self.tmux("send-keys", "Enter")

    def key(self, *names):
        self.tmux("send-keys", *names)

    def screen(self, *more):
        return self.tmux("capture-pane", "-p", *more).rstrip("\n")

    def wait_for(self, pattern):
        """Until the screen has it. tmux tells of no change, so it is looked at again."""
        deadline = time.monotonic() + WAIT_S
        while not re.search(pattern, self.screen(), re.MULTILINE):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {pattern!r} on the screen:\n{self.screen()}")
            time.sleep(0.05)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def settings(self):
        """Of the terminal, as the host's shell reads them."""
        self.type("clear; stty -a | tr '\\n' ' '; echo; echo END")
        self.wait_for(r"^END$")
        return re.sub(r"\s+", " ", self.screen().split("END")[0])


class ShellTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace({"TERM": "xterm-256color"})
        cls.addClassCleanup(cls.work.close)
        cls.work.write("pair.yaml", SUITE)

    def setUp(self):
        self.pane = Pane(self.work)
        self.addCleanup(self.pane.close)
        self.sane = self.pane.settings()
        self.pane.type("clear")

    def open_shell(self, *arguments, prompt=r"^node:~#$"):
        self.pane.type(" ".join(["$DUET", "shell", *map(shlex.quote, arguments)])
                       + "; echo left with $?")
        self.pane.wait_for(prompt)

    def assert_left(self, status):
        """duet has ended so, and the terminal is as it was before: settings, screen, cursor."""
        self.pane.wait_for(rf"^left with {status}$")
        self.pane.wait_for(r"^HOST>$")
        self.assertEqual(self.pane.settings(), self.sane)
        state = self.pane.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} "
                               "#{mouse_any_flag} #{keypad_cursor_flag} #{wrap_flag}")
        self.assertEqual(state.strip(), "0 1 0 0 1")
        self.work.assert_nothing_left()

    # -- While it lasts --------------------------------------------------------------------------

    def test_a_full_screen_program_draws_right_and_follows_the_window(self):
        self.open_shell()
        self.pane.type("seq 1 100 > /tmp/lines; vi /tmp/lines")
        self.pane.wait_for(r"/tmp/lines.* 1/100")
        lines = self.pane.screen().splitlines()
        self.assertEqual(lines[:23], [str(n) for n in range(1, 24)])
        self.pane.type("10Gihello ", enter=False)
        self.pane.key("Escape")
        self.pane.wait_for(r"^- /tmp/lines \[Modified\] 10/100")  # it has taken all of it
        self.pane.type("1GL", enter=False)
        self.pane.wait_for(r"^- /tmp/lines.* 23/100")
        self.pane.type(":q!")
        self.pane.wait_for(r"^node:~#$")
        self.run_program("sh -c 'until stty size | grep 12; do sleep 1; done'")
        self.pane.resize(60, 12)
        self.pane.wait_for(r"^12 60$")
        self.pane.type("clear; vi /tmp/lines")
        self.pane.wait_for(r"/tmp/lines.* 1/100")
        self.pane.type("L", enter=False)
        self.pane.wait_for(r"\A(?:.*\n){11}- /tmp/lines.* 11/100")
        self.pane.type(":q!")
        self.pane.wait_for(r"^node:~#$")
        self.pane.resize(80, 24)
        self.pane.type("exit 3")
        self.assert_left(3)

    def run_program(self, program):
        """It is in the foreground when this returns."""
        number = next(self.pane.numbers)
        self.pane.type(f"sh -c 'echo $((1000 + $0)); exec \"$@\"' {number} {program}; "
                       "echo status $?")
        self.pane.wait_for(rf"^{1000 + number}$")

    def test_keys_are_for_the_guest(self):
        self.open_shell()
        self.run_program("sleep 1000")
        self.pane.key("C-c")
        self.pane.wait_for(r"^\^C(?:status 130)?\n")
        self.run_program("cat")
        self.pane.type("echoed")
        self.pane.wait_for(r"^echoed\nechoed$")
        self.pane.key("C-d")
        self.pane.wait_for(r"^status 0$")
        self.run_program("sleep 1000")
        self.pane.key("C-z")
        self.pane.wait_for(r"Stopped")
        self.pane.type("clear; jobs; echo $TERM")
        self.pane.wait_for(r"Stopped.*\n(?:.*\n)*tmux-256color$")
        self.pane.wait_for(r"^node:~#$")
        self.pane.type("exit")  # which a shell with a stopped job does when it is told twice
        self.pane.wait_for(r"stopped jobs")
        self.pane.type("exit 4")
        self.assert_left(4)

    def test_a_case_has_its_processes_ready_and_no_step_has_run(self):
        self.open_shell("pair.yaml", "--node", "user", prompt=r"^user:~#$")
        self.pane.type("wget -q -O /dev/null http://web/none; hostname; ls duet-results")
        self.pane.wait_for(r"404 Not Found")
        self.pane.wait_for(r"^user$")
        self.pane.type("exit")
        self.assert_left(1)
        self.assertFalse(self.work.results.exists())

    # -- Every way to leave it -------------------------------------------------------------------

    def test_the_escape_leaves_a_full_screen_program(self):
        self.open_shell()
        self.pane.type("vi /etc/passwd")
        self.pane.wait_for(r"/etc/passwd.* 1/")
        self.pane.type("", enter=True)
        self.pane.type("~.", enter=False)
        self.assert_left(0)

    def test_the_escapes_are_explained(self):
        self.open_shell()
        self.run_program("sleep 1000")
        self.pane.type("~?", enter=False)
        self.pane.wait_for(r"^ ~\.   leave$")
        self.pane.key("C-c")
        self.pane.wait_for(r"^\^C(?:status 130)?\n")
        self.pane.type("clear")
        self.pane.wait_for(r"\Anode:~#$")  # and busybox has asked where the cursor is
        self.pane.type("~.", enter=False)
        self.assert_left(0)

    def test_a_guest_that_panics_gives_the_terminal_back(self):
        self.open_shell()
        self.pane.type("vi /etc/passwd")
        self.pane.wait_for(r"/etc/passwd.* 1/")
        self.pane.type(":!echo c >/proc/sysrq-trigger")
        self.assert_left(255)

    def test_the_panic_is_shown(self):
        self.open_shell()
        self.pane.type("echo c >/proc/sysrq-trigger")
        self.pane.wait_for(r"^left with 255$")
        self.assertRegex(self.pane.screen("-S", "-100"), r"Kernel panic - not syncing")
        self.assert_left(255)

    def killed(self, number, status, message="HOST>"):
        self.open_shell()
        self.pane.type("vi /etc/passwd")
        self.pane.wait_for(r"/etc/passwd.* 1/")
        main = min(pid for pid, name, _ in self.work.processes() if name == "duet")
        subprocess.run(["kill", f"-{number}", str(main)], check=True)
        self.pane.wait_for(rf"^left with {status}$")
        self.assertRegex(self.pane.screen(), message)
        self.assert_left(status)

    def test_a_signal_gives_the_terminal_back(self):
        self.killed(signal.SIGTERM, 128 + signal.SIGTERM,
                    r"(?m)^duet: interrupted: cleaning up .*\nleft with")

    def test_so_does_the_one_that_cannot_be_caught(self):
        self.killed(signal.SIGKILL, 128 + signal.SIGKILL)

    def test_a_qemu_that_is_killed(self):
        self.open_shell()
        self.pane.type("vi /etc/passwd")
        self.pane.wait_for(r"/etc/passwd.* 1/")
        for pid, name, _ in self.work.processes():
            if name.startswith("qemu-"):
                subprocess.run(["kill", "-9", str(pid)], check=True)
        self.assert_left(255)


class ScriptTest(unittest.TestCase):
    """Without a terminal: commands come in, what they print goes out."""

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)

    def shell(self, script, *arguments):
        run = subprocess.run([duet.PROGRAM, "shell", *arguments], input=script, text=True,
                             env=self.work.environment, cwd=self.work.path, capture_output=True,
                             timeout=duet.EVENT_LIMIT_S, check=False)
        self.work.assert_nothing_left()
        return run

    def test_a_script(self):
        run = self.shell("hostname; echo trouble >&2; exit 42\n")
        self.assertEqual((run.returncode, run.stdout), (42, "node\n"), run.stderr)
        self.assertIn("trouble\n", run.stderr)

    def test_a_node_that_is_not_there(self):
        self.work.write("pair.yaml", SUITE)
        run = self.shell("", "pair.yaml", "--node", "wbe")
        self.assertEqual(run.returncode, 2)
        self.assertIn('no node "wbe", but web, user', run.stderr)

    def test_a_case_that_does_not_come_up(self):
        self.work.write("bad.yaml", """
            nodes:
              a: {background: [{name: b, run: "echo why; exit 5", ready: tcp/80}], run: ":"}
        """)
        run = self.shell("", "bad.yaml")
        self.assertEqual((run.returncode, run.stdout), (1, ""), run.stderr)
        self.assertRegex(run.stderr, r'background process "b" ended with status 5 before it was')
        self.assertIn("| why", run.stderr)


if __name__ == "__main__":
    unittest.main()
