/* The host end against hostile guests, with commands and files that are on their way. The input is
 * lines, of which the first letter says what is done, the digit after it, where there is one, to
 * which command (in the order of their making):
 *
 *   g CODE PAYLOAD   the guest says this on ctl
 *   o STREAM BYTES   and this on io
 *   z STREAM COUNT   and so many zeros
 *   x                the host runs a command; xi with input, xt on a terminal, xr that becomes
 * ready, xc as a container w, r             writes a file, or reads one p, q             asks PING,
 * or for the end of the node f3 COUNT         feeds the third command e3, s3, t3, v3   closes what
 * is fed, sends a signal, takes what was printed, sets a size d3               frees it D3 frees it
 * in the next of its calls l                the link fails from now on n                lets the
 * loop run
 *
 * What the host says is what a guest understands, whatever the guest does; each call comes in its
 * order; and nobody sends more than there is room for. */
#include "base/memory.h"
#include "initrd/init/request.h"
#include "vm/control_message.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { COMMANDS_MAX = 64 };

struct host;

struct owner {
    struct host *host;
    struct control_command *command; /* NULL: it was freed */
    bool dies;                       /* in its next call */
    unsigned started, ended, complete;
    size_t held[2]; /* bytes that were not taken */
    bool closed[2];
};

struct host {
    struct loop *loop;
    struct timer *now;
    struct control *control;
    struct owner owners[COMMANDS_MAX];
    size_t owner_count;
    uint64_t asked, answered;
    unsigned broken;
    bool link_fails;
    uint64_t granted[2 * COMMANDS_MAX + 4], sent[2 * COMMANDS_MAX + 4]; /* bytes, by stream */
};

static void check(bool holds)
{
    if (!holds)
        abort();
}

/* Numbers are above the base that READY named. */
static size_t index_of(uint64_t stream)
{
    return (size_t)(stream & ((UINT64_C(1) << CONTROL_BASE_SHIFT) - 1));
}

/* -- The link ---------------------------------------------------------------------------------- */

static int fail(struct error *error)
{
    return error_set(error, ENOBUFS, "the link was told to fail");
}

static int send_ctl(void *context, uint32_t code, const void *payload, size_t count,
                    struct error *error)
{
    const struct host *host = context;
    struct request *request = NULL;
    uint64_t id;

    check(host->broken == 0);
    if (host->link_fails)
        return fail(error);
    check(request_parse(code, payload, count, &id, &request, error) == 0);
    request_free(request);
    return 0;
}

static int send_io(void *context, uint64_t stream, const void *bytes, size_t count,
                   struct error *error)
{
    struct host *host = context;
    size_t index = index_of(stream);

    (void)bytes;
    check(host->broken == 0 && index < array_size(host->sent) &&
          count <= WIRE_IO_MAX - WIRE_IO_HEADER);
    if (host->link_fails)
        return fail(error);
    host->sent[index] += count;
    check(host->sent[index] <= host->granted[index]);
    return 0;
}

/* -- Calls ------------------------------------------------------------------------------------- */

static void on_broken(void *context, int code, const char *message)
{
    struct host *host = context;

    check(code < 0 && *message && ++host->broken == 1);
    check(control_request(host->control, WIRE_PING, "", 0, NULL, NULL, NULL) == code);
}

static void on_answer(void *context, const struct control_answer *answer)
{
    struct host *host = context;

    check((answer->code < 0) == (answer->reason != NULL));
    host->answered++;
}

/* True where it is gone. */
static bool called(struct owner *owner)
{
    check(owner->command != NULL);
    if (!owner->dies)
        return false;
    control_command_free(steal_pointer(&owner->command));
    return true;
}

static void on_started(void *context)
{
    struct owner *owner = context;

    check(++owner->started == 1 && !owner->ended);
    called(owner);
}

static void on_command_ready(void *context)
{
    called(context);
}

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct owner *owner = context;

    check(!owner->closed[output] && (count == 0 || bytes));
    owner->closed[output] = count == 0;
    owner->held[output] += count;
    check(owner->held[output] <= WIRE_WINDOW);
    called(owner);
}

static void on_room(void *context)
{
    called(context);
}

static void on_ended(void *context, const struct control_end *end)
{
    struct owner *owner = context;

    check(++owner->ended == 1 && !owner->complete && (end->code < 0) == (end->reason != NULL));
    called(owner);
}

static void on_complete(void *context, const struct control_end *end)
{
    struct owner *owner = context;

    (void)end;
    check(++owner->complete == 1 && owner->ended);
    called(owner);
}

static const struct control_command_calls command_calls = {.started = on_started,
                                                           .ready = on_command_ready,
                                                           .output = on_output,
                                                           .room = on_room,
                                                           .ended = on_ended,
                                                           .complete = on_complete};

/* -- What the host does ------------------------------------------------------------------------ */

static int start(struct host *host, const char *how, struct owner *owner)
{
    static const char *const argv[] = {"program", NULL};
    const struct control_exec exec = {
        .name = "it",
        .argv = argv,
        .input = how[1] == 'i',
        .terminal = {how[1] == 't' ? 24 : 0, 80},
        .ready = how[1] == 'r' ? CONTROL_OUTPUT : CONTROL_NOT_ASKED,
        .ready_text = "here",
    };
    const struct control_container container = {.name = "web", .root = "/", .exec = exec};

    if (how[0] == 'w')
        return control_write_file(host->control, "/file", 0644, NULL, &command_calls, owner,
                                  &owner->command, NULL);
    if (how[0] == 'r')
        return control_read_file(host->control, "/file", NULL, &command_calls, owner,
                                 &owner->command, NULL);
    if (how[1] == 'c')
        return control_run_container(host->control, &container, &command_calls, owner,
                                     &owner->command, NULL);
    return control_exec(host->control, &exec, &command_calls, owner, &owner->command, NULL);
}

static void make(struct host *host, const char *how)
{
    struct owner *owner = &host->owners[host->owner_count];

    if (host->owner_count == COMMANDS_MAX)
        return;
    *owner = (struct owner){.host = host};
    if (start(host, how, owner) == 0)
        host->owner_count++;
}

static void ask(struct host *host, enum wire_code code)
{
    if (control_request(host->control, code, "", 0, on_answer, host, NULL) == 0)
        host->asked++;
}

static void feed(struct control_command *command, size_t count)
{
    static const char bytes[1 << 18];

    check(control_feed(command, bytes, count < sizeof bytes ? count : sizeof bytes) <= count);
}

static void take_output(struct owner *owner)
{
    for (int i = 0; i < 2; i++) {
        control_taken(owner->command, (enum control_output)i, owner->held[i]);
        owner->held[i] = 0;
    }
}

static void handle(struct owner *owner, const char *line, const char *rest)
{
    switch (line[0]) {
    case 'f':
        feed(owner->command, (size_t)strtoull(rest, NULL, 10));
        break;
    case 'e':
        control_close(owner->command);
        break;
    case 's':
        control_signal(owner->command, 15);
        break;
    case 't':
        take_output(owner);
        break;
    case 'v':
        control_resize(owner->command, 24, 80);
        break;
    case 'd':
        control_command_free(steal_pointer(&owner->command));
        break;
    case 'D':
        owner->dies = true;
        break;
    default:
        break;
    }
}

static struct owner *owner_named(struct host *host, const char *digits)
{
    size_t index = strtoul(digits, NULL, 10);

    if (index < 1 || index > host->owner_count || !host->owners[index - 1].command)
        return NULL;
    return &host->owners[index - 1];
}

static void stop_loop(void *context)
{
    loop_stop(context);
}

/* What breaks while somebody asks is told from here. */
static void run_once(struct host *host)
{
    timer_start(host->now, 0);
    loop_run(host->loop);
}

/* -- What the guest does ----------------------------------------------------------------------- */

static void note_room(struct host *host, const struct wire_ctl *frame)
{
    struct control_message message;
    size_t index;

    if (frame->code != WIRE_NEXT || control_message_read(frame, &message, NULL) < 0)
        return;
    index = index_of(message.stream);
    if (index < array_size(host->granted))
        host->granted[index] += message.bytes;
}

static void say(struct host *host, const char *rest)
{
    char *payload;
    uint32_t code = (uint32_t)strtoul(rest, &payload, 10);
    struct wire_ctl frame;

    payload += *payload == ' ';
    frame = (struct wire_ctl){code, payload, strlen(payload)};
    note_room(host, &frame);
    control_take_ctl(host->control, &frame);
}

static void print(struct host *host, const char *rest, bool zeros)
{
    static const char nothing[WIRE_IO_MAX];
    char *bytes;
    uint64_t stream = strtoull(rest, &bytes, 10);
    struct wire_io frame;

    bytes += *bytes == ' ';
    frame = (struct wire_io){stream, bytes, strlen(bytes)};
    if (zeros)
        frame = (struct wire_io){stream, nothing,
                                 strtoul(bytes, NULL, 10) % (WIRE_IO_MAX - WIRE_IO_HEADER + 1)};
    control_take_io(host->control, &frame);
}

/* -- All of it --------------------------------------------------------------------------------- */

static void take_line(struct host *host, const char *line)
{
    const char *space = strchr(line, ' ');
    const char *rest = space ? space + 1 : "";
    struct owner *owner;

    switch (line[0]) {
    case 'g':
        say(host, rest);
        break;
    case 'o':
    case 'z':
        print(host, rest, line[0] == 'z');
        break;
    case 'x':
    case 'w':
    case 'r':
        make(host, line);
        break;
    case 'p':
        ask(host, WIRE_PING);
        break;
    case 'q':
        ask(host, WIRE_DESTROYPOD);
        break;
    case 'l':
        host->link_fails = true;
        break;
    case 'n':
        run_once(host);
        break;
    default:
        owner = *line ? owner_named(host, line + 1) : NULL;
        if (owner)
            handle(owner, line, rest);
    }
}

/* One loop for all inputs, which is most of what an input costs. */
static struct loop *the_loop(void)
{
    static struct loop *loop;

    check(loop || loop_new(&loop, NULL) == 0);
    return loop;
}

static void begin(struct host *host)
{
    const struct control_options options = {.loop = the_loop(),
                                            .link = {.send_ctl = send_ctl, .send_io = send_io},
                                            .calls = {.broken = on_broken},
                                            .context = host};

    host->loop = options.loop;
    host->now = loop_timer(host->loop, stop_loop, host->loop);
    host->control = control_new(&options);
}

/* What broke is known to everybody by now. */
static void end(struct host *host)
{
    run_once(host);
    check(control_is_broken(host->control) == (host->broken == 1));
    check(host->answered <= host->asked && (!host->broken || host->answered == host->asked));
    for (size_t i = 0; i < host->owner_count; i++)
        if (host->owners[i].command && host->broken)
            check(host->owners[i].complete == 1);
    control_free(host->control);
    timer_free(host->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_buffer struct buffer lines = {0};
    struct host *host = xcalloc(1, sizeof *host);

    buffer_append(&lines, data, size);
    begin(host);
    for (size_t at = 0, length; at < size; at += length + 1) {
        char *line = lines.data + at;
        const char *newline = memchr(line, '\n', size - at);

        length = newline ? (size_t)(newline - line) : size - at;
        line[length] = '\0';
        take_line(host, line);
    }
    end(host);
    free(host);
    return 0;
}
