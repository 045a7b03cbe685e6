"""A guest whose kernel has measured its timer wrong, or has none, boots again before it is used."""

import shutil
import unittest

import duet
import liar

TEMPLATE = "templates/1/console.log.gz"


def boots(console):
    return console.count(b"Linux version ")


class NoTimer(unittest.TestCase):
    """A kernel that is told to do without: a reset helps as little as it does on a busy host."""

    SUITE = """
        cmdline: nolapic_timer
        timeout: 10m
        nodes: {box: {run: echo hello}}
        """

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)

    def assert_fails(self, *options):
        run = self.work.run(self.SUITE, "--accel", "tcg", *options)
        self.assertEqual(run.verdicts, {"suite": "error"}, run)
        self.assertIn("measured its timer wrong in each of 5 boots, and at last found none: its "
                      "command line forbids it, or the host was too busy while it measured",
                      run.cases["suite"]["reason"])
        return run

    def test_booted(self):
        self.assertEqual(boots(self.assert_fails("--cold").console("suite")), 5)

    def test_template(self):
        run = self.assert_fails()
        self.assertEqual(boots(duet.read_console(run.directory / TEMPLATE)), 5)


@unittest.skipUnless(shutil.which("gcc"), "no gcc to build a PID 1 with")
class WrongOnce(unittest.TestCase):
    """Two nodes on a link, each of which says once that its timer is a tenth too fast."""

    SUITE = """
        timeout: 10m
        defaults: {files: [{from: liar, to: /init}], run: lie-about none}
        nodes: {left: , right: }
        links: [{nodes: [left, right], subnet: 10.0.0.0/24}]
        """

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        liar.build(cls.work, first_hz=68750000)

    def test_booted(self):
        run = self.work.run(self.SUITE, "--accel", "tcg", "--cold")
        self.assertEqual(list(run.verdicts.values()), ["passed"], run)
        case, = run.cases
        self.assertEqual([boots(run.console(case, node)) for node in ("left", "right")], [2, 2])

    def test_template(self):
        run = self.work.run(self.SUITE, "--accel", "tcg")
        self.assertEqual(list(run.verdicts.values()), ["passed"], run)
        self.assertEqual(boots(duet.read_console(run.directory / TEMPLATE)), 2)
        case, = run.cases
        self.assertEqual([node["start"] for node in run.cases[case]["nodes"]], ["forked"] * 2)


if __name__ == "__main__":
    unittest.main()
