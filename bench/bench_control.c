/* What a node's agent costs, asked through vm/control.h as the runner does, of one guest that is
 * held up.
 *
 * control.stdout_vs_raw has the same program print the same bytes twice: to its standard output,
 * which the agent carries over `duet.io` in frames and within the room that the host gives; and
 * into a second port of the same machine, where nothing stands between it and the port. QEMU hands
 * both to this process on a unix socket, which the same loop and the same code read, and what came
 * is dropped. Both begin with the request for the command and end when it has ended and the last
 * byte is here. They take turns. */
#include "base/base.h"
#include "bench/bench.h"
#include "bench/guest.h"

#include <errno.h>
#include <string.h>

enum {
    PINGS = 1000,
    EXECS = 100,
    TRANSFERS = 7, /* samples of each of the others */
    BYTES = 64 << 20,
};

#define MB 1e6

static struct guest *guest;

static int open_guest(struct error *error)
{
    return guest ? guest_check(guest, error) : guest_open(&guest, error);
}

static double seconds_since(uint64_t started_ns)
{
    return (double)(clock_ns() - started_ns) / NS_PER_S;
}

/* Takes `n` samples and emits their median. */
static int measure(const char *name, const char *unit, const char *better, size_t n,
                   int (*sample)(void *context, double *value, struct error *error),
                   struct error *error)
{
    cleanup_free double *values = xcalloc(n, sizeof *values);
    int code = open_guest(error);

    for (size_t i = 0; i < n && code == 0; i++)
        code = sample(NULL, &values[i], error);
    if (code == 0)
        bench_emit(&(struct bench_measure){.name = name,
                                           .value = median_of(values, n),
                                           .unit = unit,
                                           .n = n,
                                           .values = values,
                                           .better = better});
    return code;
}

/* -- control.ping_us --------------------------------------------------------------------------- */

struct pong {
    bool came;
    int code;
};

static void on_pong(void *context, const struct control_answer *answer)
{
    struct pong *pong = context;

    pong->came = true;
    pong->code = answer->code;
    guest_wake(guest);
}
static int sample_ping(void *context, double *us, struct error *error)
{
    struct pong pong = {0};
    uint64_t started_ns = clock_ns();
    int code = control_request(guest_control(guest), WIRE_PING, "", 0, on_pong, &pong, error);

    (void)context;
    if (code == 0)
        code = guest_wait(guest, &pong.came, error);
    *us = seconds_since(started_ns) * 1e6;
    return code == 0 && pong.code < 0 ? error_set(error, EIO, "a ping was refused") : code;
}

static int measure_ping(struct error *error)
{
    return measure("control.ping_us", "us", "lower", PINGS, sample_ping, error);
}

/* -- control.exec_ms --------------------------------------------------------------------------- */

static int sample_exec(void *context, double *ms, struct error *error)
{
    static const char *const argv[] = {"true", NULL};
    uint64_t started_ns = clock_ns(), bytes;
    int code = guest_exec(guest, argv, &bytes, error);

    (void)context;
    *ms = seconds_since(started_ns) * 1e3;
    return code;
}

static int measure_exec(struct error *error)
{
    return measure("control.exec_ms", "ms", "lower", EXECS, sample_exec, error);
}

/* -- control.write_mbs, control.read_mbs ------------------------------------------------------- */

static const char file[] = "/tmp/file";

struct transfer {
    struct control_command *command;
    const char *bytes; /* to be fed */
    size_t moved;
    bool complete;
    int code;
};

static void on_room(void *context)
{
    struct transfer *transfer = context;

    transfer->moved +=
        control_feed(transfer->command, transfer->bytes + transfer->moved, BYTES - transfer->moved);
    if (transfer->moved == BYTES)
        control_close(transfer->command);
}

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct transfer *transfer = context;

    (void)bytes;
    transfer->moved += count;
    control_taken(transfer->command, output, count);
}

static void on_complete(void *context, const struct control_end *end)
{
    struct transfer *transfer = context;

    transfer->complete = true;
    transfer->code = end->code;
    guest_wake(guest);
}

static const struct control_command_calls transfer_calls = {
    .output = on_output, .room = on_room, .complete = on_complete};

/* The request was sent with what `code` says. */
static int finish_transfer(struct transfer *transfer, int code, struct error *error)
{
    if (code == 0)
        code = guest_wait(guest, &transfer->complete, error);
    control_command_free(transfer->command);
    if (code == 0 && (transfer->code < 0 || transfer->moved != BYTES))
        code = error_set(error, EIO, "%s was not moved whole: %zu bytes", file, transfer->moved);
    return code;
}

static int write_file(const char *bytes, struct error *error)
{
    struct transfer transfer = {.bytes = bytes};
    int code = control_write_file(guest_control(guest), file, 0644, NULL, &transfer_calls,
                                  &transfer, &transfer.command, error);

    return finish_transfer(&transfer, code, error);
}

static int read_file(struct error *error)
{
    struct transfer transfer = {0};
    int code = control_read_file(guest_control(guest), file, NULL, &transfer_calls, &transfer,
                                 &transfer.command, error);

    return finish_transfer(&transfer, code, error);
}

static int sample_write(void *context, double *mbs, struct error *error)
{
    cleanup_free char *bytes = xmalloc(BYTES);
    uint64_t started_ns;
    int code;

    (void)context;
    memset(bytes, 'x', BYTES);
    started_ns = clock_ns();
    code = write_file(bytes, error);
    *mbs = BYTES / MB / seconds_since(started_ns);
    return code;
}

static int sample_read(void *context, double *mbs, struct error *error)
{
    uint64_t started_ns = clock_ns();
    int code = read_file(error);

    (void)context;
    *mbs = BYTES / MB / seconds_since(started_ns);
    return code;
}

static int measure_write(struct error *error)
{
    return measure("control.write_mbs", "MB/s", "higher", TRANSFERS, sample_write, error);
}

static int measure_read(struct error *error)
{
    double mbs;
    int code = open_guest(error);

    if (code == 0)
        code = sample_write(NULL, &mbs, error);
    return code < 0 ? code
                    : measure("control.read_mbs", "MB/s", "higher", TRANSFERS, sample_read, error);
}

/* -- control.stdout_vs_raw --------------------------------------------------------------------- */

#define PRINT "exec head -c 64m /dev/zero"

static int sample_stdout(void *context, double *mbs, struct error *error)
{
    uint64_t started_ns = clock_ns(), bytes;
    int code = guest_shell(guest, PRINT, &bytes, error);

    (void)context;
    *mbs = BYTES / MB / seconds_since(started_ns);
    if (code == 0 && bytes != BYTES)
        code = error_set(error, EIO, "the agent gave another number of bytes than was printed");
    return code;
}

static int sample_raw(void *context, double *mbs, struct error *error)
{
    uint64_t started_ns = clock_ns(), bytes;
    int code = guest_shell(guest, PRINT " >/dev/raw", &bytes, error);

    (void)context;
    if (code == 0)
        code = guest_drain_raw(guest, BYTES, error);
    *mbs = BYTES / MB / seconds_since(started_ns);
    return code;
}

static int measure_stdout(struct error *error)
{
    struct bench_measure measure = {.name = "control.stdout_vs_raw",
                                    .unit = "MB/s",
                                    .n = TRANSFERS,
                                    .baseline = "a virtio-serial port without an agent",
                                    .better = "higher"};
    int code = open_guest(error);

    return code < 0 ? code
                    : bench_compare(&measure, &(struct bench_side){.sample = sample_stdout},
                                    &(struct bench_side){.sample = sample_raw}, error);
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"control.ping_us", measure_ping},
                                                 {"control.exec_ms", measure_exec},
                                                 {"control.write_mbs", measure_write},
                                                 {"control.read_mbs", measure_read},
                                                 {"control.stdout_vs_raw", measure_stdout}};
    int status = bench_main(argc, argv, entries, array_size(entries));

    guest_close(guest);
    return status;
}
