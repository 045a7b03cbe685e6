/* duet list */
#include "runner/commands.h"
#include "runner/find.h"
#include "runner/run.h"
#include "runner/suite.h"

#include "base/cjson.h"

#include <argp.h>
#include <stdio.h>

struct list_options {
    struct found_suites suites;
    char **names;
    size_t name_count;
    const char *only;
    const char *kernels;
    bool json;
};

static const struct argp_option options[] = {
    {"only", 'o', "GLOB", 0, "Only cases whose name, a part of it between commas, or a tag matches",
     0},
    {"kernel", 'k', "KERNEL[,...]", 0, "Cases as `duet run` has them with these kernels", 0},
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct list_options *list = state->input;

    switch (key) {
    case 'o':
        list->only = argument;
        return 0;
    case 'k':
        list->kernels = argument;
        return 0;
    case 'j':
        list->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        list->names = state->argv + state->next;
        list->name_count = (size_t)(state->argc - state->next);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static cJSON *texts_json(const struct suite_texts *texts)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < texts->count; i++)
        cJSON_AddItemToArray(array, cJSON_CreateString(texts->items[i]));
    return array;
}

static cJSON *case_json(const struct suite_case *suite_case)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *nodes = cJSON_CreateArray();

    cJSON_AddStringToObject(json, "name", suite_case->name);
    cJSON_AddStringToObject(json, "kernel", suite_case->kernel);
    cJSON_AddItemToObject(json, "tags", texts_json(&suite_case->tags));
    cJSON_AddBoolToObject(json, "explicit", suite_case->is_explicit);
    if (suite_case->skip)
        cJSON_AddStringToObject(json, "skip", suite_case->skip);
    for (size_t i = 0; i < suite_case->node_count; i++)
        cJSON_AddItemToArray(nodes, cJSON_CreateString(suite_case->nodes[i].name));
    cJSON_AddItemToObject(json, "nodes", nodes);
    cJSON_AddNumberToObject(json, "timeout_s", (double)suite_case->timeout_ns / NS_PER_S);
    return json;
}

/* Explicit ones, too: it is here that one sees what there is to choose. */
static bool is_shown(const struct suite_case *suite_case, const char *only)
{
    return !only || run_selects(suite_case, only);
}

static void add_json(cJSON *suites, const struct suite *suite, const char *only)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *cases = cJSON_CreateArray();

    cJSON_AddStringToObject(json, "name", suite->name);
    cJSON_AddStringToObject(json, "summary", suite->summary);
    cJSON_AddStringToObject(json, "path", suite->path);
    cJSON_AddItemToObject(json, "tags", texts_json(&suite->tags));
    cJSON_AddBoolToObject(json, "explicit", suite->is_explicit);
    for (size_t i = 0; i < suite->case_count; i++)
        if (is_shown(&suite->cases[i], only))
            cJSON_AddItemToArray(cases, case_json(&suite->cases[i]));
    cJSON_AddItemToObject(json, "cases", cases);
    cJSON_AddItemToArray(suites, json);
}

static void print_suite(const struct suite *suite, const char *only)
{
    printf("%s  %s%s\n", suite->name, suite->summary,
           suite->is_explicit ? "  (only where it is named)" : "");
    for (size_t i = 0; i < suite->case_count; i++) {
        const struct suite_case *suite_case = &suite->cases[i];

        if (!is_shown(suite_case, only))
            continue;
        printf("  %s", suite_case->name);
        for (size_t t = 0; t < suite_case->tags.count; t++)
            printf("%s%s", t ? ", " : "  [", suite_case->tags.items[t]);
        printf("%s%s%s%s\n", suite_case->tags.count ? "]" : "",
               suite_case->is_explicit ? "  (only where it is chosen)" : "",
               suite_case->skip ? "  skipped: " : "", suite_case->skip ? suite_case->skip : "");
    }
}

static int list_suites(const struct list_options *list, cJSON *suites, struct error *error)
{
    for (size_t i = 0; i < list->suites.count; i++) {
        struct suite *suite = NULL;
        int code = list->name_count > 0
                       ? suite_load(list->suites.paths[i], list->kernels, &suite, error)
                       : suite_load_unnamed(list->suites.paths[i], list->kernels, &suite, error);

        if (code < 0)
            return code;
        if (suites)
            add_json(suites, suite, list->only);
        else
            print_suite(suite, list->only);
        suite_free(suite);
    }
    return 0;
}

int cmd_list(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[SUITE|FILE]...",
        .doc = "Show suites, their cases and tags: the ones named, or all that are found in "
               "./scenarios and among duet's own."};
    struct list_options list = {0};
    cJSON *json = NULL;
    struct error error;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &list) != 0)
        return EXIT_USAGE;
    code = find_suites(list.names, list.name_count, &list.suites, &error);
    if (list.json)
        json = cJSON_CreateArray();
    if (code == 0)
        code = list_suites(&list, json, &error);
    if (code == 0 && json)
        cjson_print(json, stdout);
    cJSON_Delete(json);
    found_suites_free(&list.suites);
    if (code == 0)
        return EXIT_PASSED;
    fprintf(stderr, "duet: %s\n", error.message);
    return EXIT_USAGE;
}
