#include "vm/verdict_file.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { BUFFER = 1 << 16 };

struct verdict_file {
    char *path;
    int fd;
    struct verdict_log log;
    struct error error; /* the first; nothing is written after it */
    size_t length;
    uint8_t bytes[BUFFER];
};

static void flush(struct verdict_file *file)
{
    struct error error;

    if (file->error.code == 0 && fs_write_all(file->fd, file->bytes, file->length, &error) < 0)
        error_set(&file->error, error.code, "%s: %s", file->path, error.message);
    file->length = 0;
}

int verdict_file_new(const char *path, const struct verdict_log_header *header,
                     struct verdict_file **out, struct error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    struct verdict_file *file;

    if (fd < 0)
        return error_errno(error, "cannot make the verdict log %s", path);
    file = xmalloc(sizeof *file);
    file->path = xstrdup(path);
    file->fd = fd;
    file->error.code = 0;
    verdict_log_begin(&file->log, header, file->bytes);
    file->length = VERDICT_LOG_HEADER;
    *out = file;
    return 0;
}

void verdict_file_add(struct verdict_file *file, const struct impair_verdict *verdict,
                      const struct packet *packet)
{
    struct packet_flow flow;

    if (file->error.code)
        return;
    if (sizeof file->bytes - file->length < VERDICT_LOG_RECORD_MAX)
        flush(file);
    packet_flow(packet, &flow);
    file->length += verdict_log_write(&file->log, verdict, &flow, file->bytes + file->length);
}

int verdict_file_close(struct verdict_file *file, struct error *error)
{
    int code;

    if (!file)
        return 0;
    flush(file);
    if (close(file->fd) < 0 && file->error.code == 0)
        error_errno(&file->error, "cannot write the verdict log %s", file->path);
    code = -file->error.code;
    if (code < 0 && error)
        *error = file->error;
    free(file->path);
    free(file);
    return code;
}
