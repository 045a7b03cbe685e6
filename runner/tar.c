#include "runner/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where the fields are, and how long. */
enum {
    NAME = 0,
    NAME_SIZE = 100,
    MODE = 100,
    MODE_SIZE = 8,
    SIZE = 124,
    SIZE_SIZE = 12,
    CHECKSUM = 148,
    CHECKSUM_SIZE = 8,
    TYPE = 156,
    LINK = 157,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_SIZE = 155,
};

#define SIZE_LIMIT (UINT64_C(1) << 53)

/* Octal digits, with blanks or NUL around them. */
static bool read_octal(const unsigned char *field, size_t size, uint64_t *value)
{
    size_t at = 0;

    *value = 0;
    while (at < size && field[at] == ' ')
        at++;
    for (; at < size && field[at] >= '0' && field[at] <= '7'; at++)
        *value = *value << 3 | (uint64_t)(field[at] - '0');
    while (at < size && (field[at] == ' ' || field[at] == '\0'))
        at++;
    return at == size;
}

/* GNU's large numbers: the first bit is set, and the rest is one number, big-endian. */
static bool read_number(const unsigned char *field, size_t size, uint64_t *value)
{
    if (field[0] != 0x80)
        return read_octal(field, size, value);
    *value = 0;
    for (size_t i = 1; i < size; i++) {
        if (*value >= SIZE_LIMIT)
            return false;
        *value = *value << 8 | field[i];
    }
    return true;
}

/* Of the checksum's own bytes, each counts as a blank. */
static bool has_checksum(const unsigned char *block)
{
    uint64_t expected, sum = 0;

    for (int i = 0; i < TAR_BLOCK; i++)
        sum += i >= CHECKSUM && i < CHECKSUM + CHECKSUM_SIZE ? ' ' : block[i];
    return read_octal(block + CHECKSUM, CHECKSUM_SIZE, &expected) && sum == expected;
}

static bool is_empty(const unsigned char *block)
{
    for (int i = 0; i < TAR_BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

static int read_type(unsigned char flag, enum tar_type *type, struct error *error)
{
    static const struct {
        char flag;
        enum tar_type type;
    } types[] = {{'0', TAR_FILE},      {'\0', TAR_FILE},     {'7', TAR_FILE},
                 {'1', TAR_HARD_LINK}, {'2', TAR_SYMLINK},   {'3', TAR_SPECIAL},
                 {'4', TAR_SPECIAL},   {'5', TAR_DIRECTORY}, {'6', TAR_SPECIAL},
                 {'L', TAR_LONG_NAME}, {'K', TAR_LONG_LINK}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if ((unsigned char)types[i].flag == flag) {
            *type = types[i].type;
            return 0;
        }
    return error_set(error, ENOTSUP, "the archive has an entry of type 0x%02x, which is not known",
                     flag);
}

/* In GNU's format, other things are where ustar has its prefix. */
static void read_name(const unsigned char *block, struct tar_header *header)
{
    bool ustar = memcmp(block + MAGIC, "ustar", 6) == 0;
    size_t length = strnlen((const char *)block + PREFIX, PREFIX_SIZE);

    if (!ustar || length == 0)
        snprintf(header->name, sizeof header->name, "%.*s", NAME_SIZE, (const char *)block + NAME);
    else
        snprintf(header->name, sizeof header->name, "%.*s/%.*s", (int)length,
                 (const char *)block + PREFIX, NAME_SIZE, (const char *)block + NAME);
}

static bool has_bytes(enum tar_type type)
{
    return type == TAR_FILE || type == TAR_LONG_NAME || type == TAR_LONG_LINK;
}

int tar_header_read(const unsigned char block[TAR_BLOCK], struct tar_header *header,
                    struct error *error)
{
    struct tar_header read = {.type = TAR_END};
    uint64_t mode;
    int code;

    if (is_empty(block)) {
        *header = read;
        return 0;
    }
    if (!has_checksum(block))
        return error_set(error, EBADMSG, "it is no tar archive, or a damaged one");
    code = read_type(block[TYPE], &read.type, error);
    if (code < 0)
        return code;
    if (!read_number(block + SIZE, SIZE_SIZE, &read.size) || read.size > SIZE_LIMIT ||
        !read_octal(block + MODE, MODE_SIZE, &mode))
        return error_set(error, EBADMSG, "the archive has an entry without a size or mode");
    if (!has_bytes(read.type))
        read.size = 0;
    read.mode = (unsigned)(mode & 07777);
    read_name(block, &read);
    snprintf(read.link, sizeof read.link, "%.*s", TAR_LINK_MAX, (const char *)block + LINK);
    *header = read;
    return 0;
}
