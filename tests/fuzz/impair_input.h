/* Reads a fuzz target's input as numbers, settings and packets. Past the end everything is 0. */
#ifndef DUET_TESTS_IMPAIR_INPUT_H
#define DUET_TESTS_IMPAIR_INPUT_H

#include "net/impair.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_RULES_MAX = 3 };

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

static inline struct impair_spread input_spread(struct input *input)
{
    static const int16_t table[] = {INT16_MIN, -1, 0, INT16_MAX};

    return (struct impair_spread){
        .mean_ns = input_any(input),
        .jitter_ns = input_any(input),
        .correlation_ppb = (uint32_t)input_any(input),
        .distribution = input_number(input, 1) % (IMPAIR_DISTRIBUTIONS + 1),
        .table = table,
        .table_count = sizeof table / sizeof table[0],
    };
}

static inline struct impair_chance input_chance(struct input *input)
{
    return (struct impair_chance){(uint32_t)input_any(input), (uint32_t)input_any(input)};
}

static inline struct impair_loss input_loss(struct input *input)
{
    struct impair_loss loss = {.model = input_number(input, 1) % (IMPAIR_LOSS_MODELS + 1)};

    loss.random = input_chance(input);
    loss.gemodel.p = loss.state.p13 = (uint32_t)input_any(input);
    loss.gemodel.r = loss.state.p31 = (uint32_t)input_any(input);
    loss.gemodel.bad_loss_ppb = loss.state.p32 = (uint32_t)input_any(input);
    loss.gemodel.good_loss_ppb = loss.state.p23 = (uint32_t)input_any(input);
    loss.state.p14 = (uint32_t)input_any(input);
    loss.limit = input_any(input);
    return loss;
}

static inline void input_queue(struct input *input, struct impair_settings *settings)
{
    settings->rate = (struct impair_rate){.bps = input_any(input),
                                          .burst_bytes = (uint32_t)input_any(input),
                                          .overhead_bytes = (int32_t)input_any(input),
                                          .cell_bytes = (uint32_t)input_any(input),
                                          .cell_overhead_bytes = (int32_t)input_any(input)};
    settings->queue = (struct impair_queue){.limit_packets = (uint32_t)input_any(input),
                                            .limit_bytes = input_any(input),
                                            .limit_ns = input_any(input),
                                            .codel = input_number(input, 1) & 1,
                                            .target_ns = input_any(input),
                                            .interval_ns = input_any(input)};
}

/* Only what the first bytes ask for is not zero. */
static inline struct impair_settings
input_settings(struct input *input, struct impair_rule rules[static INPUT_RULES_MAX])
{
    uint64_t has = input_number(input, 2);
    struct impair_settings settings;

    memset(&settings, 0, sizeof settings);
    settings.down = has >> 8 & 1;
    settings.blackhole = has >> 9 & 1;
    if (has & 1)
        settings.delay = input_spread(input);
    if (has & 2)
        settings.loss = input_loss(input);
    if (has & 4)
        settings.duplicate = input_chance(input);
    if (has & 8)
        settings.reorder = (struct impair_reorder){input_chance(input), (uint32_t)input_any(input)};
    if (has & 16)
        settings.corrupt =
            (struct impair_corrupt){input_chance(input), (uint32_t)input_any(input),
                                    (uint32_t)input_any(input), (uint32_t)input_any(input)};
    if (has & 32)
        input_queue(input, &settings);
    if (has & 64)
        settings.slot =
            (struct impair_slot){input_spread(input), (uint32_t)input_any(input), input_any(input)};
    if (has & 128) {
        settings.rules = rules;
        settings.rule_count = 1 + (has >> 10) % INPUT_RULES_MAX;
        memset(rules, 0, INPUT_RULES_MAX * sizeof rules[0]);
        for (size_t i = 0; i < settings.rule_count; i++)
            rules[i] = input_rule(input);
    }
    return settings;
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
