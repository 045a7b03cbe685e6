/* The matrix: combinations of variables, and the names of the cases that they make. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    LABEL_MAX = 40, /* bytes of a value in a case's name; longer ones are numbered */
    SLUG_MAX = 88,  /* bytes, before what tells equals apart */
};

#define EXCLUDE "exclude"
/* What is the run's own stands beside the directories of its cases. */
static const char *const reserved_slugs[] = {"results.json", "libvirt.log", "templates"};

static bool is_axis(const struct yaml_pair *pair)
{
    return strcmp(pair->key->text, EXCLUDE) != 0;
}

static bool equal(const struct yaml_node *a, const struct yaml_node *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || a->count != b->count)
        return false;
    if (a->kind == YAML_SCALAR)
        return !strcmp(a->text, b->text);
    for (size_t i = 0; i < a->count; i++) {
        const struct yaml_node *mine = a->kind == YAML_MAP ? a->pairs[i].value : a->items[i];
        const struct yaml_node *other =
            a->kind == YAML_MAP ? yaml_find(b, a->pairs[i].key->text) : b->items[i];

        if (!other || !equal(mine, other))
            return false;
    }
    return true;
}

static int check_axis(struct reader *reader, const struct yaml_pair *pair)
{
    const struct yaml_node *values = pair->value;
    char found[80];
    int status = reader_check_variable(reader, pair->key);

    if (!status)
        status = reader_list(reader, values, pair->key->text, "values");
    if (status)
        return status;
    if (!values->count)
        return reader_fail(reader, values, "%s: found an empty list, expected values",
                           pair->key->text);
    for (size_t i = 0; i < values->count; i++) {
        const struct yaml_node *value = values->items[i];

        if (value->kind == YAML_LIST || yaml_is_null(value))
            return reader_fail(reader, value, "%s: found %s, expected a text or a mapping",
                               pair->key->text, yaml_found(value, found, sizeof(found)));
        for (size_t j = 0; j < i; j++)
            if (equal(values->items[j], value))
                return reader_fail(reader, value, "%s: the value %s is here twice", pair->key->text,
                                   yaml_found(value, found, sizeof(found)));
    }
    return 0;
}

static int check_excluded(struct reader *reader, const struct yaml_node *matrix,
                          const struct yaml_pair *pair)
{
    const struct yaml_node *values = yaml_find(matrix, pair->key->text);
    size_t count;
    const char *const *names = reader_keys(reader, matrix, &count);
    char suggestion[96];
    char found[80];

    if (!values || !is_axis(pair))
        return reader_fail(
            reader, pair->key, EXCLUDE ": the matrix has no variable \"%.64s\"%s", pair->key->text,
            suggest_text(pair->key->text, names, count, suggestion, sizeof(suggestion)));
    for (size_t i = 0; i < values->count; i++)
        if (equal(values->items[i], pair->value))
            return 0;
    return reader_fail(reader, pair->value, EXCLUDE ": %s is no value of \"%s\"",
                       yaml_found(pair->value, found, sizeof(found)), pair->key->text);
}

int matrix_check(struct reader *reader, const struct yaml_node *matrix)
{
    const struct yaml_node *exclude = yaml_find(matrix, EXCLUDE);
    int status = reader_map(reader, matrix, "matrix", "variables and lists of values");

    for (size_t i = 0; !status && i < matrix->count; i++)
        if (is_axis(&matrix->pairs[i]))
            status = check_axis(reader, &matrix->pairs[i]);
    if (!status && exclude)
        status = reader_list(reader, exclude, EXCLUDE, "mappings of variables to values");
    for (size_t i = 0; !status && exclude && i < exclude->count; i++) {
        const struct yaml_node *item = exclude->items[i];

        status = reader_map(reader, item, EXCLUDE, "variables and values");
        if (!status && !item->count)
            return reader_fail(reader, item, EXCLUDE ": an empty mapping would leave out all");
        for (size_t j = 0; !status && j < item->count; j++)
            status = check_excluded(reader, matrix, &item->pairs[j]);
    }
    return status;
}

static bool is_excluded(const struct yaml_node *matrix, const struct binding *bindings,
                        size_t count)
{
    const struct yaml_node *exclude = yaml_find(matrix, EXCLUDE);

    for (size_t i = 0; exclude && i < exclude->count; i++) {
        const struct yaml_node *item = exclude->items[i];
        size_t matches = 0;

        for (size_t j = 0; j < count; j++) {
            const struct yaml_node *value = yaml_find(item, bindings[j].name);

            matches += value && equal(value, bindings[j].value);
        }
        if (matches == item->count)
            return true;
    }
    return false;
}

/* "loss=0.5%,delay=5ms" for a mapping, "a+b" for a list. */
static int append_value(struct reader *reader, const struct yaml_node *value, struct buffer *out)
{
    int status = reader_resolve(reader, value, &value);

    if (status)
        return status;
    if (value->kind == YAML_SCALAR)
        buffer_append_text(out, value->text);
    for (size_t i = 0; !status && value->kind != YAML_SCALAR && i < value->count; i++) {
        if (i)
            buffer_append_text(out, value->kind == YAML_MAP ? "," : "+");
        if (value->kind == YAML_MAP)
            buffer_printf(out, "%s=", value->pairs[i].key->text);
        status = append_value(
            reader, value->kind == YAML_MAP ? value->pairs[i].value : value->items[i], out);
    }
    return status;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return false;
    return true;
}

/* A word that begins with a letter speaks for itself; "family=4", "impair=none" and "script=2"
 * need the variable's name. */
static void append_label(const struct binding *binding, size_t number, const char *value,
                         struct buffer *name)
{
    bool long_value = strlen(value) > LABEL_MAX || !is_printable(value);

    if (name->length)
        buffer_append_text(name, ",");
    if (long_value)
        buffer_printf(name, "%s=%zu", binding->name, number);
    else if (!*value)
        buffer_printf(name, "%s=none", binding->name);
    else if (isalpha((unsigned char)*value))
        buffer_append_text(name, value);
    else
        buffer_printf(name, "%s=%s", binding->name, value);
}

struct expansion {
    struct reader *reader;
    const struct yaml_node *matrix;
    const char *prefix;
    struct binding *bindings;
    const struct yaml_node **axes; /* lists of values */
    size_t *numbers;               /* of the values bound */
    size_t count;
};

static int name_combination(struct expansion *expansion, char **name, struct suite_pairs *variables)
{
    struct reader *reader = expansion->reader;
    cleanup_buffer struct buffer text = {0};

    variables->items = arena_array(reader->memory, expansion->count, sizeof(*variables->items));
    variables->count = expansion->count;
    buffer_append_text(&text, expansion->prefix ? expansion->prefix : "");
    for (size_t i = 0; i < expansion->count; i++) {
        cleanup_buffer struct buffer value = {0};
        int status;

        buffer_append_text(&value, "");
        status = append_value(reader, expansion->bindings[i].value, &value);
        if (status)
            return status;
        append_label(&expansion->bindings[i], expansion->numbers[i] + 1, value.data, &text);
        variables->items[i].name = arena_text(reader->memory, expansion->bindings[i].name);
        variables->items[i].value = arena_text(reader->memory, value.data);
    }
    if (!text.length)
        buffer_append_text(&text, reader->scope.suite);
    *name = arena_copy(reader->scratch, text.data, text.length);
    return 0;
}

/* The next combination, the last axis fastest; false after the last. */
static bool advance(struct expansion *expansion)
{
    for (size_t i = expansion->count; i-- > 0;) {
        if (++expansion->numbers[i] < expansion->axes[i]->count)
            return true;
        expansion->numbers[i] = 0;
    }
    return false;
}

static int one_combination(struct expansion *expansion, matrix_fn call, void *context)
{
    struct reader *reader = expansion->reader;
    struct suite_pairs variables;
    char *name;
    int status;

    for (size_t i = 0; i < expansion->count; i++)
        expansion->bindings[i].value = expansion->axes[i]->items[expansion->numbers[i]];
    if (is_excluded(expansion->matrix, expansion->bindings, expansion->count))
        return 0;
    reader->scope.matrix = expansion->bindings;
    reader->scope.matrix_count = expansion->count;
    status = name_combination(expansion, &name, &variables);
    if (status)
        return status;
    reader->scope.case_name = name;
    status = call(context, &variables);
    reader->scope.case_name = NULL;
    return status;
}

int matrix_expand(struct reader *reader, const struct yaml_node *matrix, const char *prefix,
                  matrix_fn call, void *context)
{
    size_t most = matrix ? matrix->count : 0;
    struct expansion expansion = {.reader = reader, .matrix = matrix, .prefix = prefix};
    size_t combinations = 1;
    int status;

    expansion.bindings = arena_array(reader->scratch, most, sizeof(*expansion.bindings));
    expansion.axes = arena_array(reader->scratch, most, sizeof(*expansion.axes));
    expansion.numbers = arena_array(reader->scratch, most, sizeof(*expansion.numbers));
    for (size_t i = 0; i < most; i++) {
        if (!is_axis(&matrix->pairs[i]))
            continue;
        expansion.bindings[expansion.count].name = matrix->pairs[i].key->text;
        expansion.axes[expansion.count++] = matrix->pairs[i].value;
        combinations *= matrix->pairs[i].value->count;
        if (combinations > SUITE_CASES_MAX)
            return reader_fail(reader, matrix, "matrix: more than %d combinations",
                               SUITE_CASES_MAX);
    }
    do
        status = one_combination(&expansion, call, context);
    while (!status && advance(&expansion));
    reader->scope.matrix = NULL;
    reader->scope.matrix_count = 0;
    return status;
}

static char *make_slug(struct reader *reader, const char *name)
{
    char slug[SLUG_MAX + 1];
    size_t length = 0;

    for (; *name && length < SLUG_MAX; name++) {
        bool good = isalnum((unsigned char)*name) || (strchr("._=+-", *name) && length);

        if (good)
            slug[length++] = *name;
        else if (length && slug[length - 1] != '-')
            slug[length++] = '-';
    }
    while (length && slug[length - 1] == '-')
        length--;
    slug[length] = '\0';
    return arena_text(reader->memory, length ? slug : "case");
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(struct suite_case *const *)a)->name, (*(struct suite_case *const *)b)->name);
}

static int by_slug(const void *a, const void *b)
{
    const struct suite_case *left = *(struct suite_case *const *)a;
    const struct suite_case *right = *(struct suite_case *const *)b;
    int order = strcmp(left->slug, right->slug);

    /* Equal slugs in the order of the cases, so that they are numbered alike every time. */
    return order ? order : (left > right) - (left < right);
}

static bool is_reserved(const char *slug)
{
    for (size_t i = 0; i < array_size(reserved_slugs); i++)
        if (!strcmp(slug, reserved_slugs[i]))
            return true;
    return false;
}

int matrix_name_cases(struct reader *reader, const struct yaml_node *at, struct suite_case *cases,
                      size_t count)
{
    cleanup_free struct suite_case **sorted = xcalloc(count + 1, sizeof(struct suite_case *));
    const char *last = NULL;
    size_t same = 0; /* slugs before this one that are equal to it */

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &cases[i];
        cases[i].slug = make_slug(reader, cases[i].name);
    }
    qsort(sorted, count, sizeof(struct suite_case *), by_name);
    for (size_t i = 1; i < count; i++)
        if (!strcmp(sorted[i - 1]->name, sorted[i]->name))
            return reader_fail(reader, at, "two cases of the name \"%s\"", sorted[i]->name);
    qsort(sorted, count, sizeof(struct suite_case *), by_slug);
    for (size_t i = 0; i < count; i++) {
        char *slug = sorted[i]->slug;

        same = last && !strcmp(last, slug) ? same + 1 : 0;
        last = slug;
        if (!same && !is_reserved(slug))
            continue;
        /* "~" is in no slug but for this. */
        sorted[i]->slug = arena_printf(reader->memory, "%s~%zu", slug, same + 1);
    }
    return 0;
}
