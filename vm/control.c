/* Ids: a command's are small, so that its streams' numbers follow from them; those of all other
 * requests start at REQUEST_FIRST. Both stand above the channel's base. */
#include "base/memory.h"
#include "vm/control_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define REQUEST_FIRST (UINT64_C(1) << 31)

/* -- The end ----------------------------------------------------------------------------------- */

static void answer_broken(struct control *control)
{
    const struct control_answer answer = {.code = control->broken_code,
                                          .reason = control->broken_reason};

    while (control->requests) {
        struct request *request = control->requests;

        control->requests = request->next;
        if (request->answer)
            request->answer(request->context, &answer);
        timer_free(request->deadline);
        free(request);
    }
    control->requests_end = &control->requests;
}

static void tell_broken(struct control *control)
{
    if (control->options.calls.broken)
        control->options.calls.broken(control->options.context, control->broken_code,
                                      control->broken_reason);
    answer_broken(control);
    control_commands_break(control);
}

void control_break(struct control *control, int code, const char *format, ...)
{
    va_list args;

    if (control->broken)
        return;
    control->broken = true;
    control->broken_code = code;
    va_start(args, format);
    if (vasprintf(&control->broken_reason, format, args) < 0)
        control->broken_reason = NULL;
    va_end(args);
    xchecked(control->broken_reason);
    tell_broken(control);
}

static void on_break_later(void *context)
{
    tell_broken(context);
}

void control_break_soon(struct control *control, const struct error *error)
{
    if (control->broken)
        return;
    control->broken = true;
    control->broken_code = -error->code;
    control->broken_reason = xstrdup(error->message);
    timer_start(control->break_later, 0);
}

bool control_is_broken(const struct control *control)
{
    return control->broken;
}

/* -- Requests ---------------------------------------------------------------------------------- */

static int check_broken(const struct control *control, struct error *error)
{
    if (control->broken)
        return error_set(error, -control->broken_code, "%s", control->broken_reason);
    return 0;
}

int control_send(struct control *control, enum wire_code code, char *payload, struct error *error)
{
    cleanup_free char *owned = payload;
    int result = check_broken(control, error);

    return result < 0 ? result
                      : control->options.link.send_ctl(control->options.context, code, owned,
                                                       strlen(owned), error);
}

static void on_deadline(void *context)
{
    struct request *request = context;
    const struct control_answer answer = {.code = -ETIMEDOUT,
                                          .reason = "the guest does not answer"};

    steal_pointer (&request->answer)(request->context, &answer);
}

static struct request *take_request(struct control *control, uint64_t id, uint32_t code)
{
    struct request **at = &control->requests;
    struct request *request;

    while (*at && ((*at)->id != id || (*at)->code != code))
        at = &(*at)->next;
    request = *at;
    if (!request)
        return NULL;
    *at = request->next;
    if (!request->next)
        control->requests_end = at;
    return request;
}

static void request_free(struct request *request)
{
    timer_free(request->deadline);
    free(request);
}

/* It waits for its answer before it is sent: a link may be as quick as that. */
static int ask(struct control *control, const struct request *made, char *payload,
               uint64_t deadline_ns, struct error *error)
{
    struct request *request;
    int result = check_broken(control, error);

    if (result < 0) {
        free(payload);
        return result;
    }
    request = xcalloc(1, sizeof *request);
    *request = *made;
    *control->requests_end = request;
    control->requests_end = &request->next;
    if (request->answer && deadline_ns > 0) {
        request->deadline = loop_timer(control->options.loop, on_deadline, request);
        timer_start(request->deadline, deadline_ns);
    }
    result = control_send(control, made->code, payload, error);
    if (result < 0)
        request_free(take_request(control, made->id, made->code));
    return result;
}

static uint64_t next_request_id(struct control *control)
{
    return (control->base << CONTROL_BASE_SHIFT) + REQUEST_FIRST + control->requests_made++;
}

int control_request(struct control *control, enum wire_code code, const char *fields,
                    uint64_t deadline_ns, control_answer_fn answer, void *context,
                    struct error *error)
{
    const struct request made = {.control = control,
                                 .id = next_request_id(control),
                                 .code = code,
                                 .answer = answer,
                                 .context = context};

    return ask(control, &made, control_message_plain(made.id, fields), deadline_ns, error);
}

int control_configure(struct control *control, const char *pod, uint64_t deadline_ns,
                      control_answer_fn answer, void *context, struct error *error)
{
    const struct request made = {.control = control,
                                 .id = next_request_id(control),
                                 .code = WIRE_STARTPOD,
                                 .answer = answer,
                                 .context = context};
    uint8_t entropy[MESSAGE_ENTROPY_SIZE];
    struct timespec now;
    uint64_t time_ns;

    if (getrandom(entropy, sizeof entropy, 0) != sizeof entropy)
        return error_errno(error, "the host has no entropy for the guest");
    clock_gettime(CLOCK_REALTIME, &now);
    time_ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
    return ask(control, &made, control_message_pod(made.id, pod, time_ns, entropy), deadline_ns,
               error);
}

/* -- What the guest says ----------------------------------------------------------------------- */

static const char *reason_of(const struct control_message *message)
{
    return message->code == WIRE_ERROR ? message->reason : NULL;
}

static const struct control_way *ways_of(const struct control_message *message)
{
    bool is_of_link = message->request >= WIRE_SETLINK && message->request <= WIRE_CLOSELINK;

    return message->code == WIRE_ACK && is_of_link ? message->ways : NULL;
}

static void on_answer(struct control *control, const struct control_message *message)
{
    const struct control_answer answer = {.code = message->code == WIRE_ERROR ? -EREMOTEIO : 0,
                                          .reason = reason_of(message),
                                          .clock_ns = message->clock_ns,
                                          .busy_ns = message->busy_ns,
                                          .cpus = message->cpus,
                                          .memory_blocks = message->memory_blocks,
                                          .ways = ways_of(message),
                                          .steps = message->steps};
    struct request *request = take_request(control, message->id, message->request);

    if (!request) {
        control_command_answered(control, message);
        if (message->code == WIRE_ACK && message->request == WIRE_DESTROYPOD)
            control_break(control, -EBADMSG,
                          "the guest broke the control channel: it says that it ends, unasked");
        return; /* to what nobody asked, or not any more */
    }
    if (request->answer)
        request->answer(request->context, &answer);
    request_free(request);
}

static void on_ready(struct control *control, const struct control_message *message)
{
    const struct control_ready ready = {.kernel = message->kernel,
                                        .uptime_ms = message->uptime_ms,
                                        .clock_ns = message->clock_ns,
                                        .tick_device =
                                            message->has_tick_device ? message->tick_device : NULL,
                                        .tick_hz = message->tick_hz};

    if (message->base > CONTROL_BASE_MAX) {
        control_break(control, -EBADMSG, "READY has the base %" PRIu64 ", which is too large",
                      message->base);
        return;
    }
    if (control->requests_made == 0 && control->commands_made == 0)
        control->base = message->base;
    if (control->options.calls.ready)
        control->options.calls.ready(control->options.context, &ready);
}

/* What it was that the host did is in the reason; a host that keeps to the protocol hears none. */
static void on_stream_error(struct control *control, const struct control_message *message)
{
    control_break(control, -EBADMSG, "the guest refused what came on stream %" PRIu64 ": %s",
                  message->stream, message->reason);
}

static void take_message(struct control *control, const struct control_message *message)
{
    switch (message->code) {
    case WIRE_READY:
        on_ready(control, message);
        break;
    case WIRE_NEXT:
        control_command_granted(control, message);
        break;
    case WIRE_CMDREADY:
        control_command_is_ready(control, message->id);
        break;
    case WIRE_CMDFINISHED:
        control_command_finished(control, message);
        break;
    case WIRE_FAILED:
        control_break(control, -EIO, "the guest's init failed: %s", message->reason);
        break;
    default:
        if (message->code == WIRE_ERROR && message->request == WIRE_NEXT)
            on_stream_error(control, message);
        else
            on_answer(control, message);
    }
}

/* Whom a frame is for, by the number that it names. */
static uint64_t number_of(const struct control_message *message)
{
    if (message->code == WIRE_NEXT ||
        (message->code == WIRE_ERROR && message->request == WIRE_NEXT))
        return message->stream;
    return message->id;
}

static bool is_for_all(const struct control_message *message)
{
    return message->code == WIRE_READY || message->code == WIRE_FAILED;
}

static bool is_others_ctl(const struct control *control, uint64_t base,
                          const struct wire_ctl *frame)
{
    const struct control_options *options = &control->options;

    return base != control->base && options->calls.other_ctl &&
           options->calls.other_ctl(options->context, base, frame);
}

static bool is_others_io(const struct control *control, const struct wire_io *frame)
{
    const struct control_options *options = &control->options;
    uint64_t base = frame->stream >> CONTROL_BASE_SHIFT;

    return base != control->base && options->calls.other_io &&
           options->calls.other_io(options->context, base, frame);
}

void control_take_ctl(struct control *control, const struct wire_ctl *frame)
{
    struct control_message message;
    struct error error;
    int code;

    if (control->broken)
        return;
    code = control_message_read(frame, &message, &error);
    if (code < 0) {
        control_break(control, code, "%s", error.message);
        return;
    }
    if (is_for_all(&message) ||
        !is_others_ctl(control, number_of(&message) >> CONTROL_BASE_SHIFT, frame))
        take_message(control, &message);
}

void control_take_io(struct control *control, const struct wire_io *frame)
{
    if (!control->broken && !is_others_io(control, frame))
        control_command_take_io(control, frame);
}

/* -- Life -------------------------------------------------------------------------------------- */

struct control *control_new(const struct control_options *options)
{
    struct control *control = xcalloc(1, sizeof *control);

    control->options = *options;
    control->requests_end = &control->requests;
    control->break_later = loop_timer(options->loop, on_break_later, control);
    return control;
}

void control_free(struct control *control)
{
    if (!control)
        return;
    control_sockets_free(control->sockets);
    while (control->requests) {
        struct request *next = control->requests->next;

        timer_free(control->requests->deadline);
        free(control->requests);
        control->requests = next;
    }
    control_commands_free(control);
    timer_free(control->break_later);
    free(control->broken_reason);
    free(control);
}
