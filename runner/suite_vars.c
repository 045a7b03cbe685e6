/* Variables: what ${name} means, and where it is replaced.
 *
 * Values of variables may name variables in their turn. They are looked up when they are used, so
 * a case that overrides one changes every value made from it. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>

enum {
    VARIABLE_DEPTH_MAX = 16,
    VARIABLE_NAME_MAX = 128, /* bytes, keys included */
};

static const char *const builtins[] = {"suite", "case", "node"};

static int resolve(struct reader *reader, const struct yaml_node *value, unsigned depth,
                   const struct yaml_node **resolved);

static bool is_word(const char *text, size_t length)
{
    if (!length || (*text >= '0' && *text <= '9'))
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

static const struct yaml_node *builtin(struct reader *reader, const char *name,
                                       const struct yaml_node *at)
{
    const char *values[] = {reader->scope.suite, reader->scope.case_name, reader->scope.node};

    for (size_t i = 0; i < array_size(builtins); i++) {
        struct yaml_node *value;

        if (strcmp(builtins[i], name) || !values[i])
            continue;
        value = arena_alloc(reader->scratch, sizeof(*value));
        *value = *at;
        value->plain = false;
        value->text = values[i];
        return value;
    }
    return NULL;
}

static const struct yaml_node *find_variable(struct reader *reader, const char *name,
                                             const struct yaml_node *at)
{
    const struct scope *scope = &reader->scope;
    const struct yaml_node *value;

    for (size_t i = 0; i < scope->matrix_count; i++)
        if (!strcmp(scope->matrix[i].name, name))
            return scope->matrix[i].value;
    value = yaml_find(scope->case_vars, name);
    if (!value)
        value = yaml_find(scope->suite_vars, name);
    return value ? value : builtin(reader, name, at);
}

static int unknown_variable(struct reader *reader, const struct yaml_node *at, const char *name)
{
    const struct scope *scope = &reader->scope;
    size_t case_count, suite_count;
    const char *const *case_names = reader_keys(reader, scope->case_vars, &case_count);
    const char *const *suite_names = reader_keys(reader, scope->suite_vars, &suite_count);
    size_t count = array_size(builtins) + case_count + suite_count + scope->matrix_count;
    const char **names = arena_array(reader->scratch, count, sizeof(*names));
    const char *nearest;

    count = 0;
    for (size_t i = 0; i < scope->matrix_count; i++)
        names[count++] = scope->matrix[i].name;
    for (size_t i = 0; i < case_count; i++)
        names[count++] = case_names[i];
    for (size_t i = 0; i < suite_count; i++)
        names[count++] = suite_names[i];
    for (size_t i = 0; i < array_size(builtins); i++)
        names[count++] = builtins[i];
    nearest = suggest_nearest(name, names, count);
    if (nearest)
        return reader_fail(reader, at,
                           "there is no variable \"%s\" here; did you mean \"%s\"? (the shell's "
                           "own is written $%s or $${%s})",
                           name, nearest, name, name);
    return reader_fail(reader, at,
                       "there is no variable \"%s\" here: expected one of vars or matrix; the "
                       "shell's own is written $%s or $${%s}",
                       name, name, name);
}

/* `path` is name[.key…]; finds what it leads to, resolved. */
static int look_up(struct reader *reader, const struct yaml_node *at, const char *path,
                   size_t length, unsigned depth, const struct yaml_node **found)
{
    const char *end = path + length;
    const struct yaml_node *value = NULL;
    char whole[VARIABLE_NAME_MAX];

    if (length < sizeof(whole))
        memcpy(whole, path, length);
    whole[length < sizeof(whole) ? length : 0] = '\0';
    for (const char *word = path; word <= end;) {
        const char *dot = memchr(word, '.', (size_t)(end - word));
        size_t word_length = (size_t)((dot ? dot : end) - word);
        const struct yaml_node *next;
        char suggestion[VARIABLE_NAME_MAX + 32];
        char name[VARIABLE_NAME_MAX];
        int status;

        if (!whole[0] || !is_word(word, word_length))
            return reader_fail(reader, at,
                               "\"${%.*s}\" names no variable: expected ${name} or ${name.key}; "
                               "the shell's own is written $${…}",
                               length < 60 ? (int)length : 60, path);
        memcpy(name, word, word_length);
        name[word_length] = '\0';
        next = value ? yaml_find(value, name) : find_variable(reader, name, at);
        if (!next && !value)
            return unknown_variable(reader, at, name);
        if (!next) {
            size_t count;
            const char *const *keys = reader_keys(reader, value, &count);

            return reader_fail(reader, at, "\"${%s}\": there is no key \"%s\"%s", whole, name,
                               suggest_text(name, keys, count, suggestion, sizeof(suggestion)));
        }
        status = resolve(reader, next, depth + 1, &value);
        if (status)
            return status;
        word += word_length + 1;
    }
    *found = value;
    return 0;
}

static int spend(struct reader *reader, const struct yaml_node *at, size_t bytes)
{
    if (!reader->values_left || reader->bytes_left < bytes)
        return reader_fail(reader, at,
                           "with every variable replaced in every case this suite is "
                           "too large: split it");
    reader->values_left--;
    reader->bytes_left -= bytes;
    return 0;
}

static int append_variable(struct reader *reader, const struct yaml_node *at, const char *path,
                           size_t length, unsigned depth, struct buffer *out)
{
    const struct yaml_node *value;
    char found[80];
    int status = look_up(reader, at, path, length, depth, &value);

    if (status)
        return status;
    if (value->kind != YAML_SCALAR)
        return reader_fail(reader, at, "\"${%.*s}\" is %s: inside of a text, expected a text",
                           (int)length, path, yaml_found(value, found, sizeof(found)));
    status = spend(reader, at, strlen(value->text));
    if (!status)
        buffer_append_text(out, value->text);
    return status;
}

static int expand(struct reader *reader, const struct yaml_node *value, unsigned depth,
                  struct buffer *out)
{
    const char *text = value->text;
    const char *dollar;

    for (; (dollar = strchr(text, '$'));) {
        const char *end;
        int status;

        buffer_append(out, text, (size_t)(dollar - text));
        if (!strncmp(dollar, "$${", 3)) {
            buffer_append_text(out, "${");
            text = dollar + 3;
            continue;
        }
        if (dollar[1] != '{') {
            buffer_append(out, dollar, 1);
            text = dollar + 1;
            continue;
        }
        end = strchr(dollar, '}');
        if (!end)
            return reader_fail(reader, value,
                               "\"${\" without \"}\"; the shell's own is written "
                               "$${…}");
        status = append_variable(reader, value, dollar + 2, (size_t)(end - dollar - 2), depth, out);
        if (status)
            return status;
        text = end + 1;
    }
    buffer_append_text(out, text);
    return 0;
}

static int resolve(struct reader *reader, const struct yaml_node *value, unsigned depth,
                   const struct yaml_node **resolved)
{
    cleanup_buffer struct buffer text = {0};
    const struct yaml_node *whole;
    struct yaml_node *scalar;
    size_t length;
    int status = spend(reader, value, 0);

    if (status)
        return status;
    if (value->kind != YAML_SCALAR || !strstr(value->text, "${")) {
        *resolved = value;
        return 0;
    }
    if (depth > VARIABLE_DEPTH_MAX)
        return reader_fail(reader, value,
                           "variables lead from one to the next more than %d times: "
                           "one of them leads to itself",
                           VARIABLE_DEPTH_MAX);
    scalar = arena_alloc(reader->scratch, sizeof(*scalar));
    *scalar = *value;
    length = strlen(value->text);
    if (!strncmp(value->text, "${", 2) && strchr(value->text, '}') == value->text + length - 1) {
        status = look_up(reader, value, value->text + 2, length - 3, depth, &whole);
        if (status)
            return status;
        /* A list or a mapping keeps its own places; a text has the place where it is used. */
        scalar->plain = whole->plain;
        scalar->text = whole->text;
        *resolved = whole->kind == YAML_SCALAR ? scalar : whole;
        return 0;
    }
    status = expand(reader, value, depth, &text);
    if (status)
        return status;
    scalar->plain = false;
    scalar->text = arena_copy(reader->scratch, text.data ? text.data : "", text.length);
    *resolved = scalar;
    return 0;
}

int reader_resolve(struct reader *reader, const struct yaml_node *value,
                   const struct yaml_node **resolved)
{
    return resolve(reader, value, 0, resolved);
}

int reader_check_variable(struct reader *reader, const struct yaml_node *name)
{
    char found[80];

    if (!is_word(name->text, strlen(name->text)) || strlen(name->text) >= VARIABLE_NAME_MAX / 2)
        return reader_fail(reader, name,
                           "%s as a variable's name: expected letters, digits and _, not a digit "
                           "first, at most %d",
                           yaml_found(name, found, sizeof(found)), VARIABLE_NAME_MAX / 2 - 1);
    for (size_t i = 0; i < array_size(builtins); i++)
        if (!strcmp(builtins[i], name->text))
            return reader_fail(reader, name, "the variable \"%s\" is there already: duet sets it",
                               name->text);
    return 0;
}

int reader_check_vars(struct reader *reader, const struct yaml_node *vars)
{
    int status = reader_map(reader, vars, "vars", "names and values");

    for (size_t i = 0; !status && i < vars->count; i++)
        status = reader_check_variable(reader, vars->pairs[i].key);
    return status;
}
