#include "initrd/init/request.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/field.h"
#include "initrd/init/request_exec.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <string.h>

enum { MODE_MAX = 07777 };

/* What EXECCMD and NEWCONTAINER have in common. */
#define EXEC_FIELDS                                                                                \
    "name", "argv", "env", "cwd", "stdin", "stdout", "stderr", "timeout_ms", "background",         \
        "ready", "terminal"

static void json_free(json_t **json)
{
    json_decref(*json);
}

#define cleanup_json __attribute__((cleanup(json_free)))

struct request *request_share(struct request *request)
{
    request->references++;
    return request;
}

void request_free(struct request *request)
{
    if (!request || --request->references > 0)
        return;
    for (size_t i = 0; i < request->container_count; i++)
        request_free(request->containers[i]);
    free(request->containers);
    request_exec_free(&request->exec);
    pod_free(&request->pod);
    free(request->container);
    free(request->root);
    free(request->hostname);
    free(request->path);
    free(request->interface);
    json_decref(request->impair);
    free(request);
}

/* -- Fields that several have ------------------------------------------------------------------ */

static int take_container(const json_t *json, struct request *request, struct error *error)
{
    return field_name(json, "container", "the name of a container", &request->container, error);
}

static int take_optional_container(const json_t *json, struct request *request, struct error *error)
{
    return json_object_get(json, "container") ? take_container(json, request, error) : 0;
}

/* A number from 1 to the highest that an id or a stream can have. */
static int take_number(const json_t *json, const char *key, uint64_t *out, struct error *error)
{
    int64_t number = 0;
    int code = field_integer(json, key, 1, WIRE_ID_MAX, &number, error);

    if (code == 0)
        *out = (uint64_t)number;
    return code;
}

static int take_length(const json_t *json, const char *key, uint16_t *out, struct error *error)
{
    int64_t number = 0;
    int code = field_integer(json, key, 1, UINT16_MAX, &number, error);

    if (code == 0)
        *out = (uint16_t)number;
    return code;
}

/* -- Requests, as docs/control-channel.md lists them ------------------------------------------- */

static int parse_version(json_t *json, struct request *request, struct error *error)
{
    int64_t version = 0;
    int code = field_integer(json, "version", 0, WIRE_ID_MAX, &version, error);

    request->version = (uint64_t)version;
    return code;
}

static int parse_exec(json_t *json, struct request *request, struct error *error)
{
    int code = request_exec_parse(json, &request->exec, error);

    return code < 0 ? code : take_optional_container(json, request, error);
}

static int parse_new_container(json_t *json, struct request *request, struct error *error)
{
    int code = take_container(json, request, error);

    if (code == 0)
        code = field_path(json, "root", &request->root, error);
    if (code == 0)
        code = field_boolean(json, "overlay", &request->overlay, error);
    if (code == 0)
        code = field_boolean(json, "network", &request->network, error);
    if (code == 0 && !json_object_get(json, "hostname"))
        request->hostname = xstrdup(request->container);
    else if (code == 0)
        code = field_name(json, "hostname", "a host name", &request->hostname, error);
    return code < 0 ? code : request_exec_parse(json, &request->exec, error);
}

static int parse_restart(json_t *json, struct request *request, struct error *error)
{
    int code = take_container(json, request, error);

    return code < 0 ? code : request_exec_parse_streams(json, &request->exec, error);
}

static int parse_named(json_t *json, struct request *request, struct error *error)
{
    return take_container(json, request, error);
}

static int parse_size(json_t *json, struct request *request, struct error *error)
{
    int code = take_number(json, "target", &request->target, error);

    if (code == 0)
        code = take_length(json, "rows", &request->rows, error);
    return code < 0 ? code : take_length(json, "columns", &request->columns, error);
}

static int parse_next(json_t *json, struct request *request, struct error *error)
{
    int code = take_number(json, "stream", &request->stream, error);

    return code < 0 ? code : take_number(json, "bytes", &request->bytes, error);
}

static int parse_read(json_t *json, struct request *request, struct error *error)
{
    int code = field_path(json, "path", &request->path, error);

    if (code == 0)
        code = take_number(json, "stream", &request->stream, error);
    return code < 0 ? code : take_optional_container(json, request, error);
}

static int parse_write(json_t *json, struct request *request, struct error *error)
{
    int64_t mode = 0;
    int code = field_integer(json, "mode", 0, MODE_MAX, &mode, error);

    request->mode = (unsigned)mode;
    return code < 0 ? code : parse_read(json, request, error);
}

static int parse_kill(json_t *json, struct request *request, struct error *error)
{
    int64_t signal_number = 0;
    int code = field_integer(json, "signal", 1, _NSIG - 1, &signal_number, error);

    if (code < 0)
        return code;
    request->signal = (int)signal_number;
    if (!json_object_get(json, "container"))
        return take_number(json, "target", &request->target, error);
    if (json_object_get(json, "target"))
        return error_set(error, EINVAL, "there are both \"target\" and \"container\"");
    return take_container(json, request, error);
}

static int parse_interface(json_t *json, struct request *request, struct error *error)
{
    return pod_parse_interface(json, &request->pod, error);
}

static int parse_routes(json_t *json, struct request *request, struct error *error)
{
    return pod_parse_routes(json, &request->pod, error);
}

static int parse_link(json_t *json, struct request *request, struct error *error)
{
    return field_string(json, "interface", &request->interface, error);
}

/* What it says is read where the settings are that it changes. */
static int parse_link_settings(json_t *json, struct request *request, struct error *error)
{
    int code = parse_link(json, request, error);

    if (code == 0 && !json_object_get(json, "impair"))
        code = field_wrong("impair", NULL, "an array", error);
    if (code == 0)
        request->impair = json_incref(json);
    return code;
}

static int parse_nothing(json_t *json, struct request *request, struct error *error)
{
    (void)json;
    (void)request;
    (void)error;
    return 0;
}

static int parse_pod(json_t *json, struct request *request, struct error *error);

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct kind {
    uint32_t code;
    int (*parse)(json_t *json, struct request *request, struct error *error);
    const char *const *known; /* fields; NULL: `parse` looks itself */
} kinds[] = {
    {WIRE_VERSION, parse_version, FIELDS("id", "version")},
    {WIRE_STARTPOD, parse_pod, NULL},
    {WIRE_DESTROYPOD, parse_nothing, FIELDS("id")},
    {WIRE_RESTARTCONTAINER, parse_restart, FIELDS("id", "container", "stdin", "stdout", "stderr")},
    {WIRE_EXECCMD, parse_exec, FIELDS("id", EXEC_FIELDS, "container")},
    {WIRE_WINSIZE, parse_size, FIELDS("id", "target", "rows", "columns")},
    {WIRE_PING, parse_nothing, FIELDS("id")},
    {WIRE_FINISHPOD, parse_nothing, FIELDS("id")},
    {WIRE_NEXT, parse_next, FIELDS("stream", "bytes")},
    {WIRE_WRITEFILE, parse_write, FIELDS("id", "path", "mode", "stream", "container")},
    {WIRE_READFILE, parse_read, FIELDS("id", "path", "stream", "container")},
    {WIRE_NEWCONTAINER, parse_new_container,
     FIELDS("id", EXEC_FIELDS, "container", "root", "overlay", "network", "hostname")},
    {WIRE_KILLCONTAINER, parse_kill, FIELDS("id", "target", "container", "signal")},
    {WIRE_ONLINECPUMEM, parse_nothing, FIELDS("id")},
    {WIRE_SETUPINTERFACE, parse_interface, NULL},
    {WIRE_SETUPROUTE, parse_routes, NULL},
    {WIRE_REMOVECONTAINER, parse_named, FIELDS("id", "container")},
    {WIRE_SETLINK, parse_link_settings, FIELDS("id", "interface", "impair")},
    {WIRE_LINKSTATE, parse_link, FIELDS("id", "interface")},
    {WIRE_CLOSELINK, parse_link, FIELDS("id", "interface")},
};

static const struct kind *find_kind(uint32_t code)
{
    for (size_t i = 0; i < array_size(kinds); i++)
        if (kinds[i].code == code)
            return &kinds[i];
    return NULL;
}

static int take_id(const json_t *json, uint32_t code, uint64_t *id, struct error *error)
{
    return code == WIRE_NEXT ? 0 : take_number(json, "id", id, error);
}

static int parse_object(json_t *json, uint32_t code, uint64_t id, struct request **out,
                        struct error *error)
{
    const struct kind *kind = find_kind(code);
    struct request *request;
    int result = 0;

    if (!kind)
        return error_set(error, EINVAL, "unknown code %" PRIu32, code);
    request = xcalloc(1, sizeof *request);
    request->references = 1;
    request->code = code;
    request->id = id;
    if (kind->known)
        result = field_check_known(json, kind->known, error);
    if (result == 0)
        result = kind->parse(json, request, error);
    if (result < 0) {
        request_free(request);
        return result;
    }
    *out = request;
    return 0;
}

/* Containers that a node starts with: requests of their own, which must not be in each other's
 * way. */
static int check_new_container(const struct request *pod, const struct request *container,
                               struct error *error)
{
    if (container->id == pod->id)
        return error_set(error, EINVAL, "it has the id of STARTPOD itself");
    for (size_t i = 0; i < pod->container_count; i++) {
        if (pod->containers[i]->id == container->id)
            return error_set(error, EINVAL, "two containers have the id %" PRIu64, container->id);
        if (strcmp(pod->containers[i]->container, container->container) == 0)
            return error_set(error, EINVAL, "two containers are named %s", container->container);
    }
    return 0;
}

static int add_container(void *context, json_t *item, struct error *error)
{
    struct request *pod = context;
    struct request *container = NULL;
    uint64_t id = 0;
    int code = 0;

    if (!json_is_object(item))
        return error_set(error, EINVAL, "it is %s; expected an object", field_type(item));
    code = take_id(item, WIRE_NEWCONTAINER, &id, error);
    if (code == 0)
        code = parse_object(item, WIRE_NEWCONTAINER, id, &container, error);
    if (code == 0)
        code = check_new_container(pod, container, error);
    if (code < 0) {
        request_free(container);
        return code;
    }
    pod->containers =
        xreallocarray(pod->containers, pod->container_count + 1, sizeof *pod->containers);
    pod->containers[pod->container_count++] = container;
    return 0;
}

static int parse_pod(json_t *json, struct request *request, struct error *error)
{
    int code = pod_parse(json, &request->pod, error);

    return code < 0 ? code : field_each(json, "containers", add_container, request, error);
}

int request_parse(uint32_t code, const void *payload, size_t length, uint64_t *id,
                  struct request **out, struct error *error)
{
    json_error_t where;
    cleanup_json json_t *json = json_loadb(payload, length, JSON_REJECT_DUPLICATES, &where);
    int result;

    *id = 0;
    if (!json)
        return error_set(error, EINVAL, "the payload is not JSON: byte %d: %s", where.position,
                         where.text);
    if (!json_is_object(json))
        return error_set(error, EINVAL, "the payload is %s; expected an object", field_type(json));
    result = take_id(json, code, id, error);
    return result < 0 ? result : parse_object(json, code, *id, out, error);
}
