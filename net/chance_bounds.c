#include "net/chance_bounds.h"

#include "net/random.h"

#include <math.h>
#include <string.h>

/* The grid of t: from what a thousand million trials need, by steady steps. The last is so large
 * that what cannot happen at all is not believed even once. */
#define GRID_FIRST 3e-4
#define GRID_STEP  1.37
#define GRID_LAST  200.0

static double grid(unsigned point)
{
    return point == BOUNDS_POINTS - 1 ? GRID_LAST : GRID_FIRST * pow(GRID_STEP, point);
}

static double share_of(uint32_t ppb)
{
    return (double)ppb / RANDOM_PPB;
}

/* -- Chains ------------------------------------------------------------------------------------ */

static void set_plain(struct chain *chain, double share)
{
    *chain = (struct chain){.states = 1, .move[0][0] = 1, .hit[0] = share};
}

/* The states: the last draw was no hit, or one. */
void chain_of_chance(struct chain *chain, uint32_t ppb, uint32_t correlation_ppb)
{
    double share = share_of(ppb), keep = share_of(correlation_ppb);

    set_plain(chain, share);
    if (ppb == 0 || ppb >= RANDOM_PPB || correlation_ppb == 0)
        return;
    *chain = (struct chain){.states = 2, .hit = {0, 1}, .moves_first = true, .start = -1};
    for (unsigned from = 0; from < 2; from++) {
        chain->move[from][1] = (from ? keep : 0) + (1 - keep) * share;
        chain->move[from][0] = 1 - chain->move[from][1];
    }
}

static void set_gemodel(struct chain *chain, const struct impair_loss *loss)
{
    double p = share_of(loss->gemodel.p), r = share_of(loss->gemodel.r);

    set_plain(chain, share_of(loss->gemodel.good_loss_ppb));
    if (loss->gemodel.p == 0)
        return; /* it is never bad */
    *chain = (struct chain){
        .states = 2,
        .move = {{1 - p, p}, {r, 1 - r}},
        .hit = {share_of(loss->gemodel.good_loss_ppb), share_of(loss->gemodel.bad_loss_ppb)}};
}

/* Salsano's states 1, 2, 3, 4 are 0, 1, 2, 3 here. */
static void set_states(struct chain *chain, const struct impair_loss *loss)
{
    double p13 = share_of(loss->state.p13), p14 = share_of(loss->state.p14);
    double p31 = share_of(loss->state.p31), p32 = share_of(loss->state.p32);
    double p23 = share_of(loss->state.p23);

    *chain = (struct chain){.states = 4,
                            .move = {{1 - p13 - p14, 0, p13, p14},
                                     {0, 1 - p23, p23, 0},
                                     {p31, p32, 1 - p31 - p32, 0},
                                     {1, 0, 0, 0}},
                            .hit = {0, 0, 1, 1},
                            .moves_first = true};
}

void chain_of_loss(struct chain *chain, const struct impair_loss *loss)
{
    if (!impair_loss_is_any(loss))
        set_plain(chain, 0);
    else if (loss->model == IMPAIR_LOSS_GEMODEL)
        set_gemodel(chain, loss);
    else if (loss->model == IMPAIR_LOSS_STATE)
        set_states(chain, loss);
    else
        chain_of_chance(chain, loss->random.ppb, loss->random.correlation_ppb);
}

/* -- Matrices, of numbers that are not negative ------------------------------------------------ */

typedef double matrix[CHAIN_STATES][CHAIN_STATES];

/* Squares m and keeps its largest entry at 1. Returns the logarithm of what it was divided by. */
static double square(matrix m, unsigned states)
{
    matrix from;
    double largest = 0;

    memcpy(from, m, sizeof from);
    for (unsigned i = 0; i < states; i++)
        for (unsigned j = 0; j < states; j++) {
            m[i][j] = 0;
            for (unsigned k = 0; k < states; k++)
                m[i][j] += from[i][k] * from[k][j];
            if (m[i][j] > largest)
                largest = m[i][j];
        }
    for (unsigned i = 0; i < states; i++)
        for (unsigned j = 0; j < states; j++)
            m[i][j] /= largest;
    return log(largest);
}

/* v = m v, likewise. */
static double apply(matrix m, double v[CHAIN_STATES], unsigned states)
{
    double from[CHAIN_STATES], largest = 0;

    memcpy(from, v, sizeof from);
    for (unsigned i = 0; i < states; i++) {
        v[i] = 0;
        for (unsigned k = 0; k < states; k++)
            v[i] += m[i][k] * from[k];
        if (v[i] > largest)
            largest = v[i];
    }
    for (unsigned i = 0; i < states; i++)
        v[i] /= largest;
    return log(largest);
}

/* Half of the moves are left out, which changes nothing in the long run and has no periods. */
double chain_share(const struct chain *chain)
{
    matrix m = {{0}};
    double share = 0;
    unsigned start = chain->start > 0 ? (unsigned)chain->start : 0;

    for (unsigned i = 0; i < chain->states; i++)
        for (unsigned j = 0; j < chain->states; j++)
            m[i][j] = chain->move[i][j] / 2 + (i == j ? 0.5 : 0);
    for (int i = 0; i < 50; i++) {
        square(m, chain->states);
        for (unsigned row = 0; row < chain->states; row++) {
            double sum = 0;

            for (unsigned j = 0; j < chain->states; j++)
                sum += m[row][j];
            for (unsigned j = 0; j < chain->states; j++)
                m[row][j] /= sum;
        }
    }
    for (unsigned j = 0; j < chain->states; j++)
        share += m[start][j] * chain->hit[j];
    return share;
}

/* A state that is not reached must not outgrow those that are. */
static void find_reached(const struct chain *chain, bool reached[CHAIN_STATES])
{
    for (unsigned i = 0; i < chain->states; i++)
        reached[i] = chain->start < 0 || i == (unsigned)chain->start;
    for (unsigned round = 0; round < chain->states; round++)
        for (unsigned i = 0; i < chain->states; i++)
            for (unsigned j = 0; j < chain->states && reached[i]; j++)
                reached[j] = reached[j] || chain->move[i][j] > 0;
}

/* log E[exp(t S)] of so many trials. */
static double exponent(const struct chain *chain, double t, uint64_t trials)
{
    double v[CHAIN_STATES] = {1, 1, 1, 1}, scale = 0, sum = 0, largest = 0;
    bool reached[CHAIN_STATES];
    matrix m = {{0}};

    find_reached(chain, reached);
    for (unsigned i = 0; i < chain->states; i++)
        for (unsigned j = 0; j < chain->states; j++) {
            double hit = chain->hit[chain->moves_first ? j : i];

            if (reached[i] && reached[j])
                m[i][j] = chain->move[i][j] * (1 - hit + hit * exp(t));
        }
    for (; trials; trials >>= 1) {
        if (trials & 1)
            sum += scale + apply(m, v, chain->states);
        scale = 2 * scale + square(m, chain->states);
    }
    for (unsigned i = 0; i < chain->states; i++)
        if (reached[i] && v[i] > largest)
            largest = v[i];
    return sum + log(chain->start < 0 ? largest : v[chain->start]);
}

/* -- Bounds ------------------------------------------------------------------------------------ */

void bounds_add(struct bounds *bounds, const struct chain *chain, uint64_t trials)
{
    if (trials == 0)
        return;
    bounds->trials += trials;
    bounds->expected += chain_share(chain) * (double)trials;
    for (unsigned i = 0; i < BOUNDS_POINTS; i++) {
        bounds->upper[i] += exponent(chain, grid(i), trials);
        bounds->lower[i] += exponent(chain, -grid(i), trials);
    }
}

void bounds_range(const struct bounds *bounds, uint64_t *least, uint64_t *most)
{
    double above = INFINITY, below = -INFINITY;

    for (unsigned i = 0; i < BOUNDS_POINTS; i++) {
        above = fmin(above, (bounds->upper[i] + BOUNDS_DOUBT) / grid(i));
        below = fmax(below, -(bounds->lower[i] + BOUNDS_DOUBT) / grid(i));
    }
    *most = above >= (double)bounds->trials ? bounds->trials : (uint64_t)fmax(ceil(above) - 1, 0);
    *least = below < 0 ? 0 : (uint64_t)floor(below) + 1;
    if (*least > bounds->trials)
        *least = bounds->trials;
}
