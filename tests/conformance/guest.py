"""A real guest: QEMU with the two ports as unix sockets, without libvirt."""

import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

import peer

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("DUET") or ROOT / "build" / "duet").resolve().parent

# Every machine has two links that lead nowhere, by these addresses.
MACS = ["52:54:00:00:00:01", "52:54:00:00:00:02"]

BOOT_LIMIT_S = 180
# As in runner/node_boot.c: what a kernel that measures its timer is to find, and by how much each
# boot may be wrong. On a busy host it may find anything.
APIC_HZ = 62500000
ERROR_MAX = (0.01, 0.01, 0.02, 0.05, 0.1)


def image():
    """What QEMU is given for every guest."""
    program = BUILD / "conformance" / "guest_image"
    lines = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(line.split("=", 1) for line in lines.splitlines())


def timer_error(ready):
    """By how much the kernel is wrong about its timer; 1: it has none."""
    device = ready.get("tick_device")
    if device == "lapic":
        return abs(ready["tick_hz"] / APIC_HZ - 1)
    return 1 if device == "" else 0


class Guest(peer.Peer):
    """It has said READY, which is still the first that an exchange hears of it."""

    unheard = ()  # events that the next exchange begins with

    def __init__(self, made, cmdline=""):
        for error_max in ERROR_MAX:
            ctl, io = self.boot(made, cmdline)
            super().__init__("the guest", ctl, io)
            try:
                error = timer_error(self.await_ready())
            except BaseException:
                self.close()
                raise
            if error <= error_max:
                self.unheard = self.events
                return
            self.close()
        raise AssertionError(f"the guest's kernel measured its timer wrong in each of "
                             f"{len(ERROR_MAX)} boots, at last by {error:.3f} of it: the host was "
                             "too busy")

    def boot(self, made, cmdline):
        """The sockets of both ports."""
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
        return sockets["ctl"], sockets["io"]

    def await_ready(self):
        """What it says."""
        deadline = time.monotonic() + BOOT_LIMIT_S
        while not self.events:
            assert self.pump(max(0, deadline - time.monotonic())), (
                f"the guest is not ready after {BOOT_LIMIT_S} s: {self.console[-2000:]}")
        return self.events[0][1]

    def begin(self, number):
        super().begin(number)
        self.events += self.unheard
        self.unheard = ()

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
