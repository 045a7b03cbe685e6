"""duet cp: files in both directions, whole or not at all."""

import hashlib
import os
import pathlib
import signal
import stat
import subprocess
import time
import unittest

import duet
import kept


class Copies(kept.Kept):
    SUITE = """
        name: kept
        matrix: {url: ["http://h:80/p"]}
        nodes:
          left: {run: "true"}
          right: {run: "true"}
        links:
          - {nodes: [left, right], subnet: 10.0.0.0/24}
        """

    def setUp(self):
        self.directory = self.work.path / self.id().rsplit(".", 1)[-1]
        self.directory.mkdir()
        self.there = f"/tmp/{self.directory.name}"
        self.sh("left", 'mkdir "$1"', self.there)

    def cp(self, *arguments, **more):
        return self.run_duet("cp", *arguments, **more)

    def make(self, name, content, mode=0o644):
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)
        return path

    def list_there(self, path=""):
        return self.sh("left", 'ls -A "$1"', f"{self.there}/{path}").split()

    # -- Files -----------------------------------------------------------------------------------

    def test_64_mib_go_there_and_come_back(self):
        content = os.urandom(64 << 20)
        path = self.make("big", content, 0o750)
        self.expect(self.cp(path, f"left:{self.there}/"), 0)
        there = self.sh("left", 'cd "$1" && sha256sum big && stat -c %a big', self.there).split()
        self.assertEqual(there, [hashlib.sha256(content).hexdigest(), "big", "750"])
        self.expect(self.cp(f"left:{self.there}/big", self.directory / "back"), 0)
        back = self.directory / "back"
        self.assertEqual(hashlib.sha256(back.read_bytes()).hexdigest(), there[0])
        self.assertEqual(stat.S_IMODE(back.stat().st_mode), 0o750)
        self.assertEqual(sorted(p.name for p in self.directory.iterdir()), ["back", "big"])
        self.sh("left", 'rm "$1"/big', self.there)

    def test_an_empty_one(self):
        self.expect(self.cp(self.make("empty", b""), f"left:{self.there}"), 0)
        self.expect(self.cp(f"left:{self.there}/empty", self.directory / "back"), 0)
        self.assertEqual((self.directory / "back").read_bytes(), b"")

    def test_standard_input_and_output(self):
        data = bytes(range(256)) * 1000
        self.expect(self.cp("-", f"left:{self.there}/file", data=data), 0)
        self.assertEqual(self.cp(f"left:{self.there}/file", "-").stdout, data)
        self.assertEqual(self.sh("left", 'stat -c %a "$1"/file', self.there), "644\n")

    def test_a_case_by_its_name(self):
        path = self.make("file", b"x")
        for case in ("kept", "kept/*", "http://h:80/p", "kept/http://h:80/p"):
            with self.subTest(case=case):
                self.expect(self.cp(path, f"{case}:left:{self.there}/{len(case)}"), 0)
                self.assertEqual(self.cp(f"{case}:left:{self.there}/{len(case)}", "-").stdout, b"x")

    def test_a_directory_keeps_the_name(self):
        self.expect(self.cp(self.make("a b", b"1"), f"left:{self.there}"), 0)
        into = self.directory / "into"
        into.mkdir()
        self.expect(self.cp(f"left:{self.there}/a b", into), 0)
        self.assertEqual((into / "a b").read_bytes(), b"1")

    def test_nobody_gets_the_rights_of_others(self):
        self.sh("left", 'cd "$1" && echo x >su && chmod 6755 su', self.there)
        self.expect(self.cp(f"left:{self.there}/su", self.directory), 0)
        self.assertEqual(stat.S_IMODE((self.directory / "su").stat().st_mode), 0o755)

    def test_a_link_here_stays_one(self):
        self.sh("left", 'echo new >"$1"/file', self.there)
        path = self.make("real", b"old")
        (self.directory / "link").symlink_to("real")
        self.expect(self.cp(f"left:{self.there}/file", self.directory / "link"), 0)
        self.assertTrue((self.directory / "link").is_symlink())
        self.assertEqual(path.read_bytes(), b"new\n")

    # -- Mistakes --------------------------------------------------------------------------------

    def test_what_is_not_there(self):
        self.expect(self.cp("left:/nowhere", self.directory / "x"), 2, "cannot read /nowhere: No such")
        self.expect(self.cp(self.directory / "nowhere", "left:/tmp"), 2, "nowhere: No such")
        self.expect(self.cp("middle:/x", "-"), 2, r'no node "middle", but left, right')
        self.expect(self.cp("keep:left:/x", "-"), 2, r'no case "keep"')
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_what_is_no_copy(self):
        self.expect(self.cp("a", "b"), 2, "neither")
        self.expect(self.cp("left:/a", "right:/b"), 2, "both are in nodes")
        self.expect(self.cp("left:/a"), 2, "SOURCE and DESTINATION")

    def test_directories_need_to_be_asked_for(self):
        self.expect(self.cp("left:/etc", self.directory), 3, "--recursive")
        self.expect(self.cp(self.directory, "left:/tmp"), 3, "--recursive")
        self.expect(self.cp(self.make("file", b""), "left:/nowhere/"), 3, "no directory")

    # -- Whole or not at all ---------------------------------------------------------------------

    def full(self):
        """A full file system with a file in it."""
        self.sh("left", 'mount -t tmpfs -o size=1M none "$1" && echo old >"$1"/file', self.there)
        self.addCleanup(self.sh, "left", 'umount "$1"', self.there)

    def test_a_full_file_system_there_keeps_what_it_had(self):
        self.full()
        path = self.make("file", bytes(2 << 20))
        self.expect(self.cp(path, f"left:{self.there}"), 3, "No space left")
        self.assertEqual(self.cp(f"left:{self.there}/file", "-").stdout, b"old\n")
        self.assertEqual(self.list_there(), ["file"])

    def test_a_full_one_here(self):
        self.sh("left", 'echo x >"$1"/file', self.there)
        self.expect(self.cp(f"left:{self.there}/file", "/dev/full"), 3, "No space left")
        self.assertTrue(pathlib.Path("/dev/full").is_char_device())

    def start_feeding(self):
        """A copy of what never ends over a file that is there, of which some has come."""
        self.sh("left", 'echo old >"$1"/file', self.there)
        process = self.open_duet("cp", "-", f"left:{self.there}/file")
        self.addCleanup(process.__exit__, None, None, None)
        self.addCleanup(process.kill)
        process.stdin.write(bytes(100000))
        process.stdin.flush()
        self.sh("left", 'cd "$1" && until [ "$(stat -c %s .duet-* 2>/dev/null)" = 100000 ];'
                " do sleep 0.1; done", self.there)
        return process

    def expect_old(self):
        self.sh("left", 'cd "$1" && while ls .duet-* 2>/dev/null; do sleep 0.1; done', self.there)
        self.assertEqual(self.cp(f"left:{self.there}/file", "-").stdout, b"old\n")

    def test_an_interrupted_copy_was_none(self):
        process = self.start_feeding()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(duet.EVENT_LIMIT_S), 130)
        self.expect_old()
        self.assertEqual(self.list_there(), ["file"])

    def test_a_killed_one_neither(self):
        process = self.start_feeding()
        process.kill()
        self.expect_old()

    def wait_until_open_blocks(self, process):
        """In openat(2), of which nothing tells but proc(5)."""
        syscall = pathlib.Path(f"/proc/{process.pid}/syscall")
        deadline = time.monotonic() + duet.EVENT_LIMIT_S
        while not syscall.read_text().startswith("257 "):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)

    def test_a_pipe_without_its_other_end_can_be_interrupted(self):
        pipe = self.directory / "pipe"
        os.mkfifo(pipe)
        for words in ([pipe, f"left:{self.there}/x"], ["left:/etc/passwd", pipe]):
            with self.subTest(words=words):
                process = self.open_duet("cp", *words, **dict.fromkeys(
                    ("stdin", "stdout", "stderr"), subprocess.DEVNULL))
                self.addCleanup(process.kill)
                self.wait_until_open_blocks(process)
                process.send_signal(signal.SIGINT)
                self.assertIn(process.wait(duet.EVENT_LIMIT_S), (-signal.SIGINT, 130))

    # -- Directories -----------------------------------------------------------------------------

    def make_tree(self):
        self.make("tree/a", b"new", 0o600)
        self.make("tree/sub/b c'\"$x", b"2", 0o755)
        self.make("tree/sub/big", bytes(300000))
        (self.directory / "tree/link").symlink_to("sub/big")
        (self.directory / "tree/empty").mkdir(mode=0o500)
        return self.directory / "tree"

    def expect_tree(self, path):
        found = {str(p.relative_to(path)): oct(p.lstat().st_mode) for p in path.rglob("*")}
        self.assertEqual(found, {"a": "0o100600", "sub": "0o40755", "sub/b c'\"$x": "0o100755",
                                 "sub/big": "0o100644", "link": "0o120777", "empty": "0o40500"})
        self.assertEqual(os.readlink(path / "link"), "sub/big")
        self.assertEqual((path / "sub/b c'\"$x").read_bytes(), b"2")

    def test_a_directory_there_and_back(self):
        self.expect(self.cp("-r", self.make_tree(), f"left:{self.there}"), 0)
        self.expect(self.cp("-r", f"left:{self.there}/tree", self.directory / "back"), 0)
        self.expect_tree(self.directory / "back")

    def test_one_that_is_there_gets_what_it_lacks(self):
        self.sh("left", 'mkdir -p "$1"/tree/sub "$1"/tree/keep && echo old >"$1"/tree/a', self.there)
        self.expect(self.cp("-r", self.make_tree(), f"left:{self.there}"), 0)
        self.assertEqual(self.list_there("tree"), ["a", "empty", "keep", "link", "sub"])
        self.assertEqual(self.cp(f"left:{self.there}/tree/a", "-").stdout, b"new")
        back = self.directory / "back/tree"
        back.mkdir(parents=True)
        (back / "mine").write_text("mine")
        (back / "a").write_text("old")
        self.expect(self.cp("-r", f"left:{self.there}/tree", self.directory / "back"), 0)
        self.assertEqual((back / "mine").read_text(), "mine")
        self.assertEqual((back / "a").read_text(), "new")

    def test_one_that_does_not_fit_changes_nothing(self):
        self.full()
        self.sh("left", 'mkdir "$1"/tree && echo old >"$1"/tree/a', self.there)
        self.make_tree()
        self.make("tree/huge", bytes(2 << 20))
        self.expect(self.cp("-r", self.directory / "tree", f"left:{self.there}"), 3, "No space left")
        self.expect(self.cp("-r", self.directory / "tree", f"left:{self.there}/new"), 3)
        self.assertEqual(self.list_there(), ["file", "tree"])
        self.assertEqual(self.list_there("tree"), ["a"])
        self.assertEqual(self.cp(f"left:{self.there}/tree/a", "-").stdout, b"old\n")

    def test_a_file_does_not_take_a_directorys_place(self):
        self.sh("left", 'mkdir -p "$1"/tree/a/kept', self.there)
        self.expect(self.cp("-r", self.make_tree(), f"left:{self.there}"), 3, "is a directory")
        self.assertEqual(self.list_there("tree/a"), ["kept"])

    def test_devices_stay_there(self):
        self.sh("left", 'cd "$1" && mkdir tree && mknod tree/null c 1 3 && echo x >tree/file',
                self.there)
        self.expect(self.cp("-r", f"left:{self.there}/tree", self.directory), 3,
                    "null is a device or a pipe, and left out")
        self.assertEqual([p.name for p in (self.directory / "tree").iterdir()], ["file"])

    def test_progress_is_shown_on_a_terminal(self):
        # What is fed pauses until the status has been seen.
        terminal = kept.Terminal(
            ["/bin/sh", "-c", f"(echo x; read go; echo y) | {duet.PROGRAM} cp - left:{self.there}/file"],
            self.environment(), self.work.path)
        self.addCleanup(terminal.close)
        terminal.wait_for(r"0\.0 MB, \d")


if __name__ == "__main__":
    unittest.main()
