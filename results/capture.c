/* Theory of operation
 *
 * The ring holds entries: a header of 8 bytes with the length of what follows, then bytes for the
 * file, then padding to a multiple of 8. An entry is never split: where the room up to the ring's
 * end is too short, a header that says so sends the reader to the start. `head` and `tail` count
 * bytes ever put in and taken out; each is written by one thread only.
 *
 * The thread sleeps on a semaphore while there is not enough in the ring for a large write and
 * nobody is in a hurry. It says so in `asleep` before it looks a last time, and the others look
 * there after they have changed something: whoever clears `asleep` posts, so no wake-up is lost. */
#include "results/capture.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    ENTRY_HEADER = 8,
    WAKE_BYTES = 1 << 15, /* worth a write */
    PIECES_MAX = 256,     /* entries of one write */
};

#define ENTRY_SKIP UINT64_MAX /* go on at the ring's start */

struct interface {
    uint32_t snap_length;
    struct capture_counts counts;
    uint64_t missing; /* dropped since the last that was not */
};

struct capture {
    char *path;
    int fd;
    enum capture_format format;
    uint64_t start_ns;
    struct interface *interfaces;
    size_t interface_count;

    uint8_t *ring;
    size_t capacity; /* a multiple of 8 */
    size_t wake_bytes;
    _Atomic uint64_t head; /* the packets' thread writes it */
    _Atomic uint64_t tail; /* the writing thread writes it */
    atomic_bool asleep, hurry, closing;
    sem_t wake;
    pthread_t thread;

    int failure; /* the writing thread's, until it has ended: a positive errno */
};

/* -- The writing thread ------------------------------------------------------------------------ */

/* writev until all is written. Returns 0 or a positive errno. */
static int write_pieces(int fd, struct iovec *pieces, int count)
{
    while (count > 0) {
        ssize_t written = writev(fd, pieces, count);

        if (written < 0) {
            if (errno == EINTR)
                continue;
            return errno;
        }
        while (count > 0 && (size_t)written >= pieces->iov_len) {
            written -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (uint8_t *)pieces->iov_base + written;
            pieces->iov_len -= (size_t)written;
        }
    }
    return 0;
}

static uint64_t padded(uint64_t length)
{
    return (length + 7) / 8 * 8;
}

/* Entries from *tail on, at most to `head`; moves *tail behind them. */
static int gather(const struct capture *capture, uint64_t head, uint64_t *tail,
                  struct iovec pieces[static PIECES_MAX])
{
    int count = 0;

    while (*tail < head && count < PIECES_MAX) {
        size_t at = (size_t)(*tail % capture->capacity);
        uint64_t length;

        memcpy(&length, capture->ring + at, sizeof length);
        if (length == ENTRY_SKIP) {
            *tail += capture->capacity - at;
            continue;
        }
        pieces[count++] = (struct iovec){capture->ring + at + ENTRY_HEADER, (size_t)length};
        *tail += ENTRY_HEADER + padded(length);
    }
    return count;
}

/* After a failure the ring is emptied all the same: nobody may ever wait for the file. */
static void write_all(struct capture *capture)
{
    uint64_t tail = atomic_load_explicit(&capture->tail, memory_order_relaxed);

    for (;;) {
        uint64_t head = atomic_load_explicit(&capture->head, memory_order_acquire);
        struct iovec pieces[PIECES_MAX];
        int count;

        if (tail == head)
            return;
        count = gather(capture, head, &tail, pieces);
        if (!capture->failure)
            capture->failure = write_pieces(capture->fd, pieces, count);
        atomic_store_explicit(&capture->tail, tail, memory_order_release);
    }
}

static bool may_sleep(struct capture *capture)
{
    uint64_t pending = atomic_load(&capture->head) - atomic_load(&capture->tail);

    return pending < capture->wake_bytes && !atomic_load(&capture->hurry);
}

static void *writer(void *context)
{
    struct capture *capture = context;

    for (;;) {
        bool closing = atomic_load(&capture->closing);

        atomic_store(&capture->hurry, closing);
        write_all(capture);
        if (closing)
            return NULL;
        atomic_store(&capture->asleep, true);
        if (may_sleep(capture))
            while (sem_wait(&capture->wake) < 0 && errno == EINTR)
                continue;
        atomic_store(&capture->asleep, false);
    }
}

static void wake(struct capture *capture)
{
    if (atomic_exchange(&capture->asleep, false))
        sem_post(&capture->wake);
}

/* -- The ring ---------------------------------------------------------------------------------- */

/* Room for an entry of up to `most` bytes, or NULL. Nobody sees it before `publish`. */
static uint8_t *reserve(struct capture *capture, size_t most)
{
    uint64_t head = atomic_load_explicit(&capture->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&capture->tail, memory_order_acquire);
    size_t at = (size_t)(head % capture->capacity);
    size_t need = ENTRY_HEADER + (size_t)padded(most);
    size_t room = capture->capacity - (size_t)(head - tail);

    if (capture->capacity - at < need) {
        size_t skipped = capture->capacity - at;
        uint64_t skip = ENTRY_SKIP;

        if (room < skipped + need)
            return NULL;
        memcpy(capture->ring + at, &skip, sizeof skip);
        atomic_store_explicit(&capture->head, head + skipped, memory_order_release);
        return capture->ring + ENTRY_HEADER;
    }
    return room < need ? NULL : capture->ring + at + ENTRY_HEADER;
}

static void publish(struct capture *capture, size_t count)
{
    uint64_t head = atomic_load_explicit(&capture->head, memory_order_relaxed);
    uint64_t length = count;

    memcpy(capture->ring + head % capture->capacity, &length, sizeof length);
    head += ENTRY_HEADER + padded(length);
    atomic_store(&capture->head, head);
    if (head - atomic_load_explicit(&capture->tail, memory_order_relaxed) >= capture->wake_bytes)
        wake(capture);
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static int start_thread(struct capture *capture, struct error *error)
{
    sigset_t all, before;
    int status;

    /* Signals are for the thread that handles them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&capture->thread, NULL, writer, capture);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return error_set(error, status, "cannot start a thread to write %s: %s", capture->path,
                         strerror(status));
    return 0;
}

static void release(struct capture *capture)
{
    sem_destroy(&capture->wake);
    free(capture->path);
    free(capture->interfaces);
    free(capture->ring);
    free(capture);
}

int capture_start(int fd, const char *path, const struct capture_options *options,
                  struct capture **capture, struct error *error)
{
    struct capture *made = xcalloc(1, sizeof *made);
    size_t capacity = options->ring_bytes ? options->ring_bytes : CAPTURE_RING_DEFAULT;
    int status;

    if (capacity < CAPTURE_RING_MIN)
        capacity = CAPTURE_RING_MIN;
    made->path = xstrdup(path);
    made->fd = fd;
    made->format = options->format;
    made->start_ns = options->start_ns;
    made->capacity = capacity / 8 * 8;
    made->ring = xmalloc(made->capacity);
    made->wake_bytes = made->capacity / 4 < WAKE_BYTES ? made->capacity / 4 : WAKE_BYTES;
    sem_init(&made->wake, 0, 0);
    if (made->format == CAPTURE_PCAPNG) {
        uint8_t *at = reserve(made, CAPTURE_OVERHEAD);

        publish(made, (size_t)pcapng_section(at, CAPTURE_OVERHEAD, "duet " DUET_VERSION));
    }
    status = start_thread(made, error);
    if (status < 0) {
        release(made);
        close(fd);
        return status;
    }
    *capture = made;
    return 0;
}

int capture_open(const char *path, const struct capture_options *options, struct capture **capture,
                 struct error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_errno(error, "cannot make %s", path);
    return capture_start(fd, path, options, capture, error);
}

static void put_statistics(struct capture *capture, uint64_t end_ns)
{
    for (size_t i = 0; i < capture->interface_count; i++) {
        const struct capture_counts *counts = &capture->interfaces[i].counts;
        const struct capture_statistics statistics = {.interface = (uint32_t)i,
                                                      .time_ns = end_ns,
                                                      .start_ns = capture->start_ns,
                                                      .received = counts->received,
                                                      .dropped = counts->dropped};
        uint8_t block[CAPTURE_OVERHEAD];
        int length = pcapng_statistics(block, sizeof block, &statistics);
        struct iovec piece = {block, (size_t)length};

        if (!capture->failure)
            capture->failure = write_pieces(capture->fd, &piece, 1);
    }
}

int capture_close(struct capture *capture, uint64_t end_ns, struct error *error)
{
    int status = 0;

    if (!capture)
        return 0;
    atomic_store(&capture->closing, true);
    capture_flush(capture);
    pthread_join(capture->thread, NULL);
    if (capture->format == CAPTURE_PCAPNG)
        put_statistics(capture, end_ns);
    if (close(capture->fd) < 0 && !capture->failure)
        capture->failure = errno;
    if (capture->failure)
        status = error_set(error, capture->failure, "cannot write %s: %s", capture->path,
                           strerror(capture->failure));
    release(capture);
    return status;
}

/* -- Packets ----------------------------------------------------------------------------------- */

int capture_add_interface(struct capture *capture, const struct capture_interface *interface,
                          struct error *error)
{
    size_t most = capture->format == CAPTURE_PCAP ? 1 : CAPTURE_INTERFACES_MAX;
    uint8_t *at;
    int length;

    if (capture->interface_count == most)
        return error_set(error, EMFILE, "%s has %zu interfaces, and can have no more",
                         capture->path, most);
    at = reserve(capture, CAPTURE_OVERHEAD);
    if (!at)
        return error_set(error, ENOBUFS, "the buffer for %s is full: add interfaces before packets",
                         capture->path);
    if (capture->format == CAPTURE_PCAP)
        length = pcap_header(at, CAPTURE_OVERHEAD, interface->link, interface->snap_length);
    else
        length = pcapng_interface(at, CAPTURE_OVERHEAD, interface);
    publish(capture, (size_t)length);
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
    uint8_t *at = reserve(capture, most);
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
    publish(capture, (size_t)length);
}

void capture_flush(struct capture *capture)
{
    atomic_store(&capture->hurry, true);
    wake(capture);
}

struct capture_counts capture_counts(const struct capture *capture, uint32_t interface)
{
    return capture->interfaces[interface].counts;
}
