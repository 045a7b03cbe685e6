/* Bounds against the exact distributions that they bound. */
#include "base/memory.h"
#include "net/chance_bounds.h"
#include "net/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { TRIALS_MAX = 4000 };

static uint32_t ppb(double share)
{
    return (uint32_t)(share * RANDOM_PPB + 0.5);
}

/* The distribution of the hits of a chain, exactly, by what may be known after each trial. */
struct exact {
    double p[TRIALS_MAX + 1][CHAIN_STATES];
    double hits[TRIALS_MAX + 1];
};

static void step(struct exact *exact, const struct chain *chain, unsigned done)
{
    for (unsigned k = done + 1; k-- > 0;) {
        double from[CHAIN_STATES];

        memcpy(from, exact->p[k], sizeof from);
        memset(exact->p[k], 0, sizeof from);
        for (unsigned i = 0; i < chain->states; i++)
            for (unsigned j = 0; j < chain->states; j++) {
                double moved = from[i] * chain->move[i][j];
                double hit = chain->hit[chain->moves_first ? j : i];

                exact->p[k][j] += moved * (1 - hit);
                exact->p[k + 1][j] += moved * hit;
            }
    }
}

static void begin(struct exact *exact, unsigned state)
{
    memset(exact, 0, sizeof *exact);
    exact->p[0][state] = 1;
}

static void sum_up(struct exact *exact, unsigned trials)
{
    for (unsigned k = 0; k <= trials; k++)
        for (unsigned i = 0; i < CHAIN_STATES; i++)
            exact->hits[k] += exact->p[k][i];
}

static double above(const struct exact *exact, unsigned trials, uint64_t most)
{
    double sum = 0;

    for (unsigned k = trials; k > most; k--)
        sum += exact->hits[k];
    return sum;
}

static double below(const struct exact *exact, uint64_t least)
{
    double sum = 0;

    for (unsigned k = 0; k < least; k++)
        sum += exact->hits[k];
    return sum;
}

/* What is not believed is rarer than promised, and the bound is no wider than by a factor of e^8
 * in that. (Chernoff's is off by the square root of the variance, and a step of k counts.) */
static void assert_tails(const struct exact *exact, unsigned trials, const struct bounds *bounds)
{
    double doubt = exp(-BOUNDS_DOUBT), loose = exp(-BOUNDS_DOUBT - 8);
    uint64_t least, most;

    bounds_range(bounds, &least, &most);
    assert_true(least <= most && most <= trials);
    if (above(exact, trials, most) > doubt)
        fail_msg("more than %llu of %u: %g", (unsigned long long)most, trials,
                 above(exact, trials, most));
    if (below(exact, least) > doubt)
        fail_msg("less than %llu of %u: %g", (unsigned long long)least, trials,
                 below(exact, least));
    if (most > 0 && above(exact, trials, most - 1) < loose)
        fail_msg("%llu of %u is too wide: %g", (unsigned long long)most, trials,
                 above(exact, trials, most - 1));
    if (least < trials && below(exact, least + 1) < loose)
        fail_msg("%llu of %u is too wide: %g", (unsigned long long)least, trials,
                 below(exact, least + 1));
}

static void assert_chain(const struct chain *chain, unsigned trials)
{
    struct exact *exact = xmalloc(sizeof *exact);
    struct bounds bounds = {0};

    begin(exact, chain->start > 0 ? (unsigned)chain->start : 0);
    for (unsigned done = 0; done < trials; done++)
        step(exact, chain, done);
    sum_up(exact, trials);
    bounds_add(&bounds, chain, trials);
    assert_int_equal(bounds.trials, trials);
    assert_tails(exact, trials, &bounds);
    free(exact);
}

static void independent_packets_have_binomial_bounds(void **state)
{
    static const double shares[] = {0.0001, 0.001, 0.02, 0.1, 0.5, 0.9, 0.999};
    static const unsigned trials[] = {1, 10, 100, 1000, TRIALS_MAX};
    (void)state;

    for (size_t i = 0; i < array_size(shares); i++)
        for (size_t k = 0; k < array_size(trials); k++) {
            struct chain chain;

            chain_of_chance(&chain, ppb(shares[i]), 0);
            assert_chain(&chain, trials[k]);
            assert_true(fabs(chain_share(&chain) - shares[i]) < 1e-9);
        }
}

static void what_cannot_happen_is_not_believed_once(void **state)
{
    struct chain never, always;
    struct bounds bounds = {0};
    uint64_t least, most;
    (void)state;

    chain_of_chance(&never, 0, ppb(0.5));
    bounds_add(&bounds, &never, 1000000);
    bounds_range(&bounds, &least, &most);
    assert_int_equal(least, 0);
    assert_int_equal(most, 0);
    chain_of_chance(&always, RANDOM_PPB, 0);
    bounds_add(&bounds, &always, 1000000);
    bounds_range(&bounds, &least, &most);
    assert_int_equal(least, 1000000);
    assert_int_equal(most, 1000000);
    assert_true(bounds.expected == 1000000);
}

static void nothing_is_believed_of_no_packets(void **state)
{
    struct bounds bounds = {0};
    struct chain chain;
    uint64_t least, most;
    (void)state;

    chain_of_chance(&chain, ppb(0.5), 0);
    bounds_add(&bounds, &chain, 0);
    bounds_range(&bounds, &least, &most);
    assert_int_equal(least, 0);
    assert_int_equal(most, 0);
}

static void correlated_packets_have_wider_ones(void **state)
{
    static const double correlations[] = {0.25, 0.9};
    (void)state;

    for (size_t i = 0; i < array_size(correlations); i++) {
        struct chain chain;

        chain_of_chance(&chain, ppb(0.05), ppb(correlations[i]));
        assert_int_equal(chain.start, -1);
        assert_true(fabs(chain_share(&chain) - 0.05) < 1e-9);
        for (int start = 0; start < 2; start++) {
            chain.start = start;
            assert_chain(&chain, 1500);
        }
    }
}

static void models_with_states_have_theirs(void **state)
{
    static const struct impair_loss models[] = {
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = 10000000, .r = 200000000, .bad_loss_ppb = RANDOM_PPB}},
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = 100000000,
                     .r = 300000000,
                     .bad_loss_ppb = 400000000,
                     .good_loss_ppb = 20000000}},
        /* It never becomes bad; it never becomes good again; it changes each time. */
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.r = 1, .bad_loss_ppb = RANDOM_PPB, .good_loss_ppb = 20000000}},
        {.model = IMPAIR_LOSS_GEMODEL, .gemodel = {.p = 1000000, .bad_loss_ppb = 500000000}},
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = RANDOM_PPB, .r = RANDOM_PPB, .bad_loss_ppb = 500000000}},
        {.model = IMPAIR_LOSS_STATE,
         .state = {.p13 = 50000000,
                   .p31 = 300000000,
                   .p32 = 200000000,
                   .p23 = 500000000,
                   .p14 = 10000000}},
        {.model = IMPAIR_LOSS_STATE, .state = {.p14 = 10000000}},
    };
    static const double shares[] = {0.01 / 0.21, 0.25 * 0.4 + 0.75 * 0.02, 0.02, 0.5, 0.25};
    (void)state;

    for (size_t i = 0; i < array_size(models); i++) {
        struct chain chain;

        chain_of_loss(&chain, &models[i]);
        assert_int_equal(chain.start, 0);
        assert_chain(&chain, 1500);
        if (i < array_size(shares))
            assert_true(fabs(chain_share(&chain) - shares[i]) < 1e-6);
    }
}

/* From any state on, whichever that is. */
static void stretches_add_up(void **state)
{
    static const struct impair_loss models[] = {
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = 10000000, .r = 200000000, .bad_loss_ppb = RANDOM_PPB}},
        {.model = IMPAIR_LOSS_GEMODEL,
         .gemodel = {.p = 100000000, .r = 100000000, .bad_loss_ppb = RANDOM_PPB}},
    };
    struct exact *exact = xmalloc(sizeof *exact);
    struct bounds bounds = {0};
    (void)state;

    begin(exact, 0);
    for (unsigned done = 0; done < 1500; done++) {
        struct chain chain;

        chain_of_loss(&chain, &models[done >= 500]);
        step(exact, &chain, done);
    }
    sum_up(exact, 1500);
    for (size_t i = 0; i < array_size(models); i++) {
        struct chain chain;

        chain_of_loss(&chain, &models[i]);
        chain.start = i ? -1 : 0;
        bounds_add(&bounds, &chain, i ? 1000 : 500);
    }
    assert_tails(exact, 1500, &bounds);
    free(exact);
}

/* So many that only logarithms can hold the numbers. */
static void bounds_of_many_packets_close_in(void **state)
{
    uint64_t least, most, trials = 1000000000;
    struct bounds bounds = {0};
    struct chain chain;
    double width;
    (void)state;

    chain_of_chance(&chain, ppb(0.5), 0);
    bounds_add(&bounds, &chain, trials);
    bounds_range(&bounds, &least, &most);
    /* sqrt(2 * 25 * variance) on each side, by the normal distribution's tail. */
    width = sqrt(2 * BOUNDS_DOUBT * (double)trials / 4);
    assert_true(fabs(((double)most - (double)trials / 2) / width - 1) < 0.03);
    assert_true(fabs(((double)trials / 2 - (double)least) / width - 1) < 0.03);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(independent_packets_have_binomial_bounds),
        cmocka_unit_test(what_cannot_happen_is_not_believed_once),
        cmocka_unit_test(nothing_is_believed_of_no_packets),
        cmocka_unit_test(correlated_packets_have_wider_ones),
        cmocka_unit_test(models_with_states_have_theirs),
        cmocka_unit_test(stretches_add_up),
        cmocka_unit_test(bounds_of_many_packets_close_in),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
