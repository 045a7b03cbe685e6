/* The kernel command line: accepted or refused with a reason, and whole either way. */
#include "base/memory.h"
#include "initrd/init/cmdline.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    struct error error = {0};
    struct config config;
    int code;

    config_init(&config);
    code = cmdline_parse(text, &config, &error);
    if ((code < 0 && !error.message[0]) || !config.result_prefix[0] ||
        (config.exec && config.exec[0] != '/'))
        abort();
    config_free(&config);
    return 0;
}
