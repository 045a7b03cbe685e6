/* An impairment as a scenario writes it, and as the packet core takes it. */
#include "runner/suite_reader.h"

#include <stdio.h>
#include <string.h>

enum { QUEUE_PACKETS = 1000 }; /* in front of a rate, as tc-netem(8) has it */

/* The key's value that a field of the core ("delay.jitter") came from; else the whole. */
static const struct yaml_node *find_field(const struct yaml_node *value, const char *field)
{
    size_t length = strcspn(field, ".");

    for (size_t i = 0; i < value->count; i++) {
        const char *name = value->pairs[i].key->text;

        if (strlen(name) == length && strncmp(name, field, length) == 0)
            return value->pairs[i].value;
    }
    return value;
}

static int check(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 const struct suite_impair *impair)
{
    struct impair_settings settings;
    struct impair_mistake mistake;
    struct error error;

    suite_impair_settings(impair, &settings);
    if (impair_check(&settings, UINT16_MAX, &mistake, &error) == 0)
        return 0;
    return reader_fail(reader, find_field(value, mistake.field), "%s: %s", key->name,
                       error.message);
}

int read_impair(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    struct link_build *build = field;
    struct suite_impair impair = {0};
    int status = section_defaults(reader, IN_IMPAIR, &impair);

    if (!status)
        status = section_read(reader, IN_IMPAIR, value, &impair);
    if (status)
        return status;
    if (impair.jitter_ns > impair.delay_ns)
        return reader_fail(reader, value,
                           "%s: a jitter of more than the delay: expected at most "
                           "that, as a packet cannot arrive before it was sent",
                           key->name);
    status = check(reader, key, value, &impair);
    if (status)
        return status;
    build->out.impair = impair;
    build->out.impair_at = position_of(value);
    return 0;
}

void suite_impair_settings(const struct suite_impair *impair, struct impair_settings *settings)
{
    *settings = (struct impair_settings){
        .delay = {.mean_ns = impair->delay_ns, .jitter_ns = impair->jitter_ns},
        .loss.random.ppb = impair->loss_ppb,
        .duplicate.ppb = impair->duplicate_ppb,
        .reorder.chance.ppb = impair->reorder_ppb,
        .corrupt.chance.ppb = impair->corrupt_ppb,
        .rate.bps = impair->rate_bps,
        .queue.limit_packets = impair->rate_bps ? QUEUE_PACKETS : 0,
    };
}

bool suite_impair_is_none(const struct suite_impair *impair)
{
    struct impair_settings settings;

    suite_impair_settings(impair, &settings);
    return impair_is_none(&settings);
}
