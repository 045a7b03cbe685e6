/* The newest cloud kernel that the machine's apt offers.
 *
 * CACHE/kernel/debian.json remembers which one that was, and the state of the machine's package
 * lists at that look: as long as these are the same, so is the answer, and apt is not asked. Lists
 * of duet's own are fetched where the machine's are empty (a fresh container) or so old that the
 * mirrors have dropped what they name. */
#include "kernel/provider.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/apt.h"
#include "kernel/store.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define META "linux-image-cloud-amd64"
#define ALTERNATIVE                                                                                \
    "use another kernel: --kernel host, small, the path of one, or https://…#sha256=HEX"

enum { POINTER_MAX = 4096 };

struct pointer {
    char key[DIGEST_HEX_SIZE];
    char lists[64];
};

static void add_to_message(struct error *error, const char *between, const char *text)
{
    size_t length = strlen(error->message);

    snprintf(error->message + length, sizeof error->message - length, "%s%s", between, text);
}

/* apt renames each list that changed into the directory, so the directory's time tells. */
static void stamp_lists(const struct kernel_options *options, char *stamp, size_t size)
{
    cleanup_free char *path =
        xasprintf("%s/var/lib/apt/lists", options->host_root ? options->host_root : "");
    struct stat info;

    if (stat(path, &info) < 0)
        snprintf(stamp, size, "none");
    else
        snprintf(stamp, size, "%lld.%09ld", (long long)info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
}

static char *pointer_path(const struct kernel_options *options)
{
    return xasprintf("%s/kernel/debian.json", options->cache_dir);
}

static bool copy_text(const cJSON *json, const char *name, char *out, size_t size)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));

    return text && (size_t)snprintf(out, size, "%s", text) < size;
}

static bool read_pointer(const struct kernel_options *options, struct pointer *pointer)
{
    cleanup_free char *path = pointer_path(options);
    cleanup_buffer struct buffer text = {0};
    cJSON *json;
    bool good;

    if (fs_read(path, POINTER_MAX, &text, NULL) < 0)
        return false;
    json = cJSON_ParseWithLength(text.data, text.length);
    good = copy_text(json, "key", pointer->key, sizeof pointer->key) &&
           copy_text(json, "lists", pointer->lists, sizeof pointer->lists) &&
           strspn(pointer->key, "0123456789abcdef") == DIGEST_HEX_SIZE - 1;
    cJSON_Delete(json);
    return good;
}

static int write_pointer(const struct kernel_options *options, const struct kernel_package *package,
                         const char *lists, struct error *error)
{
    cleanup_free char *path = pointer_path(options);
    cleanup_free char *text = NULL;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "package", package->name);
    cJSON_AddStringToObject(json, "version", package->version);
    cJSON_AddStringToObject(json, "key", package->digest);
    cJSON_AddStringToObject(json, "lists", lists);
    text = cJSON_Print(json);
    cJSON_Delete(json);
    if (!text)
        return error_set(error, ENOMEM, "no memory for %s", path);
    return fs_write(path, text, strlen(text), 0644, error);
}

static int check_machine(struct error *error)
{
    struct utsname name;

    if (uname(&name) < 0)
        return error_errno(error, "cannot ask for the machine's architecture");
    if (strcmp(name.machine, "x86_64") != 0)
        return error_set(error, ENOTSUP,
                         "this machine is %s, and duet's guests are x86-64: there is no kernel "
                         "\"debian\" for it yet",
                         name.machine);
    for (size_t i = 0; i < 3; i++) {
        const char *program = (const char *[]){"apt-cache", "apt-get", "dpkg-deb"}[i];
        cleanup_free char *path = fs_find_program(program);

        if (!path)
            return error_set(error, ENOENT,
                             "the kernel \"debian\" comes through Debian's apt, and this machine "
                             "has no %s: " ALTERNATIVE,
                             program);
    }
    return 0;
}

static int install(const struct kernel_options *options, bool own_lists,
                   const struct kernel_package *package, struct kernel *out, struct error *error)
{
    cleanup_free char *source = xasprintf("%s %s", package->name, package->version);
    cleanup_free char *work = NULL;
    cleanup_free char *file = NULL;
    cleanup_fd int lock = -1;
    int code;

    if (kernel_store_get(options, package->digest, out))
        return 0;
    code = kernel_store_lock(options, package->digest, &lock, error);
    if (code < 0)
        return code;
    if (kernel_store_get(options, package->digest, out))
        return 0;
    code = kernel_store_workspace(options, package->digest, &work, error);
    if (code < 0)
        return code;
    kernel_progress(options, 0, package->size, "downloading %s", package->name);
    code = kernel_apt_download(options, own_lists, package, work, &file, error);
    if (code == 0)
        return kernel_store_install(options, package->digest, lock, file, source, out, error);
    fs_remove_tree(work, NULL);
    return code;
}

static int look(const struct kernel_options *options, bool own_lists, const char *lists,
                struct kernel *out, struct error *error)
{
    struct kernel_package package = {0};
    int code = kernel_apt_find(options, own_lists, META, "linux-image-", &package, error);

    if (code < 0)
        return code;
    code = install(options, own_lists, &package, out, error);
    if (code == 0)
        code = write_pointer(options, &package, lists, error);
    if (code < 0)
        kernel_free(out);
    kernel_package_free(&package);
    return code;
}

static int look_with_own_lists(const struct kernel_options *options, const char *lists,
                               struct kernel *out, struct error *error)
{
    cleanup_buffer struct buffer complaints = {0};
    cleanup_fd int lock = -1;
    int code = kernel_store_lock(options, "apt", &lock, error);

    if (code < 0)
        return code;
    kernel_progress(options, 0, 0, "fetching package lists of duet's own with apt");
    code = kernel_apt_update(options, &complaints, error);
    if (code == 0)
        code = look(options, true, lists, out, error);
    if (code < 0 && code != -ECANCELED && complaints.length)
        add_to_message(error, "; apt-get update said: ", complaints.data);
    return code;
}

/* Whether other lists could make a difference. */
static bool is_apts(int code)
{
    return code == -ENOENT || code == -EIO || code == -EBADMSG;
}

static int fetch_newest(const struct kernel_options *options, const char *lists, struct kernel *out,
                        struct error *error)
{
    struct error fresh;
    int code = check_machine(error);

    if (code < 0)
        return code;
    kernel_progress(options, 0, 0, "asking apt for the newest " META);
    code = look(options, false, lists, out, error);
    if (!is_apts(code))
        return code;
    code = look_with_own_lists(options, lists, out, &fresh);
    if (code == 0)
        return 0;
    if (!is_apts(code)) {
        *error = fresh;
        return code;
    }
    error->code = -code;
    if (strncmp(fresh.message, error->message, strlen(error->message)) == 0)
        *error = fresh;
    else
        add_to_message(error, "; with fresh package lists: ", fresh.message);
    add_to_message(error, "; ", ALTERNATIVE);
    return error_context(error, "cannot get the kernel \"debian\"");
}

int kernel_debian_get(const struct kernel_options *options, struct kernel *out, struct error *error)
{
    struct pointer pointer;
    struct kernel cached = {0};
    char lists[sizeof pointer.lists];
    bool have;
    int code;

    if (!options->cache_dir)
        return error_set(error, EINVAL, "the kernel \"debian\" needs a cache directory");
    stamp_lists(options, lists, sizeof lists);
    have = read_pointer(options, &pointer) && kernel_store_get(options, pointer.key, &cached);
    if (have && (options->offline || strcmp(pointer.lists, lists) == 0)) {
        *out = cached;
        return 0;
    }
    if (options->offline)
        return error_set(error, ENOENT,
                         "no kernel \"debian\" is in the cache, and duet is to stay offline");
    code = fetch_newest(options, lists, out, error);
    if (code < 0 && code != -ECANCELED && have) {
        kernel_progress(options, 0, 0, "%s; going on with %s from the cache", error->message,
                        cached.release);
        *out = cached;
        return 0;
    }
    kernel_free(&cached);
    return code;
}
