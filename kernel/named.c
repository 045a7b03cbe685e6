#include "kernel/named.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/provider.h"
#include "kernel/store.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { NAME_FILE_MAX = 4096 };

static void config_digest(char hex[static DIGEST_HEX_SIZE])
{
    size_t size;
    const char *text = kernel_small_config(&size);

    digest_bytes(text, size, hex);
}

static bool well_formed(const char *name)
{
    static const char outside[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char inside[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);

    return length > 0 && length <= KERNEL_NAME_MAX && strspn(name, inside) == length &&
           strchr(outside, name[0]) && strchr(outside, name[length - 1]);
}

int kernel_name_check(const char *name, struct error *error)
{
    if (strcmp(name, "debian") == 0 || strcmp(name, "host") == 0)
        return error_set(error, EINVAL, "a kernel cannot be called %s, which is one that duet gets",
                         name);
    if (!well_formed(name))
        return error_set(error, EINVAL,
                         "a kernel cannot be called \"%s\": expected up to %d of a-z and 0-9, with "
                         "`.`, `_` and `-` between them",
                         name, KERNEL_NAME_MAX);
    return 0;
}

static char *name_path(const struct kernel_options *options, const char *name)
{
    return xasprintf("%s/kernel/%s.json", options->cache_dir, name);
}

static bool copy_digest(const cJSON *json, const char *name, char out[static DIGEST_HEX_SIZE])
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    if (!text || strlen(text) != DIGEST_HEX_SIZE - 1 ||
        strspn(text, "0123456789abcdef") != DIGEST_HEX_SIZE - 1)
        return false;
    memcpy(out, text, DIGEST_HEX_SIZE);
    return true;
}

bool kernel_name_read(const struct kernel_options *options, const char *name,
                      struct kernel_name *out)
{
    cleanup_free char *path = name_path(options, name);
    cleanup_buffer struct buffer text = {0};
    struct kernel_name found = {0};
    cJSON *json;
    bool good;

    if (fs_read(path, NAME_FILE_MAX, &text, NULL) < 0)
        return false;
    json = cJSON_ParseWithLength(text.data, text.length);
    good = copy_digest(json, "key", found.key);
    copy_digest(json, "config", found.config);
    cJSON_Delete(json);
    if (good)
        *out = found;
    return good;
}

int kernel_name_write(const struct kernel_options *options, const char *name, const char *key,
                      const char *source, struct error *error)
{
    cleanup_free char *path = name_path(options, name);
    cleanup_free char *text = NULL;
    cJSON *json = cJSON_CreateObject();
    char config[DIGEST_HEX_SIZE];

    config_digest(config);
    cJSON_AddStringToObject(json, "source", source);
    cJSON_AddStringToObject(json, "key", key);
    cJSON_AddStringToObject(json, "config", config);
    text = xchecked(cJSON_Print(json));
    cJSON_Delete(json);
    return fs_write(path, text, strlen(text), 0644, error);
}

bool kernel_is_named(const char *name, const struct kernel_options *options)
{
    cleanup_free char *path = NULL;

    if (!options->cache_dir || !well_formed(name))
        return false;
    path = name_path(options, name);
    return fs_exists(path);
}

int kernel_named_get(const char *name, const struct kernel_options *options, struct kernel *out,
                     struct error *error)
{
    bool small = strcmp(name, KERNEL_SMALL) == 0;
    const char *option = small ? "" : " --name ";
    const char *value = small ? "" : name;
    struct kernel_name found;
    char config[DIGEST_HEX_SIZE];

    if (!options->cache_dir)
        return error_set(error, EINVAL, "the kernel \"%s\" needs a cache directory", name);
    if (!kernel_name_read(options, name, &found))
        return error_set(error, ENOENT,
                         "the kernel \"%s\" has not been built yet: `duet kernel build%s%s` does "
                         "it, in some minutes",
                         name, option, value);
    config_digest(config);
    if (small && strcmp(found.config, config) != 0)
        return error_set(error, ESTALE,
                         "the kernel \"%s\" was built by another duet, with another configuration "
                         "than this one's: `duet kernel build` builds it anew, in some minutes",
                         name);
    if (!kernel_store_get(options, found.key, out))
        return error_set(error, ENOENT,
                         "the kernel \"%s\" is damaged or gone from the cache: `duet kernel "
                         "build%s%s` builds it anew, in some minutes",
                         name, option, value);
    return 0;
}
