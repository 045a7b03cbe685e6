/* Requests: the first byte chooses the code, the rest is the payload. What is refused leaves
 * nothing behind and gives a reason. */
#include "base/wire.h"
#include "initrd/init/request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_exec(const struct exec_request *exec)
{
    if (!exec->argv[0] || !exec->stdout_stream || exec->cwd[0] != '/' ||
        exec->terminal != (exec->stderr_stream == 0) || exec->terminal != (exec->rows > 0))
        abort();
}

static void check(const struct request *request)
{
    if (request->code == WIRE_EXECCMD || request->code == WIRE_NEWCONTAINER)
        check_exec(&request->exec);
    if (request->code == WIRE_KILLCONTAINER && !request->container == !request->target)
        abort();
    if ((request->path && request->path[0] != '/') || (request->root && request->root[0] != '/') ||
        (request->container && strlen(request->container) > 64))
        abort();
    for (size_t i = 0; i < request->container_count; i++)
        check(request->containers[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id = 0;
    int code;

    if (size == 0)
        return 0;
    code = request_parse(data[0], data + 1, size - 1, &id, &request, &error);
    if ((code == 0) != (request != NULL) || (code < 0 && !error.message[0]))
        abort();
    if (request && (request->id != id || (id == 0) != (request->code == WIRE_NEXT)))
        abort();
    if (request)
        check(request);
    request_free(request);
    return 0;
}
