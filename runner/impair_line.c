#include "runner/impair_line.h"

#include "base/memory.h"
#include "net/impair_field.h"
#include "net/impair_value.h"
#include "runner/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char rules[] = "rules"; /* whose one value is none */

/* -- What there is ----------------------------------------------------------------------------- */

static bool is_among(const char *name, const char *const own[])
{
    for (; *own; own++)
        if (strcmp(*own, name) == 0)
            return true;
    return false;
}

/* "rules.3." of such a setting, as long as `prefix` has room for it; else it is empty. */
static void rule_prefix(const char *name, char *prefix, size_t size)
{
    const char *dot = strncmp(name, "rules.", 6) == 0 ? strchr(name + 6, '.') : NULL;

    snprintf(prefix, size, "%.*s", dot ? (int)(dot + 1 - name) : 0, name);
}

static int unknown(const char *name, const char *const own[], struct error *error)
{
    size_t count, rule_count, known_count = 0, rule;
    const struct impair_field *fields = impair_fields(&count);
    const struct impair_field *of_rule = impair_rule_fields(&rule_count);
    cleanup_free char(*rule_names)[64] = xcalloc(rule_count, sizeof *rule_names);
    cleanup_free const char **known = xcalloc(count + rule_count + 64, sizeof *known);
    char prefix[16], suggestion[96];

    rule_prefix(name, prefix, sizeof prefix);
    for (size_t i = 0; own[i] && i < 63; i++)
        known[known_count++] = own[i];
    known[known_count++] = rules;
    for (size_t i = 0; i < count; i++)
        known[known_count++] = fields[i].name;
    for (size_t i = 0; i < rule_count && *prefix; i++) {
        snprintf(rule_names[i], sizeof rule_names[i], "%s%s", prefix, of_rule[i].name);
        if (impair_field_find(rule_names[i], &rule))
            known[known_count++] = rule_names[i];
    }
    return error_set(error, EINVAL, "there is no setting \"%.60s\"%s", name,
                     suggest_text(name, known, known_count, suggestion, sizeof suggestion));
}

/* -- One of them ------------------------------------------------------------------------------- */

static bool is_yes_or_no(const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no", "none", "0"};

    for (size_t i = 0; i < array_size(words); i++)
        if (strcmp(words[i], text) == 0)
            return true;
    return false;
}

static int check_value(const char *name, const char *text, struct error *error)
{
    struct impair_config scratch = {0};
    int code = impair_field_set(&scratch, name, text, error);

    impair_config_free(&scratch);
    return code;
}

static int add(struct impair_line *line, const char *name, const char *text, struct error *error)
{
    int code = check_value(name, text, error);

    for (size_t i = 0; i < line->count && code == 0; i++)
        if (strcmp(line->items[i].name, name) == 0)
            code = error_set(error, EINVAL, "--%s is given twice", name);
    if (code < 0)
        return code;
    line->items = xreallocarray(line->items, line->count + 1, sizeof *line->items);
    line->items[line->count++] =
        (struct impair_named){.name = xstrdup(name), .text = xstrdup(text)};
    return 0;
}

/* Takes the setting `name`, behind which `value` stands in the same word, or `next` in the next
 * one. Returns how many words that were, or an error. */
static int take(struct impair_line *line, const char *name, const char *value, const char *next,
                const char *const own[], struct error *error)
{
    size_t rule;
    const struct impair_field *field = impair_field_find(name, &rule);
    bool is_switch = field && field->kind == &impair_value_yes;
    int code;

    if (!field && strcmp(name, rules) != 0)
        return unknown(name, own, error);
    if (!value && is_switch && !(next && is_yes_or_no(next)))
        value = "true";
    else if (!value && !next)
        return error_set(error, EINVAL, "--%s has no value: as in --%s %s", name, name,
                         field ? field->example : "none");
    code = add(line, name, value ? value : next, error);
    return code < 0 ? code : 1 + !value;
}

/* -- All of them ------------------------------------------------------------------------------- */

int impair_line_take(struct impair_line *line, int *argc, char **argv, const char *const own[],
                     struct error *error)
{
    int kept = *argc > 0 ? 1 : 0;
    int at = kept;

    *line = (struct impair_line){0};
    while (at < *argc && strcmp(argv[at], "--") != 0) {
        const char *word = argv[at];
        const char *equals = strchr(word, '=');
        cleanup_free char *name = NULL;
        int words;

        if (strncmp(word, "--", 2) == 0)
            name =
                equals ? xasprintf("%.*s", (int)(equals - word - 2), word + 2) : xstrdup(word + 2);
        if (!name || is_among(name, own)) {
            argv[kept++] = argv[at++];
            continue;
        }
        words = take(line, name, equals ? equals + 1 : NULL, at + 1 < *argc ? argv[at + 1] : NULL,
                     own, error);
        if (words < 0) {
            impair_line_free(line);
            return words;
        }
        at += words;
    }
    while (at < *argc)
        argv[kept++] = argv[at++];
    argv[kept] = NULL;
    *argc = kept;
    return 0;
}

void impair_line_free(struct impair_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        free((void *)line->items[i].name);
        free((void *)line->items[i].text);
    }
    free(line->items);
    *line = (struct impair_line){0};
}

struct argp_option *impair_line_options(const struct argp_option *own, int key)
{
    size_t count, own_count = 0;
    const struct impair_field *fields = impair_fields(&count);
    struct argp_option *options, *next;

    while (own[own_count].name)
        own_count++;
    options = xcalloc(own_count + count + 3, sizeof *options);
    memcpy(options, own, own_count * sizeof *options);
    next = options + own_count;
    *next++ = (struct argp_option){.doc = "Settings, each of which may be \"none\":", .group = 1};
    for (size_t i = 0; i < count; i++)
        *next++ = (struct argp_option){
            .name = fields[i].name,
            .key = key + (int)i,
            .arg = "VALUE",
            .flags = fields[i].kind == &impair_value_yes ? OPTION_ARG_OPTIONAL : 0,
            .doc = fields[i].summary,
            .group = 1};
    *next = (struct argp_option){
        .name = "rules.N.FIELD",
        .arg = "VALUE",
        .flags = OPTION_DOC | OPTION_NO_USAGE,
        .doc =
            "A field of rule N, from 0: `--rules.0.action drop`. The first that is given takes all "
            "earlier rules away; `--rules none` does nothing else",
        .group = 1};
    return options;
}
