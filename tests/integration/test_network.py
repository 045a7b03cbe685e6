"""What a case finds in its guests: links, addresses, routes, names, files, environment, modules."""

import json
import os
import struct
import unittest
from xml.etree import ElementTree

import duet


class Chain(duet.SuiteTest):
    """left - middle - right, IPv4 and IPv6, with a router in the middle."""

    SUITE = """
        tags: [routed]
        nodes:
          left:
            files: [{content: "192.0.2.7 own", to: /etc/hosts}]
            routes:
              - {to: 10.2.0.0/24, via: 10.1.0.2}
              - {to: "fd02::/64", via: "fd01::2"}
            steps:
              - {name: address4, run: ip -4 -o address show eth0}
              - {name: address6, run: ip -6 -o address show eth0}
              - {name: link, run: cat /sys/class/net/eth0/mtu}
              - {name: names, run: cat /etc/hosts}
              - {name: ping4, run: ping -4 -c 2 right, expect: {stdout_contains: " 0% packet loss"}}
              - {name: ping6, run: ping -6 -c 2 right, expect: {stdout_contains: " 0% packet loss"}}
              - {name: trace, run: traceroute -n -w 5 -q 1 right}
              # 1300 bytes of IP do not fit through the second link in one piece.
              - {name: too-big, run: ping -4 -c 2 -s 1400 right}
          middle:
            cpus: 2
            sysctl: {net.ipv4.ip_forward: 1, net.ipv6.conf.all.forwarding: 1}
            steps:
              - {name: cpus, run: nproc, expect: {stdout: "2\\n"}}
              - name: sysctl
                run: cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding
                expect: {stdout: "1\\n1\\n"}
          right:
            routes:
              - {to: default, via: 10.2.0.1}
              - {to: default, via: "fd02::1"}
            steps:
              - {name: routes, run: ip route}
              - {name: link, run: cat /sys/class/net/eth0/mtu}
        links:
          - {nodes: [left, middle], subnet: [10.1.0.0/24, "fd01::/64"]}
          - {name: second, nodes: [middle, right], subnet: [10.2.0.0/24, "fd02::/64"], mtu: 1300}
        timeout: 180s
        """

    def output(self, step, node="left"):
        return self.result.step_output("suite", step, node).decode()

    def test_packets_go_end_to_end(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)
        self.assertEqual(self.result.status, duet.PASSED)

    def test_the_way_leads_through_the_router(self):
        self.assertRegex(self.output("trace"), r"(?m)^ *1  10\.1\.0\.2 .*\n *2  10\.2\.0\.2 ")

    def test_addresses(self):
        self.assertIn("inet 10.1.0.1/24 ", self.output("address4"))
        self.assertIn("inet6 fd01::1/64 ", self.output("address6"))

    def test_mtu(self):
        self.assertEqual(self.output("link"), "1500\n")
        self.assertEqual(self.output("link", "right"), "1300\n")
        self.assertEqual([link["mtu"] for link in self.result.cases["suite"]["links"]],
                         [1500, 1300])

    def test_default_route(self):
        self.assertIn("default via 10.2.0.1 dev eth0", self.output("routes", "right"))

    def test_every_node_knows_the_others_names(self):
        hosts = {tuple(line.split()) for line in self.output("names").splitlines()}
        self.assertLessEqual({("10.1.0.2", "middle"), ("fd01::2", "middle"),
                              ("10.2.0.2", "right"), ("fd02::2", "right")}, hosts)

    def test_names_follow_those_of_the_image(self):
        lines = self.output("names").splitlines()
        self.assertEqual(lines[:2], ["192.0.2.7 own", "127.0.0.1\tlocalhost"])

    def test_links_in_the_results(self):
        links = self.result.cases["suite"]["links"]
        self.assertEqual([(link["name"], link["nodes"]) for link in links],
                         [("left-middle", ["left", "middle"]), ("second", ["middle", "right"])])


class Pair(duet.SuiteTest):
    """Two links between the same two nodes, a matrix, variables; what options change."""

    OPTIONS = ("--only", "*big*", "--seed", "18446744073709551615", "--junit", "r.xml",
               "--tap", "r.tap")
    SUITE = r"""
        name: pair
        matrix:
          payload: ["one two", "$${literal}"]
          size: [small, big]
        vars: {where: "${node} of ${suite}, ${size}"}
        env: {FROM: suite, WHO: suite}
        nodes:
          a:
            env: {WHO: node, WHERE: "${where}"}
            steps:
              - name: environment
                env: {PAYLOAD: "${payload}"}
                run: |
                  for value in "$DUET_NODE" "$DUET_CASE" "$DUET_SEED" "$FROM" "$WHO" "$WHERE" \
                      "$PAYLOAD"; do
                      echo "$value"
                  done
              - {name: "first", run: ping -c 1 10.1.0.2}
              - {name: "second", run: ping -c 1 10.2.0.9}
              - {name: mtu, run: cat /sys/class/net/eth0/mtu /sys/class/net/eth1/mtu}
          b:
        links:
          - {nodes: [a, b], subnet: 10.1.0.0/24}
          - {nodes: [a, b], addresses: {a: [10.2.0.7/24], b: [10.2.0.9/24]}, mtu: 9000}
        timeout: 120s
        """

    def environment(self, case):
        return self.result.step_output(case, "environment", "a").decode().splitlines()

    def test_only(self):
        self.assertEqual(self.result.verdicts, {"one two,big": "passed",
                                                "payload=${literal},big": "passed"}, self.result)

    def test_environment_and_variables(self):
        self.assertEqual(self.environment("one two,big"),
                         ["a", "one two,big", "18446744073709551615", "suite", "node",
                          "a of pair, big", "one two"])
        self.assertEqual(self.environment("payload=${literal},big")[-1], "${literal}")

    def test_seed_in_the_results(self):
        self.assertEqual(self.result.results["seed"], "18446744073709551615")

    def test_two_links_between_two_nodes(self):
        self.assertEqual(self.result.step_output("one two,big", "mtu", "a"), b"1500\n9000\n")
        names = [link["name"] for link in self.result.cases["one two,big"]["links"]]
        self.assertEqual(len(set(names)), 2, names)

    def test_junit(self):
        suite = ElementTree.parse(self.work.path / "r.xml").getroot()
        cases = list(suite.iter("testcase"))
        self.assertEqual([case.get("name") for case in cases], list(self.result.verdicts))
        self.assertEqual({case.get("classname") for case in cases}, {"pair"})

    def test_tap(self):
        lines = (self.work.path / "r.tap").read_text().splitlines()
        self.assertEqual(lines[:2], ["TAP version 14", "1..2"])
        self.assertRegex(lines[2], "^ok 1 - one two,big")

    def test_latest_points_to_the_run(self):
        self.assertEqual((self.work.results / "latest").resolve(), self.result.directory)
        self.assertRegex(self.result.directory.name, r"^\d{8}T\d{6}Z-pair$")


class Files(duet.SuiteTest):
    """What `files` and `modules` bring into a guest."""

    SUITE = """
        nodes:
          box:
            modules: [dummy]
            files:
              - {content: "key = value\\n", to: /etc/deep/down/conf}
              - {content: "#!/bin/sh\\necho run", to: /opt/tool, mode: "0750"}
              - {from: tree, to: /srv}
              - {from: hello.pl, to: /usr/local/bin/hello}
              - {from: hello.bash, to: /usr/local/bin/hello-bash}
              - {from: secret, to: /etc/secret, mode: "0600"}
              - /usr/bin/perl
              - /usr/bin/bash
            steps:
              - {name: conf, run: cat /etc/deep/down/conf, expect: {stdout: "key = value\\n"}}
              - name: mode
                run: stat -c %a /opt/tool /etc/secret
                expect: {stdout: "750\\n600\\n"}
              - {name: tool, run: /opt/tool, expect: {stdout: "run\\n"}}
              - {name: tree, run: "cd /srv && find . | sort && readlink link && stat -c %a run"}
              - {name: perl, run: hello, expect: {stdout: "from perl\\n"}}
              - {name: bash, run: hello-bash, expect: {stdout: "from bash\\n"}}
              - {name: module, run: ip link add d0 type dummy && ip link show d0}
        timeout: 120s
        """

    @classmethod
    def prepare(cls):
        for program in ("/usr/bin/perl", "/usr/bin/bash"):
            if not os.path.exists(program):
                raise unittest.SkipTest(f"no {program}")
        cls.work.write("tree/a/b/c", "deep")
        cls.work.write("tree/run", "#!/bin/sh\n", mode=0o755)
        (cls.work.path / "tree/link").symlink_to("a/b/c")
        cls.work.write("secret", "s", mode=0o644)
        cls.work.write("hello.pl", "#!/usr/bin/env perl\nprint 'from perl', qq(\\n);\n", mode=0o755)
        cls.work.write("hello.bash", "#!/bin/bash\nx=(from bash)\necho ${x[@]}\n", mode=0o755)

    def test_files_programs_and_modules(self):
        self.assertEqual(self.result.verdicts, {"suite": "passed"}, self.result)

    def test_tree(self):
        self.assertEqual(self.result.step_output("suite", "tree").decode(),
                         ".\n./a\n./a/b\n./a/b/c\n./link\n./run\na/b/c\n755\n")


class NoSuchSysctl(duet.SuiteTest):
    """A guest that cannot become the node that it should be."""

    SUITE = """
        nodes: {box: {sysctl: {net.ipv4.no_such_thing: 1}, run: echo alive}}
        timeout: 120s
        """

    def test_what_the_guest_cannot_do_is_an_error(self):
        self.expect("suite", "error", "box: while being configured, the guest's init refused: "
                    "cannot open /proc/sys/net/ipv4/no_such_thing: No such file")
        self.assertEqual(self.result.status, duet.TROUBLE)
        self.assertFalse(self.result.node("suite")["steps"])


class SeveralSuites(unittest.TestCase):
    def setUp(self):
        self.work = duet.Workplace()
        self.addCleanup(self.work.close)

    def test_the_worst_decides_and_each_has_its_results(self):
        self.work.write("good.yaml", "nodes: {box: {run: 'true'}}\n")
        self.work.write("bad.yaml", "nodes: {box: {run: 'false'}}\n")
        result = self.work.command("run", "bad.yaml", "./good.yaml")
        self.assertEqual(result.status, duet.FAILED, result)
        self.assertEqual(result.stdout.count("results in duet-results/"), 2)
        self.assertEqual(len(list(self.work.results.glob("*/results.json"))), 3, "with latest")

    def test_json_is_all_there_is_on_standard_output(self):
        result = self.work.run("nodes: {box: {run: 'false'}}\n", "--json")
        self.assertEqual(result.status, duet.FAILED, result)
        self.assertEqual(json.loads(result.stdout)["cases"][0]["verdict"], "failed")


class AnotherArchitecture(unittest.TestCase):
    def test_says_which_and_where(self):
        work = duet.Workplace()
        self.addCleanup(work.close)
        with open("/bin/true", "rb") as program:
            alien = bytearray(program.read())
        struct.pack_into("<H", alien, 18, 183)  # e_machine of AArch64
        work.write("alien", bytes(alien), mode=0o755)
        result = work.run("nodes: {box: {files: [{from: alien, to: /alien}], run: /alien}}\n")
        self.assertEqual(result.status, duet.TROUBLE, result)
        self.assertEqual(result.verdicts, {"suite": "error"})
        self.assertRegex(result.cases["suite"]["reason"], "node box: .*/alien.*(AArch64|aarch64)")


if __name__ == "__main__":
    unittest.main()
