"""A real guest: QEMU with the two ports as unix sockets, without libvirt."""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading

import peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet").resolve().parent

# Every machine has two links that lead nowhere, by these addresses.
MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]


def image():
    """What QEMU is given for every guest."""
    program = BUILD / "conformance" / "guest_image"
    lines = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(line.split("=", 1) for line in lines.splitlines())


class Guest(peer.Peer):
    def __init__(self, made, cmdline=""):
        self.directory = tempfile.TemporaryDirectory(prefix="dc-", dir="/tmp")
        self.console = b""
        listeners = {name: self.listen(name) for name in ("ctl", "io", "console")}
        self.qemu = subprocess.Popen(self.command(made, cmdline), stdin=subprocess.DEVNULL,
                                     stderr=subprocess.PIPE)
        sockets = {name: listener.accept()[0] for name, listener in listeners.items()}
        for listener in listeners.values():
            listener.close()
        self.reader = threading.Thread(target=self.read_console, args=(sockets["console"],))
        self.reader.start()
        super().__init__("the guest", sockets["ctl"], sockets["io"])

    def listen(self, name):
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(peer.LIMIT_S)
        listener.bind(f"{self.directory.name}/{name}")
        listener.listen(1)
        return listener

    def command(self, made, cmdline):
        command = [made["emulator"], "-M", f"microvm,acpi={made['acpi']}", "-accel", "tcg",
                   "-cpu", "max,la57=off", "-m", "256", "-smp", "2", "-nodefaults",
                   "-no-user-config", "-no-reboot", "-display", "none", "-kernel", made["kernel"],
                   "-initrd", made["initrd"], "-append", made["cmdline"] + cmdline,
                   "-serial", f"unix:{self.directory.name}/console",
                   "-device", "virtio-serial-device", "-device", "virtio-rng-device"]
        for name in ("ctl", "io"):
            command += ["-chardev", f"socket,id={name},path={self.directory.name}/{name}",
                        "-device", f"virtserialport,chardev={name},name=duet.{name}"]
        for number, mac in enumerate(MACS):
            command += ["-netdev", f"hubport,id=n{number},hubid={number}",
                        "-device", f"virtio-net-device,netdev=n{number},mac={mac}"]
        return command

    def read_console(self, console):
        with console:
            while data := console.recv(1 << 16):
                self.console += data

    def gone(self):
        super().gone()
        self.qemu.wait(peer.LIMIT_S)

    def close(self):
        self.qemu.kill()
        self.qemu.wait()
        self.qemu.stderr.close()
        self.reader.join()
        super().close()
        self.directory.cleanup()
