#include "initrd/init/reply.h"

#include "base/wire.h"

#include <inttypes.h>
#include <string.h>

/* Length of the UTF-8 sequence at `at` (RFC 3629: no overlong forms, surrogates or > U+10FFFF), or
 * 0. Reads no further than the first byte that does not fit, so a NUL ends it. */
static size_t utf8_length(const unsigned char *at)
{
    unsigned low = 0x80, high = 0xbf;
    size_t length;

    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] == 0xe0)
        low = 0xa0;
    else if (at[0] == 0xed)
        high = 0x9f;
    else if (at[0] == 0xf0)
        low = 0x90;
    else if (at[0] == 0xf4)
        high = 0x8f;
    if (at[1] < low || at[1] > high)
        return 0;
    for (size_t i = 2; i < length; i++)
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

void reply_string(struct buffer *out, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    buffer_append_text(out, "\"");
    while (*at) {
        size_t length = utf8_length(at);

        if (length == 0)
            buffer_append_text(out, "\\ufffd");
        else if (*at == '"' || *at == '\\')
            buffer_printf(out, "\\%c", *at);
        else if (*at < 0x20 || *at == 0x7f)
            buffer_printf(out, "\\u%04x", *at);
        else
            buffer_append(out, at, length);
        at += length ? length : 1;
    }
    buffer_append_text(out, "\"");
}

/* Every payload is far below the limit of a frame: a reason is at most ERROR_MESSAGE_MAX bytes,
 * six times that when escaped. */
static void append_frame(struct buffer *out, uint32_t code, struct buffer *payload)
{
    wire_ctl_write(out, code, payload->data, payload->length, NULL);
    buffer_free(payload);
}

void reply_ready(struct buffer *out, const char *kernel, uint64_t uptime_ms, uint64_t clock_ns,
                 const struct tick_device *tick)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"version\":%d,\"kernel\":", WIRE_PROTOCOL);
    reply_string(&json, kernel);
    buffer_printf(&json, ",\"uptime_ms\":%" PRIu64 ",\"clock_ns\":%" PRIu64, uptime_ms, clock_ns);
    if (tick) {
        buffer_append_text(&json, ",\"tick_device\":");
        reply_string(&json, tick->name);
        buffer_printf(&json, ",\"tick_hz\":%" PRIu64, tick->hz);
    }
    buffer_append_text(&json, "}");
    append_frame(out, WIRE_READY, &json);
}

void reply_ack(struct buffer *out, uint32_t code, uint64_t id)
{
    reply_ack_with(out, code, id, NULL, 0);
}

void reply_ack_with(struct buffer *out, uint32_t code, uint64_t id,
                    const struct reply_field fields[], size_t count)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"code\":%" PRIu32 ",\"id\":%" PRIu64, code, id);
    for (size_t i = 0; i < count; i++)
        buffer_printf(&json, ",\"%s\":%" PRIu64, fields[i].name, fields[i].value);
    buffer_append_text(&json, "}");
    append_frame(out, WIRE_ACK, &json);
}

void reply_ack_members(struct buffer *out, uint32_t code, uint64_t id, const char *members)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"code\":%" PRIu32 ",\"id\":%" PRIu64 ",%s}", code, id, members);
    append_frame(out, WIRE_ACK, &json);
}

static void append_reason(struct buffer *json, const char *reason)
{
    char cut[ERROR_MESSAGE_MAX];
    size_t length = strnlen(reason, sizeof cut - 1);

    memcpy(cut, reason, length);
    cut[length] = '\0';
    buffer_append_text(json, "\"reason\":");
    reply_string(json, cut);
    buffer_append_text(json, "}");
}

void reply_error(struct buffer *out, uint32_t code, uint64_t id, const char *reason)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"code\":%" PRIu32 ",\"id\":%" PRIu64 ",", code, id);
    append_reason(&json, reason);
    append_frame(out, WIRE_ERROR, &json);
}

void reply_stream_error(struct buffer *out, uint64_t stream, const char *reason)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"code\":%d,\"id\":0,", WIRE_NEXT);
    if (stream <= WIRE_ID_MAX)
        buffer_printf(&json, "\"stream\":%" PRIu64 ",", stream);
    append_reason(&json, reason);
    append_frame(out, WIRE_ERROR, &json);
}

void reply_next(struct buffer *out, uint64_t stream, uint64_t bytes)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"stream\":%" PRIu64 ",\"bytes\":%" PRIu64 "}", stream, bytes);
    append_frame(out, WIRE_NEXT, &json);
}

void reply_failed(struct buffer *out, const char *reason)
{
    struct buffer json = {0};

    buffer_append_text(&json, "{");
    append_reason(&json, reason);
    append_frame(out, WIRE_FAILED, &json);
}

void reply_command_ready(struct buffer *out, uint64_t id, uint64_t after_ms)
{
    struct buffer json = {0};

    buffer_printf(&json, "{\"id\":%" PRIu64 ",\"after_ms\":%" PRIu64 "}", id, after_ms);
    append_frame(out, WIRE_CMDREADY, &json);
}

void reply_finished(struct buffer *out, uint64_t id, const struct finish *finish)
{
    struct buffer json = {0};

    buffer_printf(&json,
                  "{\"id\":%" PRIu64 ",\"status\":%d,\"signal\":%d,\"timed_out\":%s,"
                  "\"duration_ms\":%" PRIu64 ",\"stdout_bytes\":%" PRIu64
                  ",\"stderr_bytes\":%" PRIu64 "}",
                  id, finish->status, finish->signal, finish->timed_out ? "true" : "false",
                  finish->duration_ms, finish->stdout_bytes, finish->stderr_bytes);
    append_frame(out, WIRE_CMDFINISHED, &json);
}

void reply_ready_line(struct buffer *out, const char *prefix)
{
    buffer_printf(out, "\n%s{}\n", prefix);
}

void reply_failure_line(struct buffer *out, const char *prefix, const char *node,
                        const char *reason)
{
    buffer_printf(out, "\n%s{\"verdict\":\"error\"", prefix);
    if (node) {
        buffer_append_text(out, ",\"node\":");
        reply_string(out, node);
    }
    buffer_append_text(out, ",\"reason\":");
    reply_string(out, reason);
    buffer_append_text(out, "}\n");
}
