#include "net/impair_value.h"

#include "base/memory.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool impair_value_is_none(const struct impair_value *kind, const void *member)
{
    const uint8_t *bytes = member;

    if (kind->is_none)
        return kind->is_none(member);
    for (size_t i = 0; i < kind->size; i++)
        if (bytes[i])
            return false;
    return true;
}

void impair_value_forget(const struct impair_value *kind, void *member)
{
    if (kind->reset)
        kind->reset(member);
    else
        memset(member, 0, kind->size);
}

int impair_value_choice(const char *text, const char *const names[], size_t count, size_t *index,
                        struct error *error)
{
    char all[160];
    size_t length = 0;

    for (size_t i = 0; i < count; i++) {
        if (!strcmp(text, names[i])) {
            *index = i;
            return 0;
        }
    }
    for (size_t i = 0; i < count && length < sizeof all; i++)
        length += (size_t)snprintf(all + length, sizeof all - length, "%s%s",
                                   !i              ? ""
                                   : i + 1 < count ? ", "
                                                   : " or ",
                                   names[i]);
    return error_set(error, EINVAL, "found \"%.60s\", expected %s", text, all);
}

int impair_value_number(const char *text, uint64_t most, uint64_t *number, struct error *error)
{
    uint64_t value;
    int status = units_count(text, &value, error);

    if (status)
        return status;
    if (value > most)
        return error_set(error, ERANGE, "found %" PRIu64 ", expected at most %" PRIu64, value,
                         most);
    *number = value;
    return 0;
}

int impair_value_range(const char *text, uint64_t *low, uint64_t *high, struct error *error)
{
    size_t length = strcspn(text, "-");
    char first[24];
    uint64_t from, to = UINT64_MAX;
    int status;

    if (length == 0 || length >= sizeof first)
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected a number, or two with \"-\" "
                         "between them",
                         text);
    memcpy(first, text, length);
    first[length] = '\0';
    status = units_count(first, &from, error);
    if (!status && !text[length])
        to = from;
    else if (!status && text[length + 1])
        status = units_count(text + length + 1, &to, error);
    if (status)
        return status;
    *low = from;
    *high = to;
    return 0;
}

/* -- Yes and no, numbers, times, shares -------------------------------------------------------- */

static int read_yes(const char *text, void *member, struct error *error)
{
    static const char *const names[] = {"true", "false", "yes", "no"};
    size_t index;
    int status = impair_value_choice(text, names, array_size(names), &index, error);

    if (!status)
        *(bool *)member = index % 2 == 0;
    return status;
}

static void write_yes(const void *member, struct buffer *out)
{
    buffer_append_text(out, *(const bool *)member ? "true" : "false");
}

static int read_count(const char *text, void *member, struct error *error)
{
    uint64_t number = 0;
    int status = impair_value_number(text, UINT32_MAX, &number, error);

    if (!status)
        *(uint32_t *)member = (uint32_t)number;
    return status;
}

static void write_count(const void *member, struct buffer *out)
{
    buffer_printf(out, "%" PRIu32, *(const uint32_t *)member);
}

static int read_count_64(const char *text, void *member, struct error *error)
{
    return units_count(text, member, error);
}

static void write_count_64(const void *member, struct buffer *out)
{
    buffer_printf(out, "%" PRIu64, *(const uint64_t *)member);
}

static int read_time(const char *text, void *member, struct error *error)
{
    return units_duration(text, member, error);
}

static void write_time(const void *member, struct buffer *out)
{
    char text[UNITS_TEXT_MAX];

    buffer_append_text(out, units_duration_text(*(const uint64_t *)member, text));
}

static int read_share(const char *text, void *member, struct error *error)
{
    return units_percent(text, member, error);
}

static void write_share(const void *member, struct buffer *out)
{
    char text[UNITS_TEXT_MAX];

    buffer_append_text(out, units_percent_text(*(const uint32_t *)member, text));
}

static int read_rate(const char *text, void *member, struct error *error)
{
    return units_rate(text, member, error);
}

static void write_rate(const void *member, struct buffer *out)
{
    char text[UNITS_TEXT_MAX];

    buffer_append_text(out, units_rate_text(*(const uint64_t *)member, text));
}

/* -- Bytes ------------------------------------------------------------------------------------- */

static int read_size(const char *text, void *member, struct error *error)
{
    uint64_t bytes;
    int status = units_size(text, &bytes, error);

    if (status)
        return status;
    if (bytes > UINT32_MAX)
        return error_set(error, ERANGE, "\"%.60s\" is 4G or more, expected less", text);
    *(uint32_t *)member = (uint32_t)bytes;
    return 0;
}

static void write_size(const void *member, struct buffer *out)
{
    char text[UNITS_TEXT_MAX];

    buffer_append_text(out, units_size_text(*(const uint32_t *)member, text));
}

static int read_size_64(const char *text, void *member, struct error *error)
{
    return units_size(text, member, error);
}

static void write_size_64(const void *member, struct buffer *out)
{
    char text[UNITS_TEXT_MAX];

    buffer_append_text(out, units_size_text(*(const uint64_t *)member, text));
}

/* What a packet is taken to be longer by, or shorter. */
static int read_length(const char *text, void *member, struct error *error)
{
    bool shorter = text[0] == '-';
    uint64_t bytes;
    int status = units_size(text + shorter, &bytes, error);

    if (status)
        return status;
    if (bytes > INT32_MAX)
        return error_set(error, ERANGE, "\"%.60s\" is 2G or more, expected less", text);
    *(int32_t *)member = shorter ? -(int32_t)bytes : (int32_t)bytes;
    return 0;
}

static void write_length(const void *member, struct buffer *out)
{
    int64_t bytes = *(const int32_t *)member;
    char text[UNITS_TEXT_MAX];

    buffer_printf(out, "%s%s", bytes < 0 ? "-" : "",
                  units_size_text((uint64_t)(bytes < 0 ? -bytes : bytes), text));
}

/* -- The bits that may be flipped: the first one and how many ---------------------------------- */

static int read_bits(const char *text, void *member, struct error *error)
{
    uint32_t *bits = member;
    uint64_t low, high;
    int status = impair_value_range(text, &low, &high, error);

    if (status)
        return status;
    if (low > high)
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected a range from a lower bit to a higher", text);
    if (low > UINT32_MAX || (high != UINT64_MAX && high - low >= UINT32_MAX))
        return error_set(error, ERANGE, "found \"%.60s\", expected bits of a packet", text);
    bits[0] = (uint32_t)low;
    bits[1] = high == UINT64_MAX ? 0 : (uint32_t)(high - low + 1);
    return 0;
}

static void write_bits(const void *member, struct buffer *out)
{
    const uint32_t *bits = member;
    uint64_t last = (uint64_t)bits[0] + bits[1] - 1;

    if (!bits[1])
        buffer_printf(out, "%" PRIu32 "-", bits[0]);
    else if (bits[1] == 1)
        buffer_printf(out, "%" PRIu32, bits[0]);
    else
        buffer_printf(out, "%" PRIu32 "-%" PRIu64, bits[0], last);
}

/* -- Distributions, of a struct impair_spread -------------------------------------------------- */

static const char *const distributions[] = {"uniform", "normal", "pareto", "paretonormal"};

static const char *skip_separators(const char *at)
{
    return at + strspn(at, " \t\r\n,");
}

/* Decimal numbers with blanks or commas between them. */
static int read_table(const char *text, struct impair_spread *spread, struct error *error)
{
    int16_t *table = xmalloc(IMPAIR_TABLE_MAX * sizeof *table);
    uint32_t count = 0;
    const char *at;

    for (at = skip_separators(text); *at; at = skip_separators(at)) {
        char *end;
        long number = strtol(at, &end, 10);

        if (end == at || (*end && !strchr(" \t\r\n,", *end)) || number < INT16_MIN ||
            number > INT16_MAX) {
            free(table);
            return error_set(error, EINVAL,
                             "found \"%.*s\" in a table, expected whole numbers from -32768 to "
                             "32767",
                             (int)strcspn(at, " \t\r\n,") > 40 ? 40 : (int)strcspn(at, " \t\r\n,"),
                             at);
        }
        if (count == IMPAIR_TABLE_MAX) {
            free(table);
            return error_set(error, E2BIG, "found a longer table, expected at most %d numbers",
                             IMPAIR_TABLE_MAX);
        }
        table[count++] = (int16_t)number;
        at = end;
    }
    spread->distribution = IMPAIR_TABLE;
    spread->table = xreallocarray(table, count, sizeof *table);
    spread->table_count = count;
    return 0;
}

static int read_distribution(const char *text, void *member, struct error *error)
{
    struct impair_spread *spread = member;
    const char *first = skip_separators(text);
    size_t index;
    int status;

    if (isdigit((unsigned char)*first) || *first == '-')
        return read_table(first, spread, error);
    status = impair_value_choice(text, distributions, array_size(distributions), &index, NULL);
    if (status)
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected uniform, normal, pareto, paretonormal or the "
                         "numbers of a table",
                         text);
    spread->distribution = (enum impair_distribution)index;
    spread->table = NULL;
    spread->table_count = 0;
    return 0;
}

static void write_distribution(const void *member, struct buffer *out)
{
    const struct impair_spread *spread = member;

    if (spread->distribution != IMPAIR_TABLE)
        buffer_append_text(out, distributions[spread->distribution]);
    for (uint32_t i = 0; spread->distribution == IMPAIR_TABLE && i < spread->table_count; i++)
        buffer_printf(out, "%s%d", i ? " " : "", spread->table[i]);
}

static bool is_uniform(const void *member)
{
    const struct impair_spread *spread = member;

    return spread->distribution == IMPAIR_UNIFORM;
}

static void reset_distribution(void *member)
{
    struct impair_spread *spread = member;

    free((void *)spread->table);
    spread->distribution = IMPAIR_UNIFORM;
    spread->table = NULL;
    spread->table_count = 0;
}

const struct impair_value impair_value_yes = {.type = "true or false",
                                              .size = sizeof(bool),
                                              .number = true,
                                              .read = read_yes,
                                              .write = write_yes},
                          impair_value_count = {.type = "whole number",
                                                .size = sizeof(uint32_t),
                                                .number = true,
                                                .read = read_count,
                                                .write = write_count},
                          impair_value_count_64 = {.type = "whole number",
                                                   .size = sizeof(uint64_t),
                                                   .number = true,
                                                   .read = read_count_64,
                                                   .write = write_count_64},
                          impair_value_time = {.type = "duration",
                                               .unit = UNITS_DURATION,
                                               .size = sizeof(uint64_t),
                                               .number = true,
                                               .read = read_time,
                                               .write = write_time},
                          impair_value_share = {.type = "percentage",
                                                .unit = UNITS_PERCENT,
                                                .size = sizeof(uint32_t),
                                                .number = true,
                                                .read = read_share,
                                                .write = write_share},
                          impair_value_size = {.type = "size",
                                               .unit = UNITS_SIZE,
                                               .size = sizeof(uint32_t),
                                               .number = true,
                                               .read = read_size,
                                               .write = write_size},
                          impair_value_size_64 = {.type = "size",
                                                  .unit = UNITS_SIZE,
                                                  .size = sizeof(uint64_t),
                                                  .number = true,
                                                  .read = read_size_64,
                                                  .write = write_size_64},
                          impair_value_length = {.type = "size, also with a minus",
                                                 .unit = UNITS_SIZE,
                                                 .size = sizeof(int32_t),
                                                 .number = true,
                                                 .read = read_length,
                                                 .write = write_length},
                          impair_value_rate = {.type = "rate",
                                               .unit = UNITS_RATE,
                                               .size = sizeof(uint64_t),
                                               .number = true,
                                               .read = read_rate,
                                               .write = write_rate},
                          impair_value_bits = {.type = "bit, or range of bits",
                                               .size = 2 * sizeof(uint32_t),
                                               .read = read_bits,
                                               .write = write_bits},
                          impair_value_distribution = {.type = "name of a distribution, or numbers",
                                                       .size = sizeof(struct impair_spread),
                                                       .read = read_distribution,
                                                       .write = write_distribution,
                                                       .is_none = is_uniform,
                                                       .reset = reset_distribution};
