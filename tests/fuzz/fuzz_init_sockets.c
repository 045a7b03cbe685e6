/* The socket tables of /proc/net and modules.dep, which a kernel of the user's wrote. */
#include "base/memory.h"
#include "initrd/init/moddep.h"
#include "initrd/init/sockets.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int count(void *context, const char *path)
{
    *(size_t *)context += *path != '\0';
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    size_t paths = 0;

    if (sockets_have((const char *)data, size, 9999, SOCKETS_LISTEN) &&
        !sockets_have((const char *)data, size, 9999, SOCKETS_ANY_STATE))
        abort();
    if (moddep_each(text, "wireguard", count, &paths) == 1 && paths == 0)
        abort();
    moddep_builtin(text, "wireguard");
    return 0;
}
