/* The kernels of a case: what the file or --kernel names, and what they are called in names. */
#include "runner/suite_reader.h"

#include "base/fs.h"
#include "base/memory.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum { LABEL_MAX = 40 }; /* bytes of a path's or URL's name, before what tells equals apart */

static bool is_url(const char *kernel)
{
    return strstr(kernel, "://") != NULL;
}

static bool has_kernel(const struct suite_texts *kernels, const char *kernel)
{
    for (size_t i = 0; i < kernels->count; i++)
        if (!strcmp(kernels->items[i], kernel))
            return true;
    return false;
}

/* -- In the file ------------------------------------------------------------------------------- */

static int read_one(struct reader *reader, const struct suite_key *key,
                    const struct yaml_node *value, char **kernel)
{
    int status = read_line(reader, key, value, kernel);

    if (status)
        return status;
    if (!**kernel)
        return reader_expected(reader, key, value, "a kernel's name, path or URL");
    if (**kernel != '/' && strchr(*kernel, '/') && !is_url(*kernel))
        *kernel = arena_printf(reader->memory, "%s/%s", reader->directory, *kernel);
    return 0;
}

int read_kernel(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                void *field)
{
    struct suite_texts kernels = {arena_array(reader->memory, 1, sizeof(*kernels.items)), 1};
    int status = read_one(reader, key, value, &kernels.items[0]);

    if (!status)
        *(struct suite_texts *)field = kernels;
    return status;
}

int read_kernels(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
                 void *field)
{
    struct suite_texts kernels = {0};
    int status = reader_list(reader, value, key->name, "kernels");

    if (status)
        return status;
    if (!value->count || value->count > SUITE_KERNELS_MAX)
        return reader_fail(reader, value, "%s: found %zu, expected 1 to %d", key->name,
                           value->count, SUITE_KERNELS_MAX);
    kernels.items = arena_array(reader->memory, value->count, sizeof(*kernels.items));
    for (size_t i = 0; i < value->count; i++) {
        const struct yaml_node *item;
        char found[80];
        char *kernel;

        status = reader_resolve(reader, value->items[i], &item);
        if (!status)
            status = read_one(reader, key, item, &kernel);
        if (status)
            return status;
        if (has_kernel(&kernels, kernel))
            return reader_fail(reader, value->items[i], "%s: the kernel %s is here twice",
                               key->name, yaml_found(item, found, sizeof(found)));
        kernels.items[kernels.count++] = kernel;
    }
    *(struct suite_texts *)field = kernels;
    return 0;
}

int kernels_check_keys(struct reader *reader, const struct yaml_node *map)
{
    const struct yaml_node *first = NULL;

    for (size_t i = 0; map && i < map->count; i++) {
        const struct yaml_node *name = map->pairs[i].key;

        if (strcmp(name->text, "kernel") && strcmp(name->text, "kernels"))
            continue;
        if (first)
            return reader_fail(reader, name,
                               "both \"kernel\" and \"kernels\", the first of them in line %u: "
                               "expected one of them",
                               first->line);
        first = name;
    }
    return 0;
}

/* -- On the command line ----------------------------------------------------------------------- */

/* A comma in a URL belongs to it until its digest has begun; no digest has one. */
static size_t first_length(const char *text)
{
    size_t length = strcspn(text, ",");
    const char *scheme = strstr(text, "://");
    const char *digest = scheme ? strstr(scheme, "#sha256=") : NULL;

    if (!scheme || scheme >= text + length)
        return length;
    return digest ? (size_t)(digest - text) + strcspn(digest, ",") : strlen(text);
}

int kernels_from_option(struct arena *memory, const char *text, struct suite_texts *kernels,
                        struct error *error)
{
    bool whole = strchr(text, '/') && fs_exists(text);
    struct suite_texts parts = {arena_array(memory, SUITE_KERNELS_MAX, sizeof(*parts.items)), 0};

    for (const char *at = text; at;) {
        size_t length = whole ? strlen(text) : first_length(at);
        char *kernel = arena_copy(memory, at, length);

        if (!length)
            return error_set(error, EINVAL,
                             "--kernel: nothing %s: expected kernels with commas between them",
                             *text ? "before or after a comma" : "at all");
        if (has_kernel(&parts, kernel))
            return error_set(error, EINVAL, "--kernel: \"%s\" is here twice", kernel);
        if (parts.count == SUITE_KERNELS_MAX)
            return error_set(error, EINVAL, "--kernel: more than %d kernels", SUITE_KERNELS_MAX);
        parts.items[parts.count++] = kernel;
        at = at[length] ? at + length + 1 : NULL;
    }
    *kernels = parts;
    return 0;
}

/* -- In names ---------------------------------------------------------------------------------- */

static bool is_name(const char *kernel)
{
    return !strchr(kernel, '/');
}

/* The last part of a path or URL, without what would end it in a case's name or in a shell. */
static char *basename_of(struct arena *memory, const char *kernel)
{
    size_t end = is_url(kernel) ? strcspn(kernel, "?#") : strlen(kernel);
    size_t start;
    char *label;

    while (end && kernel[end - 1] == '/')
        end--;
    for (start = end; start && kernel[start - 1] != '/';)
        start--;
    if (start == end)
        return arena_text(memory, "root");
    label = arena_copy(memory, kernel + start,
                       end - start < LABEL_MAX ? end - start : (size_t)LABEL_MAX);
    for (char *at = label; *at; at++)
        if (!isalnum((unsigned char)*at) && !strchr("._+-", *at))
            *at = '-';
    return label;
}

struct suite_texts kernels_labels(struct arena *memory, const struct suite_texts *kernels)
{
    struct suite_texts labels = {arena_array(memory, kernels->count, sizeof(*labels.items)),
                                 kernels->count};
    struct suite_texts taken = {arena_array(memory, kernels->count, sizeof(*taken.items)), 0};

    /* A path never takes its name away from a kernel that has it. */
    for (int names = 1; names >= 0; names--)
        for (size_t i = 0; i < kernels->count; i++) {
            char *base, *label;

            if (is_name(kernels->items[i]) != names)
                continue;
            base = label = basename_of(memory, kernels->items[i]);
            for (unsigned number = 2; has_kernel(&taken, label); number++)
                label = arena_printf(memory, "%s-%u", base, number);
            labels.items[i] = taken.items[taken.count++] = label;
        }
    return labels;
}
