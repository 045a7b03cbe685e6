"""What is run of what there is: --only, and what is explicit. Every case is skipped, so that no guest
is booted."""

import json
import unittest

import duet

SUITE = """
    name: {name}
    cases:
      {case}: {{skip: "not today"}}
    nodes:
      box: {{run: "true"}}
    """


class Only(unittest.TestCase):
    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)
        for name, case in (("first", "apple"), ("second", "pear")):
            self.work.write(f"{name}.yaml", SUITE.format(name=name, case=case))

    def test_a_pattern_that_matches_nothing_is_bad_usage(self):
        result = self.work.command("run", "--only", "plum", "first.yaml", "second.yaml")
        self.assertEqual(result.status, duet.BAD_USAGE, result)
        self.assertIn('no case matches "plum"', result.stderr)
        self.assertFalse(self.work.results.exists())

    def test_a_suite_without_a_case_that_matches_is_left_out(self):
        result = self.work.command("run", "--only", "pear", "--junit", "out.xml", "first.yaml",
                                   "second.yaml")
        self.assertEqual(result.status, duet.ALL_SKIPPED, result)
        self.assertEqual(result.verdicts, {"pear": "skipped"}, result)
        self.assertNotIn("first", result.stdout + result.stderr)


class Explicit(unittest.TestCase):
    """What is only run where it is named, or chosen."""

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)
        self.work.write("scenarios/plain.yaml", SUITE.format(name="plain", case="apple"))
        # As suites that measure do, it has what this machine does not.
        self.work.write("scenarios/long.yaml", SUITE.format(name="long", case="pear") +
                        "explicit: true\n    defaults: {files: [/none/there]}\n")
        self.work.write("some.yaml", SUITE.format(name="some", case="fig").replace(
            "{skip:", "{explicit: true, skip:"))

    def run_cases(self, *arguments, status=duet.ALL_SKIPPED):
        result = self.work.command("run", *arguments)
        self.assertEqual(result.status, status, result)
        return result

    def test_an_explicit_suite_is_run_by_its_name_alone(self):
        found = self.work.command("list")
        self.assertEqual(found.status, duet.PASSED, found)
        self.assertRegex(found.stdout, r"(?m)^long  .*\(only where it is named\)$")
        self.assertNotIn("pear", found.stdout)
        suites = {suite["name"]: suite for suite in json.loads(
            self.work.command("list", "--json").stdout)}
        self.assertEqual((suites["long"]["explicit"], suites["plain"]["explicit"]), (True, False))
        self.assertTrue(suites["bench"]["explicit"])
        result = self.run_cases("--only", "apple")
        self.assertEqual(result.verdicts, {"apple": "skipped"}, result)
        self.assertIn("/none/there", self.run_cases("long", status=duet.BAD_USAGE).stderr)

    def test_an_explicit_case_is_run_where_it_is_chosen(self):
        self.assertRegex(self.work.command("list", "some.yaml").stdout,
                         r"fig  \(only where it is chosen\)  skipped: ")
        self.assertEqual(self.run_cases("some.yaml", "plain").verdicts, {"apple": "skipped"})
        self.assertIn("every case of these suites is one to be chosen",
                      self.run_cases("some.yaml", status=duet.BAD_USAGE).stderr)
        self.assertEqual(self.run_cases("some.yaml", "--only", "fig").verdicts,
                         {"fig": "skipped"})


class Labs(unittest.TestCase):
    """What has no steps, and so could never fail, is in the way of nothing else."""

    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)
        self.work.write("scenarios/mixed.yaml", """
            name: mixed
            nodes: {box: }
            cases:
              lab:
              try: {skip: "not today", nodes: {box: {run: "true"}}}
            """)

    def check(self, *arguments, status):
        result = self.work.command(*arguments)
        self.assertEqual(result.status, status, result)
        return result

    def refuses(self, *arguments):
        result = self.check(*arguments, status=duet.BAD_USAGE)
        self.assertRegex(result.stderr, 'case "lab" does anything that could fail: .*`explicit: true`')

    def test_it_is_not_run(self):
        self.refuses("run")
        self.refuses("run", "mixed", "--only", "lab")
        self.refuses("shrink", "mixed", "--case", "lab")
        self.refuses("bench", "mixed", "--transport", "lab")

    def test_another_case_is_run(self):
        result = self.check("run", "--only", "try", status=duet.ALL_SKIPPED)
        self.assertEqual(result.verdicts, {"try": "skipped"}, result)

    def test_another_case_is_shrunk(self):
        result = self.check("shrink", "mixed", "--case", "try", status=duet.FAILED)
        self.assertIn("the case does not fail as it is", result.stderr)

    def test_another_case_is_measured(self):
        result = self.check("bench", "mixed", "--transport", "try", "--runs", "1", "--warmup", "0",
                            status=duet.BAD_USAGE)
        self.assertIn("skipped run 1/1      try", result.stdout)
        self.assertIn("no run printed a metric", result.stderr)

    def test_another_case_is_replayed(self):
        self.check("run", "mixed", "--only", "try", status=duet.ALL_SKIPPED)
        path = self.work.results / "latest/results.json"
        before = path.read_text()
        path.write_text(before.replace('"skipped"', '"failed"'))
        result = self.check("replay", status=duet.FAILED)
        self.assertIn("try: failed, and skipped this time", result.stdout)
        path.write_text(before.replace('"skipped"', '"failed"').replace('"try"', '"lab"'))
        self.refuses("replay")


if __name__ == "__main__":
    unittest.main()
