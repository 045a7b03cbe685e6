"""Every verdict from a real guest that earned it, and what the terminal and results.json say."""

import hashlib
import os
import pathlib
import re
import signal
import struct
import unittest

import duet


class FourVerdicts(duet.SuiteTest):
    """What a user sees first: of four cases one fails, one panics, one hangs, one passes."""

    SUITE = r"""
        cases:
          fails: {nodes: {box: {run: "${chatter}; echo seen; echo complaint >&2; exit 3"}}}
          panics: {nodes: {box: {run: "${chatter}; echo c > /proc/sysrq-trigger"}}}
          hangs:
            nodes: {box: {steps: [{name: forever, run: "${chatter}; sleep 1000000", timeout: 5s}]}}
          passes: {nodes: {box: {run: "echo fine"}}}
        nodes: {box: }
        vars: {chatter: seq 200 > /dev/console}
    """

    def test_exit_status_says_that_a_case_failed(self):
        self.assertEqual(self.result.status, duet.FAILED, self.result)
        self.assertIn("1 passed, 3 failed, 0 skipped in ", self.result.stdout)

    def test_four_verdicts(self):
        self.assertEqual(self.result.verdicts, {"fails": "failed", "panics": "panic",
                                                "hangs": "timeout", "passes": "passed"})

    def test_failure_names_step_node_expectation_and_directory(self):
        shown = self.expect("fails", "failed", 'box: step "run": it ended with exit status')
        self.assertRegex(shown, 'node box, step "run"')
        self.assertRegex(shown, r"expected +exit status 0\n")
        self.assertRegex(shown, r"found +exit status 3\n")
        self.assertRegex(shown, r"standard output\n +\| seen\n")
        self.assertRegex(shown, r"standard error\n +\| complaint\n")
        directory = re.search(r"all of it: (\S+)", shown)[1]
        self.assertTrue((self.work.path / directory / "box" / "console.log.gz").is_file())
        self.assertTrue((self.work.path / directory / "box" / "domain.xml").is_file())
        self.assertTrue((self.work.path / directory / "box" / "qemu.log").is_file())

    def test_console_tail_has_at_most_150_lines_and_is_the_end_of_the_log(self):
        for case in ("fails", "panics", "hangs"):
            with self.subTest(case):
                shown = self.result.shown(case)
                tail = shown[shown.index("the last 150 lines of box's console"):]
                lines = re.findall(r"^ +\| (.*)$", tail, re.MULTILINE)
                self.assertTrue(100 < len(lines) <= 150, len(lines))
                log = self.result.console(case).decode().replace("\r", "").rstrip("\n").split("\n")
                self.assertEqual(lines[-1].strip(), log[-1].strip())

    def test_panic_shows_what_the_kernel_said(self):
        shown = self.expect("panics", "panic", "Kernel panic - not syncing: sysrq triggered crash")
        self.assertRegex(shown, r"\| .*Kernel panic - not syncing: sysrq triggered crash")

    def test_timeout_names_the_step_and_its_time(self):
        self.expect("hangs", "timeout", r'step "forever": it ran into its timeout after \d+\.\d s')
        step = self.result.step("hangs", "forever")
        self.assertTrue(step["timed_out"])
        self.assertEqual(step["signal"], signal.SIGTERM)

    def test_passed_case_shows_one_line(self):
        self.assertEqual(len(self.result.shown("passes").splitlines()), 1)
        self.assertEqual(self.result.step_output("passes", "run"), b"fine\n")
        self.assertEqual(self.result.step("passes", "run")["status"], 0)


class Guests(duet.SuiteTest):
    """What becomes of the guest as a whole."""

    SUITE = r"""
        cases:
          oom: {nodes: {box: {run: tail /dev/zero}}}
          oom-forged: {nodes: {box: {run: "echo '<1>Out of memory: Killed process 1' > /dev/kmsg"}}}
          halts: {nodes: {box: {run: halt -f}}}
          reboots: {nodes: {box: {run: reboot -f}}}
          powers-off: {nodes: {box: {steps: [{run: "true"}, {run: poweroff -f}, {run: "true"}]}}}
          fork-bomb:
            nodes: {box: {steps: [{run: "f() { f | f & }; f; exec sleep 1000", timeout: 8s}]}}
          kill-9-init: {nodes: {box: {run: kill -9 1; echo alive}}}
        nodes: {box: {memory: 128M}}
        timeout: 120s
    """

    def test_out_of_memory(self):
        self.expect("oom", "oom", r"Out of memory: Killed process \d+ \((tail|sh|busybox)\)")

    def test_kernel_log_can_be_written_by_root_of_the_guest(self):
        """/dev/kmsg makes lines that nobody can tell from the kernel's own: a guest can fail its
        own case that way, and only that. It shows the way from the console to the verdict."""
        self.expect("oom-forged", "oom", "Out of memory: Killed process 1")

    def test_halted_guest_makes_no_progress(self):
        self.expect("halts", "no_progress",
                    r'step "run" \(1 of 1\) runs, the guest answered nothing')

    def test_reboot_ends_the_guest(self):
        self.expect("reboots", "failed", "powered off or rebooted by itself while step")

    def test_early_power_off_names_where_it_happened(self):
        self.expect("powers-off", "failed",
                    r'powered off or rebooted by itself while step "step-2" \(2 of 3\) runs')

    def test_fork_bomb_fails_its_own_case(self):
        self.assertIn(self.result.verdicts["fork-bomb"], ("timeout", "oom", "no_progress"),
                      self.result.cases["fork-bomb"]["reason"])

    def test_init_cannot_be_killed(self):
        self.assertEqual(self.result.verdicts["kill-9-init"], "passed", self.result)
        self.assertEqual(self.result.step_output("kill-9-init", "run"), b"alive\n")


class Steps(duet.SuiteTest):
    """How steps and background processes end, against what is expected of them."""

    SUITE = r"""
        cases:
          as-expected:
            nodes:
              box:
                steps:
                  - {name: status, run: exit 3, expect: {status: 3}}
                  - {name: signal, run: kill -9 $$, expect: {status: 137}}
                  - {name: text, run: printf 'a\nb', expect: {stdout: "a\nb"}}
                  - {name: empty, run: "true", expect: {stdout: ""}}
                  - {name: part, run: echo one two three, expect: {stdout_contains: two}}
                  - name: digest
                    run: printf abc
                    expect: {stdout_sha256: "${abc}"}
                  - name: big
                    run: head -c 3000000 /dev/zero
                    expect: {stdout_sha256: "${zeros}"}
          signal: {nodes: {box: {run: kill -SEGV $$}}}
          success-unwanted: {nodes: {box: {steps: [{run: "true", expect: {status: 1}}]}}}
          another-text:
            nodes: {box: {steps: [{run: printf 'hallo world', expect: {stdout: hello world}}]}}
          no-text: {nodes: {box: {steps: [{run: "true", expect: {stdout: hello}}]}}}
          another-digest:
            nodes: {box: {steps: [{run: printf abd, expect: {stdout_sha256: "${abc}"}}]}}
          no-digest: {nodes: {box: {steps: [{run: "true", expect: {stdout_sha256: "${abc}"}}]}}}
          no-part: {nodes: {box: {steps: [{run: echo one, expect: {stdout_contains: two}}]}}}
          later-steps-do-not-run:
            nodes: {box: {steps: [{run: "false"}, {run: echo no > /dev/console}]}}
          case-timeout:
            timeout: 12s
            nodes: {box: {steps: [{name: short, run: "true", timeout: 60s}, {run: sleep 1000}]}}
          dies-before-ready:
            nodes:
              box:
                background: [{name: server, run: echo cannot; exit 7, ready: tcp/80}]
                run: "true"
          dies-while-needed:
            nodes:
              box:
                background:
                  - {name: server, run: mkfifo /tmp/p; read line < /tmp/p; exit 9, ready: /tmp/p}
                run: echo > /tmp/p; sleep 1000
          killed-while-needed:
            nodes:
              box:
                background:
                  - {name: server, run: echo $$ > /tmp/pid; exec sleep 1000, ready: /tmp/pid}
                run: "kill -9 `cat /tmp/pid`; sleep 1000"
          never-ready:
            nodes:
              box:
                background: [{name: server, run: sleep 1000, ready: tcp/80, ready_timeout: 2s}]
                run: "true"
          skipped: {skip: waits for a fix, nodes: {box: {run: "false"}}}
        vars:
          abc: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
          zeros: @ZEROS@
        nodes: {box: }
        timeout: 120s
    """.replace("@ZEROS@", hashlib.sha256(bytes(3000000)).hexdigest())

    def test_expectations_that_hold(self):
        self.assertEqual(self.result.verdicts["as-expected"], "passed", self.result)
        steps = self.result.node("as-expected")["steps"]
        self.assertEqual([step["verdict"] for step in steps], ["passed"] * 7)
        self.assertEqual((steps[0]["status"], steps[0]["signal"]), (3, None))
        self.assertEqual((steps[1]["status"], steps[1]["signal"]), (None, signal.SIGKILL))
        self.assertEqual(self.result.step_output("as-expected", "big"), bytes(3000000))

    def test_signal(self):
        shown = self.expect("signal", "failed", "it was ended by signal 11")
        self.assertRegex(shown, r"expected +exit status 0\n")
        self.assertRegex(shown, r"found +ended by signal 11 \(Segmentation fault\)")

    def test_success_that_is_not_wanted(self):
        shown = self.expect("success-unwanted", "failed",
                            "it ended with exit status 0, expected exit status 1")
        self.assertRegex(shown, r"expected +exit status 1\n +found +exit status 0")

    def test_another_text_is_shown_as_hexdump(self):
        shown = self.expect("another-text", "failed", "its standard output is another")
        self.assertIn("11 bytes expected, 11 found, 1 differ, the first at offset 1", shown)
        self.assertIn("00000000  68 65 6c 6c 6f", shown)
        self.assertIn("| 68*61 6c 6c 6f", shown)

    def test_empty_output_is_told_from_a_wrong_one(self):
        self.expect("no-text", "failed", "its standard output is empty")
        self.expect("no-digest", "failed", "its standard output is empty")

    def test_another_digest(self):
        shown = self.expect("another-digest", "failed", "its standard output has another SHA-256")
        self.assertRegex(shown, "expected +SHA-256 " + hashlib.sha256(b"abc").hexdigest())
        self.assertRegex(shown, f"found +SHA-256 {hashlib.sha256(b'abd').hexdigest()} of 3 bytes")

    def test_part_that_is_not_there(self):
        shown = self.expect("no-part", "failed", "its standard output lacks what was expected")
        self.assertRegex(shown, 'expected +"two" in its standard output')

    def test_steps_after_a_failed_one_do_not_run(self):
        self.expect("later-steps-do-not-run", "failed",
                    'step "step-1": it ended with exit status 1')
        self.assertNotRegex(self.result.console("later-steps-do-not-run"), rb"(?m)^no\r?$")

    def test_case_timeout_names_the_step_that_ran(self):
        self.expect("case-timeout", "timeout",
                    r"box: the case's 12 s ended while (step \"step-2\" \(2 of 2\) runs|"
                    r"step \"short\" \(1 of 2\) runs|starting|booting|being configured)")

    def test_background_process_that_ends_before_it_is_ready(self):
        shown = self.expect("dies-before-ready", "failed",
                            'process "server" ended with status 7 before it was ready')
        self.assertRegex(shown, r"standard output\n +\| cannot")

    def test_background_process_that_ends_while_needed(self):
        self.expect("dies-while-needed", "failed",
                    'process "server" ended with status 9 while it was needed')

    def test_background_process_that_is_killed(self):
        self.expect("killed-while-needed", "failed",
                    r'process "server" was killed by signal 9 \(Killed\) while it was needed')

    def test_background_process_that_never_gets_ready(self):
        self.expect("never-ready", "timeout", 'process "server" was not ready after 2 s')

    def test_skipped_case_says_why(self):
        self.assertRegex(self.result.shown("skipped"), r"skipped +skipped +waits for a fix")
        self.assertEqual(self.result.cases["skipped"]["reason"], "waits for a fix")
        self.assertEqual(self.result.cases["skipped"]["nodes"], [])


class Trouble(duet.SuiteTest):
    """What is no verdict about the test at all: exit status 3."""

    SUITE = r"""
        cases:
          no-such-module: {nodes: {box: {modules: [nosuchmodule], run: "true"}}}
          init-crashes: {nodes: {box: {run: kill -SEGV 1; sleep 1000}}}
          fine: {nodes: {box: {run: "true"}}}
        nodes: {box: }
    """

    def test_exit_status_says_that_duet_could_not_do_its_job(self):
        self.assertEqual(self.result.status, duet.TROUBLE, self.result)
        self.assertEqual(self.result.verdicts["fine"], "passed", "the other cases go on")

    def test_module_that_the_kernel_does_not_have(self):
        self.expect("no-such-module", "error", "node box wants the module nosuchmodule, which the "
                    "kernel .* does not have")

    def test_init_that_crashes_says_so_itself(self):
        self.expect("init-crashes", "error", "its result token says error: init: .*(SEGV|signal 11|"
                    "Segmentation fault)")
        token = self.result.node("init-crashes")["tokens"][0]
        self.assertEqual(token["verdict"], "error")


class KernelBug(unittest.TestCase):
    """A real oops: a module whose first instruction is invalid."""

    @staticmethod
    def break_module(module):
        """The bytes of a module with ud2 behind init_module's call of __fentry__ (which ftrace
        wants to find), and without its signature, since a wrong one is refused."""
        offset, = struct.unpack_from("<Q", module, 0x28)
        size, count, names_index = struct.unpack_from("<HHH", module, 0x3A)
        sections = [struct.unpack_from("<IIQQQQ", module, offset + i * size) for i in range(count)]
        names = sections[names_index][4]
        for name, _, _, _, start, length in sections:
            if module[names + name:].startswith(b".init.text\0"):
                assert module[start] == 0xE8 and length > 7
                broken = module[:start + 5] + b"\x0f\x0b" + module[start + 7:]
                return broken.replace(b"~Module signature appended~\n", b"")
        raise AssertionError("the module has no .init.text")

    def test_oops_without_panic(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
        modules = sorted(cache.glob("duet/kernel/*/lib/modules/*/kernel/drivers/net/dummy.ko"))
        if not modules:
            self.skipTest("no kernel with dummy.ko in the cache")
        for i, module in enumerate(modules):
            work.write(f"broken-{i}.ko", self.break_module(module.read_bytes()))
        files = ", ".join(f"{{from: broken-{i}.ko, to: /{i}.ko}}" for i in range(len(modules)))
        result = work.run(f"""
            nodes:
              box:
                files: [{files}]
                run: "for f in /*.ko; do insmod $f; done; echo went on"
            """)
        self.assertEqual(result.verdicts, {"suite": "oops"}, result)
        self.assertEqual(result.status, duet.FAILED)
        self.assertRegex(result.cases["suite"]["reason"], "invalid opcode: 0000")
        self.assertIn(b"went on", result.step_output("suite", "run"), "the guest lived on")


class QemuKilled(unittest.TestCase):
    """QEMU ends and neither the guest nor duet asked for it."""

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def kill_qemu(self, number):
        """Runs a case that waits for ever, kills its QEMU, and returns what duet made of it."""
        running = self.work.start("--verbose", suite="""
            nodes: {box: {steps: [{name: wait, run: sleep 100000}]}}
            timeout: 1h
            """)
        running.wait_for(r'step "wait" \(1 of 1\) runs')
        self.assertEqual(len(running.qemus()), 1)
        os.kill(running.qemus()[0], number)
        result = running.wait()
        self.work.assert_nothing_left()
        self.assertEqual(result.status, duet.FAILED, result)
        self.assertEqual(result.verdicts, {"suite": "qemu_died"}, result)
        return result

    def test_sigkill(self):
        result = self.kill_qemu(signal.SIGKILL)
        self.assertRegex(result.cases["suite"]["reason"],
                         r'QEMU was killed by signal 9 \(Killed\) while step "wait" \(1 of 1\)')
        self.assertEqual(result.node("suite")["qemu"]["signal"], signal.SIGKILL)

    def test_sigterm(self):
        """On SIGTERM QEMU shuts itself down: that is not the guest's doing either."""
        result = self.kill_qemu(signal.SIGTERM)
        self.assertRegex(result.cases["suite"]["reason"], r"QEMU ended with status 0 while step")


class Peers(duet.SuiteTest):
    """One node decides; what its failure cost the other one is not told as a failure."""

    SUITE = """
        nodes:
          fails: {run: "exit 9"}
          waits: {run: sleep 1000}
        links: [{nodes: [fails, waits]}]
        timeout: 120s
        """

    def test_the_node_that_failed_is_named_alone(self):
        shown = self.expect("suite", "failed", 'fails: step "run": it ended with exit status')
        self.assertNotIn("node waits", shown)
        self.assertIn("lines of fails's console", shown)

    def test_the_other_was_stopped(self):
        self.assertEqual(self.result.node("suite", "waits")["verdict"], "skipped")
        step = self.result.step("suite", "run", "waits")
        self.assertEqual((step["verdict"], step["expected"]), ("skipped", None))
        self.assertEqual(step["reason"], "it had not ended when the node was stopped")


class AllSkipped(unittest.TestCase):
    def test_exit_status(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        result = work.run("""
            skip: not today
            matrix: {ip: [4, 6]}
            nodes: {box: {run: "true"}}
            """)
        self.assertEqual(result.status, duet.ALL_SKIPPED, result)
        self.assertEqual(set(result.verdicts.values()), {"skipped"})
        self.assertIn("0 passed, 0 failed, 2 skipped", result.stdout)


if __name__ == "__main__":
    unittest.main()
