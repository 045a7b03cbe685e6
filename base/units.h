/* Numbers with units, as people write them in scenario files and on the command line.
 *
 * A value is a decimal number and, right after it, a unit: "1.5s", "256M", "10mbit", "0.5%".
 * Nothing is rounded: what the unit's base cannot hold exactly ("1.5ns") is an error, and so are a
 * sign, a missing or unknown unit, and a value that does not fit. All errors are EINVAL or ERANGE
 * with the text, what is wrong with it and what was expected. */
#ifndef DUET_BASE_UNITS_H
#define DUET_BASE_UNITS_H

#include "base/error.h"

#include <stdint.h>

#define UNITS_DURATION "ns us ms s m h"
#define UNITS_SIZE     "B K M G T"
#define UNITS_RATE     "bit kbit mbit gbit tbit"
#define UNITS_PERCENT  "%"

/* ns, us, ms, s, m (minutes) or h, into nanoseconds. */
int units_duration(const char *text, uint64_t *ns, struct error *error);
/* B, K, M, G or T, also KiB, MiB, GiB and TiB: powers of 1024, into bytes. */
int units_size(const char *text, uint64_t *bytes, struct error *error);
/* bit, kbit, mbit, gbit or tbit in any case, as tc(8) writes them: powers of 1000, into bits per
 * second. */
int units_rate(const char *text, uint64_t *bits_per_second, struct error *error);
/* "0.5%", at most 100%, into parts per thousand million (1% is 10000000). */
int units_percent(const char *text, uint32_t *ppb, struct error *error);
/* A decimal number without a unit. */
int units_count(const char *text, uint64_t *count, struct error *error);

enum { UNITS_TEXT_MAX = 32 };

/* The other way: text that the function above reads as the very value, in the largest unit in which
 * it is a whole number ("25ms", "90s", "1500kbit", "32K"); a percentage in decimals. The text is
 * returned. */
const char *units_duration_text(uint64_t ns, char text[static UNITS_TEXT_MAX]);
const char *units_size_text(uint64_t bytes, char text[static UNITS_TEXT_MAX]);
const char *units_rate_text(uint64_t bits_per_second, char text[static UNITS_TEXT_MAX]);
const char *units_percent_text(uint32_t ppb, char text[static UNITS_TEXT_MAX]);

#endif
