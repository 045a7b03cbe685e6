#include "runner/past_run.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "base/units.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum { RESULTS_MAX_BYTES = 64 << 20 };

static void add_way(struct past_case *past, const struct past_run *run, const cJSON *link,
                    const cJSON *way)
{
    const char *from = cjson_text(way, "from", NULL), *to = cjson_text(way, "to", NULL);
    const char *log = cjson_text(way, "verdicts", NULL);

    if (!from || !to || !log)
        return;
    past->ways = xreallocarray(past->ways, past->way_count + 1, sizeof *past->ways);
    past->ways[past->way_count++] = (struct past_way){
        .name = xasprintf("link %s, %s to %s", cjson_text(link, "name", "?"), from, to),
        .log = xasprintf("%s/%s", run->directory, log),
        .incomplete = cJSON_IsTrue(cjson_member(link, "incomplete"))};
}

static void add_case(struct past_run *run, const cJSON *item)
{
    const cJSON *link, *way;
    struct past_case *past;

    if (!cjson_text(item, "name", NULL) || !cjson_text(item, "verdict", NULL))
        return;
    run->cases = xreallocarray(run->cases, run->case_count + 1, sizeof *run->cases);
    past = &run->cases[run->case_count++];
    *past = (struct past_case){.name = cjson_copy(item, "name"),
                               .verdict = cjson_copy(item, "verdict"),
                               .reason = cjson_copy(item, "reason")};
    cJSON_ArrayForEach(link, cjson_member(item, "links"))
    {
        cJSON_ArrayForEach(way, cjson_member(link, "directions")) add_way(past, run, link, way);
    }
}

static int take(struct past_run *run, const cJSON *json, const char *path, struct error *error)
{
    const cJSON *file = cjson_member(json, "suite_file"), *item;
    const char *seed = cjson_text(json, "seed", NULL);

    if (!cjson_text(json, "suite", NULL) || !seed || !cJSON_IsArray(cjson_member(json, "cases")))
        return error_set(error, EBADMSG,
                         "%s is no results.json of duet: it has no suite, seed and cases", path);
    if (units_count(seed, &run->seed, error) < 0)
        return error_context(error, "%s: seed", path);
    run->suite = cjson_copy(json, "suite");
    run->path = cjson_copy(file, "path");
    run->digest = cjson_copy(file, "digest");
    run->kernels = cjson_copy(file, "kernels");
    cJSON_ArrayForEach(item, cjson_member(json, "cases")) add_case(run, item);
    return 0;
}

int past_run_read(const char *path, struct past_run *run, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *file = NULL;
    struct stat status;
    cJSON *json;
    int code;

    if (stat(path, &status) < 0)
        return error_errno(error, "cannot read %s", path);
    file = S_ISDIR(status.st_mode) ? xasprintf("%s/results.json", path) : xstrdup(path);
    code = fs_read(file, RESULTS_MAX_BYTES, &text, error);
    if (code < 0)
        return code;
    /* Where it truly is: "latest" is soon another. */
    code = fs_realpath(file, &run->directory, error);
    if (code < 0)
        return code;
    *strrchr(run->directory, '/') = '\0';
    json = cJSON_ParseWithLength(text.data ? text.data : "", text.length);
    code = take(run, json, file, error);
    cJSON_Delete(json);
    return code;
}

const struct past_case *past_run_case(const struct past_run *run, const char *name)
{
    for (size_t i = 0; i < run->case_count; i++)
        if (strcmp(run->cases[i].name, name) == 0)
            return &run->cases[i];
    return NULL;
}

void past_run_free(struct past_run *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->case_count; i++) {
        struct past_case *past = &run->cases[i];

        for (size_t k = 0; k < past->way_count; k++) {
            free(past->ways[k].name);
            free(past->ways[k].log);
        }
        free(past->ways);
        free(past->name);
        free(past->verdict);
        free(past->reason);
    }
    free(run->cases);
    free(run->directory);
    free(run->suite);
    free(run->path);
    free(run->digest);
    free(run->kernels);
    *run = (struct past_run){0};
}
