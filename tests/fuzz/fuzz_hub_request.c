/* Requests of the hub's clients: the first byte chooses the code, the rest is the payload. Whatever
 * the hub lets pass, the guest's agent reads the same id and the same streams in it, also where it
 * refuses it: an answer without an id would be the topology's own. */
#include "initrd/init/request.h"
#include "runner/hub_request.h"
#include "vm/control.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE UINT64_C(1)

static bool is_own(uint64_t number)
{
    return number >> CONTROL_BASE_SHIFT == BASE && number != BASE << CONTROL_BASE_SHIFT;
}

static bool is_own_or_none(uint64_t number)
{
    return number == 0 || is_own(number);
}

static void compare(const struct hub_request *request, const struct request *read)
{
    const struct exec_request *exec = &read->exec;

    if (request->runs &&
        (exec->stdin_stream != request->in || exec->stdout_stream != request->out ||
         exec->stderr_stream != request->err))
        abort();
    if ((read->code == WIRE_WRITEFILE && read->stream != request->in) ||
        (read->code == WIRE_READFILE && read->stream != request->out) ||
        (read->code == WIRE_NEXT &&
         (read->stream != request->stream || read->bytes != request->bytes)) ||
        !is_own_or_none(read->target))
        abort();
}

static void check(uint32_t code, const struct hub_request *request)
{
    struct request *read = NULL;
    uint64_t id = 0;

    if (!is_own_or_none(request->in) || !is_own_or_none(request->out) ||
        !is_own_or_none(request->err))
        abort();
    if (code == WIRE_NEXT ? !is_own(request->stream) || !request->bytes : !is_own(request->id))
        abort();
    request_parse(code, request->payload, strlen(request->payload), &id, &read, NULL);
    if (code != WIRE_NEXT && id != request->id)
        abort();
    if (read)
        compare(request, read);
    request_free(read);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct suite_pair variable = {(char *)"DUET_NODE", (char *)"n"};
    const struct suite_pairs env = {&variable, 1};
    struct hub_request request;
    struct error error = {0};
    struct wire_ctl frame;
    int code;

    if (size == 0)
        return 0;
    frame = (struct wire_ctl){
        .code = data[0], .payload = (const char *)data + 1, .payload_length = size - 1};
    code = hub_request_read(&frame, BASE, &env, &request, &error);
    if (code == 0)
        check(frame.code, &request);
    else if (code != -EINVAL || error.code != EINVAL || !error.message[0] || request.payload ||
             !is_own_or_none(request.id))
        abort();
    free(request.payload);
    return 0;
}
