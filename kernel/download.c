/* Theory of operation. What is fetched is named by its SHA-256, so a part of it is a part of the
 * same bytes whenever and from wherever it came: no ETag or If-Range is needed, the digest of the
 * whole is the judge. A server may answer a Range with the rest (206), with everything (200: the
 * part is dropped), or with 416 (the part is as long as the file, or longer). */
#include "kernel/download.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/provider.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STALL_SECONDS = 30, CONNECT_SECONDS = 30, REDIRECTS_MAX = 10, TRIES_WITH_PROGRESS = 20 };

static const uint64_t bytes_max = 2ull << 30; /* a vmlinux with debug information has 0.5 GiB */

struct transfer {
    const struct kernel_options *options;
    const struct kernel_download *download;
    CURL *curl;
    int fd;
    uint64_t start;       /* bytes that were there */
    uint64_t size;        /* bytes that are there */
    bool judged;          /* the status of the answer was looked at */
    struct error failure; /* of a callback */
    char message[CURL_ERROR_SIZE];
};

static int drop_part(struct transfer *transfer)
{
    if (ftruncate(transfer->fd, 0) < 0 || lseek(transfer->fd, 0, SEEK_SET) < 0)
        return error_errno(&transfer->failure, "cannot empty %s", transfer->download->path);
    transfer->start = transfer->size = 0;
    return 0;
}

static size_t on_bytes(char *bytes, size_t one, size_t count, void *context)
{
    struct transfer *transfer = context;
    long status = 0;

    (void)one; /* libcurl: always 1 */
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!transfer->judged && status != 206 && transfer->start > 0 && drop_part(transfer) < 0)
        return CURL_WRITEFUNC_ERROR;
    transfer->judged = true;
    if (transfer->size + count > bytes_max) {
        error_set(&transfer->failure, EFBIG, "it is larger than %" PRIu64 " MiB", bytes_max >> 20);
        return CURL_WRITEFUNC_ERROR;
    }
    if (fs_write_all(transfer->fd, bytes, count, &transfer->failure) < 0) {
        error_context(&transfer->failure, "%s", transfer->download->path);
        return CURL_WRITEFUNC_ERROR;
    }
    transfer->size += count;
    return count;
}

static int on_progress(void *context, curl_off_t total, curl_off_t now, curl_off_t up_total,
                       curl_off_t up_now)
{
    struct transfer *transfer = context;

    (void)up_total;
    (void)up_now;
    if (now > 0)
        kernel_progress(transfer->options, transfer->start + (uint64_t)now,
                        total > 0 ? transfer->start + (uint64_t)total : 0, "downloading %s",
                        transfer->download->url);
    return kernel_cancelled(transfer->options);
}

static bool set_up(struct transfer *transfer, const char *range)
{
    CURL *curl = transfer->curl;
    long stall =
        transfer->options->stall_seconds ? transfer->options->stall_seconds : STALL_SECONDS;
    bool plain = transfer->download->plain;
    CURLcode code = CURLE_OK;

#define SET(option, value) (code = code ? code : curl_easy_setopt(curl, option, value))
    SET(CURLOPT_ERRORBUFFER, transfer->message);
    SET(CURLOPT_URL, transfer->download->url);
    SET(CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, stall);
    SET(CURLOPT_USERAGENT, "duet/" DUET_VERSION);
    SET(CURLOPT_RANGE, range);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, transfer);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, transfer);
    if (plain)
        SET(CURLOPT_PROXY, "");
#undef SET
    return code == CURLE_OK;
}

/* A connection that dies while TLS writes raises SIGPIPE, in this thread; it must not end duet. */
static CURLcode perform_without_sigpipe(CURL *curl)
{
    static const struct timespec now = {0};
    sigset_t pipe_signal, before;
    CURLcode result;

    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    result = curl_easy_perform(curl);
    if (!sigismember(&before, SIGPIPE))
        while (sigtimedwait(&pipe_signal, NULL, &now) < 0 && errno == EINTR)
            ;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int explain(struct transfer *transfer, CURLcode result, struct error *error)
{
    const char *why = transfer->message[0] ? transfer->message : curl_easy_strerror(result);
    const char *url = transfer->download->url;
    long status = 0, redirects = 0;

    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(transfer->curl, CURLINFO_REDIRECT_COUNT, &redirects);
    if (result == CURLE_ABORTED_BY_CALLBACK)
        return kernel_cancel_error(error);
    if (result == CURLE_WRITE_ERROR && transfer->failure.code)
        return error_set(error, transfer->failure.code, "cannot download %s: %s", url,
                         transfer->failure.message);
    if (result == CURLE_HTTP_RETURNED_ERROR && status == 416)
        return error_set(error, ERANGE, "%s does not have the range that was asked for", url);
    if (result == CURLE_HTTP_RETURNED_ERROR)
        return error_set(error, status == 404 || status == 410 ? ENOENT : EIO,
                         "cannot download %s: the server answered with status %ld", url, status);
    if (result == CURLE_UNSUPPORTED_PROTOCOL && status >= 300 && status < 400)
        return error_set(error, EIO,
                         "cannot download %s: it redirects to something other than https, which "
                         "is refused",
                         url);
    return error_set(error, EIO, "cannot download %s: %s", url, why);
}

/* One request. *grew says whether there is more than before, *resumed whether it added to older
 * ones. */
static int transfer_once(const struct kernel_options *options,
                         const struct kernel_download *download, bool *grew, bool *resumed,
                         struct error *error)
{
    cleanup_fd int fd = open(download->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    struct transfer transfer = {.options = options, .download = download, .fd = fd};
    char range[32] = "";
    CURLcode result;
    off_t size;
    int code = 0;

    if (fd < 0)
        return error_errno(error, "cannot make %s", download->path);
    size = lseek(fd, 0, SEEK_END);
    if (size < 0)
        return error_errno(error, "cannot find the end of %s", download->path);
    transfer.start = transfer.size = (uint64_t)size;
    if (size > 0)
        snprintf(range, sizeof range, "%" PRIu64 "-", transfer.start);
    transfer.curl = curl_easy_init();
    if (!transfer.curl || !set_up(&transfer, size > 0 ? range : NULL)) {
        curl_easy_cleanup(transfer.curl);
        return error_set(error, EIO, "libcurl cannot be set up for %s", download->url);
    }
    result = perform_without_sigpipe(transfer.curl);
    if (result != CURLE_OK)
        code = explain(&transfer, result, error);
    curl_easy_cleanup(transfer.curl);
    *grew = transfer.size > (uint64_t)size;
    *resumed |= transfer.start > 0;
    return code;
}

/* Goes on after a connection that was cut, as long as each brings something. */
static int transfer_all(const struct kernel_options *options,
                        const struct kernel_download *download, bool *resumed, struct error *error)
{
    int code;
    bool grew;

    for (int tries = 0; tries < TRIES_WITH_PROGRESS; tries++) {
        grew = false;
        code = transfer_once(options, download, &grew, resumed, error);
        if (code != -EIO || !grew)
            return code;
    }
    return code;
}

static int check(const struct kernel_download *download, struct error *error)
{
    char digest[DIGEST_HEX_SIZE];
    int code = digest_file(download->path, digest, error);

    if (code < 0)
        return code;
    if (strcmp(digest, download->digest) == 0)
        return 0;
    return error_set(
        error, EBADMSG,
        "%s is not what was asked for, and is not used: its SHA-256 is %s, expected %s",
        download->url, digest, download->digest);
}

static int fetch(const struct kernel_options *options, const struct kernel_download *download,
                 bool *resumed, struct error *error)
{
    int code = transfer_all(options, download, resumed, error);

    /* 416 also answers for a part that is the whole. */
    return code == 0 || code == -ERANGE ? check(download, error) : code;
}

/* A part is kept only where going on from it makes sense. */
static bool is_worth_keeping(const char *path, int code)
{
    struct stat info;

    return (code == -EIO || code == -ECANCELED) && stat(path, &info) == 0 && info.st_size > 0;
}

int kernel_download(const struct kernel_options *options, const struct kernel_download *download,
                    struct error *error)
{
    bool resumed = false;
    int code = fetch(options, download, &resumed, error);

    if (code == -EBADMSG && resumed) {
        unlink(download->path);
        code = fetch(options, download, &resumed, error);
    }
    if (code < 0 && !is_worth_keeping(download->path, code))
        unlink(download->path);
    return code;
}
