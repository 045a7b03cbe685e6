/* Requests: the first byte chooses the code, the rest is the payload. What is refused leaves
 * nothing behind and gives a reason. */
#include "base/wire.h"
#include "initrd/init/request.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
    if (request && (request->id != id || id == 0))
        abort();
    if (request && request->code == WIRE_EXECCMD && !request->exec.argv[0])
        abort();
    request_free(request);
    return 0;
}
