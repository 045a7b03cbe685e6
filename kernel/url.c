/* A kernel from the web, which must be the one that its SHA-256 says. */
#include "kernel/provider.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/download.h"
#include "kernel/store.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

struct address {
    char *url; /* without fragment */
    char digest[DIGEST_HEX_SIZE];
    bool plain;
};

static int parse_digest(const char *url, const char *fragment, char digest[static DIGEST_HEX_SIZE],
                        struct error *error)
{
    static const char name[] = "sha256=";
    const char *hex = fragment && strncmp(fragment, name, sizeof name - 1) == 0
                          ? fragment + sizeof name - 1
                          : NULL;

    if (!hex)
        return error_set(error, EINVAL,
                         "%s must end with #sha256=HEX, the SHA-256 of the file. Where its "
                         "publisher names none: `curl -fL '%.*s' | sha256sum`",
                         url, (int)strcspn(url, "#"), url);
    if (strlen(hex) != DIGEST_HEX_SIZE - 1 || strspn(hex, "0123456789abcdefABCDEF") != strlen(hex))
        return error_set(error, EINVAL,
                         "the sha256 in %s is %zu characters; expected 64 hexadecimal digits", url,
                         strlen(hex));
    for (size_t i = 0; i < DIGEST_HEX_SIZE; i++)
        digest[i] = (char)tolower((unsigned char)hex[i]);
    return 0;
}

static bool is_this_machine(const char *host)
{
    return host && (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "localhost") == 0 ||
                    strcmp(host, "[::1]") == 0);
}

static int check_scheme(CURLU *parts, const char *url, bool *plain, struct error *error)
{
    char *scheme = NULL;
    char *host = NULL;
    int code = 0;

    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    curl_url_get(parts, CURLUPART_HOST, &host, 0);
    *plain = scheme && strcmp(scheme, "http") == 0 && is_this_machine(host);
    if (!*plain && (!scheme || strcmp(scheme, "https") != 0))
        code = error_set(error, EINVAL, "%s: kernels are fetched over https only, not %s", url,
                         scheme ? scheme : "this");
    curl_free(scheme);
    curl_free(host);
    return code;
}

static int parse(const char *url, struct address *out, struct error *error)
{
    struct address address = {0};
    CURLU *parts = curl_url();
    char *fragment = NULL;
    char *bare = NULL;
    CURLUcode result = curl_url_set(parts, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME);
    int code;

    if (result != CURLUE_OK) {
        code = error_set(error, EINVAL, "%s is not a URL: %s", url, curl_url_strerror(result));
    } else {
        curl_url_get(parts, CURLUPART_FRAGMENT, &fragment, 0);
        code = check_scheme(parts, url, &address.plain, error);
        if (code == 0)
            code = parse_digest(url, fragment, address.digest, error);
        curl_url_set(parts, CURLUPART_FRAGMENT, NULL, 0);
        if (code == 0 && curl_url_get(parts, CURLUPART_URL, &bare, 0) != CURLUE_OK)
            code = error_set(error, EINVAL, "%s is not a URL that can be fetched", url);
    }
    if (code == 0) {
        address.url = xstrdup(bare);
        *out = address;
    }
    curl_free(fragment);
    curl_free(bare);
    curl_url_cleanup(parts);
    return code;
}

int kernel_url_digest(const char *url, char digest[static DIGEST_HEX_SIZE], struct error *error)
{
    struct address address = {0};
    int code = parse(url, &address, error);

    if (code < 0)
        return code;
    memcpy(digest, address.digest, DIGEST_HEX_SIZE);
    free(address.url);
    return 0;
}

static int fetch_to(const struct kernel_options *options, const struct address *address,
                    const char *path, struct error *error)
{
    const struct kernel_download download = {
        .url = address->url, .digest = address->digest, .path = path, .plain = address->plain};

    return kernel_download(options, &download, error);
}

int kernel_url_fetch(const char *url, const struct kernel_options *options, const char *path,
                     struct error *error)
{
    struct address address = {0};
    int code = parse(url, &address, error);

    if (code < 0)
        return code;
    code = fetch_to(options, &address, path, error);
    free(address.url);
    return code;
}

static int fetch(const struct kernel_options *options, const struct address *address, int lock,
                 struct kernel *out, struct error *error)
{
    cleanup_free char *part = kernel_store_work(options, address->digest, ".partial");
    int code = fetch_to(options, address, part, error);

    if (code < 0)
        return code;
    code = kernel_store_install(options, address->digest, lock, part, address->url, out, error);
    unlink(part);
    return code;
}

static int get(const struct kernel_options *options, const struct address *address,
               struct kernel *out, struct error *error)
{
    cleanup_fd int lock = -1;
    int code;

    if (options->cache_dir && kernel_store_get(options, address->digest, out))
        return 0;
    if (options->offline)
        return error_set(error, ENOENT, "%s is not in the cache, and duet is to stay offline",
                         address->url);
    code = kernel_store_lock(options, address->digest, &lock, error);
    if (code < 0)
        return code;
    if (kernel_store_get(options, address->digest, out))
        return 0;
    return fetch(options, address, lock, out, error);
}

int kernel_url_get(const char *url, const struct kernel_options *options, struct kernel *out,
                   struct error *error)
{
    struct address address = {0};
    int code = parse(url, &address, error);

    if (code < 0)
        return code;
    code = get(options, &address, out, error);
    free(address.url);
    return code;
}
