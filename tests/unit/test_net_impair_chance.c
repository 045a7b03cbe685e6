/* Loss models and distributions against what they promise. The bounds are five standard deviations
 * or more, and the seeds are fixed. */
#include "net/impair_loss.h"
#include "net/impair_spread.h"

#include "tests/unit/impair_fixture.h"

enum { PACKETS = 1000000 };

/* By Newton's way: the tests are linked without libm. */
static double root_of(double square)
{
    double root = square > 1 ? square : 1;

    for (int i = 0; i < 200; i++)
        root = (root + square / root) / 2;
    return root;
}

static void assert_about(double value, double expected, double slack)
{
    double off = value - expected;

    if (off > slack || -off > slack)
        fail_msg("found %g, expected %g within %g", value, expected, slack);
}

/* `hits` of a chain with two states whose memory is `rho`: the variance of the count is
 * (1 + rho) / (1 - rho) times that of independent packets. */
static void assert_share_of_chain(uint64_t hits, double share, double rho)
{
    assert_about((double)hits, PACKETS * share,
                 5 * root_of(PACKETS * share * (1 - share) * (1 + rho) / (1 - rho)));
}

static const struct draw_owner owner = {.seed = 42, .link = 1, .direction = 0};

/* -- Loss -------------------------------------------------------------------------------------- */

struct losses {
    uint64_t lost, bursts; /* runs of lost packets */
    uint64_t pairs;        /* lost packets right behind a lost one */
};

static struct losses lose(const struct impair_loss *settings)
{
    struct losses losses = {0};
    struct loss loss;
    bool before = false;

    loss_init(&loss, &owner);
    loss_set(&loss, settings);
    for (uint64_t n = 0; n < PACKETS; n++) {
        bool lost = loss_next(&loss, n);

        losses.lost += lost;
        losses.bursts += lost && !before;
        losses.pairs += lost && before;
        before = lost;
    }
    return losses;
}

static void random_loss_is_the_share_and_has_no_memory(void **state)
{
    static const double shares[] = {0.1, 1, 10, 50};
    (void)state;

    for (size_t i = 0; i < array_size(shares); i++) {
        struct losses losses = lose(&(struct impair_loss){.random = {.ppb = percent(shares[i])}});

        assert_share(losses.lost, PACKETS, shares[i] / 100);
        assert_share(losses.pairs, losses.lost, shares[i] / 100);
    }
    assert_int_equal(lose(&(struct impair_loss){0}).lost, 0);
    assert_int_equal(lose(&(struct impair_loss){.random = {.ppb = RANDOM_PPB}}).lost, PACKETS);
}

/* netem's correlation makes the share smaller than asked; ours must not. */
static void correlated_loss_keeps_the_share_and_has_the_correlation(void **state)
{
    static const double correlations[] = {0.25, 0.5, 0.9};
    (void)state;

    for (size_t i = 0; i < array_size(correlations); i++) {
        double rho = correlations[i], share = 0.05;
        struct losses losses = lose(&(struct impair_loss){
            .random = {.ppb = percent(5), .correlation_ppb = percent(100 * rho)}});

        assert_share_of_chain(losses.lost, share, rho);
        /* Behind a lost packet: rho it is lost again, else by the share. */
        assert_share(losses.pairs, losses.lost, rho + (1 - rho) * share);
    }
}

/* Gilbert's: in the bad state all is lost, and it lasts 1/r packets on average. */
static void gilbert_loses_in_bursts(void **state)
{
    struct losses losses = lose(&(struct impair_loss){
        .model = IMPAIR_LOSS_GEMODEL,
        .gemodel = {.p = percent(1), .r = percent(20), .bad_loss_ppb = RANDOM_PPB}});
    double share = 0.01 / (0.01 + 0.20);
    (void)state;

    /* The chain's memory is 1 - p - r. */
    assert_share_of_chain(losses.lost, share, 0.79);
    assert_share(losses.pairs, losses.lost, 0.8);
}

static void gilbert_elliott_loses_in_both_states(void **state)
{
    struct losses losses = lose(&(struct impair_loss){.model = IMPAIR_LOSS_GEMODEL,
                                                      .gemodel = {.p = percent(10),
                                                                  .r = percent(30),
                                                                  .bad_loss_ppb = percent(40),
                                                                  .good_loss_ppb = percent(2)}});
    double share = 0.25 * 0.40 + 0.75 * 0.02;
    (void)state;

    assert_share_of_chain(losses.lost, share, 0.6);
}

/* p13 and p31 alone are Gilbert's model, in netem's other words. */
static void two_states_are_gilberts_model(void **state)
{
    struct losses losses = lose(&(struct impair_loss){
        .model = IMPAIR_LOSS_STATE, .state = {.p13 = percent(1), .p31 = percent(20)}});
    double share = 0.01 / 0.21;
    (void)state;

    assert_share_of_chain(losses.lost, share, 0.79);
    assert_share(losses.pairs, losses.lost, 0.8);
}

/* The stationary shares of the chain 1 -> 3, 1 -> 4 -> 1, 3 -> 1, 3 -> 2 -> 3. */
static void four_states_have_their_stationary_share(void **state)
{
    double p13 = 0.02, p31 = 0.1, p32 = 0.3, p23 = 0.5, p14 = 0.05;
    double one = 1, three = one * p13 / p31, two = three * p32 / p23, four = one * p14;
    double share = (three + four) / (one + two + three + four);
    struct losses losses = lose(&(struct impair_loss){.model = IMPAIR_LOSS_STATE,
                                                      .state = {.p13 = percent(100 * p13),
                                                                .p31 = percent(100 * p31),
                                                                .p32 = percent(100 * p32),
                                                                .p23 = percent(100 * p23),
                                                                .p14 = percent(100 * p14)}});
    (void)state;

    assert_about((double)losses.lost / PACKETS, share, 0.005);
}

static void a_lone_loss_is_followed_by_none(void **state)
{
    struct losses losses =
        lose(&(struct impair_loss){.model = IMPAIR_LOSS_STATE, .state = {.p14 = percent(30)}});
    (void)state;

    assert_int_equal(losses.pairs, 0);
    assert_share(losses.lost, PACKETS - losses.lost, 0.3);
}

/* A run-time change of the numbers leaves the model where it is; no loss puts it back to good. */
static void a_change_of_numbers_keeps_the_state(void **state)
{
    struct impair_loss settings = {
        .model = IMPAIR_LOSS_GEMODEL,
        .gemodel = {.p = RANDOM_PPB, .r = 0, .bad_loss_ppb = RANDOM_PPB}};
    static const struct impair_loss none;
    struct loss loss;
    (void)state;

    loss_init(&loss, &owner);
    loss_set(&loss, &settings);
    assert_false(loss_next(&loss, 0));
    assert_true(loss_next(&loss, 1));
    settings.gemodel.p = 1;
    loss_set(&loss, &settings);
    assert_true(loss_next(&loss, 2));
    loss_set(&loss, &none);
    assert_false(loss_next(&loss, 3));
    settings.gemodel.p = RANDOM_PPB;
    loss_set(&loss, &settings);
    assert_false(loss_next(&loss, 4));
    assert_true(loss_next(&loss, 5));
    settings.gemodel.p = 0; /* the same model, and no way to the bad state */
    loss_set(&loss, &settings);
    assert_false(loss_next(&loss, 6));
    settings.gemodel.p = 1;
    loss_set(&loss, &settings);
    assert_false(loss_next(&loss, 7));
}

/* -- Distributions ----------------------------------------------------------------------------- */

struct moments {
    double mean, deviation, least, most;
};

static struct moments moments_of(const struct impair_spread *settings)
{
    struct moments moments = {.least = 1e300, .most = -1e300};
    struct spread spread = {0};
    double sum = 0, squares = 0;

    draws_init(&spread.draws, &owner, DRAW_DELAY, DRAW_DELAY_KEEP);
    spread_set(&spread, settings);
    for (uint64_t n = 0; n < PACKETS; n++) {
        double off = (double)spread_next(&spread, n) - (double)settings->mean_ns;

        sum += off;
        squares += off * off;
        moments.least = off < moments.least ? off : moments.least;
        moments.most = off > moments.most ? off : moments.most;
    }
    moments.mean = sum / PACKETS;
    moments.deviation = root_of(squares / PACKETS - moments.mean * moments.mean);
    return moments;
}

static struct impair_spread spread_of(enum impair_distribution distribution)
{
    return (struct impair_spread){
        .mean_ns = 100 * FIXTURE_MS, .jitter_ns = 10 * FIXTURE_MS, .distribution = distribution};
}

/* Of a mean over a million draws the standard deviation is a thousandth of theirs. */
static void uniform_has_its_moments_and_ends(void **state)
{
    struct impair_spread settings = spread_of(IMPAIR_UNIFORM);
    struct moments moments = moments_of(&settings);
    (void)state;

    assert_about(moments.mean, 0, 30000);
    assert_about(moments.deviation, 10e6 / root_of(3), 20000);
    assert_true(moments.least >= -10e6 && moments.least < -9.999e6);
    assert_true(moments.most <= 10e6 && moments.most > 9.999e6);
}

static void normal_has_its_moments(void **state)
{
    struct impair_spread settings = spread_of(IMPAIR_NORMAL);
    struct moments moments = moments_of(&settings);
    (void)state;

    assert_about(moments.mean, 0, 50000);
    assert_about(moments.deviation, 10e6, 40000);
    /* One in a million is 4.9 standard deviations off. */
    assert_true(moments.most > 42e6 && moments.most < 65e6);
    assert_true(moments.least < -42e6 && moments.least > -65e6);
}

/* The integral of the quantile function (u^(-1/3) - 1.5) * 4/3, cut at 4 where u = 1 / 4.5^3. */
static void pareto_has_its_moments_and_ends(void **state)
{
    struct impair_spread settings = spread_of(IMPAIR_PARETO);
    struct moments moments = moments_of(&settings);
    double root = 1 / 4.5, cut = root * root * root;
    double first = 1.5 * (1 - root * root) - 1.5 * (1 - cut);
    double second = 3 * (1 - root) - 3 * 1.5 * (1 - root * root) + 2.25 * (1 - cut);
    double mean = first * 4 / 3 + 4 * cut, square = second * 16 / 9 + 16 * cut;
    (void)state;

    assert_about(moments.mean, mean * 10e6, 50000);
    assert_about(moments.deviation, root_of(square - mean * mean) * 10e6, 50000);
    assert_true(moments.least >= -6666667 && moments.least < -6.66e6);
    assert_true(moments.most == 40e6);
}

static void paretonormal_lies_between_its_parts(void **state)
{
    struct impair_spread settings = spread_of(IMPAIR_PARETONORMAL);
    struct moments moments = moments_of(&settings);
    (void)state;

    for (uint64_t n = 0; n < 1000; n++) {
        uint64_t draw = random_at(1, n);
        double mixed = 0.25 * spread_quantile(IMPAIR_NORMAL, draw) +
                       0.75 * spread_quantile(IMPAIR_PARETO, draw);

        assert_about(spread_quantile(IMPAIR_PARETONORMAL, draw), mixed, 1e-9);
    }
    /* Integrated numerically. */
    assert_about(moments.mean, -0.0246914e7, 40000);
    assert_about(moments.deviation, 0.8349522e7, 40000);
}

static void a_table_gives_its_entries(void **state)
{
    static const int16_t table[] = {-8192, 0, 0, 16384};
    struct impair_spread settings = spread_of(IMPAIR_TABLE);
    struct moments moments;
    (void)state;

    settings.table = table;
    settings.table_count = array_size(table);
    moments = moments_of(&settings);
    assert_about(moments.mean, 2.5e6, 60000);
    assert_true(moments.least == -10e6 && moments.most == 20e6);
}

static void normal_quantiles_are_those_of_the_tables(void **state)
{
    static const struct {
        double p, quantile;
    } known[] = {{0.5, 0},
                 {0.841344746068543, 1},
                 {0.975, 1.959963984540054},
                 {0.999, 3.090232306167813},
                 {0.001, -3.090232306167813},
                 {0.999999, 4.753424308822899}};
    (void)state;

    for (size_t i = 0; i < array_size(known); i++)
        assert_about(spread_quantile(IMPAIR_NORMAL, (uint64_t)(known[i].p * 0x1p64)),
                     known[i].quantile, 3e-5);
}

/* A verdict must not depend on who compiled it: these are what gcc and clang, with and without
 * optimisation and sanitizers, have made of the same draws. */
static void quantiles_are_the_same_for_every_compiler(void **state)
{
    uint64_t digest[IMPAIR_DISTRIBUTIONS] = {0};
    static const uint64_t known[] = {
        [IMPAIR_UNIFORM] = UINT64_C(0xdec662fe5329ce23),
        [IMPAIR_NORMAL] = UINT64_C(0xe545ef69692ae943),
        [IMPAIR_PARETO] = UINT64_C(0x3ca85e342c14b8a6),
        [IMPAIR_PARETONORMAL] = UINT64_C(0x6ce17f95aa8ca1a6),
    };
    (void)state;

    for (unsigned kind = IMPAIR_UNIFORM; kind < IMPAIR_TABLE; kind++) {
        struct impair_spread settings = {
            .mean_ns = FIXTURE_S, .jitter_ns = FIXTURE_S / 2, .distribution = kind};

        for (uint64_t n = 0; n < 100000; n++)
            digest[kind] = random_mix(digest[kind] ^ spread_time(&settings, random_at(7, n)));
        assert_true(digest[kind] == known[kind]);
    }
}

static void a_time_is_never_negative(void **state)
{
    struct impair_spread settings = {.mean_ns = 5, .jitter_ns = 5, .distribution = IMPAIR_NORMAL};
    (void)state;

    assert_int_equal(spread_time(&settings, 0), 0);
    settings.distribution = IMPAIR_UNIFORM;
    assert_int_equal(spread_time(&settings, 0), 0);
    assert_int_equal(spread_time(&settings, UINT64_MAX), 10);
}

/* The mean of neighbours' products is the correlation; and the distribution stays what it is. */
static void correlated_jitter_keeps_the_distribution(void **state)
{
    struct impair_spread settings = spread_of(IMPAIR_NORMAL);
    struct spread spread = {0};
    double products = 0, before = 0;
    struct moments moments;
    (void)state;

    settings.correlation_ppb = percent(75);
    moments = moments_of(&settings);
    assert_about(moments.mean, 0, 50000 * root_of(1.75 / 0.25));
    assert_about(moments.deviation, 10e6, 40000 * root_of(1.75 / 0.25));
    draws_init(&spread.draws, &owner, DRAW_DELAY, DRAW_DELAY_KEEP);
    spread_set(&spread, &settings);
    for (uint64_t n = 0; n < PACKETS; n++) {
        double off = (double)spread_next(&spread, n) - 100e6;

        products += off * before / 1e14;
        before = off;
    }
    assert_about(products / PACKETS, 0.75, 0.02);
}

static void the_root_is_exact(void **state)
{
    (void)state;

    for (uint64_t root = 1; root < UINT32_MAX; root = root * 5 / 4 + 1) {
        assert_int_equal(spread_root(root * root), root);
        assert_int_equal(spread_root(root * root - 1), root - 1);
    }
    assert_int_equal(spread_root(UINT64_MAX), UINT32_MAX);
    assert_int_equal(spread_root(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_loss_is_the_share_and_has_no_memory),
        cmocka_unit_test(correlated_loss_keeps_the_share_and_has_the_correlation),
        cmocka_unit_test(gilbert_loses_in_bursts),
        cmocka_unit_test(gilbert_elliott_loses_in_both_states),
        cmocka_unit_test(two_states_are_gilberts_model),
        cmocka_unit_test(four_states_have_their_stationary_share),
        cmocka_unit_test(a_lone_loss_is_followed_by_none),
        cmocka_unit_test(a_change_of_numbers_keeps_the_state),
        cmocka_unit_test(uniform_has_its_moments_and_ends),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(pareto_has_its_moments_and_ends),
        cmocka_unit_test(paretonormal_lies_between_its_parts),
        cmocka_unit_test(a_table_gives_its_entries),
        cmocka_unit_test(normal_quantiles_are_those_of_the_tables),
        cmocka_unit_test(quantiles_are_the_same_for_every_compiler),
        cmocka_unit_test(a_time_is_never_negative),
        cmocka_unit_test(correlated_jitter_keeps_the_distribution),
        cmocka_unit_test(the_root_is_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
