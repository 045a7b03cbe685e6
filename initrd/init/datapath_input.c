#include "initrd/init/datapath_input.h"

#include "base/loop.h"
#include "base/memory.h"
#include "initrd/init/datapath_cut.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    VLAN_BYTES = 4,
    MACS_BYTES = 2 * PACKET_MAC_BYTES,
    LARGE = POOL_HEADROOM + PACKET_BYTES_MAX, /* bytes for one frame of any kind */
};

/* A frame is read into the pool's packet, and what has no room there behind the place in `large`
 * where that then belongs. */
struct input_frame {
    struct packet *small; /* of the pool; NULL: it went on */
    struct packet large;
    uint8_t header[OFFLOAD_BYTES];
    struct iovec parts[3];
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
    } control;
};

static uint8_t *large_of(const struct input *input, size_t index)
{
    if (input->large)
        return input->large;
    return input->memory + index * LARGE + POOL_HEADROOM;
}

void input_init(struct input *input, int fd, bool is_nic, size_t room)
{
    *input = (struct input){.fd = fd, .is_nic = is_nic, .room = room};
    input->frames = xcalloc(INPUT_FRAMES, sizeof *input->frames);
    input->messages = xcalloc(INPUT_FRAMES, sizeof *input->messages);
    input->memory = xmalloc((size_t)INPUT_FRAMES * LARGE);
}

void input_free(struct input *input)
{
    free(input->frames);
    free(input->messages);
    free(input->memory);
}

/* -- From the device --------------------------------------------------------------------------- */

static void prepare(struct input *input, size_t index)
{
    struct input_frame *frame = &input->frames[index];

    frame->parts[0] = (struct iovec){frame->header, sizeof frame->header};
    frame->parts[1] = (struct iovec){frame->small->bytes, input->room};
    input->messages[index].msg_hdr =
        (struct msghdr){.msg_iov = frame->parts,
                        .msg_iovlen = array_size(frame->parts),
                        .msg_control = input->is_nic ? frame->control.bytes : NULL};
}

/* Gives those frames a packet that have none left. How many have one. */
static size_t fill(struct input *input, struct pool *pool)
{
    size_t count = 0;

    for (; count < INPUT_FRAMES; count++) {
        struct input_frame *frame = &input->frames[count];

        if (!frame->small) {
            if (pool_take(pool, &frame->small, 1) == 0)
                break;
            prepare(input, count);
        }
        frame->parts[2] = (struct iovec){large_of(input, count) + input->room,
                                         (size_t)PACKET_BYTES_MAX - input->room};
        input->messages[count].msg_hdr.msg_controllen =
            input->is_nic ? sizeof frame->control.bytes : 0;
    }
    return count;
}

/* A large frame ends the round: the next one then finds the same memory in the cache. */
static size_t read_tap(struct input *input, size_t most)
{
    size_t count = 0;

    while (count < most && (count == 0 || input->messages[count - 1].msg_len <= input->room)) {
        struct mmsghdr *message = &input->messages[count];
        ssize_t n = readv(input->fd, message->msg_hdr.msg_iov, (int)message->msg_hdr.msg_iovlen);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        message->msg_len = (unsigned)n;
        count++;
    }
    return count;
}

static size_t read_nic(struct input *input, size_t most)
{
    int count;

    do
        count = recvmmsg(input->fd, input->messages, (unsigned)most, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    return count > 0 ? (size_t)count : 0;
}

/* -- One frame --------------------------------------------------------------------------------- */

/* The kernel has taken the outermost tag out of the frame and says so beside it. */
static void put_tag_back(struct packet *packet, struct msghdr *message)
{
    struct tpacket_auxdata *auxiliary;
    struct cmsghdr *control = CMSG_FIRSTHDR(message);

    if (!control || control->cmsg_level != SOL_PACKET || control->cmsg_type != PACKET_AUXDATA)
        return;
    auxiliary = (void *)CMSG_DATA(control);
    if (!(auxiliary->tp_status & TP_STATUS_VLAN_VALID) || packet->length < MACS_BYTES)
        return;
    memmove(packet->bytes - VLAN_BYTES, packet->bytes, MACS_BYTES);
    packet->bytes -= VLAN_BYTES;
    packet->length += VLAN_BYTES;
    bytes_store16(packet->bytes + MACS_BYTES, auxiliary->tp_status & TP_STATUS_VLAN_TPID_VALID
                                                  ? auxiliary->tp_vlan_tpid
                                                  : 0x8100);
    bytes_store16(packet->bytes + MACS_BYTES + 2, auxiliary->tp_vlan_tci);
    packet->checksum_start += VLAN_BYTES;
    packet->checksum_at += VLAN_BYTES;
}

/* The packet that a frame of so many bytes is. */
static struct packet *place(struct input *input, size_t index, size_t length)
{
    struct input_frame *frame = &input->frames[index];
    struct packet *large = &frame->large;

    frame->small->bytes = frame->parts[1].iov_base; /* a tag may have moved them */
    if (length <= input->room) {
        frame->small->length = (uint32_t)length;
        return frame->small;
    }
    *large = (struct packet){.bytes = large_of(input, index), .length = (uint32_t)length};
    memcpy(large->bytes, frame->small->bytes, input->room);
    return large;
}

/* Whether a link can have it, whole or in pieces. A kernel may speak of segments where there is but
 * one. */
static bool understand(const struct input *input, struct packet *packet)
{
    size_t payload_at, payload = 0;

    packet->link = PACKET_LINK_ETHERNET;
    packet_parse(packet);
    if (packet->segment_bytes && !cut_is_possible(packet, &payload_at, &payload))
        return false;
    if (payload <= packet->segment_bytes)
        packet->segment_bytes = 0;
    return (packet->segment_bytes ? payload_at + packet->segment_bytes : packet->length) <=
           input->room;
}

/* The frame as a packet that a link can have; NULL: it is none. */
static struct packet *read_frame(struct input *input, size_t index)
{
    struct mmsghdr *message = &input->messages[index];
    struct packet *packet;

    if (message->msg_len <= OFFLOAD_BYTES || message->msg_hdr.msg_flags & MSG_TRUNC)
        return NULL;
    packet = place(input, index, message->msg_len - OFFLOAD_BYTES);
    if (offload_read(packet, input->frames[index].header) < 0)
        return NULL;
    put_tag_back(packet, &message->msg_hdr);
    return understand(input, packet) ? packet : NULL;
}

static void lose(struct input *input, size_t index)
{
    size_t length = input->messages[index].msg_len;

    input->lost_packets++;
    input->lost_bytes += length > OFFLOAD_BYTES ? length - OFFLOAD_BYTES : 0;
}

void input_read(struct input *input, struct pool *pool, uint8_t *large)
{
    size_t most, count;
    uint64_t now_ns;

    input->large = input->is_nic ? NULL : large; /* a TAP has one at most */
    most = fill(input, pool);
    count = input->is_nic ? read_nic(input, most) : read_tap(input, most);
    now_ns = clock_ns();
    input->count = 0;
    for (size_t i = 0; i < count; i++) {
        struct packet *packet = read_frame(input, i);

        if (!packet) {
            lose(input, i);
            continue;
        }
        packet->time_ns = now_ns;
        input->packets[input->count++] = packet;
        if (packet == input->frames[i].small)
            input->frames[i].small = NULL;
    }
}
