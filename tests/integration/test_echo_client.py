"""The smoke suite's echo client and server, on the loopback of this machine."""

import hashlib
import os
import pathlib
import shutil
import socket
import subprocess
import threading
import time
import unittest

SMOKE = pathlib.Path(__file__).resolve().parents[2] / "scenarios/smoke"
LIMIT_S = 60  # for a server to be there
LOOPBACK = {"ipv4": (socket.AF_INET, "127.0.0.1"), "ipv6": (socket.AF_INET6, "::1")}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


class Server:
    """Answers one request on a free port with what `answer` makes of it; None: no answer."""

    def __init__(self, protocol, answer, version="ipv4"):
        family, self.host = LOOPBACK[version]
        kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(family, kind)
        self.socket.settimeout(60)
        self.socket.bind((self.host, 0))
        self.port = self.socket.getsockname()[1]
        self.answer = answer
        self.request = None
        if protocol == "tcp":
            self.socket.listen()
        self.thread = threading.Thread(target=self.tcp if protocol == "tcp" else self.udp)

    def tcp(self):
        connection, _ = self.socket.accept()
        with connection:
            # Until the client has closed its half: an answer can only come through the other.
            self.request = b"".join(iter(lambda: connection.recv(65536), b""))
            connection.sendall(self.answer(self.request))

    def udp(self):
        self.request, client = self.socket.recvfrom(65536)
        self.socket.sendto(self.answer(self.request), client)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()
        self.socket.close()


def change(data, offset):
    return data[:offset] + bytes([data[offset] ^ 1]) + data[offset + 1:]


class EchoClient(unittest.TestCase):
    def setUp(self):
        for program in ("busybox", "socat"):
            self.assertIsNotNone(shutil.which(program), f"{program} is not installed")

    def client(self, protocol, server, count, version="ipv4"):
        return subprocess.run(
            ["busybox", "sh", str(SMOKE / "echo-client.sh"), protocol, version, server.host,
             str(server.port), str(count)], stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=90, check=False)

    def test_an_echo_passes_and_names_its_digest(self):
        for protocol, count in (("tcp", 65536), ("udp", 64)):
            for version in LOOPBACK:
                if version == "ipv6" and not has_ipv6():
                    continue
                with self.subTest(protocol=protocol, version=version):
                    with Server(protocol, lambda data: data, version) as server:
                        done = self.client(protocol, server, count, version)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                    self.assertEqual(len(server.request), count)
                    self.assertIn(hashlib.sha256(server.request).hexdigest(), done.stdout)

    def test_the_payload_is_the_same_each_time_and_has_every_byte(self):
        requests = []
        for _ in range(2):
            with Server("tcp", lambda data: data) as server:
                self.client("tcp", server, 65536)
            requests.append(server.request)
        self.assertEqual(requests[0], requests[1])
        self.assertEqual(len(set(requests[0])), 256)

    def test_an_empty_reply_is_called_empty(self):
        for protocol in ("tcp", "udp"):
            with self.subTest(protocol=protocol):
                with Server(protocol, lambda data: b"") as server:
                    done = self.client(protocol, server, 64)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                self.assertIn("empty", done.stdout)
                self.assertNotIn("sha256", done.stdout)

    def test_a_changed_byte_is_shown_with_both_digests(self):
        for protocol, count, offset in (("tcp", 65536, 40000), ("udp", 64, 9)):
            with self.subTest(protocol=protocol):
                with Server(protocol, lambda data: change(data, offset)) as server:
                    done = self.client(protocol, server, count)
                self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                for data in (server.request, change(server.request, offset)):
                    self.assertIn(hashlib.sha256(data).hexdigest(), done.stdout)
                self.assertIn(f"offset {offset}; 1 bytes differ", done.stdout)
                row = f"{offset // 8 * 8:08x}: "
                marked = [line for line in done.stdout.splitlines() if line.startswith("> ")]
                self.assertEqual(len(marked), 1)
                self.assertEqual(marked[0].count(row), 2)

    def test_a_reply_that_ends_early_or_late(self):
        for answer, found in ((lambda data: data[:1000], 1000), (lambda data: data + b"x", 65537)):
            with self.subTest(found=found):
                with Server("tcp", answer) as server:
                    done = self.client("tcp", server, 65536)
                self.assertEqual(done.returncode, 4, done.stdout + done.stderr)
                self.assertIn(f"found    {found} bytes", done.stdout)
                self.assertIn("where the shorter one ends", done.stdout)

    def test_nobody_listens(self):
        server = Server("tcp", lambda data: data)
        server.socket.close()
        done = self.client("tcp", server, 64)
        self.assertEqual(done.returncode, 5, done.stdout + done.stderr)

    def test_the_suites_own_server(self):
        for protocol, count in (("tcp", 65536), ("udp", 64)):
            with self.subTest(protocol=protocol):
                while not (place := self.start_server(protocol)):
                    pass
                done = self.client(protocol, place, count)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def start_server(self, protocol):
        """The suite's own, on a port that is free; None where somebody else was faster to take
        it."""
        free = Server(protocol, None)
        free.socket.close()
        server = subprocess.Popen(
            ["busybox", "sh", str(SMOKE / "echo-server.sh"), protocol, "ipv4", str(free.port)],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(server.__exit__, None, None, None)
        self.addCleanup(server.terminate)
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if server.poll() is not None:
                said = server.stderr.read()
                self.assertIn("Address already in use", said)
                return None
            if self.has_bound(server, protocol, free.port):
                return free
            time.sleep(0.02)  # no event tells of another's sockets
        return self.fail(f"the server is not there after {LIMIT_S} s: {protocol} {free.port}")

    @staticmethod
    def has_bound(process, protocol, port):
        """As the kernel's table says (proc(5)), where a socket has its inode's number."""
        with open(f"/proc/net/{protocol}", encoding="ascii") as table:
            lines = [line.split() for line in table]
        inodes = {line[9] for line in lines if line[1].endswith(f":{port:04X}")}
        try:
            files = [os.readlink(file) for file in pathlib.Path(f"/proc/{process.pid}/fd").iterdir()]
        except FileNotFoundError:  # one was closed meanwhile, or the process has ended
            return False
        return any(f"socket:[{inode}]" in files for inode in inodes)


if __name__ == "__main__":
    unittest.main()
