#include "vm/carrier.h"

#include "base/memory.h"
#include "base/unix_socket.h"
#include "vm/carrier_way.h"
#include "vm/frame.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    INPUT = 1 << 18,     /* bytes; more than any frame has */
    READS_PER_EVENT = 4, /* so that one flooding guest leaves the loop to the others */
};

/* A node's. */
struct end {
    struct carrier *carrier;
    unsigned number;
    char *path;
    int listener, fd;
    struct watch *watch;
    uint32_t events; /* that are watched for */
    struct frame_reader reader;
    uint8_t *input; /* what was read … */
    size_t length;  /* … and was not a whole frame yet */
};

struct carrier {
    struct loop *loop;
    struct end ends[2];
    struct way ways[2]; /* each from the end of its number to the other */
    unsigned mtu;
    struct impair_plan_run plan;
    size_t steps_followed;
    struct timer *plan_timer;
    void (*note)(void *context, unsigned end, const struct impair_verdict *verdict,
                 const struct packet *packet); /* or NULL */
    void (*lied)(void *context, unsigned end, const char *message);
    void *context;
};

static struct way *way_from(const struct end *end)
{
    return &end->carrier->ways[end->number];
}

static struct way *way_to(const struct end *end)
{
    return &end->carrier->ways[1 - end->number];
}

static void on_note(void *context, const struct impair_verdict *verdict,
                    const struct packet *packet)
{
    const struct end *end = context;

    end->carrier->note(end->carrier->context, end->number, verdict, packet);
}

static void end_close(struct end *end)
{
    watch_free(steal_pointer(&end->watch));
    if (end->listener >= 0)
        close(end->listener);
    if (end->fd >= 0)
        close(end->fd);
    end->listener = end->fd = -1;
    way_connect(way_to(end), -1);
}

static void end_lies(struct end *end, uint32_t length)
{
    struct carrier *carrier = end->carrier;
    char message[96];

    snprintf(message, sizeof message, "a frame of %u bytes, where 1 to %d are possible", length,
             FRAME_MAX);
    end_close(end);
    carrier->lied(carrier->context, end->number, message);
}

/* -- Changes of the settings --------------------------------------------------------------------
 */

static void on_changed(void *context, unsigned direction, uint64_t number,
                       const struct impair_settings *settings)
{
    struct carrier *carrier = context;

    way_note(&carrier->ways[direction], number, settings);
}

/* After whatever may have brought a step of the plan about. */
static void follow_plan(struct carrier *carrier)
{
    uint64_t next_ns = impair_plan_next_ns(&carrier->plan);

    if (carrier->steps_followed != carrier->plan.done) {
        carrier->steps_followed = carrier->plan.done;
        way_settings_changed(&carrier->ways[0]);
        way_settings_changed(&carrier->ways[1]);
    }
    if (next_ns != IMPAIR_NEVER)
        timer_start_at(carrier->plan_timer, next_ns);
}

static void on_plan(void *context)
{
    struct carrier *carrier = context;

    impair_plan_tick(&carrier->plan, clock_ns());
    follow_plan(carrier);
}

int carrier_change(struct carrier *carrier, const struct impair_round rounds[2],
                   uint64_t numbers[2], struct error *error)
{
    struct impair_config next[2] = {0};
    int code = 0;

    for (unsigned i = 0; i < 2 && code == 0; i++)
        code =
            impair_round_make(&carrier->ways[i].config, &rounds[i], carrier->mtu, &next[i], error);
    for (unsigned i = 0; i < 2 && code == 0; i++) {
        numbers[i] = impair_next_number(carrier->ways[i].impair);
        if (rounds[i].count > 0)
            way_set(&carrier->ways[i], &next[i]);
    }
    for (unsigned i = 0; i < 2; i++)
        impair_config_free(&next[i]);
    return code;
}

const struct impair_settings *carrier_settings(const struct carrier *carrier, unsigned end)
{
    return &carrier->ways[end].config.settings;
}

/* -- Reading ----------------------------------------------------------------------------------- */

/* Copies up to WAY_BATCH frames out of the input. Returns what it ended with: FRAME_WHOLE where
 * there may be more. */
static enum frame_kind take_batch(struct end *end, size_t *at, struct frame *frame)
{
    struct way *way = way_from(end);
    struct packet *packets[WAY_BATCH];
    enum frame_kind kind = FRAME_WHOLE;
    size_t count = 0;

    way_room(way, packets);
    while (count < WAY_BATCH) {
        kind = frame_next(&end->reader, end->input, end->length, at, frame);
        if (kind == FRAME_NONE || kind == FRAME_LIE)
            break;
        way->counters.packets_in++;
        way->counters.bytes_in += frame->length;
        if (kind == FRAME_TOO_LONG) {
            way->counters.too_long++;
            continue;
        }
        memcpy(packets[count]->bytes, frame->bytes, frame->length);
        packets[count++]->length = frame->length;
    }
    way_take(way, packets, count);
    follow_plan(end->carrier);
    return kind == FRAME_TOO_LONG ? FRAME_WHOLE : kind;
}

static void take_frames(struct end *end)
{
    enum frame_kind kind;
    struct frame frame;
    size_t at = 0;

    do
        kind = take_batch(end, &at, &frame);
    while (kind == FRAME_WHOLE);
    if (kind == FRAME_LIE) {
        end_lies(end, frame.length);
        return;
    }
    end->length -= at;
    memmove(end->input, end->input + at, end->length);
}

/* Whether there may be more to read. */
static bool read_once(struct end *end)
{
    size_t room = INPUT - end->length;
    ssize_t n;

    do
        n = recv(end->fd, end->input + end->length, room, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return false;
    if (n <= 0) {
        end_close(end);
        return false;
    }
    end->length += (size_t)n;
    take_frames(end);
    return end->fd >= 0 && (size_t)n == room;
}

/* -- Connections ------------------------------------------------------------------------------- */

static void on_waits(void *context)
{
    struct end *end = context;
    uint32_t events = EPOLLIN | (way_to(end)->count > 0 ? EPOLLOUT : 0u);

    if (end->fd < 0 || events == end->events)
        return;
    watch_events(end->watch, events);
    end->events = events;
}

static void on_connection(void *context, uint32_t events)
{
    struct end *end = context;

    if (events & EPOLLOUT)
        way_send(way_to(end));
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return;
    for (int i = 0; i < READS_PER_EVENT && read_once(end); i++)
        continue;
}

static void on_listener(void *context, uint32_t events)
{
    struct end *end = context;
    int fd = accept4(end->listener, NULL, NULL, SOCK_CLOEXEC);

    (void)events;
    if (fd < 0)
        return;
    end_close(end);
    end->events = EPOLLIN;
    if (loop_watch(end->carrier->loop, fd, end->events, on_connection, end, &end->watch, NULL) <
        0) {
        close(fd);
        return;
    }
    end->fd = fd;
    way_connect(way_to(end), fd);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int end_open(struct end *end, const struct carrier_options *options, struct error *error)
{
    const char *path = options->sockets[end->number];
    int code = unix_listen(path, 1, &end->listener, error);

    if (code < 0)
        return code;
    end->path = xstrdup(path); /* from here on the file is this end's to remove */
    end->input = xmalloc(INPUT);
    return loop_watch(options->loop, end->listener, EPOLLIN, on_listener, end, &end->watch, error);
}

int carrier_new(const struct carrier_options *options, struct carrier **out, struct error *error)
{
    struct carrier *carrier = xcalloc(1, sizeof *carrier);
    int code = 0;

    carrier->loop = options->loop;
    carrier->note = options->note;
    carrier->mtu = options->mtu;
    carrier->lied = options->lied;
    carrier->context = options->context;
    carrier->plan_timer = loop_timer(options->loop, on_plan, carrier);
    for (unsigned i = 0; i < 2; i++) {
        carrier->ends[i] = (struct end){.carrier = carrier, .number = i, .listener = -1, .fd = -1};
        carrier->ways[i].plan = &carrier->plan;
        carrier->ways[i].other = &carrier->ways[1 - i];
        carrier->ways[i].waits = on_waits;
        carrier->ways[i].context = &carrier->ends[1 - i];
        carrier->ways[i].note = options->note ? on_note : NULL;
        carrier->ways[i].note_context = &carrier->ends[i];
    }
    for (unsigned i = 0; i < 2 && code == 0; i++) {
        code = way_open(&carrier->ways[i], options, i, error);
        carrier->ends[i].reader.room = carrier->ways[i].pool.room;
        if (code == 0)
            code = end_open(&carrier->ends[i], options, error);
    }
    if (code < 0) {
        carrier_free(carrier);
        return code;
    }
    impair_plan_start(&carrier->plan, options->plan, carrier->ways[0].impair,
                      carrier->ways[1].impair);
    carrier->plan.changed = on_changed;
    carrier->plan.context = carrier;
    *out = carrier;
    return 0;
}

void carrier_end(struct carrier *carrier)
{
    timer_free(steal_pointer(&carrier->plan_timer));
    for (unsigned i = 0; i < 2; i++) {
        struct end *end = &carrier->ends[i];

        end_close(end);
        if (end->path)
            unlink(end->path);
        free(steal_pointer(&end->path));
        free(steal_pointer(&end->input));
    }
    for (unsigned i = 0; i < 2; i++)
        way_end(&carrier->ways[i]);
}

int carrier_close(struct carrier *carrier, struct error *error)
{
    int code = 0;

    carrier_end(carrier);
    for (unsigned i = 0; i < 2; i++) {
        int closed = way_close(&carrier->ways[i], code == 0 ? error : NULL);

        code = code == 0 ? closed : code;
    }
    return code;
}

struct carrier_counters carrier_counters(const struct carrier *carrier, unsigned end)
{
    const struct way *way = &carrier->ways[end];
    struct carrier_counters counters = way->counters;

    if (way->impair)
        memcpy(counters.causes, impair_counters(way->impair)->causes, sizeof counters.causes);
    return counters;
}

void carrier_free(struct carrier *carrier)
{
    if (!carrier)
        return;
    carrier_close(carrier, NULL);
    free(carrier);
}
