/* The lines of docs/mock-agent.md. */
#include "tests/mock/mock_internal.h"
#include "tests/mock/mock_words.h"

#include "base/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { DELAY_MAX_MS = 3600000 };

/* -- Commands ---------------------------------------------------------------------------------- */

static int take_id(struct mock_words *words, uint64_t *id)
{
    return mock_word_number(words, "the id of a command", 1, WIRE_ID_MAX, id);
}

static int take_status(struct mock_words *words, int *status)
{
    uint64_t number = 0;
    int code = mock_word_number(words, "an exit status", 0, 255, &number);

    *status = (int)number;
    return code;
}

static int take_signal(struct mock_words *words, int *signal)
{
    uint64_t number = 0;
    int code = mock_word_number(words, "a signal", 1, 64, &number);

    *signal = (int)number;
    return code;
}

static int take_flag(const char *name, struct mock_command *command)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"echo", &command->echo},       {"drains", &command->drains},
                 {"stays", &command->stays},     {"stubborn", &command->stubborn},
                 {"unready", &command->unready}, {"floods", &command->floods}};

    for (size_t i = 0; i < array_size(flags); i++)
        if (strcmp(name, flags[i].name) == 0) {
            *flags[i].flag = true;
            return 1;
        }
    return 0;
}

static int take_property(const char *name, struct mock_words *words, struct mock_command *command)
{
    if (take_flag(name, command))
        return 0;
    if (strcmp(name, "id") == 0)
        return take_id(words, &command->id);
    if (strcmp(name, "output") == 0)
        return mock_word_text(words, "what it prints", &command->output);
    if (strcmp(name, "errors") == 0)
        return mock_word_text(words, "what it prints on standard error", &command->errors);
    if (strcmp(name, "zeros") == 0)
        return mock_word_number(words, "a number of bytes", 0, WIRE_ID_MAX, &command->zeros);
    if (strcmp(name, "status") == 0)
        return take_status(words, &command->status);
    if (strcmp(name, "signal") == 0)
        return take_signal(words, &command->signal);
    if (strcmp(name, "io-status") == 0) {
        command->lies = true;
        return take_status(words, &command->stream_status);
    }
    if (strcmp(name, "claims") == 0)
        return mock_word_number(words, "a number of bytes", 0, 1ull << 40, &command->bytes_more);
    return error_set(
        words->error, EINVAL,
        "a command has no \"%s\"; it has id, output, errors, zeros, echo, drains, stays, "
        "stubborn, status, signal, unready, floods, io-status and claims",
        name);
}

static int do_command(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer name = {0};
    struct mock_command command = {0};
    int code;

    (void)answer;
    while ((code = mock_word_next(words, &name)) > 0) {
        code = take_property(name.data, words, &command);
        if (code < 0)
            break;
    }
    if (code < 0)
        mock_command_clear(&command);
    else
        *mock_agent_plan(mock) = command;
    return code;
}

static int print_line(struct mock_agent *mock, struct mock_words *words, bool errors)
{
    cleanup_buffer struct buffer text = {0};
    uint64_t id = 0;
    int code = take_id(words, &id);

    if (code == 0)
        code = mock_word_text(words, "a text", &text);
    if (code == 0)
        code = mock_word_end(words);
    return code < 0 ? code
                    : mock_agent_print(mock, id, errors, text.data, text.length, words->error);
}

static int do_print(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)answer;
    return print_line(mock, words, false);
}

static int do_print_errors(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)answer;
    return print_line(mock, words, true);
}

static int do_end(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer how = {0};
    int status = 0, signal = 0;
    uint64_t id = 0;
    int code = take_id(words, &id);

    (void)answer;
    if (code == 0)
        code = mock_word_next(words, &how);
    if (code > 0 && strcmp(how.data, "status") == 0)
        code = take_status(words, &status);
    else if (code > 0 && strcmp(how.data, "signal") == 0)
        code = take_signal(words, &signal);
    else if (code > 0)
        code = error_set(words->error, EINVAL, "\"%s\" is neither status nor signal", how.data);
    if (code == 0)
        code = mock_word_end(words);
    return code < 0 ? code : mock_agent_end(mock, id, status, signal, words->error);
}

static int do_fail(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer reason = {0};
    uint64_t id = 0;
    int code = take_id(words, &id);

    (void)answer;
    if (code == 0)
        code = mock_word_text(words, "a reason", &reason);
    if (code == 0)
        code = mock_word_end(words);
    return code < 0 ? code : mock_agent_fail(mock, id, reason.data, words->error);
}

/* -- Trouble ----------------------------------------------------------------------------------- */

static int do_refuse(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer reason = {0};
    uint32_t request = 0;
    int code = mock_word_code(words, &request);
    bool has_reason = false;

    (void)answer;
    if (code == 0)
        code = mock_word_next(words, &reason);
    has_reason = code > 0;
    if (code >= 0)
        code = mock_word_end(words);
    if (code == 0)
        mock_agent_trouble(mock, request, MOCK_REFUSE, has_reason ? reason.data : NULL, 0);
    return code;
}

static int trouble_line(struct mock_agent *mock, struct mock_words *words,
                        enum mock_trouble trouble)
{
    uint64_t delay_ms = 0;
    uint32_t request = 0;
    int code = mock_word_code(words, &request);

    if (code == 0 && trouble == MOCK_DELAY)
        code = mock_word_number(words, "a number of milliseconds", 0, DELAY_MAX_MS, &delay_ms);
    if (code == 0)
        code = mock_word_end(words);
    if (code == 0)
        mock_agent_trouble(mock, request, trouble, NULL, delay_ms * NS_PER_MS);
    return code;
}

static int do_silence(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)answer;
    return trouble_line(mock, words, MOCK_SILENCE);
}

static int do_delay(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)answer;
    return trouble_line(mock, words, MOCK_DELAY);
}

static int do_cut(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)answer;
    return trouble_line(mock, words, MOCK_CUT);
}

static int do_version(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    uint64_t version = 0;
    int code = mock_word_number(words, "a version", 1, UINT32_MAX, &version);

    (void)answer;
    if (code == 0)
        code = mock_word_end(words);
    if (code == 0)
        mock_agent_version(mock, (unsigned)version);
    return code;
}

/* -- Sending ----------------------------------------------------------------------------------- */

static int take_stream(struct mock_words *words, uint64_t *stream)
{
    return mock_word_number(words, "the number of a stream", 0, INT64_MAX, stream);
}

static int do_ctl(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    uint32_t number = 0;
    int code = mock_word_code(words, &number);

    (void)answer;
    return code < 0 ? code : mock_agent_send_ctl(mock, number, mock_word_rest(words), words->error);
}

static int do_io(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer text = {0};
    uint64_t stream = 0;
    int code = take_stream(words, &stream);

    (void)answer;
    if (code == 0)
        code = mock_word_text(words, "a text", &text);
    if (code == 0)
        code = mock_word_end(words);
    return code < 0 ? code : mock_agent_send_io(mock, stream, text.data, text.length, words->error);
}

static int do_close(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    uint64_t stream = 0;
    int code = take_stream(words, &stream);

    (void)answer;
    if (code == 0)
        code = mock_word_end(words);
    return code < 0 ? code : mock_agent_send_io(mock, stream, "", 0, words->error);
}

static int do_status(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    uint64_t stream = 0;
    int status = 0;
    int code = take_stream(words, &stream);
    unsigned char byte;

    (void)answer;
    if (code == 0)
        code = take_status(words, &status);
    if (code == 0)
        code = mock_word_end(words);
    byte = (unsigned char)status;
    return code < 0 ? code : mock_agent_send_io(mock, stream, &byte, 1, words->error);
}

static int do_garbage(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    int code = mock_word_end(words);

    (void)answer;
    return code < 0 ? code : mock_agent_send_garbage(mock, words->error);
}

static int do_lie(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer port = {0};
    uint64_t length = 0;
    int code = mock_word_text(words, "ctl or io", &port);

    (void)answer;
    if (code == 0 && strcmp(port.data, "ctl") != 0 && strcmp(port.data, "io") != 0)
        code = error_set(words->error, EINVAL, "\"%s\" is neither ctl nor io", port.data);
    if (code == 0)
        code = mock_word_number(words, "a length in bytes", 0, UINT32_MAX, &length);
    if (code == 0)
        code = mock_word_end(words);
    return code < 0
               ? code
               : mock_agent_lie(mock, strcmp(port.data, "io") == 0, (uint32_t)length, words->error);
}

static int do_hang_up(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    int code = mock_word_end(words);

    (void)answer;
    return code < 0 ? code : mock_agent_hang_up(mock, words->error);
}

/* -- What there is ----------------------------------------------------------------------------- */

static int do_messages(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_free char *messages = NULL;
    int code = mock_word_end(words);

    if (code < 0)
        return code;
    messages = mock_agent_messages(mock);
    buffer_printf(answer, "{\"messages\":%s}", messages);
    return 0;
}

static int do_state(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    const char *separator = "";
    int code = mock_word_end(words);

    if (code < 0)
        return code;
    buffer_printf(answer, "{\"ctl\":%s,\"io\":%s,\"running\":[",
                  mock->ctl.fd >= 0 ? "true" : "false", mock->io.fd >= 0 ? "true" : "false");
    for (const struct mock_job *job = mock->jobs; job; job = job->next)
        if (job->running) {
            buffer_printf(answer, "%s%" PRIu64, separator, job->id);
            separator = ",";
        }
    buffer_append_text(answer, "]}");
    return 0;
}

static int do_help(struct mock_agent *mock, struct mock_words *words, struct buffer *answer);

/* -- All of them ------------------------------------------------------------------------------- */

static const struct line {
    const char *name, *usage, *summary;
    int (*call)(struct mock_agent *mock, struct mock_words *words, struct buffer *answer);
} lines[] = {
    {"help", "", "the lines that there are", do_help},
    {"messages", "", "what came since the last time", do_messages},
    {"state", "", "who is connected, and the ids of what runs", do_state},
    {"command",
     " [id N] [output TEXT] [errors TEXT] [zeros BYTES] [echo] [drains] [stays] [stubborn] [status "
     "N] "
     "[signal N] [unready] [floods] [io-status N] [claims BYTES]",
     "what a command to come does", do_command},
    {"print", " ID TEXT", "a command prints", do_print},
    {"print-errors", " ID TEXT", "a command prints on its standard error", do_print_errors},
    {"end", " ID [status N|signal N]", "a command ends", do_end},
    {"fail", " ID REASON", "a file that is on its way fails", do_fail},
    {"refuse", " CODE [REASON]", "the next such request is answered with ERROR", do_refuse},
    {"silence", " CODE", "the next such request is not answered", do_silence},
    {"delay", " CODE MS", "the next such request is taken later", do_delay},
    {"cut", " CODE", "the connection ends in the middle of the next such ACK", do_cut},
    {"version", " N", "the version in READY, from the next connection on", do_version},
    {"ctl", " CODE [PAYLOAD]", "sends a frame on ctl", do_ctl},
    {"io", " STREAM TEXT", "sends a frame on io", do_io},
    {"close", " STREAM", "sends the end of a stream", do_close},
    {"status", " STREAM N", "sends an exit status", do_status},
    {"garbage", "", "sends bytes that are no frame", do_garbage},
    {"lie", " ctl|io LENGTH", "sends a header with that length alone", do_lie},
    {"hang-up", "", "ends the connection", do_hang_up},
};

static int do_help(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    (void)mock;
    (void)words;
    buffer_append_text(answer, "{\"help\":[");
    for (size_t i = 0; i < array_size(lines); i++)
        buffer_printf(answer, "%s\"%s%s: %s\"", i ? "," : "", lines[i].name, lines[i].usage,
                      lines[i].summary);
    buffer_append_text(answer, "]}");
    return 0;
}

static int do_line(struct mock_agent *mock, struct mock_words *words, struct buffer *answer)
{
    cleanup_buffer struct buffer name = {0};
    int code = mock_word_text(words, "a line of the mock agent", &name);

    for (size_t i = 0; code == 0 && i < array_size(lines); i++)
        if (strcmp(name.data, lines[i].name) == 0)
            return lines[i].call(mock, words, answer);
    return code < 0 ? code
                    : error_set(words->error, EINVAL, "there is no \"%s\"; \"help\" says what is",
                                name.data);
}

char *mock_agent_line(struct mock_agent *mock, const char *line)
{
    struct error error;
    struct mock_words words = {.at = line, .error = &error};
    const char *start = mock_word_rest(&words);
    struct buffer answer = {0};
    int code;

    if (!*start || *start == '#')
        return NULL;
    code = do_line(mock, &words, &answer);
    if (code < 0) {
        buffer_clear(&answer);
        buffer_append_text(&answer, "{\"error\":");
        reply_string(&answer, error.message);
        buffer_append_text(&answer, ",\"line\":");
        reply_string(&answer, line);
        buffer_append_text(&answer, "}");
    } else if (answer.length == 0) {
        buffer_append_text(&answer, "{\"ok\":true}");
    }
    return buffer_steal(&answer);
}
