#include "initrd/init/matcher.h"

#include "base/memory.h"

#include <string.h>

struct matcher {
    size_t length;
    size_t matched; /* bytes of the text that end where the stream is */
    char *text;
    uint16_t border[]; /* [n]: the longest proper prefix of text[0..n] that is also its suffix */
};

static size_t advance(const struct matcher *matcher, size_t matched, char byte)
{
    while (matched > 0 && matcher->text[matched] != byte)
        matched = matcher->border[matched - 1];
    return matched + (matcher->text[matched] == byte);
}

struct matcher *matcher_new(const char *text)
{
    size_t length = strlen(text);
    struct matcher *matcher = xcalloc(1, sizeof *matcher + length * sizeof matcher->border[0]);

    matcher->length = length;
    matcher->text = xstrdup(text);
    for (size_t i = 1; i < length; i++)
        matcher->border[i] = (uint16_t)advance(matcher, matcher->border[i - 1], text[i]);
    return matcher;
}

void matcher_free(struct matcher *matcher)
{
    if (!matcher)
        return;
    free(matcher->text);
    free(matcher);
}

bool matcher_feed(struct matcher *matcher, const void *bytes, size_t count)
{
    const char *at = bytes;

    for (size_t i = 0; i < count && matcher->matched < matcher->length; i++)
        matcher->matched = advance(matcher, matcher->matched, at[i]);
    return matcher->matched == matcher->length;
}
