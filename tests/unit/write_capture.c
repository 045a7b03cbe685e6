/* Sends packets over an impaired link and captures both what goes in and what became of it, for
 * tests/integration/test_capture_files.py to look at with Wireshark's programs.
 *
 * usage: write_capture FILE pcapng|pcap ethernet|ip SNAP_LENGTH
 *
 * Prints a line of JSON for each packet in the file, in its order: the length, the comment. */
#include "base/base.h"
#include "net/net.h"
#include "net/verdict_text.h"
#include "results/capture.h"

#include <stdio.h>
#include <string.h>

enum { PACKETS = 60, ROOM = 2048 };

static const uint64_t start_ns = UINT64_C(1700000000123456789);

struct writer {
    struct capture *capture;
    struct buffer comment;
};

static struct capture_packet frame(const struct packet *packet, uint64_t time_ns)
{
    return (struct capture_packet){
        .time_ns = time_ns, .bytes = packet->bytes, .length = packet->length};
}

static void print(const struct packet *packet, const char *comment)
{
    printf("{\"length\": %u, \"comment\": \"%s\"}\n", packet->length, comment);
}

/* The second interface shows what came out, and what did not. */
static void note(void *context, const struct impair_verdict *verdict, const struct packet *packet)
{
    struct writer *writer = context;
    struct capture_packet captured = frame(packet, verdict->out_ns);

    buffer_clear(&writer->comment);
    verdict_comment(&writer->comment, verdict);
    captured.interface = 1;
    captured.direction = CAPTURE_OUTBOUND;
    captured.comment = writer->comment.data;
    capture_packet(writer->capture, &captured);
    print(packet, writer->comment.data);
}

static struct packet *make(struct pool *pool, bool ethernet, unsigned number)
{
    static const struct ethernet_header frame_header = {
        {2, 0, 0, 0, 0, 2}, {2, 0, 0, 0, 0, 1}, .ethertype = ETHERTYPE_OF_IPV6};
    static const struct ipv6_header ipv6 = {.source = {0xfd, [15] = 1},
                                            .destination = {0xfd, [15] = 2},
                                            .hops = 64,
                                            .protocol = IPPROTO_UDP};
    static const struct udp_header udp = {4000, 5000};
    static uint8_t payload[1000];
    struct packet *packet;
    struct build build;

    pool_take(pool, &packet, 1);
    packet->link = ethernet ? PACKET_LINK_ETHERNET : PACKET_LINK_IP;
    packet->time_ns = 0;
    build_start(&build, packet->bytes, ROOM);
    if (ethernet)
        build_ethernet(&build, &frame_header);
    build_ipv6(&build, &ipv6);
    build_udp(&build, &udp);
    build_bytes(&build, payload, 20 + number * 7);
    packet->length = (uint32_t)build_finish(&build);
    packet_parse(packet);
    return packet;
}

static void run(struct writer *writer, bool ethernet, bool both)
{
    static const struct impair_settings settings = {
        .delay = {.mean_ns = 5 * NS_PER_MS, .jitter_ns = NS_PER_MS},
        .loss = {.random = {.ppb = 200000000}},
        .duplicate = {.ppb = 100000000},
        .corrupt = {.chance = {.ppb = 100000000}},
    };
    struct pool pool;
    struct impair_options options = {
        .seed = 1, .pool = &pool, .note = both ? note : NULL, .context = writer};
    void *memory = xmalloc(impair_size(&options));
    struct impair *impair = impair_init(memory, &options);
    struct packet *out[16];
    uint64_t now_ns = start_ns;
    size_t count;

    pool_init(&pool, 3 * PACKETS, ROOM);
    impair_set(impair, now_ns, &settings);
    for (unsigned i = 0; i < PACKETS; i++) {
        struct packet *packet = make(&pool, ethernet, i);
        struct capture_packet captured = frame(packet, now_ns);

        captured.direction = CAPTURE_INBOUND;
        capture_packet(writer->capture, &captured);
        print(packet, "");
        impair_take(impair, now_ns, &packet, 1);
        now_ns += NS_PER_MS;
        while ((count = impair_due(impair, now_ns, out, array_size(out))) > 0)
            pool_give(&pool, out, count);
    }
    impair_flush(impair, now_ns);
    pool_free(&pool);
    free(memory);
}

int main(int argc, char **argv)
{
    bool pcap = argc > 2 && !strcmp(argv[2], "pcap");
    bool ethernet = argc > 3 && !strcmp(argv[3], "ethernet");
    struct capture_options options = {.format = pcap ? CAPTURE_PCAP : CAPTURE_PCAPNG,
                                      .start_ns = start_ns};
    struct capture_interface interface = {.name = "entry-exit in",
                                          .description = "what entry sends to exit",
                                          .link = ethernet ? CAPTURE_ETHERNET : CAPTURE_RAW_IP};
    struct writer writer = {0};
    struct error error;

    if (argc != 5) {
        fprintf(stderr, "usage: write_capture FILE pcapng|pcap ethernet|ip SNAP_LENGTH\n");
        return 2;
    }
    interface.snap_length = (uint32_t)strtoul(argv[4], NULL, 10);
    if (capture_open(argv[1], &options, &writer.capture, &error) < 0 ||
        capture_add_interface(writer.capture, &interface, &error) < 0)
        goto failed;
    interface.name = "entry-exit out";
    if (!pcap && capture_add_interface(writer.capture, &interface, &error) < 0)
        goto failed;
    run(&writer, ethernet, !pcap);
    buffer_free(&writer.comment);
    if (capture_close(writer.capture, start_ns + NS_PER_S, &error) == 0)
        return 0;
failed:
    fprintf(stderr, "write_capture: %s\n", error.message);
    return 1;
}
