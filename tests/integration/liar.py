"""A PID 1 that speaks as duet's own does, and lies when it is asked to."""

import subprocess

# In the place of duet's init: speaks as that does, until a step's script names the lie.
SOURCE = r"""
#include <arpa/inet.h>
#include <dirent.h>
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
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
        for (int i = 0; i < 30; i++) {
            char path[64], name[32] = "";
            int fd;

            snprintf(path, sizeof path, "/sys/class/virtio-ports/vport%dp%d/name", i / 3, i % 3 + 1);
            fd = open(path, O_RDONLY);
            if (fd < 0)
                continue;
            if (read(fd, name, sizeof name - 1) > 0 && strncmp(name, wanted, strlen(wanted)) == 0) {
                snprintf(path, sizeof path, "/dev/vport%dp%d", i / 3, i % 3 + 1);
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

/* A reset leaves the clock's memory as it is. */
static int is_first_boot(void)
{
    enum { INDEX = 0x70, DATA = 0x71, CELL = 0x60, SEEN = 0xa5 };

    ioperm(INDEX, 2, 1);
    outb(CELL, INDEX);
    if (inb(DATA) == SEEN)
        return 0;
    outb(CELL, INDEX);
    outb(SEEN, DATA);
    return 1;
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
    snprintf(json, sizeof json, "{\"version\":2,\"kernel\":\"liar\",\"uptime_ms\":1,\"clock_ns\":1,"
             "\"tick_device\":\"lapic\",\"tick_hz\":%d}", FIRST_HZ && is_first_boot() ? FIRST_HZ
                                                                                   : 62500000);
    say(READY, json);
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


def build(work, first_hz=0):
    """`liar` beside the suite. Its first boot, where `first_hz` is given, says that of its timer."""
    source = work.write("liar.c", SOURCE)
    subprocess.run(["gcc", "-static", "-O1", f"-DFIRST_HZ={first_hz}", "-o", work.path / "liar",
                    source], check=True)
