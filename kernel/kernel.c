#include "kernel/kernel.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/image.h"
#include "kernel/provider.h"

#include <errno.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 4 << 20 }; /* bytes of a configuration; Debian's has 0.3 MB */

void kernel_progress(const struct kernel_options *options, uint64_t done, uint64_t total,
                     const char *format, ...)
{
    char what[ERROR_MESSAGE_MAX];
    va_list args;

    if (!options->progress)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    options->progress(options->progress_context, what, done, total);
}

bool kernel_cancelled(const struct kernel_options *options)
{
    return options->cancel && atomic_load(options->cancel);
}

int kernel_cancel_error(struct error *error)
{
    return error_set(error, ECANCELED, "getting the kernel was cancelled");
}

/* A configuration that is not to be had is one with ACPI, as all of distributions have. */
static bool lacks_acpi(const char *image, const char *release)
{
    cleanup_free char *real = NULL;

    if (fs_realpath(image, &real, NULL) < 0)
        return false;
    *strrchr(real, '/') = '\0';
    for (int i = 0; i < 2; i++) {
        cleanup_free char *path =
            xasprintf("%s/config%s%s", real, i ? "-" : "", i && release ? release : "");
        cleanup_buffer struct buffer text = {0};

        if (fs_read(path, CONFIG_MAX, &text, NULL) == 0 && text.length > 0 &&
            strstr(text.data, "\nCONFIG_X86"))
            return !strstr(text.data, "\nCONFIG_ACPI=y");
    }
    return false;
}

int kernel_from_image(const char *image, const char *module_root, struct kernel *out,
                      struct error *error)
{
    struct kernel_image found;
    struct kernel kernel = {0};
    int code = kernel_image_read(image, &found, error);

    if (code == 0 && found.kind == KERNEL_IMAGE_DEB)
        code = error_set(error, EINVAL, "%s is a Debian package, not a kernel image", image);
    if (code == 0)
        code = digest_file(image, kernel.digest, error);
    if (code == 0)
        code = fs_realpath(image, &kernel.image, error);
    if (code < 0)
        return code;
    if (found.release[0])
        kernel.release = xstrdup(found.release);
    kernel.no_acpi = lacks_acpi(image, kernel.release);
    if (kernel.release && module_root) {
        cleanup_free char *modules = xasprintf("%s/lib/modules/%s", module_root, kernel.release);

        if (fs_exists(modules))
            code = fs_realpath(module_root, &kernel.module_root, error);
    }
    if (code < 0) {
        kernel_free(&kernel);
        return code;
    }
    *out = kernel;
    return 0;
}

static int several(const char *directory, const glob_t *found, struct error *error)
{
    cleanup_buffer struct buffer names = {0};

    for (size_t i = 0; i < found->gl_pathc && i < 5; i++)
        buffer_printf(&names, "%s%s", i ? ", " : "", found->gl_pathv[i]);
    return error_set(error, EINVAL, "%s has %zu kernels: say which (%s%s)", directory,
                     found->gl_pathc, names.data, found->gl_pathc > 5 ? ", …" : "");
}

int kernel_find_image(const char *directory, char **path, struct error *error)
{
    static const char *const patterns[] = {"boot/vmlinuz-*", "vmlinuz-*", "vmlinuz", "image"};

    for (size_t i = 0; i < array_size(patterns); i++) {
        glob_t found;
        int code = 0;
        cleanup_buffer struct buffer pattern = {0};

        for (const char *c = directory; *c; c++)
            buffer_printf(&pattern, strchr("*?[\\", *c) ? "\\%c" : "%c", *c);
        buffer_printf(&pattern, "/%s", patterns[i]);
        if (glob(pattern.data, GLOB_NOSORT, NULL, &found) != 0)
            continue;
        if (found.gl_pathc > 1)
            code = several(directory, &found, error);
        else
            *path = xstrdup(found.gl_pathv[0]);
        globfree(&found);
        return code;
    }
    return error_set(error, ENOENT,
                     "%s is a directory without boot/vmlinuz-*, vmlinuz-* or image in it",
                     directory);
}

static int dispatch(const char *spec, const struct kernel_options *options, struct kernel *out,
                    struct error *error)
{
    if (strcmp(spec, "debian") == 0)
        return kernel_debian_get(options, out, error);
    if (strcmp(spec, "host") == 0)
        return kernel_host_get(options, out, error);
    if (strcmp(spec, KERNEL_SMALL) == 0 || kernel_is_named(spec, options))
        return kernel_named_get(spec, options, out, error);
    if (strstr(spec, "://"))
        return kernel_url_get(spec, options, out, error);
    if (!spec[0] || (!strchr(spec, '/') && !fs_exists(spec)))
        return error_set(error, ENOENT,
                         "there is no kernel \"%s\": expected debian, host, small, a name that "
                         "`duet kernel list` shows, the path of a bzImage, vmlinux, .deb or "
                         "directory, or https://…#sha256=HEX",
                         spec);
    return kernel_path_get(spec, options, out, error);
}

int kernel_get(const char *spec, const struct kernel_options *options, struct kernel *out,
               struct error *error)
{
    struct kernel kernel = {0};
    struct error unread;
    int code = dispatch(spec, options, &kernel, error ? error : &unread);

    if (code < 0)
        return code;
    kernel.name = xstrdup(spec);
    *out = kernel;
    return 0;
}

void kernel_free(struct kernel *kernel)
{
    if (!kernel)
        return;
    free(kernel->name);
    free(kernel->image);
    free(kernel->release);
    free(kernel->module_root);
    *kernel = (struct kernel){0};
}
