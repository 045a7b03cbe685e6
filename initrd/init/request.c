#include "initrd/init/request.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/field.h"
#include "initrd/init/matcher.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>

#define ID_MAX (INT64_C(1) << 53) /* what every JSON library holds exactly */

enum { TIMEOUT_MAX_MS = 24 * 3600 * 1000 };

static void json_free(json_t **json)
{
    json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(json_free)))

static void list_free(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

void request_free(struct request *request)
{
    if (!request)
        return;
    free(request->exec.name);
    list_free(request->exec.argv);
    list_free(request->exec.env);
    free(request->exec.cwd);
    free(request->exec.ready_text);
    pod_free(&request->pod);
    free(request);
}

static int parse_argv(const json_t *json, struct exec_request *exec, struct error *error)
{
    const json_t *list = json_object_get(json, "argv");
    size_t count = json_array_size(list);

    if (!json_is_array(list) || count == 0)
        return json_is_array(list) ? error_set(error, EINVAL, "\"argv\" is empty")
                                   : field_wrong("argv", list, "an array of strings", error);
    exec->argv = xcalloc(count + 1, sizeof *exec->argv);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);

        if (!json_is_string(item))
            return error_set(error, EINVAL, "\"argv\"[%zu] is %s; expected a string", i,
                             field_type(item));
        exec->argv[i] = xstrdup(json_string_value(item));
    }
    if (!exec->argv[0][0])
        return error_set(error, EINVAL, "\"argv\"[0] is empty");
    return 0;
}

static int parse_env(const json_t *json, struct exec_request *exec, struct error *error)
{
    json_t *env = json_object_get(json, "env");
    const char *key;
    json_t *value;
    size_t count = 0;

    if (env && !json_is_object(env))
        return field_wrong("env", env, "an object of strings", error);
    exec->env = xcalloc(json_object_size(env) + 1, sizeof *exec->env);
    json_object_foreach(env, key, value)
    {
        if (!*key || strchr(key, '='))
            return error_set(error, EINVAL, "\"env\": \"%s\" cannot name a variable", key);
        if (!json_is_string(value))
            return field_wrong(key, value, "a string", error);
        exec->env[count++] = xasprintf("%s=%s", key, json_string_value(value));
    }
    return 0;
}

static int parse_ready(json_t *json, struct exec_request *exec, struct error *error)
{
    static const struct {
        const char *key;
        enum ready_kind kind;
    } kinds[] = {{"tcp", READY_TCP},
                 {"udp", READY_UDP},
                 {"path", READY_PATH},
                 {"output", READY_OUTPUT},
                 {"command", READY_COMMAND}};
    json_t *ready = json_object_get(json, "ready");
    const char *key;
    int64_t port;
    int code = 0;

    if (!ready)
        return 0;
    if (!json_is_object(ready) || json_object_size(ready) != 1)
        return error_set(error, EINVAL, "\"ready\" is not an object with one field");
    key = json_object_iter_key(json_object_iter(ready));
    for (size_t i = 0; i < array_size(kinds); i++)
        if (strcmp(key, kinds[i].key) == 0)
            exec->ready = kinds[i].kind;
    if (exec->ready == READY_NONE)
        return error_set(error, EINVAL, "\"ready\": unknown field \"%s\"", key);
    if (exec->ready == READY_TCP || exec->ready == READY_UDP) {
        code = field_integer(ready, key, 1, UINT16_MAX, &port, error);
        exec->ready_port = code < 0 ? 0 : (uint16_t)port;
        return code;
    }
    code = field_string(ready, key, &exec->ready_text, error);
    if (code == 0 && exec->ready == READY_OUTPUT && strlen(exec->ready_text) > MATCHER_TEXT_MAX)
        return error_set(error, EINVAL, "\"output\" has more than %d bytes", MATCHER_TEXT_MAX);
    return code;
}

static int parse_streams(const json_t *json, struct exec_request *exec, struct error *error)
{
    int64_t out, err;
    int code = field_integer(json, "stdout", 1, ID_MAX, &out, error);

    if (code == 0)
        code = field_integer(json, "stderr", 1, ID_MAX, &err, error);
    if (code < 0)
        return code;
    if (out == err)
        return error_set(error, EINVAL, "\"stdout\" and \"stderr\" are the same stream");
    exec->stdout_stream = (uint64_t)out;
    exec->stderr_stream = (uint64_t)err;
    return 0;
}

/* The fields that may be left out. */
static int parse_options(const json_t *json, struct exec_request *exec, struct error *error)
{
    const json_t *background = json_object_get(json, "background");
    int64_t timeout_ms = 0;
    int code = 0;

    if (json_object_get(json, "timeout_ms"))
        code = field_integer(json, "timeout_ms", 0, TIMEOUT_MAX_MS, &timeout_ms, error);
    if (code < 0)
        return code;
    exec->timeout_ms = (uint64_t)timeout_ms;
    if (background && !json_is_boolean(background))
        return field_wrong("background", background, "a boolean", error);
    exec->background = json_is_true(background);
    if (!json_object_get(json, "cwd"))
        exec->cwd = xstrdup("/");
    else if ((code = field_string(json, "cwd", &exec->cwd, error)) < 0)
        return code;
    if (exec->cwd[0] != '/')
        return error_set(error, EINVAL, "\"cwd\" is \"%s\"; expected an absolute path", exec->cwd);
    return 0;
}

static int parse_exec(json_t *json, struct request *request, struct error *error)
{
    static const char *const known[] = {"id",         "name",   "argv",   "env",
                                        "cwd",        "stdout", "stderr", "timeout_ms",
                                        "background", "ready",  NULL};
    struct exec_request *exec = &request->exec;
    int code = field_check_known(json, known, error);

    if (code == 0)
        code = field_string(json, "name", &exec->name, error);
    if (code == 0)
        code = parse_argv(json, exec, error);
    if (code == 0)
        code = parse_env(json, exec, error);
    if (code == 0)
        code = parse_streams(json, exec, error);
    if (code == 0)
        code = parse_options(json, exec, error);
    return code < 0 ? code : parse_ready(json, exec, error);
}

static int parse_kill(json_t *json, struct request *request, struct error *error)
{
    static const char *const known[] = {"id", "target", "signal", NULL};
    int64_t target, signal_number;
    int code = field_check_known(json, known, error);

    if (code == 0)
        code = field_integer(json, "target", 1, ID_MAX, &target, error);
    if (code == 0)
        code = field_integer(json, "signal", 1, _NSIG - 1, &signal_number, error);
    if (code < 0)
        return code;
    request->target = (uint64_t)target;
    request->signal = (int)signal_number;
    return 0;
}

static int parse_bare(json_t *json, struct error *error)
{
    static const char *const known[] = {"id", NULL};

    return field_check_known(json, known, error);
}

static int parse_body(json_t *json, struct request *request, struct error *error)
{
    switch (request->code) {
    case WIRE_STARTPOD:
        return pod_parse(json, &request->pod, error);
    case WIRE_EXECCMD:
        return parse_exec(json, request, error);
    case WIRE_KILLCONTAINER:
        return parse_kill(json, request, error);
    case WIRE_PING:
    case WIRE_DESTROYPOD:
        return parse_bare(json, error);
    default:
        return error_set(error, EINVAL, "unknown code %" PRIu32, request->code);
    }
}

int request_parse(uint32_t code, const void *payload, size_t length, uint64_t *id,
                  struct request **out, struct error *error)
{
    json_error_t where;
    cleanup_json json_t *json = json_loadb(payload, length, JSON_REJECT_DUPLICATES, &where);
    struct request *request;
    int64_t number;
    int result;

    *id = 0;
    if (!json)
        return error_set(error, EINVAL, "the payload is not JSON: byte %d: %s", where.position,
                         where.text);
    if (!json_is_object(json))
        return error_set(error, EINVAL, "the payload is %s; expected an object", field_type(json));
    result = field_integer(json, "id", 1, ID_MAX, &number, error);
    if (result < 0)
        return result;
    *id = (uint64_t)number;
    request = xcalloc(1, sizeof *request);
    request->code = code;
    request->id = *id;
    result = parse_body(json, request, error);
    if (result < 0) {
        request_free(request);
        return result;
    }
    *out = request;
    return 0;
}
