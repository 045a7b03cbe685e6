#include "initrd/init/files.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 8192 };

int files_read(const char *path, struct buffer *out, struct error *error)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t start = out->length;
    ssize_t n;

    if (fd < 0)
        return error_errno(error, "cannot open %s", path);
    do {
        buffer_reserve(out, READ_SIZE);
        n = read(fd, out->data + out->length, READ_SIZE);
        if (n < 0)
            return error_errno(error, "cannot read %s", path);
        out->length += (size_t)n;
        out->data[out->length] = '\0';
    } while (n > 0 && out->length - start <= FILES_MAX);
    if (n > 0)
        return error_set(error, EFBIG, "%s has more than %d bytes", path, FILES_MAX);
    return 0;
}

int files_set(const char *path, const char *text, struct error *error)
{
    cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return error_errno(error, "cannot open %s", path);
    if (write(fd, text, strlen(text)) < 0)
        return error_errno(error, "cannot write \"%s\" to %s", text, path);
    return 0;
}
