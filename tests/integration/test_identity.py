"""What makes two nodes two, whether their machines are copies of one or were booted each for itself:
names, addresses, clock, random numbers, and the keys that are made of them."""

import os
import time
import unittest

import duet

NODES = ("left", "middle", "right")
PROGRAMS = [path for path in ("/usr/bin/wg", "/usr/bin/openssl") if os.path.exists(path)]
OWN_ID = "0123456789abcdef0123456789abcdef"


class Forked(duet.SuiteTest):
    """Three nodes of one shape."""

    SUITE = f"""
        defaults:
          files: [{", ".join(PROGRAMS)}]
          steps:
            - {{name: machine-id, run: cat /etc/machine-id}}
            - {{name: machine-id-mode, run: stat -c %a /etc/machine-id}}
            - {{name: boot-id, run: cat /proc/sys/kernel/random/boot_id}}
            - {{name: urandom, run: head -c 32 /dev/urandom | sha256sum}}
            - {{name: uuid, run: cat /proc/sys/kernel/random/uuid}}
            - {{name: wg, run: "! which wg >&2 || wg genkey"}}
            - name: openssl
              run: "! which openssl >&2 || openssl genpkey -algorithm X25519"
            - {{name: mac, run: cat /sys/class/net/eth0/address}}
            - {{name: hostname, run: hostname}}
            - {{name: clock, run: date +%s}}
        nodes:
          left:
          middle:
          right:
        links:
          - {{nodes: [left, middle], subnet: 10.0.0.0/24}}
          - {{nodes: [middle, right], subnet: 10.1.0.0/24}}
          - {{nodes: [left, right], subnet: 10.2.0.0/24}}
        cases:
          drawn:
          brought:
            nodes:
              left: {{files: [{{content: "{OWN_ID}\\n", to: /etc/machine-id, mode: "0644"}}]}}
        timeout: 120s
        """

    @classmethod
    def setUpClass(cls):
        cls.started_s = time.time()
        super().setUpClass()
        cls.ended_s = time.time()

    def outputs(self, step):
        return [self.result.step_output("drawn", step, node).decode().strip() for node in NODES]

    def assert_all_differ(self, step):
        found = self.outputs(step)
        self.assertEqual(len(set(found)), len(NODES), found)
        return found

    def test_verdicts(self):
        self.assertEqual(set(self.result.verdicts.values()), {"passed"}, self.result)

    def test_machine_id(self):
        for found in self.assert_all_differ("machine-id"):
            self.assertRegex(found, "^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$")
        self.assertEqual(self.outputs("machine-id-mode"), ["444"] * len(NODES))

    def test_machine_id_of_the_image(self):
        self.assertEqual(self.result.step_output("brought", "machine-id", "left").decode(),
                         OWN_ID + "\n")
        self.assertNotIn(OWN_ID, self.result.step_output("brought", "machine-id", "right").decode())

    def test_boot_id(self):
        self.assert_all_differ("boot-id")

    def test_random_numbers(self):
        self.assert_all_differ("urandom")
        self.assert_all_differ("uuid")

    @unittest.skipUnless("/usr/bin/wg" in PROGRAMS, "no wg")
    def test_wireguard_keys(self):
        for found in self.assert_all_differ("wg"):
            self.assertRegex(found, "^[A-Za-z0-9+/]{43}=$")

    @unittest.skipUnless("/usr/bin/openssl" in PROGRAMS, "no openssl")
    def test_tls_keys(self):
        for found in self.assert_all_differ("openssl"):
            self.assertIn("BEGIN PRIVATE KEY", found)

    def test_names_and_addresses(self):
        self.assertEqual(self.outputs("hostname"), list(NODES))
        self.assertEqual(self.assert_all_differ("mac"),
                         ["02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:01:02"])

    def test_clock(self):
        for found in self.outputs("clock"):
            self.assertGreaterEqual(int(found), int(self.started_s))
            self.assertLessEqual(int(found), self.ended_s)


class Cold(Forked):
    """The same of machines that were booted each for itself."""

    OPTIONS = ("--cold",)


if __name__ == "__main__":
    unittest.main()
