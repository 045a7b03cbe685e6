#!/usr/bin/env python3
"""Runs the unittest cases of one file and prints TAP, one line per test as it ends.

usage: tests/tap.py FILE [GLOB]     (GLOB: only tests whose Class.name matches)
"""

import fnmatch
import importlib.util
import pathlib
import sys
import unittest


def name_of(test):
    """Class.method, and the parameters of a subTest."""
    parts = test.id().split(".")
    return ".".join(parts[1:]) if len(parts) > 2 else test.id()


class TapResult(unittest.TestResult):
    """A result that prints TAP; failures of subtests count as tests of their own."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def line(self, passed, test, note="", detail=""):
        self.count += 1
        word = "ok" if passed else "not ok"
        name = name_of(test).replace("#", "-").replace("\n", " ")
        print(f"{word} {self.count} - {name}{note}")
        for text in detail.splitlines():
            print(f"# {text}")
        sys.stdout.flush()

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(True, test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(False, test, detail=self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self.line(False, test, detail=self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            self.line(False, subtest, detail=self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(True, test, note=f" # SKIP {reason}")

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.line(True, test)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.line(False, test, detail="it passed and was expected to fail")


def tests_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from tests_of(item)
        else:
            yield item


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    pattern = sys.argv[2] if len(sys.argv) > 2 else "*"
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    loaded = unittest.defaultTestLoader.loadTestsFromModule(module)
    suite = type(loaded)()
    suite.addTests(t for t in tests_of(loaded) if fnmatch.fnmatch(name_of(t), pattern))
    result = TapResult()
    suite.run(result)
    print(f"1..{result.count}")
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
