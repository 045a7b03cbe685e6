"""`.ci/packages` with a Debian that is made up: dpkg-query, apt-get and sudo are fakes."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOLS = ("sh", "awk", "cat", "cut", "env", "id", "sed", "bash")

DPKG_QUERY = """#!/bin/sh
shift 2
for package; do
    grep -qx "$package" "$FAKE/installed" && echo "ii  $package"
done
exit 1
"""
APT_CACHE = """#!/bin/sh
grep -qx "$2" "$FAKE/known"
"""
APT_GET = """#!/bin/bash
echo "apt-get $*" >>"$FAKE/calls"
case " $* " in
*" update "*) cat "$FAKE/archive" >"$FAKE/known" ;;
*" install "*)
    [ ! -e "$FAKE/broken" ] || { rm "$FAKE/broken"; exit 100; }
    for word; do grep -qx "$word" "$FAKE/known" && echo "$word" >>"$FAKE/installed"; done ;;
esac
exit 0
"""
ID = """#!/bin/sh
echo "$FAKE_UID"
"""
SUDO = """#!/bin/sh
echo "sudo $1" >>"$FAKE/calls"
[ "$1" != -n ] || shift
exec "$@"
"""


class Packages(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.fake = pathlib.Path(self.directory.name)
        self.bin = self.fake / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            self.link(tool)
        for tool in ("grep", "rm"):
            self.link(tool)
        for name, text in (("dpkg-query", DPKG_QUERY), ("apt-cache", APT_CACHE),
                           ("apt-get", APT_GET), ("id", ID)):
            self.program(name, text)
        self.smoke = ["iproute2", "openvpn", "socat", "wireguard-tools"]
        self.write("installed", ["iproute2", "openvpn"])
        self.write("known", self.smoke)
        self.write("archive", self.smoke)

    def link(self, tool):
        for directory in ("/usr/bin", "/bin"):
            if os.path.exists(f"{directory}/{tool}"):
                (self.bin / tool).unlink(missing_ok=True)
                (self.bin / tool).symlink_to(f"{directory}/{tool}")
                return
        self.fail(f"this test needs {tool}")

    def program(self, name, text):
        path = self.bin / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def write(self, name, lines):
        (self.fake / name).write_text("".join(f"{line}\n" for line in lines))

    def calls(self):
        path = self.fake / "calls"
        return path.read_text() if path.exists() else ""

    def run_script(self, *purposes, uid=0, **variables):
        environment = {"PATH": str(self.bin), "FAKE": str(self.fake), "FAKE_UID": str(uid)}
        return subprocess.run(["/bin/sh", str(ROOT / ".ci/packages"), *purposes],
                              env=environment | variables, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60, check=False)

    def test_nothing_missing_is_silent(self):
        self.write("installed", self.smoke)
        done = self.run_script("smoke")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertEqual(self.calls(), "")

    def test_missing_packages_are_named_and_installed(self):
        done = self.run_script("smoke")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("missing: socat wireguard-tools", done.stderr)
        self.assertIn("install --yes --no-install-recommends socat wireguard-tools", self.calls())
        self.assertNotIn("update", self.calls())
        self.assertEqual(self.run_script("smoke").stderr, "")

    def test_lists_are_fetched_where_they_do_not_know_a_package(self):
        self.write("known", ["socat"])
        self.assertEqual(self.run_script("smoke").returncode, 0)
        update, install = self.calls().splitlines()
        self.assertIn("update", update)
        self.assertIn("install", install)

    def test_stale_lists_are_fetched_and_it_tries_again(self):
        self.write("broken", [])
        self.assertEqual(self.run_script("smoke").returncode, 0)
        self.assertEqual(self.calls().count("install"), 4)  # --no-install-recommends as well
        self.assertEqual(self.calls().count("update"), 1)

    def test_no_install_stops_with_the_list_and_the_command(self):
        done = self.run_script("smoke", DUET_INSTALL="no")
        self.assertEqual(done.returncode, 2)
        self.assertIn("apt-get install --no-install-recommends socat wireguard-tools", done.stderr)
        self.assertEqual(self.calls(), "")

    def test_a_user_without_sudo_gets_the_list(self):
        done = self.run_script("smoke", uid=1000)
        self.assertEqual(done.returncode, 2)
        self.assertIn("socat wireguard-tools", done.stderr)
        self.assertEqual(self.calls(), "")

    def test_a_user_with_sudo_installs_without_being_asked(self):
        self.program("sudo", SUDO)
        self.assertEqual(self.run_script("smoke", uid=1000).returncode, 0)
        self.assertIn("sudo -n", self.calls())
        self.assertIn("install", self.calls())

    def test_a_package_that_cannot_be_had_says_so(self):
        self.program("apt-get", "#!/bin/sh\nexit 100\n")
        done = self.run_script("smoke")
        self.assertEqual(done.returncode, 2)
        self.assertIn("could not be installed", done.stderr)

    def test_another_distribution_is_told_and_not_stopped(self):
        (self.bin / "dpkg-query").unlink()
        self.program("wg", "#!/bin/sh\n")
        done = self.run_script("smoke", PATH=str(self.bin))
        self.assertEqual(done.returncode, 0)
        self.assertIn("not a Debian system", done.stderr)
        self.assertNotIn("wireguard-tools", done.stderr)

    def test_unknown_purposes_are_an_error(self):
        self.assertEqual(self.run_script("smokes").returncode, 2)
        self.assertEqual(self.run_script().returncode, 2)


if __name__ == "__main__":
    unittest.main()
