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
#include "base/writer.h"

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

struct writer {
    char *path;
    int fd;
    uint8_t *ring;
    size_t capacity; /* a multiple of 8 */
    size_t wake_bytes;
    _Atomic uint64_t head; /* the caller's thread writes it */
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
static int gather(const struct writer *writer, uint64_t head, uint64_t *tail,
                  struct iovec pieces[static PIECES_MAX])
{
    int count = 0;

    while (*tail < head && count < PIECES_MAX) {
        size_t at = (size_t)(*tail % writer->capacity);
        uint64_t length;

        memcpy(&length, writer->ring + at, sizeof length);
        if (length == ENTRY_SKIP) {
            *tail += writer->capacity - at;
            continue;
        }
        pieces[count++] = (struct iovec){writer->ring + at + ENTRY_HEADER, (size_t)length};
        *tail += ENTRY_HEADER + padded(length);
    }
    return count;
}

/* After a failure the ring is emptied all the same: nobody may ever wait for the file. */
static void write_all(struct writer *writer)
{
    uint64_t tail = atomic_load_explicit(&writer->tail, memory_order_relaxed);

    for (;;) {
        uint64_t head = atomic_load_explicit(&writer->head, memory_order_acquire);
        struct iovec pieces[PIECES_MAX];
        int count;

        if (tail == head)
            return;
        count = gather(writer, head, &tail, pieces);
        if (!writer->failure)
            writer->failure = write_pieces(writer->fd, pieces, count);
        atomic_store_explicit(&writer->tail, tail, memory_order_release);
    }
}

static bool may_sleep(struct writer *writer)
{
    uint64_t pending = atomic_load(&writer->head) - atomic_load(&writer->tail);

    return pending < writer->wake_bytes && !atomic_load(&writer->hurry);
}

static void *write_along(void *context)
{
    struct writer *writer = context;

    for (;;) {
        bool closing = atomic_load(&writer->closing);

        atomic_store(&writer->hurry, closing);
        write_all(writer);
        if (closing)
            return NULL;
        atomic_store(&writer->asleep, true);
        if (may_sleep(writer))
            while (sem_wait(&writer->wake) < 0 && errno == EINTR)
                continue;
        atomic_store(&writer->asleep, false);
    }
}

static void wake(struct writer *writer)
{
    if (atomic_exchange(&writer->asleep, false))
        sem_post(&writer->wake);
}

/* -- The ring ---------------------------------------------------------------------------------- */

uint8_t *writer_reserve(struct writer *writer, size_t most)
{
    uint64_t head = atomic_load_explicit(&writer->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&writer->tail, memory_order_acquire);
    size_t at = (size_t)(head % writer->capacity);
    size_t need = ENTRY_HEADER + (size_t)padded(most);
    size_t room = writer->capacity - (size_t)(head - tail);

    if (writer->capacity - at < need) {
        size_t skipped = writer->capacity - at;
        uint64_t skip = ENTRY_SKIP;

        if (room < skipped + need)
            return NULL;
        memcpy(writer->ring + at, &skip, sizeof skip);
        atomic_store_explicit(&writer->head, head + skipped, memory_order_release);
        return writer->ring + ENTRY_HEADER;
    }
    return room < need ? NULL : writer->ring + at + ENTRY_HEADER;
}

void writer_publish(struct writer *writer, size_t count)
{
    uint64_t head = atomic_load_explicit(&writer->head, memory_order_relaxed);
    uint64_t length = count;

    memcpy(writer->ring + head % writer->capacity, &length, sizeof length);
    head += ENTRY_HEADER + padded(length);
    atomic_store(&writer->head, head);
    if (head - atomic_load_explicit(&writer->tail, memory_order_relaxed) >= writer->wake_bytes)
        wake(writer);
}

/* -- Opening and closing ----------------------------------------------------------------------- */

static int start_thread(struct writer *writer, struct error *error)
{
    sigset_t all, before;
    int status;

    /* Signals are for the thread that handles them. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&writer->thread, NULL, write_along, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (status != 0)
        return error_set(error, status, "cannot start a thread to write %s: %s", writer->path,
                         strerror(status));
    return 0;
}

static void release(struct writer *writer)
{
    sem_destroy(&writer->wake);
    free(writer->path);
    free(writer->ring);
    free(writer);
}

int writer_start(int fd, const char *path, size_t ring_bytes, struct writer **out,
                 struct error *error)
{
    struct writer *writer = xcalloc(1, sizeof *writer);
    size_t capacity = ring_bytes < WRITER_RING_MIN ? WRITER_RING_MIN : ring_bytes;
    int status;

    writer->path = xstrdup(path);
    writer->fd = fd;
    writer->capacity = capacity / 8 * 8;
    writer->ring = xmalloc(writer->capacity);
    writer->wake_bytes = writer->capacity / 4 < WAKE_BYTES ? writer->capacity / 4 : WAKE_BYTES;
    sem_init(&writer->wake, 0, 0);
    status = start_thread(writer, error);
    if (status < 0) {
        release(writer);
        close(fd);
        return status;
    }
    *out = writer;
    return 0;
}

int writer_open(const char *path, size_t ring_bytes, struct writer **writer, struct error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_errno(error, "cannot make %s", path);
    return writer_start(fd, path, ring_bytes, writer, error);
}

void writer_flush(struct writer *writer)
{
    atomic_store(&writer->hurry, true);
    wake(writer);
}

int writer_close(struct writer *writer, const void *last, size_t length, struct error *error)
{
    struct iovec piece = {(void *)last, length};
    int status = 0;

    if (!writer)
        return 0;
    atomic_store(&writer->closing, true);
    writer_flush(writer);
    pthread_join(writer->thread, NULL);
    if (!writer->failure && length > 0)
        writer->failure = write_pieces(writer->fd, &piece, 1);
    if (close(writer->fd) < 0 && !writer->failure)
        writer->failure = errno;
    if (writer->failure)
        status = error_set(error, writer->failure, "cannot write %s: %s", writer->path,
                           strerror(writer->failure));
    release(writer);
    return status;
}
