/* Files in memory, and their way in and out. */
#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { FILES_MAX = 1 << 28 }; /* bytes of all files, those on their way included */

static struct mock_file *find(const struct mock_agent *mock, const char *path)
{
    struct mock_file *file = mock->files;

    while (file && strcmp(file->path, path) != 0)
        file = file->next;
    return file;
}

void mock_files_free(struct mock_agent *mock)
{
    while (mock->files) {
        struct mock_file *file = mock->files;

        mock->files = file->next;
        buffer_free(&file->content);
        free(file->path);
        free(file);
    }
}

/* A container without an overlay has its files where the node has them. */
static char *path_in(const struct mock_container *container, const char *path)
{
    if (!container)
        return xstrdup(path);
    if (container->request->overlay)
        return xasprintf("%s:%s", container->request->container, path);
    return xasprintf("%s%s", container->request->root, path);
}

static int find_place(const struct mock_agent *mock, const struct request *request,
                      struct mock_container **container, struct error *error)
{
    bool writes = request->code == WIRE_WRITEFILE;
    const struct exec_request streams = {.stdin_stream = writes ? request->stream : 0,
                                         .stdout_stream = writes ? 0 : request->stream};
    int code = mock_container_running(mock, request->container, container, error);

    return code < 0 ? code : mock_job_check(mock, request->id, &streams, error);
}

bool mock_job_is_file(const struct mock_job *job)
{
    return job->code == WIRE_WRITEFILE || job->code == WIRE_READFILE;
}

static void done(struct mock_job *job)
{
    struct mock_agent *mock = job->mock;

    mock_job_free(job);
    mock_job_gone(mock);
}

/* A stream on which something came is closed for the host as well. */
void mock_file_fail(struct mock_job *job, const char *reason)
{
    struct mock_agent *mock = job->mock;

    if (job->out && job->out->moved > 0)
        wire_io_write(&mock->io.out, job->out->number, NULL, 0, NULL);
    reply_error(&mock->ctl.out, job->code, job->id, reason);
    done(job);
}

/* -- To the guest ------------------------------------------------------------------------------ */

int mock_file_write(struct mock_agent *mock, const struct request *request, struct error *error)
{
    struct mock_container *container;
    struct mock_job *job;
    int code = find_place(mock, request, &container, error);

    if (code < 0)
        return code;
    job = mock_job_new(mock, request->id, WIRE_WRITEFILE);
    job->container = container;
    job->path = path_in(container, request->path);
    job->mode = request->mode;
    job->in = mock_stream_new(mock, request->stream, false, job);
    mock_stream_grant(mock, job->in, WIRE_WINDOW);
    return 0;
}

static void keep(struct mock_job *job)
{
    struct mock_agent *mock = job->mock;
    struct mock_file *file = find(mock, job->path);

    if (!file) {
        file = xcalloc(1, sizeof *file);
        file->path = steal_pointer(&job->path);
        file->next = mock->files;
        mock->files = file;
    }
    buffer_free(&file->content);
    file->content = job->content;
    job->content = (struct buffer){0};
    file->mode = job->mode;
    reply_ack(&mock->ctl.out, WIRE_WRITEFILE, job->id);
    done(job);
}

static size_t bytes_held(const struct mock_agent *mock)
{
    size_t count = 0;

    for (const struct mock_file *file = mock->files; file; file = file->next)
        count += file->content.length;
    for (const struct mock_job *job = mock->jobs; job; job = job->next)
        count += job->content.length + (job->out ? job->out->queue.length : 0);
    return count;
}

void mock_file_input(struct mock_job *job, const char *bytes, size_t count)
{
    if (count == 0) {
        job->in = NULL;
        keep(job);
    } else if (bytes_held(job->mock) + count > FILES_MAX) {
        mock_file_fail(job, "a mock has no room for so much: No space left on device");
    } else {
        buffer_append(&job->content, bytes, count);
        mock_stream_taken(job->mock, job->in, count);
    }
}

/* -- From the guest ---------------------------------------------------------------------------- */

/* What an overlay has not been written over is its lower layer's. */
static const struct mock_file *find_below(const struct mock_agent *mock,
                                          const struct mock_container *container, const char *path)
{
    cleanup_free char *upper = path_in(container, path);
    cleanup_free char *lower = NULL;
    const struct mock_file *file = find(mock, upper);

    if (file || !container)
        return file;
    lower = xasprintf("%s%s", container->request->root, path);
    return find(mock, lower);
}

int mock_file_read(struct mock_agent *mock, const struct request *request, struct error *error)
{
    struct mock_container *container;
    const struct mock_file *file;
    struct mock_job *job;
    int code = find_place(mock, request, &container, error);

    if (code < 0)
        return code;
    file = find_below(mock, container, request->path);
    if (!file) {
        ids_add(&mock->ids, request->id);
        return error_set(error, ENOENT, "cannot read %s: No such file or directory", request->path);
    }
    job = mock_job_new(mock, request->id, WIRE_READFILE);
    job->container = container;
    job->mode = file->mode;
    job->out = mock_stream_new(mock, request->stream, true, job);
    mock_stream_append(job->out, file->content.data, file->content.length);
    mock_file_progress(job);
    return 0;
}

void mock_file_progress(struct mock_job *job)
{
    struct mock_agent *mock = job->mock;
    const struct mock_stream *out = job->out;

    if (!out || mock_stream_pending(out) > 0)
        return;
    wire_io_write(&mock->io.out, out->number, NULL, 0, NULL);
    reply_ack_with(&mock->ctl.out, WIRE_READFILE, job->id,
                   (const struct reply_field[]){{"size", out->moved}, {"mode", job->mode}}, 2);
    done(job);
}
