/* What is seen of a host between two looks at it. */
#include "bench/noise.h"

#include "directory.h"

#include <math.h>
#include <unistd.h>

static const struct noise_calm calm = {.spin_ms = 4, .frequency_mhz = 3000};

static struct noise_mark quiet(double at_s)
{
    double ticks_s = (double)sysconf(_SC_CLK_TCK);

    /* Two processors, one of them ours. */
    return (struct noise_mark){.busy = (uint64_t)(at_s * ticks_s),
                               .total = (uint64_t)(2 * at_s * ticks_s),
                               .own_s = at_s,
                               .spin_ms = 4,
                               .frequency_mhz = 3000};
}

static const char *reason_of(const struct noise_mark *before, const struct noise_mark *after)
{
    struct noise noise = noise_between(before, after, &calm);

    return noise_reason(&noise);
}

static void a_quiet_host_disturbs_nothing(void **state)
{
    const struct noise_mark before = quiet(100), after = quiet(110);
    struct noise noise = noise_between(&before, &after, &calm);
    (void)state;

    assert_null(noise_reason(&noise));
    assert_true(noise.stolen == 0 && noise.slowdown == 1 && noise.clock == 1);
    assert_true(noise.others < 1e-9);
}

static void each_disturbance_has_its_reason(void **state)
{
    const struct noise_mark before = quiet(100);
    struct noise_mark after = quiet(110);
    uint64_t ticks_s = (uint64_t)sysconf(_SC_CLK_TCK);
    (void)state;

    after.stolen = ticks_s; /* of 20 */
    assert_non_null(strstr(reason_of(&before, &after), "hypervisor"));
    after = quiet(110);
    after.own_s -= 1; /* of 20 */
    assert_null(reason_of(&before, &after));
    after.own_s -= 2;
    assert_non_null(strstr(reason_of(&before, &after), "other processes"));
    after = quiet(110);
    after.frequency_mhz = 2500;
    assert_non_null(strstr(reason_of(&before, &after), "clock"));
    after = quiet(110);
    after.spin_ms = 4.5;
    assert_non_null(strstr(reason_of(&before, &after), "spin"));
    assert_non_null(strstr(reason_of(&after, &before), "spin"));
}

static void what_is_not_known_disturbs_nothing(void **state)
{
    struct noise_mark before = quiet(100), after = quiet(110);
    (void)state;

    before.own_s = after.own_s = 0;
    before.frequency_mhz = after.frequency_mhz = 0;
    assert_null(reason_of(&before, &after));
    assert_null(reason_of(&after, &after));
}

static void the_calm_is_the_best_of_all_marks(void **state)
{
    struct noise_calm best = {0};
    (void)state;

    noise_note(&best, &(struct noise_mark){.spin_ms = 5, .frequency_mhz = 0});
    noise_note(&best, &(struct noise_mark){.spin_ms = 4, .frequency_mhz = 2000});
    noise_note(&best, &(struct noise_mark){.spin_ms = 6, .frequency_mhz = 1000});
    assert_true(best.spin_ms == 4 && best.frequency_mhz == 2000);
}

static void put_frequency(const char *root, const char *cpu, const char *khz)
{
    cleanup_free char *directory = xasprintf("%s/%s/cpufreq", root, cpu);

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    directory_write(directory, "scaling_cur_freq", khz, 0644);
}

static void the_frequency_is_the_fastest_processors(void **state)
{
    char *root = directory_make();
    (void)state;

    assert_true(noise_read_frequency(root) == 0);
    put_frequency(root, "cpu0", "1200000\n");
    put_frequency(root, "cpu13", "3400500\n");
    put_frequency(root, "cpuidle", "9999999\n");
    assert_true(fabs(noise_read_frequency(root) - 3400.5) < 1e-9);
    directory_remove(root);
}

/* The work of this very process is not that of others. */
static void the_host_tells_all_that_it_has(void **state)
{
    struct noise_host host = {.guests_are_ours = true};
    struct noise_mark before, after;
    (void)state;

    noise_mark_host(&host, &before);
    noise_mark_host(&host, &after);
    assert_true(before.spin_ms > 0 && before.total > 0 && before.busy > 0);
    assert_true(after.own_s > before.own_s);
    host.guests_are_ours = false;
    noise_mark_host(&host, &after);
    assert_true(after.own_s == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quiet_host_disturbs_nothing),
        cmocka_unit_test(each_disturbance_has_its_reason),
        cmocka_unit_test(what_is_not_known_disturbs_nothing),
        cmocka_unit_test(the_calm_is_the_best_of_all_marks),
        cmocka_unit_test(the_frequency_is_the_fastest_processors),
        cmocka_unit_test(the_host_tells_all_that_it_has),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
