/* results.json and docs/results.schema.json say the same, both ways. */
#include "results_fixture.h"

#include "base/base.h"
#include "tests/unit/source_tree.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <regex.h>

/* The mark that check() leaves at each property that it came by. */
#define USED "used-by-test"

static cJSON *member(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static cJSON *parsed(const char *text)
{
    cJSON *json = cJSON_ParseWithOpts(text, NULL, true);

    assert_non_null(json);
    return json;
}

static cJSON *read_schema(void)
{
    cleanup_free char *path = source_tree_path("docs/results.schema.json");
    cleanup_buffer struct buffer text = {0};
    struct error error;

    if (fs_read(path, 1 << 20, &text, &error) < 0)
        fail_msg("%s", error.message);
    return parsed(text.data);
}

static bool has_type(const cJSON *value, const char *type)
{
    if (strcmp(type, "integer") == 0)
        return cJSON_IsNumber(value) && value->valuedouble == (double)(int64_t)value->valuedouble;
    if (strcmp(type, "number") == 0)
        return cJSON_IsNumber(value);
    if (strcmp(type, "string") == 0)
        return cJSON_IsString(value);
    if (strcmp(type, "boolean") == 0)
        return cJSON_IsBool(value);
    if (strcmp(type, "null") == 0)
        return cJSON_IsNull(value);
    if (strcmp(type, "array") == 0)
        return cJSON_IsArray(value);
    return strcmp(type, "object") == 0 && cJSON_IsObject(value);
}

static bool has_one_type(const cJSON *value, const cJSON *types)
{
    const cJSON *type;

    if (cJSON_IsString(types))
        return has_type(value, types->valuestring);
    cJSON_ArrayForEach(type, types) if (has_type(value, type->valuestring)) return true;
    return false;
}

static bool is_one_of(const cJSON *value, const cJSON *values)
{
    const cJSON *allowed;

    cJSON_ArrayForEach(allowed, values) if (cJSON_Compare(allowed, value, true)) return true;
    return false;
}

static bool matches(const cJSON *value, const cJSON *pattern)
{
    regex_t regex;
    bool match;

    if (!cJSON_IsString(value))
        return true;
    assert_int_equal(regcomp(&regex, pattern->valuestring, REG_EXTENDED | REG_NOSUB), 0);
    match = regexec(&regex, value->valuestring, 0, NULL, 0) == 0;
    regfree(&regex);
    return match;
}

static void check(const cJSON *root, cJSON *schema, const cJSON *value, const char *where,
                  struct buffer *problems);

static void check_members(const cJSON *root, const cJSON *properties, const cJSON *value,
                          const char *where, struct buffer *problems)
{
    const cJSON *child;

    cJSON_ArrayForEach(child, value)
    {
        cleanup_free char *place = xasprintf("%s.%s", where, child->string);
        cJSON *property = member(properties, child->string);

        if (!property) {
            buffer_printf(problems, "%s: not in the schema\n", place);
            continue;
        }
        if (!member(property, USED))
            cJSON_AddTrueToObject(property, USED);
        check(root, property, child, place, problems);
    }
}

static void check_required(const cJSON *required, const cJSON *value, const char *where,
                           struct buffer *problems)
{
    const cJSON *name;

    cJSON_ArrayForEach(name,
                       required) if (cJSON_IsObject(value) && !member(value, name->valuestring))
        buffer_printf(problems, "%s.%s: missing\n", where, name->valuestring);
}

static void check_items(const cJSON *root, cJSON *items, const cJSON *value, const char *where,
                        struct buffer *problems)
{
    const cJSON *child;

    cJSON_ArrayForEach(child, value)
    {
        cleanup_free char *place = xasprintf("%s[]", where);

        check(root, items, child, place, problems);
    }
}

static bool holds(const cJSON *keyword, const cJSON *value)
{
    const char *name = keyword->string;

    if (strcmp(name, "type") == 0)
        return has_one_type(value, keyword);
    if (strcmp(name, "const") == 0)
        return cJSON_Compare(keyword, value, true);
    if (strcmp(name, "enum") == 0)
        return is_one_of(value, keyword);
    if (strcmp(name, "pattern") == 0)
        return matches(value, keyword);
    if (strcmp(name, "minimum") == 0)
        return !cJSON_IsNumber(value) || value->valuedouble >= keyword->valuedouble;
    if (strcmp(name, "minItems") == 0)
        return cJSON_GetArraySize(value) >= keyword->valueint;
    if (strcmp(name, "maxItems") == 0)
        return cJSON_GetArraySize(value) <= keyword->valueint;
    if (strcmp(name, "additionalProperties") == 0)
        return cJSON_IsFalse(keyword); /* check_members takes it for granted */
    return strcmp(name, "description") == 0 || strcmp(name, "title") == 0 ||
           strcmp(name, "$schema") == 0 || strcmp(name, "$defs") == 0 || strcmp(name, USED) == 0;
}

/* Appends a line for each place where `value` is not what `schema`, a part of `root`, says; a
 * keyword that is not understood is a problem too. */
static void check(const cJSON *root, cJSON *schema, const cJSON *value, const char *where,
                  struct buffer *problems)
{
    cJSON *keyword;

    cJSON_ArrayForEach(keyword, schema)
    {
        const char *name = keyword->string;

        if (strcmp(name, "$ref") == 0) {
            const char *target = keyword->valuestring + strlen("#/$defs/");

            assert_non_null(member(member(root, "$defs"), target));
            check(root, member(member(root, "$defs"), target), value, where, problems);
        } else if (strcmp(name, "properties") == 0) {
            check_members(root, keyword, value, where, problems);
        } else if (strcmp(name, "required") == 0) {
            check_required(keyword, value, where, problems);
        } else if (strcmp(name, "items") == 0 ||
                   /* Beside which no properties stand. */
                   (strcmp(name, "additionalProperties") == 0 && cJSON_IsObject(keyword))) {
            check_items(root, keyword, value, where, problems);
        } else if (!holds(keyword, value)) {
            buffer_printf(problems, "%s: breaks %s\n", where, name);
        }
    }
}

/* Appends a line for each property that no check came by, and for each that is not required. */
static void find_unused(const cJSON *schema, struct buffer *problems)
{
    const cJSON *child;

    cJSON_ArrayForEach(child, schema)
    {
        const cJSON *property;

        if (!cJSON_IsObject(child))
            continue;
        find_unused(child, problems);
        if (strcmp(child->string, "properties") != 0)
            continue;
        cJSON_ArrayForEach(property, child)
        {
            const cJSON *required = member(schema, "required");
            cJSON *name = cJSON_CreateString(property->string);

            if (!member(property, USED))
                buffer_printf(problems, "%s: never written\n", property->string);
            if (!is_one_of(name, required))
                buffer_printf(problems, "%s: written, but not required\n", property->string);
            cJSON_Delete(name);
        }
    }
}

static void fill_node(struct node_result *node)
{
    static const char text[] = "{\"verdict\":\"failed\",\"reason\":\"no\",\"details\":{\"n\":[1]}}";
    struct step_result *step;
    struct result_token token;
    struct error error;

    node->name = xstrdup("entry");
    node->verdict = VERDICT_FAILED;
    node->reason = xstrdup("the guest wrote \x1b[31m and \xff\xfe");
    node->start = START_FORKED;
    node->ready = true;
    node->ready_s = 1.23456;
    node->console.path = xstrdup("tcp/entry/console.log.gz");
    node->console.bytes = 1ull << 40;
    node->console.lost_from_ring = 7;
    node->qemu.pid = 4711;
    node->qemu.ended = true;
    node->qemu.signal = 9;
    step = node_result_add_step(node);
    *step = (struct step_result){
        .name = xstrdup("run"),
        .started = true,
        .ended = true,
        .status = 3,
        .verdict = VERDICT_FAILED,
        .reason = xstrdup("exit status 3"),
        .duration_s = 0.5,
        .standard_output = {.path = xstrdup("tcp/entry/run.stdout"), .bytes = 12},
        .times = xstrdup("tcp/entry/run.times"),
        .expected = xstrdup("a"),
        .found = xstrdup("b"),
    };
    assert_int_equal(token_parse(text, strlen(text), NULL, NULL, &token, &error), 0);
    node_result_add_token(node, &token);
    assert_null(token.details);
}

static void fill_measured(struct measured_result *measured)
{
    measured->known = true;
    measured->fault = xstrdup("14.2 % of 1830 packets were lost");
    measured->late.p99_ns = 1234567;
    measured->bps = 999999.5;
    measured->most_bps = INFINITY;
    *measured_result_add_share(measured) = (struct share_result){
        .name = "loss", .trials = 1830, .hits = 260, .expected = 36.6, .least = 10, .most = 70};
}

static void fill_metric(struct metrics *metrics)
{
    const struct metric_token token = {
        .name = "latency", .unit = "ms", .better = METRIC_LOWER, .value = 1.5};

    assert_int_equal(metrics_add(metrics, &token, NULL), 0);
    metrics->items[0].bounds.above =
        (struct metric_bound){.given = true, .relative = true, .value = 1.2};
}

static void fill_run(struct run_result *run)
{
    struct case_result *result;
    struct link_result *link;

    run->suite = xstrdup("smoke");
    run->file.path = xstrdup("/home/me/smoke.yaml");
    run->file.digest = xstrdup("00");
    run->seed = UINT64_MAX;
    run->started = xstrdup("2024-05-01T12:00:00Z");
    run->duration_s = 12.0005;
    run->host.accel = xstrdup("tcg");
    run->host.cpus = 2;
    run->host.memory_bytes = 8ull << 30;
    result = run_result_add_case(run);
    result->name = xstrdup("tcp");
    result->slug = xstrdup("tcp");
    result->kernel.name = xstrdup("small");
    result->kernel.release = xstrdup("6.1.150");
    result->verdict = VERDICT_FAILED;
    result->directory = xstrdup("tcp");
    fill_metric(&result->metrics);
    fill_node(case_result_add_node(result));
    link = case_result_add_link(result);
    link->name = xstrdup("entry-exit");
    link->nodes[0] = xstrdup("entry");
    link->nodes[1] = xstrdup("exit");
    link->subnet = xstrdup("10.0.0.0/24");
    link->mtu = 1500;
    link->carrier = "host";
    link->carried = true;
    for (size_t i = 0; i < array_size(link->ways); i++) {
        link->ways[i] = (struct way_result){.packets_in = 3, .verdicts = xstrdup("tcp/x.verdicts")};
        way_result_add_cause(&link->ways[i], "loss", 2);
        way_result_add_cause(&link->ways[i], "queue", 0);
    }
    way_result_add_setting(&link->ways[1], "loss.gemodel.p", "1%");
    fill_measured(&link->ways[1].measured);
    *case_result_add_stall(result) = (struct stall_result){.start_s = 1, .length_s = 2};
    *case_result_add_stall(result) = (struct stall_result){
        .node = xstrdup("entry"), .length_s = 2, .cpu_s = -1, .stolen_s = -1, .pressure_s = -1};
}

/* What `run` is in a file in `directory`; the run is freed. */
static cJSON *written(const char *directory, struct run_result *run)
{
    cleanup_free char *text = results_written(directory, run, results_write_json);

    return parsed(text);
}

static void assert_no_problems(const struct buffer *problems)
{
    if (problems->length > 0)
        fail_msg("%s", problems->data);
}

static void a_full_result_is_all_that_the_schema_says(void **state)
{
    cleanup_buffer struct buffer problems = {0};
    cJSON *schema = read_schema();
    struct run_result run = {0};
    cJSON *json;

    fill_run(&run);
    json = written(*state, &run);
    check(schema, schema, json, "run", &problems);
    find_unused(schema, &problems);
    cJSON_Delete(json);
    cJSON_Delete(schema);
    assert_no_problems(&problems);
}

static void an_empty_case_conforms_with_each_verdict(void **state)
{
    cleanup_buffer struct buffer problems = {0};
    cJSON *schema = read_schema();
    struct run_result run = {.suite = xstrdup("s"), .started = xstrdup("now")};
    cJSON *json;

    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++) {
        struct case_result *result = run_result_add_case(&run);
        struct node_result *node = case_result_add_node(result);

        result->name = xasprintf("case %d", verdict);
        result->slug = xasprintf("%d", verdict);
        result->verdict = (enum verdict)verdict;
        node->name = xstrdup("a");
        node_result_add_step(node)->name = xstrdup("step");
    }
    json = written(*state, &run);
    check(schema, schema, json, "run", &problems);
    assert_int_equal(cJSON_GetArraySize(member(json, "cases")), VERDICT_COUNT);
    assert_int_equal(cJSON_GetArraySize(member(member(member(schema, "$defs"), "verdict"), "enum")),
                     VERDICT_COUNT);
    cJSON_Delete(json);
    cJSON_Delete(schema);
    assert_no_problems(&problems);
}

static void a_deviation_is_noticed(void **state)
{
    cleanup_buffer struct buffer problems = {0};
    cJSON *schema = read_schema();
    struct run_result run = {0};
    const char *text;
    cJSON *json;

    fill_run(&run);
    json = written(*state, &run);
    cJSON_ReplaceItemInObject(json, "suite", cJSON_CreateNull());
    cJSON_ReplaceItemInObject(json, "schema", cJSON_CreateNumber(RESULTS_SCHEMA + 1));
    cJSON_DeleteItemFromObject(json, "host");
    cJSON_AddNullToObject(json, "extra");
    check(schema, schema, json, "run", &problems);
    cJSON_Delete(json);
    cJSON_Delete(schema);
    text = problems.data ? problems.data : "";
    assert_non_null(strstr(text, "run.suite: breaks type"));
    assert_non_null(strstr(text, "run.schema: breaks const"));
    assert_non_null(strstr(text, "run.host: missing"));
    assert_non_null(strstr(text, "run.extra: not in the schema"));
}

static void values_survive_the_file(void **state)
{
    struct run_result run = {0};
    cJSON *json, *first, *node, *qemu, *step;

    fill_run(&run);
    json = written(*state, &run);
    first = cJSON_GetArrayItem(member(json, "cases"), 0);
    node = cJSON_GetArrayItem(member(first, "nodes"), 0);
    qemu = member(node, "qemu");
    step = cJSON_GetArrayItem(member(node, "steps"), 0);
    assert_string_equal(member(json, "seed")->valuestring, "18446744073709551615");
    assert_true(member(json, "duration_s")->valuedouble == 12.001);
    assert_string_equal(member(member(first, "kernel"), "name")->valuestring, "small");
    assert_string_equal(member(member(first, "kernel"), "release")->valuestring, "6.1.150");
    assert_true(cJSON_IsNull(member(member(first, "kernel"), "digest")));
    assert_string_equal(member(node, "start")->valuestring, "forked");
    assert_true(member(node, "ready_s")->valuedouble == 1.235);
    assert_true(member(member(node, "console"), "bytes")->valuedouble == 1099511627776.0);
    assert_string_equal(member(node, "reason")->valuestring,
                        "the guest wrote \x1b[31m and \xef\xbf\xbd\xef\xbf\xbd");
    assert_true(cJSON_IsNull(member(qemu, "status")));
    assert_int_equal(member(qemu, "signal")->valueint, 9);
    assert_int_equal(member(step, "status")->valueint, 3);
    assert_true(cJSON_IsNull(member(step, "signal")));
    assert_string_equal(member(member(step, "stdout"), "path")->valuestring,
                        "tcp/entry/run.stdout");
    cJSON_Delete(json);
}

static void find_undocumented(const cJSON *schema, const char *page, struct buffer *problems)
{
    const cJSON *child, *property;

    cJSON_ArrayForEach(child, schema)
    {
        if (cJSON_IsObject(child))
            find_undocumented(child, page, problems);
        if (strcmp(child->string, "properties") != 0)
            continue;
        cJSON_ArrayForEach(property, child)
        {
            cleanup_free char *quoted = xasprintf("`%s`", property->string);

            if (!strstr(page, quoted))
                buffer_printf(problems, "%s is not in results.md\n", quoted);
        }
    }
}

static void every_key_and_verdict_is_documented(void **state)
{
    cleanup_free char *path = source_tree_path("docs/results.md");
    cleanup_buffer struct buffer page = {0};
    cleanup_buffer struct buffer problems = {0};
    cJSON *schema = read_schema();
    const char *before = NULL;
    struct error error;

    (void)state;
    if (fs_read(path, 1 << 20, &page, &error) < 0)
        fail_msg("%s", error.message);
    find_undocumented(schema, page.data, &problems);
    cJSON_Delete(schema);
    assert_no_problems(&problems);
    /* The table's order is the order of precedence. */
    for (int verdict = 0; verdict < VERDICT_COUNT; verdict++) {
        cleanup_free char *row = xasprintf("\n| `%s` |", verdict_name((enum verdict)verdict));
        const char *found = strstr(page.data, row);

        assert_non_null(found);
        assert_true(!before || found > before);
        before = found;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_result_is_all_that_the_schema_says),
        cmocka_unit_test(an_empty_case_conforms_with_each_verdict),
        cmocka_unit_test(a_deviation_is_noticed),
        cmocka_unit_test(values_survive_the_file),
        cmocka_unit_test(every_key_and_verdict_is_documented),
    };

    return cmocka_run_group_tests_name("results_schema", tests, directory_set_up,
                                       directory_tear_down);
}
