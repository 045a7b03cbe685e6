/* What is in the cache of kernels. */
#include "kernel/kernel.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/named.h"
#include "kernel/store.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <string.h>

enum { RECORD_MAX = 64 << 10 };

struct list {
    const struct kernel_options *options;
    struct kernel_entry *entries;
    size_t count;
};

static cJSON *read_record(const struct list *list, const char *key)
{
    cleanup_free char *path = xasprintf("%s/kernel/%s/kernel.json", list->options->cache_dir, key);
    cleanup_buffer struct buffer text = {0};

    if (fs_read(path, RECORD_MAX, &text, NULL) < 0)
        return NULL;
    return cJSON_ParseWithLength(text.data, text.length);
}

static uint64_t number_of(const cJSON *json, const char *name)
{
    double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return value > 0 ? (uint64_t)value : 0;
}

/* Nothing where the entry is not whole. */
static void add(struct list *list, const char *name, const char *key)
{
    struct kernel kernel;
    const char *source;
    cJSON *json;

    if (!kernel_store_get(list->options, key, &kernel))
        return;
    json = read_record(list, key);
    source = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "source"));
    list->entries = xreallocarray(list->entries, list->count + 1, sizeof *list->entries);
    list->entries[list->count++] = (struct kernel_entry){
        .name = name ? xstrdup(name) : NULL,
        .release = xstrdup(kernel.release ? kernel.release : ""),
        .source = xstrdup(source ? source : ""),
        .image = steal_pointer(&kernel.image),
        .size_bytes = number_of(json, "image_bytes") + number_of(json, "module_bytes")};
    cJSON_Delete(json);
    kernel_free(&kernel);
}

/* Calls `found` for each path that matches CACHE/kernel/<pattern>, with its last part. */
static int for_each(struct list *list, const char *pattern,
                    void (*found)(struct list *list, const char *name), struct error *error)
{
    cleanup_buffer struct buffer path = {0};
    glob_t paths;
    int result;

    for (const char *c = list->options->cache_dir; *c; c++)
        buffer_printf(&path, strchr("*?[\\", *c) ? "\\%c" : "%c", *c);
    buffer_printf(&path, "/kernel/%s", pattern);
    result = glob(path.data, 0, NULL, &paths);
    if (result == GLOB_NOMATCH)
        return 0;
    if (result != 0)
        return error_set(error, EIO, "cannot list %s/kernel", list->options->cache_dir);
    for (size_t i = 0; i < paths.gl_pathc; i++)
        found(list, strrchr(paths.gl_pathv[i], '/') + 1);
    globfree(&paths);
    return 0;
}

static void add_name(struct list *list, const char *file)
{
    cleanup_free char *name = xstrndup(file, strlen(file) - strlen(".json"));
    struct kernel_name found;

    if (kernel_name_read(list->options, name, &found))
        add(list, name, found.key);
}

static void add_nameless(struct list *list, const char *key)
{
    if (strlen(key) != DIGEST_HEX_SIZE - 1)
        return;
    for (size_t i = 0; i < list->count; i++)
        if (strstr(list->entries[i].image, key))
            return;
    add(list, NULL, key);
}

int kernel_list(const struct kernel_options *options, struct kernel_entry **entries, size_t *count,
                struct error *error)
{
    struct list list = {.options = options};
    int code;

    if (!options->cache_dir)
        return error_set(error, EINVAL, "there is no cache directory to list");
    code = for_each(&list, "*.json", add_name, error);
    if (code == 0)
        code = for_each(&list, "[0-9a-f]*[0-9a-f]", add_nameless, error);
    if (code < 0) {
        kernel_entries_free(list.entries, list.count);
        return code;
    }
    *entries = list.entries;
    *count = list.count;
    return 0;
}

void kernel_entries_free(struct kernel_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(entries[i].name);
        free(entries[i].release);
        free(entries[i].source);
        free(entries[i].image);
    }
    free(entries);
}
