#include "runner/shrink.h"

#include <stdio.h>

/* Settings of which a number makes more or less; in an order in which one does not stand in the
 * way of the next. */
const struct shrink_number shrink_numbers[] = {
    {"delay.correlation", SHRINK_SHARE, false},
    {"jitter", SHRINK_TIME, false},
    {"delay", SHRINK_TIME, false},
    {"loss.correlation", SHRINK_SHARE, false},
    {"loss", SHRINK_SHARE, false},
    {"loss.gemodel.r", SHRINK_SHARE, true},
    {"loss.gemodel.1-k", SHRINK_SHARE, false},
    {"loss.gemodel.1-h", SHRINK_SHARE, false},
    {"loss.gemodel.p", SHRINK_SHARE, false},
    {"loss.state.p14", SHRINK_SHARE, false},
    {"loss.state.p13", SHRINK_SHARE, false},
    {"duplicate", SHRINK_SHARE, false},
    {"reorder", SHRINK_SHARE, false},
    {"corrupt", SHRINK_SHARE, false},
    {"slot.jitter", SHRINK_TIME, false},
    {"slot", SHRINK_TIME, false},
    {"rate", SHRINK_RATE, true},
    {"mtu", SHRINK_BYTES, true},
    {0},
};

bool shrink_number_read(enum shrink_number_kind kind, const char *text, uint64_t *number)
{
    uint32_t ppb = 0;
    int code;

    switch (kind) {
    case SHRINK_TIME:
        return units_duration(text, number, NULL) == 0;
    case SHRINK_RATE:
        return units_rate(text, number, NULL) == 0;
    case SHRINK_BYTES:
        return units_count(text, number, NULL) == 0;
    default:
        code = units_percent(text, &ppb, NULL);
        *number = ppb;
        return code == 0;
    }
}

const char *shrink_number_write(enum shrink_number_kind kind, uint64_t number,
                                char text[static UNITS_TEXT_MAX])
{
    switch (kind) {
    case SHRINK_TIME:
        return units_duration_text(number, text);
    case SHRINK_RATE:
        return units_rate_text(number, text);
    case SHRINK_SHARE:
        return units_percent_text((uint32_t)number, text);
    default:
        snprintf(text, UNITS_TEXT_MAX, "%llu", (unsigned long long)number);
        return text;
    }
}

uint64_t shrink_number_round(uint64_t number)
{
    uint64_t step = 1;

    while (number / step >= 100)
        step *= 10;
    return number / step * step;
}
