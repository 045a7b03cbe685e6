/* Capture files, block by block, into a caller's buffer: pcapng (draft-ietf-opsawg-pcapng) and the
 * older pcap (draft-ietf-opsawg-pcap), both little-endian and in nanoseconds.
 *
 * A pcapng file is a section, its interfaces, then packets and statistics in any order; a pcap file
 * a header, then packets. Each function returns the bytes it wrote, or -ENOSPC where `capacity` is
 * too small, and then nothing in the buffer counts. */
#ifndef DUET_NET_PCAPNG_H
#define DUET_NET_PCAPNG_H

#include <stddef.h>
#include <stdint.h>

/* What packets begin with: LINKTYPE_… of tcpdump.org. */
enum capture_link {
    CAPTURE_ETHERNET = 1,
    CAPTURE_RAW_IP = 101, /* IPv4 or IPv6 */
};

enum {
    CAPTURE_SNAP_MAX = 262144, /* bytes of a packet that any reader takes */
    CAPTURE_TEXT_MAX = 1024,   /* bytes of a name or comment; more is cut */
    /* Bytes of a block of any kind, besides those of its packet. */
    CAPTURE_OVERHEAD = 256 + 2 * CAPTURE_TEXT_MAX,
};

struct capture_interface {
    const char *name;        /* UTF-8, as all texts here; NULL: none */
    const char *description; /* likewise */
    enum capture_link link;
    uint32_t snap_length; /* bytes of a packet that are kept at most; 0: CAPTURE_SNAP_MAX */
};

enum capture_direction {
    CAPTURE_UNKNOWN,
    CAPTURE_INBOUND,
    CAPTURE_OUTBOUND,
};

struct capture_packet {
    uint32_t interface; /* number in the section, from 0 */
    uint64_t time_ns;   /* since 1970 */
    const void *bytes;
    uint32_t length;      /* of the packet; at most CAPTURE_SNAP_MAX are there */
    uint32_t snap_length; /* as its interface's */
    enum capture_direction direction;
    uint64_t dropped;    /* packets of the interface that are missing before this one */
    const char *comment; /* NULL: none */
};

struct capture_statistics {
    uint32_t interface;
    uint64_t time_ns;  /* of the statistics */
    uint64_t start_ns; /* of the capture */
    uint64_t received, dropped;
    const char *comment; /* NULL: none */
};

/* "duet 0.1.0" as `application`. */
int pcapng_section(void *buffer, size_t capacity, const char *application);
int pcapng_interface(void *buffer, size_t capacity, const struct capture_interface *interface);
int pcapng_packet(void *buffer, size_t capacity, const struct capture_packet *packet);
int pcapng_statistics(void *buffer, size_t capacity, const struct capture_statistics *statistics);

/* One kind of link only, no names, comments or counts. */
int pcap_header(void *buffer, size_t capacity, enum capture_link link, uint32_t snap_length);
int pcap_packet(void *buffer, size_t capacity, const struct capture_packet *packet);

#endif
