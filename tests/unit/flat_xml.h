/* A well-formed document (XML 1.0 without comments, CDATA and declarations) as a list of lines:
 * "domain/devices/serial/source@path=/run/x" for an attribute, "domain/name=n" for text. Anything
 * that is not well-formed fails the test. */
#ifndef DUET_TESTS_FLAT_XML_H
#define DUET_TESTS_FLAT_XML_H

#include "base/buffer.h"
#include "base/memory.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct flat_xml {
    const char *at;
    struct buffer path; /* of the element that is open */
    char *lines[256];
    size_t count;
};

static inline void flat_xml_add(struct flat_xml *flat, const char *attribute, const char *value)
{
    assert_true(flat->count < array_size(flat->lines));
    flat->lines[flat->count++] = xasprintf("%s%s%s=%s", flat->path.data, attribute ? "@" : "",
                                           attribute ? attribute : "", value);
}

/* What follows an ampersand, decoded; `at` is behind the semicolon afterwards. */
static inline char flat_xml_reference(struct flat_xml *flat)
{
    static const struct {
        const char *name;
        char character;
    } names[] = {{"amp;", '&'}, {"lt;", '<'}, {"gt;", '>'}, {"apos;", '\''}, {"quot;", '"'}};
    char *end;
    long number;

    for (size_t i = 0; i < array_size(names); i++) {
        if (strncmp(flat->at, names[i].name, strlen(names[i].name)) == 0) {
            flat->at += strlen(names[i].name);
            return names[i].character;
        }
    }
    assert_int_equal(*flat->at, '#');
    number = strtol(flat->at + 1, &end, 10);
    assert_true(end > flat->at + 1 && *end == ';' && number > 0 && number < 128);
    flat->at = end + 1;
    return (char)number;
}

/* Character data up to `end`; an attribute's bare white space becomes blanks (XML 1.0, 3.3.3). */
static inline char *flat_xml_text(struct flat_xml *flat, char end, bool attribute)
{
    struct buffer text = {0};

    buffer_append_text(&text, "");
    while (*flat->at != end) {
        char c = *flat->at++;

        assert_true(c != '\0' && c != '<');
        assert_true((unsigned char)c >= 0x20 || c == '\t' || c == '\n' || c == '\r');
        if (c == '&')
            c = flat_xml_reference(flat);
        else if (attribute && isspace((unsigned char)c))
            c = ' ';
        buffer_append(&text, &c, 1);
    }
    return buffer_steal(&text);
}

static inline char *flat_xml_name(struct flat_xml *flat)
{
    size_t length = strspn(flat->at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                     "0123456789:_-.");
    char *name = xstrndup(flat->at, length);

    assert_true(length > 0);
    flat->at += length;
    return name;
}

static inline void flat_xml_skip_blanks(struct flat_xml *flat)
{
    while (isspace((unsigned char)*flat->at))
        flat->at++;
}

/* The attributes of a start tag and its end. True where the element is empty ("/>"). */
static inline bool flat_xml_attributes(struct flat_xml *flat)
{
    for (;;) {
        char quote;

        flat_xml_skip_blanks(flat);
        if (*flat->at == '>') {
            flat->at++;
            return false;
        }
        if (flat->at[0] == '/' && flat->at[1] == '>') {
            flat->at += 2;
            return true;
        }
        cleanup_free char *name = flat_xml_name(flat);
        assert_int_equal(*flat->at++, '=');
        quote = *flat->at++;
        assert_true(quote == '\'' || quote == '"');
        cleanup_free char *value = flat_xml_text(flat, quote, true);
        flat->at++;
        flat_xml_add(flat, name, value);
    }
}

static inline void flat_xml_element(struct flat_xml *flat)
{
    size_t outer = flat->path.length;

    assert_int_equal(*flat->at++, '<');
    cleanup_free char *name = flat_xml_name(flat);
    buffer_printf(&flat->path, "%s%s", outer ? "/" : "", name);
    if (!flat_xml_attributes(flat)) {
        bool has_elements = false;

        for (;;) {
            cleanup_free char *text = flat_xml_text(flat, '<', false);

            if (flat->at[1] == '/') {
                if (!has_elements)
                    flat_xml_add(flat, NULL, text);
                break;
            }
            has_elements = true;
            flat_xml_element(flat);
        }
        flat->at += 2;
        cleanup_free char *end = flat_xml_name(flat);
        assert_string_equal(end, name);
        assert_int_equal(*flat->at++, '>');
    }
    flat->path.length = outer;
    flat->path.data[outer] = '\0';
}

static inline void flat_xml_read(struct flat_xml *flat, const char *xml)
{
    *flat = (struct flat_xml){.at = xml};
    buffer_append_text(&flat->path, "");
    flat_xml_element(flat);
    flat_xml_skip_blanks(flat);
    assert_string_equal(flat->at, "");
}

static inline void flat_xml_free(struct flat_xml *flat)
{
    for (size_t i = 0; i < flat->count; i++)
        free(flat->lines[i]);
    buffer_free(&flat->path);
}

static inline bool flat_xml_has(const struct flat_xml *flat, const char *line)
{
    for (size_t i = 0; i < flat->count; i++)
        if (strcmp(flat->lines[i], line) == 0)
            return true;
    return false;
}

#endif
