#include "tests/mock/mock_words.h"

#include "base/memory.h"
#include "initrd/init/hex.h"
#include "tests/mock/mock_agent.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

static const char *skip_spaces(const char *at)
{
    return at + strspn(at, " \t\r");
}

static size_t word_length(const char *at)
{
    return strcspn(at, " \t\r");
}

static int refuse(const struct mock_words *words, const char *what)
{
    const char *at = skip_spaces(words->at);

    if (!*at)
        return error_set(words->error, EINVAL, "%s is missing at the end of the line", what);
    return error_set(words->error, EINVAL, "\"%s\" is not %s", at, what);
}

/* -- Words ------------------------------------------------------------------------------------- */

static int take_json(struct mock_words *words, struct buffer *word)
{
    json_error_t where;
    json_t *text =
        json_loads(words->at, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &where);
    const char *end = text ? words->at + where.position : NULL;

    if (!text || word_length(end) > 0) {
        json_decref(text);
        return refuse(words, "a JSON string with a space after it");
    }
    buffer_append(word, json_string_value(text), json_string_length(text));
    json_decref(text);
    words->at = end;
    return 1;
}

static int take_hex(struct mock_words *words, const char *digits, size_t count, struct buffer *word)
{
    buffer_reserve(word, count / 2);
    if (count % 2 || hex_decode(digits, count / 2, (uint8_t *)word->data) < 0)
        return refuse(words, "hex: and pairs of digits");
    word->length = count / 2;
    word->data[word->length] = '\0';
    words->at = digits + count;
    return 1;
}

int mock_word_next(struct mock_words *words, struct buffer *word)
{
    static const char hex[] = "hex:";
    size_t length;

    buffer_clear(word);
    buffer_reserve(word, 0);
    words->at = skip_spaces(words->at);
    length = word_length(words->at);
    if (length == 0)
        return 0;
    if (*words->at == '"')
        return take_json(words, word);
    if (strncmp(words->at, hex, sizeof hex - 1) == 0)
        return take_hex(words, words->at + sizeof hex - 1, length - (sizeof hex - 1), word);
    buffer_append(word, words->at, length);
    words->at += length;
    return 1;
}

int mock_word_text(struct mock_words *words, const char *what, struct buffer *text)
{
    int code = mock_word_next(words, text);

    return code == 0 ? refuse(words, what) : code < 0 ? code : 0;
}

/* The word at the front as digits; false where it is something else. */
static bool take_digits(struct mock_words *words, uint64_t *number)
{
    const char *at = skip_spaces(words->at);
    size_t length = strspn(at, "0123456789");

    if (length == 0 || length > 19 || length != word_length(at))
        return false;
    *number = strtoull(at, NULL, 10);
    words->at = at + length;
    return true;
}

int mock_word_number(struct mock_words *words, const char *what, uint64_t least, uint64_t most,
                     uint64_t *number)
{
    struct mock_words after = *words;
    cleanup_free char *expected = xasprintf("%s, from %" PRIu64 " to %" PRIu64, what, least, most);
    uint64_t found;

    if (!take_digits(&after, &found) || found < least || found > most)
        return refuse(words, expected);
    *number = found;
    *words = after;
    return 0;
}

int mock_word_code(struct mock_words *words, uint32_t *code)
{
    struct mock_words after = *words;
    cleanup_buffer struct buffer word = {0};
    uint64_t number;
    int found;

    if (take_digits(&after, &number) && number <= UINT32_MAX) {
        *code = (uint32_t)number;
        *words = after;
        return 0;
    }
    after = *words;
    found = mock_word_next(&after, &word);
    if (found > 0)
        found = mock_code_find(word.data);
    else if (found == 0)
        found = -1;
    if (found < 0)
        return refuse(words, "a code such as execcmd or 6");
    *code = (uint32_t)found;
    *words = after;
    return 0;
}

int mock_word_end(const struct mock_words *words)
{
    const char *at = skip_spaces(words->at);

    return *at ? error_set(words->error, EINVAL, "\"%s\" is too much", at) : 0;
}

const char *mock_word_rest(const struct mock_words *words)
{
    return skip_spaces(words->at);
}
