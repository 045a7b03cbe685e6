"""Capture files as other programs see them: capinfos and tshark open them without a complaint, and
show the packets and, as comments, what became of them."""

import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from duet import PROGRAM

WRITER = PROGRAM.resolve().parent / "tests" / "write_capture"


class CaptureFiles(unittest.TestCase):
    def setUp(self):
        for program in ("capinfos", "tshark"):
            self.assertIsNotNone(shutil.which(program), f"{program} is not installed")
        self.assertTrue(WRITER.exists(), f"{WRITER} was not built")
        directory = tempfile.TemporaryDirectory(prefix="dt-", dir="/tmp")
        self.addCleanup(directory.cleanup)
        self.home = pathlib.Path(directory.name)
        self.path = self.home / "link.pcapng"

    def output(self, *command):
        """Standard output of a command that has nothing to say on standard error."""
        run = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                             env={"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": str(self.home),
                                  "LC_ALL": "C.UTF-8", "TZ": "UTC"})
        complaints = [line for line in run.stderr.splitlines()
                      if "Running as user \"root\"" not in line]
        self.assertEqual((run.returncode, complaints), (0, []), run.stderr)
        return run.stdout

    def write(self, *arguments):
        lines = self.output(str(WRITER), str(self.path), *map(str, arguments)).splitlines()
        return [json.loads(line) for line in lines]

    def fields(self, *names):
        """A list of the fields' values for each packet, as tshark reads them."""
        arguments = [word for name in names for word in ("-e", name)]
        text = self.output("tshark", "-n", "-r", str(self.path), "-T", "fields", *arguments)
        return [line.split("\t") for line in text.splitlines()]

    def infos(self):
        lines = self.output("capinfos", "-M", str(self.path)).splitlines()
        return dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)

    def test_a_pcapng_shows_packets_interfaces_and_comments(self):
        for link, encapsulation in (("ethernet", "ether"), ("ip", "rawip")):
            with self.subTest(link=link):
                written = self.write("pcapng", link, 0)
                infos = self.infos()
                self.assertEqual(infos["File type"], "pcapng")
                self.assertEqual(infos["File encapsulation"], encapsulation)
                self.assertEqual(infos["Number of packets"], str(len(written)))
                self.assertEqual(infos["File timestamp precision"], "nanoseconds (9)")
                self.assertEqual(infos["Number of interfaces in file"], "2")
                shown = self.fields("frame.len", "frame.cap_len", "frame.comment",
                                    "frame.interface_name", "ipv6.src")
                self.assertEqual([(packet["length"], packet["comment"]) for packet in written],
                                 [(int(length), comment) for length, _, comment, _, _ in shown])
                for length, captured, comment, name, source in shown:
                    self.assertEqual(length, captured)
                    self.assertEqual(name, "entry-exit out" if comment else "entry-exit in")
                    self.assertTrue(source == "fd00::1" or "corrupted" in comment, comment)
                comments = [packet["comment"] for packet in written]
                for said in ("lost: loss", "copy 1", "corrupted", "delivered after"):
                    self.assertTrue(any(said in comment for comment in comments), said)

    def test_comments_can_be_searched_for(self):
        written = self.write("pcapng", "ip", 0)
        lost = self.output("tshark", "-n", "-r", str(self.path), "-Y",
                           'frame.comment contains "lost: loss"').splitlines()
        self.assertEqual(len(lost), sum("lost: loss" in p["comment"] for p in written))
        self.assertGreater(len(lost), 0)

    def test_times_are_those_of_the_packets_to_the_nanosecond(self):
        self.write("pcapng", "ip", 0)
        [first, second] = [row[0] for row in self.fields("frame.time_epoch", "frame.comment")
                           if not row[1]][:2]
        self.assertEqual(first, "1700000000.123456789")
        self.assertEqual(second, "1700000000.124456789")

    def test_a_snap_length_cuts_packets_and_says_so(self):
        written = self.write("pcapng", "ethernet", 64)
        shown = self.fields("frame.len", "frame.cap_len")
        self.assertEqual([[str(p["length"]), str(min(64, p["length"]))] for p in written], shown)

    def test_a_pcap_shows_the_packets(self):
        for link in ("ethernet", "ip"):
            with self.subTest(link=link):
                written = self.write("pcap", link, 0)
                infos = self.infos()
                self.assertEqual(infos["File type"], "nsecpcap")
                self.assertEqual(infos["Number of packets"], str(len(written)))
                self.assertEqual([[str(p["length"]), "fd00::1", "5000"] for p in written],
                                 self.fields("frame.len", "ipv6.src", "udp.dstport"))


if __name__ == "__main__":
    unittest.main()
