"""Kernels from everywhere, booted; and kernels that are none, refused with the reason.

What kernel/ does with a path, a package or a URL has unit tests; here a guest comes of it, or
`duet run` says why not."""

import hashlib
import json
import os
import pathlib
import platform
import shutil
import struct
import unittest
import xml.etree.ElementTree

import duet
import stage

SUITE = "name: boot\nnodes: {a: {run: uname -r}}\n"


class KernelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.image, cls.modules = stage.debian_kernel()
        (cls.release,) = (path.name for path in (cls.modules / "lib" / "modules").iterdir())

    def setUp(self):
        self.place = duet.Workplace()
        self.addCleanup(self.place.close)
        self.environment = {}

    def boot(self, kernel, suite=SUITE, *options):
        return self.place.run(suite, "--verbose", "--accel", "tcg", "--kernel", str(kernel),
                              *options, environment=self.environment)

    def assert_boots(self, kernel):
        run = self.boot(kernel)
        self.assertEqual(run.status, duet.PASSED, run)
        self.assertEqual(run.step_output("boot", "run").decode().strip(), self.release)
        digest = hashlib.sha256(self.image.read_bytes()).hexdigest()
        self.assertEqual(run.results["host"]["guest_kernel"]["digest"], digest)
        self.assertEqual(run.cases["boot"]["kernel"],
                         {"name": str(kernel), "release": self.release, "digest": digest})
        return run

    def assert_refused(self, run, *words):
        """Before any machine was started."""
        self.assertEqual(run.status, duet.TROUBLE, run)
        for word in words:
            self.assertIn(word, run.stderr + run.stdout)
        self.assertNotIn("a: starting", run.stderr, run)

    def tree(self):
        """boot/ and lib/modules/ as an installed package has them."""
        tree = self.place.path / "tree"
        (tree / "boot").mkdir(parents=True)
        shutil.copy(self.image, tree / "boot" / f"vmlinuz-{self.release}")
        shutil.copytree(self.modules / "lib", tree / "lib", copy_function=os.symlink)
        return tree

    def serve(self, content):
        server = stage.WebServer({"/kernel": content})
        self.addCleanup(server.close)
        self.environment = {"XDG_CACHE_HOME": str(self.place.path / "cache")}
        return server.url("/kernel")


class Booted(KernelTest):
    def test_an_image_in_a_tree_with_modules(self):
        self.assert_boots(self.tree() / "boot" / f"vmlinuz-{self.release}")

    def test_a_tree_by_a_relative_path(self):
        self.tree()
        self.assert_boots("./tree")

    def test_one_from_the_web(self):
        # Debian's kernel has virtio as modules, and a URL brings them only in a package.
        package = self.place.path / "kernel.deb"
        self.make_package(package)
        content = package.read_bytes()
        url = self.serve(content) + "#sha256=" + hashlib.sha256(content).hexdigest()
        self.assert_boots(url)
        kept = self.place.path / "cache" / "duet" / "kernel" / hashlib.sha256(content).hexdigest()
        self.assertTrue((kept / "image").exists())

    def make_package(self, package):
        """A .deb (deb(5)) with the kernel and the modules that a guest needs."""
        tree = self.tree()
        (tree / "DEBIAN").mkdir()
        (tree / "DEBIAN" / "control").write_text(
            f"Package: linux-image-{self.release}\nVersion: 1\nArchitecture: amd64\n"
            "Maintainer: nobody <nobody@localhost>\nDescription: a kernel\n")
        for path in list((tree / "lib").rglob("*")):
            if path.is_symlink():
                target = path.readlink()
                path.unlink()
                if "virtio" in path.name or "failover" in path.name or "modules." in path.name:
                    shutil.copy(target, path)
        stage.run(["dpkg-deb", "--build", "-Znone", "--root-owner-group", tree, package])


class Several(KernelTest):
    SUITE = """
        name: boot
        nodes: {a: {run: uname -r}}
        cases: {one: {kernel: host}, two: {kernels: [none, debian]}}
        """

    def releases(self, run):
        """What the guests say, and that results.json says the same."""
        found = {}
        for name, case in run.cases.items():
            found[name] = run.step_output(name, "run").decode().strip()
            self.assertEqual(case["kernel"]["release"], found[name], run)
        return found

    def test_every_case_runs_on_each(self):
        junit = self.place.path / "junit.xml"
        run = self.place.run(self.SUITE, "--accel", "tcg", "--kernel", f"{self.tree()},debian",
                             "--junit", str(junit))
        self.assertEqual(run.status, duet.PASSED, run)
        names = [f"{case},kernel={kernel}" for case in ("one", "two")
                 for kernel in ("tree", "debian")]
        self.assertEqual(list(run.cases), names, run)
        self.assertEqual(self.releases(run), dict.fromkeys(names, self.release))
        self.assertEqual([run.cases[name]["kernel"]["name"] for name in names],
                         [str(self.place.path / "tree"), "debian"] * 2)
        self.assertEqual([case.get("name") for case in
                          xml.etree.ElementTree.parse(junit).iter("testcase")], names)

    def test_one_that_is_not_there_is_an_error_of_its_cases_alone(self):
        run = self.place.run(self.SUITE, "--accel", "tcg", "--only", "two,*")
        self.assertEqual(run.status, duet.TROUBLE, run)
        self.assertEqual(run.verdicts, {"two,kernel=none": "error", "two,kernel=debian": "passed"},
                         run)
        self.assertIn('there is no kernel "none"', run.cases["two,kernel=none"]["reason"])

    def test_debian_s_and_the_small_one(self):
        path = self.place.command("kernel", "path", "small")
        if path.status:
            self.skipTest("the small kernel is not built, which takes minutes: duet kernel build")
        run = self.place.run("name: boot\nkernels: [debian, small]\nnodes: {a: {run: uname -r}}\n",
                             "--accel", "tcg")
        self.assertEqual(run.status, duet.PASSED, run)
        releases = self.releases(run)
        self.assertEqual(list(releases), ["boot,kernel=debian", "boot,kernel=small"], run)
        self.assertEqual(releases["boot,kernel=debian"], self.release)
        self.assertNotEqual(releases["boot,kernel=small"], self.release)

    def test_list_shows_them(self):
        self.place.write("s.yaml", self.SUITE)
        run = self.place.command("list", "s.yaml", "--only", "kernel=*")
        self.assertEqual(run.stdout.split(), ["boot", "two,kernel=none", "two,kernel=debian"], run)
        run = self.place.command("list", "--json", "--kernel", "/x/k,small", "s.yaml")
        (listed,) = json.loads(run.stdout)
        self.assertEqual({case["name"]: case["kernel"] for case in listed["cases"]},
                         {"one,kernel=k": "/x/k", "one,kernel=small": "small",
                          "two,kernel=k": "/x/k", "two,kernel=small": "small"}, run)

    def test_a_list_that_cannot_be_is_bad_usage(self):
        for kernels, message in (("", "nothing at all"), ("debian,", "nothing before or after"),
                                 ("small,small", '"small" is here twice')):
            with self.subTest(kernels=kernels):
                run = self.place.run(self.SUITE, "--kernel", kernels)
                self.assertEqual(run.status, duet.BAD_USAGE, run)
                self.assertIn(message, run.stderr)


class Refused(KernelTest):
    def test_the_running_one_where_it_has_no_image(self):
        release = platform.release()
        if any(pathlib.Path(path).exists() for path in (
                f"/boot/vmlinuz-{release}", f"/lib/modules/{release}/vmlinuz",
                f"/usr/lib/modules/{release}/vmlinuz")):
            self.skipTest("the running kernel has an image")
        self.assert_refused(self.boot("host"), f"the running kernel {release} has no image")

    def test_a_file_that_is_not_there(self):
        self.assert_refused(self.boot("/nonexistent/vmlinuz"), "/nonexistent/vmlinuz",
                            "No such file or directory")

    def test_a_name_that_is_none(self):
        self.assert_refused(self.boot("debain"), '"debain"', "debian")

    def test_another_sha256(self):
        content = self.image.read_bytes()
        wrong = "0" * 64
        run = self.boot(f"{self.serve(content)}#sha256={wrong}")
        self.assert_refused(run, wrong, hashlib.sha256(content).hexdigest())
        self.assertEqual(list((self.place.path / "cache").rglob("image")), [])

    def test_a_url_without_a_sha256(self):
        self.assert_refused(self.boot(self.serve(b"")), "must end with #sha256=HEX")

    def test_one_that_is_not_on_the_web(self):
        url = self.serve(b"").replace("/kernel", "/nothing")
        self.assert_refused(self.boot(f"{url}#sha256={'0' * 64}"), "404")

    def test_a_text_file(self):
        path = self.place.write("notes.txt", "this boots nothing\n")
        self.assert_refused(self.boot(path), f"{path} is no kernel", "it is a text file")

    def test_an_empty_file(self):
        path = self.place.write("vmlinuz", "")
        self.assert_refused(self.boot(path), str(path))

    def test_one_of_another_architecture(self):
        # A 64-bit little-endian ELF executable (elf(5)) for AArch64, 183.
        header = struct.pack("<4sBBBBQHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 2, 183, 1,
                             0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
        path = self.place.write("vmlinux", header.ljust(4096, b"\0"))
        self.assert_refused(self.boot(path), str(path), "x86-64")

    def test_one_without_virtio_names_the_driver(self):
        tree = self.tree()
        removed = [path for path in (tree / "lib").rglob("virtio_net.ko*")]
        self.assertTrue(removed)
        for path in removed:
            path.unlink()
        self.assert_refused(self.boot(tree), "has no driver virtio_net", self.release)

    def test_one_without_a_module_that_a_node_wants(self):
        suite = "name: boot\nnodes: {a: {modules: [no-such-module], run: uname}}\n"
        self.assert_refused(self.boot(self.tree(), suite), "node a", "no-such-module",
                            self.release)


class Silent(KernelTest):
    def hollow(self):
        """Debian's kernel with all behind its set-up header made zero (Documentation/arch/x86/boot:
        the real-mode code is (setup_sects + 1) * 512 bytes long)."""
        tree = self.tree()
        path = tree / "boot" / f"vmlinuz-{self.release}"
        content = bytearray(path.read_bytes())
        start = (content[0x1f1] + 1) * 512
        content[start:] = bytes(len(content) - start)
        path.write_bytes(content)
        return tree

    def test_one_that_never_says_a_word_ends_with_the_case(self):
        run = self.boot(self.hollow(), "name: boot\nnodes: {a: {run: uname}}\ntimeout: 30s\n",
                        "--cold")
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertEqual(run.verdicts, {"boot": "timeout"}, run)
        # libvirt may have needed all of that on a host that is busy.
        self.assertRegex(run.cases["boot"]["reason"], "ended while (booting|starting)")

    @unittest.skipUnless(os.environ.get("DUET_SLOW_TESTS"), "takes 2 minutes: DUET_SLOW_TESTS=1")
    def test_one_that_never_says_a_word_is_no_progress_in_the_end(self):
        run = self.boot(self.hollow(), "name: boot\nnodes: {a: {run: uname}}\ntimeout: 5s\n")
        self.assertEqual(run.status, duet.FAILED, run)
        self.assertEqual(run.verdicts, {"boot": "no_progress"}, run)
        self.assertIn("not ready 120 s after its start", run.cases["boot"]["reason"])


if __name__ == "__main__":
    unittest.main()
