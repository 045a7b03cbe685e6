#include "vm/qemu_log.h"

#include <stdbool.h>
#include <string.h>

static bool is_of_libvirt(const char *line, size_t length)
{
    static const char shape[] = "0000-00-00 00:00:00.000+0000: ";

    if (length < sizeof shape - 1)
        return false;
    for (size_t i = 0; i < sizeof shape - 1; i++) {
        bool digit = line[i] >= '0' && line[i] <= '9';

        if (shape[i] == '0' ? !digit : line[i] != shape[i])
            return false;
    }
    return true;
}

const char *qemu_log_last_line(const char *log, size_t *length)
{
    const char *found = NULL;
    bool command = false;

    while (*log) {
        size_t here = strcspn(log, "\n");
        bool continued = here > 0 && log[here - 1] == '\\';

        if (!command && !continued && here > 0 && !is_of_libvirt(log, here)) {
            found = log;
            *length = here;
        }
        command = continued;
        log += here + (log[here] == '\n');
    }
    return found;
}
