#include "base/digest.h"

#include "base/memory.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct digest {
    EVP_MD_CTX *context;
};

struct digest *digest_new(void)
{
    struct digest *digest = xcalloc(1, sizeof *digest);

    digest->context = EVP_MD_CTX_new();
    if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1) {
        fputs("duet: libcrypto has no SHA-256\n", stderr);
        _exit(3);
    }
    return digest;
}

void digest_update(struct digest *digest, const void *bytes, size_t count)
{
    EVP_DigestUpdate(digest->context, bytes, count);
}

void digest_update_field(struct digest *digest, const char *text)
{
    uint64_t length = strlen(text);

    digest_update(digest, &length, sizeof length);
    digest_update(digest, text, length);
}

void digest_finish(struct digest *digest, char hex[static DIGEST_HEX_SIZE])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int length = 0;

    EVP_DigestFinal_ex(digest->context, raw, &length);
    for (size_t i = 0; i < length; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
    digest_free(digest);
}

void digest_free(struct digest *digest)
{
    if (!digest)
        return;
    EVP_MD_CTX_free(digest->context);
    free(digest);
}

void digest_bytes(const void *bytes, size_t count, char hex[static DIGEST_HEX_SIZE])
{
    struct digest *digest = digest_new();

    digest_update(digest, bytes, count);
    digest_finish(digest, hex);
}

int digest_file(const char *path, char hex[static DIGEST_HEX_SIZE], struct error *error)
{
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);
    cleanup_free char *chunk = xmalloc(1 << 16);
    struct digest *digest;
    ssize_t n;

    if (fd < 0)
        return error_errno(error, "cannot open %s", path);
    digest = digest_new();
    while ((n = read(fd, chunk, 1 << 16)) > 0)
        digest_update(digest, chunk, (size_t)n);
    if (n < 0) {
        digest_free(digest);
        return error_errno(error, "cannot read %s", path);
    }
    digest_finish(digest, hex);
    return 0;
}
