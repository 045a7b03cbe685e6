#include "runner/command.h"

#include "base/digest.h"
#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct output {
    char *path; /* from the run's directory */
    int fd;     /* -1 once it cannot be written */
    uint64_t bytes;
    uint64_t judged;       /* of these, the ones that came before the judgement; all until then */
    struct buffer kept;    /* the first of the judged */
    struct digest *digest; /* of standard output, until command_result; else NULL */
};

struct command {
    char *name;
    const struct suite_expect *expect;
    struct output out, err;
    struct output times;  /* when what came; of the bytes of the others */
    uint64_t started_ns;  /* by the host's clock */
    bool found_part;      /* what standard output is expected to contain has come */
    struct buffer recent; /* its end, in which that may have begun */
    char trouble[256];
    bool ended, judged;
    struct control_end end;
    char sha256[DIGEST_HEX_SIZE]; /* of standard output, from command_result on */
};

/* -- Output ------------------------------------------------------------------------------------ */

static int output_open(struct output *output, const struct command_spec *spec, const char *suffix,
                       struct error *error)
{
    cleanup_free char *path = xasprintf("%s/%s.%s", spec->directory, spec->file, suffix);

    output->path = xasprintf("%s/%s.%s", spec->relative, spec->file, suffix);
    output->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return output->fd < 0 ? error_errno(error, "cannot make %s", path) : 0;
}

static void output_free(struct output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    free(output->path);
    buffer_free(&output->kept);
    digest_free(output->digest);
}

int command_new(const struct command_spec *spec, struct command **out, struct error *error)
{
    struct command *command = xcalloc(1, sizeof *command);
    int code;

    command->name = xstrdup(spec->name);
    command->expect = spec->expect;
    command->out.fd = command->err.fd = command->times.fd = -1;
    command->out.digest = digest_new();
    command->started_ns = clock_ns();
    code = output_open(&command->out, spec, "stdout", error);
    if (code == 0)
        code = output_open(&command->err, spec, "stderr", error);
    if (code == 0)
        code = output_open(&command->times, spec, "times", error);
    if (code < 0) {
        command_free(command);
        return code;
    }
    *out = command;
    return 0;
}

void command_free(struct command *command)
{
    if (!command)
        return;
    output_free(&command->out);
    output_free(&command->err);
    output_free(&command->times);
    buffer_free(&command->recent);
    free(command->name);
    free(command);
}

static const char *kept_text(const struct output *output)
{
    return output->kept.data ? output->kept.data : "";
}

static void write_file(struct command *command, struct output *output, const char *bytes,
                       size_t count)
{
    struct error error;

    if (output->fd < 0)
        return;
    if (output->bytes + count > COMMAND_FILE_BYTES_MAX)
        error_set(&error, EFBIG, "it has reached its limit of 256 MiB");
    else if (fs_write_all(output->fd, bytes, count, &error) == 0)
        return;
    close(output->fd);
    output->fd = -1;
    if (!command->trouble[0])
        snprintf(command->trouble, sizeof command->trouble, "%s is cut short: %.150s", output->path,
                 error.message);
}

/* Which of two outputs said something first can be read here only. */
static void write_time(struct command *command, bool standard_error, size_t count)
{
    double age_s = (double)(clock_ns() - command->started_ns) / NS_PER_S;
    cleanup_free char *line =
        xasprintf("%.6f %s %zu\n", age_s, standard_error ? "stderr" : "stdout", count);

    if (command->times.bytes + strlen(line) > COMMAND_TIMES_BYTES_MAX)
        return;
    write_file(command, &command->times, line, strlen(line));
    command->times.bytes += strlen(line);
}

/* The part may stand anywhere in an output of any length, and across two frames. */
static void look_for_part(struct command *command, const char *bytes, size_t count)
{
    const char *part = command->expect ? command->expect->output_has : NULL;
    struct buffer *recent = &command->recent;
    size_t length = part ? strlen(part) : 0;

    if (length == 0 || command->found_part)
        return;
    buffer_append(recent, bytes, count);
    command->found_part = memmem(recent->data, recent->length, part, length) != NULL;
    if (recent->length >= length)
        buffer_consume(recent, recent->length - (length - 1));
}

void command_output(struct command *command, bool standard_error, const char *bytes, size_t count)
{
    struct output *output = standard_error ? &command->err : &command->out;
    size_t room = COMMAND_KEPT_BYTES - output->kept.length;

    write_file(command, output, bytes, count);
    write_time(command, standard_error, count);
    output->bytes += count;
    if (command->judged)
        return;
    buffer_append(&output->kept, bytes, count < room ? count : room);
    if (!standard_error)
        look_for_part(command, bytes, count);
    if (output->digest)
        digest_update(output->digest, bytes, count);
    output->judged += count;
}

const char *command_trouble(const struct command *command)
{
    return command->trouble[0] ? command->trouble : NULL;
}

void command_kept(const struct command *command, bool standard_error, const char **bytes,
                  size_t *count, uint64_t *more)
{
    const struct output *output = standard_error ? &command->err : &command->out;

    *bytes = kept_text(output);
    *count = output->kept.length;
    *more = output->bytes - output->kept.length;
}

void command_last_line(const struct command *command, char *line, size_t size)
{
    const char *text = kept_text(&command->err);
    size_t end = command->err.kept.length;
    size_t begin;

    while (end > 0 && strchr(" \t\r\n", text[end - 1]))
        end--;
    for (begin = end; begin > 0 && text[begin - 1] != '\n';)
        begin--;
    snprintf(line, size, "%.*s", (int)(end - begin), text + begin);
    for (char *at = line; *at; at++)
        if ((unsigned char)*at < ' ' || (unsigned char)*at >= 0x7f)
            *at = '?';
}

void command_finished(struct command *command, const struct control_end *end)
{
    command->ended = true;
    command->end = *end;
    command->end.reason = NULL; /* it lives no longer than the call */
}

bool command_ended(const struct command *command)
{
    return command->ended;
}

/* -- Judgement --------------------------------------------------------------------------------- */

static char *describe_end(const struct command *command)
{
    if (command->end.signal)
        return xasprintf("ended by signal %d (%s)", command->end.signal,
                         strsignal(command->end.signal));
    return xasprintf("exit status %d", command->end.status);
}

/* 127 is what a shell says of a program that it does not find (POSIX, Shell Command Language,
 * 2.8.2): the first thing that goes wrong for everybody. */
static char *describe_wrong_end(const struct command *command)
{
    cleanup_free char *end = describe_end(command);

    return xasprintf("it %s%s, expected exit status %u%s",
                     command->end.signal ? "was " : "ended with ", end, command->expect->status,
                     command->end.status == 127
                         ? ": the guest has no such program, perhaps; programs go into `files:`"
                         : "");
}

static void fail(struct step_result *result, char *expected, char *found, const char *reason)
{
    result->verdict = VERDICT_FAILED;
    result->expected = expected;
    result->found = found;
    result->reason = xstrdup(reason);
}

static void judge_text(const struct command *command, const char *expected,
                       struct step_result *result)
{
    const struct output *out = &command->out;
    struct buffer difference = {0};

    if (out->judged == strlen(expected) && out->kept.length == out->judged &&
        memcmp(kept_text(out), expected, out->judged) == 0)
        return;
    hexdump_difference(&difference, expected, strlen(expected), kept_text(out), out->kept.length);
    fail(result, xstrdup(expected), buffer_steal(&difference),
         out->judged == 0 ? "its standard output is empty" : "its standard output is another");
}

static void judge_digest(const char *found, const char *expected, uint64_t bytes,
                         struct step_result *result)
{
    if (strcmp(found, expected) == 0)
        return;
    fail(result, xasprintf("SHA-256 %s", expected),
         xasprintf("SHA-256 %s of %" PRIu64 " bytes", found, bytes),
         bytes == 0 ? "its standard output is empty" : "its standard output has another SHA-256");
}

static void judge_part(const struct command *command, const char *expected,
                       struct step_result *result)
{
    const struct output *out = &command->out;

    if (command->found_part || !*expected)
        return;
    fail(result, xasprintf("\"%s\" in its standard output", expected),
         xasprintf("%" PRIu64 " bytes without it", out->judged),
         "its standard output lacks what was expected");
}

static void judge_step(const struct command *command, struct step_result *result)
{
    const struct suite_expect *expect = command->expect;

    if ((unsigned int)command->end.status != expect->status) {
        cleanup_free char *reason = describe_wrong_end(command);

        fail(result, xasprintf("exit status %u", expect->status), describe_end(command), reason);
        return;
    }
    if (expect->output)
        judge_text(command, expect->output, result);
    if (expect->output_sha256 && result->verdict == VERDICT_PASSED)
        judge_digest(command->sha256, expect->output_sha256, command->out.judged, result);
    if (expect->output_has && result->verdict == VERDICT_PASSED)
        judge_part(command, expect->output_has, result);
}

static void fill_outputs(const struct command *command, struct step_result *result)
{
    result->standard_output.path = xstrdup(command->out.path);
    result->standard_output.bytes = command->out.bytes;
    result->standard_error.path = xstrdup(command->err.path);
    result->standard_error.bytes = command->err.bytes;
    result->times = xstrdup(command->times.path);
}

void command_result(struct command *command, struct step_result *result)
{
    if (!command->judged)
        digest_finish(steal_pointer(&command->out.digest), command->sha256);
    command->judged = true;
    result->name = xstrdup(command->name);
    result->background = command->expect == NULL;
    result->started = true;
    result->ended = command->ended;
    result->status = command->end.status;
    result->signal = command->end.signal;
    result->timed_out = command->end.timed_out;
    result->duration_s = (double)command->end.duration_ms / 1000;
    result->verdict = VERDICT_PASSED;
    fill_outputs(command, result);
    if (!command->expect)
        return;
    if (command->end.timed_out) {
        result->verdict = VERDICT_TIMEOUT;
        result->reason = xasprintf("it ran into its timeout after %.1f s", result->duration_s);
    } else if (command->ended) {
        judge_step(command, result);
    }
}
