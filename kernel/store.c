#include "kernel/store.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/command.h"
#include "kernel/image.h"
#include "kernel/provider.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SCHEMA = 1, RECORD_MAX = 64 << 10 };

/* What kernel.json records about an entry. */
struct record {
    uint64_t image_bytes;
    uint64_t module_files;
    uint64_t module_bytes;
    uint64_t config_bytes; /* 0 where there is no configuration */
};

static char *entry_path(const struct kernel_options *options, const char *key)
{
    return xasprintf("%s/kernel/%s", options->cache_dir, key);
}

char *kernel_store_work(const struct kernel_options *options, const char *key, const char *suffix)
{
    return xasprintf("%s/kernel/work/%s%s", options->cache_dir, key, suffix);
}

static void measure_modules(const char *entry, struct record *record)
{
    cleanup_free char *tree = xasprintf("%s/lib/modules", entry);
    char *paths[] = {tree, NULL};
    FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    FTSENT *at;

    record->module_files = record->module_bytes = 0;
    while (walk && (at = fts_read(walk))) {
        if (at->fts_info != FTS_F)
            continue;
        record->module_files++;
        record->module_bytes += (uint64_t)at->fts_statp->st_size;
    }
    if (walk)
        fts_close(walk);
}

static int measure(const char *entry, const char *image, struct record *record, struct error *error)
{
    cleanup_free char *config = xasprintf("%s/config", entry);
    struct stat info;

    if (stat(image, &info) < 0)
        return error_errno(error, "cannot look at %s", image);
    record->image_bytes = (uint64_t)info.st_size;
    record->config_bytes = stat(config, &info) < 0 ? 0 : (uint64_t)info.st_size;
    measure_modules(entry, record);
    return 0;
}

static bool text_is(const cJSON *json, const char *name, const char *expected)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text && expected && strcmp(text, expected) == 0;
}

static bool number_is(const cJSON *json, const char *name, uint64_t expected)
{
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(json, name);

    return cJSON_IsNumber(number) && number->valuedouble == (double)expected;
}

static bool record_matches(const char *path, const struct record *found,
                           const struct kernel *kernel)
{
    cleanup_buffer struct buffer text = {0};
    cJSON *json;
    bool same;

    if (fs_read(path, RECORD_MAX, &text, NULL) < 0)
        return false;
    json = cJSON_ParseWithLength(text.data, text.length);
    same = number_is(json, "schema", SCHEMA) &&
           number_is(json, "image_bytes", found->image_bytes) &&
           text_is(json, "image_sha256", kernel->digest) &&
           number_is(json, "module_files", found->module_files) &&
           number_is(json, "module_bytes", found->module_bytes) &&
           (cJSON_HasObjectItem(json, "config_bytes") || found->config_bytes > 0
                ? number_is(json, "config_bytes", found->config_bytes)
                : true);
    cJSON_Delete(json);
    return same;
}

bool kernel_store_get(const struct kernel_options *options, const char *key, struct kernel *out)
{
    cleanup_free char *entry = entry_path(options, key);
    cleanup_free char *image = xasprintf("%s/image", entry);
    cleanup_free char *record = xasprintf("%s/kernel.json", entry);
    struct record found = {0};
    struct kernel kernel;

    if (!fs_exists(record) || measure(entry, image, &found, NULL) < 0 ||
        kernel_from_image(image, entry, &kernel, NULL) < 0)
        return false;
    if (!record_matches(record, &found, &kernel)) {
        kernel_free(&kernel);
        return false;
    }
    *out = kernel;
    return true;
}

static int write_record(const char *entry, const char *source, struct error *error)
{
    cleanup_free char *image = xasprintf("%s/image", entry);
    cleanup_free char *path = xasprintf("%s/kernel.json", entry);
    cleanup_free char *text = NULL;
    struct kernel kernel = {0};
    struct record record = {0};
    cJSON *json;
    int code = measure(entry, image, &record, error);

    if (code == 0)
        code = kernel_from_image(image, entry, &kernel, error);
    if (code < 0)
        return code;
    json = cJSON_CreateObject();
    cJSON_AddNumberToObject(json, "schema", SCHEMA);
    cJSON_AddStringToObject(json, "source", source);
    cJSON_AddStringToObject(json, "release", kernel.release ? kernel.release : "");
    cJSON_AddStringToObject(json, "image_sha256", kernel.digest);
    cJSON_AddNumberToObject(json, "image_bytes", (double)record.image_bytes);
    cJSON_AddNumberToObject(json, "module_files", (double)record.module_files);
    cJSON_AddNumberToObject(json, "module_bytes", (double)record.module_bytes);
    if (record.config_bytes > 0)
        cJSON_AddNumberToObject(json, "config_bytes", (double)record.config_bytes);
    text = cJSON_Print(json);
    cJSON_Delete(json);
    kernel_free(&kernel);
    if (!text)
        return error_set(error, ENOMEM, "no memory for %s", path);
    return fs_write(path, text, strlen(text), 0644, error);
}

static int move(const char *from, const char *to, struct error *error)
{
    return rename(from, to) < 0 ? error_errno(error, "cannot move %s to %s", from, to) : 0;
}

/* Before the /usr merge the modules of a package are in lib/, after it in usr/lib/. */
static int move_modules(const char *tree, const char *entry, struct error *error)
{
    static const char *const places[] = {"lib/modules", "usr/lib/modules"};
    cleanup_free char *lib = xasprintf("%s/lib", entry);
    cleanup_free char *to = xasprintf("%s/modules", lib);

    for (size_t i = 0; i < array_size(places); i++) {
        cleanup_free char *from = xasprintf("%s/%s", tree, places[i]);

        if (!fs_exists(from))
            continue;
        if (fs_mkdirs(lib, 0755, error) < 0)
            return -error->code;
        return move(from, to, error);
    }
    return 0;
}

/* dpkg-deb's own children outlive a runner that is killed, and go on writing: they keep the lock.
 */
static int unpack(const struct kernel_options *options, int lock, const char *package,
                  const char *tree, const char *entry, struct error *error)
{
    cleanup_free char *image = NULL;
    cleanup_free char *to = xasprintf("%s/image", entry);
    const char *argv[] = {"dpkg-deb", "--extract", package, tree, NULL};
    int code;

    kernel_progress(options, 0, 0, "unpacking the kernel package");
    code = kernel_command_run(options, &(struct kernel_command){.argv = argv, .inherit = &lock},
                              error);

    if (code == -ENOENT)
        return error_set(error, ENOENT,
                         "%s is a Debian package, and this machine has no dpkg-deb to unpack it",
                         package);
    if (code < 0)
        return code == -ECANCELED ? code : error_context(error, "cannot unpack %s", package);
    code = kernel_find_image(tree, &image, error);
    if (code < 0)
        return error_set(error, EINVAL, "%s has no kernel in it (no boot/vmlinuz-*)", package);
    code = move(image, to, error);
    return code < 0 ? code : move_modules(tree, entry, error);
}

static int build(const struct kernel_options *options, int lock, const char *file, const char *work,
                 const char *entry, struct error *error)
{
    cleanup_free char *image = xasprintf("%s/image", entry);
    cleanup_free char *tree = xasprintf("%s/tree", work);
    struct kernel_image found;
    int code = kernel_image_read(file, &found, error);

    /* A process that was killed here may have left either. */
    if (code == 0)
        code = fs_remove_tree(entry, error);
    if (code == 0)
        code = fs_remove_tree(tree, error);
    if (code == 0)
        code = fs_mkdirs(entry, 0755, error);
    if (code < 0)
        return code;
    if (found.kind == KERNEL_IMAGE_DEB)
        code = unpack(options, lock, file, tree, entry, error);
    else
        code = move(file, image, error);
    if (code == 0 && chmod(image, 0644) < 0)
        code = error_errno(error, "cannot make %s readable", image);
    return code;
}

int kernel_store_publish(const struct kernel_options *options, const char *key, const char *built,
                         const char *source, struct kernel *out, struct error *error)
{
    cleanup_free char *entry = entry_path(options, key);
    int code = write_record(built, source, error);

    if (code == 0)
        code = fs_remove_tree(entry, error); /* one that failed its check */
    if (code == 0)
        code = move(built, entry, error);
    if (code == 0 && !kernel_store_get(options, key, out))
        code = error_set(error, EIO, "the kernel that was just put into %s is not whole", entry);
    return code;
}

int kernel_store_workspace(const struct kernel_options *options, const char *key, char **path,
                           struct error *error)
{
    cleanup_free char *work = kernel_store_work(options, key, ".d");
    int code = fs_remove_tree(work, error);

    if (code == 0)
        code = fs_mkdirs(work, 0755, error);
    if (code == 0)
        *path = steal_pointer(&work);
    return code;
}

int kernel_store_install(const struct kernel_options *options, const char *key, int lock,
                         const char *file, const char *source, struct kernel *out,
                         struct error *error)
{
    cleanup_free char *work = kernel_store_work(options, key, ".d");
    cleanup_free char *entry = xasprintf("%s/entry", work);
    int code = fs_mkdirs(work, 0755, error);

    if (code == 0)
        code = build(options, lock, file, work, entry, error);
    if (code < 0 && code != -ECANCELED)
        error_context(error, "%s", source);
    if (code == 0)
        code = kernel_store_publish(options, key, entry, source, out, error);
    fs_remove_tree(work, NULL);
    return code;
}

/* Waiting for another process that fetches the same kernel may take minutes, and flock(2) cannot
 * be woken by a flag. */
static int wait_for_lock(const struct kernel_options *options, const char *path, int *lock,
                         struct error *error)
{
    static const struct timespec step = {.tv_nsec = 100000000};
    cleanup_fd int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0)
        return error_errno(error, "cannot open the lock %s", path);
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return error_errno(error, "cannot lock %s", path);
        if (kernel_cancelled(options))
            return kernel_cancel_error(error);
        nanosleep(&step, NULL);
    }
    *lock = steal_fd(&fd);
    return 0;
}

int kernel_store_lock(const struct kernel_options *options, const char *key, int *lock,
                      struct error *error)
{
    cleanup_free char *path = NULL;
    cleanup_free char *work = NULL;
    int code;

    if (!options->cache_dir)
        return error_set(error, EINVAL, "this kernel needs a cache directory, and none was given");
    work = kernel_store_work(options, "", "");
    path = kernel_store_work(options, key, ".lock");
    code = fs_mkdirs(work, 0755, error);
    if (code < 0)
        return code;
    return options->cancel ? wait_for_lock(options, path, lock, error) : fs_lock(path, lock, error);
}
