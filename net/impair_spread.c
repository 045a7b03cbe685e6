#include "net/impair_spread.h"

#include "base/memory.h"

uint64_t spread_root(uint64_t value)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 62; bit; bit >>= 2) {
        if (value >= root + bit) {
            value -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

/* The upper 32 bits of a draw as a number inside (0, 1): as fine as is ever seen, and no end. */
static double open_unit(uint64_t draw)
{
    return ((double)(draw >> 32) + 0.5) / 4294967296.0;
}

static double polynomial(const double *coefficients, size_t count, double x)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum = sum * x + coefficients[i];
    return sum;
}

/* The natural logarithm of x in (0, 1): 2 artanh((m - 1) / (m + 1)) of a mantissa near 1, which
 * the series gives to 1e-13. */
static double natural_log(double x)
{
    double s, square, sum = 0;
    int exponent = 0;

    while (x < 0.70710678118654752) {
        x *= 2;
        exponent--;
    }
    s = (x - 1) / (x + 1);
    square = s * s;
    for (int k = 15; k >= 1; k -= 2)
        sum = sum * square + 1.0 / k;
    return 2 * s * sum + exponent * 0.69314718055994531;
}

/* Acklam's rational approximation of the normal quantile: relative error 1.15e-9. */
static double normal_quantile(double p)
{
    static const double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,
                               -2.759285104469687e+02, 1.383577518672690e+02,
                               -3.066479806614716e+01, 2.506628277459239e+00};
    static const double b[] = {-5.447609879822406e+01, 1.615858368580409e+02,
                               -1.556989798598866e+02, 6.680131188771972e+01,
                               -1.328068155288572e+01, 1};
    static const double c[] = {-7.784894002430293e-03, -3.223964580411365e-01,
                               -2.400758277161838e+00, -2.549732539343734e+00,
                               4.374664141464968e+00,  2.938163982698783e+00};
    static const double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                               3.754408661907416e+00, 1};
    static const double tail = 0.02425, unit = 1ull << 56;
    double q = p < 0.5 ? p : 1 - p;

    if (q >= tail) {
        q = p - 0.5;
        return q * polynomial(a, array_size(a), q * q) / polynomial(b, array_size(b), q * q);
    }
    /* The root of -2 log q, which is below 46, in steps of 2^-28. */
    q = (double)spread_root((uint64_t)(-2 * natural_log(q) * unit)) / (1ull << 28);
    q = polynomial(c, array_size(c), q) / polynomial(d, array_size(d), q);
    return p < 0.5 ? q : -q;
}

/* u^(-1/3) for u in (0, 1]: Newton's y (4 - u y^3) / 3 from a guess that is off by a seventh at
 * most, on u between 1/8 and 1. */
static double inverse_cube_root(double u)
{
    double scale = 1, y;

    while (u < 0.125) {
        u *= 8;
        scale *= 2;
    }
    y = 1.6 / (0.65 + u) + 0.03;
    for (int i = 0; i < 5; i++)
        y = y * (4 - u * y * y * y) / 3;
    return y * scale;
}

/* Of exponent 3, moved and scaled as in iproute2's table, and cut where that is: at 4. */
static double pareto_quantile(double p)
{
    double x = (inverse_cube_root(1 - p) - 1.5) * 4 / 3;

    return x < 4 ? x : 4;
}

double spread_quantile(enum impair_distribution distribution, uint64_t draw)
{
    double p = open_unit(draw);

    switch (distribution) {
    case IMPAIR_UNIFORM:
        return 2 * p - 1;
    case IMPAIR_NORMAL:
        return normal_quantile(p);
    case IMPAIR_PARETO:
        return pareto_quantile(p);
    case IMPAIR_PARETONORMAL:
        return (normal_quantile(p) + 3 * pareto_quantile(p)) / 4;
    default:
        return 0;
    }
}

uint64_t spread_time(const struct impair_spread *set, uint64_t draw)
{
    int64_t jitter = (int64_t)set->jitter_ns;
    int64_t offset;

    if (set->distribution == IMPAIR_UNIFORM) {
        offset = (int64_t)random_below(draw, 2 * set->jitter_ns + 1) - jitter;
    } else if (set->distribution == IMPAIR_TABLE) {
        offset = jitter * set->table[random_below(draw, set->table_count)] / IMPAIR_TABLE_SCALE;
    } else {
        double exact = spread_quantile(set->distribution, draw) * (double)jitter;

        offset = (int64_t)(exact < 0 ? exact - 0.5 : exact + 0.5);
    }
    offset += (int64_t)set->mean_ns;
    return offset > 0 ? (uint64_t)offset : 0;
}
