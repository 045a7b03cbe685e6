/* How fast a console is drained: the ring and the scanner, over a stream like a guest's. */
#include "base/base.h"
#include "bench/bench.h"
#include "results/results.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

enum {
    STREAM_BYTES = 16 << 20,
    PASSES = 16, /* over the stream in one sample */
    RING_KIB = 1024,
    SAMPLES = 7,
    LINES_PER_TOKEN = 10000,
    LINES_PER_JUNK = 100,
};

struct stream {
    struct buffer bytes;
    uint64_t tokens;
};

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void append_kernel_line(struct buffer *out, unsigned int number, uint32_t *random)
{
    static const char words[] =
        "virtio_net virtio1 eth0: renamed from ens3, IPv6: ADDRCONF(NETDEV_CHANGE): eth0: link "
        "becomes ready; random: crng init done; wireguard: WireGuard 1.0.0 loaded. See "
        "www.wireguard.com for information; clocksource: Switched to clocksource tsc; ";
    size_t length = 5 + next_random(random) % 180;

    buffer_printf(out, "[%5u.%06u] ", number / 1000, next_random(random) % 1000000);
    buffer_append(out, words, length);
    buffer_append_text(out, "\r\n");
}

static void append_junk(struct buffer *out, uint32_t *random)
{
    size_t length = 1 + next_random(random) % 300;

    buffer_reserve(out, length);
    for (size_t i = 0; i < length; i++)
        out->data[out->length++] = (char)next_random(random);
    buffer_append_text(out, "\033[0m\n");
}

static struct stream make_stream(void)
{
    struct stream stream = {0};
    uint32_t random = 1;

    for (unsigned int line = 1; stream.bytes.length < STREAM_BYTES; line++) {
        append_kernel_line(&stream.bytes, line, &random);
        if (line % LINES_PER_JUNK == 0)
            append_junk(&stream.bytes, &random);
        if (line % LINES_PER_TOKEN == 0) {
            stream.tokens++;
            buffer_printf(&stream.bytes, "DUET_RESULT: {\"verdict\":\"passed\",\"n\":%u}\r\n",
                          line);
        }
    }
    return stream;
}

static void count_token(void *context, const struct scanner_event *event)
{
    uint64_t *tokens = context;

    *tokens += event->kind == SCANNER_RESULT;
}

/* Drains the stream PASSES times; `scanner` may be NULL. */
static double drain_seconds(const struct stream *stream, size_t chunk, struct ring *ring,
                            struct scanner *scanner)
{
    uint64_t start = clock_ns();

    for (int pass = 0; pass < PASSES; pass++) {
        size_t length;

        for (size_t at = 0; at < stream->bytes.length; at += length) {
            length = stream->bytes.length - at < chunk ? stream->bytes.length - at : chunk;
            ring_write(ring, stream->bytes.data + at, length);
            if (scanner)
                scanner_feed(scanner, stream->bytes.data + at, length);
        }
    }
    return (double)(clock_ns() - start) / (double)NS_PER_S;
}

static int new_scanner(struct scanner **scanner, uint64_t *tokens, struct error *error)
{
    static const struct scanner_prefix prefixes[] = {
        {SCANNER_RESULT_PREFIX, SCANNER_RESULT},
        {SCANNER_READY_PREFIX, SCANNER_READY},
    };

    return scanner_new(scanner, prefixes, array_size(prefixes), count_token, tokens, error);
}

static int check_tokens(const struct stream *stream, uint64_t passes, uint64_t found,
                        struct error *error)
{
    if (found == stream->tokens * passes)
        return 0;
    return error_set(error, EIO, "%llu tokens found of %llu", (unsigned long long)found,
                     (unsigned long long)stream->tokens * passes);
}

static int measure_drain(const char *name, size_t chunk, struct error *error)
{
    struct stream stream = make_stream();
    double megabytes = (double)stream.bytes.length * PASSES / 1e6;
    double rates[SAMPLES], bare[SAMPLES];
    struct scanner *scanner = NULL;
    struct ring ring;
    uint64_t tokens = 0;
    int code = new_scanner(&scanner, &tokens, error);

    ring_init(&ring, RING_KIB << 10);
    for (int i = 0; code == 0 && i < SAMPLES; i++) {
        tokens = 0;
        bare[i] = megabytes / drain_seconds(&stream, chunk, &ring, NULL);
        rates[i] = megabytes / drain_seconds(&stream, chunk, &ring, scanner);
        code = check_tokens(&stream, PASSES, tokens, error);
    }
    if (code == 0) {
        struct bench_measure measure = {.name = name,
                                        .value = median_of(rates, SAMPLES),
                                        .unit = "MB/s",
                                        .n = SAMPLES,
                                        .values = rates,
                                        .baseline = "ring_write alone",
                                        .baseline_value = bench_median(bare, SAMPLES),
                                        .better = "higher"};

        measure.ratio = measure.value / measure.baseline_value;
        bench_emit(&measure);
    }
    scanner_free(scanner);
    ring_free(&ring);
    buffer_free(&stream.bytes);
    return code;
}

static int drain_small(struct error *error)
{
    return measure_drain("console.drain", 4 << 10, error);
}

static int drain_large(struct error *error)
{
    return measure_drain("console.drain_64k", 64 << 10, error);
}

/* Largest resident size of this process since the last reset, in KiB. */
static int peak_kib(double *peak, struct error *error)
{
    cleanup_buffer struct buffer status = {0};
    int code = fs_read("/proc/self/status", 1 << 16, &status, error);
    const char *line;

    if (code < 0)
        return code;
    line = strstr(status.data, "VmHWM:");
    if (!line)
        return error_set(error, ENOENT, "/proc/self/status has no VmHWM");
    *peak = strtod(line + strlen("VmHWM:"), NULL);
    return 0;
}

static int reset_peak(struct error *error)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    bool wrote;

    if (!file)
        return error_errno(error, "cannot open /proc/self/clear_refs");
    wrote = fputs("5", file) >= 0;
    if (fclose(file) != 0 || !wrote)
        return error_errno(error, "cannot write /proc/self/clear_refs");
    return 0;
}

/* What a ring and a scanner add while a flood goes through them, a token without end included. */
static int memory(struct error *error)
{
    struct stream stream = make_stream();
    struct scanner *scanner = NULL;
    struct ring ring = {0};
    double before = 0, after = 0;
    uint64_t tokens = 0;
    int code;

    /* What earlier measures freed must not be there to be used again. */
    malloc_trim(0);
    code = reset_peak(error);
    if (code == 0)
        code = peak_kib(&before, error);
    if (code == 0)
        code = new_scanner(&scanner, &tokens, error);
    if (code == 0) {
        ring_init(&ring, RING_KIB << 10);
        drain_seconds(&stream, 4 << 10, &ring, scanner);
        code = check_tokens(&stream, PASSES, tokens, error);
    }
    if (code == 0) {
        scanner_feed(scanner, SCANNER_RESULT_PREFIX, strlen(SCANNER_RESULT_PREFIX));
        memset(stream.bytes.data, 'x', stream.bytes.length);
        drain_seconds(&stream, 4 << 10, &ring, scanner);
        code = peak_kib(&after, error);
    }
    if (code == 0)
        bench_emit(&(struct bench_measure){.name = "console.memory_kb",
                                           .value = after - before,
                                           .unit = "KiB",
                                           .n = 1,
                                           .baseline = "the ring's capacity",
                                           .baseline_value = RING_KIB,
                                           .ratio = (after - before) / RING_KIB,
                                           .better = "lower"});
    scanner_free(scanner);
    ring_free(&ring);
    buffer_free(&stream.bytes);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {
        {"console.drain", drain_small},
        {"console.drain_64k", drain_large},
        {"console.memory_kb", memory},
    };

    return bench_main(argc, argv, entries, array_size(entries));
}
