/* The generator: the published one, by index; and that its draws are as chance has it. */
#include "base/memory.h"
#include "net/random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

enum { DRAWS = 1 << 20 };

/* Of SplitMix64 with the seed 1234567, as its users publish them. */
static void the_known_outputs_of_splitmix64(void **state)
{
    static const uint64_t known[] = {6457827717110365317u, 3203168211198807973u,
                                     9817491932198370423u, 4593380528125082431u,
                                     16408922859458223821u};
    (void)state;

    for (size_t i = array_size(known); i-- > 0;)
        assert_true(random_at(1234567, i) == known[i]);
}

/* Pearson's statistic of 256 cells has mean 255 and standard deviation 22.6; 400 is 6.4 of those
 * above. A generator that is too even would show below. */
static void assert_even(const uint32_t cells[static 256], double draws)
{
    double expected = draws / 256, sum = 0;

    for (size_t i = 0; i < 256; i++)
        sum += (cells[i] - expected) * (cells[i] - expected) / expected;
    assert_true(sum > 130 && sum < 400);
}

static void every_byte_of_the_draws_is_even(void **state)
{
    (void)state;

    for (unsigned shift = 0; shift < 64; shift += 8) {
        uint64_t key = random_key(shift, 3, 1, 4);
        uint32_t cells[256] = {0};

        for (uint64_t n = 0; n < DRAWS; n++)
            cells[random_at(key, n) >> shift & 0xff]++;
        assert_even(cells, DRAWS);
    }
}

/* Neighbours: of one stream, and of streams whose keys differ in one thing by one. */
static void pairs_are_even(void **state)
{
    uint64_t key = random_key(1, 1, 0, 1);
    const struct {
        uint64_t key;
        uint64_t step;
    } others[] = {
        {key, 1},
        {key, 256},
        {random_key(2, 1, 0, 1), 0},
        {random_key(1, 2, 0, 1), 0},
        {random_key(1, 1, 1, 1), 0},
        {random_key(1, 1, 0, 2), 0},
        {random_key(1, 0, 1, 1), 0},
    };
    (void)state;

    for (size_t i = 0; i < array_size(others); i++) {
        uint32_t cells[256] = {0};

        for (uint64_t n = 0; n < DRAWS; n++) {
            uint64_t one = random_at(key, n) >> 60;
            uint64_t other = random_at(others[i].key, n + others[i].step) >> 60;

            cells[one << 4 | other]++;
        }
        assert_even(cells, DRAWS);
    }
}

static void a_bit_of_any_input_flips_half_of_the_outputs(void **state)
{
    (void)state;

    for (unsigned bit = 0; bit < 64; bit++) {
        unsigned flipped = 0;

        for (uint64_t n = 0; n < 1000; n++)
            flipped += (unsigned)__builtin_popcountll(
                random_key(n, 7, 0, 3) ^ random_key(n ^ (UINT64_C(1) << bit), 7, 0, 3));
        /* 64000 coins: the standard deviation is 126. */
        assert_in_range(flipped, 32000 - 760, 32000 + 760);
    }
}

static void keys_of_small_numbers_differ(void **state)
{
    uint64_t keys[4 * 4 * 2 * 32];
    size_t count = 0;
    (void)state;

    for (uint64_t seed = 0; seed < 4; seed++)
        for (uint64_t link = 0; link < 4; link++)
            for (unsigned direction = 0; direction < 2; direction++)
                for (unsigned purpose = 0; purpose < 32; purpose++)
                    keys[count++] = random_key(seed, link, direction, purpose);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(keys[i] != keys[j]);
}

static void a_share_is_what_it_says(void **state)
{
    static const uint32_t shares[] = {1000000, 10000000, 100000000, 500000000, 999000000};
    (void)state;

    for (size_t i = 0; i < array_size(shares); i++) {
        uint64_t threshold = random_threshold(shares[i]);
        double share = shares[i] / 1e9, off;
        uint64_t hits = 0;

        for (uint64_t n = 0; n < DRAWS; n++)
            hits += random_chance(random_at(random_key(i, 0, 0, 0), n), threshold);
        off = (double)hits - DRAWS * share;
        assert_true(off * off < 25 * DRAWS * share * (1 - share));
    }
}

static void none_and_all_are_exact(void **state)
{
    (void)state;

    assert_false(random_chance(0, random_threshold(0)));
    assert_true(random_chance(UINT64_MAX, random_threshold(RANDOM_PPB)));
    assert_false(random_chance(UINT64_MAX, random_threshold(RANDOM_PPB - 1)));
    assert_true(random_chance(0, random_threshold(1)));
}

static void below_a_bound_is_even_and_below_it(void **state)
{
    uint32_t cells[256] = {0};
    (void)state;

    for (uint64_t n = 0; n < DRAWS; n++)
        cells[random_below(random_at(9, n), 256)]++;
    assert_even(cells, DRAWS);
    assert_int_equal(random_below(UINT64_MAX, 3), 2);
    assert_int_equal(random_below(0, 3), 0);
    assert_int_equal(random_below(UINT64_MAX, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_known_outputs_of_splitmix64),
        cmocka_unit_test(every_byte_of_the_draws_is_even),
        cmocka_unit_test(pairs_are_even),
        cmocka_unit_test(a_bit_of_any_input_flips_half_of_the_outputs),
        cmocka_unit_test(keys_of_small_numbers_differ),
        cmocka_unit_test(a_share_is_what_it_says),
        cmocka_unit_test(none_and_all_are_exact),
        cmocka_unit_test(below_a_bound_is_even_and_below_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
