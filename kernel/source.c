#include "kernel/source.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/command.h"
#include "kernel/provider.h"
#include "kernel/store.h"

#include <errno.h>
#include <glob.h>
#include <string.h>
#include <unistd.h>

#define META   "linux-source"
#define FAMILY "linux-source-"

static bool is_debian(const char *spec)
{
    return !spec || strcmp(spec, "debian") == 0;
}

void kernel_source_free(struct kernel_source *source)
{
    kernel_package_free(&source->package);
    free(source->label);
    *source = (struct kernel_source){0};
}

static int find_package(const struct kernel_options *options, bool own_lists,
                        struct kernel_source *source, struct error *error)
{
    struct kernel_package package = {0};
    int code;

    kernel_progress(options, 0, 0, "asking apt for the newest " META);
    code = kernel_apt_find(options, own_lists, META, FAMILY, &package, error);
    if (code < 0)
        return code;
    *source = (struct kernel_source){.label = xasprintf("%s %s", package.name, package.version),
                                     .package = package,
                                     .own_lists = own_lists};
    memcpy(source->digest, package.digest, DIGEST_HEX_SIZE);
    return 0;
}

/* Fills in what a URL says of its archive. */
static int read_spec(const char *spec, char digest[static DIGEST_HEX_SIZE], struct error *error)
{
    if (!strstr(spec, "://"))
        return error_set(error, EINVAL,
                         "there is no source \"%s\": expected debian, or https://…#sha256=HEX of a "
                         "tar archive of Linux",
                         spec);
    return kernel_url_digest(spec, digest, error);
}

int kernel_source_check(const char *spec, struct error *error)
{
    char digest[DIGEST_HEX_SIZE];

    return is_debian(spec) ? 0 : read_spec(spec, digest, error);
}

int kernel_source_find(const struct kernel_options *options, const char *spec, bool own_lists,
                       struct kernel_source *source, struct error *error)
{
    struct kernel_source found = {0};
    int code;

    if (is_debian(spec))
        return find_package(options, own_lists, source, error);
    code = read_spec(spec, found.digest, error);
    if (code < 0)
        return code;
    found.label = xstrdup(spec);
    *source = found;
    return 0;
}

bool kernel_source_is_stale(const char *spec, int code)
{
    return is_debian(spec) && (code == -ENOENT || code == -EIO || code == -EBADMSG);
}

static int extract(const struct kernel_options *options, int lock, const char *const argv[],
                   const char *label, struct error *error)
{
    struct kernel_command command = {.argv = argv, .inherit = &lock, .group = true};
    int code;

    code = kernel_command_run(options, &command, error);
    return code < 0 && code != -ECANCELED ? error_context(error, "cannot unpack %s", label) : code;
}

/* The archive inside the package: usr/src/linux-source-6.1.tar.xz. */
static int find_archive(const char *directory, const char *label, char **archive,
                        struct error *error)
{
    cleanup_free char *pattern = xasprintf("%s/usr/src/" FAMILY "*.tar*", directory);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return error_set(error, EINVAL, "%s has no usr/src/" FAMILY "*.tar* in it", label);
    *archive = xstrdup(found.gl_pathv[0]);
    globfree(&found);
    return 0;
}

static int fetch_package(const struct kernel_options *options, const struct kernel_source *source,
                         int lock, const char *work, char **archive, struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/package", work);
    cleanup_free char *package = NULL;
    int code = fs_mkdirs(directory, 0755, error);

    if (code < 0)
        return code;
    kernel_progress(options, 0, source->package.size, "downloading %s", source->package.name);
    code = kernel_apt_download(options, source->own_lists, &source->package, work, &package, error);
    if (code == 0)
        code = extract(options, lock,
                       (const char *const[]){"dpkg-deb", "--extract", package, directory, NULL},
                       source->label, error);
    if (code == 0)
        unlink(package);
    return code < 0 ? code : find_archive(directory, source->label, archive, error);
}

static int fetch_url(const struct kernel_options *options, const struct kernel_source *source,
                     char **archive, struct error *error)
{
    cleanup_free char *part = kernel_store_work(options, source->digest, ".partial");
    cleanup_fd int lock = -1;
    int code = kernel_store_lock(options, source->digest, &lock, error);

    if (code == 0)
        code = kernel_url_fetch(source->label, options, part, error);
    if (code == 0)
        *archive = steal_pointer(&part);
    return code;
}

/* What was fetched of a URL lies beside the workspace, so that a download that was cut goes on. */
static int fetch(const struct kernel_options *options, const struct kernel_source *source, int lock,
                 const char *work, char **archive, struct error *error)
{
    if (source->package.name)
        return fetch_package(options, source, lock, work, archive, error);
    return fetch_url(options, source, archive, error);
}

int kernel_source_unpack(const struct kernel_options *options, const struct kernel_source *source,
                         int lock, const char *work, struct error *error)
{
    cleanup_free char *tree = xasprintf("%s/linux", work);
    cleanup_free char *kconfig = xasprintf("%s/linux/Kconfig", work);
    cleanup_free char *archive = NULL;
    int code = fs_mkdirs(tree, 0755, error);

    if (code == 0)
        code = fetch(options, source, lock, work, &archive, error);
    if (code < 0)
        return code;
    kernel_progress(options, 0, 0, "unpacking %s", source->label);
    code = extract(options, lock,
                   (const char *const[]){"tar", "--extract", "--file", archive, "--directory", tree,
                                         "--strip-components=1", "--no-same-owner", NULL},
                   source->label, error);
    unlink(archive);
    if (code == 0 && !fs_exists(kconfig))
        code = error_set(error, EINVAL, "%s is not Linux's source: it has no Kconfig in it",
                         source->label);
    return code;
}
