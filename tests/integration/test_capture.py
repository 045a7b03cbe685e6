"""`--capture`: a file of each link that other programs open without a complaint, with all packets and
what became of them."""

import shutil
import subprocess
import time
import unittest

import duet
import kept
from test_carrier import PAIR, SCRIPT, DATAGRAMS, ENDS, direction, verdicts


def output(path, *command):
    """Standard output of tshark or capinfos, which have nothing to say on standard error."""
    assert shutil.which(command[0]), f"{command[0]} is not installed"
    run = subprocess.run([*command, str(path)], capture_output=True, text=True, timeout=120,
                         check=True, env={"PATH": "/usr/bin:/bin:/usr/sbin", "HOME": "/nonexistent",
                                          "LC_ALL": "C.UTF-8", "TZ": "UTC"})
    complaints = [line for line in run.stderr.splitlines() if "Running as user" not in line]
    assert not complaints, complaints
    return run.stdout


def fields(path, *names):
    arguments = [word for name in names for word in ("-e", name)]
    text = output(path, "tshark", "-n", "-T", "fields", *arguments, "-r")
    return [line.split("\t") for line in text.splitlines()]


def infos(path):
    lines = output(path, "capinfos", "-M").splitlines()
    return dict(map(str.strip, line.split(":", 1)) for line in lines if ":" in line)


class Captured(duet.SuiteTest):
    OPTIONS = ("--capture", "--seed", "7")
    SUITE = PAIR + SCRIPT + """
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, impair: {loss: 20%, delay: 5ms}}
      - {name: spare, nodes: [b, a], subnet: 10.0.1.0/24}
    """

    @classmethod
    def prepare(cls):
        cls.began = time.time()

    def capture(self, number=0):
        link = self.result.cases["suite"]["links"][number]
        self.assertEqual(link["carrier"], "host")
        self.assertEqual(link["capture"], f"suite/{link['name']}.pcapng")
        return self.result.directory / link["capture"]

    def test_every_packet_is_there_with_what_became_of_it(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertEqual(infos(self.capture())["File encapsulation"], "ether")
        shown = [row for row in fields(self.capture(), "udp.dstport", "frame.comment",
                                       "frame.interface_name") if row[0] == "5000"]
        logged = verdicts(self.result, "suite")
        self.assertEqual(len(shown), DATAGRAMS + ENDS)
        self.assertEqual(sum(comment == "lost: loss" for _, comment, _ in shown),
                         sum(bool(why) for _, _, why, _ in logged))
        for _, comment, interface in shown:
            self.assertRegex(comment, r"^(lost: loss|delivered after \d+\.\d{3} ms)$")
            self.assertEqual(interface, "a-to-b")

    def test_duet_does_what_a_guest_would_have_done(self):
        guest = self.work.run(self.SUITE, "--seed", "7")
        self.assertEqual(guest.verdicts, {"suite": "passed"}, guest)
        self.assertEqual(guest.cases["suite"]["links"][0]["carrier"], "guest")
        logs = [run.directory / direction(run, "suite")["verdicts"] for run in (self.result, guest)]
        compared = subprocess.run([duet.PROGRAM, "verdicts", "--diff", *logs], capture_output=True,
                                  text=True, timeout=120, check=False)
        self.assertEqual(compared.returncode, 0, compared)

    def test_times_are_those_of_the_clock(self):
        times = [float(row[0]) for row in fields(self.capture(), "frame.time_epoch")]
        self.assertEqual(times, sorted(times))
        self.assertGreater(times[0], self.began - 60)
        self.assertLess(times[-1], time.time() + 60)

    def test_a_link_that_was_direct_is_captured_too(self):
        shown = infos(self.capture(1))
        self.assertEqual(shown["File type"], "pcapng")
        self.assertEqual(shown["Number of interfaces in file"], "2")


class Refused(unittest.TestCase):
    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def test_a_link_that_is_not_there(self):
        run = self.work.run("nodes: {a: {run: 'true'}, b: }\nlinks: [{nodes: [a, b]}]\n",
                            "--capture=a-c")
        self.assertEqual(run.status, duet.BAD_USAGE, run)
        self.assertIn('--capture: no case has a link "a-c"; did you mean "a-b"?', run.stderr)


class Up(kept.Kept):
    OPTIONS = ("--capture=a-b",)
    SUITE = PAIR + """
    nodes: {a: {run: "true"}, b: }
    links: [{nodes: [a, b], subnet: 10.0.0.0/24}]
    """

    def test_a_capture_can_be_read_while_packets_pass(self):
        self.sh("a", "ping -c 1 b")
        [path] = (self.work.path / "duet-results").glob("*/*/a-b.pcapng")
        deadline = time.monotonic() + duet.EVENT_LIMIT_S
        while b"a-to-b" not in (data := path.read_bytes()) or b"delivered after" not in data:
            self.assertLess(time.monotonic(), deadline, data)
            time.sleep(0.1)


if __name__ == "__main__":
    unittest.main()
