/* The running kernel and its modules, where they lie. */
#include "kernel/provider.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static int unreadable(const char *image, struct error *error)
{
    return error_set(error, EACCES,
                     "the running kernel's image %s cannot be read: Permission denied. "
                     "`sudo chmod a+r %s` mends it until the next update; or use another kernel "
                     "(--kernel debian, a path, or a URL)",
                     image, image);
}

static int missing(const char *release, struct error *error)
{
    return error_set(error, ENOENT,
                     "the running kernel %s has no image in /boot or /lib/modules, as is usual in "
                     "containers and in cloud microVMs: use another kernel (--kernel debian, a "
                     "path, or a URL)",
                     release);
}

int kernel_host_get(const struct kernel_options *options, struct kernel *out, struct error *error)
{
    /* Debian, Ubuntu; Fedora, Arch; both after the /usr merge. */
    static const char *const places[] = {"%s/boot/vmlinuz-%s", "%s/lib/modules/%s/vmlinuz",
                                         "%s/usr/lib/modules/%s/vmlinuz"};
    const char *root = options->host_root ? options->host_root : "";
    const char *release = options->host_release;
    struct utsname name;

    if (!release && uname(&name) < 0)
        return error_errno(error, "cannot ask for the running kernel");
    if (!release)
        release = name.release;
    for (size_t i = 0; i < array_size(places); i++) {
        cleanup_buffer struct buffer image = {0};

        for (const char *at = places[i], *value = root; *at; at++) {
            if (at[0] == '%') {
                buffer_append_text(&image, value);
                value = release;
                at++;
            } else {
                buffer_append(&image, at, 1);
            }
        }
        if (access(image.data, R_OK) == 0)
            return kernel_from_image(image.data, root[0] ? root : "/", out, error);
        if (errno == EACCES)
            return unreadable(image.data, error);
    }
    return missing(release, error);
}
