#include "runner/hub_request.h"

#include "base/memory.h"
#include "results/text.h"
#include "vm/control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* -- What the agent can read ------------------------------------------------------------------- */

static bool is_whole(const cJSON *item)
{
    return cJSON_IsNumber(item) && item->valuedouble >= -(double)WIRE_ID_MAX &&
           item->valuedouble <= (double)WIRE_ID_MAX &&
           item->valuedouble == (double)(int64_t)item->valuedouble;
}

/* cJSON would print some with an exponent, which makes a real number of it for others. */
static void print_whole(cJSON *item)
{
    char *text = xasprintf("%" PRId64, (int64_t)item->valuedouble);
    char *copy = xchecked(cJSON_malloc(strlen(text) + 1));

    memcpy(copy, text, strlen(text) + 1);
    free(text);
    item->type = cJSON_Raw;
    item->valuestring = copy;
}

static int by_name(const void *a, const void *b)
{
    const cJSON *const *one = a, *const *other = b;

    return strcmp((*one)->string, (*other)->string);
}

static int check_names(const cJSON *object, struct error *error)
{
    size_t count = (size_t)cJSON_GetArraySize(object);
    cleanup_free const cJSON **fields = xcalloc(count + 1, sizeof(cJSON *));
    size_t i = 0;

    for (const cJSON *field = object->child; field; field = field->next)
        fields[i++] = field;
    qsort(fields, count, sizeof(cJSON *), by_name);
    for (i = 1; i < count; i++)
        if (strcmp(fields[i - 1]->string, fields[i]->string) == 0)
            return error_set(error, EINVAL, "\"%.64s\" is given twice", fields[i]->string);
    return 0;
}

/* cJSON takes no more than CJSON_NESTING_LIMIT levels. */
static int make_readable(cJSON *json, struct error *error)
{
    int code = cJSON_IsObject(json) ? check_names(json, error) : 0;

    if (cJSON_IsNumber(json) && !is_whole(json))
        return error_set(error, EINVAL, "a number that is not whole, or larger than 2^53");
    if (cJSON_IsNumber(json))
        print_whole(json);
    for (cJSON *item = json->child; item && code == 0; item = item->next)
        code = make_readable(item, error);
    return code;
}

/* -- What the hub reads ------------------------------------------------------------------------ */

struct reading {
    const cJSON *json;
    uint64_t base;
    struct error *error;
    int code;
};

static uint64_t any_number(struct reading *reading, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);

    if (!item || reading->code < 0)
        return 0;
    if (is_whole(item) && item->valuedouble > 0)
        return (uint64_t)item->valuedouble;
    reading->code =
        error_set(reading->error, EINVAL, "\"%s\" is no whole number from 1 to 2^53", key);
    return 0;
}

static uint64_t own_number(struct reading *reading, const char *key)
{
    uint64_t number = any_number(reading, key);

    if (number == 0 || (number >> CONTROL_BASE_SHIFT == reading->base &&
                        number != reading->base << CONTROL_BASE_SHIFT))
        return number;
    reading->code =
        error_set(reading->error, EINVAL,
                  "\"%s\" is %" PRIu64 "; the numbers of this client are above %" PRIu64 " << %d",
                  key, number, reading->base, CONTROL_BASE_SHIFT);
    return 0;
}

static void need(struct reading *reading, const char *key, uint64_t number)
{
    if (number == 0 && reading->code == 0)
        reading->code = error_set(reading->error, EINVAL, "\"%s\" is missing", key);
}

static void read_streams(struct reading *reading, uint32_t code, struct hub_request *request)
{
    uint64_t stream = own_number(reading, "stream");

    request->runs =
        code == WIRE_EXECCMD || code == WIRE_NEWCONTAINER || code == WIRE_RESTARTCONTAINER;
    request->in = own_number(reading, "stdin");
    request->out = own_number(reading, "stdout");
    request->err = own_number(reading, "stderr");
    own_number(reading, "target");
    if (code == WIRE_WRITEFILE)
        request->in = stream;
    if (code == WIRE_READFILE)
        request->out = stream;
}

static int check_code(uint32_t code, struct error *error)
{
    switch (code) {
    case WIRE_STARTPOD:
    case WIRE_FINISHPOD:
    case WIRE_DESTROYPOD:
        return error_set(error, EINVAL,
                         "the node belongs to the duet that keeps it up: `duet down` ends it");
    case WIRE_VERSION:
    case WIRE_RESTARTCONTAINER:
    case WIRE_EXECCMD:
    case WIRE_WINSIZE:
    case WIRE_PING:
    case WIRE_NEXT:
    case WIRE_WRITEFILE:
    case WIRE_READFILE:
    case WIRE_NEWCONTAINER:
    case WIRE_KILLCONTAINER:
    case WIRE_ONLINECPUMEM:
    case WIRE_SETUPINTERFACE:
    case WIRE_SETUPROUTE:
    case WIRE_REMOVECONTAINER:
        return 0;
    default:
        return error_set(error, EINVAL, "there is no request with code %u", (unsigned int)code);
    }
}

static int read_fields(const struct wire_ctl *frame, cJSON *json, uint64_t base,
                       struct hub_request *request, struct error *error)
{
    struct reading reading = {.json = json, .base = base, .error = error};

    if (frame->code == WIRE_NEXT) {
        request->stream = own_number(&reading, "stream");
        request->bytes = any_number(&reading, "bytes");
        need(&reading, "stream", request->stream);
        need(&reading, "bytes", request->bytes);
        return reading.code;
    }
    request->id = own_number(&reading, "id");
    need(&reading, "id", request->id);
    if (reading.code == 0)
        reading.code = check_code(frame->code, error);
    read_streams(&reading, frame->code, request);
    return reading.code;
}

/* What is no object is for the guest to refuse. */
static void add_env(cJSON *json, const struct suite_pairs *env)
{
    cJSON *own = cJSON_GetObjectItemCaseSensitive(json, "env");

    if (!own && env->count > 0)
        own = xchecked(cJSON_AddObjectToObject(json, "env"));
    for (size_t i = env->count; i-- > 0 && cJSON_IsObject(own);)
        if (!cJSON_GetObjectItemCaseSensitive(own, env->items[i].name))
            xchecked(cJSON_AddStringToObject(own, env->items[i].name, env->items[i].value));
}

int hub_request_read(const struct wire_ctl *frame, uint64_t base, const struct suite_pairs *env,
                     struct hub_request *request, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    int code = 0;
    cJSON *json;

    *request = (struct hub_request){0};
    text_utf8(&text, frame->payload, frame->payload_length);
    json = text.length ? cJSON_ParseWithLength(text.data, text.length) : NULL;
    if (!cJSON_IsObject(json))
        code = error_set(error, EINVAL, "the payload is no JSON object");
    if (code == 0)
        code = read_fields(frame, json, base, request, error);
    if (code == 0)
        code = make_readable(json, error);
    if (code == 0 && frame->code == WIRE_EXECCMD)
        add_env(json, env);
    if (code == 0)
        request->payload = xchecked(cJSON_PrintUnformatted(json));
    cJSON_Delete(json);
    return code;
}
