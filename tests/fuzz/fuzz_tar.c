/* Headers of an archive from a guest: what is read of one is bounded, whatever it says. */
#include "runner/tar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Its checksum is made right in a second try: else hardly any input would get past it. */
static void check(unsigned char *block)
{
    struct tar_header header;
    struct error error;

    if (tar_header_read(block, &header, &error) < 0)
        return;
    if (strlen(header.name) > TAR_NAME_MAX || strlen(header.link) > TAR_LINK_MAX ||
        header.mode > 07777 || header.size > UINT64_C(1) << 53)
        abort();
    if ((header.type == TAR_SYMLINK || header.type == TAR_DIRECTORY || header.type == TAR_END) &&
        header.size > 0)
        abort();
}

static void sign(unsigned char *block)
{
    unsigned sum = 8 * ' ';

    for (int i = 0; i < TAR_BLOCK; i++)
        sum += i >= 148 && i < 156 ? 0 : block[i];
    for (int i = 0; i < 6; i++)
        block[148 + i] = (unsigned char)('0' + (sum >> 3 * (5 - i) & 7));
    block[154] = '\0';
    block[155] = ' ';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
        unsigned char block[TAR_BLOCK];

        memcpy(block, data + at, sizeof block);
        check(block);
        sign(block);
        check(block);
    }
    return 0;
}
