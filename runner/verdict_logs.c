#include "runner/verdict_logs.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"

#include <cjson/cJSON.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define SUFFIX ".verdicts"

enum {
    DEPTH_MAX = 4, /* of a results directory with runs with cases, and one more */
    RESULTS_MAX_BYTES = 64 << 20,
};

static void add(struct verdict_log_files *files, const char *path, size_t name_at)
{
    struct verdict_log_file *file;

    files->items = xreallocarray(files->items, files->count + 1, sizeof *files->items);
    file = &files->items[files->count++];
    file->path = xstrdup(path);
    file->name = file->path + name_at;
}

static bool is_log(const char *name)
{
    size_t length = strlen(name);

    return length > sizeof SUFFIX - 1 && strcmp(name + length - (sizeof SUFFIX - 1), SUFFIX) == 0;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Links are not followed below the directory that was named: "latest" is one of the runs beside it.
 */
static int walk(const char *directory, size_t name_at, unsigned depth,
                struct verdict_log_files *files, struct error *error)
{
    struct dirent **entries = NULL;
    int count = scandir(directory, &entries, not_hidden, versionsort);
    int code = 0;

    if (count < 0)
        return error_errno(error, "cannot read %s", directory);
    for (int i = 0; i < count; i++) {
        cleanup_free char *path = xasprintf("%s/%s", directory, entries[i]->d_name);
        struct stat status;

        if (code == 0 && lstat(path, &status) == 0) {
            if (S_ISREG(status.st_mode) && is_log(path))
                add(files, path, name_at);
            else if (S_ISDIR(status.st_mode) && depth < DEPTH_MAX)
                code = walk(path, name_at, depth + 1, files, error);
        }
        free(entries[i]);
    }
    free(entries);
    return code;
}

static int find_below(const char *directory, struct verdict_log_files *files, struct error *error)
{
    size_t before = files->count;
    size_t length = strlen(directory);
    cleanup_free char *path = NULL;
    int code;

    while (length > 1 && directory[length - 1] == '/')
        length--;
    path = xstrndup(directory, length);
    code = walk(path, length + 1, 0, files, error);
    if (code == 0 && files->count == before)
        return error_set(error, ENOENT,
                         "%s has no verdict log: only links with a carrier other than `direct` "
                         "leave one",
                         path);
    return code;
}

/* -- By name ----------------------------------------------------------------------------------- */

static bool is(const char *text, const char *wanted)
{
    return text && strcmp(text, wanted) == 0;
}

/* The rest of "SUITE/CASE", "CASE" itself where that is no suite's, or NULL: all of SUITE. */
static bool means(const cJSON *run, const char *operand, const char **wanted)
{
    const char *suite = cjson_text(run, "suite", NULL);
    size_t length = suite ? strlen(suite) : 0;

    if (suite && strncmp(operand, suite, length) == 0 &&
        (operand[length] == '\0' || operand[length] == '/')) {
        *wanted = operand[length] ? operand + length + 1 : NULL;
        return true;
    }
    *wanted = operand;
    return suite != NULL;
}

/* The directory that the run has for what is meant, or NULL. The caller frees it. */
static char *directory_in(const char *run_directory, const char *operand)
{
    cleanup_free char *path = xasprintf("%s/results.json", run_directory);
    cleanup_buffer struct buffer text = {0};
    const char *wanted;
    const cJSON *item;
    char *found = NULL;
    cJSON *run;

    if (fs_read(path, RESULTS_MAX_BYTES, &text, NULL) < 0 || !text.data)
        return NULL;
    run = cJSON_ParseWithLength(text.data, text.length);
    if (means(run, operand, &wanted) && !wanted)
        found = xstrdup(run_directory);
    else if (run)
        cJSON_ArrayForEach(item,
                           cJSON_GetObjectItemCaseSensitive(
                               run, "cases")) if (!found &&
                                                  (is(cjson_text(item, "name", NULL), wanted) ||
                                                   is(cjson_text(item, "slug", NULL), wanted)) &&
                                                  cjson_text(item, "directory", NULL)) found =
            xasprintf("%s/%s", run_directory, cjson_text(item, "directory", NULL));
    cJSON_Delete(run);
    return found;
}

static char *newest_with(const char *results, const char *operand)
{
    struct dirent **entries = NULL;
    int count = scandir(results, &entries, not_hidden, versionsort);
    char *found = NULL;

    for (int i = count - 1; i >= 0; i--) {
        cleanup_free char *run = xasprintf("%s/%s", results, entries[i]->d_name);

        if (!found && strcmp(entries[i]->d_name, "latest") != 0)
            found = directory_in(run, operand);
        free(entries[i]);
    }
    free(entries);
    return found;
}

int verdict_logs_find(const char *results, const char *operand, struct verdict_log_files *files,
                      struct error *error)
{
    cleanup_free char *directory = NULL;
    struct stat status;

    if (stat(operand, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return find_below(operand, files, error);
        add(files, operand, 0);
        return 0;
    }
    directory = newest_with(results, operand);
    if (!directory)
        return error_set(error, ENOENT,
                         "%s is no file and no directory, and no run in %s has a suite or case of "
                         "that name",
                         operand, results);
    return find_below(directory, files, error);
}

int verdict_logs_find_newest(const char *results, struct verdict_log_files *files,
                             struct error *error)
{
    cleanup_free char *latest = xasprintf("%s/latest", results);

    if (!fs_exists(latest))
        return error_set(error, ENOENT, "no run has left %s here: name a log, or a directory",
                         latest);
    return find_below(latest, files, error);
}

void verdict_log_files_free(struct verdict_log_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct verdict_log_files){0};
}
