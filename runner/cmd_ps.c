/* duet ps */
#include "runner/commands.h"
#include "runner/held.h"
#include "runner/table.h"

#include "base/cjson.h"
#include "base/memory.h"
#include "results/text.h"

#include <argp.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { COLUMNS = 7 };

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    bool *json = state->input;

    (void)argument;
    if (key != 'j')
        return ARGP_ERR_UNKNOWN;
    *json = true;
    return 0;
}

/* `started` is "2026-11-24T01:06:21Z", as in results.json. */
static char *age_of(const char *started)
{
    struct tm tm = {0};
    const char *end = strptime(started, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t seconds = end ? (int64_t)time(NULL) - (int64_t)timegm(&tm) : -1;

    if (seconds < 0)
        return xstrdup("-");
    if (seconds < 120)
        return xasprintf("%" PRId64 "s", seconds);
    if (seconds < 120 * 60)
        return xasprintf("%" PRId64 "m", seconds / 60);
    return xasprintf("%" PRId64 "h", seconds / 3600);
}

static char *addresses_of(const cJSON *node)
{
    struct buffer text = {0};
    const cJSON *address;

    cJSON_ArrayForEach(address, cJSON_GetObjectItemCaseSensitive(node, "addresses"))
    {
        const char *value = cJSON_GetStringValue(address);

        if (value)
            buffer_printf(&text, "%s%s", text.length ? "," : "", value);
    }
    if (text.length == 0)
        buffer_append_text(&text, "-");
    return buffer_steal(&text);
}

static char *console_of(const cJSON *node)
{
    const char *path = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "console"));

    return xstrdup(path ? path : "-");
}

static void add_nodes(struct table *table, const struct held *held)
{
    const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(held->status, "nodes");

    for (size_t i = 0; i < held->node_count; i++) {
        const cJSON *node = cJSON_GetArrayItem(nodes, (int)i);
        const struct held_node *known = &held->nodes[i];

        table_add(table,
                  (char *[COLUMNS]){xasprintf("%s/%s", held->suite, held->case_name),
                                    xstrdup(known->name), xstrdup(known->state),
                                    known->pid ? xasprintf("%d", (int)known->pid) : xstrdup("-"),
                                    addresses_of(node), age_of(held->started), console_of(node)});
    }
}

static void print_text(const struct held_list *list)
{
    static const char *const titles[COLUMNS] = {"CASE",      "NODE", "STATE",  "PID",
                                                "ADDRESSES", "AGE",  "CONSOLE"};
    struct table table = {.columns = COLUMNS};

    if (list->count == 0)
        return;
    table_add_titles(&table, titles);
    for (size_t i = 0; i < list->count; i++)
        add_nodes(&table, &list->items[i]);
    table_print(&table, stdout);
    table_free(&table);
}

static void print_json(const struct held_list *list)
{
    cJSON *array = xchecked(cJSON_CreateArray());

    for (size_t i = 0; i < list->count; i++) {
        cJSON *status = xchecked(cJSON_Duplicate(list->items[i].status, true));

        cJSON_DeleteItemFromObjectCaseSensitive(status, "ok");
        cJSON_AddItemToArray(array, status);
    }
    cjson_print(array, stdout);
    cJSON_Delete(array);
}

int cmd_ps(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "List the nodes of what you keep up, with `duet up` or because a case has failed."};
    struct held_list list;
    bool json = false;

    if (argp_parse(&argp, argc, argv, 0, NULL, &json) != 0)
        return EXIT_USAGE;
    held_find(&list);
    if (json)
        print_json(&list);
    else
        print_text(&list);
    if (list.count == 0 && !json)
        fputs("duet: no case is kept up: `duet up CASE` keeps one\n", stderr);
    if (list.silent)
        fprintf(stderr, "duet: %zu more whose duet does not answer%s%s\n", list.silent,
                list.who ? ": " : "", list.who ? list.who : "");
    held_list_free(&list);
    return EXIT_PASSED;
}
