#include "runner/copy.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ANSWER_MAX = 256 };

/* -- One thing after another ------------------------------------------------------------------- */

void copying_done(struct copying *copying, int code, const char *message)
{
    if (copying->done)
        return;
    free(copying->message);
    copying->message = xstrdup(message ? message : "");
    copying->code = code;
    copying->done = true;
    loop_stop(copying->client.loop);
}

int copying_wait(struct copying *copying, struct error *error)
{
    if (!copying->done && !copying->signal_number)
        loop_run(copying->client.loop);
    if (!copying->done)
        return error_set(error, EINTR, "interrupted");
    copying->done = false;
    return copying->code < 0 ? error_set(error, -copying->code, "%s", copying->message) : 0;
}

/* -- What is there ----------------------------------------------------------------------------- */

struct look {
    struct copying *copying;
    struct control_command *command;
    char answer[ANSWER_MAX + 1];
    size_t length;
    bool ran;
    int status;
};

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct look *look = context;
    size_t room = ANSWER_MAX - look->length;

    if (output == CONTROL_STDOUT) {
        memcpy(look->answer + look->length, bytes, count < room ? count : room);
        look->length += count < room ? count : room;
    }
    if (count > 0)
        control_taken(look->command, output, count);
}

static void on_complete(void *context, const struct control_end *end)
{
    struct look *look = context;

    look->ran = end->code == 0;
    look->status = end->status;
    copying_done(look->copying, end->code == -EREMOTEIO ? 0 : end->code, end->reason);
}

static struct remote_file read_answer(const struct look *look)
{
    struct remote_file file = {.kind = REMOTE_NONE};
    unsigned mode;

    if (!look->ran || look->status != 0 ||
        sscanf(look->answer, "%x %" SCNu64, &mode, &file.size) != 2)
        return file;
    file.kind = S_ISREG(mode) ? REMOTE_FILE : S_ISDIR(mode) ? REMOTE_DIRECTORY : REMOTE_OTHER;
    return file;
}

int copying_look(struct copying *copying, const char *path, struct remote_file *file,
                 struct error *error)
{
    static const struct control_command_calls calls = {.output = on_output,
                                                       .complete = on_complete};
    struct look look = {.copying = copying};
    int code = control_exec(
        copying->client.control,
        &(struct control_exec){
            .name = "stat", .argv = (const char *const[]){"stat", "-L", "-c", "%f %s", path, NULL}},
        &calls, &look, &look.command, error);

    if (code == 0)
        code = copying_wait(copying, error);
    control_command_free(look.command);
    if (code == 0)
        *file = read_answer(&look);
    return code;
}
