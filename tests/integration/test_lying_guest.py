"""A guest that lies on the control channel: it can fail its own case and do nothing else."""

import pathlib
import re
import shutil
import subprocess
import unittest

import duet

# In the place of duet's init: speaks as that does, until a step's script names the lie.
LIAR_C = r"""
#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { STARTPOD = 1, DESTROYPOD = 4, EXECCMD = 6, CMDFINISHED = 7, READY = 8, ACK = 9, PING = 12,
       NEXT = 14, CMDREADY = 64 };

static int ctl, io;

static void load_modules(void)
{
    FILE *list = fopen("/etc/duet/modules", "r");
    char path[512];

    while (list && fgets(path, sizeof path, list)) {
        path[strcspn(path, "\n")] = '\0';
        syscall(SYS_finit_module, open(path, O_RDONLY), "", 0);
    }
}

static int open_port(const char *wanted)
{
    for (;;)
        for (int i = 1; i < 4; i++) {
            char path[64], name[32] = "";
            int fd;

            snprintf(path, sizeof path, "/sys/class/virtio-ports/vport0p%d/name", i);
            fd = open(path, O_RDONLY);
            if (fd < 0)
                continue;
            if (read(fd, name, sizeof name - 1) > 0 && strncmp(name, wanted, strlen(wanted)) == 0) {
                snprintf(path, sizeof path, "/dev/vport0p%d", i);
                return open(path, O_RDWR);
            }
            close(fd);
        }
}

static void put(int fd, const void *bytes, size_t count)
{
    for (const char *at = bytes; count > 0;) {
        ssize_t n = write(fd, at, count);

        if (n > 0) {
            at += n;
            count -= (size_t)n;
        }
    }
}

static void send_header(uint32_t code, uint32_t length)
{
    uint32_t header[] = {htonl(code), htonl(length)};

    put(ctl, header, sizeof header);
}

static void say(uint32_t code, const char *json)
{
    send_header(code, (uint32_t)strlen(json) + 8);
    put(ctl, json, strlen(json));
}

static void send_io_header(uint64_t stream, uint32_t length)
{
    uint64_t number = htobe64(stream);
    uint32_t size = htonl(length);

    put(io, &number, sizeof number);
    put(io, &size, sizeof size);
}

static void send_io(uint64_t stream, const char *bytes, size_t count)
{
    send_io_header(stream, (uint32_t)count + 12);
    put(io, bytes, count);
}

static void finish(uint64_t id, int status, int signal, unsigned long long count)
{
    char json[256];

    snprintf(json, sizeof json, "{\"id\":%llu,\"status\":%d,\"signal\":%d,\"timed_out\":false,"
             "\"duration_ms\":1,\"stdout_bytes\":%llu,\"stderr_bytes\":0}", (unsigned long long)id,
             status, signal, count);
    say(CMDFINISHED, json);
}

static void close_all(uint64_t out, uint64_t err, char status)
{
    send_io(err, "", 0);
    send_io(out, "", 0);
    send_io(out, &status, 1);
}

static void lie(const char *lie, uint64_t id, uint64_t out, uint64_t err)
{
    static char much[32768];
    char json[128];

#define IS(name) else if (strcmp(lie, name) == 0)
    if (strcmp(lie, "none") == 0) {
        send_io(out, "hello\n", 6);
        finish(id, 0, 0, 6);
        close_all(out, err, 0);
    }
    IS("ctl-long")
        send_header(CMDREADY, 0xffffffff);
    IS("ctl-short")
        send_header(CMDREADY, 7);
    IS("ctl-text")
        say(CMDFINISHED, "no object");
    IS("ctl-code")
        say(4711, "{}");
    IS("io-long")
        send_io_header(out, 0xffffffff);
    IS("io-short")
        send_io_header(out, 3);
    IS("io-stream")
        send_io(4711, "x", 1);
    IS("io-endless")
        for (;;)
            send_io(out, much, sizeof much);
    IS("ctl-endless")
        for (;;)
            say(ACK, "{\"code\":13,\"id\":4711}");
    IS("ready-endless") {
        snprintf(json, sizeof json, "{\"id\":%llu,\"after_ms\":1}", (unsigned long long)id);
        for (;;)
            say(CMDREADY, json);
    }
    IS("room-for-nothing") {
        snprintf(json, sizeof json, "{\"stream\":%llu,\"bytes\":9007199254740992}",
                 (unsigned long long)out);
        say(NEXT, json);
    }
    IS("finished-nobody")
        finish(4711, 0, 0, 0);
    IS("finished-twice") {
        finish(id, 0, 0, 6);
        finish(id, 0, 0, 6);
    }
    IS("status-and-signal")
        finish(id, 0, 9, 0);
    IS("status-256")
        finish(id, 256, 0, 0);
    IS("two-statuses") {
        finish(id, 0, 0, 0);
        close_all(out, err, 1);
    }
    IS("more-was-sent") {
        close_all(out, err, 0);
        finish(id, 0, 0, 1ull << 52);
    }
    IS("after-the-end") {
        close_all(out, err, 0);
        send_io(out, "more", 4);
    }
    IS("ends-unasked")
        say(ACK, "{\"code\":4,\"id\":4711}");
}

static uint64_t field(const char *json, const char *name)
{
    const char *at = strstr(json, name);

    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static void answer(uint32_t code, const char *json)
{
    unsigned long long id = field(json, "\"id\":");
    struct timespec now;
    char text[256], name[32] = "";
    const char *at = strstr(json, "lie-about ");

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(text, sizeof text, code == PING ? "{\"code\":%u,\"id\":%llu,\"clock_ns\":%llu}"
                                             : "{\"code\":%u,\"id\":%llu}",
             code, id, (unsigned long long)now.tv_sec * 1000000000 + (unsigned)now.tv_nsec);
    if (code != NEXT)
        say(ACK, text);
    if (code == DESTROYPOD)
        reboot(RB_POWER_OFF);
    if (code == EXECCMD && at && sscanf(at, "lie-about %31[a-z0-9-]", name) == 1)
        lie(name, id, field(json, "\"stdout\":"), field(json, "\"stderr\":"));
}

static void get(int fd, void *bytes, size_t count)
{
    for (char *at = bytes; count > 0;) {
        ssize_t n = read(fd, at, count);

        if (n > 0) {
            at += n;
            count -= (size_t)n;
        }
    }
}

int main(void)
{
    static char json[1 << 20];
    uint32_t header[2];

    mount("proc", "/proc", "proc", 0, NULL);
    mount("sys", "/sys", "sysfs", 0, NULL);
    mount("dev", "/dev", "devtmpfs", 0, NULL);
    load_modules();
    ctl = open_port("duet.ctl");
    io = open_port("duet.io");
    say(READY, "{\"version\":2,\"kernel\":\"liar\",\"uptime_ms\":1,\"clock_ns\":1}");
    for (;;) {
        size_t length;

        get(ctl, header, sizeof header);
        length = ntohl(header[1]) - 8;
        get(ctl, json, length);
        json[length] = '\0';
        answer(ntohl(header[0]), json);
    }
}
"""

BROKE = "the guest broke the control channel: "

# Why the case fails.
LIES = {
    "ctl-long": BROKE + "duet.ctl: a frame says it has 4294967295 bytes",
    "ctl-short": BROKE + "duet.ctl: a frame says it has 7 bytes",
    "ctl-text": "the payload of a frame of code 7 from the guest is not a JSON object",
    "ctl-code": "the guest sent a frame of code 4711, which is no answer",
    "io-long": BROKE + "duet.io: a frame says it has 4294967295 bytes",
    "io-short": BROKE + "duet.io: a frame says it has 3 bytes",
    "io-stream": BROKE + "its output names command 2355, which was not started",
    "room-for-nothing": BROKE + "its NEXT names command 1",
    "finished-nobody": BROKE + "its CMDFINISHED names command 4711, which was not started",
    "finished-twice": BROKE + "command 1 ended twice",
    "status-and-signal": "the guest says that a command ended by signal 9 with status 0",
    "status-256": "the guest's CMDFINISHED has a wrong \"status\"",
    "two-statuses": BROKE + "command 1 ended with another status on io than on ctl",
    "more-was-sent": BROKE + "command 1 has closed a stream on which it announced more bytes",
    "after-the-end": BROKE + "command 1 sends on a stream that it has closed",
    "ends-unasked": BROKE + "it says that it ends, unasked",
}

# What each of these says without an end is possible, so it is the case's time that ends it. Whether
# duet has asked the guest for a sign of life by then, and heard none, is up to the time.
ENDLESS = ("io-endless", "ctl-endless", "ready-endless")

MEMORY_KIB = 128 << 10  # three times what duet takes for it
RESULTS_BYTES = 300 << 20  # a step's output is kept up to 256 MiB


def peak_kib(pid):
    """The most memory that a process has had, or 0 where it has ended."""
    try:
        status = pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) if found else 0


def liar(name, timeout):
    return f"""
          {name}:
            timeout: {timeout}
            nodes: {{box: {{files: [{{from: liar, to: /init}}], run: lie-about {name}}}}}"""


@unittest.skipUnless(shutil.which("gcc"), "no gcc to build a PID 1 with")
class Liar(duet.SuiteTest):
    SUITE = """
        nodes: {box: }
        cases:
          fine-first: {nodes: {box: {run: echo hello}}}
    """ + "".join(liar(name, "120s") for name in ("none", *LIES)) + "".join(
        liar(name, "10s") for name in ENDLESS) + """
          fine-last: {nodes: {box: {run: echo hello}}}
    """

    @classmethod
    def setUpClass(cls):
        cls.work = duet.Workplace()
        cls.addClassCleanup(cls.work.close)
        source = cls.work.write("liar.c", LIAR_C)
        subprocess.run(["gcc", "-static", "-O1", "-o", cls.work.path / "liar", source], check=True)
        running = cls.work.start(suite=cls.SUITE)
        cls.peak_kib = 0
        while running.process.poll() is None:
            cls.peak_kib = max(cls.peak_kib, peak_kib(running.process.pid))
            try:
                running.process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass
        cls.result = running.wait()
        cls.work.assert_nothing_left()

    def test_only_cases_with_a_lie_fail(self):
        passed = {name for name, verdict in self.result.verdicts.items() if verdict == "passed"}
        self.assertEqual(passed, {"fine-first", "none", "fine-last"}, self.result)
        self.assertEqual(self.result.status, duet.FAILED)

    def test_the_reason_says_so(self):
        for name, reason in LIES.items():
            with self.subTest(lie=name):
                self.expect(name, "failed", re.escape(f"box: {reason}"))

    def test_lies_without_an_end(self):
        for name in ENDLESS:
            with self.subTest(lie=name):
                self.assertIn(self.result.verdicts[name], ("timeout", "no_progress"), self.result)
                self.assertRegex(self.result.cases[name]["reason"], r"^box: .*step \"run\"")

    def test_memory_and_disk(self):
        self.assertGreater(self.peak_kib, 1000)
        self.assertLess(self.peak_kib, MEMORY_KIB)
        size = sum(path.stat().st_size for path in self.result.directory.rglob("*"))
        self.assertLess(size, RESULTS_BYTES)


if __name__ == "__main__":
    unittest.main()
