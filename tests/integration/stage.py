"""The scenery of tests about what surrounds duet: emulators that misbehave, caches and users of
their own, small file systems, web servers. Everything is undone by `addCleanup` of the test."""

import contextlib
import http.server
import json
import os
import pathlib
import pwd
import shutil
import subprocess
import threading

import duet

QEMU = shutil.which("qemu-system-x86_64") or "/usr/bin/qemu-system-x86_64"


def run(command):
    """A program that must succeed; what it said is in the exception otherwise."""
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True)
    if done.returncode != 0:
        raise AssertionError(f"{command[0]}: status {done.returncode}: {done.stderr.decode()}")


def user_cache():
    """Where this user's kernels are."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return pathlib.Path(base) / "duet"


def debian_kernel():
    """(image, tree with lib/modules) of the kernel `debian` in the user's cache, got if missing."""
    kernels = user_cache() / "kernel"
    if not (kernels / "debian.json").exists():
        run([duet.PROGRAM, "doctor"])
    tree = kernels / json.loads((kernels / "debian.json").read_text())["key"]
    return tree / "image", tree


def can_open_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
    except OSError:
        return False
    return True


def can_mount():
    """Root in a container often cannot."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0


def shared_cache(directory):
    """A cache that knows the user's kernels, and nothing yet of KVM and of libvirt's emulators."""
    debian_kernel()
    cache = directory / "duet"
    cache.mkdir(parents=True)
    (cache / "kernel").symlink_to(user_cache() / "kernel")
    return directory


def emulator(directory, probe="", start="", ask=""):
    """A directory for PATH with a QEMU that is the real one, except that it does `probe` where duet
    tries KVM, `start` where libvirt starts a domain, `ask` where libvirt asks what it can do.
    `hang`: it does nothing, for ever."""
    directory.mkdir(parents=True)
    fifo = directory / "never"
    os.mkfifo(fifo)
    words = {word: f": <{fifo}" if text == "hang" else text or ":"
             for word, text in (("probe", probe), ("start", start), ("ask", ask))}
    program = directory / "qemu-system-x86_64"
    program.write_text(f"""#!/bin/sh
case " $* " in
*" -accel kvm "*) {words["probe"]} ;;
*" guest="*) {words["start"]} ;;
*" -qmp "*) {words["ask"]} ;;
esac
exec {QEMU} "$@"
""")
    program.chmod(0o755)
    return directory


@contextlib.contextmanager
def tmpfs(directory, size, options=""):
    """A file system of `size` bytes on `directory`. Needs root."""
    directory.mkdir(parents=True, exist_ok=True)
    run(["mount", "-t", "tmpfs", "-o", f"size={size}{options}", "none", directory])
    try:
        yield directory
    finally:
        run(["umount", "--lazy", directory])


def fill(directory):
    """Leaves no byte free."""
    with open(directory / "filler", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


class Nobody:
    """The user `nobody`, with a home below a workplace; duet runs as it by `prefix`. Needs root."""

    prefix = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]

    def __init__(self, workplace):
        self.user = pwd.getpwnam("nobody")
        self.workplace = workplace
        self.home = workplace.path / "home"
        self.program = workplace.path / "duet"
        shutil.copy(duet.PROGRAM, self.program)
        cache = self.home / ".cache" / "duet" / "kernel"
        debian_kernel()
        shutil.copytree(user_cache() / "kernel", cache,
                        ignore=shutil.ignore_patterns("work", "apt"))
        self.own(workplace.path)
        self.environment = {"HOME": str(self.home), "USER": "nobody", "LOGNAME": "nobody"}

    def own(self, directory):
        os.chown(directory, self.user.pw_uid, self.user.pw_gid)
        for path in directory.rglob("*"):
            os.chown(path, self.user.pw_uid, self.user.pw_gid, follow_symlinks=False)

    def start(self, *arguments, environment=None, directory=None):
        variables = {**self.workplace.environment, "XDG_CACHE_HOME": None, **self.environment,
                     **(environment or {})}
        variables = {key: value for key, value in variables.items() if value is not None}
        command = [*self.prefix, self.program, *arguments]
        return duet.Running(self.workplace, list(map(str, command)), variables,
                            directory or self.workplace.path)


class WebServer:
    """Serves bytes by path on 127.0.0.1. A path in `stalling` gives half of them, then nothing;
    `stalled` is set once that has happened."""

    def __init__(self, files, stalling=()):
        server = self
        self.stalled, self.closing = threading.Event(), threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                content = files.get(self.path)
                self.send_response(200 if content is not None else 404)
                self.send_header("Content-Length", str(len(content or b"")))
                self.end_headers()
                if self.path in stalling:
                    self.wfile.write(content[:len(content) // 2])
                    self.wfile.flush()
                    server.stalled.set()
                    server.closing.wait()
                elif content is not None:
                    self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_address[1]}{path}"

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
