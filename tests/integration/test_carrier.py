"""Links that duet carries: what gets through them unharmed, and what an impairment does."""

import hashlib
import math
import random
import re
import unittest

import duet
import kept
import sink

BYTES = 3 << 20
DATAGRAMS, ENDS = 2000, 64  # numbered ones, and behind them those that say that all were sent
LINES = "".join(f"{number}\n" for number in range(1, DATAGRAMS + 1))

# Without IPv6 and with the neighbours' addresses known, kernels send nothing of their own accord.
PAIR = """
    defaults:
      cmdline: ipv6.disable=1
      files: [/bin/bash, /bin/ip, /usr/bin/socat]
    timeout: 180s
    """

SCRIPT = """
    nodes:
      b:
        sysctl: {net.core.rmem_default: 8388608}
        background:
          - %s
        steps:
          - {name: get, run: "sed /^end/q /tmp/fifo"}
      a:
        after: [b]
        steps:
          - name: neighbour
            run: ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
          - name: send
            run: |
              exec bash -c 'exec 3>/dev/udp/10.0.0.2/5000
                for i in {1..%d}; do echo $i >&3; done
                for i in {1..%d}; do echo end >&3; done'
    """ % (sink.UDP, DATAGRAMS, ENDS)


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def signed(data, at):
    value, at = varint(data, at)
    return value >> 1 ^ -(value & 1), at


def read_verdicts(data, upkeep=False):
    """(number, copy, why, length) of each record of data, or upkeep: net/verdict_log.h."""
    assert data.startswith(b"duetvlog"), data[:8]
    at, number, found = 48, [0, 0], []
    while at < len(data):
        kind, at = data[at], at + 1
        if kind & 3 == 1:
            at += 3 + 4 + 2 * (16 if data[at + 1] == 3 else 4)
            continue
        assert kind & 3 != 2, "a record is missing"
        own = kind & 3 == 3
        copy = why = 0
        if kind & 4:
            copy, at = varint(data, at)
        if kind & 8:
            difference, at = signed(data, at)
            number[own] += difference
        for _ in range(3):
            _, at = signed(data, at)
        length, at = varint(data, at)
        if kind & 16:
            why, at = varint(data, at)
        if kind & 32:
            _, at = varint(data, at)
        at += bool(kind & 64)
        if own == upkeep:
            found.append((number[own], copy, why, length))
        number[own] += 1
    return sorted(found)


def direction(run, case, number=0):
    return run.cases[case]["links"][0]["directions"][number]


def causes(run, case, number=0):
    return {cause["name"]: cause["packets"] for cause in direction(run, case, number)["causes"]}


def verdicts(run, case):
    return read_verdicts(run.read(direction(run, case)["verdicts"]))


def quantile(count, share, tail):
    """The least number that a binomial one exceeds with a probability of at most 1 - tail."""
    below = 0.0
    for hits in range(count + 1):
        below += math.exp(math.lgamma(count + 1) - math.lgamma(hits + 1)
                          - math.lgamma(count - hits + 1)
                          + hits * math.log(share) + (count - hits) * math.log(1 - share))
        if below >= tail:
            return hits
    return count


class Unharmed(duet.SuiteTest):
    SUITE = PAIR + """
    nodes:
      b:
        sysctl: {net.core.rmem_default: 8388608}
        background:
          - {name: echo, run: "exec socat -t 60 TCP4-LISTEN:5000 EXEC:cat", ready: {tcp: 5000}}
          - """ + sink.UDP + """
        steps:
          - {name: udp, run: head -c 1000000 /tmp/fifo | sha256sum}
      a:
        after: [b]
        files: [{from: payload, to: /payload}, {from: lines, to: /lines}]
        steps:
          - {name: tcp, run: socat -t 60 - TCP4:10.0.0.2:5000 < /payload | sha256sum}
          - name: udp
            run: |
              exec bash -c 'exec 3>/dev/udp/10.0.0.2/5000
                while read -r line; do echo "$line" >&3; done < /lines'
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: host}
    """

    @classmethod
    def prepare(cls):
        generator = random.Random(5)
        cls.payload = generator.randbytes(BYTES)
        cls.lines = "".join(f"{generator.getrandbits(3996):0999x}\n" for _ in range(1000)).encode()
        cls.work.write("payload", cls.payload)
        cls.work.write("lines", cls.lines)

    def test_a_stream_there_and_back(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertEqual(self.result.step_output("suite", "tcp", "a").decode(),
                         f"{hashlib.sha256(self.payload).hexdigest()}  -\n")

    def test_datagrams(self):
        self.assertEqual(self.result.step_output("suite", "udp", "b").decode(),
                         f"{hashlib.sha256(self.lines).hexdigest()}  -\n")

    def test_the_results_say_what_went_through(self):
        link = self.result.cases["suite"]["links"][0]
        self.assertEqual(link["carrier"], "host")
        self.assertEqual(link["impair"], [{}, {}])
        self.assertEqual([(way["from"], way["to"]) for way in link["directions"]],
                         [("a", "b"), ("b", "a")])
        for way in link["directions"]:
            self.assertGreater(way["bytes_in"], BYTES)
            log = self.result.read(way["verdicts"])
            self.assertEqual(len(read_verdicts(log)) + len(read_verdicts(log, upkeep=True)),
                             way["packets_in"])


class Impaired(duet.SuiteTest):
    """2000 numbered datagrams, through one impairment after the other."""

    OPTIONS = ("--seed", "7")
    SUITE = PAIR + SCRIPT + """
    matrix:
      impair:
        - {loss: 30%}
        - {corrupt: 20%}
        - {duplicate: 20%}
        - {delay: 20ms, reorder: 20%}
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: host, impair: "${impair}"}
    """

    def received(self, case):
        self.assertEqual(self.result.verdicts.get(case), "passed", self.result)
        self.assertEqual(direction(self.result, case)["packets_in"], DATAGRAMS + ENDS)
        return self.result.step_output(case, "get", "b").decode().splitlines()[:-1]

    def test_loss(self):
        received = self.received("loss=30%")
        self.assertEqual(self.result.cases["loss=30%"]["links"][0]["impair"],
                         [{"loss": "30%"}, {"loss": "30%"}])
        self.assertEqual(received, sorted(set(received), key=int))
        self.assertGreaterEqual(len(received), quantile(DATAGRAMS, 0.7, 0.00005))
        self.assertLessEqual(len(received), quantile(DATAGRAMS, 0.7, 0.99995))
        lost = {number for number, _, why, _ in verdicts(self.result, "loss=30%") if why}
        self.assertEqual(set(received), {str(number + 1) for number in range(DATAGRAMS)
                                         if number not in lost})

    def test_corruption(self):
        received = self.received("corrupt=20%")
        self.assertLess(len(received), DATAGRAMS)
        self.assertLessEqual(quantile(DATAGRAMS + ENDS, 0.2, 0.00005),
                             causes(self.result, "corrupt=20%")["corrupted"])

    def test_duplication(self):
        received = self.received("duplicate=20%")
        self.assertEqual(len(set(received)), DATAGRAMS)
        twice = {number for number, copy, _, _ in verdicts(self.result, "duplicate=20%") if copy}
        self.assertEqual([line for line, next_line in zip(received, received[1:])
                          if line == next_line],
                         [str(number + 1) for number in sorted(twice) if number < DATAGRAMS])

    def test_reordering(self):
        received = list(map(int, self.received("delay=20ms,reorder=20%")))
        self.assertNotEqual(received, sorted(received))

    def test_the_seed_decides_for_forks_and_for_booted_nodes(self):
        def log(*options):
            run = self.work.run(self.SUITE, "--only", "loss*", *options)
            self.assertEqual(run.verdicts, {"loss=30%": "passed"}, run)
            return verdicts(run, "loss=30%")

        first = verdicts(self.result, "loss=30%")
        self.assertEqual(len(first), DATAGRAMS + ENDS)
        self.assertEqual(log("--seed", "7"), first)
        self.assertEqual(log("--seed", "7", "--cold"), first)
        self.assertNotEqual(log("--seed", "8"), first)


class Changes(duet.SuiteTest):
    """A link that is down from the 101st packet of data to the 1500th."""

    SUITE = PAIR + SCRIPT + """
    links:
      - nodes: [a, b]
        subnet: 10.0.0.0/24
        carrier: host
        impair: {changes: [{at: 100, down: true}, {at: 1500, down: false}]}
    """

    def test_they_take_effect_on_their_packets(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        received = self.result.step_output("suite", "get", "b").decode().splitlines()[:-1]
        self.assertEqual(received, [*map(str, range(1, 101)), *map(str, range(1501, 2001))])
        self.assertEqual(causes(self.result, "suite")["down"], 1400)


class EndsEarly(duet.SuiteTest):
    SUITE = PAIR + """
    nodes:
      b:
      a:
        steps:
          - name: neighbour
            run: ip neigh replace 10.0.0.2 lladdr 02:00:00:00:00:02 dev eth0 nud permanent
          - {name: send, run: "exec bash -c 'echo late >/dev/udp/10.0.0.2/5000'"}
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: host, impair: {delay: 1h}}
    """

    def test_what_is_on_its_way_is_lost(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertEqual(direction(self.result, "suite")["packets_out"], 0)
        self.assertEqual(causes(self.result, "suite"), {"flushed": 1})


class Up(kept.Kept):
    SUITE = PAIR + """
    nodes: {a: {run: "true"}, b: }
    links:
      - {nodes: [a, b], subnet: 10.0.0.0/24, carrier: host, impair: {delay: 50ms}}
    """

    def test_a_delay_counts_there_and_back(self):
        times = re.findall(r"time=([0-9.]+) ms", self.sh("a", "ping -c 3 b"))
        self.assertEqual(len(times), 3)
        self.assertGreaterEqual(min(map(float, times)), 100)


if __name__ == "__main__":
    unittest.main()
