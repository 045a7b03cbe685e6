#include "initrd/init/datapath_way.h"

#include "base/loop.h"
#include "base/memory.h"
#include "initrd/init/datapath_cut.h"
#include "initrd/init/datapath_input.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    ETHERNET_BYTES = 14 + 4 * PACKET_VLANS_MAX, /* around the network's packet */
    FLIGHT_BYTES = 16 << 20,                    /* of packets in flight, about … */
    FLIGHT_LEAST = 256,                         /* … but so many at least … */
    FLIGHT_MOST = 4096,                         /* … and at most */
    VECTOR = 64,                                /* packets that are handled at once */
};

struct way {
    struct way_options options;
    struct way *other; /* of the link; or NULL */
    struct impair *impair;
    struct pool pool;
    const struct impair_settings *settings; /* in force after … */
    size_t steps;                           /* … so many of the run */
    bool none;                              /* they ask for nothing */
    struct link_way_state state;
    uint64_t unseen;       /* packets that were lost before they could be read */
    struct input input;    /* frames that were read … */
    size_t next;           /* … of which these are handled */
    struct packet **queue; /* a ring: what is due and was not sent */
    size_t room, head, count;
};

_Static_assert((int)POOL_HEADROOM >= (int)OFFLOAD_BYTES, "virtio's header goes before a frame");

static void note(void *context, const struct impair_verdict *verdict, const struct packet *packet)
{
    datapath_log_add(context, verdict, packet);
}

/* -- To the receiver --------------------------------------------------------------------------- */

/* How many the receiver gets of what the packet stands for. */
static uint32_t pieces(const struct packet *packet, uint64_t *bytes)
{
    size_t payload_at, payload;
    uint32_t count;

    *bytes = packet->length;
    if (!packet->segment_bytes || !cut_is_possible(packet, &payload_at, &payload))
        return 1;
    count = (uint32_t)((payload + packet->segment_bytes - 1) / packet->segment_bytes);
    *bytes += (uint64_t)(count - 1) * payload_at;
    return count;
}

static struct packet *packet_at(const struct way *way, size_t index)
{
    return way->queue[(way->head + index) % way->room];
}

static void leave(struct way *way, size_t count, bool was_taken)
{
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packet_at(way, i);
        uint64_t bytes;
        uint32_t number = pieces(packet, &bytes);

        way->state.packets_out += was_taken ? number : 0;
        way->state.bytes_out += was_taken ? bytes : 0;
        way->state.unread += was_taken ? 0 : number;
        pool_give(&way->pool, &packet, 1);
    }
    way->head = (way->head + count) % way->room;
    way->count -= count;
}

static void enqueue(struct way *way, struct packet *const packets[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = packets[i];

        offload_write(packet, packet->bytes - OFFLOAD_BYTES);
        way->queue[(way->head + way->count++) % way->room] = packet;
    }
}

static struct iovec frame_of(const struct packet *packet)
{
    return (struct iovec){.iov_base = packet->bytes - OFFLOAD_BYTES,
                          .iov_len = OFFLOAD_BYTES + (size_t)packet->length};
}

/* How many the device took; -errno where it refuses the first, -EAGAIN: for now. */
static int write_frame(int fd, const struct packet *packet)
{
    struct iovec frame = frame_of(packet);
    ssize_t n;

    do
        n = write(fd, frame.iov_base, frame.iov_len);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 1;
}

/* From the ring's slot; where the ring has no room now, as any other. */
static int send_slot(const struct way *way)
{
    const struct packet *packet = packet_at(way, 0);
    int code = datapath_ring_send(way->options.ring, packet->length);

    return code == -EAGAIN ? write_frame(way->options.to_fd, packet) : code < 0 ? code : 1;
}

static bool is_in_slot(const struct way *way, size_t index)
{
    return datapath_ring_holds(way->options.ring, packet_at(way, index)->bytes);
}

static int send_to_nic(const struct way *way)
{
    struct mmsghdr messages[VECTOR];
    struct iovec frames[VECTOR];
    size_t count = 0;
    int n;

    if (is_in_slot(way, 0))
        return send_slot(way);
    for (; count < way->count && count < VECTOR && !is_in_slot(way, count); count++) {
        frames[count] = frame_of(packet_at(way, count));
        messages[count].msg_hdr = (struct msghdr){.msg_iov = &frames[count], .msg_iovlen = 1};
    }
    do
        n = sendmmsg(way->options.to_fd, messages, (unsigned)count, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static void send_queue(struct way *way)
{
    while (way->count > 0) {
        int taken = way->options.from == WAY_TAP
                        ? send_to_nic(way)
                        : write_frame(way->options.to_fd, packet_at(way, 0));

        if (taken == -EAGAIN || taken == -EWOULDBLOCK)
            return;
        if (taken < 0)
            leave(way, 1, false);
        else
            leave(way, (size_t)taken, true);
    }
}

/* -- Through the impairment -------------------------------------------------------------------- */

/* Every piece of the packet goes past the impairment, which has nothing to do but to count and to
 * tell of it: so the packet is not cut. */
static void count_pieces(struct way *way, uint64_t now_ns, const struct packet *packet)
{
    struct packet views[VECTOR], *pointers[VECTOR];
    size_t left = packet_payload_length(packet);

    while (left > 0) {
        size_t count = 0;

        while (left > 0 && count < VECTOR) {
            size_t payload = left < packet->segment_bytes ? left : packet->segment_bytes;

            views[count] = *packet;
            views[count].segment_bytes = 0;
            views[count].length = (uint32_t)(packet->payload_at + payload);
            views[count].end = views[count].length;
            pointers[count] = &views[count];
            count++;
            left -= payload;
        }
        impair_plan_pass(way->options.run, way->options.direction, now_ns, pointers, count, VECTOR);
    }
}

/* Where packets go from here. */
typedef void (*take_fn)(struct way *way, uint64_t now_ns, struct packet *packets[], size_t count);

/* On their way, and no further. */
static void take_in(struct way *way, uint64_t now_ns, struct packet *packets[], size_t count)
{
    impair_plan_take(way->options.run, way->options.direction, now_ns, packets, count);
}

/* To the receiver, where they are due. */
static void take_through(struct way *way, uint64_t now_ns, struct packet *packets[], size_t count)
{
    struct packet *out[VECTOR];
    size_t done = 0;

    while (done < count) {
        size_t part = count - done < VECTOR ? count - done : VECTOR;
        size_t passed;

        memcpy(out, packets + done, part * sizeof *out);
        passed =
            impair_plan_pass(way->options.run, way->options.direction, now_ns, out, part, VECTOR);
        enqueue(way, out, passed);
        done += part;
    }
}

static void take_pieces(struct way *way, uint64_t now_ns, const struct packet *packet, take_fn take)
{
    struct packet *segments[SEGMENTS_MAX];
    int count = cut(&way->pool, packet, segments);
    uint64_t bytes;

    if (count < 0) {
        way->input.lost_packets += pieces(packet, &bytes);
        way->input.lost_bytes += bytes;
        return;
    }
    take(way, now_ns, segments, (size_t)count);
}

static void put_in_force(struct way *way, const struct impair_settings *settings)
{
    way->settings = settings;
    way->none = impair_is_none(settings);
}

/* The run makes its steps behind the way's back. */
static void see_steps(struct way *way)
{
    const struct impair_plan_run *run = way->options.run;

    for (; way->steps < run->done; way->steps++) {
        const struct impair_settings *settings =
            run->plan.steps[way->steps].settings[way->options.direction];

        if (settings)
            put_in_force(way, settings);
    }
}

static bool has_steps(const struct way *way)
{
    return way->options.run->done < way->options.run->plan.count;
}

/* No packet can then be the one with which that ends. */
static bool lets_all_pass(struct way *way)
{
    see_steps(way);
    return way->none && !has_steps(way) && impair_in_flight(way->impair) == 0;
}

/* One inside another packet cannot be handed over whole: virtio's header does not say that. */
static bool passes_whole(struct way *way, const struct packet *packet)
{
    return lets_all_pass(way) && packet->transport == PACKET_TRANSPORT_TCP;
}

static void take_large(struct way *way, uint64_t now_ns, struct packet *packet, take_fn take)
{
    if (passes_whole(way, packet)) {
        count_pieces(way, now_ns, packet);
        enqueue(way, &packet, 1);
    } else {
        take_pieces(way, now_ns, packet, take);
        pool_give(&way->pool, &packet, 1);
    }
}

/* What follows the packet at `next` and, as that, is one packet of the link. */
static size_t count_small(const struct way *way)
{
    size_t count = 0;

    while (way->next + count < way->input.count &&
           !way->input.packets[way->next + count]->segment_bytes)
        count++;
    return count;
}

static void take_next(struct way *way, uint64_t now_ns, take_fn take)
{
    size_t count = count_small(way);
    struct packet **packets = way->input.packets + way->next;

    if (count > 0)
        take(way, now_ns, packets, count);
    else
        take_large(way, now_ns, packets[count++], take);
    way->next += count;
}

/* The resets of rules, to the device where the packets came from. One that it has no room for just
 * now is lost, as on any link. */
static void send_back(struct way *way, uint64_t now_ns)
{
    struct packet *packets[VECTOR];
    size_t count;

    while ((count = impair_back(way->impair, now_ns, packets, VECTOR)) > 0) {
        for (size_t i = 0; i < count; i++) {
            offload_write(packets[i], packets[i]->bytes - OFFLOAD_BYTES);
            if (write_frame(way->options.from_fd, packets[i]) < 0)
                way->state.unread++;
        }
        pool_give(&way->pool, packets, count);
    }
}

/* What is due goes first, which came before. */
static void hand_on(struct way *way, uint64_t now_ns)
{
    struct packet *packets[VECTOR];
    size_t count;

    send_back(way, now_ns);
    send_queue(way);
    while (way->count == 0 && (count = impair_due(way->impair, now_ns, packets, VECTOR)) > 0) {
        enqueue(way, packets, count);
        send_queue(way);
    }
}

/* Goes on with what was read, until the receiver takes no more. */
void way_go_on(struct way *way)
{
    uint64_t now_ns = clock_ns();

    hand_on(way, now_ns);
    while (way->count == 0 && way->next < way->input.count) {
        take_next(way, now_ns, take_through);
        hand_on(way, now_ns);
    }
}

void way_take_rest(struct way *way)
{
    uint64_t now_ns = clock_ns();

    while (way->next < way->input.count)
        take_next(way, now_ns, take_in);
}

/* A step may fall on what is read now, and what the other way has read came before that. */
void way_read(struct way *way)
{
    if (way->count == 0 && way->next == way->input.count) {
        if (way->other && has_steps(way))
            way_take_rest(way->other);
        input_read(&way->input, &way->pool, datapath_ring_slot(way->options.ring));
        way->next = 0;
    }
    way_go_on(way);
}

/* -- Life -------------------------------------------------------------------------------------- */

static uint32_t flight_for(size_t room)
{
    size_t count = FLIGHT_BYTES / room;

    return (uint32_t)(count < FLIGHT_LEAST ? FLIGHT_LEAST
                                           : (count > FLIGHT_MOST ? FLIGHT_MOST : count));
}

struct way *way_new(const struct way_options *options)
{
    size_t room = options->mtu + (size_t)ETHERNET_BYTES;
    struct way *way = xcalloc(1, sizeof *way);
    struct impair_options impair = {.seed = options->seed,
                                    .link = options->link,
                                    .direction = options->direction,
                                    .flight = flight_for(room),
                                    .pool = &way->pool,
                                    .note = options->log ? note : NULL,
                                    .context = options->log};

    way->options = *options;
    /* Nothing is taken through while something waits here, so it is one packet's pieces at most,
     * and what way_take_rest finds behind the last step and hands on whole: INPUT_FRAMES at most.
     */
    way->room = (size_t)SEGMENTS_MAX + 2 * (size_t)VECTOR;
    way->queue = xcalloc(way->room, sizeof(struct packet *));
    pool_init(&way->pool, impair.flight + way->room + INPUT_FRAMES + IMPAIR_COPIES_MAX, room);
    input_init(&way->input, options->from_fd, options->from == WAY_NIC, room);
    way->impair = impair_init(xmalloc(impair_size(&impair)), &impair);
    return way;
}

void way_pair(struct way *one, struct way *other)
{
    one->other = other;
    other->other = one;
}

void way_free(struct way *way)
{
    if (!way)
        return;
    way_flush(way);
    free(way->impair);
    input_free(&way->input);
    pool_free(&way->pool);
    free(way->queue);
    free(way);
}

/* What was read has come, so it counts and has verdicts as all that is on its way. */
void way_flush(struct way *way)
{
    uint64_t now_ns = clock_ns();

    leave(way, way->count, false);
    while (way->next < way->input.count) {
        take_next(way, now_ns, take_through);
        leave(way, way->count, false);
    }
    impair_flush(way->impair, now_ns);
}

void way_change(struct way *way, const struct impair_settings *settings)
{
    see_steps(way);
    put_in_force(way, settings);
    impair_set(way->impair, clock_ns(), settings);
}

const struct impair_settings *way_settings(struct way *way)
{
    see_steps(way);
    return way->settings;
}

struct impair *way_impair(const struct way *way)
{
    return way->impair;
}

bool way_waits(const struct way *way)
{
    return way->count > 0;
}

uint64_t way_next_ns(const struct way *way)
{
    return way->count > 0 ? IMPAIR_NEVER : impair_next_ns(way->impair);
}

/* What the kernel had no room for. A NIC's socket counts from 0 with each look. */
static void see_drops(struct way *way)
{
    struct tpacket_stats found = {0};
    socklen_t size = sizeof found;

    if (way->options.sender_lost)
        way->unseen = way->options.sender_lost(way->options.context);
    else if (way->options.from == WAY_NIC &&
             getsockopt(way->options.from_fd, SOL_PACKET, PACKET_STATISTICS, &found, &size) == 0)
        way->unseen += found.tp_drops;
}

struct link_way_state way_state(struct way *way)
{
    const struct impair_counters *impair = impair_counters(way->impair);
    struct link_way_state state;

    see_drops(way);
    state = way->state;
    state.next = impair_next_number(way->impair);
    state.too_long = way->input.lost_packets;
    state.unread += way->unseen;
    state.packets_in = impair->packets_in + way->input.lost_packets + way->unseen;
    state.bytes_in = impair->bytes_in + way->input.lost_bytes;
    memcpy(state.causes, impair->causes, sizeof state.causes);
    return state;
}
