/* One file over HTTP, resumed where it was cut. Internal to kernel/. */
#ifndef DUET_KERNEL_DOWNLOAD_H
#define DUET_KERNEL_DOWNLOAD_H

#include "kernel/kernel.h"

#include <stdbool.h>

struct kernel_download {
    const char *url;    /* without fragment */
    const char *digest; /* the SHA-256 that the file must have */
    const char *path;   /* where it goes; what is there already is taken as its beginning */
    bool plain;         /* http, to this machine, without a proxy; else https */
};

/* Fetches the file. Afterwards `path` is whole and has the digest, or (after an error of the
 * network, or ECANCELED) is a part that the next call goes on from, or is not there. A file that
 * was put together from parts and has the wrong digest is fetched once more, from its beginning.
 * Redirects are followed to https alone. Errors: EBADMSG (the wrong digest), ENOENT (404, 410),
 * EIO, ENOSPC, EFBIG, EDQUOT, ECANCELED. */
int kernel_download(const struct kernel_options *options, const struct kernel_download *download,
                    struct error *error);

#endif
