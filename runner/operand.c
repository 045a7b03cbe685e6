#include "runner/operand.h"

#include "base/memory.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* How long the node's name is that ends at `end`; 0: there is none. */
static size_t name_before(const char *text, const char *end)
{
    const char *begin = end;

    while (begin > text && is_name_character(begin[-1]))
        begin--;
    return begin == text || begin[-1] == ':' ? (size_t)(end - begin) : 0;
}

static void split(struct operand *operand, char *end, size_t name_length)
{
    char *name = end - name_length;

    *end = '\0';
    operand->remote = true;
    operand->path = end + 1;
    if (name == operand->text) {
        operand->words[operand->word_count++] = name;
        return;
    }
    name[-1] = '\0';
    operand->words[operand->word_count++] = operand->text;
    operand->words[operand->word_count++] = name;
}

void operand_parse(const char *text, struct operand *operand)
{
    *operand = (struct operand){.path = text};
    if (text[0] == '/' || text[0] == '.' || text[0] == ':')
        return;
    for (const char *at = strstr(text, ":/"); at; at = strstr(at + 1, ":/")) {
        size_t length = name_before(text, at);

        if (length == 0 || at[2] == '/')
            continue;
        operand->text = xstrdup(text);
        split(operand, operand->text + (at - text), length);
        return;
    }
}

int operand_check(const struct operand *from, const struct operand *to, struct error *error)
{
    if (from->remote && to->remote)
        return error_set(error, EINVAL,
                         "both are in nodes: duet copies between a node and here; \"-\" for one of "
                         "them makes a pipe of two");
    if (!from->remote && !to->remote)
        return error_set(error, EINVAL,
                         "neither \"%s\" nor \"%s\" is in a node: NODE:/PATH, or CASE:NODE:/PATH, "
                         "where the path begins with a slash",
                         from->path, to->path);
    return 0;
}

void operand_free(struct operand *operand)
{
    free(operand->text);
    *operand = (struct operand){0};
}

/* "", "." or "..". */
static bool is_no_name(const char *name, size_t length)
{
    return length == 0 || (length <= 2 && strspn(name, ".") >= length);
}

char *operand_inside(const char *from, const char *to)
{
    size_t end = strlen(from), directory = strlen(to), begin;

    while (end > 0 && from[end - 1] == '/')
        end--;
    begin = end;
    while (begin > 0 && from[begin - 1] != '/')
        begin--;
    if (is_no_name(from + begin, end - begin))
        return NULL;
    while (directory > 0 && to[directory - 1] == '/')
        directory--;
    return xasprintf("%.*s/%.*s", (int)directory, to, (int)(end - begin), from + begin);
}
