"""Bad input gets a clear error and leaves nothing: no guest starts in this file."""

import json
import os
import re
import unittest

import duet

# What is wrong with it: the suite, the place of the mistake, what the message says.
BAD_SUITES = {
    "unknown key": ("nodes:\n  a: {rum: 'true'}\n", "2:7", 'unknown key "rum".*mean "run"'),
    "wrong type": ("nodes: {a: [1]}\n", "1:12", "found a list, expected the keys of a node"),
    "no unit": ("nodes: {a: {memory: 12}}\n", "1:21", "no unit.*256M"),
    "unknown unit": ("timeout: 5 parsecs\nnodes: {a: }\n", "1:10", "unit"),
    "lonely node": ("nodes: {a: {run: x}, b: {run: y}}\n", "1:9", 'no link reaches .*"a"'),
    "circle": ("nodes: {a: {after: [b]}, b: {after: [a]}}\nlinks: [{nodes: [a, b]}]\n", "1:9",
               "circle: a -> b -> a"),
    "unknown node": ("nodes: {a: , exit: }\nlinks: [{nodes: [a, exti]}]\n", "2:21",
                     'no node "exti"; did you mean "exit"'),
    "unknown variable": ("nodes: {a: {run: 'echo ${x}'}}\n", "1:18", 'no variable "x"'),
    "missing file": ("nodes: {a: {files: [/no/such]}}\n", "1:21",
                     "cannot read /no/such: No such file"),
    "missing init": ("nodes: {a: {init: {directory: ., run: /nothing}}}\n", "1:19",
                     "nothing: No such file"),
    "unfinished YAML": ("nodes: {a: {run: x}\n", "2:1", "not YAML"),
    "key twice": ("nodes: {a: {run: x}, a: {run: y}}\n", "1:22", '"a" is here twice'),
    "empty": ("", "1:1", "empty"),
    "bytes that are no text": ("\0\1\2", "1:1", "control characters"),
}


class Input(unittest.TestCase):
    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def expect_refused(self, run, message, status=duet.BAD_USAGE):
        self.assertEqual(run.status, status, run)
        self.assertRegex(run.stderr, message)
        self.assertEqual(run.stdout, "")
        self.assertFalse(self.work.results.exists(), "nothing ran, so there are no results")

    def test_bad_suites_are_refused_with_their_place(self):
        for what, (text, place, message) in BAD_SUITES.items():
            for command in (("run",), ("list",)):
                with self.subTest(what, command=command[0]):
                    path = self.work.write("suite.yaml", text)
                    run = self.work.command(*command, path)
                    self.expect_refused(run, f"^duet: {re.escape(str(path))}:{place}: .*{message}")

    def test_one_bad_suite_of_two_lets_none_run(self):
        self.work.write("good.yaml", "nodes: {a: {run: 'true'}}\n")
        self.work.write("bad.yaml", "nodes: 1\n")
        self.expect_refused(self.work.command("run", "./good.yaml", "./bad.yaml"),
                            r"\./bad\.yaml:1:8: ")

    def test_file_that_is_not_there(self):
        self.expect_refused(self.work.command("run", "./none.yaml"),
                            r"none\.yaml: No such file or directory")

    def test_suite_that_is_not_there(self):
        for command in ("run", "list"):
            with self.subTest(command):
                self.work.write("scenarios/resilience.yaml", "nodes: {a: {run: 'true'}}\n")
                self.expect_refused(self.work.command(command, "resilence"),
                                    'no suite "resilence".*did you mean "resilience"')

    def test_command_that_is_not_there(self):
        self.assertRegex(self.work.command("lsit").stderr, 'no command "lsit".*mean "list"')
        self.expect_refused(self.work.command("frobnicate"), 'no command "frobnicate"')

    def test_options_that_are_not_there(self):
        for command in ("run", "list", "doctor", "version"):
            with self.subTest(command):
                self.expect_refused(self.work.command(command, "--frobnicate"),
                                    "unrecognized option '--frobnicate'\n"
                                    f"Try `duet {command} --help'")

    def test_values_that_options_do_not_take(self):
        suite = self.work.write("suite.yaml", "nodes: {a: {run: 'true'}}\n")
        for option, message in ((("--accel", "xen"), 'auto, kvm or tcg, not "xen"'),
                                (("--seed", "many"), '--seed: "many"'),
                                (("--seed", "-1"), '--seed: "-1"'),
                                (("--seed", "18446744073709551616"), "--seed: "),
                                (("--color", "sometimes"), 'not "sometimes"'),
                                (("--seed",), "requires an argument"),
                                (("--only", "no-such"), 'no case matches "no-such"')):
            with self.subTest(option=option):
                arguments = (suite, *option) if len(option) == 1 else (*option, suite)
                self.expect_refused(self.work.command("run", *arguments), message)

    def test_only_leaves_out_suites_that_it_selects_nothing_of(self):
        self.work.write("one.yaml", "skip: 'no'\nnodes: {a: {run: 'true'}}\n")
        self.work.write("two.yaml", "skip: 'no'\nnodes: {a: {run: 'true'}}\n")
        run = self.work.command("run", "--only", "two", "./one.yaml", "./two.yaml")
        self.assertEqual(run.status, duet.ALL_SKIPPED, run)
        self.assertEqual(run.verdicts, {"two": "skipped"})

    def test_no_arguments(self):
        run = self.work.command()
        self.assertEqual((run.status, run.stdout), (duet.BAD_USAGE, ""))
        self.assertRegex(run.stderr, "Usage: duet COMMAND")

    def test_kernel_that_is_not_there(self):
        run = self.work.run("nodes: {a: {run: 'true'}}\n", "--kernel", "/no/such/kernel")
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertRegex(run.stderr, "/no/such/kernel: No such file or directory")

    def test_kernel_that_is_none(self):
        self.work.write("kernel", "#!/bin/sh\n")
        run = self.work.run("nodes: {a: {run: 'true'}}\n", "--kernel", self.work.path / "kernel")
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertRegex(run.stderr, f"{self.work.path}/kernel")

    def test_results_directory_that_cannot_be_made(self):
        self.work.write("file", "")
        for path in ("/proc/results", self.work.path / "file"):
            with self.subTest(path=path):
                run = self.work.run("nodes: {a: {run: 'true'}}\n", "--results", path)
                self.assertEqual(run.status, duet.TROUBLE, run)
                self.assertRegex(run.stderr, f"{path}(:| is there already and is not a directory)")

    def test_no_cache_directory(self):
        run = self.work.run("nodes: {a: {run: 'true'}}\n",
                            environment={"HOME": "", "XDG_CACHE_HOME": "relative/path"})
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertRegex(run.stderr, "no cache directory: set HOME or XDG_CACHE_HOME")


class List(unittest.TestCase):
    """What the loader made of a good suite."""

    SUITE = """
        name: shop
        summary: Two of everything
        tags: [fast]
        matrix: {ip: [4, 6], kind: [tcp, udp], exclude: [{ip: 6, kind: udp}]}
        nodes: {a: {run: "true"}}
        cases: {plain: , tunnel: {tags: [wireguard], skip: not yet}}
        """

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)
        self.path = self.work.write("shop.yaml", self.SUITE)

    def test_cases(self):
        run = self.work.command("list", self.path)
        self.assertEqual(run.status, duet.PASSED, run)
        cases = re.findall(r"^  (\S+)", run.stdout, re.MULTILINE)
        self.assertEqual(cases, [f"{name},{values}" for name in ("plain", "tunnel")
                                 for values in ("ip=4,tcp", "ip=4,udp", "ip=6,tcp")])

    def test_only_by_tag(self):
        run = self.work.command("list", "--only", "wireguard", self.path)
        self.assertNotIn("plain", run.stdout)
        self.assertIn("tunnel,ip=4,tcp", run.stdout)

    def test_json(self):
        run = self.work.command("list", "--json", self.path)
        suite = json.loads(run.stdout)[0]
        self.assertEqual((suite["name"], suite["summary"]), ("shop", "Two of everything"))
        self.assertEqual(len(suite["cases"]), 6)
        tunnel = next(case for case in suite["cases"] if case["name"] == "tunnel,ip=4,tcp")
        self.assertEqual(tunnel["tags"], ["fast", "wireguard"])
        self.assertEqual(tunnel["skip"], "not yet")


if __name__ == "__main__":
    unittest.main()
