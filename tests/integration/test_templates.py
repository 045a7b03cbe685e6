"""Nodes are forked from templates: what the forks share and what they do not, which nodes are forked,
what is kept for the next run and when that is not used. What goes wrong is in
test_template_trouble."""

import os
import re
import unittest

import duet
import stage

PROGRAMS = [path for path in ("/usr/bin/openssl", "/usr/bin/wg") if os.path.exists(path)]


def templates(run):
    """Numbers of the templates that a run booted."""
    return sorted(path.name for path in run.directory.glob("templates/*"))


def starts(run):
    """Where each case's nodes came from."""
    return {name: [node["start"] for node in case["nodes"]] for name, case in run.cases.items()}


class Twins(unittest.TestCase):
    """Two pairs at once, all four nodes forks of one template, in two runs, the second of which
    boots none: no two of the eight share what is to be a node's own."""

    IDENTITY = """
        echo mac: `cat /sys/class/net/eth0/address`
        echo link-local: `ip -6 -o address show eth0 scope link | sed 's/.*inet6 //; s/ .*//'`
        echo address4: `ip -4 -o address show eth0 | sed 's/.*inet //; s/ .*//'`
        echo address6: `ip -6 -o address show eth0 scope global | sed 's/.*inet6 //; s/ .*//'`
        echo hostname: `hostname`
        echo machine-id: `cat /etc/machine-id`
        echo boot-id: `cat /proc/sys/kernel/random/boot_id`
        echo uuid: `cat /proc/sys/kernel/random/uuid`
        echo urandom: `head -c 32 /dev/urandom | sha256sum`
        echo random: `head -c 32 /dev/random | sha256sum`
        echo temporary: `mktemp -u`
        if which openssl >/dev/null; then
            echo getrandom: `openssl rand -hex 32`
            echo tls: `openssl genpkey -algorithm X25519 | sha256sum`
        fi
        if which wg >/dev/null; then echo wireguard: `wg genkey`; fi
        """
    OF_A_NODE = ("mac", "link-local", "address4", "address6", "hostname")
    OF_A_MACHINE = ("machine-id", "boot-id", "uuid", "urandom", "random", "temporary")
    SUITE = f"""
        name: twins
        defaults:
          memory: 192M
          files: [{", ".join([*PROGRAMS, "{from: identity, to: /identity}"])}]
          run: sh /identity
        nodes: {{left: , right: }}
        links: [{{nodes: [left, right], subnet: [10.0.0.0/24, "fd00::/64"]}}]
        cases: {{one: , two: }}
        timeout: 120s
        """

    @classmethod
    def setUpClass(cls):
        work = duet.Workplace()
        cls.addClassCleanup(work.close)
        work.environment["XDG_CACHE_HOME"] = str(stage.shared_cache(work.path / "cache"))
        work.write("identity", cls.IDENTITY)
        cls.runs = []
        for _ in range(2):
            cls.runs.append(work.run(cls.SUITE, "--accel", "tcg", "-j2", "--reuse-templates"))

    def identity(self, run, case, node):
        output = run.step_output(case, "run", node).decode()
        return dict(line.split(": ", 1) for line in output.splitlines())

    def identities(self, *runs):
        return [self.identity(run, case, node) for run in runs or self.runs
                for case in ("one", "two") for node in ("left", "right")]

    def test_all_are_forks_of_one_template(self):
        for run in self.runs:
            self.assertEqual(run.verdicts, {"one": "passed", "two": "passed"}, run)
            self.assertEqual(starts(run), {"one": ["forked"] * 2, "two": ["forked"] * 2})
        self.assertEqual(templates(self.runs[0]), ["1"])

    def test_the_second_run_boots_none(self):
        self.assertEqual(templates(self.runs[1]), [])
        self.assertNotIn("template", self.runs[1].stderr)

    def test_what_is_drawn_is_never_drawn_twice(self):
        found = self.identities()
        keys = [*self.OF_A_MACHINE, *(["getrandom", "tls"] if len(PROGRAMS) > 0 else []),
                *(["wireguard"] if len(PROGRAMS) > 1 else [])]
        for key in keys:
            with self.subTest(key=key):
                values = [identity[key] for identity in found]
                self.assertTrue(all(values), values)
                self.assertEqual(len(set(values)), len(found), values)

    def test_a_node_is_the_same_each_time_and_no_other(self):
        for key in self.OF_A_NODE:
            with self.subTest(key=key):
                of_a_pair = [(self.identity(run, case, "left")[key],
                              self.identity(run, case, "right")[key])
                             for run in self.runs for case in ("one", "two")]
                self.assertEqual(len(set(of_a_pair)), 1, of_a_pair)
                left, right = of_a_pair[0]
                self.assertTrue(left and right, of_a_pair)
                self.assertNotEqual(left, right)

    def test_addresses_are_the_suite_s_and_the_link_local_one_is_the_mac_s(self):
        left = self.identity(self.runs[1], "two", "left")
        self.assertEqual((left["address4"], left["address6"], left["hostname"]),
                         ("10.0.0.1/24", "fd00::1/64", "left"))
        octets = [int(octet, 16) for octet in left["mac"].split(":")]
        octets[0] ^= 2
        host = [*octets[:3], 0xff, 0xfe, *octets[3:]]
        groups = [f"{host[i] << 8 | host[i + 1]:x}" for i in range(0, 8, 2)]
        self.assertEqual(self.expanded(left["link-local"]), ["fe80", "0", "0", "0", *groups])

    @staticmethod
    def expanded(address):
        """The groups of an IPv6 address with its prefix's length."""
        before, _, after = address.split("/")[0].partition("::")
        before, after = [list(filter(None, part.split(":"))) for part in (before, after)]
        return [*before, *["0"] * (8 - len(before) - len(after)), *after]


class Default(unittest.TestCase):
    """Forks are what there is without a word, and what they find is what machines find that boot."""

    SUITE = """
        name: default
        nodes: {box: {memory: 192M}}
        cases:
          passes: {nodes: {box: {run: "true"}}}
          fails: {nodes: {box: {run: "exit 3"}}}
          panics: {nodes: {box: {run: echo c > /proc/sysrq-trigger}}}
        timeout: 120s
        """
    VERDICTS = {"passes": "passed", "fails": "failed", "panics": "panic"}

    @classmethod
    def setUpClass(cls):
        work = duet.Workplace()
        cls.addClassCleanup(work.close)
        cls.forked = work.run(cls.SUITE, "--accel", "tcg", "-j2")
        cls.cold = work.run(cls.SUITE, "--accel", "tcg", "-j2", "--cold")

    def test_verdicts(self):
        self.assertEqual(self.forked.verdicts, self.VERDICTS, self.forked)
        self.assertEqual(self.cold.verdicts, self.VERDICTS, self.cold)
        for case in self.VERDICTS:
            self.assertEqual(self.forked.cases[case]["reason"], self.cold.cases[case]["reason"])

    def test_all_are_forked(self):
        self.assertEqual(starts(self.forked), dict.fromkeys(self.VERDICTS, ["forked"]))

    def test_cold_boots_all(self):
        self.assertEqual(starts(self.cold), dict.fromkeys(self.VERDICTS, ["booted"]))
        self.assertEqual(templates(self.cold), [])

    def test_evidence_of_a_template(self):
        directory = self.forked.directory / "templates" / "1"
        self.assertEqual(sorted(path.name for path in directory.iterdir()),
                         ["console.log.gz", "domain.xml", "qemu.log"])


class Mixed(unittest.TestCase):
    """Nodes with duet's init, with another that duet's becomes, and with nothing but another."""

    TOKEN = "echo 'DUET_RESULT: {\"verdict\": \"passed\"}'; sleep 1000"
    SUITE = """
        name: mixed
        defaults: {memory: 192M}
        nodes:
          own:
            after: [foreign]
            run: ping -c 1 foreign && until ping -c 1 -W 1 raw; do :; done
          foreign: {init: {directory: foreign, run: /start}}
          raw: {init: {directory: raw, run: /start, raw: true}}
        links:
          - {nodes: [own, foreign], subnet: 10.0.0.0/24}
          - {nodes: [own, raw], subnet: 10.0.1.0/24}
        timeout: 120s
        """

    def test_all_but_a_raw_init_are_forked(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        work.write("foreign/start", f"#!/bin/sh\necho 'DUET_READY: '\n{self.TOKEN}\n", mode=0o755)
        work.write("raw/start", "#!/bin/sh\nmount -t proc proc /proc\n"
                   "for module in `cat /etc/duet/modules`; do insmod $module; done\n"
                   "ip address add 10.0.1.2/24 dev eth0; ip link set eth0 up\n"
                   f"{self.TOKEN}\n", mode=0o755)
        run = work.run(self.SUITE, "--accel", "tcg")
        self.assertEqual(run.verdicts, {"mixed": "passed"}, run)
        self.assertEqual(starts(run), {"mixed": ["forked", "forked", "booted"]})
        self.assertEqual(templates(run), ["1", "2"])


class Kept(unittest.TestCase):
    """--reuse-templates: what was kept is taken where it is what was kept, and of this QEMU."""

    SUITE = """
        name: kept
        nodes: {box: {memory: 192M, run: echo hello}}
        """

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        cls.cache = stage.shared_cache(cls.work.path / "cache")
        cls.first = cls.run_it()
        cls.directory, = cls.kept()

    @classmethod
    def run_it(cls, **environment):
        return cls.work.run(cls.SUITE, "--accel", "tcg", "--reuse-templates",
                            environment={"XDG_CACHE_HOME": str(cls.cache)} | environment)

    @classmethod
    def kept(cls):
        return sorted((cls.cache / "duet" / "templates").iterdir())

    def assert_passed(self, run, booted):
        self.assertEqual(run.verdicts, {"kept": "passed"}, run)
        self.assertEqual(starts(run), {"kept": ["forked"]})
        self.assertEqual(templates(run), ["1"] if booted else [], run)

    def test_what_was_altered_is_made_anew_with_a_word(self):
        self.assert_passed(self.first, booted=True)
        for what in ("ram cut", "ram altered", "state altered", "digest altered"):
            with self.subTest(what=what):
                self.alter(self.directory, *what.split())
                run = self.run_it()
                self.assertRegex(run.stderr, "a template that was kept is not used: .*"
                                 f"{self.directory}.*; it is made anew\n")
                self.assert_passed(run, booted=True)
                again = self.run_it()
                self.assertNotIn("template", again.stderr)
                self.assert_passed(again, booted=False)

    @staticmethod
    def alter(directory, name, how):
        with open(directory / name, "r+b") as file:
            if how == "cut":
                file.truncate((directory / name).stat().st_size - 4096)
                return
            at = 0
            if name == "ram":  # one byte of a page that says something
                content = file.read()
                at = re.search(rb"Linux version ", content).start()
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 1]))

    def test_another_qemu_has_its_own(self):
        path = f"{stage.emulator(self.work.path / 'bin')}:{os.environ['PATH']}"
        self.assert_passed(self.run_it(PATH=path), booted=True)
        self.assertEqual(len(self.kept()), 2)
        self.assert_passed(self.run_it(PATH=path), booted=False)
        self.assert_passed(self.run_it(), booted=False)


if __name__ == "__main__":
    unittest.main()
