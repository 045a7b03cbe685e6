/* A kernel the user has: an image, a package, or a tree with boot/ and lib/modules/. */
#include "kernel/provider.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/image.h"
#include "kernel/store.h"

#include <errno.h>
#include <libgen.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An image in TREE/boot belongs to TREE/lib/modules; one in TREE itself likewise. */
static int from_file(const char *image, struct kernel *out, struct error *error)
{
    cleanup_free char *real = NULL;
    cleanup_free char *above = NULL;
    struct kernel kernel = {0};
    char *directory;
    int code = fs_realpath(image, &real, error);

    if (code < 0)
        return code;
    directory = dirname(real);
    code = kernel_from_image(image, directory, &kernel, error);
    if (code == 0 && !kernel.module_root) {
        kernel_free(&kernel);
        above = xasprintf("%s/..", directory);
        code = kernel_from_image(image, above, &kernel, error);
    }
    if (code == 0)
        *out = kernel;
    return code;
}

static int from_package(const char *path, const struct kernel_options *options, struct kernel *out,
                        struct error *error)
{
    char digest[DIGEST_HEX_SIZE];
    cleanup_fd int lock = -1;
    int code = digest_file(path, digest, error);

    if (code < 0)
        return code;
    if (kernel_store_get(options, digest, out))
        return 0;
    code = kernel_store_lock(options, digest, &lock, error);
    if (code < 0)
        return code;
    return kernel_store_get(options, digest, out)
               ? 0
               : kernel_store_install(options, digest, lock, path, path, out, error);
}

int kernel_path_get(const char *path, const struct kernel_options *options, struct kernel *out,
                    struct error *error)
{
    cleanup_free char *image = NULL;
    struct kernel_image found;
    struct stat info;
    int code;

    if (stat(path, &info) < 0)
        return error_errno(error, "cannot use the kernel %s", path);
    if (S_ISDIR(info.st_mode)) {
        code = kernel_find_image(path, &image, error);
        return code < 0 ? code : from_file(image, out, error);
    }
    code = kernel_image_read(path, &found, error);
    if (code < 0)
        return code;
    if (found.kind == KERNEL_IMAGE_DEB)
        return from_package(path, options, out, error);
    return from_file(path, out, error);
}
