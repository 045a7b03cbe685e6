"""`duet kernel`, and a small kernel that is not built. None is built here: that takes minutes."""

import json
import unittest

import duet


class Kernel(unittest.TestCase):
    def setUp(self):
        self.workplace = duet.Workplace()
        self.addCleanup(self.workplace.close)
        self.empty = {"XDG_CACHE_HOME": str(self.workplace.path / "cache")}

    def test_an_empty_cache_has_an_empty_list(self):
        run = self.workplace.command("kernel", "list", environment=self.empty)
        self.assertEqual((run.status, run.stdout), (duet.PASSED, ""), run)
        run = self.workplace.command("kernel", "list", "--json", environment=self.empty)
        self.assertEqual((run.status, json.loads(run.stdout)), (duet.PASSED, []), run)

    def test_what_was_fetched_is_listed_and_has_a_path(self):
        fetched = self.workplace.command("kernel", "fetch", "debian")
        self.assertEqual(fetched.status, duet.PASSED, fetched)
        path = self.workplace.command("kernel", "path", "debian")
        self.assertEqual((path.status, path.stdout), (duet.PASSED, fetched.stdout), path)
        run = self.workplace.command("kernel", "list", "--json")
        entry = next(e for e in json.loads(run.stdout) if e["name"] == "debian")
        self.assertEqual(entry["path"], fetched.stdout.strip())
        self.assertIn("cloud-amd64", entry["source"])
        self.assertGreater(entry["size_bytes"], 10_000_000)
        table = self.workplace.command("kernel", "list").stdout
        for text in entry["release"], entry["path"], entry["source"]:
            self.assertIn(text, table)

    def test_a_path_fetches_nothing(self):
        run = self.workplace.command("kernel", "path", "debian", environment=self.empty)
        self.assertEqual((run.status, run.stdout), (duet.TROUBLE, ""), run)
        self.assertIn("offline", run.stderr)

    def test_a_small_kernel_that_is_not_built(self):
        hint = 'the kernel "small" has not been built yet: `duet kernel build` does it'
        suite = """
            name: any
            summary: Any
            nodes: {box: {run: "true"}}
            """
        run = self.workplace.run(suite, "--kernel", "small", environment=self.empty)
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertIn(hint, run.stderr)
        run = self.workplace.command("kernel", "path", "small", environment=self.empty)
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertIn(hint, run.stderr)

    def test_bad_usage(self):
        for arguments, message in (
                ((), "expected list, fetch, build or path"),
                (("bulid",), 'did you mean "build"'),
                (("list", "--jobs", "2"), "are for build, not for list"),
                (("build", "--json"), "--json is for list, not for build"),
                (("fetch",), "expected a kernel after fetch"),
                (("fetch", "a", "b"), '"b" is one argument too many'),
                (("build", "--jobs", "0"), "expected a number from 1 to"),
                (("build", "--name", "host"), "a kernel cannot be called host"),
                (("build", "--source", "x"), 'there is no source "x"'),
                (("fetch", "https://example.org/x"), "must end with #sha256=HEX")):
            with self.subTest(arguments=arguments):
                run = self.workplace.command("kernel", *arguments, environment=self.empty)
                self.assertEqual(run.status, duet.BAD_USAGE, run)
                self.assertIn(message, run.stderr)


if __name__ == "__main__":
    unittest.main()
