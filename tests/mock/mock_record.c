#include "tests/mock/mock_internal.h"

#include "base/memory.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

enum { KEPT_MAX = 1024, RECORD_MAX = 16 << 20 }; /* bytes of an io frame; of all */

struct head {
    uint64_t number; /* code or stream */
    size_t length;   /* bytes of its payload; of the frame where that cannot be */
    size_t kept;     /* bytes that follow */
    bool is_io, impossible;
};

void mock_record_add(struct mock_record *record, bool is_io, uint64_t number, size_t length,
                     const void *bytes)
{
    struct head head = {.number = number,
                        .length = length,
                        .kept = is_io && length > KEPT_MAX ? KEPT_MAX : length,
                        .is_io = is_io,
                        .impossible = !bytes};

    if (!bytes)
        head.kept = 0;
    if (record->bytes.length + sizeof head + head.kept > RECORD_MAX) {
        record->left_out++;
        return;
    }
    buffer_append(&record->bytes, &head, sizeof head);
    buffer_append(&record->bytes, bytes, head.kept);
}

static json_t *hexadecimal(const char *bytes, size_t count)
{
    cleanup_buffer struct buffer text = {0};

    for (size_t i = 0; i < count; i++)
        buffer_printf(&text, "%02x", (unsigned char)bytes[i]);
    return json_string(text.data ? text.data : "");
}

/* The text may be cut in the middle of a character: up to three bytes more are. */
static void add_bytes(json_t *message, const char *bytes, size_t count, bool is_cut)
{
    json_t *text = json_stringn(bytes, count);

    for (size_t less = 1; !text && is_cut && less < 4; less++)
        text = json_stringn(bytes, count - less);
    if (text)
        json_object_set_new(message, "text", text);
    else
        json_object_set_new(message, "hex", hexadecimal(bytes, count));
}

static json_t *ctl_message(const struct head *head, const char *bytes)
{
    const char *name = mock_code_name((uint32_t)head->number);
    json_t *message = json_pack("{s:s, s:I}", "port", "ctl", "code", (json_int_t)head->number);
    json_t *payload = json_loadb(bytes, head->kept, JSON_REJECT_DUPLICATES, NULL);

    if (name)
        json_object_set_new(message, "name", json_string(name));
    if (head->impossible)
        json_object_set_new(message, "length", json_integer((json_int_t)head->length));
    else if (payload)
        json_object_set(message, "payload", payload);
    else
        add_bytes(message, bytes, head->kept, false);
    json_decref(payload);
    return message;
}

static json_t *io_message(const struct head *head, const char *bytes)
{
    json_t *message = json_pack("{s:s, s:I, s:I}", "port", "io", "stream", (json_int_t)head->number,
                                "length", (json_int_t)head->length);

    if (!head->impossible)
        add_bytes(message, bytes, head->kept, head->kept < head->length);
    return message;
}

char *mock_record_take(struct mock_record *record)
{
    json_t *messages = json_array();
    struct head head;
    char *text;

    for (size_t at = 0; at < record->bytes.length; at += sizeof head + head.kept) {
        const char *bytes = record->bytes.data + at + sizeof head;

        memcpy(&head, record->bytes.data + at, sizeof head);
        json_array_append_new(messages,
                              head.is_io ? io_message(&head, bytes) : ctl_message(&head, bytes));
    }
    if (record->left_out)
        json_array_append_new(messages,
                              json_pack("{s:I}", "left_out", (json_int_t)record->left_out));
    text = json_dumps(messages, JSON_COMPACT);
    json_decref(messages);
    buffer_clear(&record->bytes);
    record->left_out = 0;
    return xchecked(text);
}
