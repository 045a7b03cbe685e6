#include "runner/agent.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- Requests ---------------------------------------------------------------------------------- */

static char *print_and_free(cJSON *json)
{
    char *text = cJSON_PrintUnformatted(json);

    cJSON_Delete(json);
    if (!text)
        return xstrdup("{}"); /* out of memory: the guest refuses it, so nothing is lost silently */
    return text;
}

static void add_env(cJSON *request, const struct agent_command *command)
{
    cJSON *env = cJSON_AddObjectToObject(request, "env");

    for (size_t layer = 0; layer < array_size(command->env); layer++) {
        const struct suite_pairs *pairs = command->env[layer];

        for (size_t i = 0; pairs && i < pairs->count; i++) {
            cJSON_DeleteItemFromObjectCaseSensitive(env, pairs->items[i].name);
            cJSON_AddStringToObject(env, pairs->items[i].name, pairs->items[i].value);
        }
    }
}

static void add_ready(cJSON *request, const struct suite_ready *ready)
{
    static const char *const names[] = {[SUITE_READY_TCP] = "tcp",
                                        [SUITE_READY_UDP] = "udp",
                                        [SUITE_READY_PATH] = "path",
                                        [SUITE_READY_OUTPUT] = "output",
                                        [SUITE_READY_COMMAND] = "command"};
    cJSON *object;

    if (ready->kind == SUITE_READY_STARTED)
        return;
    object = cJSON_AddObjectToObject(request, "ready");
    if (ready->kind == SUITE_READY_TCP || ready->kind == SUITE_READY_UDP)
        cJSON_AddNumberToObject(object, names[ready->kind], ready->port);
    else
        cJSON_AddStringToObject(object, names[ready->kind], ready->text);
}

/* The time is a string: JSON's numbers are exact up to 2^53, which is 104 days of nanoseconds. */
char *agent_startpod(uint64_t id, const char *pod, uint64_t time_ns,
                     const uint8_t entropy[static AGENT_ENTROPY_SIZE])
{
    char digits[2 * AGENT_ENTROPY_SIZE + 1];

    for (size_t i = 0; i < AGENT_ENTROPY_SIZE; i++)
        snprintf(digits + 2 * i, 3, "%02x", entropy[i]);
    return xasprintf("{\"id\":%" PRIu64 ",\"time_ns\":\"%" PRIu64 "\",\"entropy\":\"%s\",%s", id,
                     time_ns, digits, pod + 1);
}

char *agent_execcmd(const struct agent_command *command)
{
    const char *const argv[] = {"/bin/sh", "-c", command->script};
    cJSON *request = cJSON_CreateObject();

    cJSON_AddNumberToObject(request, "id", (double)command->id);
    cJSON_AddStringToObject(request, "name", command->name);
    cJSON_AddItemToObject(request, "argv", cJSON_CreateStringArray(argv, array_size(argv)));
    add_env(request, command);
    cJSON_AddStringToObject(request, "cwd", "/");
    cJSON_AddNumberToObject(request, "stdout", (double)command->stdout_stream);
    cJSON_AddNumberToObject(request, "stderr", (double)command->stderr_stream);
    cJSON_AddNumberToObject(request, "timeout_ms", (double)command->timeout_ms);
    if (command->ready) {
        cJSON_AddBoolToObject(request, "background", true);
        add_ready(request, command->ready);
    }
    return print_and_free(request);
}

char *agent_kill(uint64_t id, uint64_t target, int signal_number)
{
    return xasprintf("{\"id\":%" PRIu64 ",\"target\":%" PRIu64 ",\"signal\":%d}", id, target,
                     signal_number);
}

char *agent_plain(uint64_t id)
{
    return xasprintf("{\"id\":%" PRIu64 "}", id);
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

static bool boolean(struct reading *reading, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);

    if (!cJSON_IsBool(item) && reading->code == 0)
        reading->code =
            error_set(reading->error, EBADMSG, "the guest's %s has no \"%s\" that is true or false",
                      reading->what, key);
    return cJSON_IsTrue(item);
}

#define INTEGER_MAX 9007199254740992.0 /* 2^53 */

static void read_finished(struct reading *reading, struct agent_event *event)
{
    event->status = (int)number(reading, "status", 255);
    event->signal = (int)number(reading, "signal", 127);
    event->timed_out = boolean(reading, "timed_out");
    event->duration_ms = number(reading, "duration_ms", INTEGER_MAX);
    event->stdout_bytes = number(reading, "stdout_bytes", INTEGER_MAX);
    event->stderr_bytes = number(reading, "stderr_bytes", INTEGER_MAX);
    if (reading->code == 0 && event->signal != 0 && event->status != 128 + event->signal)
        reading->code = error_set(reading->error, EBADMSG,
                                  "the guest says that a command ended by signal %d with status "
                                  "%d; expected %d",
                                  event->signal, event->status, 128 + event->signal);
}

static void read_ready(struct reading *reading, struct agent_event *event)
{
    uint64_t version = number(reading, "version", INTEGER_MAX);

    event->uptime_ms = number(reading, "uptime_ms", INTEGER_MAX);
    event->clock_ns = number(reading, "clock_ns", INTEGER_MAX);
    if (reading->code == 0 && version != AGENT_VERSION)
        reading->code = error_set(reading->error, EPROTO,
                                  "the guest's init speaks version %" PRIu64
                                  " of the control channel, this duet speaks %d",
                                  version, AGENT_VERSION);
}

static void read_answer(struct reading *reading, struct agent_event *event)
{
    const cJSON *reason = cJSON_GetObjectItemCaseSensitive(reading->json, "reason");

    event->request = (uint32_t)number(reading, "code", UINT32_MAX);
    event->id = number(reading, "id", INTEGER_MAX);
    if (event->code == WIRE_ERROR)
        snprintf(event->reason, sizeof event->reason, "%s",
                 cJSON_IsString(reason) ? reason->valuestring : "it gave no reason");
    else if (event->request == WIRE_PING)
        event->clock_ns = number(reading, "clock_ns", INTEGER_MAX);
}

static void read_event(struct reading *reading, struct agent_event *event)
{
    switch (event->code) {
    case WIRE_READY:
        reading->what = "READY";
        read_ready(reading, event);
        break;
    case WIRE_ACK:
    case WIRE_ERROR:
        reading->what = event->code == WIRE_ACK ? "ACK" : "ERROR";
        read_answer(reading, event);
        break;
    case WIRE_CMDREADY:
        reading->what = "CMDREADY";
        event->id = number(reading, "id", INTEGER_MAX);
        break;
    case WIRE_CMDFINISHED:
        reading->what = "CMDFINISHED";
        event->id = number(reading, "id", INTEGER_MAX);
        read_finished(reading, event);
        break;
    default:
        reading->code = error_set(reading->error, EBADMSG,
                                  "the guest sent a frame of code %u, which is no answer",
                                  (unsigned int)event->code);
    }
}

static bool is_blank(const char *at, const char *end)
{
    while (at < end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at == end;
}

int agent_read(const struct wire_ctl *frame, struct agent_event *event, struct error *error)
{
    struct agent_event read = {.code = (enum wire_code)frame->code};
    const char *end = frame->payload;
    cJSON *json = cJSON_ParseWithLengthOpts(frame->payload, frame->payload_length, &end, 0);
    struct reading reading = {.json = json, .error = error};

    if (!cJSON_IsObject(json) || !is_blank(end, frame->payload + frame->payload_length)) {
        cJSON_Delete(json);
        return error_set(error, EBADMSG,
                         "the payload of a frame of code %u from the guest is not a JSON object",
                         (unsigned int)frame->code);
    }
    read_event(&reading, &read);
    cJSON_Delete(json);
    if (reading.code < 0)
        return reading.code;
    *event = read;
    return 0;
}
