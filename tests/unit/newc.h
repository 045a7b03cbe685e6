/* Reads archives back: a newc reader of the tests' own, and an unpacker that does to a directory
 * what the kernel's init/initramfs.c does to the root file system. */
#ifndef DUET_TESTS_UNIT_NEWC_H
#define DUET_TESTS_UNIT_NEWC_H

#include "base/base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define NEWC_HELPER __attribute__((unused)) static

struct newc_entry {
    char *path;
    uint32_t inode, mode, uid, gid, links, mtime, size, device_major, device_minor;
    char *bytes; /* with a NUL behind */
    size_t archive;
};

struct newc {
    struct newc_entry *entries;
    size_t count;
    size_t archives; /* trailers seen */
};

NEWC_HELPER void newc_free(struct newc *newc)
{
    for (size_t i = 0; i < newc->count; i++) {
        free(newc->entries[i].path);
        free(newc->entries[i].bytes);
    }
    free(newc->entries);
    *newc = (struct newc){0};
}

/* Every member of a gzip file; false where it is damaged. */
NEWC_HELPER bool newc_gunzip(const char *path, struct buffer *out)
{
    struct buffer packed = {0};
    z_stream stream = {0};
    int status = Z_DATA_ERROR;

    if (fs_read(path, 1 << 30, &packed, NULL) < 0 || inflateInit2(&stream, 31) != Z_OK) {
        buffer_free(&packed);
        return false;
    }
    stream.next_in = (unsigned char *)packed.data;
    stream.avail_in = (unsigned int)packed.length;
    while (stream.avail_in > 0) {
        buffer_reserve(out, 1 << 16);
        stream.next_out = (unsigned char *)out->data + out->length;
        stream.avail_out = 1 << 16;
        status = inflate(&stream, Z_NO_FLUSH);
        out->length += (1 << 16) - stream.avail_out;
        if (status == Z_STREAM_END && stream.avail_in > 0)
            inflateReset(&stream);
        else if (status != Z_OK)
            break;
    }
    inflateEnd(&stream);
    buffer_free(&packed);
    return status == Z_STREAM_END;
}

NEWC_HELPER bool newc_hex(const char *at, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 8; i++) {
        const char *digit = strchr("0123456789ABCDEF", at[i]);

        if (!digit || !*digit)
            return false;
        *value = *value << 4 | (uint32_t)(digit - "0123456789ABCDEF");
    }
    return true;
}

/* One entry at `*at`; false where it is not one. */
NEWC_HELPER bool newc_one(const char *bytes, size_t count, size_t *at, struct newc_entry *entry)
{
    uint32_t field[13];
    size_t name_at = *at + 110, data_at;

    if (count < 110 || *at > count - 110 || memcmp(bytes + *at, "070701", 6) != 0)
        return false;
    for (int i = 0; i < 13; i++)
        if (!newc_hex(bytes + *at + 6 + 8 * i, &field[i]))
            return false;
    if (field[11] == 0 || field[11] > count - name_at || bytes[name_at + field[11] - 1] != '\0' ||
        strlen(bytes + name_at) != field[11] - 1)
        return false;
    data_at = (name_at + field[11] + 3) & ~(size_t)3;
    if (data_at > count || field[6] > count - data_at)
        return false;
    *entry = (struct newc_entry){.path = xstrdup(bytes + name_at),
                                 .inode = field[0],
                                 .mode = field[1],
                                 .uid = field[2],
                                 .gid = field[3],
                                 .links = field[4],
                                 .mtime = field[5],
                                 .size = field[6],
                                 .device_major = field[9],
                                 .device_minor = field[10],
                                 .bytes = xcalloc(1, field[6] + 1)};
    memcpy(entry->bytes, bytes + data_at, field[6]);
    *at = (data_at + field[6] + 3) & ~(size_t)3;
    return true;
}

NEWC_HELPER bool newc_parse(const char *bytes, size_t count, struct newc *newc)
{
    size_t at = 0;
    bool in_archive = false;

    while (at < count) {
        struct newc_entry entry;

        if (!newc_one(bytes, count, &at, &entry))
            return false;
        entry.archive = newc->archives;
        in_archive = strcmp(entry.path, "TRAILER!!!") != 0;
        if (in_archive) {
            newc->entries = xreallocarray(newc->entries, newc->count + 1, sizeof *newc->entries);
            newc->entries[newc->count++] = entry;
        } else {
            free(entry.path);
            free(entry.bytes);
            newc->archives++;
        }
    }
    return !in_archive;
}

NEWC_HELPER bool newc_load(const char *path, struct newc *newc)
{
    struct buffer bytes = {0};
    bool good = newc_gunzip(path, &bytes) && newc_parse(bytes.data, bytes.length, newc);

    buffer_free(&bytes);
    return good;
}

/* The last entry of this name, or NULL. */
NEWC_HELPER const struct newc_entry *newc_find(const struct newc *newc, const char *path)
{
    for (size_t i = newc->count; i > 0; i--)
        if (strcmp(newc->entries[i - 1].path, path) == 0)
            return &newc->entries[i - 1];
    return NULL;
}

/* init/initramfs.c, clean_path(): what is there and of another type goes. */
NEWC_HELPER void newc_clean(int root, const char *path, mode_t type)
{
    struct stat info;

    if (fstatat(root, path, &info, AT_SYMLINK_NOFOLLOW) == 0 && (info.st_mode & S_IFMT) != type)
        unlinkat(root, path, S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0);
}

NEWC_HELPER bool newc_unpack_one(int root, const struct newc_entry *entry)
{
    const char *path = entry->path;
    mode_t type = entry->mode & S_IFMT;
    int fd;
    bool good;

    newc_clean(root, path, S_ISLNK(type) ? 0 : type);
    if (S_ISDIR(type))
        return (mkdirat(root, path, 0755) == 0 || errno == EEXIST) &&
               fchmodat(root, path, entry->mode & 07777, 0) == 0;
    if (S_ISLNK(type))
        return symlinkat(entry->bytes, root, path) == 0;
    if (!S_ISREG(type))
        return true; /* needs root */
    fd = openat(root, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    good = fd >= 0 && fs_write_all(fd, entry->bytes, entry->size, NULL) == 0 &&
           fchmod(fd, entry->mode & 07777) == 0;
    if (fd >= 0)
        close(fd);
    return good;
}

/* Unpacks a gzip file of one or more archives into the directory `root`. */
NEWC_HELPER bool newc_unpack(const char *path, const char *root)
{
    struct newc newc = {0};
    int fd = open(root, O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && newc_load(path, &newc);

    for (size_t i = 0; good && i < newc.count; i++)
        good = newc_unpack_one(fd, &newc.entries[i]);
    if (fd >= 0)
        close(fd);
    newc_free(&newc);
    return good;
}

#endif
