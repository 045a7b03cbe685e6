#include "vm/kernel_head.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SECTOR = 512,
    SETUP_SECTS = 0x1f1,
    SETUP_SECTS_DEFAULT = 4, /* what 0 stands for */
    MAGIC = 0x202,
    HEADER_END = MAGIC + 4,
    HEAD_MAX = (1 + UINT8_MAX + 1) * SECTOR,
};

/* Boot sector, setup code, and a sector in place of all the rest, or 0 for no bzImage. */
static size_t head_size(const uint8_t *image, size_t size)
{
    size_t sectors;

    if (size < HEADER_END || memcmp(image + MAGIC, "HdrS", 4) != 0)
        return 0;
    sectors = image[SETUP_SECTS] ? image[SETUP_SECTS] : SETUP_SECTS_DEFAULT;
    return (1 + sectors + 1) * SECTOR;
}

int kernel_head_open(const char *kernel, int *fd, struct error *error)
{
    uint8_t image[HEAD_MAX];
    cleanup_fd int from = open(kernel, O_RDONLY | O_CLOEXEC);
    cleanup_fd int to = -1;
    ssize_t read_size = from < 0 ? -1 : pread(from, image, sizeof image, 0);
    size_t size;

    *fd = -1;
    if (read_size < 0)
        return error_errno(error, "cannot read %s", kernel);
    size = head_size(image, (size_t)read_size);
    if (size == 0 || size > (size_t)read_size)
        return 0;
    to = memfd_create("duet-kernel", MFD_CLOEXEC);
    if (to < 0 || write(to, image, size) != (ssize_t)size)
        return error_errno(error, "cannot make a file in memory (memfd_create)");
    *fd = steal_fd(&to);
    return 0;
}
