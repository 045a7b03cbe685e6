/* Whatever a user calls a program or a kernel package a module. */
#include "base/base.h"
#include "initrd/elf_object.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void take(void *context, const char *value)
{
    size_t *total = context;

    *total += strlen(value);
}

static void check(const struct elf_object *object)
{
    size_t total = 0;

    for (size_t i = 0; i < object->needed_count; i++)
        take(&total, object->needed[i]);
    if (object->needed_count > ELF_NEEDED_MAX)
        abort();
    if (object->interpreter && object->interpreter[0] != '/')
        abort();
    elf_check_machine(object, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_fd int fd = memfd_create("fuzz", MFD_CLOEXEC);
    cleanup_free void *copy = xmalloc(size ? size : 1);
    struct elf_object object;
    size_t total = 0;

    if (fd < 0 || fs_write_all(fd, data, size, NULL) < 0)
        abort();
    if (elf_inspect(fd, &object, NULL) == 0) {
        check(&object);
        elf_object_free(&object);
    }
    memcpy(copy, data, size);
    elf_modinfo(copy, size, "depends", take, &total, NULL);
    if (total > size)
        abort();
    return 0;
}
