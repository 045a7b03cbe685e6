#include "runner/history.h"

#include "base/fs.h"
#include "base/memory.h"
#include "results/verdict.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <string.h>

enum {
    RUNS_MAX = 16, /* that are looked at: `--only` leaves one with a case or two */
    RESULTS_MAX_BYTES = 16 << 20,
    STAMP_LENGTH = 16, /* of "20261122T112151Z" */
};

struct wanted {
    const char *suite;
    const char *const *names;
    size_t count;
    double *durations;
    size_t unknown; /* how many durations are */
    size_t next;    /* the name behind the last one found: runs have the suite's order */
};

static bool has_run(const char *verdict_text)
{
    enum verdict verdict;

    return verdict_from_name(verdict_text, &verdict) && verdict != VERDICT_ERROR &&
           verdict != VERDICT_SKIPPED;
}

static void note_duration(struct wanted *wanted, const char *name, double duration)
{
    for (size_t i = 0; i < wanted->count; i++) {
        size_t at = (wanted->next + i) % wanted->count;

        if (strcmp(wanted->names[at], name) != 0)
            continue;
        if (wanted->durations[at] < 0) {
            wanted->durations[at] = duration;
            wanted->unknown--;
        }
        wanted->next = at + 1;
        return;
    }
}

static void take_case(struct wanted *wanted, const cJSON *item)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "name"));
    const char *verdict = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(item, "verdict"));
    const cJSON *duration = cJSON_GetObjectItemCaseSensitive(item, "duration_s");

    if (name && verdict && has_run(verdict) && cJSON_IsNumber(duration) &&
        duration->valuedouble >= 0)
        note_duration(wanted, name, duration->valuedouble);
}

static void take_run(struct wanted *wanted, const char *path)
{
    cleanup_buffer struct buffer text = {0};
    const cJSON *item;
    const char *suite;
    cJSON *run;

    if (fs_read(path, RESULTS_MAX_BYTES, &text, NULL) < 0 || !text.data)
        return;
    run = cJSON_ParseWithLength(text.data, text.length);
    suite = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "suite"));
    /* A directory's name alone does not tell "web-2" from the second "web" of its second. */
    if (suite && strcmp(suite, wanted->suite) == 0)
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(run, "cases"))
            take_case(wanted, item);
    cJSON_Delete(run);
}

static bool is_of(const char *directory, const char *suite)
{
    size_t length = strlen(suite);

    return strlen(directory) > STAMP_LENGTH && directory[STAMP_LENGTH] == '-' &&
           strncmp(directory + STAMP_LENGTH + 1, suite, length) == 0 &&
           strchr("-", directory[STAMP_LENGTH + 1 + length]);
}

void history_durations(const char *results, const char *suite, const char *const names[],
                       size_t count, double *durations)
{
    struct wanted wanted = {
        .suite = suite, .names = names, .count = count, .durations = durations, .unknown = count};
    struct dirent **entries = NULL;
    int entry_count = scandir(results, &entries, NULL, versionsort);

    for (size_t i = 0; i < count; i++)
        durations[i] = -1;
    for (int i = entry_count - 1, runs = 0; i >= 0; i--) {
        if (is_of(entries[i]->d_name, suite) && runs < RUNS_MAX && wanted.unknown > 0) {
            cleanup_free char *path = xasprintf("%s/%s/results.json", results, entries[i]->d_name);

            take_run(&wanted, path);
            runs++;
        }
        free(entries[i]);
    }
    free(entries);
}
