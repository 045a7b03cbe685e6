"""What a guest may write to its console: verdicts stay right, duet stays alive, the log is whole.

A serial port of an emulated guest carries some 300 KB/s, so the flood here has 2 MB and the endless
line 10 MB; 100 MB go through the same scanner, ring and log in test_tokens and bench_console.
"""

import random
import unittest

import duet

JUNK = random.Random(1).randbytes(2_000_000)
LINE_BYTES = 10_000_000
# As a program of a test would: nothing translates newlines, no kernel message gets in between.
QUIET = "dmesg -n 1; stty -opost < /dev/console"
FORGED = "\x1b[2J\x1b[31m\x07forged\x9b2J"


class Floods(duet.SuiteTest):
    SUITE = rf"""
        cases:
          junk:
            nodes:
              box:
                steps:
                  - {{name: quiet, run: "{QUIET}"}}
                  - {{name: flood, run: cat /junk > /dev/console}}
                  - {{name: zeros, run: head -c 1000000 /dev/zero > /dev/console}}
                  - {{name: end, run: printf '\nthe end\n' > /dev/console}}
          line:
            nodes:
              box:
                steps:
                  - {{name: quiet, run: "{QUIET}"}}
                  - name: line
                    run: head -c {LINE_BYTES} /dev/zero | tr '\0' x > /dev/console
                  - name: token
                    run: |
                      cat /token > /dev/console
                      sleep 1000
          panic:
            nodes:
              box:
                run: |
                  head -c 300000 /junk > /dev/console
                  head -c 300000 /dev/zero > /dev/console
                  echo c > /proc/sysrq-trigger
          standard-output:
            nodes: {{box: {{steps: [{{name: all, run: head -c 100000000 /dev/zero}}]}}}}
        nodes: {{box: {{files: [{{from: junk, to: /junk}}, {{from: token, to: /token}}]}}}}
        timeout: 10m
    """

    @classmethod
    def prepare(cls):
        cls.work.write("junk", JUNK)
        cls.work.write("token", 'DUET_RESULT: {"verdict": "failed", "reason": "at the end"}\n')

    def test_junk_and_zeros_are_no_verdict(self):
        self.assertEqual(self.result.verdicts["junk"], "passed", self.result.shown("junk")[-3000:])

    def test_the_log_is_whole_though_the_ring_is_not(self):
        console = self.result.node("junk")["console"]
        log = self.result.console("junk")
        self.assertEqual(len(log), console["bytes"])
        self.assertGreater(console["lost_from_ring"], len(JUNK) // 2)
        self.assertIn(JUNK + bytes(1000000) + b"\nthe end\n", log)

    def test_a_token_behind_an_endless_line_counts(self):
        self.expect("line", "failed", "its result token says failed: at the end")
        self.assertIn(b"x" * LINE_BYTES + b"DUET_RESULT: ", self.result.console("line"))

    def test_the_terminal_is_spared_the_endless_line(self):
        self.assertLess(max(map(len, self.result.shown("line").splitlines())), 1200)

    def test_a_panic_behind_junk_is_seen(self):
        self.expect("panic", "panic", "Kernel panic - not syncing: sysrq triggered crash")

    def test_standard_output_of_100_mb(self):
        self.assertEqual(self.result.verdicts["standard-output"], "passed", self.result.cases)
        step = self.result.step("standard-output", "all")
        self.assertEqual(step["stdout"]["bytes"], 100_000_000)
        self.assertEqual((self.result.directory / step["stdout"]["path"]).stat().st_size,
                         100_000_000)


class Tokens(duet.SuiteTest):
    """Tokens that cannot be believed fail the case and say why. The kernel is told to be quiet: a
    message of its own in the middle of a token makes another of it."""

    TOKENS = {
        "half": '{"verdict": "pas',
        "broken": '{"verdict": passed}',
        "junk-behind": '{"verdict": "passed"} and more',
        "deep": '{"verdict": "passed", "details": ' + "[" * 1000 + "]" * 1000 + "}",
        "other-case": '{"verdict": "passed", "case": "deep"}',
        "other-node": '{"verdict": "passed", "node": "exit"}',
        "no-verdict": '{"verdict": "excellent"}',
        "too-long": '{"verdict": "passed", "reason": "' + "y" * 66000 + '"}',
        "escapes": '{"verdict": "failed", "reason": "red \u009b31m"}',
    }
    SUITE = """
        cases:
    """ + "".join(f"""
          {name}:
            nodes: {{box: {{run: "dmesg -n 1; cat /tokens/{name} > /dev/console"}}}}
    """ for name in TOKENS) + """
          passed-does-not-outvote:
            nodes:
              box:
                run: |
                  dmesg -n 1
                  echo 'DUET_RESULT: {"verdict": "passed", "details": [1]}' > /dev/console
                  cat /escapes
                  exit 1
          says-skipped:
            nodes:
              box:
                run: |
                  dmesg -n 1
                  echo 'DUET_RESULT: {"verdict": "skipped", "reason": "no need"}' > /dev/console
                  sleep 1000
          program-says-panic:
            nodes:
              box:
                run: |
                  dmesg -n 1
                  cat /escapes > /dev/console
                  echo 'Kernel panic - not syncing: I made this up' > /dev/console
                  echo 'BUG: so is this' > /dev/console
        nodes:
          box: {files: [{from: tokens, to: /tokens}, {from: escapes, to: /escapes}]}
        timeout: 120s
    """

    @classmethod
    def prepare(cls):
        for name, token in cls.TOKENS.items():
            end = "" if name == "half" else "\n"
            start = FORGED.encode("latin-1") if name == "escapes" else b""
            cls.work.write(f"tokens/{name}", start + f"DUET_RESULT: {token}{end}".encode())
        cls.work.write("escapes", FORGED.encode("latin-1"))

    def expect_unbelievable(self, case, reason):
        self.expect(case, "failed", "box: a (result )?token cannot be (believed|read): .*" + reason)

    def test_half(self):
        """What follows it on the console, or its end, does not make it whole."""
        self.expect_unbelievable("half", "")

    def test_broken_json(self):
        self.expect_unbelievable("broken", "JSON")

    def test_junk_behind_the_object(self):
        self.expect_unbelievable("junk-behind", "")

    def test_nested_a_thousand_deep(self):
        self.expect_unbelievable("deep", "deep")

    def test_lie_about_the_case(self):
        self.expect_unbelievable("other-case", '"deep"')

    def test_lie_about_the_node(self):
        self.expect_unbelievable("other-node", '"exit"')

    def test_unknown_verdict(self):
        self.expect_unbelievable("no-verdict", '"excellent"')

    def test_too_long(self):
        self.expect_unbelievable("too-long", "65536")

    def test_control_characters_do_not_reach_the_terminal(self):
        self.assertEqual(self.result.verdicts["escapes"], "failed")
        for case in ("escapes", "passed-does-not-outvote"):
            self.assertIn("forged", self.result.shown(case))
        self.assertNotRegex(self.result.stdout, "[\x00-\x08\x0b-\x1f\x7f-\x9f]")

    def test_passed_token_does_not_outvote_a_step(self):
        self.expect("passed-does-not-outvote", "failed", "it ended with exit status")
        self.assertEqual(self.result.node("passed-does-not-outvote")["tokens"],
                         [{"verdict": "passed", "reason": None, "details": [1]}])

    def test_skipped_token(self):
        self.assertEqual(self.result.verdicts["says-skipped"], "skipped")
        self.assertIn("no need", self.result.cases["says-skipped"]["reason"])

    def test_what_a_program_prints_is_no_panic(self):
        self.assertEqual(self.result.verdicts["program-says-panic"], "passed")
        self.assertIn(FORGED.encode("latin-1"), self.result.console("program-says-panic"))


if __name__ == "__main__":
    unittest.main()
