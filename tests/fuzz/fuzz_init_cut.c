/* virtio's header and a frame of any bytes: what stands for many packets, plain or inside a tunnel,
 * is cut into pieces that have all of its payload, one behind the other, and are as they say. */
#include "initrd/init/datapath_cut.h"

#include "base/memory.h"
#include "net/offload.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOM = 1532 };

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_pieces(const struct packet *packet, size_t payload_at, size_t payload)
{
    struct packet *pieces[SEGMENTS_MAX];
    size_t at = payload_at;
    struct pool pool;
    int count;

    pool_init(&pool, SEGMENTS_MAX, ROOM);
    count = cut(&pool, packet, pieces);
    for (int i = 0; i < count; i++) {
        struct packet again = *pieces[i];
        size_t bytes = pieces[i]->length - payload_at;

        check(pieces[i]->length >= payload_at && pieces[i]->length <= ROOM);
        check(at + bytes <= packet->length);
        check(memcmp(pieces[i]->bytes + payload_at, packet->bytes + at, bytes) == 0);
        packet_parse(&again);
        check(again.flaw == pieces[i]->flaw && again.end == pieces[i]->end);
        at += bytes;
    }
    check(count < 0 || at == payload_at + payload);
    pool_free(&pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct packet packet = {.link = PACKET_LINK_ETHERNET};
    size_t payload_at, payload;

    if (size <= OFFLOAD_BYTES || size - OFFLOAD_BYTES > PACKET_BYTES_MAX)
        return 0;
    packet.length = (uint32_t)(size - OFFLOAD_BYTES);
    packet.bytes = xmalloc(packet.length);
    memcpy(packet.bytes, data + OFFLOAD_BYTES, packet.length);
    if (offload_read(&packet, data) == 0) {
        packet_parse(&packet);
        if (packet.segment_bytes && cut_is_possible(&packet, &payload_at, &payload)) {
            check(payload_at + payload <= packet.length);
            check_pieces(&packet, payload_at, payload);
        }
    }
    free(packet.bytes);
    return 0;
}
