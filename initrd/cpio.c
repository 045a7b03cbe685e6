/* The newc format, as Documentation/driver-api/early-userspace/buffer-format.rst has it. */
#include "base/memory.h"
#include "initrd/archive.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

enum { HEADER_BYTES = 110, ALIGNMENT = 4 };

static const char padding[ALIGNMENT];

static int pad(uint64_t written, archive_sink sink, void *context, struct error *error)
{
    size_t over = written % ALIGNMENT;

    return over ? sink(context, padding, ALIGNMENT - over, error) : 0;
}

static int put_header(const struct entry *entry, uint32_t inode, archive_sink sink, void *context,
                      struct error *error)
{
    size_t name_size = strlen(entry->path) + 1;
    char header[HEADER_BYTES + 1];
    int code;

    snprintf(header, sizeof header, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             inode, entry->mode, 0u, 0u,     /* inode, mode, uid, gid */
             S_ISDIR(entry->mode) ? 2u : 1u, /* links */
             0u, (unsigned int)entry->size,  /* mtime, file size */
             0u, 0u,                         /* device that holds it */
             major(entry->device), minor(entry->device), (unsigned int)name_size,
             0u); /* checksum, of another format */
    code = sink(context, header, HEADER_BYTES, error);
    if (code == 0)
        code = sink(context, entry->path, name_size, error);
    return code < 0 ? code : pad(HEADER_BYTES + name_size, sink, context, error);
}

int cpio_stream(const struct initrd *initrd, archive_sink sink, void *context, struct error *error)
{
    const struct entry trailer = {.path = (char *)"TRAILER!!!"};
    uint32_t inode = 0;
    int code = 0;

    for (size_t i = 0; i < initrd->count; i++) {
        const struct entry *entry = initrd->entries[i];

        code = put_header(entry, ++inode, sink, context, error);
        if (code == 0)
            code = archive_read(entry, sink, context, error);
        if (code == 0)
            code = pad(entry->size, sink, context, error);
        if (code < 0)
            return code;
    }
    return put_header(&trailer, 0, sink, context, error);
}
