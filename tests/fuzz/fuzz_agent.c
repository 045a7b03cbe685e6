/* What init answers on ctl: four bytes of a frame's code, then its payload. An event that is read
 * is within the bounds that agent.h gives, and a refusal says something and leaves it alone. */
#include "runner/agent.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct agent_event *event)
{
    const uint64_t max = 1ull << 53;

    if (event->id > max || event->uptime_ms > max || event->clock_ns > max ||
        event->duration_ms > max || event->stdout_bytes > max || event->stderr_bytes > max)
        abort();
    if (event->status < 0 || event->status > 255 || event->signal < 0 || event->signal > 127)
        abort();
    if (event->signal && event->status != 128 + event->signal)
        abort();
    if (!memchr(event->reason, '\0', sizeof event->reason))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_ctl frame = {0};
    struct agent_event event = {.id = UINT64_MAX};
    struct error error = {0};
    int code;

    if (size < 4)
        return 0;
    frame.code = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
                 (uint32_t)data[3];
    frame.payload = (const char *)data + 4;
    frame.payload_length = size - 4;
    code = agent_read(&frame, &event, &error);
    if (code == 0)
        check(&event);
    else if ((code != -EBADMSG && code != -EPROTO) || error.code != -code || !error.message[0] ||
             event.id != UINT64_MAX)
        abort();
    return 0;
}
