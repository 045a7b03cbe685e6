"""What scenarios/bench/*.sh make of what their programs print: without guests."""

import json
import os
import re
import shutil
import subprocess
import unittest

import duet

SCRIPTS = duet.ROOT / "scenarios" / "bench"

# What sockperf 3.7 printed, between two guests.
SOCKPERF = """\
sockperf: \033[2;35m== version #3.7-no.git == \033[0m
sockperf[CLIENT] send on:sockperf: using recvfrom() to block on socket(s)

[ 0] IP = 10.0.0.1        PORT = 11111 # UDP
sockperf: Warmup stage (sending a few dummy messages)...
sockperf: Starting test...
sockperf: Test end (interrupted by timer)
sockperf: Test ended
sockperf: [Total Run] RunTime=3.001 sec; Warm up time=400 msec; SentMessages=3124; ReceivedMessages=3123
sockperf: ========= Printing statistics for Server No: 0
sockperf: [Valid Duration] RunTime=1.832 sec; SentMessages=2039; ReceivedMessages=2039
sockperf: \033[2;35m====> avg-rtt=896.669 (std-dev=1049.017)\033[0m
sockperf: # dropped messages = 0; # duplicated messages = 0; # out-of-order messages = 0
sockperf: Summary: Round trip is 896.669 usec
sockperf: \033[2;35mTotal 2039 observations\033[0m; each percentile contains 20.39 observations
sockperf: ---> <MAX> observation = 8909.454
sockperf: ---> percentile 99.999 = 8909.454
sockperf: ---> percentile 99.990 = 8909.454
sockperf: ---> percentile 99.900 = 7059.328
sockperf: ---> percentile 99.000 = 5321.622
sockperf: ---> percentile 90.000 = 2129.404
sockperf: ---> percentile 75.000 =  684.747
sockperf: ---> percentile 50.000 =  508.653
sockperf: ---> percentile 25.000 =  444.207
sockperf: ---> <MIN> observation =  330.495
"""

AB = """\
Complete requests:      1563
Failed requests:        0
Requests per second:    312.51 [#/sec] (mean)
"""

PING = "PING exit (10.0.0.1): 56 data bytes\n" + "".join(
    f"64 bytes from 10.0.0.1: seq={seq} ttl=64 time={time} ms\n"
    for seq, time in enumerate((9.5, 1.5, 0.5, 1.0)))


@unittest.skipUnless(shutil.which("busybox"), "busybox is not there")
class Scripts(unittest.TestCase):
    """Each runs with busybox's tools, as in a guest, and with the programs that a test makes."""

    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)
        self.programs = self.place.path / "programs"
        self.programs.mkdir()
        for tool in ("awk", "sed", "cat", "cut", "grep", "sh"):
            (self.programs / tool).symlink_to(shutil.which("busybox"))
        self.prints("ping", PING)

    def prints(self, name, text, status=0):
        """A program of that name."""
        (self.programs / f"{name}.txt").write_text(text)
        program = self.programs / name
        program.write_text(f"#!/bin/sh\necho \"$@\" >{self.programs}/{name}.arguments\n"
                           f"cat {self.programs}/{name}.txt\nexit {status}\n")
        program.chmod(0o755)

    def arguments(self, name):
        return (self.programs / f"{name}.arguments").read_text().split()

    def script(self, name, *arguments, said=None):
        """The values that it printed; `said`: it failed, and said this last."""
        run = subprocess.run(["/bin/sh", SCRIPTS / name, *arguments], capture_output=True,
                             text=True, check=False, env=os.environ | {"PATH": str(self.programs)})
        if said is None:
            self.assertEqual((run.returncode, run.stderr), (0, ""), run)
        else:
            self.assertNotEqual(run.returncode, 0, run)
            self.assertIn(said, run.stderr.splitlines()[-1], run)
        tokens = [json.loads(line.removeprefix("DUET_METRIC: "))
                  for line in run.stdout.splitlines() if line.startswith("DUET_METRIC: ")]
        self.assertLessEqual({token["unit"] for token in tokens}, {"ms", "1/s"})
        return {token["name"]: token["value"] for token in tokens}

    def test_round_trips_have_a_distribution(self):
        self.prints("sockperf", SOCKPERF)
        self.assertEqual(
            self.script("request_response.sh", "udp", "exit", "2", "50", "90", "99", "99.9"),
            {"udp_rr.p50": 0.508653, "udp_rr.p90": 2.129404, "udp_rr.p99": 5.321622,
             "udp_rr.p999": 7.059328})
        arguments = self.arguments("sockperf")
        self.assertEqual(arguments[arguments.index("--ip") + 1], "10.0.0.1")
        self.assertNotIn("--tcp", arguments)
        self.script("request_response.sh", "tcp", "exit", "2", "50")
        self.assertIn("--tcp", self.arguments("sockperf"))

    def test_a_percentile_of_too_few_round_trips_is_an_error_and_the_others_are_there(self):
        few = "are too few for p999, which takes 1000: measure longer"
        for count, names, said in (
                (1000, {"p50", "p99", "p999"}, None),
                (999, {"p50", "p99"}, f"999 round trips {few}"),
                (100, {"p50", "p99"}, f"100 round trips {few}"),
                (99, {"p50"}, "99 round trips are too few for p99 p999, which takes 1000")):
            with self.subTest(count):
                self.prints("sockperf", SOCKPERF.replace("Total 2039", f"Total {count}"))
                found = self.script("request_response.sh", "tcp", "exit", "2", "50", "99", "99.9",
                                    said=said)
                self.assertEqual({name.removeprefix("tcp_rr.") for name in found}, names)

    def test_what_sockperf_did_not_measure_is_an_error(self):
        lost = SOCKPERF.replace("# dropped messages = 0", "\033[0;31m# dropped messages = 3")
        for text, said in (
                (lost, "3 answers were lost, 0 came twice, 0 out of order"),
                (SOCKPERF.replace("out-of-order messages = 0", "out-of-order messages = 2\033[0m"),
                 "0 answers were lost, 0 came twice, 2 out of order"),
                (SOCKPERF.replace("# dropped", "dropped"),
                 "sockperf did not print how many answers were lost"),
                (SOCKPERF.replace("; # out-of-order messages = 0", ""),
                 "sockperf did not print how many answers were lost"),
                (SOCKPERF.replace("RunTime=1.832", "RunTime=1.799"),
                 "round trips went on for 1.8 s of 2: an answer was lost"),
                (SOCKPERF.replace("by timer", "by user"), "sockperf measured nothing: "),
                (SOCKPERF[:SOCKPERF.index("sockperf: Test end")],
                 "sockperf measured nothing: sockperf: Starting test..."),
                (SOCKPERF[:SOCKPERF.index("sockperf: [Total")] +
                 "sockperf: No messages were received from the server. Is the server down?\n",
                 "sockperf measured nothing: sockperf: No messages were received"),
                ("sockperf: ERROR: Can`t connect socket (errno=111 Connection refused)\n",
                 "sockperf measured nothing: sockperf: ERROR: Can`t connect socket (errno=111"),
                (SOCKPERF.replace("---> percentile 90.000", "p90"), "no 90th percentile"),
                (SOCKPERF.replace("2129.404", "0.000"), "no 90th percentile"),
                ("", "sockperf measured nothing: ")):
            with self.subTest(said):
                self.prints("sockperf", text, status=1)
                self.assertEqual(self.script("request_response.sh", "udp", "exit", "2", "90",
                                             said=said), {})

    def test_a_program_that_is_missing_is_named(self):
        self.script("request_response.sh", "udp", "exit", "2", "50", said="sockperf is missing")
        self.script("connections.sh", "exit", "5", said="ab is missing")

    def test_connections_that_failed_are_an_error(self):
        self.prints("ab", AB)
        self.assertEqual(self.script("connections.sh", "exit", "5"), {"connections": 312.51})
        for text, said in ((AB.replace(" 0\n", " 1\n"), "ab has 1 failed requests"),
                           (AB + "Non-2xx responses:      1563\n", "1563 refused ones"),
                           (AB.replace("312.51", "0.00"), "and 0 a second"),
                           ("apr_socket_recv: Connection refused (111)\n", "and 0 a second")):
            with self.subTest(said):
                self.prints("ab", text)
                self.assertEqual(self.script("connections.sh", "exit", "5", said=said), {})

    def test_a_handshake_that_was_before_is_none_of_no_time(self):
        self.assertEqual(self.script("handshake.sh", "exit"), {"handshake": 8.5})
        self.prints("ping", PING.replace("9.5", "0.5"))
        self.assertEqual(self.script("handshake.sh", "exit", said="the handshake was before it"),
                         {})
        self.prints("ping", PING[:PING.index("64 bytes from 10.0.0.1: seq=2")])
        self.assertEqual(self.script("handshake.sh", "exit", said="2 of 4 echo requests"), {})

    def test_latency_is_the_mean(self):
        self.assertEqual(self.script("latency.sh", "exit", "4"), {"latency": 3.125})
        self.assertEqual(self.script("latency.sh", "exit", "5", said="4 of 5 echo requests"), {})

    def test_a_server_that_is_not_there_is_not_waited_for(self):
        self.assertEqual(self.script("server.sh", "run", "sockperf", "server"), {})
        self.assertEqual(self.script("server.sh", "ready", "sockperf", "udp", "9"), {})
        self.prints("sockperf", "")
        self.script("server.sh", "run", "sockperf", "server", "--tcp")
        self.assertEqual(self.arguments("sockperf"), ["server", "--tcp"])
        self.assertEqual(self.script("iperf3.sh", "5201", "5202"), {})

    def test_each_measurement_has_an_iperf3_of_its_own(self):
        suite = (duet.ROOT / "scenarios" / "bench.yaml").read_text()
        ports, = re.findall(r"^  iperf3_ports: ([0-9 ]+?) #", suite, re.M)
        self.assertEqual(re.findall(r"iperf3 -J .* -p (\d+)", suite), ports.split())
        self.assertEqual(len(set(ports.split())), suite.count("measure: iperf3"))

    def test_an_openvpn_that_ends_is_a_failure(self):
        smoke = self.place.path / "smoke"
        smoke.mkdir()
        # Up in the next step of the kernel's uptime; then it dies.
        (smoke / "tunnel.sh").write_text(
            "read begun rest </proc/uptime\nnow=$begun\n"
            "while [ $now = $begun ]; do read now rest </proc/uptime; done\n"
            "echo 'Initialization Sequence Completed'\nexit 3\n")
        script = self.place.write("openvpn.sh", (SCRIPTS / "openvpn.sh").read_text().replace(
            "/smoke/", f"{smoke}/"))
        run = subprocess.run(["/bin/sh", script], capture_output=True, text=True, check=False,
                             env=os.environ | {"PATH": str(self.programs)})
        self.assertEqual((run.returncode, run.stderr), (1, "openvpn ended with exit status 3\n"))
        # Who waits until it is ready has the metric by then.
        self.assertRegex(run.stdout, r'\ADUET_METRIC: {"name": "handshake", .*}\n'
                                     r"Initialization Sequence Completed\n\Z")


if __name__ == "__main__":
    unittest.main()
