"""duet exec: a command in a kept node has the streams, the signals and the terminal of here."""

import hashlib
import os
import signal
import subprocess
import unittest

import duet
import kept

TROUBLE = 255
CANNOT_RUN = 127


class Exec(kept.Kept):
    SUITE = """
        name: kept
        env: {FROM_SUITE: suite}
        nodes:
          left:
          right:
        links:
          - {nodes: [left, right], subnet: 10.0.0.0/24}
        """

    def exec(self, *command, **more):
        return self.run_duet("exec", "kept", "left", "--", *command, **more)

    def start(self, script):
        """A script that runs, and has said so."""
        process = self.open_duet("exec", "kept", "left", "--", "sh", "-c", f"echo ready; {script}")
        self.addCleanup(process.__exit__, None, None, None)
        self.addCleanup(process.kill)
        kept.read_until(process.stdout, rb"ready\n")
        return process

    def test_what_could_never_fail_is_not_run(self):
        self.expect(self.run_duet("run", "kept.yaml"), 2,
                    "no node of the case .* does anything that could fail.*`duet up` brings it up")

    # -- Status and streams ----------------------------------------------------------------------

    def test_the_exit_status_is_the_commands(self):
        self.expect(self.exec("true"), 0)
        self.expect(self.exec("sh", "-c", "exit 7"), 7)
        self.expect(self.exec("sh", "-c", "exit 255"), 255)
        self.expect(self.exec("sh", "-c", "kill -9 $$"), 128 + signal.SIGKILL)

    def test_what_cannot_run(self):
        self.expect(self.exec("no-such-program"), CANNOT_RUN, "left: cannot run no-such-program: No such")
        self.expect(self.exec("/etc/passwd"), CANNOT_RUN, "Permission denied")
        self.expect(self.run_duet("exec", "-w", "/nowhere", "kept", "left", "true"), CANNOT_RUN,
                    "/nowhere: No such")
        self.expect(self.run_duet("exec", "--container", "web", "kept", "left", "true"), CANNOT_RUN,
                    "web")

    def test_what_the_guest_says_of_it_moves_no_cursor(self):
        run = self.expect(self.exec("\x1b[2Jx"), CANNOT_RUN, r"\[2Jx: No such")
        self.assertNotIn(b"\x1b", run.stderr)

    def test_duets_own_trouble(self):
        self.expect(self.run_duet("exec", "kept", "middle", "true"), TROUBLE,
                    r'no node "middle", but left, right')
        self.expect(self.run_duet("exec", "keep", "left", "true"), TROUBLE,
                    r'no case "keep" is kept up, but kept/\S+ \(\d+\)')
        self.expect(self.run_duet("exec", "left", "ls", "x"), TROUBLE, "`duet exec left -- ls`")
        self.expect(self.run_duet("exec"), TROUBLE, "name one: left, right")
        self.expect(self.run_duet("exec", "--no-such-option"), TROUBLE, "unrecognized option")
        self.expect(self.run_duet("exec", "-w", "tmp", "kept", "left", "true"), TROUBLE, "slash")

    def test_output_and_errors_are_apart(self):
        run = self.expect(self.exec("sh", "-c", "echo out; echo err >&2"), 0)
        self.assertEqual((run.stdout, run.stderr), (b"out\n", b"err\n"))

    def test_64_mib_pass_unharmed(self):
        data = os.urandom(64 << 20)
        run = self.expect(self.exec("cat", data=data), 0)
        self.assertEqual(hashlib.sha256(run.stdout).digest(), hashlib.sha256(data).digest())

    def test_every_byte_passes(self):
        data = bytes(range(256)) * 3 + b"\n~.\n~?\n\x03\x04\x1a"
        self.assertEqual(self.exec("cat", data=data).stdout, data)

    def test_the_end_of_input_is_told(self):
        self.assertEqual(self.exec("wc", "-c", data=b"12345").stdout.strip(), b"5")
        self.assertEqual(self.exec("wc", "-c").stdout.strip(), b"0")

    def test_a_command_that_reads_nothing_ends(self):
        self.expect(self.exec("true", data=bytes(4 << 20)), 0)

    def test_the_words_are_passed_as_they_are(self):
        words = ["a b", "", "'\"\\$HOME`id`", "--", "-t", "*", "\n", "ü"]
        run = self.exec("sh", "-c", 'for word; do printf "%s\\0" "$word"; done', "sh", *words)
        self.assertEqual(run.stdout.decode().split("\0"), [*words, ""])
        run = self.run_duet("exec", "kept", "left", "echo", "--help", "-T")
        self.assertEqual(run.stdout, b"--help -T\n")

    def test_the_node_alone_is_enough_where_it_is_clear(self):
        self.assertEqual(self.run_duet("exec", "right", "--", "hostname").stdout, b"right\n")

    def test_environment_and_directory(self):
        run = self.run_duet("exec", "-e", "A=1 2", "-e", "FROM_HERE", "-w", "/tmp", "kept", "left",
                            "--", "sh", "-c", 'echo "$A,$FROM_HERE,$PWD,$HOME"',
                            environment={"FROM_HERE": "x"})
        self.assertEqual(run.stdout, b"1 2,x,/tmp,/root\n")

    def test_the_environment_is_that_of_steps(self):
        script = 'echo "$DUET_NODE,$DUET_CASE,$DUET_SEED,$FROM_SUITE"'
        run = self.exec("sh", "-c", script)
        self.assertRegex(run.stdout, rb"^left,kept,\d+,suite\n$")
        run = self.run_duet("exec", "-e", "FROM_SUITE=own", "kept", "left", "--", "sh", "-c", script)
        self.assertRegex(run.stdout, rb"^left,kept,\d+,own\n$")

    def test_a_shell_reads_its_commands_from_standard_input(self):
        run = self.run_duet("exec", "kept", "left", data=b"hostname\npwd\ntty\nexit 3\n")
        self.assertEqual((run.returncode, run.stdout), (3, b"left\n/root\nnot a tty\n"))

    # -- Signals and ends ------------------------------------------------------------------------

    def test_ctrl_c_is_for_the_command(self):
        process = self.start("exec sleep 1000")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 128 + signal.SIGINT)

    def test_a_command_may_do_with_it_what_it_wants(self):
        process = self.start("trap 'echo caught; exit 9' INT TERM; while :; do sleep 0.1; done")
        process.send_signal(signal.SIGTERM)
        kept.read_until(process.stdout, b"caught")
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 9)

    def test_the_third_signal_lets_go(self):
        process = self.start("trap 'echo caught' INT; while :; do sleep 0.1; done")
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            kept.read_until(process.stdout, b"caught")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 128 + signal.SIGINT)

    def test_a_command_whose_user_is_gone_is_told(self):
        process = self.start("trap 'touch /tmp/told; exit' HUP; while :; do sleep 0.1; done")
        process.kill()
        self.sh("left", "until [ -e /tmp/told ]; do sleep 0.1; done")

    def test_a_reader_that_has_enough_ends_it(self):
        process = self.open_duet("exec", "kept", "left", "--", "yes", stderr=subprocess.DEVNULL)
        kept.read_until(process.stdout, b"y\n")
        process.stdin.close()
        process.stdout.close()
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 128 + signal.SIGPIPE)
        self.sh("left", "while pidof yes; do sleep 0.1; done")

    def test_a_reader_that_waits_holds_up_nobody_else(self):
        process = self.open_duet("exec", "kept", "left", "--", "yes", stderr=subprocess.DEVNULL)
        self.addCleanup(process.__exit__, None, None, None)
        self.addCleanup(process.kill)
        kept.read_until(process.stdout, b"y\n")
        self.assertEqual(self.exec("echo", "1").stdout, b"1\n")


class Terminals(kept.Kept):
    SUITE = Exec.SUITE

    def open(self, *arguments, **more):
        terminal = kept.Terminal([str(duet.PROGRAM), *arguments], self.environment(),
                                 self.work.path, **more)
        self.addCleanup(terminal.close)
        return terminal

    def open_shell(self, **more):
        terminal = self.open("exec", "kept", "left", **more)
        terminal.wait_for(r"left\S*:~# ")
        return terminal

    def test_a_shell_has_one(self):
        terminal = self.open_shell()
        terminal.type("echo $TERM $(tty)\r")
        terminal.wait_for(r"xterm /dev/pts/\d+\r\n")
        terminal.type("exit 5\r")
        self.assertEqual(terminal.wait(), 5)
        self.assertTrue(terminal.is_sane())

    def test_its_size_follows(self):
        terminal = self.open_shell(size=(31, 99))
        terminal.type("stty size\r")
        terminal.wait_for(r"31 99\r\n")
        terminal.resize(50, 132)
        terminal.type("while [ \"$(stty size)\" != '50 132' ]; do sleep 0.1; done; echo seen\r")
        terminal.wait_for(r"\nseen\r\n")

    def test_ctrl_c_interrupts_what_runs_there(self):
        terminal = self.open_shell()
        # It has the terminal by then: before that, the signal is the shell's, which ignores it.
        terminal.type("sh -c 'echo begun; exec sleep 1000'\r")
        terminal.wait_for(r"\nbegun\r\n")
        terminal.type("\x03")
        terminal.wait_for(r"left\S*:~# ")
        terminal.type("echo $?\r")
        terminal.wait_for(r"\n130\r\n")

    def test_full_screen_programs_draw(self):
        terminal = self.open_shell()
        terminal.type("vi /etc/passwd\r")
        terminal.wait_for(r"root:x:0:0")
        terminal.type(":q!\r")
        terminal.wait_for(r"left\S*:~# ")

    def test_the_escape_leaves(self):
        terminal = self.open_shell()
        terminal.type("sleep 1000\r~.")
        terminal.wait_for("duet: left left")
        self.assertEqual(terminal.wait(), TROUBLE)
        self.assertTrue(terminal.is_sane())

    def test_a_kill_leaves_it_sane(self):
        terminal = self.open_shell()
        terminal.signal(signal.SIGTERM)
        self.assertEqual(terminal.wait(), 128 + signal.SIGTERM)
        self.assertTrue(terminal.is_sane())

    def test_a_kill_that_it_cannot_see_neither(self):
        terminal = self.open_shell()
        terminal.signal(signal.SIGKILL)
        self.assertEqual(terminal.wait(), -signal.SIGKILL)
        self.assertTrue(terminal.is_sane())

    def test_a_command_has_none_unless_it_is_asked_for(self):
        terminal = self.open("exec", "kept", "left", "tty")
        terminal.wait_for("not a tty")
        terminal.wait()
        terminal = self.open("exec", "-t", "kept", "left", "tty")
        terminal.wait_for(r"/dev/pts/\d+")
        self.assertEqual(terminal.wait(), 0)
        run = self.run_duet("exec", "-t", "kept", "left", "tty")
        self.assertRegex(run.stdout, rb"^/dev/pts/\d+\r\n$")

    def test_a_shell_has_none_where_none_is_wanted(self):
        terminal = self.open("exec", "-T", "kept", "left")
        terminal.type("tty\n")
        terminal.wait_for("not a tty")


if __name__ == "__main__":
    unittest.main()
