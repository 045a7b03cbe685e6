"""`duet mock-agent`: its lines, its life, and the example in its document. No guest is booted."""

import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = str(pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet").resolve())
STARTPOD, EXECCMD, CMDFINISHED, READY, ACK, ERROR = 1, 6, 7, 8, 9, 10
PING, NEXT, WRITEFILE = 12, 14, 15


class Mock:
    """A mock agent that is told what to do, and a client of it."""

    def __init__(self, directory, stdin=subprocess.PIPE, options=()):
        self.ctl_path, self.io_path = f"{directory}/ctl", f"{directory}/io"
        self.ctl = self.io = None
        self.process = subprocess.Popen(
            [PROGRAM, "mock-agent", "--ctl", self.ctl_path, "--io", self.io_path, *options],
            stdin=stdin, stdout=subprocess.PIPE, text=True)
        assert self.answer() == {"listening": True}

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.answer()

    def do(self, line):
        assert self.tell(line) == {"ok": True}, line

    def connect(self):
        self.ctl, self.io = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        for end, path in ((self.ctl, self.ctl_path), (self.io, self.io_path)):
            end.settimeout(60)
            end.connect(path)
        code, ready = self.receive()
        assert code == READY
        return ready

    def disconnect(self):
        for end in (self.ctl, self.io):
            if end:
                end.close()

    def configure(self):
        self.send(STARTPOD, id=1, hostname="node", time_ns="1", entropy="00" * 32)
        assert self.receive() == (ACK, {"code": STARTPOD, "id": 1})
        assert len(self.tell("messages")["messages"]) == 1

    def send(self, code, **fields):
        payload = json.dumps(fields).encode()
        self.ctl.sendall(struct.pack(">II", code, len(payload) + 8) + payload)

    def receive(self):
        code, length = struct.unpack(">II", self.ctl.recv(8, socket.MSG_WAITALL))
        return code, json.loads(self.ctl.recv(length - 8, socket.MSG_WAITALL))

    def receive_io(self):
        stream, length = struct.unpack(">QI", self.io.recv(12, socket.MSG_WAITALL))
        return stream, self.io.recv(length - 12, socket.MSG_WAITALL) if length > 12 else b""

    def close(self):
        self.disconnect()
        if self.process.stdin:
            self.process.stdin.close()
        self.process.terminate()
        self.process.wait(60)
        self.process.stdout.close()


class MockAgent(unittest.TestCase):
    def start(self, **how):
        directory = tempfile.TemporaryDirectory(prefix="duet-test-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.mock = Mock(directory.name, **how)
        self.addCleanup(self.mock.close)
        return self.mock

    def execute(self, identity, **more):
        self.mock.send(EXECCMD, id=identity, name="it", argv=["it"], stdout=2 * identity,
                       stderr=2 * identity + 1, **more)
        code, answer = self.mock.receive()
        self.assertEqual((code, answer["id"]), (ACK, identity))

    def test_a_command_does_what_it_was_told(self):
        mock = self.start()
        mock.connect()
        mock.configure()
        mock.do(r'command output "hello\n" errors hex:ff00 status 3')
        self.execute(1)
        code, end = mock.receive()
        self.assertEqual(code, CMDFINISHED)
        self.assertEqual((end["status"], end["stdout_bytes"], end["stderr_bytes"]), (3, 6, 2))
        self.assertEqual(sorted(mock.receive_io() for _ in range(5)),
                         sorted([(2, b"hello\n"), (3, b"\xff\0"), (3, b""), (2, b""), (2, b"\3")]))

    def test_a_command_is_told_by_its_id_or_by_its_turn(self):
        mock = self.start()
        mock.connect()
        mock.configure()
        mock.do("command id 1 status 1")
        mock.do("command id 3 status 3")
        mock.do("command status 4")
        mock.do("refuse execcmd")
        mock.send(EXECCMD, id=1, name="it", argv=["it"], stdout=2, stderr=3)
        self.assertEqual(mock.receive()[0], ERROR)
        for identity, status in (2, 4), (3, 3), (1, 0):
            self.execute(identity)
            code, end = mock.receive()
            self.assertEqual((code, end["id"], end["status"]), (CMDFINISHED, identity, status))

    def test_a_file_fails_on_its_way(self):
        mock = self.start()
        mock.connect()
        mock.configure()
        mock.send(WRITEFILE, id=1, path="/file", mode=0o644, stream=2)
        self.assertEqual(mock.receive(), (NEXT, {"stream": 2, "bytes": 256 << 10}))
        mock.do('fail 1 "No space left on device"')
        self.assertEqual(mock.receive(), (ERROR, {"code": WRITEFILE, "id": 1,
                                                  "reason": "No space left on device"}))
        self.assertIn("no file 1 is on its way", mock.tell("fail 1 again")["error"])

    def test_a_command_that_runs_is_told_more(self):
        mock = self.start()
        mock.connect()
        mock.configure()
        mock.do("command stays")
        self.execute(1)
        self.assertEqual(mock.tell("state"), {"ctl": True, "io": True, "running": [1]})
        mock.do("print 1 hello")
        self.assertEqual(mock.receive_io(), (2, b"hello"))
        mock.do("end 1 signal 9")
        self.assertEqual(mock.receive()[1]["status"], 137)
        self.assertIn("no command 1 runs", mock.tell("print 1 more")["error"])

    def test_messages_are_kept_until_they_are_asked_for(self):
        mock = self.start()
        mock.connect()
        mock.send(PING, id=1)
        mock.ctl.sendall(struct.pack(">II", 99, 10) + b"no")
        mock.ctl.sendall(struct.pack(">II", PING, 7))
        self.assertEqual([mock.receive()[0] for _ in range(3)], [ACK, ERROR, ERROR])
        self.assertEqual(mock.tell("messages"), {"messages": [
            {"port": "ctl", "code": PING, "name": "ping", "payload": {"id": 1}},
            {"port": "ctl", "code": 99, "text": "no"},
            {"port": "ctl", "code": PING, "name": "ping", "length": 7}]})
        self.assertEqual(mock.tell("messages"), {"messages": []})

    def test_trouble(self):
        mock = self.start()
        mock.do('refuse ping "not now"')
        mock.do("silence ping")
        mock.do("cut 12")
        mock.connect()
        mock.send(PING, id=1)
        self.assertEqual(mock.receive(), (ERROR, {"code": PING, "id": 1, "reason": "not now"}))
        mock.send(PING, id=2)
        mock.send(PING, id=3)
        self.assertEqual(b"".join(iter(lambda: mock.ctl.recv(100), b""))[:4], b"\0\0\0\x09")
        mock.disconnect()
        mock.do("version 3")
        self.assertEqual(mock.connect()["version"], 3)
        mock.do("lie io 5")
        self.assertEqual(mock.io.recv(12, socket.MSG_WAITALL)[8:], b"\0\0\0\5")
        mock.do('ctl failed {"reason": "as told"}')
        self.assertEqual(mock.receive(), (65, {"reason": "as told"}))
        mock.do("io 4 hex:00")
        mock.do("close 4")
        mock.do("status 4 7")
        self.assertEqual([mock.receive_io() for _ in range(3)], [(4, b"\0"), (4, b""), (4, b"\7")])
        mock.do("hang-up")
        self.assertEqual(mock.ctl.recv(1), b"")

    def test_what_is_not_understood_is_said_with_its_line(self):
        mock = self.start()
        for line, reason in [("dance", 'there is no "dance"'),
                             ("command sing", 'has no "sing"'),
                             ("command status 256", "an exit status, from 0 to 255"),
                             ('command output "open', "a JSON string"),
                             ("command output hex:0", "pairs of digits"),
                             ("command output", "missing at the end of the line"),
                             ("refuse everything", "a code such as execcmd or 6"),
                             ("messages now", '"now" is too much'),
                             ("lie tcp 5", "neither ctl nor io"),
                             ("garbage", "nobody is connected")]:
            with self.subTest(line=line):
                answer = mock.tell(line)
                self.assertEqual(answer["line"], line)
                self.assertIn(reason, answer["error"])
        self.assertEqual(len(mock.tell("help")["help"]), 20)

    def test_it_ends_with_its_input_and_leaves_nothing(self):
        mock = self.start()
        mock.process.stdin.close()
        mock.process.stdin = None
        self.assertEqual(mock.process.wait(60), 0)
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_it_stays_where_it_is_asked_to_or_has_a_script(self):
        script = tempfile.TemporaryFile("w+")
        self.addCleanup(script.close)
        script.write("# first\n\nrefuse ping\nnonsense")
        script.flush()
        script.seek(0)
        for how, number, status in (({"stdin": subprocess.DEVNULL}, signal.SIGTERM, 0),
                                    ({"stdin": script}, signal.SIGINT, 130),
                                    ({"options": ["--stay"]}, signal.SIGHUP, 0)):
            with self.subTest(how=how):
                mock = self.start(**how)
                if how.get("stdin") is script:
                    self.assertEqual(mock.answer(), {"ok": True})
                    self.assertIn("error", mock.answer())
                elif mock.process.stdin:
                    mock.process.stdin.close()
                    mock.process.stdin = None
                mock.connect()
                mock.disconnect()
                mock.process.send_signal(number)
                self.assertEqual(mock.process.wait(60), status)
                self.assertEqual(list(self.directory.iterdir()), [])

    def test_sockets_that_are_there_are_left_alone(self):
        mock = self.start()
        second = subprocess.run([PROGRAM, "mock-agent", "--ctl", mock.ctl_path, "--io",
                                 mock.io_path], stdin=subprocess.DEVNULL, capture_output=True,
                                text=True, timeout=60)
        self.assertEqual(second.returncode, 3)
        self.assertIn("is there already", second.stderr)
        mock.connect()

    def test_the_documents_example_works(self):
        text = (ROOT / "docs/mock-agent.md").read_text()
        lines = text[text.index("    import json"):text.index("## The lines")].splitlines()
        with tempfile.TemporaryDirectory(prefix="duet-test-") as directory:
            example = "\n".join(line[4:] for line in lines)
            example = example.replace('"duet"', repr(PROGRAM)).replace("/tmp/my", directory + "/my")
            subprocess.run(["python3", "-c", example], check=True, timeout=60)


if __name__ == "__main__":
    unittest.main()
