#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "results/members.h"
#include "results/writers.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Exact up to 2^53, which no count of bytes reaches. */
static void put_count(cJSON *object, const char *key, uint64_t count)
{
    cjson_put(object, key, cJSON_CreateNumber((double)count));
}

/* To the millisecond. */
static void put_seconds(cJSON *object, const char *key, double seconds)
{
    cjson_put(object, key, cJSON_CreateNumber((double)(int64_t)(seconds * 1e3 + 0.5) / 1e3));
}

static void put_bool(cJSON *object, const char *key, bool value)
{
    cjson_put(object, key, cJSON_CreateBool(value));
}

static void put_verdict(cJSON *object, enum verdict verdict, const char *reason)
{
    members_put_text(object, "verdict", verdict_name(verdict));
    members_put_text(object, "reason", reason);
}

/* How a process ended: `status` is null where a signal ended it or it has not ended. */
static void put_ending(cJSON *object, bool ended, int status, int signal_number)
{
    bool exited = ended && signal_number == 0;
    bool killed = ended && signal_number != 0;

    cjson_put(object, "status", exited ? cJSON_CreateNumber(status) : cJSON_CreateNull());
    cjson_put(object, "signal", killed ? cJSON_CreateNumber(signal_number) : cJSON_CreateNull());
}

static void put_output(cJSON *object, const char *key, const struct output_result *output)
{
    cJSON *made = cjson_put_object(object, key);

    members_put_text(made, "path", output->path);
    put_count(made, "bytes", output->bytes);
}

static void put_file(cJSON *object, const struct suite_file_result *file)
{
    cJSON *made = cjson_put_object(object, "suite_file");

    members_put_text(made, "path", file->path);
    members_put_text(made, "digest", file->digest);
    members_put_text(made, "kernels", file->kernels);
}

static void fill_step(cJSON *object, const struct step_result *step)
{
    members_put_text(object, "name", step->name);
    put_verdict(object, step->verdict, step->reason);
    put_bool(object, "background", step->background);
    put_bool(object, "started", step->started);
    put_ending(object, step->ended, step->status, step->signal);
    put_bool(object, "timed_out", step->timed_out);
    put_seconds(object, "duration_s", step->duration_s);
    put_output(object, "stdout", &step->standard_output);
    put_output(object, "stderr", &step->standard_error);
    members_put_text(object, "times", step->times);
    members_put_text(object, "expected", step->expected);
    members_put_text(object, "found", step->found);
}

static void fill_token(cJSON *object, const struct result_token *token)
{
    put_verdict(object, token->verdict, token->reason);
    cjson_put(object, "details",
              token->details ? cJSON_Duplicate(token->details, true) : cJSON_CreateNull());
}

static const char *start_name(enum node_start start)
{
    static const char *const names[] = {[START_BOOTED] = "booted", [START_FORKED] = "forked"};

    return names[start];
}

static void fill_node(cJSON *object, const struct node_result *node)
{
    cJSON *console, *qemu, *steps, *tokens;

    members_put_text(object, "name", node->name);
    put_verdict(object, node->verdict, node->reason);
    members_put_text(object, "start", start_name(node->start));
    if (node->ready)
        put_seconds(object, "ready_s", node->ready_s);
    else
        cjson_put(object, "ready_s", cJSON_CreateNull());
    console = cjson_put_object(object, "console");
    members_put_text(console, "path", node->console.path);
    put_count(console, "bytes", node->console.bytes);
    put_count(console, "lost_from_ring", node->console.lost_from_ring);
    qemu = cjson_put_object(object, "qemu");
    cjson_put(qemu, "pid",
              node->qemu.pid > 0 ? cJSON_CreateNumber(node->qemu.pid) : cJSON_CreateNull());
    put_ending(qemu, node->qemu.ended, node->qemu.status, node->qemu.signal);
    steps = cjson_put_array(object, "steps");
    for (size_t i = 0; i < node->step_count; i++)
        fill_step(cjson_append_object(steps), &node->steps[i]);
    tokens = cjson_put_array(object, "tokens");
    for (size_t i = 0; i < node->token_count; i++)
        fill_token(cjson_append_object(tokens), &node->tokens[i]);
}

/* Milliseconds, to the microsecond. */
static void put_ms(cJSON *object, const char *key, uint64_t ns)
{
    uint64_t us = (ns + 500) / 1000;

    cjson_put(object, key, cJSON_CreateNumber((double)us / 1e3));
}

static void put_times(cJSON *object, const char *key, const struct times_result *times)
{
    cJSON *made = cjson_put_object(object, key);

    put_ms(made, "median", times->median_ns);
    put_ms(made, "p99", times->p99_ns);
    put_ms(made, "max", times->max_ns);
}

static void fill_share(cJSON *object, const struct share_result *share)
{
    members_put_text(object, "name", share->name);
    put_count(object, "trials", share->trials);
    put_count(object, "hits", share->hits);
    cjson_put(object, "expected",
              cJSON_CreateNumber((double)(int64_t)(share->expected * 10 + 0.5) / 10));
    put_count(object, "least", share->least);
    put_count(object, "most", share->most);
    put_bool(object, "believed", share->believed);
}

static void put_rate(cJSON *object, const struct measured_result *measured)
{
    cJSON *rate;

    if (measured->bps <= 0) {
        members_put_text(object, "rate", NULL);
        return;
    }
    rate = cjson_put_object(object, "rate");
    put_count(rate, "asked_bps", (uint64_t)measured->asked_bps);
    put_count(rate, "bps", (uint64_t)measured->bps);
    put_count(rate, "least_bps", (uint64_t)measured->least_bps);
    put_count(rate, "most_bps", (uint64_t)measured->most_bps);
}

static void put_measured(cJSON *object, const struct measured_result *measured)
{
    cJSON *made, *shares;

    if (!measured->known) {
        members_put_text(object, "measured", NULL);
        return;
    }
    made = cjson_put_object(object, "measured");
    put_bool(made, "as_asked", !measured->fault);
    members_put_text(made, "fault", measured->fault);
    shares = cjson_put_array(made, "shares");
    for (size_t i = 0; i < measured->share_count; i++)
        fill_share(cjson_append_object(shares), &measured->shares[i]);
    put_count(made, "packets", measured->packets);
    put_times(made, "delay_ms", &measured->asked);
    put_times(made, "late_ms", &measured->late);
    put_count(made, "timed", measured->timed);
    put_count(made, "too_late", measured->too_late);
    put_count(made, "unasked", measured->unasked);
    put_rate(made, measured);
}

static void fill_way(cJSON *object, const struct link_result *link, size_t from)
{
    const struct way_result *way = &link->ways[from];
    cJSON *causes;

    members_put_text(object, "from", link->nodes[from]);
    members_put_text(object, "to", link->nodes[1 - from]);
    put_count(object, "packets_in", way->packets_in);
    put_count(object, "bytes_in", way->bytes_in);
    put_count(object, "packets_out", way->packets_out);
    put_count(object, "bytes_out", way->bytes_out);
    causes = cjson_put_array(object, "causes");
    for (size_t i = 0; i < way->cause_count; i++) {
        cJSON *cause = cjson_append_object(causes);

        members_put_text(cause, "name", way->causes[i].name);
        put_count(cause, "packets", way->causes[i].packets);
    }
    members_put_text(object, "verdicts", way->verdicts);
    put_measured(object, &way->measured);
}

static void fill_impair(cJSON *object, const struct way_result *way)
{
    for (size_t i = 0; i < way->impair_count; i++)
        members_put_text(object, way->impair[i].name, way->impair[i].text);
}

static void fill_link(cJSON *object, const struct link_result *link)
{
    cJSON *nodes, *impair, *directions;

    members_put_text(object, "name", link->name);
    nodes = cjson_put_array(object, "nodes");
    for (size_t i = 0; i < array_size(link->nodes); i++)
        cjson_append(nodes, members_text(link->nodes[i]));
    members_put_text(object, "subnet", link->subnet);
    put_count(object, "mtu", link->mtu);
    members_put_text(object, "carrier", link->carrier);
    put_bool(object, "incomplete", link->incomplete);
    members_put_text(object, "capture", link->capture);
    impair = cjson_put_array(object, "impair");
    for (size_t i = 0; i < array_size(link->ways); i++)
        fill_impair(cjson_append_object(impair), &link->ways[i]);
    directions = cjson_put_array(object, "directions");
    for (size_t i = 0; i < array_size(link->ways) && link->carried; i++)
        fill_way(cjson_append_object(directions), link, i);
}

static void put_known_seconds(cJSON *object, const char *key, double seconds)
{
    if (seconds < 0)
        members_put_text(object, key, NULL);
    else
        put_seconds(object, key, seconds);
}

static void fill_stall(cJSON *object, const struct stall_result *stall)
{
    members_put_text(object, "node", stall->node);
    put_seconds(object, "start_s", stall->start_s);
    put_seconds(object, "length_s", stall->length_s);
    put_known_seconds(object, "cpu_s", stall->cpu_s);
    put_known_seconds(object, "stolen_s", stall->stolen_s);
    put_known_seconds(object, "pressure_s", stall->pressure_s);
}

static void fill_metric(cJSON *object, const struct metric *metric)
{
    members_put_text(object, "name", metric->name);
    members_put_text(object, "unit", metric->unit);
    members_put_text(object, "better", metric_better_name(metric->better));
    cjson_put(object, "median", cJSON_CreateNumber(metric_median(metric)));
    cjson_put(object, "values", cJSON_CreateDoubleArray(metric->values, (int)metric->count));
    members_put_bound(object, "fail_below", &metric->bounds.below);
    members_put_bound(object, "fail_above", &metric->bounds.above);
}

static void fill_case(cJSON *object, const struct case_result *result)
{
    cJSON *metrics, *nodes, *links, *stalls;

    members_put_text(object, "name", result->name);
    members_put_text(object, "slug", result->slug);
    members_put_kernel(object, "kernel", &result->kernel);
    put_verdict(object, result->verdict, result->reason);
    put_seconds(object, "duration_s", result->duration_s);
    members_put_text(object, "directory", result->directory);
    metrics = cjson_put_array(object, "metrics");
    for (size_t i = 0; i < result->metrics.count; i++)
        fill_metric(cjson_append_object(metrics), &result->metrics.items[i]);
    nodes = cjson_put_array(object, "nodes");
    for (size_t i = 0; i < result->node_count; i++)
        fill_node(cjson_append_object(nodes), &result->nodes[i]);
    links = cjson_put_array(object, "links");
    for (size_t i = 0; i < result->link_count; i++)
        fill_link(cjson_append_object(links), &result->links[i]);
    stalls = cjson_put_array(object, "stalls");
    for (size_t i = 0; i < result->stall_count; i++)
        fill_stall(cjson_append_object(stalls), &result->stalls[i]);
}

int results_write_json(const struct run_result *run, const char *path, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cJSON *object = xchecked(cJSON_CreateObject());
    char seed[sizeof "18446744073709551615"];
    cJSON *cases;

    put_count(object, "schema", RESULTS_SCHEMA);
    members_put_text(object, "suite", run->suite);
    put_file(object, &run->file);
    snprintf(seed, sizeof seed, "%" PRIu64, run->seed);
    members_put_text(object, "seed", seed);
    members_put_text(object, "started", run->started);
    put_seconds(object, "duration_s", run->duration_s);
    members_put_host(object, &run->host);
    cases = cjson_put_array(object, "cases");
    for (size_t i = 0; i < run->case_count; i++)
        fill_case(cjson_append_object(cases), &run->cases[i]);
    cjson_write(object, &text);
    cJSON_Delete(object);
    return fs_write(path, text.data, text.length, 0644, error);
}
