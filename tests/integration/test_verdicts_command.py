"""`duet verdicts`: logs as text and as JSON, which logs are meant, what differs, what is refused."""

import json
import pathlib
import struct
import subprocess
import tempfile
import unittest

from duet import BAD_USAGE, FAILED, PASSED, PROGRAM

LOSS, QUEUE, CORRUPTED = 1 << 5, 1 << 6, 1 << 18
FLOW = (b"\x01\x07" + bytes([2, 17]) + bytes([10, 0, 0, 1, 10, 0, 0, 2])
        + struct.pack("<HH", 4000, 5000))


def varint(value):
    out = b""
    while value > 0x7f:
        out, value = out + bytes([value & 0x7f | 0x80]), value >> 7
    return out + bytes([value])


def packet(why=0, length=60, in_ns=1000, late_ns=0, upkeep=False):
    """A record as net/verdict_log.h has it, of the next number and of flow 7."""
    kind = 0x40 | (0x10 if why else 0) | (3 if upkeep else 0)
    return (bytes([kind]) + varint(2 * in_ns) + varint(0) + varint(2 * late_ns) + varint(length)
            + (varint(why) if why else b"") + b"\x07")


def log(*records, seed=7, link=3, direction=1):
    return (b"duetvlog" + struct.pack("<HHIQQQQ", 2, 48, direction, seed, link, 5000, 0) + FLOW
            + b"".join(records))


class Verdicts(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="dt-", dir="/tmp")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)

    def write(self, path, *records, **header):
        path = self.home / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(log(*records, **header))

    def verdicts(self, *arguments, status=PASSED):
        run = subprocess.run([PROGRAM.resolve(), "verdicts", *arguments], cwd=self.home, check=False,
                             capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, status, run)
        self.assertEqual(bool(run.stderr), status == BAD_USAGE, run)
        return run.stderr if status == BAD_USAGE else run.stdout

    def write_run(self, name, suite, cases, *records):
        items = []
        for case in cases:
            slug = case.replace("%", "")
            self.write(f"duet-results/{name}/{slug}/a-b-from-a-to-b.verdicts", *records)
            items.append({"name": case, "slug": slug, "directory": slug})
        (self.home / "duet-results" / name / "results.json").write_text(
            json.dumps({"suite": suite, "cases": items}))
        latest = self.home / "duet-results" / "latest"
        latest.unlink(missing_ok=True)
        latest.symlink_to(name)

    def test_text(self):
        self.write("x.verdicts", packet(), packet(LOSS), packet(CORRUPTED, late_ns=2500000))
        heading = ("x.verdicts: seed 7, link 3, direction 1\n"
                   "  packets 3, copies 0, lost 1 (33.3 %); loss 1, corrupted 1\n")
        flow = "60 bytes  udp 10.0.0.1:4000 > 10.0.0.2:5000  "
        lost = f"       1       0.000002000     {flow}lost: loss\n"
        corrupted = f"       2       0.000003000     {flow}delivered after 2.500 ms: corrupted\n"
        went = f"       0       0.000001000     {flow}delivered after 0.000 ms\n"
        self.assertEqual(self.verdicts("x.verdicts"), heading + lost + corrupted)
        self.assertEqual(self.verdicts("x.verdicts", "--lost"), heading + lost)
        self.assertEqual(self.verdicts("x.verdicts", "--all"), heading + went + lost + corrupted)

    def test_json(self):
        self.write('x".verdicts', packet(), packet(LOSS), seed=2**64 - 1)
        first, second = map(json.loads, self.verdicts("--json", 'x".verdicts').splitlines())
        self.assertEqual(first, {
            "log": 'x".verdicts', "seed": str(2**64 - 1), "link": 3, "direction": 1,
            "base_ns": 5000, "packets": 2, "copies": 0, "lost": 1,
            "causes": [{"name": "loss", "packets": 1}], "missing": 0, "cut": False})
        self.assertEqual((second["number"], second["verdict"], second["why"]),
                         (1, "lost", ["loss"]))

    def test_missing_records_are_told(self):
        self.write("x.verdicts", packet(), b"\x02\x05")
        self.assertIn("; 5 records are missing, for which there was no room",
                      self.verdicts("x.verdicts"))
        self.assertIn("x.verdicts: 5 records are missing",
                      self.verdicts("--diff", "x.verdicts", "x.verdicts", status=BAD_USAGE))

    def logs_of(self, *operands):
        lines = map(json.loads, self.verdicts("--json", *operands).splitlines())
        return [line["log"] for line in lines if "log" in line]

    def test_which_logs_are_meant(self):
        name = "a-b-from-a-to-b.verdicts"
        self.write_run("20260101T000000Z-web", "web", ["one", "loss=5%"], packet(LOSS))
        self.write_run("20260102T000000Z-web", "web", ["one"], packet(LOSS))
        self.write_run("20260103T000000Z-smoke", "smoke", ["two"], packet(LOSS))
        first, second, third = (f"duet-results/{run}" for run in (
            "20260101T000000Z-web", "20260102T000000Z-web", "20260103T000000Z-smoke"))
        for operands, expected in (
                ((), [f"duet-results/latest/two/{name}"]),
                (("duet-results/latest",), [f"duet-results/latest/two/{name}"]),
                ((f"{first}/",), [f"{first}/loss=5/{name}", f"{first}/one/{name}"]),
                ((f"{first}/one",), [f"{first}/one/{name}"]),
                (("web",), [f"{second}/one/{name}"]),
                (("web/one",), [f"{second}/one/{name}"]),
                (("web/loss=5%",), [f"{first}/loss=5/{name}"]),
                (("web/loss=5",), [f"{first}/loss=5/{name}"]),
                (("loss=5%", "two"), [f"{first}/loss=5/{name}", f"{third}/two/{name}"])):
            with self.subTest(operands=operands):
                self.assertEqual(self.logs_of(*operands), expected)
        self.assertIn("web/two is no file and no directory, and no run in duet-results has",
                      self.verdicts("web/two", status=BAD_USAGE))

    def test_where_there_are_none(self):
        self.assertIn("no run has left duet-results/latest here", self.verdicts(status=BAD_USAGE))
        (self.home / "empty").mkdir()
        self.assertIn("empty has no verdict log", self.verdicts("empty", status=BAD_USAGE))

    def test_two_that_are_the_same(self):
        self.write("a", packet(), packet(LOSS), packet())
        self.write("b", packet(in_ns=9), packet(LOSS, in_ns=8), packet(late_ns=7), seed=8)
        self.assertEqual(self.verdicts("--diff", "a", "b"),
                         "--- a: seed 7, 3 verdicts\n+++ b: seed 8, 3 verdicts\nthe same\n")
        self.assertEqual(self.verdicts("--diff", "--json", "a", "b"), "")

    def test_two_that_differ(self):
        self.write("a", packet(), packet(LOSS), packet())
        self.write("b", packet(), packet(), packet(), packet(QUEUE))
        lines = self.verdicts("--diff", "a", "b", status=FAILED).splitlines()
        self.assertEqual([(line[0], line.split("  ")[-1]) for line in lines[2:-1]],
                         [("-", "lost: loss"), ("+", "delivered after 0.000 ms"),
                          ("+", "lost: queue")])
        self.assertEqual(lines[-1], "2 differ")
        first, second = map(json.loads, self.verdicts("--diff", "--json", "a", "b",
                                                      status=FAILED).splitlines())
        self.assertEqual((first["one"]["why"], first["other"]["why"]), (["loss"], []))
        self.assertEqual((second["one"], second["other"]["number"]), (None, 3))

    def test_upkeep_is_compared_where_that_is_asked_for(self):
        self.write("a", packet(), packet(upkeep=True), packet())
        self.write("b", packet(), packet(), packet(LOSS, upkeep=True), packet(upkeep=True))
        self.assertIn("the same", self.verdicts("--diff", "a", "b"))
        self.assertIn("2 differ", self.verdicts("--diff", "--upkeep", "a", "b", status=FAILED))
        self.assertIn("packets 3, copies 0, lost 0; upkeep 1\n", self.verdicts("a"))
        self.assertEqual(self.verdicts("b").count("\n"), 3)

    def test_directories_are_compared_log_by_log(self):
        for directory in ("a", "b"):
            self.write(f"{directory}/x.verdicts", packet(LOSS))
            self.write(f"{directory}/y.verdicts", packet())
        self.assertEqual(self.verdicts("--diff", "a", "b").count("the same"), 2)
        self.write("b/z.verdicts", packet())
        self.assertIn("+++ b/z.verdicts: the other has no such log\n",
                      self.verdicts("--diff", "a", "b", status=FAILED))

    def test_directories_are_compared_whatever_their_names_begin_with(self):
        for log in ("a/c/x", "a/c-d/x", "b/c-d/x"):
            self.write(f"{log}.verdicts", packet(LOSS))
        found = self.verdicts("--diff", "a", "b", status=FAILED)
        self.assertEqual(found.count("the same"), 1)
        self.assertEqual(found.count("the other has no such log"), 1)

    def test_a_foreign_file_is_refused(self):
        (self.home / "x").write_text("hello, this is some other file\n" * 10)
        self.assertIn("x: this is no verdict log", self.verdicts("x", status=BAD_USAGE))
        (self.home / "x").write_bytes(b"")
        self.assertIn("x: this is no verdict log", self.verdicts("x", status=BAD_USAGE))

    def test_a_cut_log_is_shown_up_to_there_and_refused(self):
        whole = log(packet(LOSS), packet())
        (self.home / "x").write_bytes(whole[:-2])
        run = subprocess.run([PROGRAM.resolve(), "verdicts", "x"], cwd=self.home, check=False,
                             capture_output=True, text=True, timeout=60)
        self.assertEqual(run.returncode, BAD_USAGE, run)
        self.assertIn("lost: loss", run.stdout)
        self.assertIn("x is cut: its last record is not whole", run.stderr)
        self.assertIn("x is cut", self.verdicts("--diff", "x", "x", status=BAD_USAGE))

    def test_usage(self):
        self.assertIn("--diff compares two logs", self.verdicts("--diff", "x", status=BAD_USAGE))
        self.assertIn("--all and --lost say nothing",
                      self.verdicts("--diff", "--all", "x", "y", status=BAD_USAGE))
        self.assertIn("--upkeep goes with --diff", self.verdicts("--upkeep", status=BAD_USAGE))


if __name__ == "__main__":
    unittest.main()
