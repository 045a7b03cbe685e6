#include "base/units.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum {
    PERCENT_PPB = 10000000,
    SIZE_SHORT_UNITS = 5, /* B to T; the others are other names of these */
};

struct unit {
    const char *name;
    uint64_t scale;
};

struct quantity {
    const char *what;     /* "a duration" */
    const char *expected; /* "one of ns, us, …, as in \"5ms\"" */
    const char *base;     /* what the value counts */
    const struct unit *units;
    size_t unit_count;
    uint64_t most;
    int any_case;
};

static const struct unit duration_units[] = {
    {"ns", 1},         {"us", 1000},       {"ms", 1000000},
    {"s", 1000000000}, {"m", 60000000000}, {"h", 3600000000000},
};
static const struct unit size_units[] = {
    {"B", 1},
    {"K", 1ull << 10},
    {"M", 1ull << 20},
    {"G", 1ull << 30},
    {"T", 1ull << 40},
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
    {"TiB", 1ull << 40},
};
static const struct unit rate_units[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {"tbit", 1000000000000},
};
static const struct unit percent_units[] = {{"%", PERCENT_PPB}};
static const struct unit count_units[] = {{"", 1}};

static const struct quantity duration = {"a duration",
                                         "one of ns, us, ms, s, m and h, as in \"5ms\"",
                                         "a nanosecond",
                                         duration_units,
                                         array_size(duration_units),
                                         UINT64_MAX,
                                         0};
static const struct quantity size = {"a size",
                                     "one of B, K, M, G and T, as in \"256M\"",
                                     "a byte",
                                     size_units,
                                     array_size(size_units),
                                     UINT64_MAX,
                                     0};
static const struct quantity rate = {"a rate",
                                     "one of bit, kbit, mbit, gbit and tbit, as in \"10mbit\"",
                                     "a bit per second",
                                     rate_units,
                                     array_size(rate_units),
                                     UINT64_MAX,
                                     1};
static const struct quantity percent = {"a percentage",
                                        "%, as in \"0.5%\"",
                                        "a thousand-millionth",
                                        percent_units,
                                        array_size(percent_units),
                                        1000000000,
                                        0};
static const struct quantity count_of = {"a whole number",
                                         "nothing, as in \"4\"",
                                         "one",
                                         count_units,
                                         array_size(count_units),
                                         UINT64_MAX,
                                         0};

static const struct unit *find_unit(const struct quantity *kind, const char *name)
{
    for (size_t i = 0; i < kind->unit_count; i++)
        if (!(kind->any_case ? strcasecmp : strcmp)(kind->units[i].name, name))
            return &kind->units[i];
    return NULL;
}

/* Digits with at most one point between them, as digits * 10^-decimals. Returns where they end,
 * or NULL where there is no number or one too long to be meant. */
static const char *read_number(const char *text, uint64_t *digits, unsigned *decimals)
{
    const char *at = text;
    uint64_t value = 0;
    unsigned after_point = 0;
    int point = 0;

    for (; isdigit((unsigned char)*at) || (*at == '.' && !point && at != text); at++) {
        if (*at == '.') {
            point = 1;
            continue;
        }
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
            return NULL;
        after_point += (unsigned)point;
    }
    if (at == text || at[-1] == '.')
        return NULL;
    *digits = value;
    *decimals = after_point;
    return at;
}

static int read_quantity(const char *text, const struct quantity *kind, uint64_t *out,
                         struct error *error)
{
    uint64_t digits;
    unsigned decimals;
    const char *rest = read_number(text, &digits, &decimals);
    const struct unit *unit;
    unsigned __int128 value;

    if (!rest && text[0] == '-' && isdigit((unsigned char)text[1]))
        return error_set(error, ERANGE, "\"%.60s\" is negative; %s is 0 or more", text, kind->what);
    if (!rest)
        return error_set(error, EINVAL, "\"%.60s\" is not %s: expected a number and %s", text,
                         kind->what, kind->expected);
    unit = find_unit(kind, rest);
    if (!unit && !*rest)
        return error_set(error, EINVAL, "\"%.60s\" has no unit: %s is a number and %s", text,
                         kind->what, kind->expected);
    if (!unit)
        return error_set(error, EINVAL, "\"%.60s\" has the unit \"%.20s\": %s is a number and %s",
                         text, rest, kind->what, kind->expected);
    value = (unsigned __int128)digits * unit->scale;
    for (; decimals > 0; decimals--) {
        if (value % 10)
            return error_set(error, ERANGE, "\"%.60s\" is finer than %s, the smallest there is",
                             text, kind->base);
        value /= 10;
    }
    if (value > kind->most && kind == &percent)
        return error_set(error, ERANGE, "\"%.60s\" is more than 100%%", text);
    if (value > kind->most)
        return error_set(error, ERANGE, "\"%.60s\" is more than %s can be", text, kind->what);
    *out = (uint64_t)value;
    return 0;
}

int units_duration(const char *text, uint64_t *ns, struct error *error)
{
    return read_quantity(text, &duration, ns, error);
}

int units_size(const char *text, uint64_t *bytes, struct error *error)
{
    return read_quantity(text, &size, bytes, error);
}

int units_rate(const char *text, uint64_t *bits_per_second, struct error *error)
{
    return read_quantity(text, &rate, bits_per_second, error);
}

int units_percent(const char *text, uint32_t *ppb, struct error *error)
{
    uint64_t value;
    int status = read_quantity(text, &percent, &value, error);

    if (!status)
        *ppb = (uint32_t)value;
    return status;
}

int units_count(const char *text, uint64_t *count, struct error *error)
{
    return read_quantity(text, &count_of, count, error);
}

/* `units` go from the smallest to the largest; the first is what the value counts. */
static const char *write_whole(const struct unit *units, size_t count, uint64_t value,
                               char text[static UNITS_TEXT_MAX])
{
    const struct unit *unit = &units[0];

    for (size_t i = 1; i < count && value; i++)
        if (value % units[i].scale == 0)
            unit = &units[i];
    snprintf(text, UNITS_TEXT_MAX, "%" PRIu64 "%s", value / unit->scale, unit->name);
    return text;
}

const char *units_duration_text(uint64_t ns, char text[static UNITS_TEXT_MAX])
{
    return write_whole(duration_units, array_size(duration_units), ns, text);
}

const char *units_size_text(uint64_t bytes, char text[static UNITS_TEXT_MAX])
{
    return write_whole(size_units, SIZE_SHORT_UNITS, bytes, text);
}

const char *units_rate_text(uint64_t bits_per_second, char text[static UNITS_TEXT_MAX])
{
    return write_whole(rate_units, array_size(rate_units), bits_per_second, text);
}

const char *units_percent_text(uint32_t ppb, char text[static UNITS_TEXT_MAX])
{
    int length = snprintf(text, UNITS_TEXT_MAX, "%" PRIu32 ".%07" PRIu32, ppb / PERCENT_PPB,
                          ppb % PERCENT_PPB);

    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '%';
    text[length + 1] = '\0';
    return text;
}
