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


if __name__ == "__main__":
    unittest.main()
