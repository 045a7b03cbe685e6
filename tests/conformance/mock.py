"""The mock agent: told beforehand what a guest would do by itself."""

import json
import os
import pathlib
import socket
import subprocess
import tempfile

import peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet")


class Mock(peer.Peer):
    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="dc-", dir="/tmp")
        paths = {name: f"{self.directory.name}/{name}" for name in ("ctl", "io")}
        self.agent = subprocess.Popen(
            [PROGRAM, "mock-agent", "--ctl", paths["ctl"], "--io", paths["io"]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert json.loads(self.agent.stdout.readline()) == {"listening": True}
        super().__init__("the mock", *map(self.connect, (paths["ctl"], paths["io"])))

    def connect(self, path):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        return connection

    def line(self, text):
        self.agent.stdin.write(text + "\n")
        answer = json.loads(self.agent.stdout.readline())
        assert answer == {"ok": True}, answer

    def tell(self, does):
        words = ["command"]
        for word, data in (("output", does.prints), ("errors", does.errors)):
            words += [word, f"hex:{data.hex()}"] if data else []
        for word, number in (("zeros", does.zeros), ("status", does.status),
                             ("signal", does.signal)):
            words += [word, str(number)] if number else []
        words += ["echo"] * does.echoes + ["stays"] * does.stays + ["stubborn"] * does.stubborn
        self.line(" ".join(words))

    def tell_now(self, command, prints, status, signal):
        if prints:
            self.line(f"print {command.id} hex:{prints.hex()}")
        if status is not None:
            self.line(f"end {command.id} status {status}")
        elif signal:
            self.line(f"end {command.id} signal {signal}")

    def will_refuse(self, code, reason="it cannot be done"):
        self.line(f"refuse {code} {json.dumps(reason)}")

    def close(self):
        super().close()
        self.agent.stdin.close()
        self.agent.wait(peer.LIMIT_S)
        self.agent.stdout.close()
        self.directory.cleanup()
