#include "kernel/kconfig.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { NAMED_MAX = 40 }; /* options that a message names */

static const char prefix[] = "CONFIG_";
static const char unset[] = " is not set";

/* A line taken apart; nothing is copied. */
struct option {
    const char *name; /* with CONFIG_; NULL: the line is no option */
    size_t name_length;
    const char *value; /* "n" for one that is not set */
    size_t value_length;
};

static struct option read_option(const char *line, size_t length)
{
    struct option option = {0};
    const char *name = line, *end = line + length;
    size_t name_length;

    if (length > 2 && memcmp(line, "# ", 2) == 0)
        name += 2;
    if ((size_t)(end - name) < sizeof prefix || memcmp(name, prefix, sizeof prefix - 1) != 0)
        return option;
    for (name_length = sizeof prefix - 1; name + name_length < end; name_length++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_",
                    name[name_length]))
            break;
    if (name_length == sizeof prefix - 1)
        return option;
    option.value = name + name_length;
    option.value_length = (size_t)(end - option.value);
    if (name == line && option.value_length > 1 && option.value[0] == '=') {
        option.value++;
        option.value_length--;
    } else if (name != line && option.value_length == sizeof unset - 1 &&
               memcmp(option.value, unset, sizeof unset - 1) == 0) {
        option.value = "n";
        option.value_length = 1;
    } else {
        return option;
    }
    option.name = name;
    option.name_length = name_length;
    return option;
}

/* The line after the one at `at`, whose length (without blanks at its end) is in *length. */
static const char *next_line(const char *at, size_t *length)
{
    const char *end = strchrnul(at, '\n');

    *length = (size_t)(end - at);
    while (*length > 0 && strchr(" \t\r", at[*length - 1]))
        --*length;
    return *end ? end + 1 : end;
}

int kconfig_check(const char *text, const char *path, struct error *error)
{
    size_t length;
    unsigned int number = 0;

    for (const char *line = text, *next; *line; line = next) {
        next = next_line(line, &length);
        number++;
        if (length > 0 && line[0] != '#' && !read_option(line, length).name)
            return error_set(error, EINVAL,
                             "%s:%u: \"%.*s\" is not an option of a kernel: expected "
                             "CONFIG_NAME=VALUE, \"# CONFIG_NAME is not set\", or a comment",
                             path, number, length > 60 ? 60 : (int)length, line);
    }
    return 0;
}

static bool same_name(const struct option *a, const struct option *b)
{
    return a->name && b->name && a->name_length == b->name_length &&
           memcmp(a->name, b->name, a->name_length) == 0;
}

/* The last line about the option in `text`; without a name where there is none. */
static struct option find_option(const char *text, const struct option *wanted)
{
    struct option found = {0};
    size_t length;

    for (const char *line = text, *next; *line; line = next) {
        struct option option;

        next = next_line(line, &length);
        option = read_option(line, length);
        if (same_name(&option, wanted))
            found = option;
    }
    return found;
}

static bool is_off(const struct option *option)
{
    return !option->name || (option->value_length == 1 && option->value[0] == 'n');
}

static bool same_value(const struct option *a, const struct option *b)
{
    if (is_off(a) || is_off(b))
        return is_off(a) && is_off(b);
    return a->value_length == b->value_length && memcmp(a->value, b->value, a->value_length) == 0;
}

static void tell(const struct option *asked, const struct option *got, struct buffer *out)
{
    buffer_printf(out, "%s%.*s=%.*s is ", out->length ? "; " : "", (int)asked->name_length,
                  asked->name, (int)asked->value_length, asked->value);
    if (got->name)
        buffer_printf(out, "%.*s", (int)got->value_length, got->value);
    else
        buffer_append_text(out, "not there");
}

size_t kconfig_dropped(const char *asked, const char *got, struct buffer *out)
{
    size_t length, dropped = 0;

    for (const char *line = asked, *next; *line; line = next) {
        struct option option, found;

        next = next_line(line, &length);
        option = read_option(line, length);
        if (!option.name || find_option(next, &option).name)
            continue;
        found = find_option(got, &option);
        if (same_value(&option, &found))
            continue;
        if (dropped++ < NAMED_MAX)
            tell(&option, &found, out);
    }
    if (dropped > NAMED_MAX)
        buffer_printf(out, "; and %zu more", dropped - NAMED_MAX);
    return dropped;
}
