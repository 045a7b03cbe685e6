/* What init answers on ctl: four bytes of a frame's code, then its payload. A message that is read
 * is within the bounds that control_message.h gives, and a refusal says something and leaves it
 * alone. */
#include "vm/control_message.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct control_message *message)
{
    const uint64_t max = 1ull << 53;

    if (message->id > max || message->uptime_ms > max || message->clock_ns > max ||
        message->busy_ns > max || message->duration_ms > max || message->stdout_bytes > max ||
        message->stderr_bytes > max)
        abort();
    if (message->status < 0 || message->status > 255 || message->signal < 0 ||
        message->signal > 127)
        abort();
    if (message->signal && message->status != 128 + message->signal)
        abort();
    if (!memchr(message->reason, '\0', sizeof message->reason))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_ctl frame = {0};
    struct control_message message = {.id = UINT64_MAX};
    struct error error = {0};
    int code;

    if (size < 4)
        return 0;
    frame.code = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 |
                 (uint32_t)data[3];
    frame.payload = (const char *)data + 4;
    frame.payload_length = size - 4;
    code = control_message_read(&frame, &message, &error);
    if (code == 0)
        check(&message);
    else if ((code != -EBADMSG && code != -EPROTO) || error.code != -code || !error.message[0] ||
             message.id != UINT64_MAX)
        abort();
    return 0;
}
