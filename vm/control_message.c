#include "vm/control_message.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- Requests ---------------------------------------------------------------------------------- */

static char *print_and_free(cJSON *json)
{
    char *text = xchecked(cJSON_PrintUnformatted(json));

    cJSON_Delete(json);
    return text;
}

char *control_escape(const char *text)
{
    return print_and_free(xchecked(cJSON_CreateString(text)));
}

char *control_message_plain(uint64_t id, const char *fields)
{
    return xasprintf("{\"id\":%" PRIu64 "%s%s}", id, *fields ? "," : "", fields);
}

/* The time is a string: JSON's numbers are exact up to 2^53, which is 104 days of nanoseconds. */
char *control_message_pod(uint64_t id, const char *pod, uint64_t time_ns,
                          const uint8_t entropy[static MESSAGE_ENTROPY_SIZE])
{
    char digits[2 * MESSAGE_ENTROPY_SIZE + 1];

    for (size_t i = 0; i < MESSAGE_ENTROPY_SIZE; i++)
        snprintf(digits + 2 * i, 3, "%02x", entropy[i]);
    return xasprintf("{\"id\":%" PRIu64 ",\"time_ns\":\"%" PRIu64 "\",\"entropy\":\"%s\",%s", id,
                     time_ns, digits, pod + 1);
}

char *control_message_next(uint64_t stream, uint64_t bytes)
{
    return xasprintf("{\"stream\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", stream, bytes);
}

static void add_env(cJSON *request, const struct control_exec *exec)
{
    cJSON *env = cJSON_AddObjectToObject(request, "env");

    for (size_t i = 0; i < exec->env_count; i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(env, exec->env[i].name);
        cJSON_AddStringToObject(env, exec->env[i].name, exec->env[i].value);
    }
}

static void add_ready(cJSON *request, const struct control_exec *exec)
{
    static const char *const names[] = {[CONTROL_TCP] = "tcp",
                                        [CONTROL_UDP] = "udp",
                                        [CONTROL_PATH] = "path",
                                        [CONTROL_OUTPUT] = "output",
                                        [CONTROL_COMMAND] = "command"};
    cJSON *object;

    if (exec->ready == CONTROL_NOT_ASKED)
        return;
    object = cJSON_AddObjectToObject(request, "ready");
    if (exec->ready == CONTROL_TCP || exec->ready == CONTROL_UDP)
        cJSON_AddNumberToObject(object, names[exec->ready], exec->ready_port);
    else
        cJSON_AddStringToObject(object, names[exec->ready], exec->ready_text);
}

static void add_streams(cJSON *request, uint64_t stream, const struct control_exec *exec)
{
    cJSON *terminal;

    cJSON_AddNumberToObject(request, "stdout", (double)stream);
    if (exec->input || exec->terminal.rows)
        cJSON_AddNumberToObject(request, "stdin", (double)stream);
    if (!exec->terminal.rows) {
        cJSON_AddNumberToObject(request, "stderr", (double)(stream + 1));
        return;
    }
    terminal = cJSON_AddObjectToObject(request, "terminal");
    cJSON_AddNumberToObject(terminal, "rows", exec->terminal.rows);
    cJSON_AddNumberToObject(terminal, "columns", exec->terminal.columns);
}

static cJSON *argv_array(const char *const argv[])
{
    int count = 0;

    while (argv[count])
        count++;
    return cJSON_CreateStringArray(argv, count);
}

static cJSON *exec_object(uint64_t id, uint64_t stream, const struct control_exec *exec)
{
    cJSON *request = xchecked(cJSON_CreateObject());

    cJSON_AddNumberToObject(request, "id", (double)id);
    cJSON_AddStringToObject(request, "name", exec->name);
    cJSON_AddItemToObject(request, "argv", argv_array(exec->argv));
    add_env(request, exec);
    cJSON_AddStringToObject(request, "cwd", exec->cwd ? exec->cwd : "/");
    add_streams(request, stream, exec);
    cJSON_AddNumberToObject(request, "timeout_ms", (double)exec->timeout_ms);
    if (exec->background)
        cJSON_AddBoolToObject(request, "background", true);
    add_ready(request, exec);
    return request;
}

char *control_message_exec(uint64_t id, uint64_t stream, const struct control_exec *exec)
{
    cJSON *request = exec_object(id, stream, exec);

    if (exec->container)
        cJSON_AddStringToObject(request, "container", exec->container);
    return print_and_free(request);
}

char *control_message_container(uint64_t id, uint64_t stream,
                                const struct control_container *container)
{
    cJSON *request = exec_object(id, stream, &container->exec);

    cJSON_AddStringToObject(request, "container", container->name);
    cJSON_AddStringToObject(request, "root", container->root);
    cJSON_AddBoolToObject(request, "overlay", container->overlay);
    cJSON_AddBoolToObject(request, "network", container->network);
    return print_and_free(request);
}

char *control_message_file(uint64_t id, uint64_t stream, const char *path, int mode,
                           const char *container)
{
    cJSON *request = xchecked(cJSON_CreateObject());

    cJSON_AddNumberToObject(request, "id", (double)id);
    cJSON_AddStringToObject(request, "path", path);
    if (mode >= 0)
        cJSON_AddNumberToObject(request, "mode", mode);
    cJSON_AddNumberToObject(request, "stream", (double)stream);
    if (container)
        cJSON_AddStringToObject(request, "container", container);
    return print_and_free(request);
}

/* -- Answers ----------------------------------------------------------------------------------- */

struct reading {
    const cJSON *json;
    const char *what; /* for messages */
    struct error *error;
    int code;
};

/* Integers up to 2^53 are exact in JSON as cJSON reads it. */
static uint64_t number(struct reading *reading, const char *key, double max)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);

    if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= max &&
        item->valuedouble == (double)(uint64_t)item->valuedouble)
        return (uint64_t)item->valuedouble;
    if (reading->code == 0)
        reading->code =
            error_set(reading->error, EBADMSG,
                      "the guest's %s has %s \"%s\"; expected a whole number from 0 to %.0f",
                      reading->what, item ? "a wrong" : "no", key, max);
    return 0;
}

#define INTEGER_MAX ((double)WIRE_ID_MAX)

/* For a field that may be left out. */
static uint64_t number_if_any(struct reading *reading, const char *key)
{
    return cJSON_HasObjectItem(reading->json, key) ? number(reading, key, INTEGER_MAX) : 0;
}

static bool boolean(struct reading *reading, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);

    if (!cJSON_IsBool(item) && reading->code == 0)
        reading->code =
            error_set(reading->error, EBADMSG, "the guest's %s has no \"%s\" that is true or false",
                      reading->what, key);
    return cJSON_IsTrue(item);
}

static void text(const struct reading *reading, const char *key, const char *otherwise, char *out,
                 size_t size)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);

    snprintf(out, size, "%s", cJSON_IsString(item) ? item->valuestring : otherwise);
}

static void read_finished(struct reading *reading, struct control_message *message)
{
    message->id = number(reading, "id", INTEGER_MAX);
    message->status = (int)number(reading, "status", 255);
    message->signal = (int)number(reading, "signal", 127);
    message->timed_out = boolean(reading, "timed_out");
    message->duration_ms = number(reading, "duration_ms", INTEGER_MAX);
    message->stdout_bytes = number(reading, "stdout_bytes", INTEGER_MAX);
    message->stderr_bytes = number(reading, "stderr_bytes", INTEGER_MAX);
    if (reading->code == 0 && message->signal != 0 && message->status != 128 + message->signal)
        reading->code = error_set(reading->error, EBADMSG,
                                  "the guest says that a command ended by signal %d with status "
                                  "%d; expected %d",
                                  message->signal, message->status, 128 + message->signal);
}

static void read_ready(struct reading *reading, struct control_message *message)
{
    uint64_t version = number(reading, "version", INTEGER_MAX);

    message->uptime_ms = number(reading, "uptime_ms", INTEGER_MAX);
    message->clock_ns = number(reading, "clock_ns", INTEGER_MAX);
    message->base = number_if_any(reading, "base");
    text(reading, "kernel", "", message->kernel, sizeof message->kernel);
    message->has_tick_device =
        cJSON_IsString(cJSON_GetObjectItemCaseSensitive(reading->json, "tick_device"));
    message->tick_hz = number_if_any(reading, "tick_hz");
    text(reading, "tick_device", "", message->tick_device, sizeof message->tick_device);
    if (reading->code == 0 && version != WIRE_PROTOCOL)
        reading->code = error_set(reading->error, EPROTO,
                                  "the guest's init speaks version %" PRIu64
                                  " of the control channel, this duet speaks %d",
                                  version, WIRE_PROTOCOL);
}

/* A cause that this duet does not know is of a newer init, and no cause to break with it. */
static uint64_t *cause_of(struct control_way *way, const char *name)
{
    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++)
        if (impair_cause_name(cause) && strcmp(impair_cause_name(cause), name) == 0)
            return &way->causes[cause];
    if (strcmp(name, "too_long") == 0)
        return &way->too_long;
    if (strcmp(name, "dropped") == 0)
        return &way->dropped;
    return strcmp(name, "unread") == 0 ? &way->unread : NULL;
}

static void read_causes(struct reading *reading, struct control_way *way)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, reading->json)
    {
        uint64_t *cause = item->string ? cause_of(way, item->string) : NULL;

        if (cause)
            *cause = number(reading, item->string, INTEGER_MAX);
    }
}

static void read_way(struct reading *reading, struct control_way *way)
{
    struct reading causes = *reading;

    way->next = number(reading, "next", INTEGER_MAX);
    way->packets_in = number(reading, "packets_in", INTEGER_MAX);
    way->bytes_in = number(reading, "bytes_in", INTEGER_MAX);
    way->packets_out = number(reading, "packets_out", INTEGER_MAX);
    way->bytes_out = number(reading, "bytes_out", INTEGER_MAX);
    causes.code = reading->code;
    causes.json = cJSON_GetObjectItemCaseSensitive(reading->json, "causes");
    read_causes(&causes, way);
    reading->code = causes.code;
}

static void read_ways(struct reading *reading, struct control_message *message)
{
    const cJSON *ways = cJSON_GetObjectItemCaseSensitive(reading->json, "ways");
    struct reading way = *reading;

    if (!cJSON_IsArray(ways) || cJSON_GetArraySize(ways) != 2) {
        reading->code = error_set(reading->error, EBADMSG,
                                  "the guest's %s of a link has no \"ways\" for both directions",
                                  reading->what);
        return;
    }
    for (int i = 0; i < 2; i++) {
        way.json = cJSON_GetArrayItem(ways, i);
        read_way(&way, &message->ways[i]);
    }
    reading->code = way.code;
}

static void read_ack(struct reading *reading, struct control_message *message)
{
    message->request = (uint32_t)number(reading, "code", UINT32_MAX);
    message->id = number(reading, "id", INTEGER_MAX);
    if (message->request == WIRE_PING) {
        message->clock_ns = number(reading, "clock_ns", INTEGER_MAX);
        message->busy_ns = number_if_any(reading, "busy_ns");
    }
    if (message->request == WIRE_ONLINECPUMEM) {
        message->cpus = number(reading, "cpus", INTEGER_MAX);
        message->memory_blocks = number(reading, "memory_blocks", INTEGER_MAX);
    }
    if (message->request >= WIRE_SETLINK && message->request <= WIRE_CLOSELINK &&
        reading->code == 0) {
        message->steps = number_if_any(reading, "steps");
        read_ways(reading, message);
    }
    if (message->request == WIRE_READFILE) {
        message->size = number(reading, "size", INTEGER_MAX);
        message->mode = (unsigned)number(reading, "mode", 07777);
    }
}

static void read_error(struct reading *reading, struct control_message *message)
{
    message->request = (uint32_t)number(reading, "code", UINT32_MAX);
    message->id = number(reading, "id", INTEGER_MAX);
    message->stream = number_if_any(reading, "stream");
    text(reading, "reason", "it gave no reason", message->reason, sizeof message->reason);
}

static void read_next(struct reading *reading, struct control_message *message)
{
    message->stream = number(reading, "stream", INTEGER_MAX);
    message->bytes = number(reading, "bytes", INTEGER_MAX);
}

static void read_command_ready(struct reading *reading, struct control_message *message)
{
    message->id = number(reading, "id", INTEGER_MAX);
}

static void read_failed(struct reading *reading, struct control_message *message)
{
    text(reading, "reason", "it gave no reason", message->reason, sizeof message->reason);
}

static const struct {
    enum wire_code code;
    const char *name;
    void (*read)(struct reading *reading, struct control_message *message);
} kinds[] = {{WIRE_READY, "READY", read_ready},
             {WIRE_ACK, "ACK", read_ack},
             {WIRE_ERROR, "ERROR", read_error},
             {WIRE_NEXT, "NEXT", read_next},
             {WIRE_CMDREADY, "CMDREADY", read_command_ready},
             {WIRE_CMDFINISHED, "CMDFINISHED", read_finished},
             {WIRE_FAILED, "FAILED", read_failed}};

static void read_message(struct reading *reading, struct control_message *message)
{
    for (size_t i = 0; i < array_size(kinds); i++)
        if (kinds[i].code == message->code) {
            reading->what = kinds[i].name;
            kinds[i].read(reading, message);
            return;
        }
    reading->code =
        error_set(reading->error, EBADMSG, "the guest sent a frame of code %u, which is no answer",
                  (unsigned int)message->code);
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at == end;
}

int control_message_read(const struct wire_ctl *frame, struct control_message *message,
                         struct error *error)
{
    struct control_message read = {.code = (enum wire_code)frame->code};
    const char *end = frame->payload;
    cJSON *json = cJSON_ParseWithLengthOpts(frame->payload, frame->payload_length, &end, 0);
    struct reading reading = {.json = json, .error = error};

    if (!cJSON_IsObject(json) || !is_blank(end, frame->payload + frame->payload_length)) {
        cJSON_Delete(json);
        return error_set(error, EBADMSG,
                         "the payload of a frame of code %u from the guest is not a JSON object",
                         (unsigned int)frame->code);
    }
    read_message(&reading, &read);
    cJSON_Delete(json);
    if (reading.code < 0)
        return reading.code;
    *message = read;
    return 0;
}
