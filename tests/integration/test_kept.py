"""What is seen of a kept topology from other terminals, and how it ends: duet ps, logs, console,
debug-kernel, down."""

import datetime
import json
import os
import pathlib
import signal
import socket
import stat
import subprocess
import unittest

import duet
import kept

NOTHING_KEPT = "no case is kept up: `duet up CASE` keeps one"
NOBODY = 65534


class Looks(kept.Kept):
    SUITE = """
        name: kept
        nodes:
          left:
            background:
              - name: echo
                run: "echo echo is up; mkfifo /tmp/say; while :; do cat /tmp/say; done"
                ready: {path: /tmp/say}
          right: {run: "true"}
        links:
          - {nodes: [left, right], subnet: [10.0.0.0/24, "fd00::/64"]}
        """

    def follow(self, *arguments):
        process = self.open_duet("logs", "-f", *arguments)
        self.addCleanup(process.__exit__, None, None, None)
        self.addCleanup(process.kill)
        return process

    # -- ps --------------------------------------------------------------------------------------

    def test_ps_for_programs(self):
        run = self.expect(self.run_duet("ps", "--json"), 0)
        (case,) = json.loads(run.stdout)
        self.assertEqual((case["suite"], case["state"]), ("kept", "up"))
        self.assertEqual(case["path"], str((self.work.path / "kept.yaml").resolve()))
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc)
                             - datetime.datetime.fromisoformat(case["started"].replace("Z", "+00:00"))
                             ).total_seconds()), 3600)
        left, right = case["nodes"]
        self.assertEqual((left["name"], left["state"]), ("left", "up"))
        self.assertEqual(right["addresses"], ["10.0.0.2/24", "fd00::2/64"])
        names = {pid: name for pid, name, _ in self.work.processes()}
        self.assertRegex(names[right["pid"]], "^qemu")
        self.assertTrue(pathlib.Path(left["console"]).parent.is_dir())

    def test_ps_for_people(self):
        run = self.expect(self.run_duet("ps"), 0)
        heading, left, right = run.stdout.decode().splitlines()
        self.assertEqual(heading.split(),
                         ["CASE", "NODE", "STATE", "PID", "ADDRESSES", "AGE", "CONSOLE"])
        self.assertRegex(left, r"^kept/\S+ +left +up +\d+ +10\.0\.0\.1/24,fd00::1/64 +\d+[smh] +/")
        self.assertEqual(left.index(" up "), right.index(" up "))

    # -- logs ------------------------------------------------------------------------------------

    def test_logs_have_consoles_and_processes(self):
        self.sh("right", "echo from the console >/dev/console")
        process = self.follow()
        kept.read_until(process.stdout, rb"(?m)^right: from the console$")
        run = self.expect(self.run_duet("logs"), 0)
        lines = run.stdout.decode().splitlines()
        self.assertIn("left/echo: echo is up", lines)
        self.assertIn("right: from the console", lines)
        run = self.expect(self.run_duet("logs", "--node", "right", "kept"), 0)
        self.assertIn(b"right: from the console\n", run.stdout)
        self.assertNotIn(b"left", run.stdout)

    def test_a_line_is_seen_as_it_is_printed(self):
        process = self.follow("--node", "left")
        self.sh("left", "echo just now >/tmp/say")
        kept.read_until(process.stdout, rb"(?m)^left/echo: just now$")
        self.sh("right", "echo not this >/dev/console")
        self.sh("left", "echo and now >/dev/console")
        self.assertNotIn(b"not this", kept.read_until(process.stdout, rb"(?m)^left: and now$"))

    def test_a_reader_that_has_enough_ends_them(self):
        run = subprocess.run(f"{duet.PROGRAM} logs -f | head -1", shell=True, cwd=self.work.path,
                             env=self.environment(), capture_output=True, check=False,
                             timeout=kept.COMMAND_LIMIT_S)
        self.assertEqual(run.stdout.count(b"\n"), 1, run)

    def test_a_guest_does_not_move_the_cursor(self):
        self.sh("left", "printf 'clear \\033[2J it\\n' >/tmp/say")
        process = self.follow()
        kept.read_until(process.stdout, rb"left/echo: clear \033\[2J it\n")
        terminal = kept.Terminal([str(duet.PROGRAM), "logs"], self.environment(), self.work.path)
        self.addCleanup(terminal.close)
        terminal.wait_for("left/echo: clear \ufffd\\[2J it")

    # -- console ---------------------------------------------------------------------------------

    def test_the_console_shows_what_came_before_and_what_comes(self):
        self.sh("right", "echo earlier >/dev/console")
        process = self.open_duet("console", "right")
        self.addCleanup(process.__exit__, None, None, None)
        self.addCleanup(process.kill)
        kept.read_until(process.stdout, b"earlier\r\n")
        self.sh("right", "echo later >/dev/console")
        kept.read_until(process.stdout, b"later\r\n")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 128 + signal.SIGTERM)

    def test_what_is_typed_is_read_there(self):
        terminal = kept.Terminal([str(duet.PROGRAM), "console", "right"], self.environment(),
                                 self.work.path)
        self.addCleanup(terminal.close)
        terminal.wait_for("~. leaves it")
        reader = self.open_duet("exec", "kept", "right", "--", "sh", "-c",
                                "echo waiting >/dev/console; head -n 1 </dev/console")
        self.addCleanup(reader.__exit__, None, None, None)
        terminal.wait_for("waiting")
        terminal.type("hello there\r")
        kept.read_until(reader.stdout, b"hello there\n")
        terminal.type("\r~.")
        self.assertEqual(terminal.wait(), 0)
        self.assertTrue(terminal.is_sane())

    # -- debug-kernel ----------------------------------------------------------------------------

    def test_the_gdb_stub_answers(self):
        run = self.expect(self.run_duet("debug-kernel", "--json", "right"), 0)
        answer = json.loads(run.stdout)
        self.assertIn(f"target remote {answer['socket']}", answer["command"])
        with socket.socket(socket.AF_UNIX) as stub:
            stub.connect(answer["socket"])
            stub.settimeout(duet.EVENT_LIMIT_S)
            stub.sendall(b"+$?#3f")  # why it has stopped; GDB's remote protocol
            kept.read_until(stub.makefile("rb", 0), rb"\$T\d\d")
            stub.sendall(b"+$D#44")  # detach
            kept.read_until(stub.makefile("rb", 0), rb"\$OK#")
        self.assertEqual(self.sh("right", "hostname"), "right\n")
        run = self.expect(self.run_duet("debug-kernel", "right"), 0)
        self.assertEqual(run.stdout.decode().strip(), answer["command"])

    # -- Completion ------------------------------------------------------------------------------

    def complete(self, line):
        """What bash offers behind `line`, which is split as bash does it."""
        script = """
            source "$1"
            COMP_LINE=$2 COMP_POINT=${#2}
            read -ra COMP_WORDS <<<"${2//[=:]/ & }"
            [[ $2 == *" " ]] && COMP_WORDS+=("")
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _duet 2>/dev/null
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        path = f"{pathlib.Path(duet.PROGRAM).parent}:{os.environ['PATH']}"
        run = subprocess.run(["bash", "-c", script, "bash", duet.ROOT / "docs/duet.bash", line],
                             capture_output=True, text=True, check=True, timeout=60,
                             cwd=self.work.path, env=self.environment({"PATH": path}))
        return set(run.stdout.split())

    def test_cases_and_nodes_are_offered(self):
        (case,) = json.loads(self.run_duet("ps", "--json").stdout)
        name = f"kept/{case['case']}"
        self.assertEqual(self.complete("duet exec "), {name, "left", "right"})
        self.assertEqual(self.complete("duet exec r"), {"right"})
        self.assertEqual(self.complete(f"duet exec {name} l"), {"left"})
        self.assertEqual(self.complete("duet down "), {name})
        self.assertEqual(self.complete("duet logs --node "), {"left", "right"})
        self.assertEqual(self.complete("duet impair "), {name, "left-right"})
        self.assertEqual(self.complete("duet impair --from "), {"left", "right"})
        self.assertEqual(self.complete("duet impair --los"), {"--loss", "--loss.correlation", "--loss.gemodel.1-h",
                         "--loss.gemodel.1-k", "--loss.gemodel.p", "--loss.gemodel.r", "--loss.limit",
                         "--loss.state.p13", "--loss.state.p14", "--loss.state.p23", "--loss.state.p31",
                         "--loss.state.p32"})
        self.assertEqual(self.complete("duet link left"), {"left-right"})
        self.assertLessEqual({"left:/", "right:/"}, self.complete("duet cp "))
        self.assertEqual(self.complete(f"duet cp {name}:ri"), {"right:/"})

    # -- Mistakes --------------------------------------------------------------------------------

    def test_what_is_not_there(self):
        for command in ("console", "debug-kernel"):
            with self.subTest(command=command):
                self.expect(self.run_duet(command, "kept", "middle"), 2,
                            'no node "middle", but left, right')
                self.expect(self.run_duet(command), 2, "name one: left, right")
        self.expect(self.run_duet("logs", "--node", "middle"), 2, 'no node "middle"')
        self.expect(self.run_duet("down", "keep"), 2, r'no case "keep" is kept up, but kept/')
        self.expect(self.run_duet("down", "--all", "kept"), 2, "either")

    @unittest.skipUnless(os.geteuid() == 0, "needs to become another user")
    def test_another_user_is_refused(self):
        (hub,) = self.work.runtime.rglob("hub")
        for path in (hub.parent, hub.parent.parent):
            self.assertEqual(stat.S_IMODE(path.stat().st_mode) & 0o077, 0)
        # What the modes forbid is allowed for once: the hub itself has to refuse.
        changed = {path: stat.S_IMODE(path.stat().st_mode)
                   for path in (hub, *list(hub.parents)[:4]) if path != pathlib.Path("/tmp")}
        for path in changed:
            path.chmod(0o777)
        self.addCleanup(lambda: [path.chmod(mode) for path, mode in changed.items()])
        self.assertIn(b"ok", self.ask_as(0, hub))
        self.assertEqual(self.ask_as(NOBODY, hub), b"connected: ")

    def ask_as(self, user, hub):
        """What the hub answers to a process of another user."""
        end, other = os.pipe()
        if (child := os.fork()) == 0:
            try:
                os.setresuid(user, user, user)
                with socket.socket(socket.AF_UNIX) as connection:
                    connection.connect(str(hub))
                    os.write(other, b"connected: ")
                    connection.sendall(b'{"open":"status"}\n')
                    os.write(other, connection.recv(1000))
            finally:
                os._exit(0)
        os.close(other)
        os.waitpid(child, 0)
        with os.fdopen(end, "rb") as answer:
            return answer.read()


class Ends(unittest.TestCase):
    """Each brings up what it ends."""

    PAIR = """
        name: NAME
        nodes:
          left: {run: "true"}
          right: {run: "true"}
        links:
          - {nodes: [left, right], subnet: 10.0.0.0/24}
        """

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def up(self, suite=PAIR, name="kept"):
        path = self.work.write(f"{name}.yaml", suite.replace("NAME", name))
        run = self.work.start("up", "--detach", path).wait()
        self.assertEqual(run.status, 0, run)

    def duet(self, *arguments):
        return self.work.start(*arguments).wait()

    def expect(self, run, status, message="(?s).*"):
        self.assertEqual(run.status, status, run)
        self.assertRegex(run.stderr, message)

    def print_marker(self):
        run = self.duet("exec", "kept", "right", "--", "sh", "-c", "echo marker >/dev/console")
        self.expect(run, 0)

    def test_nothing_is_kept(self):
        self.assertEqual(json.loads(self.duet("ps", "--json").stdout), [])
        run = self.duet("ps")
        self.assertEqual((run.status, run.stdout), (0, ""))
        self.assertIn(NOTHING_KEPT, run.stderr)
        for command in (["logs"], ["down"], ["console", "left"], ["debug-kernel", "left"],
                        ["cp", "left:/x", "-"]):
            with self.subTest(command=command):
                self.expect(self.duet(*command), 2, NOTHING_KEPT)
        self.expect(self.duet("exec", "left", "--", "true"), 255, NOTHING_KEPT)
        self.expect(self.duet("exec", "kept", "left", "true"), 255, NOTHING_KEPT)
        self.expect(self.duet("down", "--all"), 0)

    def test_down_waits_until_all_is_gone(self):
        self.up()
        self.print_marker()
        follower = self.work.start("logs", "-f")
        follower.wait_for("marker", "stdout")
        run = self.duet("down")
        self.assertEqual((run.status, run.stdout.endswith(" is down\n")), (0, True), run)
        self.expect(follower.wait(), 0, "is not kept up any more")
        self.assertEqual(self.work.processes(), [])
        self.work.assert_nothing_left(0)

    def test_one_of_two(self):
        self.up(name="one")
        self.up(name="two")
        self.expect(self.duet("down"), 2, r"2 cases are kept up; name one of them.*one/.*two/")
        self.expect(self.duet("exec", "left", "--", "true"), 255, "2 cases have a node")
        self.expect(self.duet("down", "one"), 0)
        self.expect(self.duet("exec", "left", "--", "true"), 0)
        self.assertEqual([case["suite"] for case in json.loads(self.duet("ps", "--json").stdout)],
                         ["two"])
        self.expect(self.duet("down", "--all"), 0)
        self.work.assert_nothing_left()

    def test_a_duet_that_is_killed_is_missed(self):
        self.up()
        (case,) = json.loads(self.duet("ps", "--json").stdout)
        running = self.work.start("exec", "kept", "left", "--", "sh", "-c", "echo begun; sleep 1000")
        running.wait_for("begun", "stdout")
        self.print_marker()
        follower = self.work.start("logs", "-f")
        console = self.work.start("console", "right")
        follower.wait_for("marker", "stdout")
        console.wait_for("marker", "stdout")
        os.kill(case["pid"], signal.SIGKILL)
        gone = rf"process {case['pid']}\) is not there any more"
        self.expect(running.wait(), 255, gone)
        self.expect(follower.wait(), 0, "is not kept up any more")
        self.expect(console.wait(), 0, gone)
        self.expect(self.duet("exec", "kept", "left", "true"), 255, NOTHING_KEPT)
        self.work.assert_nothing_left()

    def test_what_becomes_of_a_process_is_told(self):
        path = self.work.write("kept.yaml", """
            name: kept
            nodes:
              a:
                background:
                  - {name: daemon, run: "echo $$ > /tmp/pid; exec sleep 1000", ready: {path: /tmp/pid}}
                run: "true"
            """)
        running = self.work.start("up", path)
        running.wait_for(r"kept/kept is up", "stdout")
        run = self.duet("exec", "a", "--", "sh", "-c", "kill -SEGV $(cat /tmp/pid)")
        self.expect(run, 0)
        told = r'background process "daemon" was killed by signal 11 \(Segmentation fault\)'
        running.wait_for(f"duet: a: {told}")
        self.assertRegex(self.duet("logs").stdout, f"(?m)^a: duet: {told}")
        self.expect(self.duet("down"), 0)
        self.assertEqual(running.wait().status, 0)
        self.work.assert_nothing_left()

    def test_what_the_last_machine_said_stays_until_it_is_taken_down(self):
        path = self.work.write("kept.yaml", 'name: kept\nnodes: {a: {run: "true"}}\n')
        running = self.work.start("up", path)
        running.wait_for(r"kept/kept is up", "stdout")
        self.duet("exec", "a", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
        running.wait_for(r"duet: a: Kernel panic - not syncing: sysrq triggered crash")
        running.wait_for(r"no machine of kept/kept is left")
        self.assertRegex(self.duet("logs").stdout, "(?m)^a: .*Kernel panic")
        self.expect(self.duet("exec", "a", "--", "true"), 255, "the machine of a is gone")
        self.expect(self.duet("down"), 0)
        self.assertEqual(running.wait().status, 1)
        self.work.assert_nothing_left()

    def test_a_dead_guest_still_has_its_console(self):
        self.up()
        run = self.duet("exec", "kept", "left", "--", "sh", "-c", "echo c >/proc/sysrq-trigger")
        self.expect(run, 255, r"left: .*node left: gone")
        self.assertRegex(self.duet("console", "left").stdout, "Kernel panic")
        self.assertRegex(self.duet("logs").stdout, "(?m)^left: .*Kernel panic")
        self.expect(self.duet("exec", "kept", "left", "true"), 255, "left")
        self.expect(self.duet("exec", "kept", "right", "true"), 0)
        self.expect(self.duet("down"), 0)
        self.work.assert_nothing_left()

    def test_a_terminal_outlives_its_guest(self):
        self.up()
        terminal = kept.Terminal([str(duet.PROGRAM), "exec", "kept", "left"],
                                 self.work.environment | {"TERM": "xterm"}, self.work.path)
        self.addCleanup(terminal.close)
        terminal.wait_for(r"left\S*:~# ")
        terminal.type("printf '\\033[?1049h\\033[?25l'; echo c >/proc/sysrq-trigger\r")
        terminal.wait_for(r"(?s)\x1b\[\?1049l.*\x1b\[\?25h.*duet: left: ")
        self.assertEqual(terminal.wait(), 255)
        self.assertTrue(terminal.is_sane())
        self.expect(self.duet("down"), 0)

    def test_a_foreign_init_has_its_console(self):
        self.work.write("guest/run.sh", """\
            #!/bin/sh
            echo the init is up
            while read line; do echo "it says $line"; done
            """, 0o755)
        self.up("""
            name: NAME
            nodes:
              left: {init: {directory: guest, run: /run.sh}}
              right: {run: "true"}
            links:
              - {nodes: [left, right], subnet: 10.0.0.0/24}
            """)
        self.expect(self.duet("exec", "kept", "left", "true"), 255, "left")
        with subprocess.Popen([duet.PROGRAM, "console", "left"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.work.path,
                              env=self.work.environment) as console:
            kept.read_until(console.stdout, b"the init is up")
            console.stdin.write(b"hello\n")
            console.stdin.flush()
            kept.read_until(console.stdout, b"it says hello")
            console.terminate()
        self.expect(self.duet("down"), 0)
        self.work.assert_nothing_left()


if __name__ == "__main__":
    unittest.main()
