"""What --only leaves of several suites. Every case is skipped, so that no guest is booted."""

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


if __name__ == "__main__":
    unittest.main()
