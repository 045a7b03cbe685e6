/* Headers of tar archives as busybox and GNU tar write them: POSIX.1-1988's ustar, with GNU's long
 * names and large numbers. Pure; nothing that an archive says is believed. */
#ifndef DUET_RUNNER_TAR_H
#define DUET_RUNNER_TAR_H

#include "base/error.h"

#include <stdint.h>

enum { TAR_BLOCK = 512, TAR_NAME_MAX = 256, TAR_LINK_MAX = 100 };

enum tar_type {
    TAR_FILE,
    TAR_DIRECTORY,
    TAR_SYMLINK,
    TAR_HARD_LINK,
    TAR_SPECIAL,   /* a device, a pipe */
    TAR_LONG_NAME, /* what follows is the name of the next */
    TAR_LONG_LINK, /* likewise, where its link leads to */
    TAR_END,
};

struct tar_header {
    enum tar_type type;
    char name[TAR_NAME_MAX + 1];
    char link[TAR_LINK_MAX + 1];
    unsigned mode; /* permissions: 0 to 07777 */
    uint64_t size; /* bytes that follow, padded to whole blocks; 0 of links and directories */
};

/* EBADMSG for what is no header, ENOTSUP for one of a kind that these programs do not write unless
 * they are asked to (pax, sparse). */
int tar_header_read(const unsigned char block[TAR_BLOCK], struct tar_header *header,
                    struct error *error);

#endif
