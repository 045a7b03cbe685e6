/* Frames that go out of a NIC from slots shared with the kernel: the loopback of a network
 * namespace is the NIC. Skipped where there may be no such namespace. */
#include "base/loop.h"
#include "initrd/init/datapath_way.h"
#include "tests/unit/frame_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    MTU = 1500,
    EACH = 1000,
    LARGE = 65000,                    /* bytes of TCP; as many of its frames as … */
    PIECES = LARGE / EACH,            /* … so many packets */
    ROUNDS = 3 * DATAPATH_RING_SLOTS, /* of a small frame and a large one */
    FRAME_MAX = OFFLOAD_BYTES + 66000,
    ROOM = 1 << 22, /* in bytes, of the reader's socket */
};

struct link {
    int tap[2], nic, reader;
    struct datapath_ring *ring;
    struct way *way; /* from the TAP to the loopback */
    struct impair_plan_run run;
};

static bool has_namespace;

static int begin(void **state)
{
    (void)state;
    has_namespace = unshare(CLONE_NEWNET) == 0 || unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
    return 0;
}

static void set_loopback(bool is_up)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = is_up ? IFF_UP : 0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &request), 0);
    close(fd);
}

static int open_socket(int protocol)
{
    const struct sockaddr_ll address = {.sll_family = AF_PACKET,
                                        .sll_protocol = htons((uint16_t)protocol),
                                        .sll_ifindex = (int)if_nametoindex("lo")};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1, room = ROOM;

    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0);
    assert_int_equal(setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on), 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void open_link(struct link *link)
{
    static const struct impair_settings none = {0};

    if (!has_namespace)
        skip();
    set_loopback(true);
    assert_int_equal(
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, link->tap), 0);
    link->nic = open_socket(0);
    link->reader = open_socket(ETH_P_ALL);
    link->ring = datapath_ring_open((int)if_nametoindex("lo"));
    assert_non_null(link->ring);
    link->way = way_new(&(struct way_options){.seed = 1,
                                              .mtu = MTU,
                                              .from = WAY_TAP,
                                              .from_fd = link->tap[0],
                                              .to_fd = link->nic,
                                              .ring = link->ring,
                                              .run = &link->run});
    impair_plan_start(&link->run, NULL, way_impair(link->way), NULL);
    way_change(link->way, &none);
}

static void close_link(struct link *link)
{
    way_free(link->way);
    datapath_ring_free(link->ring);
    close(link->tap[0]);
    close(link->tap[1]);
    close(link->nic);
    close(link->reader);
}

/* TCP of so many bytes, which are `mark` and what follows from it, as a TAP has it; how long. */
static size_t make(uint8_t frame[static FRAME_MAX], size_t payload, uint64_t mark)
{
    static uint8_t data[LARGE];

    fixture_fill(&mark, data, payload);
    return fixture_tcp_frame(frame, FRAME_MAX, data, payload, payload > EACH ? EACH : 0,
                             PACKET_CHECKSUM_PARTIAL);
}

static void send_tcp(const struct link *link, size_t payload, uint64_t mark)
{
    static uint8_t frame[FRAME_MAX];
    size_t length = make(frame, payload, mark);

    assert_int_equal(write(link->tap[1], frame, length), length);
}

/* The next frame is that one. */
static void expect_tcp(const struct link *link, size_t payload, uint64_t mark)
{
    static uint8_t expected[FRAME_MAX], found[FRAME_MAX];
    size_t length = make(expected, payload, mark);

    assert_int_equal(read(link->reader, found, sizeof found), length);
    assert_memory_equal(found + OFFLOAD_BYTES, expected + OFFLOAD_BYTES, length - OFFLOAD_BYTES);
}

static int error_of(int fd)
{
    uint8_t byte;

    return read(fd, &byte, 1) < 0 ? errno : 0;
}

static void all_goes_in_order_and_as_it_was(void **state)
{
    struct link_way_state counted;
    struct link link;

    (void)state;
    open_link(&link);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        send_tcp(&link, 10, 2 * i);
        send_tcp(&link, LARGE, 2 * i + 1);
        way_read(link.way);
        assert_false(way_waits(link.way));
        expect_tcp(&link, 10, 2 * i);
        expect_tcp(&link, LARGE, 2 * i + 1);
    }
    assert_int_equal(error_of(link.reader), EAGAIN);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_in, ROUNDS * (1 + PIECES));
    assert_int_equal(counted.packets_out, ROUNDS * (1 + PIECES));
    assert_int_equal(counted.unread, 0);
    close_link(&link);
}

/* That it goes by the ring at all. */
static void a_slot_that_was_sent_is_another_one(void **state)
{
    const uint8_t *first, *next;
    struct link link;

    (void)state;
    open_link(&link);
    first = datapath_ring_slot(link.ring);
    assert_non_null(first);
    assert_ptr_equal(datapath_ring_slot(link.ring), first);
    assert_true(datapath_ring_holds(link.ring, first));
    send_tcp(&link, LARGE, 1);
    way_read(link.way);
    next = datapath_ring_slot(link.ring);
    assert_ptr_not_equal(next, first);
    send_tcp(&link, 10, 1);
    way_read(link.way);
    assert_ptr_equal(datapath_ring_slot(link.ring), next);
    for (size_t i = 1; i < DATAPATH_RING_SLOTS; i++) {
        send_tcp(&link, LARGE, 1);
        way_read(link.way);
    }
    assert_ptr_equal(datapath_ring_slot(link.ring), first);
    close_link(&link);
}

static void what_the_kernel_refuses_is_lost_and_its_slot_is_not(void **state)
{
    struct link_way_state counted;
    const uint8_t *slot;
    struct link link;

    (void)state;
    open_link(&link);
    slot = datapath_ring_slot(link.ring);
    set_loopback(false);
    send_tcp(&link, LARGE, 1);
    way_read(link.way);
    assert_ptr_equal(datapath_ring_slot(link.ring), slot);
    set_loopback(true);
    assert_int_equal(error_of(link.reader), ENETDOWN);
    counted = way_state(link.way);
    assert_int_equal(counted.packets_out, 0);
    assert_int_equal(counted.unread, PIECES);
    send_tcp(&link, LARGE, 2);
    way_read(link.way);
    assert_int_equal(way_state(link.way).packets_out, PIECES);
    expect_tcp(&link, LARGE, 2);
    close_link(&link);
}

static void what_is_cut_leaves_its_slot(void **state)
{
    static const struct impair_settings impaired = {.down = true};
    const uint8_t *slot;
    struct link link;

    (void)state;
    open_link(&link);
    way_change(link.way, &impaired);
    slot = datapath_ring_slot(link.ring);
    send_tcp(&link, LARGE, 1);
    way_read(link.way);
    assert_ptr_equal(datapath_ring_slot(link.ring), slot);
    assert_int_equal(way_state(link.way).packets_in, PIECES);
    close_link(&link);
}

static void a_kernel_without_it_is_none(void **state)
{
    (void)state;
    assert_null(datapath_ring_open(-1));
    assert_null(datapath_ring_slot(NULL));
    assert_false(datapath_ring_holds(NULL, NULL));
    datapath_ring_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_goes_in_order_and_as_it_was),
        cmocka_unit_test(a_slot_that_was_sent_is_another_one),
        cmocka_unit_test(what_the_kernel_refuses_is_lost_and_its_slot_is_not),
        cmocka_unit_test(what_is_cut_leaves_its_slot),
        cmocka_unit_test(a_kernel_without_it_is_none),
    };

    return cmocka_run_group_tests(tests, begin, NULL);
}
