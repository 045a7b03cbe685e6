/* Reading single values: texts, numbers with units, lists of names, environments. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX_LENGTH = 64,
    LINE_MAX_LENGTH = 1024,
    LIST_MAX_LENGTH = 1024,
};

int reader_fail(struct reader *reader, const struct yaml_node *at, const char *format, ...)
{
    char message[ERROR_MESSAGE_MAX];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    return yaml_fail(reader->file, at, reader->error, EINVAL, "%s", message);
}

int reader_expected(struct reader *reader, const struct suite_key *key,
                    const struct yaml_node *value, const char *expected)
{
    char found[80];

    return reader_fail(reader, value, "%s: found %s, expected %s", key->name,
                       yaml_found(value, found, sizeof(found)), expected);
}

int reader_context(struct reader *reader, const struct yaml_node *at, const char *key)
{
    if (reader->error)
        yaml_printable(reader->error->message);
    return error_context(reader->error, "%s:%u:%u: %s", reader->file, at->line, at->column, key);
}

static int expected_kind(struct reader *reader, const struct yaml_node *value, const char *key,
                         const char *kind, const char *what)
{
    char found[80];

    return reader_fail(reader, value, "%s: found %s, expected %s of %s", key,
                       yaml_found(value, found, sizeof(found)), kind, what);
}

int reader_list(struct reader *reader, const struct yaml_node *value, const char *key,
                const char *what)
{
    if (value->kind != YAML_LIST)
        return expected_kind(reader, value, key, "a list", what);
    if (value->count > LIST_MAX_LENGTH)
        return reader_fail(reader, value, "%s: a list of %zu, expected at most %d", key,
                           value->count, LIST_MAX_LENGTH);
    return 0;
}

int reader_map(struct reader *reader, const struct yaml_node *value, const char *key,
               const char *what)
{
    return value->kind == YAML_MAP ? 0 : expected_kind(reader, value, key, "a mapping", what);
}

int reader_text(struct reader *reader, const struct yaml_node *value, const char *key,
                const char **text)
{
    char found[80];
    int status = reader_resolve(reader, value, &value);

    if (status)
        return status;
    if (value->kind != YAML_SCALAR || yaml_is_null(value))
        return reader_fail(reader, value, "%s: found %s, expected a text", key,
                           yaml_found(value, found, sizeof(found)));
    *text = value->text;
    return 0;
}

int reader_check_name(struct reader *reader, const struct yaml_node *at, const char *what,
                      const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                 "._-");
    char found[80];

    if (name[length] || !isalnum((unsigned char)name[0]) || length > NAME_MAX_LENGTH)
        return reader_fail(reader, at,
                           "%s as the name of a %s: expected letters, digits, \".\", \"_\" and "
                           "\"-\", a letter or a digit first, at most %d",
                           yaml_found(at, found, sizeof(found)), what, NAME_MAX_LENGTH);
    return 0;
}

const char *const *reader_keys(struct reader *reader, const struct yaml_node *map, size_t *count)
{
    size_t key_count = map && map->kind == YAML_MAP ? map->count : 0;
    const char **keys = arena_array(reader->scratch, key_count, sizeof(*keys));

    for (size_t i = 0; i < key_count; i++)
        keys[i] = map->pairs[i].key->text;
    *count = key_count;
    return keys;
}

struct suite_position position_of(const struct yaml_node *node)
{
    return (struct suite_position){node->line, node->column};
}

/* A value's text, or the error that it has none. */
static int scalar(struct reader *reader, const struct suite_key *key, const struct yaml_node *value)
{
    char expected[80];

    if (value->kind == YAML_SCALAR && !yaml_is_null(value))
        return 0;
    snprintf(expected, sizeof(expected), "%s%s%s", key->type, key->example ? ", as in " : "",
             key->example ? key->example : "");
    return reader_expected(reader, key, value, expected);
}

int read_keep(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    (void)reader;
    (void)key;
    *(const struct yaml_node **)field = value;
    return 0;
}

int read_text(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);

    if (!status)
        *(char **)field = arena_text(reader->memory, value->text);
    return status;
}

int read_script(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (!value->text[strspn(value->text, " \t\n")])
        return reader_expected(reader, key, value, "a shell script that does something");
    return read_text(reader, key, value, field);
}

int read_line(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (strchr(value->text, '\n') || strlen(value->text) > LINE_MAX_LENGTH)
        return reader_expected(reader, key, value, "one line of at most 1024 bytes");
    return read_text(reader, key, value, field);
}

int read_name(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);

    if (!status)
        status = reader_check_name(reader, value, "suite, link, step or process", value->text);
    if (!status)
        *(char **)field = arena_text(reader->memory, value->text);
    return status;
}

int read_skip(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (value->plain && (!strcmp(value->text, "true") || !strcmp(value->text, "false")))
        return reader_expected(reader, key, value, "the reason, or nothing between quotes");
    *(char **)field = *value->text ? arena_text(reader->memory, value->text) : NULL;
    return 0;
}

typedef int (*unit_read)(const char *text, uint64_t *value, struct error *error);

static int read_unit(struct reader *reader, const struct suite_key *key,
                     const struct yaml_node *value, unit_read parse, uint64_t *out)
{
    uint64_t number, limit;
    int status = scalar(reader, key, value);

    if (status)
        return status;
    status = parse(value->text, &number, reader->error);
    if (status)
        return reader_context(reader, value, key->name);
    if (key->least && !parse(key->least, &limit, NULL) && number < limit)
        return reader_fail(reader, value, "%s: \"%s\" is less than %s, the least there is",
                           key->name, value->text, key->least);
    if (key->most && !parse(key->most, &limit, NULL) && number > limit)
        return reader_fail(reader, value, "%s: \"%s\" is more than %s, the most there is",
                           key->name, value->text, key->most);
    *out = number;
    return 0;
}

int read_duration(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                  void *field)
{
    return read_unit(reader, key, value, units_duration, field);
}

int read_size(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    return read_unit(reader, key, value, units_size, field);
}

int read_count(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    uint64_t number;
    int status = read_unit(reader, key, value, units_count, &number);

    if (!status)
        *(unsigned *)field = (unsigned)number;
    return status;
}

int read_number(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    return read_unit(reader, key, value, units_count, field);
}

int read_percent(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (units_percent(value->text, field, reader->error))
        return reader_context(reader, value, key->name);
    return 0;
}

int read_bool(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (strcmp(value->text, "true") && strcmp(value->text, "false"))
        return reader_expected(reader, key, value, "true or false");
    *(bool *)field = value->text[0] == 't';
    return 0;
}

static bool has_text(const struct suite_texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (!strcmp(texts->items[i], text))
            return true;
    return false;
}

/* Makes room for `more` in an array of the arena; what was there moves along. */
static void *grown(struct arena *memory, const void *items, size_t count, size_t more, size_t size)
{
    void *array = arena_array(memory, count + more, size);

    if (count)
        memcpy(array, items, count * size);
    return array;
}

int read_names_adding(struct reader *reader, const struct suite_key *key,
                      const struct yaml_node *value, void *field)
{
    struct suite_texts *texts = field;
    int status = reader_list(reader, value, key->name, "names");

    if (status)
        return status;
    texts->items =
        grown(reader->memory, texts->items, texts->count, value->count, sizeof(*texts->items));
    for (size_t i = 0; !status && i < value->count; i++) {
        const char *text;

        status = reader_text(reader, value->items[i], key->name, &text);
        if (!status)
            status = reader_check_name(reader, value->items[i], "tag or module", text);
        if (!status && !has_text(texts, text))
            texts->items[texts->count++] = arena_text(reader->memory, text);
    }
    return status;
}

static bool good_word(const char *text, const char *more)
{
    if (!*text || isdigit((unsigned char)*text))
        return false;
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr(more, *text))
            return false;
    return true;
}

static int read_pairs(struct reader *reader, const struct suite_key *key,
                      const struct yaml_node *value, const char *more, struct suite_pairs *pairs)
{
    char found[80];
    int status = reader_map(reader, value, key->name, "names and texts");

    if (status)
        return status;
    pairs->items =
        grown(reader->memory, pairs->items, pairs->count, value->count, sizeof(*pairs->items));
    for (size_t i = 0; i < value->count; i++) {
        const struct yaml_node *name = value->pairs[i].key;
        const char *text;
        size_t at = 0;

        if (!good_word(name->text, more))
            return reader_fail(reader, name,
                               "%s: %s as a name: expected letters, digits and any of \"%s\", "
                               "not a digit first",
                               key->name, yaml_found(name, found, sizeof(found)), more);
        status = reader_text(reader, value->pairs[i].value, name->text, &text);
        if (status)
            return status;
        while (at < pairs->count && strcmp(pairs->items[at].name, name->text))
            at++;
        pairs->count += at == pairs->count;
        pairs->items[at].name = arena_text(reader->memory, name->text);
        pairs->items[at].value = arena_text(reader->memory, text);
    }
    return 0;
}

int read_env(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
             void *field)
{
    return read_pairs(reader, key, value, "_", field);
}

int read_sysctl(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    return read_pairs(reader, key, value, "._-/", field);
}

int read_sha256(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if (strlen(value->text) != 64 || strspn(value->text, "0123456789abcdef") != 64)
        return reader_expected(reader, key, value, "64 hexadecimal digits, in lower case");
    return read_text(reader, key, value, field);
}

int read_mode(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    int status = scalar(reader, key, value);
    size_t length;

    if (status)
        return status;
    length = strlen(value->text);
    if (length < 3 || length > 4 || strspn(value->text, "01234567") != length)
        return reader_expected(reader, key, value,
                               "permission bits of three or four octal digits, as in 0644");
    *(int *)field = (int)strtol(value->text, NULL, 8);
    return 0;
}

int read_signal(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    static const char *const names[] = {"TERM", "INT", "HUP", "QUIT", "KILL", "USR1", "USR2"};
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGKILL, SIGUSR1, SIGUSR2};
    char suggestion[40];
    int status = scalar(reader, key, value);

    if (status)
        return status;
    for (size_t i = 0; i < array_size(names); i++) {
        if (!strcmp(names[i], value->text)) {
            *(int *)field = numbers[i];
            return 0;
        }
    }
    return reader_fail(
        reader, value,
        "%s: found \"%.40s\", expected one of TERM, INT, HUP, QUIT, KILL, USR1 and USR2%s",
        key->name, value->text,
        suggest_text(strncmp(value->text, "SIG", 3) ? value->text : value->text + 3, names,
                     array_size(names), suggestion, sizeof(suggestion)));
}

static bool clean_path(const char *path)
{
    for (const char *part = path; *part == '/';) {
        size_t length = strcspn(++part, "/");

        if (!length || (length <= 2 && !strncmp(part, "..", length)))
            return false;
        part += length;
        if (!*part)
            return true;
    }
    return false;
}

int read_guest_path(struct reader *reader, const struct suite_key *key,
                    const struct yaml_node *value, void *field)
{
    int status = scalar(reader, key, value);

    if (status)
        return status;
    if ((!clean_path(value->text) && strcmp(value->text, "/")) ||
        strlen(value->text) > LINE_MAX_LENGTH)
        return reader_expected(reader, key, value,
                               "an absolute path without \".\", \"..\" or a \"/\" too many");
    return read_text(reader, key, value, field);
}
