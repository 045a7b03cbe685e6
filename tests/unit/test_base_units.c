/* Numbers with units: what is read, exactly, what is refused, and what is written. */
#include "base/units.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct good {
    const char *text;
    uint64_t value;
};

typedef int (*units_read)(const char *text, uint64_t *value, struct error *error);

static void check_good(units_read read, const struct good *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct error error = {0};
        uint64_t value = 1234567;

        if (read(cases[i].text, &value, &error))
            fail_msg("%s: %s", cases[i].text, error.message);
        if (value != cases[i].value)
            fail_msg("%s: %llu", cases[i].text, (unsigned long long)value);
    }
}

/* Refused with the text and `part` in the message, and the output untouched. */
static void check_bad(units_read read, const char *text, const char *part)
{
    struct error error = {0};
    uint64_t value = 1234567;

    assert_true(read(text, &value, &error) < 0);
    assert_int_equal(value, 1234567);
    if (!strstr(error.message, text) || !strstr(error.message, part))
        fail_msg("%s: %s", text, error.message);
}

static void durations_are_exact(void **state)
{
    static const struct good cases[] = {
        {"0s", 0},
        {"1ns", 1},
        {"5us", 5000},
        {"5ms", 5000000},
        {"1.5s", 1500000000},
        {"0.000000001s", 1},
        {"90s", 90000000000},
        {"2m", 120000000000},
        {"1h", 3600000000000},
        {"1.000s", 1000000000},
        {"18446744073709551615ns", UINT64_MAX},
    };

    (void)state;
    check_good(units_duration, cases, array_size(cases));
}

static void durations_need_a_sense(void **state)
{
    (void)state;
    check_bad(units_duration, "5", "has no unit");
    check_bad(units_duration, "5 ms", "has the unit \" ms\"");
    check_bad(units_duration, "5parsecs", "one of ns, us, ms, s, m and h");
    check_bad(units_duration, "5MS", "has the unit \"MS\"");
    check_bad(units_duration, "-5ms", "is negative");
    check_bad(units_duration, "+5ms", "is not a duration");
    check_bad(units_duration, "ms", "is not a duration");
    check_bad(units_duration, "", "is not a duration");
    check_bad(units_duration, ".5s", "is not a duration");
    check_bad(units_duration, "5.s", "is not a duration");
    check_bad(units_duration, "1e3s", "has the unit \"e3s\"");
    check_bad(units_duration, "1.5ns", "finer than a nanosecond");
    check_bad(units_duration, "0.0000000001s", "finer than a nanosecond");
    check_bad(units_duration, "18446744073709551616ns", "is not a duration");
    check_bad(units_duration, "18446744073709551615us", "more than a duration can be");
    check_bad(units_duration, "99999999999999999999999999999s", "is not a duration");
}

static void sizes_are_powers_of_1024(void **state)
{
    static const struct good cases[] = {
        {"1B", 1},          {"1K", 1024},           {"256M", 256ull << 20}, {"1.5G", 3ull << 29},
        {"2T", 2ull << 40}, {"64MiB", 64ull << 20},
    };

    (void)state;
    check_good(units_size, cases, array_size(cases));
    check_bad(units_size, "256", "has no unit");
    check_bad(units_size, "256MB", "has the unit \"MB\"");
    check_bad(units_size, "0.3K", "finer than a byte");
    check_bad(units_size, "99999999T", "more than a size can be");
}

static void rates_are_bits_and_powers_of_1000(void **state)
{
    static const struct good cases[] = {
        {"1bit", 1},          {"56kbit", 56000},       {"10mbit", 10000000},
        {"10Mbit", 10000000}, {"2.5gbit", 2500000000}, {"1tbit", 1000000000000},
    };

    (void)state;
    check_good(units_rate, cases, array_size(cases));
    /* tc reads "bps" as bytes, everybody else as bits. */
    check_bad(units_rate, "10mbps", "has the unit \"mbps\"");
    check_bad(units_rate, "0.5bit", "finer than a bit per second");
}

static int read_percent(const char *text, uint64_t *value, struct error *error)
{
    uint32_t ppb = 0;
    int status = units_percent(text, &ppb, error);

    if (!status)
        *value = ppb;
    return status;
}

static void percentages_end_at_100(void **state)
{
    static const struct good cases[] = {
        {"0%", 0}, {"0.5%", 5000000}, {"1%", 10000000}, {"0.0000001%", 1}, {"100%", 1000000000},
    };

    (void)state;
    check_good(read_percent, cases, array_size(cases));
    check_bad(read_percent, "120%", "more than 100%");
    check_bad(read_percent, "100.0000001%", "more than 100%");
    check_bad(read_percent, "0.5", "has no unit");
    check_bad(read_percent, "-1%", "is negative");
    check_bad(read_percent, "0.00000001%", "finer");
}

static void counts_have_no_unit(void **state)
{
    static const struct good cases[] = {{"0", 0}, {"4", 4}, {"0007", 7}};

    (void)state;
    check_good(units_count, cases, array_size(cases));
    check_bad(units_count, "4K", "has the unit \"K\"");
    check_bad(units_count, "1.5", "finer than one");
    check_bad(units_count, "0x10", "has the unit \"x10\"");
}

struct written {
    uint64_t value;
    const char *text;
};

typedef const char *(*units_write)(uint64_t value, char text[static UNITS_TEXT_MAX]);

/* Written as expected, and read as what was written. */
static void check_written(units_write write, units_read read, const struct written *cases,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char text[UNITS_TEXT_MAX];
        uint64_t value = 1234567;

        assert_string_equal(write(cases[i].value, text), cases[i].text);
        assert_int_equal(read(text, &value, NULL), 0);
        assert_int_equal(value, cases[i].value);
    }
}

static const char *write_percent(uint64_t value, char text[static UNITS_TEXT_MAX])
{
    return units_percent_text((uint32_t)value, text);
}

static void what_is_written_is_whole_and_reads_back(void **state)
{
    static const struct written durations[] = {
        {0, "0ns"},
        {1, "1ns"},
        {1500, "1500ns"},
        {25000000, "25ms"},
        {1500000000, "1500ms"},
        {90000000000, "90s"},
        {120000000000, "2m"},
        {3600000000000, "1h"},
        {UINT64_MAX, "18446744073709551615ns"},
    };
    static const struct written sizes[] = {
        {0, "0B"},
        {1500, "1500B"},
        {32768, "32K"},
        {256ull << 20, "256M"},
        {3ull << 29, "1536M"},
        {2ull << 40, "2T"},
    };
    static const struct written rates[] = {
        {0, "0bit"},
        {1, "1bit"},
        {2000000, "2mbit"},
        {2500000, "2500kbit"},
        {1000000001, "1000000001bit"},
        {10000000000000, "10tbit"},
    };
    static const struct written percentages[] = {
        {0, "0%"},
        {1, "0.0000001%"},
        {5000000, "0.5%"},
        {10000000, "1%"},
        {125000000, "12.5%"},
        {999999999, "99.9999999%"},
        {1000000000, "100%"},
    };

    (void)state;
    check_written(units_duration_text, units_duration, durations, array_size(durations));
    check_written(units_size_text, units_size, sizes, array_size(sizes));
    check_written(units_rate_text, units_rate, rates, array_size(rates));
    check_written(write_percent, read_percent, percentages, array_size(percentages));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_exact),
        cmocka_unit_test(durations_need_a_sense),
        cmocka_unit_test(sizes_are_powers_of_1024),
        cmocka_unit_test(rates_are_bits_and_powers_of_1000),
        cmocka_unit_test(percentages_end_at_100),
        cmocka_unit_test(counts_have_no_unit),
        cmocka_unit_test(what_is_written_is_whole_and_reads_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
