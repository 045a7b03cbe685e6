#include "initrd/layout.h"

#include "base/memory.h"
#include "initrd/archive.h"

#include <string.h>

static const struct {
    const char *path, *target;
} links[] = {
    {"bin", "usr/bin"},   {"lib", "usr/lib"},          {"lib64", "usr/lib64"},
    {"sbin", "usr/sbin"}, {"var/lock", "../run/lock"}, {"var/run", "../run"},
};

static const struct {
    const char *path;
    mode_t mode;
} directories[] = {
    {"dev", 0755},       {"etc", 0755},       {"etc/duet", 0755},      {"home", 0755},
    {"mnt", 0755},       {"opt", 0755},       {"proc", 0755},          {"root", 0700},
    {"run", 0755},       {"run/lock", 01777}, {"srv", 0755},           {"sys", 0755},
    {"tmp", 01777},      {"usr", 0755},       {"usr/bin", 0755},       {"usr/lib", 0755},
    {"usr/lib64", 0755}, {"usr/local", 0755}, {"usr/local/bin", 0755}, {"usr/local/sbin", 0755},
    {"usr/sbin", 0755},  {"usr/share", 0755}, {"var", 0755},           {"var/cache", 0755},
    {"var/lib", 0755},   {"var/log", 0755},   {"var/tmp", 01777},
};

const char *layout_link(const char *path)
{
    for (size_t i = 0; i < array_size(links); i++)
        if (strcmp(links[i].path, path) == 0)
            return links[i].target;
    return NULL;
}

mode_t layout_mode(const char *path)
{
    for (size_t i = 0; i < array_size(directories); i++)
        if (strcmp(directories[i].path, path) == 0)
            return directories[i].mode;
    return 0755;
}

void layout_add(struct initrd *initrd)
{
    for (size_t i = 0; i < array_size(directories); i++)
        if (!archive_find(initrd, directories[i].path))
            archive_insert_raw(initrd, directories[i].path,
                               (struct entry){.mode = S_IFDIR | directories[i].mode,
                                              .origin = xstrdup("the base layer's directory")});
    for (size_t i = 0; i < array_size(links); i++)
        archive_insert_raw(initrd, links[i].path,
                           (struct entry){.mode = S_IFLNK | 0777,
                                          .bytes = xstrdup(links[i].target),
                                          .size = strlen(links[i].target),
                                          .origin = xstrdup("the base layer's link")});
}
