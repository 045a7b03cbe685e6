/* Settings of any bytes: as text, lines of "NAME=VALUE", a blank line ending a round; and, behind a
 * byte of zero, as numbers. What can be is written as text that gives the very same. */
#include "base/memory.h"

#include "tests/fuzz/impair_input.h"
#include "tests/unit/impair_same.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MTU = 1500 };

/* The settings, checked, as text and back. */
static void there_and_back(const struct impair_settings *settings)
{
    cleanup_buffer struct buffer text = settings_text(settings), again = {0};
    struct impair_config config = {0}, copy = {0};
    struct error error;

    if (set_lines(&config, text.data, &error) || impair_config_end(&config, MTU, NULL, &error))
        abort();
    again = settings_text(&config.settings);
    if (strcmp(text.data, again.data) != 0)
        abort();
    impair_config_copy(&copy, settings);
    if (!same_settings(&copy.settings, settings))
        abort();
    impair_config_free(&config);
    impair_config_free(&copy);
}

/* A mistake leaves what was there. */
static void set_line(struct impair_config *config, char *line)
{
    char *value = strchr(line, '=');
    struct error error = {0};
    size_t rules = config->settings.rule_count;

    if (value)
        *value++ = '\0';
    if (impair_field_set(config, line, value ? value : "", &error) == 0)
        return;
    if (!error.code || !error.message[0] || config->settings.rule_count != rules)
        abort();
}

static void rounds(const uint8_t *data, size_t size)
{
    struct impair_config config = {0};
    char *text = xstrndup((const char *)data, size);
    struct error error;

    for (char *line = text, *next; line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (*line) {
            set_line(&config, line);
            continue;
        }
        if (impair_config_end(&config, MTU, NULL, &error))
            impair_config_free(&config);
        else
            there_and_back(&config.settings);
    }
    if (impair_config_end(&config, MTU, NULL, &error) == 0)
        there_and_back(&config.settings);
    impair_config_free(&config);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && !data[0]) {
        struct input input = {data + 1, data + size};
        struct impair_rule rules[INPUT_RULES_MAX];
        struct impair_settings settings = input_settings(&input, rules);

        if (impair_check(&settings, MTU, NULL, NULL) == 0)
            there_and_back(&settings);
        return 0;
    }
    rounds(data, size);
    return 0;
}
