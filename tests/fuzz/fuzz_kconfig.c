/* Options of a kernel that a user wrote, against the configuration that came of them: the input is
 * the one, a NUL, and the other. */
#include "kernel/kconfig.h"

#include "base/memory.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t first = strnlen((const char *)data, size);
    size_t rest = first < size ? first + 1 : size;
    cleanup_free char *asked = xstrndup((const char *)data, first);
    cleanup_free char *got = xstrndup((const char *)data + rest, size - rest);
    cleanup_buffer struct buffer out = {0};

    kconfig_check(asked, "file", NULL);
    if ((kconfig_dropped(asked, got, &out) > 0) != (out.length > 0))
        abort();
    if (kconfig_dropped(asked, asked, &out) > 0 || kconfig_dropped("", got, &out) > 0)
        abort();
    return 0;
}
