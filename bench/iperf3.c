#include "bench/iperf3.h"

#include "base/cjson.h"
#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { OLDEST_MINOR = 7 }; /* the first with --bidir */

struct test {
    const cJSON *root, *end;
    const char *prefix;
    bool udp, both_ways;
    double seconds; /* that it was to take; 0: until so many bytes were sent */
    double bytes;   /* that arrived */
    struct metrics found;
    struct error *error;
};

/* -- Fields ------------------------------------------------------------------------------------ */

static int missing(const struct test *test, const char *where, const char *key)
{
    return error_set(test->error, EBADMSG,
                     "iperf3's results have no number \"%s\" in \"%s\": it is another version than "
                     "this reads, or the test did not come so far",
                     key, where);
}

static int number_in(const struct test *test, const cJSON *object, const char *where,
                     const char *key, double *value)
{
    const cJSON *number = cjson_member(object, key);

    if (!cJSON_IsNumber(number) || !isfinite(number->valuedouble) || number->valuedouble < 0)
        return missing(test, where, key);
    *value = number->valuedouble;
    return 0;
}

/* Of an object of the end. */
static int end_number(const struct test *test, const char *sum, const char *key, double *value)
{
    return number_in(test, cjson_member(test->end, sum), sum, key, value);
}

static int add(struct test *test, const char *name, const char *unit, enum metric_better better,
               double value)
{
    struct metric_token token = {.better = better, .value = value};
    int length = snprintf(token.name, sizeof token.name, "%s.%s", test->prefix, name);

    if (!isfinite(value))
        return error_set(test->error, EBADMSG, "\"%s\" of iperf3's results is not finite", name);
    if (length >= (int)sizeof token.name)
        return error_set(test->error, EBADMSG, "\"%s.%s\" is too long for the name of a metric",
                         test->prefix, name);
    snprintf(token.unit, sizeof token.unit, "%s", unit);
    return metrics_add(&test->found, &token, test->error);
}

/* -- Whether it is what was asked for ---------------------------------------------------------- */

/* "iperf 3.12", or "iperf 3.17.1+". */
static int check_version(const struct test *test)
{
    const char *version =
        cJSON_GetStringValue(cjson_member(cjson_member(test->root, "start"), "version"));
    int minor = 0;

    if (version && sscanf(version, "iperf 3.%d", &minor) == 1 && minor >= OLDEST_MINOR)
        return 0;
    return error_set(test->error, EBADMSG,
                     "these are results of \"%.40s\"; expected those of iperf 3.%d or later",
                     version ? version : "something else", OLDEST_MINOR);
}

static int read_start(struct test *test)
{
    const cJSON *start = cjson_member(cjson_member(test->root, "start"), "test_start");
    const char *protocol = cJSON_GetStringValue(cjson_member(start, "protocol"));
    const cJSON *trouble = cjson_member(test->root, "error");
    const char *said = cJSON_GetStringValue(trouble);

    if (trouble)
        return error_set(test->error, EIO, "iperf3 says: %.200s", said ? said : "\"error\"");
    if (!protocol || (strcmp(protocol, "TCP") != 0 && strcmp(protocol, "UDP") != 0))
        return error_set(test->error, EBADMSG,
                         "iperf3's results have no \"protocol\" TCP or UDP in \"test_start\"");
    test->udp = strcmp(protocol, "UDP") == 0;
    test->end = cjson_member(test->root, "end");
    test->both_ways = cjson_member(test->end, "sum_received_bidir_reverse") != NULL;
    return number_in(test, start, "test_start", "duration", &test->seconds);
}

static int check_interval(const struct test *test, const cJSON *interval, const char *sum,
                          int number)
{
    const cJSON *object = cjson_member(interval, sum);
    double seconds = 0;
    double bytes = 0;
    int code = number_in(test, object, sum, "seconds", &seconds);

    if (code == 0)
        code = number_in(test, object, sum, "bytes", &bytes);
    if (code == 0 && (seconds <= 0 || bytes <= 0))
        code = error_set(test->error, EBADMSG,
                         "nothing was sent in interval %d of iperf3's test (\"%s\")", number, sum);
    return code;
}

/* iperf3 ends with an interval of what is left, which may be no time at all. */
static bool is_rest(const cJSON *interval)
{
    const cJSON *seconds = cjson_member(cjson_member(interval, "sum"), "seconds");

    return !interval->next && cJSON_IsNumber(seconds) && seconds->valuedouble < 0.1;
}

static int check_intervals(const struct test *test)
{
    const cJSON *intervals = cjson_member(test->root, "intervals");
    const cJSON *interval;
    int number = 0;
    int code = 0;

    if (!cJSON_IsArray(intervals) || cJSON_GetArraySize(intervals) == 0)
        return error_set(test->error, EBADMSG, "iperf3's results have no \"intervals\"");
    cJSON_ArrayForEach(interval, intervals)
    {
        if (is_rest(interval) && number > 0)
            break;
        code = check_interval(test, interval, "sum", ++number);
        if (code == 0 && test->both_ways)
            code = check_interval(test, interval, "sum_bidir_reverse", number);
        if (code < 0)
            return code;
    }
    return code;
}

static int check_duration(const struct test *test)
{
    double seconds = 0;
    int code = end_number(test, "sum_sent", "seconds", &seconds);

    if (code == 0 && seconds <= 0)
        code = error_set(test->error, EBADMSG, "iperf3's test took no time (\"sum_sent\")");
    if (code == 0 && seconds < 0.9 * test->seconds)
        code = error_set(test->error, EIO, "iperf3's test took %.2f s of %g s: it was cut short",
                         seconds, test->seconds);
    return code;
}

/* -- What it measured -------------------------------------------------------------------------- */

static int add_throughput(struct test *test, const char *name, const char *sum)
{
    double rate = 0;
    int code = end_number(test, sum, "bits_per_second", &rate);

    if (code == 0 && rate <= 0)
        code = error_set(test->error, EBADMSG, "the receiver of iperf3's test got nothing (\"%s\")",
                         sum);
    return code < 0 ? code : add(test, name, "Mbit/s", METRIC_HIGHER, rate / 1e6);
}

static int add_retransmits(struct test *test)
{
    double forward = 0;
    double reverse = 0;
    int code = end_number(test, "sum_sent", "retransmits", &forward);

    if (code == 0 && test->both_ways)
        code = end_number(test, "sum_sent_bidir_reverse", "retransmits", &reverse);
    return code < 0 ? code : add(test, "retransmits", "segments", METRIC_LOWER, forward + reverse);
}

static int count_out_of_order(const struct test *test, double *count)
{
    const cJSON *stream;
    int code = 0;

    if (cJSON_GetArraySize(cjson_member(test->end, "streams")) == 0)
        return missing(test, "streams", "out_of_order");
    cJSON_ArrayForEach(stream, cjson_member(test->end, "streams"))
    {
        double more = 0;

        code = number_in(test, cjson_member(stream, "udp"), "streams", "out_of_order", &more);
        if (code < 0)
            return code;
        *count += more;
    }
    return code;
}

static int add_datagrams(struct test *test)
{
    double loss = 0;
    double jitter = 0;
    double out_of_order = 0;
    int code = end_number(test, "sum_received", "lost_percent", &loss);

    if (code == 0)
        code = end_number(test, "sum_received", "jitter_ms", &jitter);
    if (code == 0)
        code = count_out_of_order(test, &out_of_order);
    if (code == 0)
        code = add(test, "loss", "%", METRIC_LOWER, loss);
    if (code == 0)
        code = add(test, "jitter", "ms", METRIC_LOWER, jitter);
    if (code == 0)
        code = add(test, "out_of_order", "packets", METRIC_LOWER, out_of_order);
    return code;
}

/* Both ways together. */
static int read_bytes(struct test *test)
{
    double reverse = 0;
    int code = end_number(test, "sum_received", "bytes", &test->bytes);

    if (code == 0 && test->both_ways)
        code = end_number(test, "sum_received_bidir_reverse", "bytes", &reverse);
    test->bytes += reverse;
    return code == 0 && test->bytes <= 0 ? missing(test, "sum_received", "bytes") : code;
}

static int read_test(struct test *test)
{
    int code = check_version(test);

    if (code == 0)
        code = read_start(test);
    if (code == 0)
        code = check_intervals(test);
    if (code == 0)
        code = check_duration(test);
    if (code == 0)
        code = add_throughput(test, "throughput", "sum_received");
    if (code == 0 && test->both_ways)
        code = add_throughput(test, "throughput_reverse", "sum_received_bidir_reverse");
    if (code == 0)
        code = test->udp ? add_datagrams(test) : add_retransmits(test);
    return code < 0 ? code : read_bytes(test);
}

int iperf3_read(const char *text, size_t length, const char *prefix, struct metrics *metrics,
                double *bytes, struct error *error)
{
    struct test test = {.prefix = prefix, .error = error};
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithLengthOpts(text, length, &end, false);
    int code;

    test.root = root;
    if (length == 0)
        code = error_set(error, EBADMSG, "it printed nothing: it was run without -J, perhaps");
    else if (!cJSON_IsObject(root))
        code = error_set(error, EBADMSG,
                         "what it printed is no JSON from byte %zu on: it was run without -J, "
                         "perhaps, or cut short",
                         end ? (size_t)(end - text) : 0);
    else
        code = read_test(&test);
    if (code == 0)
        code = metrics_merge(metrics, &test.found, error);
    if (code == 0 && bytes)
        *bytes = test.bytes;
    metrics_free(&test.found);
    cJSON_Delete(root);
    return code;
}
