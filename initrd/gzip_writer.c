#include "initrd/gzip_writer.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <zlib.h>

/* Theory of operation. The blocks go round a ring of slots. The caller's thread fills slot `head`,
 * hands it over and goes on to the next; before it fills a slot again it waits until that one is
 * done and writes its output, so output leaves in the order of input. Workers take slots in order,
 * too. A slot's contents belong to whom its state says; the states change under the lock.
 *
 * Threads start with the second block: what fits in one is compressed by the caller. */
enum {
    BLOCK_BYTES = 1 << 18, /* smaller blocks compress worse: each starts without a window */
    SLOTS = GZIP_WRITER_THREADS_MAX + 2,
    RAW_DEFLATE = -MAX_WBITS,
    OS_UNIX = 3,
};

enum slot_state {
    SLOT_FREE,    /* the caller's */
    SLOT_WAITING, /* a worker's to be */
    SLOT_BUSY,    /* a worker's */
    SLOT_DONE,    /* the caller's */
};

struct slot {
    enum slot_state state;
    unsigned char *in, *out;
    size_t in_length, out_length;
    uint32_t crc;
    bool last, failed;
};

struct gzip_writer {
    int fd;
    int level;
    unsigned int threads_wanted, threads;
    pthread_t ids[GZIP_WRITER_THREADS_MAX];
    z_stream streams[GZIP_WRITER_THREADS_MAX]; /* one a worker; the first is the caller's else */
    unsigned int streams_made;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    bool stop;
    struct slot slots[SLOTS];
    size_t out_size;   /* bytes of each slot's out */
    unsigned int head; /* the slot being filled */
    unsigned int next; /* the slot that a worker takes next */
    uint32_t crc;
    uint64_t total;
};

struct worker {
    struct gzip_writer *writer;
    z_stream *stream;
};

unsigned int gzip_writer_threads(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1                         ? 1
           : count > GZIP_WRITER_THREADS_MAX ? GZIP_WRITER_THREADS_MAX
                                             : (unsigned int)count;
}

static void compress_slot(const struct gzip_writer *writer, z_stream *stream, struct slot *slot)
{
    int wanted = slot->last ? Z_STREAM_END : Z_OK;

    slot->crc = (uint32_t)crc32(0, slot->in, (uInt)slot->in_length);
    deflateReset(stream);
    stream->next_in = slot->in;
    stream->avail_in = (uInt)slot->in_length;
    stream->next_out = slot->out;
    stream->avail_out = (uInt)writer->out_size;
    slot->failed = deflate(stream, slot->last ? Z_FINISH : Z_SYNC_FLUSH) != wanted ||
                   stream->avail_in != 0 || stream->avail_out == 0;
    slot->out_length = writer->out_size - stream->avail_out;
}

static void *work(void *context)
{
    struct worker worker = *(struct worker *)context;
    struct gzip_writer *writer = worker.writer;

    free(context);
    pthread_mutex_lock(&writer->lock);
    while (!writer->stop) {
        struct slot *slot = &writer->slots[writer->next];

        if (slot->state != SLOT_WAITING) {
            pthread_cond_wait(&writer->work, &writer->lock);
            continue;
        }
        slot->state = SLOT_BUSY;
        writer->next = (writer->next + 1) % SLOTS;
        pthread_mutex_unlock(&writer->lock);
        compress_slot(writer, worker.stream, slot);
        pthread_mutex_lock(&writer->lock);
        slot->state = SLOT_DONE;
        pthread_cond_signal(&writer->done);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static int make_stream(struct gzip_writer *writer, struct error *error)
{
    z_stream *stream = &writer->streams[writer->streams_made];

    if (deflateInit2(stream, writer->level, Z_DEFLATED, RAW_DEFLATE, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return error_set(error, ENOMEM, "zlib %s cannot compress at level %d", zlibVersion(),
                         writer->level);
    writer->streams_made++;
    return 0;
}

/* Without any thread the caller compresses, so a failure to start one is none. */
static int start_threads(struct gzip_writer *writer, struct error *error)
{
    sigset_t all, before;
    int code = 0;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (writer->threads < writer->threads_wanted) {
        struct worker *worker;

        if (writer->streams_made == writer->threads)
            code = make_stream(writer, error);
        if (code < 0)
            break;
        worker = xmalloc(sizeof *worker);
        *worker = (struct worker){writer, &writer->streams[writer->threads]};
        if (pthread_create(&writer->ids[writer->threads], NULL, work, worker) != 0) {
            free(worker);
            break;
        }
        writer->threads++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (writer->threads == 0)
        writer->threads_wanted = 1;
    return code;
}

int gzip_writer_new(int fd, int level, unsigned int threads, struct gzip_writer **writer,
                    struct error *error)
{
    unsigned char header[] = {0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, 0, OS_UNIX};
    struct gzip_writer *made;
    int code;

    if (level < 0 || level > 9)
        return error_set(error, EINVAL, "gzip has the levels 0 to 9, and none %d", level);
    header[8] = level == 9 ? 2 : level <= 1 ? 4 : 0;
    code = fs_write_all(fd, header, sizeof header, error);
    if (code < 0)
        return code;
    made = xcalloc(1, sizeof *made);
    made->fd = fd;
    made->level = level;
    made->threads_wanted = threads < GZIP_WRITER_THREADS_MAX ? threads : GZIP_WRITER_THREADS_MAX;
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->done, NULL);
    code = make_stream(made, error);
    if (code < 0) {
        gzip_writer_free(made);
        return code;
    }
    /* The bound is for one Z_FINISH; a sync flush adds an empty stored block. */
    made->out_size = deflateBound(&made->streams[0], BLOCK_BYTES) + 64;
    *writer = made;
    return 0;
}

void gzip_writer_free(struct gzip_writer *writer)
{
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_broadcast(&writer->work);
    pthread_mutex_unlock(&writer->lock);
    for (unsigned int i = 0; i < writer->threads; i++)
        pthread_join(writer->ids[i], NULL);
    for (unsigned int i = 0; i < writer->streams_made; i++)
        deflateEnd(&writer->streams[i]);
    for (unsigned int i = 0; i < SLOTS; i++) {
        free(writer->slots[i].in);
        free(writer->slots[i].out);
    }
    pthread_cond_destroy(&writer->work);
    pthread_cond_destroy(&writer->done);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

static void set_state(struct gzip_writer *writer, struct slot *slot, enum slot_state state)
{
    pthread_mutex_lock(&writer->lock);
    slot->state = state;
    if (state == SLOT_WAITING)
        pthread_cond_signal(&writer->work);
    pthread_mutex_unlock(&writer->lock);
}

/* Returns once the slot is the caller's, with what it is then. */
static enum slot_state await(struct gzip_writer *writer, struct slot *slot)
{
    enum slot_state state;

    pthread_mutex_lock(&writer->lock);
    while (slot->state == SLOT_WAITING || slot->state == SLOT_BUSY)
        pthread_cond_wait(&writer->done, &writer->lock);
    state = slot->state;
    pthread_mutex_unlock(&writer->lock);
    return state;
}

/* Waits for the slot and writes what it holds. */
static int drain(struct gzip_writer *writer, struct slot *slot, struct error *error)
{
    int code;

    if (await(writer, slot) == SLOT_FREE)
        return 0;
    if (slot->failed)
        return error_set(error, EIO, "zlib could not compress a block");
    code = fs_write_all(writer->fd, slot->out, slot->out_length, error);
    if (code < 0)
        return code;
    writer->crc = (uint32_t)crc32_combine(writer->crc, slot->crc, (z_off_t)slot->in_length);
    writer->total += slot->in_length;
    slot->in_length = 0;
    set_state(writer, slot, SLOT_FREE);
    return 0;
}

/* Hands over the slot at `head` and takes the next. */
static int submit(struct gzip_writer *writer, bool last, struct error *error)
{
    struct slot *slot = &writer->slots[writer->head];
    int code = 0;

    slot->last = last;
    if (!slot->out)
        slot->out = xmalloc(writer->out_size);
    if (!last && writer->threads == 0 && writer->threads_wanted > 1)
        code = start_threads(writer, error);
    if (code < 0)
        return code;
    if (writer->threads == 0) {
        compress_slot(writer, &writer->streams[0], slot);
        set_state(writer, slot, SLOT_DONE);
    } else {
        set_state(writer, slot, SLOT_WAITING);
    }
    writer->head = (writer->head + 1) % SLOTS;
    return last ? 0 : drain(writer, &writer->slots[writer->head], error);
}

int gzip_writer_write(struct gzip_writer *writer, const void *bytes, size_t count,
                      struct error *error)
{
    const unsigned char *at = bytes;

    while (count > 0) {
        struct slot *slot = &writer->slots[writer->head];
        size_t n = BLOCK_BYTES - slot->in_length;

        if (n > count)
            n = count;
        if (!slot->in)
            slot->in = xmalloc(BLOCK_BYTES);
        memcpy(slot->in + slot->in_length, at, n);
        slot->in_length += n;
        at += n;
        count -= n;
        if (slot->in_length == BLOCK_BYTES) {
            int code = submit(writer, false, error);

            if (code < 0)
                return code;
        }
    }
    return 0;
}

int gzip_writer_finish(struct gzip_writer *writer, struct error *error)
{
    unsigned char trailer[8];
    struct slot *slot = &writer->slots[writer->head];
    int code;

    if (!slot->in)
        slot->in = xmalloc(BLOCK_BYTES);
    code = submit(writer, true, error);
    for (unsigned int i = 0; code == 0 && i < SLOTS; i++)
        code = drain(writer, &writer->slots[(writer->head + i) % SLOTS], error);
    if (code < 0)
        return code;
    for (int i = 0; i < 4; i++) {
        trailer[i] = (unsigned char)(writer->crc >> 8 * i);
        trailer[4 + i] = (unsigned char)(writer->total >> 8 * i);
    }
    return fs_write_all(writer->fd, trailer, sizeof trailer, error);
}
