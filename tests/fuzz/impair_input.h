/* Reads a fuzz target's input as numbers, settings and packets. Past the end everything is 0. */
#ifndef DUET_TESTS_IMPAIR_INPUT_H
#define DUET_TESTS_IMPAIR_INPUT_H

#include "net/impair.h"

#include <stdlib.h>
#include <string.h>

struct input {
    const uint8_t *at, *end;
};

static inline void input_bytes(struct input *input, void *bytes, size_t count)
{
    size_t there = (size_t)(input->end - input->at);

    if (there > count)
        there = count;
    memset(bytes, 0, count);
    if (there > 0)
        memcpy(bytes, input->at, there);
    input->at += there;
}

static inline uint64_t input_number(struct input *input, size_t count)
{
    uint64_t value = 0;

    input_bytes(input, &value, count);
    return value;
}

/* Small ones more often than large ones: the first byte says how many follow. */
static inline uint64_t input_any(struct input *input)
{
    return input_number(input, input_number(input, 1) % 9);
}

static inline struct impair_pattern input_pattern(struct input *input)
{
    struct impair_pattern pattern = {.part = input_number(input, 1) % (IMPAIR_PARTS + 1),
                                     .offset = (uint32_t)input_any(input),
                                     .anywhere = input_number(input, 1) & 1,
                                     .length = (uint8_t)(input_number(input, 1) % 40)};
    size_t length = pattern.length < IMPAIR_PATTERN_MAX ? pattern.length : IMPAIR_PATTERN_MAX;

    input_bytes(input, pattern.bytes, length);
    input_bytes(input, pattern.mask, length);
    return pattern;
}

static inline struct impair_prefix input_prefix(struct input *input)
{
    struct impair_prefix prefix = {.network = (uint8_t)(input_number(input, 1) % 5),
                                   .bits = (uint8_t)input_number(input, 1)};

    input_bytes(input, prefix.address, prefix.network == PACKET_NETWORK_IPV6 ? 16 : 4);
    return prefix;
}

/* The first byte says which parts of a rule are there, so that most rules can be. */
static inline struct impair_rule input_rule(struct input *input)
{
    uint64_t has = input_number(input, 2);
    struct impair_rule rule = {.action = input_number(input, 1) % (IMPAIR_ACTIONS + 1)};

    if (has & 1)
        rule.network = (uint8_t)(input_number(input, 1) % 5);
    if (has & 2)
        rule.protocol = (uint8_t)input_number(input, 1);
    if (has & 4)
        rule.source = input_prefix(input);
    if (has & 8)
        rule.destination = input_prefix(input);
    if (has & 16)
        input_bytes(input, &rule.source_port, sizeof rule.source_port);
    if (has & 32)
        input_bytes(input, &rule.destination_port, sizeof rule.destination_port);
    if (has & 64) {
        rule.tcp_mask = (uint8_t)input_number(input, 1);
        rule.tcp_flags = (uint8_t)(input_number(input, 1) & rule.tcp_mask);
    }
    if (has & 128) {
        rule.size_least = (uint32_t)input_any(input);
        rule.size_most = (uint32_t)input_any(input);
    }
    if (has & 256) {
        rule.nth = (uint32_t)input_any(input);
        rule.every = (uint32_t)input_any(input);
    }
    if (has & 512)
        rule.pattern = input_pattern(input);
    if (has & 1024)
        rule.share_ppb = (uint32_t)input_any(input);
    if (has & 2048)
        rule.limit = input_any(input);
    rule.delay_ns = rule.action == IMPAIR_ACT_DELAY ? input_any(input) : 0;
    rule.copies = (uint32_t)(has >> 12 & 7);
    rule.reset = has >> 12 & 3;
    if (rule.action == IMPAIR_ACT_MANGLE)
        rule.mangle = input_pattern(input);
    rule.keep_checksums = has >> 15;
    return rule;
}

/* A packet of `room` bytes at most, of the bytes that come next. */
static inline struct packet *input_packet(struct input *input, struct pool *pool)
{
    size_t length = input_number(input, 2) % (pool->room + 1);
    struct packet *packet;

    if (!pool_take(pool, &packet, 1))
        return NULL;
    if (length > (size_t)(input->end - input->at))
        length = (size_t)(input->end - input->at);
    input_bytes(input, packet->bytes, length);
    packet->length = (uint32_t)length;
    packet->link = input_number(input, 1) & 1;
    packet->time_ns = 0;
    packet_parse(packet);
    return packet;
}

#endif
