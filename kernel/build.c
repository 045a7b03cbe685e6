/* A small kernel for guests, built from source.
 *
 * What it will be is known before anything is fetched: the digest of the source (apt's lists or the
 * URL say it), the options, and what compiler and linker say of themselves. Their digest is the
 * entry's key, so that nothing is built twice. One build runs at a time, in work/build.d, where the
 * next one clears away what a killed one left; Linux's build takes all processors anyway. */
#include "kernel/kernel.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/command.h"
#include "kernel/kconfig.h"
#include "kernel/make.h"
#include "kernel/named.h"
#include "kernel/provider.h"
#include "kernel/source.h"
#include "kernel/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OPTIONS_MAX = 1 << 20, RELEASE_MAX = 256, BUILTIN_MAX = 4 << 20 };

#define LOCK "build" /* of the workspace; keys are hexadecimal, and never this */

struct job {
    const struct kernel_build *build;
    const struct kernel_options *options;
    int lock;
    struct buffer config;    /* the options on top of tinyconfig */
    struct buffer toolchain; /* what the compiler and the linker say of themselves */
    struct kernel_source source;
    char key[DIGEST_HEX_SIZE];
    char *work;
    bool cached; /* `kernel` was there already */
    struct kernel kernel;
};

static int read_options(struct job *job, struct error *error)
{
    cleanup_buffer struct buffer own = {0};
    const char *path = job->build->config;
    size_t size;
    const char *text = kernel_small_config(&size);
    int code;

    buffer_append(&job->config, text, size);
    if (!path)
        return 0;
    code = fs_read(path, OPTIONS_MAX, &own, error);
    if (code < 0)
        return code;
    if (own.length > 0 && strlen(own.data) != own.length)
        return error_set(error, EINVAL, "%s is no text: it has a NUL in it", path);
    code = kconfig_check(own.length ? own.data : "", path, error);
    if (code == 0)
        buffer_printf(&job->config, "\n%s\n", own.length ? own.data : "");
    return code;
}

static void make_key(struct job *job)
{
    struct digest *digest = digest_new();

    digest_update_field(digest, "duet kernel 1");
    digest_update_field(digest, job->source.digest);
    digest_update_field(digest, job->config.data);
    digest_update_field(digest, job->toolchain.length ? job->toolchain.data : "");
    digest_finish(digest, job->key);
}

/* After success the kernel is there (`cached`), or its source is in work/linux. */
static int prepare(struct job *job, bool own_lists, struct error *error)
{
    const struct kernel_options *options = job->options;
    int code;

    kernel_source_free(&job->source);
    code = kernel_source_find(options, job->build->source, own_lists, &job->source, error);
    if (code < 0)
        return code;
    make_key(job);
    job->cached = kernel_store_get(options, job->key, &job->kernel);
    if (job->cached)
        return 0;
    if (options->offline)
        return error_set(error, ENOENT,
                         "no kernel of %s is in the cache, and duet is to stay "
                         "offline",
                         job->source.label);
    free(steal_pointer(&job->work));
    code = kernel_store_workspace(options, LOCK, &job->work, error);
    return code < 0 ? code
                    : kernel_source_unpack(options, &job->source, job->lock, job->work, error);
}

static int update_lists(const struct kernel_options *options, struct error *error)
{
    cleanup_buffer struct buffer complaints = {0};
    cleanup_fd int lock = -1;
    int code = kernel_store_lock(options, "apt", &lock, error);

    if (code < 0)
        return code;
    kernel_progress(options, 0, 0, "fetching package lists of duet's own with apt");
    code = kernel_apt_update(options, &complaints, error);
    if (code == 0 && complaints.length > 0)
        kernel_progress(options, 0, 0, "apt-get update said: %s", complaints.data);
    return code;
}

/* Empty lists (a fresh container), and those that name what the mirrors have dropped, call for
 * lists of one's own. */
static int prepare_with_some_lists(struct job *job, struct error *error)
{
    struct error first;
    int code = prepare(job, false, error);

    if (job->options->offline || !kernel_source_is_stale(job->build->source, code))
        return code;
    first = *error;
    code = update_lists(job->options, error);
    if (code == 0)
        code = prepare(job, true, error);
    if (code < 0 && code != -ECANCELED && strcmp(first.message, error->message) != 0)
        error_context(error, "%.900s; with fresh package lists", first.message);
    return code < 0 && code != -ECANCELED
               ? error_context(error, "cannot get Linux's source through apt")
               : code;
}

static int compile(const struct job *job, struct error *error)
{
    cleanup_free char *tree = xasprintf("%s/linux", job->work);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct kernel_make make = {.options = job->options,
                               .label = job->source.label,
                               .tree = tree,
                               .config = job->config.data,
                               .jobs = job->build->jobs,
                               .lock = job->lock};
    int code;

    if (make.jobs == 0)
        make.jobs = processors > 0 ? (unsigned int)processors : 1;
    code = kernel_make_configure(&make, error);
    return code < 0 ? code : kernel_make_vmlinux(&make, error);
}

static int copy(const char *from, const char *to, size_t max, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    int code = fs_read(from, max, &text, error);

    return code < 0 ? code : fs_write(to, text.data, text.length, 0644, error);
}

static int copy_builtin(const char *tree, const char *entry, struct error *error)
{
    cleanup_free char *release_file = xasprintf("%s/include/config/kernel.release", tree);
    cleanup_free char *from = xasprintf("%s/modules.builtin", tree);
    cleanup_free char *directory = NULL;
    cleanup_free char *to = NULL;
    cleanup_buffer struct buffer release = {0};
    int code = fs_read(release_file, RELEASE_MAX, &release, error);

    if (code < 0)
        return code;
    directory = xasprintf("%s/lib/modules/%.*s", entry,
                          release.length ? (int)strcspn(release.data, "\n/") : 0, release.data);
    to = xasprintf("%s/modules.builtin", directory);
    code = fs_mkdirs(directory, 0755, error);
    return code < 0 ? code : copy(from, to, BUILTIN_MAX, error);
}

/* The symbols that a stack trace needs are in the image a second time (CONFIG_KALLSYMS). */
static int strip_image(const struct job *job, const char *tree, const char *entry,
                       struct error *error)
{
    cleanup_free char *from = xasprintf("%s/vmlinux", tree);
    cleanup_free char *to = xasprintf("%s/image", entry);
    const char *const argv[] = {"strip", "--strip-all", "-o", to, from, NULL};
    int code = kernel_command_run(job->options, &(struct kernel_command){.argv = argv}, error);

    if (code < 0)
        return code;
    return chmod(to, 0644) < 0 ? error_errno(error, "cannot make %s readable", to) : 0;
}

static int install(struct job *job, struct error *error)
{
    cleanup_free char *tree = xasprintf("%s/linux", job->work);
    cleanup_free char *entry = xasprintf("%s/entry", job->work);
    cleanup_free char *config_from = xasprintf("%s/.config", tree);
    cleanup_free char *config_to = xasprintf("%s/config", entry);
    int code = fs_mkdirs(entry, 0755, error);

    if (code == 0)
        code = strip_image(job, tree, entry, error);
    if (code == 0)
        code = copy(config_from, config_to, OPTIONS_MAX, error);
    if (code == 0)
        code = copy_builtin(tree, entry, error);
    if (code == 0)
        code = kernel_store_publish(job->options, job->key, entry, job->source.label, &job->kernel,
                                    error);
    return code;
}

static int work(struct job *job, const char *name, struct error *error)
{
    int code = kernel_make_toolchain(job->options, &job->toolchain, error);

    if (code == 0)
        code = prepare_with_some_lists(job, error);
    if (code == 0 && !job->cached)
        code = compile(job, error);
    if (code == 0 && !job->cached)
        code = install(job, error);
    if (job->work) {
        kernel_progress(job->options, 0, 0, "cleaning up");
        fs_remove_tree(job->work, NULL);
    }
    if (code == 0)
        code = kernel_name_write(job->options, name, job->key, job->source.label, error);
    return code;
}

/* What the user may have said wrong comes before what the machine lacks. */
static int check(const char *name, const char *source, const struct kernel_options *options,
                 struct error *error)
{
    int code = kernel_name_check(name, error);

    if (code == 0)
        code = kernel_source_check(source, error);
    if (code == 0 && !options->cache_dir)
        code = error_set(error, EINVAL, "building a kernel needs a cache directory");
    if (code == 0)
        code = kernel_make_check(options, error);
    return code;
}

int kernel_build(const struct kernel_build *build, const struct kernel_options *options,
                 struct kernel *out, struct error *error)
{
    const char *name = build->name ? build->name : KERNEL_SMALL;
    struct job job = {.build = build, .options = options, .lock = -1};
    struct error unread;
    int code;

    error = error ? error : &unread;
    code = check(name, build->source, options, error);
    if (code == 0)
        code = read_options(&job, error);
    if (code == 0)
        code = kernel_store_lock(options, LOCK, &job.lock, error);
    if (code == 0)
        code = work(&job, name, error);
    if (code == 0) {
        job.kernel.name = xstrdup(name);
        *out = job.kernel;
        job.kernel = (struct kernel){0};
    }
    if (job.lock >= 0)
        close(job.lock);
    kernel_free(&job.kernel);
    kernel_source_free(&job.source);
    buffer_free(&job.config);
    buffer_free(&job.toolchain);
    free(job.work);
    return code;
}
