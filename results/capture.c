#include "results/capture.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/writer.h"

#include <errno.h>

struct interface {
    uint32_t snap_length;
    struct capture_counts counts;
    uint64_t missing; /* dropped since the last that was not */
};

struct capture {
    char *path;
    struct writer *writer;
    enum capture_format format;
    uint64_t start_ns;
    struct interface *interfaces;
    size_t interface_count;
};

static struct capture *make(struct writer *writer, const char *path,
                            const struct capture_options *options)
{
    struct capture *capture = xcalloc(1, sizeof *capture);

    capture->path = xstrdup(path);
    capture->writer = writer;
    capture->format = options->format;
    capture->start_ns = options->start_ns;
    if (capture->format == CAPTURE_PCAPNG) {
        uint8_t *at = writer_reserve(writer, CAPTURE_OVERHEAD);

        writer_publish(writer, (size_t)pcapng_section(at, CAPTURE_OVERHEAD, "duet " DUET_VERSION));
    }
    return capture;
}

static size_t ring_bytes(const struct capture_options *options)
{
    return options->ring_bytes ? options->ring_bytes : CAPTURE_RING_DEFAULT;
}

int capture_start(int fd, const char *path, const struct capture_options *options,
                  struct capture **capture, struct error *error)
{
    struct writer *writer;
    int status = writer_start(fd, path, ring_bytes(options), &writer, error);

    if (status == 0)
        *capture = make(writer, path, options);
    return status;
}

int capture_open(const char *path, const struct capture_options *options, struct capture **capture,
                 struct error *error)
{
    struct writer *writer;
    int status = writer_open(path, ring_bytes(options), &writer, error);

    if (status == 0)
        *capture = make(writer, path, options);
    return status;
}

static void append_statistics(const struct capture *capture, uint64_t end_ns, struct buffer *out)
{
    for (size_t i = 0; i < capture->interface_count; i++) {
        const struct capture_counts *counts = &capture->interfaces[i].counts;
        const struct capture_statistics statistics = {.interface = (uint32_t)i,
                                                      .time_ns = end_ns,
                                                      .start_ns = capture->start_ns,
                                                      .received = counts->received,
                                                      .dropped = counts->dropped};
        uint8_t block[CAPTURE_OVERHEAD];

        buffer_append(out, block, (size_t)pcapng_statistics(block, sizeof block, &statistics));
    }
}

int capture_close(struct capture *capture, uint64_t end_ns, struct error *error)
{
    struct buffer last = {0};
    int status;

    if (!capture)
        return 0;
    if (capture->format == CAPTURE_PCAPNG)
        append_statistics(capture, end_ns, &last);
    status = writer_close(capture->writer, last.data, last.length, error);
    buffer_free(&last);
    free(capture->path);
    free(capture->interfaces);
    free(capture);
    return status;
}

int capture_add_interface(struct capture *capture, const struct capture_interface *interface,
                          struct error *error)
{
    size_t most = capture->format == CAPTURE_PCAP ? 1 : CAPTURE_INTERFACES_MAX;
    uint8_t *at;
    int length;

    if (capture->interface_count == most)
        return error_set(error, EMFILE, "%s has %zu interfaces, and can have no more",
                         capture->path, most);
    at = writer_reserve(capture->writer, CAPTURE_OVERHEAD);
    if (!at)
        return error_set(error, ENOBUFS, "the buffer for %s is full: add interfaces before packets",
                         capture->path);
    if (capture->format == CAPTURE_PCAP)
        length = pcap_header(at, CAPTURE_OVERHEAD, interface->link, interface->snap_length);
    else
        length = pcapng_interface(at, CAPTURE_OVERHEAD, interface);
    writer_publish(capture->writer, (size_t)length);
    capture->interfaces = xreallocarray(capture->interfaces, capture->interface_count + 1,
                                        sizeof *capture->interfaces);
    capture->interfaces[capture->interface_count] =
        (struct interface){.snap_length = interface->snap_length};
    return (int)capture->interface_count++;
}

void capture_packet(struct capture *capture, const struct capture_packet *packet)
{
    struct interface *interface = &capture->interfaces[packet->interface];
    struct capture_packet kept = *packet;
    uint32_t snap_length = interface->snap_length ? interface->snap_length : CAPTURE_SNAP_MAX;
    size_t most = CAPTURE_OVERHEAD + (packet->length < snap_length ? packet->length : snap_length);
    uint8_t *at = writer_reserve(capture->writer, most);
    int length;

    interface->counts.received++;
    if (!at) {
        interface->counts.dropped++;
        interface->missing++;
        return;
    }
    kept.snap_length = interface->snap_length;
    kept.dropped = interface->missing;
    interface->missing = 0;
    length = capture->format == CAPTURE_PCAP ? pcap_packet(at, most, &kept)
                                             : pcapng_packet(at, most, &kept);
    writer_publish(capture->writer, (size_t)length);
}

void capture_flush(struct capture *capture)
{
    writer_flush(capture->writer);
}

struct capture_counts capture_counts(const struct capture *capture, uint32_t interface)
{
    return capture->interfaces[interface].counts;
}
