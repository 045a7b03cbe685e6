#include "vm/carrier_way.h"

#include "base/memory.h"
#include "net/bytes.h"
#include "vm/frame.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    ETHERNET_BYTES = 14 + 4 * PACKET_VLANS_MAX, /* around the network's packet */
    FLIGHT_BYTES = 16 << 20,                    /* of frames in flight, about … */
    FLIGHT_LEAST = 256,                         /* … but so many at least … */
    FLIGHT_MOST = 4096,                         /* … and at most */
};

_Static_assert((int)POOL_HEADROOM >= (int)FRAME_HEADER,
               "the length of a frame goes before its bytes");

static void note(void *context, const struct impair_verdict *verdict, const struct packet *packet)
{
    struct way *way = context;

    if (way->log)
        verdict_file_add(way->log, verdict, packet);
    if (way->measure)
        impair_measure_add(way->measure, verdict);
    if (way->note)
        way->note(way->note_context, verdict, packet);
}

/* -- To the receiver --------------------------------------------------------------------------- */

static struct packet *first(const struct way *way)
{
    return way->queue[way->head];
}

static void drop_first(struct way *way)
{
    struct packet *packet = first(way);

    pool_give(&way->pool, &packet, 1);
    way->head = (way->head + 1) % way->room;
    way->count--;
    way->sent = 0;
}

static void lose_all(struct way *way)
{
    way->counters.unread += way->count;
    while (way->count > 0)
        drop_first(way);
}

static void queue(struct way *way, struct packet *const packets[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packets[i];

        if (way->fd < 0 || way->count == way->room) {
            way->counters.unread++;
            pool_give(&way->pool, &packet, 1);
            continue;
        }
        bytes_store32(packet->bytes - FRAME_HEADER, packet->length);
        way->queue[(way->head + way->count++) % way->room] = packet;
    }
}

static size_t gather(const struct way *way, struct iovec parts[static WAY_BATCH])
{
    size_t count = way->count < WAY_BATCH ? way->count : WAY_BATCH;

    for (size_t i = 0; i < count; i++) {
        const struct packet *packet = way->queue[(way->head + i) % way->room];
        size_t sent = i == 0 ? way->sent : 0;

        parts[i] = (struct iovec){.iov_base = packet->bytes - FRAME_HEADER + sent,
                                  .iov_len = FRAME_HEADER + (size_t)packet->length - sent};
    }
    return count;
}

static void sent(struct way *way, size_t bytes)
{
    while (way->count > 0) {
        uint32_t length = first(way)->length;
        size_t left = FRAME_HEADER + (size_t)length - way->sent;

        if (bytes < left)
            break;
        bytes -= left;
        way->counters.packets_out++;
        way->counters.bytes_out += length;
        drop_first(way);
    }
    way->sent += bytes;
}

/* That a receiver is gone shows when it is read from. */
void way_send(struct way *way)
{
    struct iovec parts[WAY_BATCH];

    while (way->count > 0) {
        const struct msghdr message = {.msg_iov = parts, .msg_iovlen = gather(way, parts)};
        ssize_t n = sendmsg(way->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
            lose_all(way);
        if (n < 0)
            break;
        sent(way, (size_t)n);
    }
    way->waits(way->context);
}

/* -- Through the impairment -------------------------------------------------------------------- */

static void wait_for_next(struct way *way)
{
    uint64_t next_ns = impair_next_ns(way->impair);

    if (next_ns == IMPAIR_NEVER)
        timer_stop(way->timer);
    else
        timer_start_at(way->timer, next_ns);
}

/* The resets of rules go to where the packets came from, among those of the other direction. They
 * are of this one's pool, and so are copied. */
static void send_back(struct way *way, uint64_t now_ns)
{
    struct packet *packets[WAY_BATCH];
    size_t count;

    while ((count = impair_back(way->impair, now_ns, packets, WAY_BATCH)) > 0) {
        for (size_t i = 0; i < count; i++) {
            struct packet *copy = pool_copy(&way->other->pool, packets[i]);

            if (copy)
                queue(way->other, &copy, 1);
            else
                way->other->counters.unread++;
        }
        pool_give(&way->pool, packets, count);
        way_send(way->other);
    }
}

/* What is due, after `count` packets that are there already. */
static void hand_on(struct way *way, uint64_t now_ns, struct packet *packets[static WAY_BATCH],
                    size_t count)
{
    do {
        queue(way, packets, count);
        way_send(way);
        count = impair_due(way->impair, now_ns, packets, WAY_BATCH);
    } while (count > 0);
    send_back(way, now_ns);
    wait_for_next(way);
}

void way_settings_changed(struct way *way)
{
    struct packet *packets[WAY_BATCH];

    hand_on(way, clock_ns(), packets, 0);
}

void way_note(struct way *way, uint64_t number, const struct impair_settings *settings)
{
    impair_config_copy(&way->config, settings);
    if (way->measure)
        impair_measure_set(way->measure, number, settings);
}

void way_set(struct way *way, struct impair_config *config)
{
    impair_set(way->impair, clock_ns(), &config->settings);
    impair_config_free(&way->config);
    way->config = *config;
    *config = (struct impair_config){0};
    if (way->measure)
        impair_measure_set(way->measure, impair_next_number(way->impair), &way->config.settings);
    way_settings_changed(way);
}

static void on_timer(void *context)
{
    way_settings_changed(context);
}

void way_room(struct way *way, struct packet *packets[static WAY_BATCH])
{
    pool_take(&way->pool, packets, WAY_BATCH);
}

void way_take(struct way *way, struct packet *packets[static WAY_BATCH], size_t count)
{
    uint64_t now_ns = clock_ns();

    pool_give(&way->pool, packets + count, WAY_BATCH - count);
    for (size_t i = 0; i < count; i++) {
        packets[i]->link = PACKET_LINK_ETHERNET;
        packets[i]->time_ns = now_ns;
    }
    packets_parse(packets, count);
    hand_on(way, now_ns, packets,
            impair_plan_pass(way->plan, way->direction, now_ns, packets, count, WAY_BATCH));
}

/* -- Life -------------------------------------------------------------------------------------- */

static uint32_t flight_for(size_t room)
{
    size_t count = FLIGHT_BYTES / room;

    return (uint32_t)(count < FLIGHT_LEAST ? FLIGHT_LEAST
                                           : (count > FLIGHT_MOST ? FLIGHT_MOST : count));
}

int way_open(struct way *way, const struct carrier_options *options, unsigned direction,
             struct error *error)
{
    size_t room = options->mtu + (size_t)ETHERNET_BYTES;
    struct impair_options impair = {.seed = options->seed,
                                    .link = options->link,
                                    .direction = direction,
                                    .flight = flight_for(room),
                                    .pool = &way->pool,
                                    .context = way};
    struct verdict_log_header header = {.seed = options->seed,
                                        .link = options->link,
                                        .direction = direction,
                                        .base_ns = clock_ns()};
    int code = 0;

    way->fd = -1;
    way->direction = direction;
    way->measure = options->measures[direction];
    if (options->logs[direction])
        code = verdict_file_new(options->logs[direction], &header, VERDICT_LOG_BYTES_MAX, &way->log,
                                error);
    if (code < 0)
        return code;
    if (way->log || way->measure || way->note)
        impair.note = note;
    way->room = impair.flight / 2;
    way->queue = xcalloc(way->room, sizeof(struct packet *));
    pool_init(&way->pool, impair.flight + way->room + WAY_BATCH + IMPAIR_COPIES_MAX, room);
    way->impair = impair_init(xmalloc(impair_size(&impair)), &impair);
    way_note(way, 0, options->settings[direction]);
    impair_set(way->impair, header.base_ns, &way->config.settings);
    way->timer = loop_timer(options->loop, on_timer, way);
    return 0;
}

void way_connect(struct way *way, int fd)
{
    way->fd = fd;
    if (fd < 0)
        lose_all(way);
}

void way_end(struct way *way)
{
    if (way->impair) {
        lose_all(way);
        impair_flush(way->impair, clock_ns());
        memcpy(way->counters.causes, impair_counters(way->impair)->causes,
               sizeof way->counters.causes);
    }
    timer_free(steal_pointer(&way->timer));
    free(steal_pointer(&way->impair));
    impair_config_free(&way->config);
    pool_free(&way->pool);
    free(steal_pointer(&way->queue));
}

int way_close(struct way *way, struct error *error)
{
    return verdict_file_close(steal_pointer(&way->log), error);
}
