#include "results/text.h"

#include <stdint.h>

enum { REPLACEMENT = 0xfffd };

static const char replacement[] = "\xef\xbf\xbd";

/* Reads one character of at least one byte. Returns the bytes it takes; for a byte that starts no
 * valid sequence, 1 and U+FFFD. */
static size_t utf8_next(const char *bytes, size_t count, uint32_t *character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t value = length == 1 ? first : first & (0x7fu >> length);

    *character = REPLACEMENT;
    if (length == 0 || length > count || first > 0xf4)
        return 1;
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)bytes[i];

        if ((next & 0xc0) != 0x80)
            return 1;
        value = value << 6 | (next & 0x3f);
    }
    if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
        return 1;
    *character = value;
    return length;
}

/* Appends the character itself where it was read, and the replacement where nothing was. */
static void append_character(struct buffer *out, const char *bytes, size_t length,
                             uint32_t character)
{
    if (character == REPLACEMENT)
        buffer_append_text(out, replacement);
    else
        buffer_append(out, bytes, length);
}

void text_utf8(struct buffer *out, const char *bytes, size_t count)
{
    uint32_t character;
    size_t length;

    buffer_reserve(out, count);
    for (size_t at = 0; at < count; at += length) {
        length = utf8_next(bytes + at, count - at, &character);
        append_character(out, bytes + at, length, character);
    }
}

static const char *xml_entity(uint32_t character)
{
    switch (character) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return "&quot;";
    case '\'':
        return "&apos;";
    case '\t':
        return "&#9;";
    case '\n':
        return "&#10;";
    case '\r':
        return "&#13;";
    default:
        return NULL;
    }
}

void text_xml(struct buffer *out, const char *bytes, size_t count)
{
    uint32_t character;
    size_t length;

    buffer_reserve(out, count);
    for (size_t at = 0; at < count; at += length) {
        const char *entity;

        length = utf8_next(bytes + at, count - at, &character);
        entity = xml_entity(character);
        if (entity)
            buffer_append_text(out, entity);
        else if (character < 0x20 || character == 0xfffe || character == 0xffff)
            buffer_append_text(out, replacement);
        else
            append_character(out, bytes + at, length, character);
    }
}

void text_printable(struct buffer *out, const char *bytes, size_t count)
{
    uint32_t character;
    size_t length;

    buffer_reserve(out, count);
    for (size_t at = 0; at < count; at += length) {
        length = utf8_next(bytes + at, count - at, &character);
        if (character == '\r' && at + 1 < count && bytes[at + 1] == '\n')
            continue;
        if ((character < 0x20 && character != '\t' && character != '\n') ||
            (character >= 0x7f && character < 0xa0))
            buffer_append_text(out, replacement);
        else
            append_character(out, bytes + at, length, character);
    }
}
