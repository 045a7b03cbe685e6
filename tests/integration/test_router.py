"""Nodes that are routers: a chain of two, whose links are carried by one of them, by neither, and by
duet, between two kernels that do as kernels do."""

import re
import unittest

import duet
import sink
from test_carrier import read_verdicts

FILE = 1000000  # bytes, all zero
FILE_SHA256 = "d29751f2649b32ff572b5e0a9f541ea660a50f94ff0beedfb0b692b924cc8025"
DELAY_MS = 5


class Chain(duet.SuiteTest):
    """client – r1 – r2 – server; the last link has a smaller MTU, the middle one is impaired."""

    OPTIONS = ("--seed", "7")
    SUITE = f"""
    name: suite
    defaults: {{files: [/usr/bin/socat]}}
    nodes:
      client:
        after: [server]
        routes: [{{to: default, via: 10.0.1.1}}, {{to: default, via: "fd00:1::1"}}]
        steps:
          - {{name: ping, run: ping -c 3 -W 9 10.0.3.2}}
          - {{name: ping6, run: ping -6 -c 3 -W 9 fd00:3::2}}
          - {{name: large, run: ping -c 5 -W 9 -s 1400 10.0.3.2}}
          - {{name: large6, run: ping -6 -c 5 -W 9 -s 1400 fd00:3::2}}
          - {{name: trace, run: traceroute -n -q 1 -m 4 -w 9 10.0.3.2}}
          - {{name: trace6, run: traceroute6 -n -q 1 -m 4 -w 9 fd00:3::2}}
          - {{name: nowhere, run: ping -c 1 -W 9 10.9.9.9, expect: {{status: 1}}}}
          - {{name: nobody, run: ping -c 1 -W 30 10.0.3.9, expect: {{status: 1}}}}
          - {{name: tcp, run: wget -q -O - http://10.0.3.2/file | sha256sum}}
          - {{name: tcp6, run: "wget -q -O - 'http://[fd00:3::2]/file' | sha256sum"}}
          - name: cut
            impair: {{r1-r2: {{down: true}}}}
            run: ping -c 1 -W 1 10.0.3.2
            expect: {{status: 1}}
          - {{name: mended, impair: {{r1-r2: {{down: false}}}}, run: ping -c 1 -W 30 10.0.3.2}}
          - {{name: upload, run: head -c {FILE} /dev/zero | socat -u - TCP4:10.0.3.2:5000}}
      r1:
        router: true
        routes: [{{to: default, via: 10.0.2.2}}, {{to: default, via: "fd00:2::2"}}]
      r2:
        router: true
        routes: [{{to: 10.0.1.0/24, via: 10.0.2.1}}, {{to: "fd00:1::/64", via: "fd00:2::1"}}]
      server:
        routes: [{{to: default, via: 10.0.3.1}}, {{to: default, via: "fd00:3::1"}}]
        background:
          - name: httpd
            run: |
              mkdir /www && head -c {FILE} /dev/zero >/www/file
              exec httpd -f -p 80 -h /www
            ready: tcp/80
          - {sink.TCP}
        steps:
          - {{name: received, run: head -c {FILE} /tmp/fifo | sha256sum}}
    links:
      - {{nodes: [r1, client], subnet: [10.0.1.0/24, "fd00:1::/64"]}}
      - {{nodes: [r1, r2], subnet: [10.0.2.0/24, "fd00:2::/64"],
          impair: {{delay: {DELAY_MS}ms, duplicate: 5%}}}}
      - {{nodes: [r2, server], subnet: [10.0.3.0/24, "fd00:3::/64"], mtu: 1280, carrier: host}}
    timeout: 180s
    """

    def output(self, step, node="client"):
        return self.result.step_output("suite", step, node).decode()

    def test_all_of_it_passes(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)

    def test_pings_come_back_past_both(self):
        for step in ("ping", "ping6"):
            times = [float(ms) for ms in re.findall(r"ttl=62 time=([\d.]+) ms", self.output(step))]
            self.assertGreaterEqual(len(times), 3, self.output(step))
            self.assertGreaterEqual(min(times), 2 * DELAY_MS)

    def test_a_sender_learns_what_is_too_big(self):
        """The first is lost for it; the others its kernel cuts."""
        for step in ("large", "large6"):
            answers = {int(n) for n in re.findall(r"seq=(\d+) ttl=62", self.output(step))}
            self.assertEqual(answers, {1, 2, 3, 4}, self.output(step))

    def test_each_router_shows_in_a_trace(self):
        for step, addresses in (("trace", ["10.0.1.1", "10.0.2.2", "10.0.3.2"]),
                                ("trace6", ["fd00:1::1", "fd00:2::2", "fd00:3::2"])):
            hops = re.findall(r"^ *\d+ +(\S+)", self.output(step), re.M)
            self.assertEqual(hops, addresses, self.output(step))

    def test_files_get_through_unharmed(self):
        for step, node in (("tcp", "client"), ("tcp6", "client"), ("received", "server")):
            self.assertIn(FILE_SHA256, self.output(step, node))

    def test_the_link_between_them_is_impaired(self):
        links = self.result.cases["suite"]["links"]
        self.assertEqual([link["carrier"] for link in links], ["guest", "guest", "host"])
        for way in links[1]["directions"]:
            causes = {cause["name"]: cause["packets"] for cause in way["causes"]}
            self.assertGreater(causes.get("copy", 0), 0, way)
            self.assertGreater(causes.get("upkeep", 0), 0, way)
            if way["from"] == "r1":
                self.assertGreater(causes.get("down", 0), 0, way)
            log = read_verdicts(self.result.read(way["verdicts"]))
            self.assertEqual(sum(1 for _, copy, _, _ in log if copy), causes["copy"])


if __name__ == "__main__":
    unittest.main()
