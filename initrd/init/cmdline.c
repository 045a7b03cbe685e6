#include "initrd/init/cmdline.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "initrd/init/hex.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef int (*key_fn)(struct config *config, char *value, struct error *error);

void config_init(struct config *config)
{
    *config = (struct config){.result_prefix = xstrdup("DUET_RESULT: "),
                              .ready_prefix = xstrdup("DUET_READY: ")};
}

void config_free(struct config *config)
{
    for (size_t i = 0; i < config->module_count; i++)
        free(config->modules[i]);
    free(config->exec);
    free(config->result_prefix);
    free(config->ready_prefix);
    free(config->modules);
    *config = (struct config){0};
}

/* In place: a decoded value is never longer. */
static int percent_decode(char *text, struct error *error)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        uint8_t byte;

        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        if (hex_decode(from + 1, 1, &byte) < 0 || byte == 0)
            return error_set(error, EINVAL, "%.3s is not a byte as %%XX (01 to FF)", from);
        *to++ = (char)byte;
        from += 2;
    }
    *to = '\0';
    return 0;
}

static int parse_modules(struct config *config, char *value, struct error *error)
{
    const char *name;

    while ((name = strsep(&value, ","))) {
        if (!*name || strchr(name, '/'))
            return error_set(error, EINVAL, "\"%s\" is not the name of a module", name);
        config->modules =
            xreallocarray(config->modules, config->module_count + 1, sizeof *config->modules);
        config->modules[config->module_count++] = xstrdup(name);
    }
    return 0;
}

static int parse_exec(struct config *config, char *value, struct error *error)
{
    if (value[0] != '/')
        return error_set(error, EINVAL, "\"%s\" is not an absolute path", value);
    free(config->exec);
    config->exec = xstrdup(value);
    return 0;
}

static int parse_prefix(char **prefix, const char *value, struct error *error)
{
    if (!*value || strpbrk(value, "\r\n"))
        return error_set(error, EINVAL, "a prefix is one line and not empty");
    free(*prefix);
    *prefix = xstrdup(value);
    return 0;
}

static int parse_result(struct config *config, char *value, struct error *error)
{
    return parse_prefix(&config->result_prefix, value, error);
}

static int parse_ready(struct config *config, char *value, struct error *error)
{
    return parse_prefix(&config->ready_prefix, value, error);
}

static const struct {
    const char *name;
    key_fn parse;
    bool repeatable;
} keys[] = {
    {"modules", parse_modules, true},
    {"exec", parse_exec, false},
    {"result", parse_result, false},
    {"ready", parse_ready, false},
};

static int parse_word(struct config *config, char *word, uint32_t *seen, struct error *error)
{
    char *key = word + strlen("duet.");
    char *value = strchr(key, '=');
    int code;

    if (!value)
        return error_set(error, EINVAL, "expected duet.KEY=VALUE");
    *value++ = '\0';
    for (size_t i = 0; i < array_size(keys); i++) {
        if (strcmp(key, keys[i].name) != 0)
            continue;
        if (!keys[i].repeatable && (*seen & 1u << i))
            return error_set(error, EINVAL, "given twice");
        *seen |= 1u << i;
        code = percent_decode(value, error);
        return code < 0 ? code : keys[i].parse(config, value, error);
    }
    return error_set(error, EINVAL, "unknown key");
}

/* The next word as the kernel's next_arg() cuts it: spaces inside double quotes do not separate. */
static char *next_word(const char **at)
{
    const char *start = *at + strspn(*at, " \t\r\n");
    const char *end = start;
    bool quoted = false;

    for (; *end && (quoted || !isspace((unsigned char)*end)); end++)
        quoted ^= *end == '"';
    *at = end;
    return end > start ? xstrndup(start, (size_t)(end - start)) : NULL;
}

int cmdline_parse(const char *cmdline, struct config *config, struct error *error)
{
    uint32_t seen = 0;
    int code = 0;

    while (code == 0) {
        cleanup_free char *word = next_word(&cmdline);
        cleanup_free char *whole = word ? xstrdup(word) : NULL;

        if (!word)
            break;
        if (strncmp(word, "duet.", 5) != 0)
            continue;
        code = parse_word(config, word, &seen, error);
        if (code < 0)
            error_context(error, "kernel command line: %s", whole);
    }
    return code;
}
