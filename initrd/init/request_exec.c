#include "initrd/init/request_exec.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/field.h"
#include "initrd/init/matcher.h"

#include <errno.h>
#include <string.h>

enum { TIMEOUT_MAX_MS = 24 * 3600 * 1000 };

static void list_free(char **list)
{
    for (char **at = list; at && *at; at++)
        free(*at);
    free(list);
}

void request_exec_free(struct exec_request *exec)
{
    free(exec->name);
    list_free(exec->argv);
    list_free(exec->env);
    free(exec->cwd);
    free(exec->ready_text);
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

int request_exec_parse_streams(const json_t *json, struct exec_request *exec, struct error *error)
{
    int64_t in = 0, out = 0, err = 0;
    int code = field_integer(json, "stdout", 1, WIRE_ID_MAX, &out, error);

    if (code == 0)
        code = field_option(json, "stderr", 1, WIRE_ID_MAX, &err, error);
    if (code == 0)
        code = field_option(json, "stdin", 1, WIRE_ID_MAX, &in, error);
    if (code < 0)
        return code;
    if (out == err)
        return error_set(error, EINVAL, "\"stdout\" and \"stderr\" are the same stream");
    exec->stdin_stream = (uint64_t)in;
    exec->stdout_stream = (uint64_t)out;
    exec->stderr_stream = (uint64_t)err;
    return 0;
}

int request_check_streams(const struct exec_request *streams, bool terminal, struct error *error)
{
    if (!terminal && !streams->stderr_stream)
        return field_wrong("stderr", NULL, "an integer", error);
    if (terminal && streams->stderr_stream)
        return error_set(error, EINVAL, "a terminal has no \"stderr\" of its own");
    if (terminal && !streams->stdin_stream)
        return error_set(error, EINVAL,
                         "\"stdin\" is missing: what is typed at the terminal comes there");
    return 0;
}

static int parse_terminal(const json_t *json, struct exec_request *exec, struct error *error)
{
    static const char *const known[] = {"rows", "columns", NULL};
    json_t *terminal = json_object_get(json, "terminal");
    int64_t rows = 0, columns = 0;
    int code;

    if (!terminal)
        return 0;
    code = field_check_known(terminal, known, error);
    if (code == 0)
        code = field_integer(terminal, "rows", 1, UINT16_MAX, &rows, error);
    if (code == 0)
        code = field_integer(terminal, "columns", 1, UINT16_MAX, &columns, error);
    if (code < 0)
        return error_context(error, "\"terminal\"");
    exec->terminal = true;
    exec->rows = (uint16_t)rows;
    exec->columns = (uint16_t)columns;
    return 0;
}

static int parse_cwd(const json_t *json, struct exec_request *exec, struct error *error)
{
    if (json_object_get(json, "cwd"))
        return field_path(json, "cwd", &exec->cwd, error);
    exec->cwd = xstrdup("/");
    return 0;
}

/* The fields that may be left out. */
static int parse_options(const json_t *json, struct exec_request *exec, struct error *error)
{
    int64_t timeout_ms = 0;
    int code = field_option(json, "timeout_ms", 0, TIMEOUT_MAX_MS, &timeout_ms, error);

    exec->timeout_ms = (uint64_t)timeout_ms;
    if (code == 0)
        code = field_boolean(json, "background", &exec->background, error);
    if (code == 0)
        code = parse_cwd(json, exec, error);
    return code < 0 ? code : parse_terminal(json, exec, error);
}

int request_exec_parse(json_t *json, struct exec_request *exec, struct error *error)
{
    int code = field_string(json, "name", &exec->name, error);

    if (code == 0)
        code = parse_argv(json, exec, error);
    if (code == 0)
        code = parse_env(json, exec, error);
    if (code == 0)
        code = request_exec_parse_streams(json, exec, error);
    if (code == 0)
        code = parse_options(json, exec, error);
    if (code == 0)
        code = request_check_streams(exec, exec->terminal, error);
    return code < 0 ? code : parse_ready(json, exec, error);
}
