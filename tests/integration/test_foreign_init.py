"""Somebody else's guest side: their PID 1 or script, their tokens, their kernel parameters."""

import re
import shutil
import subprocess
import unittest

import duet

# Nobody asks a raw init what its kernel measured of its timer: no other guest boots meanwhile.
RAW_OPTIONS = ("-j1",)

INIT_C = r"""
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a program can find of the one whose place it took. */
static void describe_world(char *out, size_t size)
{
    FILE *text = fmemopen(out, size, "w");
    struct sigaction action;
    sigset_t blocked;
    char directory[64] = "";

    fputs("world: open", text);
    for (int fd = 0; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            fprintf(text, " %d", fd);
    fputs(", signals", text);
    sigprocmask(SIG_BLOCK, NULL, &blocked);
    for (int number = 1; number < NSIG; number++)
        if (sigaction(number, NULL, &action) == 0 &&
            (action.sa_handler != SIG_DFL || sigismember(&blocked, number)))
            fprintf(text, " %d", number);
    fprintf(text, ", children %s", waitpid(-1, NULL, WNOHANG) < 0 ? "none" : "some");
    fprintf(text, ", umask %03o, in %s", umask(022), getcwd(directory, sizeof directory));
    fclose(text);
}

/* As a harness's PID 1: finds its parameter, runs its "test", says what came of it. */
int main(void)
{
    char world[1024], line[4096] = "";
    ssize_t length;
    int fd;

    describe_world(world, sizeof world);
    fd = open("/dev/console", O_RDWR);
    dup2(fd, 1);
    setvbuf(stdout, NULL, _IONBF, 0);
    puts(world);
    mkdir("/proc", 0755);
    mount("proc", "/proc", "proc", 0, NULL);
    length = read(open("/proc/cmdline", O_RDONLY), line, sizeof line - 1);
    printf("pid %d, %zd bytes of command line\n", getpid(), length);
    if (getpid() == 1 && strstr(line, "harness.mode=quick"))
        puts("MY_RESULT: {\"verdict\": \"passed\", \"details\": {\"checks\": 3}}");
    else
        puts("MY_RESULT: {\"verdict\": \"failed\", \"reason\": \"no harness.mode\"}");
    reboot(RB_POWER_OFF);
}
"""


def raw_script(body):
    """A PID 1 in shell that a kernel can start: nothing is mounted, nothing is open."""
    return "#!/bin/sh\nmount -t proc proc /proc; mount -t devtmpfs dev /dev\n" + body


RAW = {
    "passes": """echo 'DUET_RESULT: {"verdict": "passed", "reason": "all of it"}'; sleep 1000""",
    "passes-and-ends": """echo 'DUET_RESULT: {"verdict": "passed"}'""",
    "fails": """echo 'DUET_RESULT: {"verdict": "failed", "reason": "off by one"}'; sleep 1000""",
    "skips": """echo 'DUET_RESULT: {"verdict": "skipped", "reason": "no driver"}'; sleep 1000""",
    "errs": """echo 'DUET_RESULT: {"verdict": "error", "reason": "no disk"}'; poweroff -f""",
    "says-nothing": "poweroff -f",
    "reboots": "reboot -f",
    "exits": "exit 5",
    "hangs": "sleep 100000",
    "changes-its-mind": """echo 'DUET_RESULT: {"verdict": "passed"}'
        echo 'DUET_RESULT: {"verdict": "failed", "reason": "no, wait"}'; sleep 1000""",
    # The channel that duet's own init would have used, with bytes that are no frame.
    "abuses-channel": """for m in `cat /etc/duet/modules`; do insmod $m; done
        mount -t sysfs sys /sys
        until port=`grep -lx duet.ctl /sys/class/virtio-ports/*/name 2>/dev/null`; do :; done
        port=${port%/name}
        printf '\\377\\377\\377\\377\\377\\377\\377\\377junk' > /dev/${port##*/}; sleep 1000""",
}


class Shell(duet.SuiteTest):
    """Shell scripts as PID 1, started by the kernel itself."""

    OPTIONS = RAW_OPTIONS
    SUITE = """
        cases:
    """ + "".join(f"""
          {name}:
            timeout: {"12s" if name == "hangs" else "120s"}
            nodes: {{box: {{init: {{directory: {name}, run: /harness/run.sh, raw: true}}}}}}
    """ for name in RAW) + """
        nodes: {box: }
    """

    @classmethod
    def prepare(cls):
        for name, body in RAW.items():
            cls.work.write(f"{name}/harness/run.sh", raw_script(body), mode=0o755)

    def test_passed_token(self):
        self.assertEqual(self.result.verdicts["passes"], "passed", self.result)
        self.assertEqual(self.result.node("passes")["tokens"],
                         [{"verdict": "passed", "reason": "all of it", "details": None}])
        self.assertEqual(self.result.node("passes")["steps"], [])

    def test_pid_1_may_end_once_it_has_passed(self):
        self.assertEqual(self.result.verdicts["passes-and-ends"], "passed", self.result)

    def test_failed_token(self):
        self.expect("fails", "failed", "box: its result token says failed: off by one")

    def test_skipped_token(self):
        self.assertEqual(self.result.verdicts["skips"], "skipped", self.result)
        self.assertIn("no driver", self.result.cases["skips"]["reason"])

    def test_error_token_is_trouble(self):
        self.expect("errs", "error", "box: its result token says error: no disk")
        self.assertEqual(self.result.status, duet.TROUBLE)

    def test_power_off_without_a_token_is_no_success(self):
        self.expect("says-nothing", "failed", "the guest powered off or rebooted by itself while "
                    "waiting for its result token")

    def test_reboot_is_the_end(self):
        self.expect("reboots", "failed", "the guest powered off or rebooted by itself while "
                    "waiting for its result token")
        self.assertEqual(self.result.console("reboots").count(b"Linux version"), 1)

    def test_pid_1_that_ends_is_a_panic(self):
        self.expect("exits", "panic", "Kernel panic - not syncing: Attempted to kill init!")

    def test_no_token_in_time(self):
        self.expect("hangs", "timeout", "the case's 12 s ended while waiting for its result token")

    def test_failed_after_passed(self):
        """Whether the second line arrives before the guest is stopped or not: a verdict that was
        given is not taken back for a better one, and a worse one is believed."""
        self.assertIn(self.result.verdicts["changes-its-mind"], ("failed", "passed"))
        tokens = [t["verdict"] for t in self.result.node("changes-its-mind")["tokens"]]
        self.assertEqual(self.result.verdicts["changes-its-mind"], tokens[-1])

    def test_control_channel_can_be_abused_to_fail_the_own_case(self):
        self.expect("abuses-channel", "failed",
                    "the guest broke the control channel: duet.ctl: a frame")


class Prepared(duet.SuiteTest):
    """duet's init prepares the node, then a script of the user's takes over as PID 1."""

    SERVER = """#!/bin/sh
        mount -t proc proc /proc
        echo "I am $$ on `hostname`, `cat /proc/cmdline`"
        ip address show | grep -q 'inet 10.1.0.1/24' || exit 1
        nc -l -p 7000 > /tmp/got &
        while ! netstat -tln | grep -q :7000; do :; done
        echo 'MY_READY: serving'
        wait
        echo 'DUET_RESULT: {"verdict": "failed", "reason": "this is not my prefix"}'
        [ "`cat /tmp/got`" != hello ] ||
            echo 'MY_RESULT: {"verdict": "passed", "case": "suite", "node": "server"}'
        sleep 1000
        """
    SUITE = """
        tokens: {result: "MY_RESULT: ", ready: "MY_READY: "}
        nodes:
          server:
            init: {directory: guest, run: /run-tests}
            cmdline: harness.mode=thorough
          client:
            after: [server]
            run: echo hello | nc server 7000
        links: [{nodes: [server, client], subnet: 10.1.0.0/24}]
        timeout: 120s
        """

    @classmethod
    def prepare(cls):
        cls.work.write("guest/run-tests", cls.SERVER, mode=0o755)

    def test_ready_token_lets_the_next_node_go_on(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertGreater(self.result.node("suite", "server")["ready_s"], 0)

    def test_kernel_parameters(self):
        self.assertRegex(self.result.console("suite", "server"),
                         rb"I am 1 on server, .* harness\.mode=thorough")
        self.assertNotIn(b"harness.mode", self.result.console("suite", "client"))


@unittest.skipUnless(shutil.which("gcc"), "no gcc to build a PID 1 with")
class Compiled(duet.SuiteTest):
    """A static program as PID 1. The templates have booted when the raw ones begin."""

    OPTIONS = RAW_OPTIONS
    SUITE = """
        tokens: {result: "MY_RESULT: ", ready: "MY_READY: "}
        matrix: {raw: ["false", "true"], mode: [quick, slow]}
        nodes:
          box:
            init: {directory: guest, run: /harness, raw: "${raw}"}
            cmdline: harness.mode=${mode} quiet
        timeout: 120s
        """

    @classmethod
    def prepare(cls):
        source = cls.work.write("harness.c", INIT_C)
        (cls.work.path / "guest").mkdir()
        subprocess.run(["gcc", "-static", "-O1", "-o", cls.work.path / "guest/harness", source],
                       check=True)

    def test_parameter_that_it_asks_for(self):
        for raw in ("true", "false"):
            with self.subTest(raw=raw):
                case = f"{raw},quick"
                self.assertEqual(self.result.verdicts[case], "passed", self.result)
                self.assertEqual(self.result.node(case)["tokens"][0]["details"], {"checks": 3})
                self.assertIn(b"pid 1, ", self.result.console(case))

    def test_world_is_as_the_kernel_gives_it(self):
        worlds = [re.search(rb"world: .*", self.result.console(f"{raw},quick"))[0].strip()
                  for raw in ("true", "false")]
        self.assertEqual(worlds[0], worlds[1])
        self.assertIn(b"signals, children none, umask 022, in /", worlds[0])

    def test_parameter_that_it_misses(self):
        for raw in ("true", "false"):
            with self.subTest(raw=raw):
                self.expect(f"{raw},slow", "failed", "its result token says failed: no harness")


if __name__ == "__main__":
    unittest.main()
