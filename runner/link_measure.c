#include "runner/link_measure.h"

#include "base/memory.h"
#include "net/random.h"

#include <inttypes.h>

enum {
    UNASKED_FEW = 3,      /* packets without room that say nothing … */
    UNASKED_PER_CENT = 1, /* … and so many per cent of all more: TCP finds out where a link ends */
    LATE_FEW = 10,        /* packets that came late and say nothing of the others */
};

static double per_cent(double part, uint64_t of)
{
    return of ? 100 * part / (double)of : 0;
}

/* -- What is wrong ----------------------------------------------------------------------------- */

static const char *deed(enum measure what)
{
    static const char *const deeds[] = {
        [MEASURE_LOSS] = "were lost",
        [MEASURE_DUPLICATE] = "were duplicated",
        [MEASURE_REORDER] = "were sent ahead of others",
        [MEASURE_CORRUPT] = "were corrupted",
        [MEASURE_DELAY_QUARTER] = "were given the delay of the quickest quarter",
        [MEASURE_DELAY_HALF] = "were given the delay of the quicker half",
        [MEASURE_DELAY_MOST] = "were given a delay short of the longest one per cent",
    };

    return deeds[what];
}

static char *share_fault(enum measure what, const struct measured *measured)
{
    return xasprintf("%.3g %% of %" PRIu64 " packets %s, where %.3g %% was asked (%.3g %% to "
                     "%.3g %% would be believed)",
                     per_cent((double)measured->hits, measured->trials), measured->trials,
                     deed(what), per_cent(measured->expected, measured->trials),
                     per_cent((double)measured->least, measured->trials),
                     per_cent((double)measured->most, measured->trials));
}

static char *unasked_fault(const struct impair_measure *measure)
{
    if (measure->unasked <= UNASKED_FEW + measure->packets * UNASKED_PER_CENT / 100)
        return NULL;
    return xasprintf("%.3g %% of %" PRIu64 " packets were lost because more were on their way than "
                     "there is room for; a `rate` with a `queue` makes such a loss one that is "
                     "asked for",
                     per_cent((double)measure->unasked, measure->packets), measure->packets);
}

static char *late_fault(const struct impair_measure *measure, const struct suite_network *limits)
{
    double most = (double)limits->late_ppb / RANDOM_PPB;

    if (!limits->late_ns || measure->late_count < LATE_FEW ||
        (double)measure->late_count <= most * (double)measure->timed)
        return NULL;
    return xasprintf("%.3g %% of %" PRIu64 " packets came late, by more than %.0f ms or half of "
                     "their delay, where %.3g %% would be fine (the 99th percentile came %.0f ms "
                     "late); run fewer cases at once (`-j`), or allow for it with `network: {late: "
                     "…}`",
                     per_cent((double)measure->late_count, measure->timed), measure->timed,
                     (double)limits->late_ns / 1e6, 100 * most,
                     (double)histogram_quantile(&measure->late, 990) / 1e6);
}

static char *rate_fault(const struct measured_rate *rate)
{
    if (rate->believed)
        return NULL;
    return xasprintf("packets that waited went on at %.4g Mbit/s, where %.4g Mbit/s was asked "
                     "(%.4g to %.4g Mbit/s would be believed)",
                     rate->bps / 1e6, rate->asked_bps / 1e6, rate->least_bps / 1e6,
                     rate->most_bps / 1e6);
}

/* -- The result -------------------------------------------------------------------------------- */

static void fill_times(struct times_result *times, const struct histogram *histogram)
{
    times->median_ns = histogram_quantile(histogram, 500);
    times->p99_ns = histogram_quantile(histogram, 990);
    times->max_ns = histogram->max;
}

/* The first fault is kept: what is more would be of the same kind. */
static void add_fault(struct measured_result *result, char *fault)
{
    if (result->fault)
        free(fault);
    else
        result->fault = fault;
}

static void add_share(struct measured_result *result, const struct impair_measure *measure,
                      enum measure what)
{
    struct measured measured;

    impair_measure_say(measure, what, &measured);
    if (!measured.believed)
        add_fault(result, share_fault(what, &measured));
    if (measured.trials)
        *measured_result_add_share(result) = (struct share_result){.name = measure_name(what),
                                                                   .trials = measured.trials,
                                                                   .hits = measured.hits,
                                                                   .expected = measured.expected,
                                                                   .least = measured.least,
                                                                   .most = measured.most,
                                                                   .believed = measured.believed};
}

void link_measure_result(const struct impair_measure *measure, const struct suite_network *limits,
                         struct measured_result *result)
{
    struct measured_rate rate;

    impair_measure_say_rate(measure, &rate);
    result->known = true;
    result->packets = measure->late.count;
    result->timed = measure->timed;
    result->too_late = measure->late_count;
    result->unasked = measure->unasked;
    fill_times(&result->asked, &measure->asked);
    fill_times(&result->late, &measure->late);
    result->asked_bps = rate.asked_bps;
    result->bps = rate.bps;
    result->least_bps = rate.least_bps;
    result->most_bps = rate.most_bps;
    for (unsigned what = 0; what < MEASURES; what++)
        add_share(result, measure, what);
    add_fault(result, unasked_fault(measure));
    add_fault(result, rate_fault(&rate));
    add_fault(result, late_fault(measure, limits));
}
