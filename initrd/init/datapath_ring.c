#include "initrd/init/datapath_ring.h"

#include "base/memory.h"
#include "net/offload.h"
#include "net/packet.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FRAME_AT = TPACKET_ALIGN(sizeof(struct tpacket2_hdr)), /* in a slot; virtio's header is first */
    SLOT_BYTES = 17 * 4096,                                /* for FRAME_AT and the longest frame */
    RING_BYTES = DATAPATH_RING_SLOTS * SLOT_BYTES, /* of whole pages, as the kernel wants them */
};

_Static_assert((int)FRAME_AT + (int)OFFLOAD_BYTES + (int)PACKET_BYTES_MAX <= (int)SLOT_BYTES,
               "any frame has room in a slot");
_Static_assert(SLOT_BYTES % TPACKET_ALIGNMENT == 0, "slots are aligned");

struct datapath_ring {
    int fd;
    uint8_t *memory;
    size_t next; /* the slot that the kernel looks at next, too */
};

static int set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value);
}

/* The kernel counts a frame in a slot as about its length, and allows twice what is asked for: the
 * slots are the limit before the socket is. With protocol 0 nothing is received. */
static int set_up(int fd, int index)
{
    const struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = index};
    const struct tpacket_req request = {.tp_block_size = RING_BYTES,
                                        .tp_block_nr = 1,
                                        .tp_frame_size = SLOT_BYTES,
                                        .tp_frame_nr = DATAPATH_RING_SLOTS};

    if (set(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V2) < 0 ||
        set(fd, SOL_PACKET, PACKET_VNET_HDR, 1) < 0 ||
        set(fd, SOL_SOCKET, SO_SNDBUFFORCE, RING_BYTES) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &request, sizeof request) < 0)
        return -1;
    return bind(fd, (const struct sockaddr *)&address, sizeof address);
}

struct datapath_ring *datapath_ring_open(int index)
{
    cleanup_fd int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct datapath_ring *ring;
    void *memory;

    if (fd < 0 || set_up(fd, index) < 0)
        return NULL;
    memory = mmap(NULL, RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED)
        return NULL;
    ring = xcalloc(1, sizeof *ring);
    ring->memory = memory;
    ring->fd = steal_fd(&fd);
    return ring;
}

void datapath_ring_free(struct datapath_ring *ring)
{
    if (!ring)
        return;
    munmap(ring->memory, RING_BYTES);
    close(ring->fd);
    free(ring);
}

static uint8_t *slot(const struct datapath_ring *ring)
{
    return ring->memory + ring->next * SLOT_BYTES;
}

static uint8_t *frame(const struct datapath_ring *ring)
{
    return slot(ring) + FRAME_AT + OFFLOAD_BYTES;
}

static struct tpacket2_hdr *header(const struct datapath_ring *ring)
{
    return (void *)slot(ring);
}

static void give(const struct datapath_ring *ring, uint32_t status)
{
    __atomic_store_n(&header(ring)->tp_status, status, __ATOMIC_RELEASE);
}

uint8_t *datapath_ring_slot(struct datapath_ring *ring)
{
    if (!ring || __atomic_load_n(&header(ring)->tp_status, __ATOMIC_ACQUIRE) != TP_STATUS_AVAILABLE)
        return NULL;
    return frame(ring);
}

bool datapath_ring_holds(const struct datapath_ring *ring, const uint8_t *bytes)
{
    return ring && bytes == frame(ring);
}

/* Where the kernel refuses a frame it goes no further, and says so in the slot. */
int datapath_ring_send(struct datapath_ring *ring, size_t length)
{
    ssize_t n;
    int code;

    header(ring)->tp_len = (uint32_t)(OFFLOAD_BYTES + length);
    give(ring, TP_STATUS_SEND_REQUEST);
    n = send(ring->fd, NULL, 0, MSG_DONTWAIT);
    if (n <= 0) {
        code = n < 0 ? -errno : -EAGAIN;
        give(ring, TP_STATUS_AVAILABLE);
        return code;
    }
    ring->next = (ring->next + 1) % DATAPATH_RING_SLOTS;
    return 0;
}
