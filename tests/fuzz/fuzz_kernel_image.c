/* Whatever a user, a package or a server calls a kernel. */
#include "kernel/image.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_image image;
    char release[KERNEL_RELEASE_SIZE];
    struct error error;

    if (kernel_image_parse(data, size, size, &image, &error) == 0) {
        /* A release becomes part of a path. */
        if (strchr(image.release, '/') || image.release[0] == '.')
            abort();
        if (image.notes_size > 0 &&
            (image.notes_offset > size || image.notes_size > size - image.notes_offset))
            abort();
        kernel_notes_have_pvh(data + image.notes_offset, image.notes_size);
    }
    kernel_notes_have_pvh(data, size);
    if (kernel_release_parse((const char *)data, size, release) &&
        (strchr(release, '/') || release[0] == '.'))
        abort();
    return 0;
}
