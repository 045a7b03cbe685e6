/* Numbers in network order at any address. The caller knows that the bytes are there. */
#ifndef DUET_NET_BYTES_H
#define DUET_NET_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_load16(const uint8_t *at)
{
    uint16_t value;

    memcpy(&value, at, sizeof value);
    return be16toh(value);
}

static inline uint32_t bytes_load32(const uint8_t *at)
{
    uint32_t value;

    memcpy(&value, at, sizeof value);
    return be32toh(value);
}

static inline uint64_t bytes_load64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof value);
    return be64toh(value);
}

static inline void bytes_store16(uint8_t *at, uint16_t value)
{
    value = htobe16(value);
    memcpy(at, &value, sizeof value);
}

static inline void bytes_store32(uint8_t *at, uint32_t value)
{
    value = htobe32(value);
    memcpy(at, &value, sizeof value);
}

#endif
