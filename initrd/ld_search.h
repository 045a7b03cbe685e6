/* Where the dynamic loader finds libraries (ld.so(8)). Internal to initrd/. */
#ifndef DUET_INITRD_LD_SEARCH_H
#define DUET_INITRD_LD_SEARCH_H

#include "base/buffer.h"
#include "initrd/elf_object.h"

#include <stddef.h>

struct initrd;

/* One object of a program that is being loaded. */
struct ld_object {
    char *name;         /* what it is known as: DT_SONAME, or the name it was asked for by */
    char *host_path;    /* for messages */
    char *host_origin;  /* the directory of the file itself, links followed */
    char *guest_origin; /* the directory where the guest's loader finds it */
    struct elf_object elf;
    size_t loader; /* index of the object that needed it; of the program: its own */
};

/* Directories of /etc/ld.so.conf and of what it includes, in order. */
struct ld_conf {
    char **directories;
    size_t count;
};

/* A missing file is an empty list. */
void ld_conf_read(const char *path, struct ld_conf *conf);
void ld_conf_free(struct ld_conf *conf);

/* A directory to look in. */
struct ld_directory {
    char *host, *guest; /* as the host's and as the guest's loader sees it */
};

struct ld_directories {
    struct ld_directory *list;
    size_t count;
};

/* Where `objects[of]` looks for what it needs, in order. */
void ld_directories_of(const struct ld_object *objects, size_t of, const struct ld_conf *conf,
                       struct ld_directories *out);
void ld_directories_free(struct ld_directories *directories);

/* A lexical "..": "/usr/bin/../lib" is "/usr/lib". `path` is absolute; the caller frees. */
char *ld_collapse(const char *path);

#endif
