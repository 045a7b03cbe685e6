"""The resilience suite: the same seed gives UDP the same network, packet by packet, and another
seed another one."""

import json
import subprocess
import unittest

import duet

SEED, OTHER = "1", "2"
BY_CHANCE = "duplicate,udp"  # so it differs from seed to seed


class Udp(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        cls.first, cls.again = cls.run_cases("udp", SEED), cls.run_cases("udp", SEED)
        cls.other = cls.run_cases(BY_CHANCE, OTHER)

    @classmethod
    def run_cases(cls, which, seed):
        return cls.work.command("run", "resilience", "--only", which, "--seed", seed)

    def compare(self, case, one, two):
        """Exit statuses of `duet verdicts --diff` of both directions, and what it prints."""
        found = []
        for way in range(2):
            paths = [run.directory / run.cases[case]["links"][0]["directions"][way]["verdicts"]
                     for run in (one, two)]
            found.append(subprocess.run([duet.PROGRAM, "verdicts", "--diff", *paths],
                                        capture_output=True, text=True, timeout=60))
        return [run.returncode for run in found], "".join(run.stdout + run.stderr for run in found)

    def test_every_case_passes(self):
        for run, count in (self.first, 12), (self.again, 12), (self.other, 1):
            self.assertEqual(list(run.verdicts.values()), ["passed"] * count, run)

    def test_the_same_seed_gives_the_same_verdicts(self):
        for case in self.first.cases:
            with self.subTest(case):
                statuses, text = self.compare(case, self.first, self.again)
                self.assertEqual(statuses, [0, 0], text)

    def test_another_seed_gives_others(self):
        statuses, text = self.compare(BY_CHANCE, self.first, self.other)
        self.assertEqual(statuses, [1, 1], text)


class Suite(unittest.TestCase):
    def test_it_has_every_network_with_every_transport(self):
        listed = subprocess.run([duet.PROGRAM, "list", "--json", "resilience"], check=True,
                                capture_output=True, text=True, timeout=60)
        suite, = json.loads(listed.stdout)
        names = {case["name"] for case in suite["cases"]}
        self.assertEqual(len(names), 48)
        self.assertEqual({name.rpartition(",")[2] for name in names},
                         {"tcp", "udp", "wireguard", "openvpn"})


if __name__ == "__main__":
    unittest.main()
