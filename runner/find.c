#include "runner/find.h"

#include "base/fs.h"
#include "base/memory.h"
#include "runner/suggest.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DIRECTORIES = 3 };

/* Where suites are: the user's, then those beside the program in a source tree or as installed;
 * NULL for what is not there. */
static void scenario_directories(char *directories[static DIRECTORIES])
{
    static const char *const beside[DIRECTORIES] = {NULL, "../../scenarios",
                                                    "../share/duet/scenarios"};
    cleanup_free char *program = realpath("/proc/self/exe", NULL);

    directories[0] = xstrdup("scenarios");
    directories[1] = directories[2] = NULL;
    if (!program)
        return;
    *strrchr(program, '/') = '\0';
    for (int i = 1; i < DIRECTORIES; i++) {
        cleanup_free char *path = xasprintf("%s/%s", program, beside[i]);

        directories[i] = realpath(path, NULL);
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool is_path(const char *name)
{
    return strchr(name, '/') || ends_with(name, ".yaml") || ends_with(name, ".yml");
}

static void add(struct found_suites *found, char *path)
{
    found->paths = xreallocarray(found->paths, found->count + 1, sizeof *found->paths);
    found->paths[found->count++] = path;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool has_name(const struct found_suites *found, const char *file)
{
    for (size_t i = 0; i < found->count; i++)
        if (strcmp(strrchr(found->paths[i], '/') + 1, file) == 0)
            return true;
    return false;
}

/* The first directory that has a name wins, as find_named would choose. */
static void add_all(struct found_suites *found, const char *directory)
{
    DIR *opened = directory ? opendir(directory) : NULL;
    size_t start = found->count;
    struct dirent *entry;

    if (!opened)
        return;
    while ((entry = readdir(opened)))
        if (entry->d_name[0] != '.' && ends_with(entry->d_name, ".yaml") &&
            !has_name(found, entry->d_name))
            add(found, xasprintf("%s/%s", directory, entry->d_name));
    closedir(opened);
    if (found->count > start)
        qsort(found->paths + start, found->count - start, sizeof *found->paths, by_text);
}

static int not_found(const char *name, char *const directories[static DIRECTORIES],
                     struct error *error)
{
    struct found_suites all = {0};
    char suggestion[128] = "";

    for (int i = 0; i < DIRECTORIES; i++)
        add_all(&all, directories[i]);
    for (size_t i = 0; i < all.count; i++) {
        char *file = strrchr(all.paths[i], '/') + 1;

        memmove(all.paths[i], file, strlen(file) + 1);
        *strrchr(all.paths[i], '.') = '\0';
    }
    if (all.count > 0)
        suggest_text(name, (const char *const *)all.paths, all.count, suggestion,
                     sizeof suggestion);
    found_suites_free(&all);
    return error_set(error, ENOENT,
                     "there is no suite \"%s\": neither scenarios/%s.yaml here nor one of duet's "
                     "own; a file is named with its .yaml%s",
                     name, name, suggestion);
}

static int find_named(struct found_suites *found, const char *name,
                      char *const directories[static DIRECTORIES], struct error *error)
{
    for (int i = 0; i < DIRECTORIES; i++) {
        cleanup_free char *path =
            directories[i] ? xasprintf("%s/%s.yaml", directories[i], name) : NULL;

        if (path && fs_exists(path)) {
            add(found, steal_pointer(&path));
            return 0;
        }
    }
    return not_found(name, directories, error);
}

int find_suites(char *const names[], size_t count, struct found_suites *out, struct error *error)
{
    struct found_suites found = {0};
    char *directories[DIRECTORIES];
    int code = 0;

    scenario_directories(directories);
    for (size_t i = 0; i < count && code == 0; i++) {
        if (is_path(names[i]))
            add(&found, xstrdup(names[i]));
        else
            code = find_named(&found, names[i], directories, error);
    }
    for (int i = 0; i < DIRECTORIES && count == 0; i++)
        add_all(&found, directories[i]);
    if (count == 0 && found.count == 0)
        code =
            error_set(error, ENOENT, "there are no suites: neither in ./scenarios nor with duet");
    for (int i = 0; i < DIRECTORIES; i++)
        free(directories[i]);
    if (code < 0)
        found_suites_free(&found);
    else
        *out = found;
    return code;
}

void found_suites_free(struct found_suites *found)
{
    for (size_t i = 0; i < found->count; i++)
        free(found->paths[i]);
    free(found->paths);
    *found = (struct found_suites){0};
}
