/* duet impair */
#include "runner/client_link.h"
#include "runner/commands.h"
#include "runner/impair_line.h"

#include "base/cjson.h"
#include "base/memory.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

enum { KEY_FROM = 768, KEY_CLEAR, KEY_SETTING = 1024 };

struct impair_command {
    const char *words[2];
    size_t word_count;
    const char *from;
    bool clear, json;
    struct impair_line line;
};

static const struct argp_option own_options[] = {
    {"from", KEY_FROM, "NODE", 0, "Only what this node sends (default: both directions)", 0},
    {"clear", KEY_CLEAR, NULL, 0, "Take away everything that is not named beside it", 0},
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static const char *const own_names[] = {"from", "clear", "json", "help", "usage", NULL};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct impair_command *impair = state->input;

    switch (key) {
    case KEY_FROM:
        impair->from = argument;
        return 0;
    case KEY_CLEAR:
        impair->clear = true;
        return 0;
    case 'j':
        impair->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (impair->word_count == array_size(impair->words))
            return ARGP_ERR_UNKNOWN;
        impair->words[impair->word_count++] = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* -- What is in force -------------------------------------------------------------------------- */

static int show(const struct impair_command *impair, const struct held *held, const char *name,
                struct error *error)
{
    cJSON *links = NULL;
    const cJSON *link;
    int code = client_ask_links(held, &links, error);

    if (code < 0)
        return code;
    link = client_link_called(links, name);
    if (impair->json)
        cjson_print(link, stdout);
    else
        code = client_print_settings(link, impair->from, error);
    cJSON_Delete(links);
    return code;
}

/* -- A change ---------------------------------------------------------------------------------- */

static void round_of(const struct impair_command *impair, struct impair_round *round)
{
    const struct impair_line *line = &impair->line;
    struct impair_named *items = xcalloc(line->count + 1, sizeof *items);

    *round = (struct impair_round){.items = items};
    if (impair->clear)
        items[round->count++] = (struct impair_named){IMPAIR_ROUND_ALL, "none"};
    for (size_t i = 0; i < line->count; i++)
        items[round->count++] = line->items[i];
}

static int change(const struct impair_command *impair, const struct held *held, const char *link,
                  struct error *error)
{
    struct impair_round round;
    cJSON *answer = NULL;
    int code;

    round_of(impair, &round);
    code = client_change_link(held, link, impair->from, &round, &answer, error);
    free((void *)round.items);
    if (code < 0)
        return code;
    if (impair->json)
        cjson_print(answer, stdout);
    else
        client_print_change(answer, "is changed");
    cJSON_Delete(answer);
    return 0;
}

static int run(struct impair_command *impair)
{
    struct client client = {0};
    struct error error;
    const char *link;
    int code;

    held_find(&client.list);
    code = client_choose_link(&client.list, impair->words, impair->word_count, &client.held, &link,
                              &error);
    if (code == 0 && (impair->clear || impair->line.count > 0))
        code = change(impair, client.held, link, &error);
    else if (code == 0)
        code = show(impair, client.held, link, &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    client_free(&client);
    return code < 0 ? client_exit_status(code) : EXIT_PASSED;
}

int cmd_impair(int argc, char **argv)
{
    cleanup_free struct argp_option *options = impair_line_options(own_options, KEY_SETTING);
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE] [LINK]",
        .doc = "Make a link of a case that is kept up as bad as you like, from its next packet on. "
               "What is not named stays as it is. Without settings, show what is in force.\v"
               "`duet impair --loss 5% --delay 20ms --jitter 5ms`. The man page has a line for "
               "each setting, docs/impairment.md all of it."};
    struct impair_command impair = {0};
    struct error error;
    int status;

    if (impair_line_take(&impair.line, &argc, argv, own_names, &error) < 0) {
        fprintf(stderr, "duet: %s\n", error.message);
        return EXIT_USAGE;
    }
    if (argp_parse(&argp, argc, argv, 0, NULL, &impair) != 0)
        status = EXIT_USAGE;
    else
        status = run(&impair);
    impair_line_free(&impair.line);
    return status;
}
