"""Links that a node carries itself: the packet core in its init, between its kernel and its NIC."""

import re
import unittest

import duet
import kept
from test_carrier import (DATAGRAMS, ENDS, PAIR, SCRIPT, causes, direction, read_verdicts,
                          verdicts)


class Seeded(duet.SuiteTest):
    """2000 numbered datagrams, with a share of them lost."""

    OPTIONS = ("--seed", "7")
    SUITE = PAIR + SCRIPT + """
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: guest, impair: {loss: 30%}}
    """

    def test_what_arrives_is_what_was_not_lost(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        received = self.result.step_output("suite", "get", "b").decode().splitlines()[:-1]
        lost = {number for number, _, why, _ in verdicts(self.result, "suite") if why}
        self.assertEqual(received, [str(number + 1) for number in range(DATAGRAMS)
                                    if number not in lost])

    def test_the_counters_are_those_of_the_log(self):
        way = direction(self.result, "suite")
        log = self.result.read(way["verdicts"])
        self.assertEqual(way["packets_in"], sum(len(read_verdicts(log, upkeep))
                                                for upkeep in (False, True)))
        self.assertEqual(causes(self.result, "suite")["loss"],
                         way["packets_in"] - way["packets_out"])
        self.assertEqual(self.result.cases["suite"]["links"][0]["carrier"], "guest")
        self.assertFalse(self.result.cases["suite"]["links"][0]["incomplete"])

    def test_the_seed_decides_whoever_carries(self):
        def log(suite, *options):
            run = self.work.run(suite, *options)
            self.assertEqual(run.verdicts, {"suite": "passed"}, run)
            return verdicts(run, "suite")

        first = verdicts(self.result, "suite")
        self.assertEqual(len(first), DATAGRAMS + ENDS)
        self.assertEqual(log(self.SUITE, "--seed", "7", "--cold"), first)
        self.assertEqual(log(self.SUITE.replace("guest", "host"), "--seed", "7"), first)
        self.assertNotEqual(log(self.SUITE, "--seed", "8"), first)


class Changes(duet.SuiteTest):
    SUITE = PAIR + SCRIPT + """
    links:
      - nodes: [a, b]
        subnet: 10.0.0.0/24
        carrier: guest
        impair: {changes: [{at: 100, loss: 100%}, {at: 300, loss: 0%}]}
    """

    def test_happen_on_their_packets(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        received = self.result.step_output("suite", "get", "b").decode().splitlines()[:-1]
        self.assertEqual(received, [str(number + 1) for number in range(DATAGRAMS)
                                    if not 100 <= number < 300])


class Device(duet.SuiteTest):
    """What a node's kernel has in the place of its NIC, with large packets and with IPv6."""

    SUITE = """
    defaults:
      files: [/bin/bash, /bin/ip, /usr/bin/socat]
    timeout: 180s
    nodes:
      b:
        background:
          - {name: echo, run: "exec socat -t 60 TCP6-LISTEN:5000 EXEC:cat", ready: {tcp: 5000}}
      a:
        after: [b]
        steps:
          - {name: link, run: ip -o link show eth0}
          - {name: addresses, run: "ip -o addr show dev eth0 | awk '{print $4}'"}
          - {name: names, run: ls /sys/class/net}
          - {name: kill, run: "kill -9 -1; true"}
          - {name: large, run: ping -c 1 -s 8900 10.0.0.2}
          - name: stream
            run: head -c 3000000 /dev/zero | socat -t 60 - TCP6:[fd00::2]:5000 | wc -c
    links:
      - {nodes: [a, b], subnet: [10.0.0.0/24, "fd00::/64"], mtu: 9000, carrier: guest, impair: {}}
    """

    def output(self, step):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        return self.result.step_output("suite", step, "a").decode()

    def test_looks_like_a_nic(self):
        self.assertRegex(self.output("link"), r"eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9000 ")
        self.assertIn("link/ether 02:00:00:00:00:01", self.output("link"))
        self.assertEqual(sorted(self.output("addresses").split()),
                         ["10.0.0.1/24", "fd00::1/64", "fe80::ff:fe00:1/64"])
        self.assertEqual(self.output("names").split(), ["eth0", "lo"])

    def test_carries_though_all_was_killed(self):
        self.assertIn("1 packets received", self.output("large"))
        self.assertEqual(self.output("stream"), "3000000\n")
        self.assertGreater(direction(self.result, "suite")["bytes_in"], 3000000)


class Deleted(duet.SuiteTest):
    """A node without the device of its link any more, to which the other one sends."""

    SUITE = PAIR + """
    nodes:
      a:
        background:
          - name: delete
            run: ip link del eth0 && touch /tmp/deleted && exec sleep 3600
            ready: {path: /tmp/deleted}
        steps:
          - name: ticks
            run: |
              used() { awk '{print $14 + $15}' /proc/1/stat; }
              for try in 1 2 3; do
                before=$(used)
                sleep 1
                echo $(($(used) - before))
              done
      b:
        after: [a]
        run: |
          ip neigh replace 10.0.0.1 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
          ! ping -c 2 -W 1 10.0.0.1
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: guest, impair: {delay: 5ms}}
    """

    def test_has_its_cpu_for_itself(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        # A host that stalls while init runs has the kernel charge that to init.
        ticks = min(map(int, self.result.step_output("suite", "ticks", "a").split()))
        self.assertLess(ticks, 50)  # of 100, on one CPU

    def test_loses_what_comes_for_it(self):
        way = direction(self.result, "suite", 1)
        self.assertEqual(way["packets_out"], 0)
        self.assertEqual(causes(self.result, "suite", 1), {"unread": way["packets_in"]})
        self.assertGreaterEqual(way["packets_in"], 2)


class Small(duet.SuiteTest):
    """So small an MTU that what a kernel hands over at once stands for many packets."""

    BYTES = 1000000
    SUITE = PAIR + f"""
    nodes:
      b:
        background:
          - {{name: sink, run: "exec socat -u TCP4-LISTEN:5000 CREATE:/got", ready: {{tcp: 5000}}}}
        steps:
          - {{name: got, run: "while pidof socat >/dev/null; do sleep 0.1; done; wc -c </got"}}
      a:
        after: [b]
        steps:
          - name: send
            run: head -c {BYTES} /dev/zero | socat -u -b 500000 - TCP4:10.0.0.2:5000
    links:
      - {{nodes: [a, b], subnet: 10.0.0.0/24, mtu: 500, carrier: guest, impair: {{delay: 1ms}}}}
    """

    def test_gets_through(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertEqual(int(self.result.step_output("suite", "got", "b")), self.BYTES)
        way = direction(self.result, "suite")
        self.assertGreater(way["packets_in"], self.BYTES // 460)
        self.assertEqual({cause["name"] for cause in way["causes"]} - {"upkeep"}, set())


class Bulk(duet.SuiteTest):
    """Large packets that go on whole, both ways at once and to who does not read for a while; the
    links end while there are some on their way."""

    BYTES = 20000000
    SUITE = PAIR.replace("180s", "10m") + f"""
    nodes:
      b:
        background:
          - {{name: echo, run: "exec socat -t 600 TCP4-LISTEN:5000,fork EXEC:cat", ready: {{tcp: 5000}}}}
          - name: late
            run: "exec socat -t 600 TCP4-LISTEN:5001,fork SYSTEM:'sleep 2; sha256sum'"
            ready: {{tcp: 5001}}
          - name: sink
            run: exec socat -u TCP4-LISTEN:5002,fork OPEN:/dev/null
            ready: {{tcp: 5002}}
      a:
        after: [b]
        steps:
          - {{name: make, run: "head -c {BYTES} /dev/urandom >/data; sha256sum </data"}}
          - {{name: echo, run: socat -t 600 - TCP4:10.0.0.2:5000 </data | sha256sum}}
          - {{name: small, run: socat -t 600 - TCP4:10.0.1.2:5000 </data | sha256sum}}
          - {{name: late, run: socat -t 600 - TCP4:10.0.0.2:5001 </data}}
          - name: leave
            run: |
              for link in 0 1; do
                socat -u OPEN:/dev/zero TCP4:10.0.$link.2:5002 >/dev/null 2>&1 &
              done
              sleep 1
    links:
      - {{nodes: [a, b], subnet: 10.0.0.0/24, carrier: guest}}
      - {{nodes: [a, b], subnet: 10.0.1.0/24, carrier: guest, mtu: 500}}
    """

    def test_all_arrives_as_it_was(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        sums = {step: self.result.step_output("suite", step, "a")
                for step in ("make", "echo", "small", "late")}
        self.assertEqual(len(set(sums.values())), 1, sums)

    def test_all_is_counted(self):
        for link in self.result.cases["suite"]["links"]:
            self.assertFalse(link["incomplete"])
            for way in link["directions"]:
                lost = sum(cause["packets"] for cause in way["causes"] if cause["name"] != "upkeep")
                self.assertEqual(way["packets_in"], way["packets_out"] + lost)
                self.assertGreater(way["bytes_in"], self.BYTES)


class Up(kept.Kept):
    SUITE = PAIR + """
    nodes: {a: {run: "true"}, b: }
    links:
      - nodes: [a, b]
        subnet: 10.0.0.0/24
        carrier: guest
        impair: {delay: 50ms, from: {b: {delay: 30ms}}}
    """

    def test_each_direction_has_its_own_delay(self):
        times = re.findall(r"time=([0-9.]+) ms", self.sh("a", "ping -c 3 b"))
        self.assertEqual(len(times), 3)
        self.assertGreaterEqual(min(map(float, times)), 80)


if __name__ == "__main__":
    unittest.main()
