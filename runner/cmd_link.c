/* duet link */
#include "runner/client_link.h"
#include "runner/commands.h"
#include "runner/table.h"

#include "base/buffer.h"
#include "base/cjson.h"
#include "base/memory.h"

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS = 10 };

struct link_command {
    const char *words[3];
    size_t word_count;
    const char *action; /* up, down; or NULL */
    bool json;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static bool is_action(const char *word)
{
    return strcmp(word, "up") == 0 || strcmp(word, "down") == 0;
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct link_command *link = state->input;

    switch (key) {
    case 'j':
        link->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (link->word_count == array_size(link->words))
            return ARGP_ERR_UNKNOWN;
        link->words[link->word_count++] = argument;
        return 0;
    case ARGP_KEY_END:
        if (link->word_count > 0 && is_action(link->words[link->word_count - 1]))
            link->action = link->words[--link->word_count];
        else if (link->word_count == array_size(link->words))
            argp_error(state, "\"%s\" is neither up nor down", link->words[2]);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* -- A table of them --------------------------------------------------------------------------- */

static char *count_of(const cJSON *json, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, key);

    return cJSON_IsNumber(item) ? xasprintf("%.0f", item->valuedouble) : xstrdup("-");
}

static char *causes_of(const cJSON *direction)
{
    struct buffer text = {0};
    const cJSON *cause;

    cJSON_ArrayForEach(cause, cJSON_GetObjectItemCaseSensitive(direction, "causes"))
    {
        if (cJSON_IsNumber(cause))
            buffer_printf(&text, "%s%s %.0f", text.length ? ", " : "", cause->string,
                          cause->valuedouble);
    }
    if (text.length == 0)
        buffer_append_text(&text, "-");
    return buffer_steal(&text);
}

/* `direction` may be NULL: nobody counts. */
static void add_row(struct table *table, const struct held *held, const cJSON *link,
                    const cJSON *direction)
{
    table_add(table, (char *[COLUMNS]){xasprintf("%s/%s", held->suite, held->case_name),
                                       xstrdup(cjson_text(link, "name", "-")),
                                       xstrdup(cjson_text(link, "state", "-")),
                                       xstrdup(cjson_text(link, "carrier", "-")),
                                       xstrdup(cjson_text(direction, "from", "-")),
                                       xstrdup(cjson_text(direction, "to", "-")),
                                       count_of(direction, "packets_in"),
                                       count_of(direction, "packets_out"), causes_of(direction),
                                       client_settings_text(direction)});
}

static void add_link(struct table *table, const struct held *held, const cJSON *link)
{
    const cJSON *directions = cJSON_GetObjectItemCaseSensitive(link, "directions");
    const cJSON *direction;

    if (cJSON_GetArraySize(directions) == 0)
        add_row(table, held, link, NULL);
    cJSON_ArrayForEach(direction, directions) add_row(table, held, link, direction);
}

static void print_table(const struct held *const cases[], cJSON *const links[], size_t count)
{
    static const char *const titles[COLUMNS] = {"CASE", "LINK", "STATE", "CARRIER", "FROM",
                                                "TO",   "IN",   "OUT",   "COUNTED", "IMPAIRMENT"};
    struct table table = {.columns = COLUMNS};
    const cJSON *link;

    table_add_titles(&table, titles);
    for (size_t i = 0; i < count; i++)
        cJSON_ArrayForEach(link, links[i]) add_link(&table, cases[i], link);
    table_print(&table, stdout);
    table_free(&table);
    for (size_t i = 0; i < count; i++)
        cJSON_ArrayForEach(link, links[i])
        {
            const char *error =
                cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(link, "error"));

            if (error)
                fprintf(stderr, "duet: %s\n", error);
        }
}

static void print_json(const struct held *const cases[], cJSON *const links[], size_t count)
{
    cJSON *all = xchecked(cJSON_CreateArray());
    const cJSON *link;

    for (size_t i = 0; i < count; i++)
        cJSON_ArrayForEach(link, links[i])
        {
            cJSON *copy = xchecked(cJSON_Duplicate(link, true));

            cJSON_AddStringToObject(copy, "suite", cases[i]->suite);
            cJSON_AddStringToObject(copy, "case", cases[i]->case_name);
            cJSON_AddItemToArray(all, copy);
        }
    cjson_print(all, stdout);
    cJSON_Delete(all);
}

/* -- Which of them ----------------------------------------------------------------------------- */

/* Leaves only the link of that name. */
static void keep_only(cJSON **links, const char *name)
{
    cJSON *one = xchecked(cJSON_CreateArray());
    const cJSON *link = client_link_called(*links, name);

    if (link)
        cJSON_AddItemToArray(one, xchecked(cJSON_Duplicate(link, true)));
    cJSON_Delete(*links);
    *links = one;
}

/* What the words mean: a link, or all of a case (*link is NULL). */
static int choose(const struct link_command *command, const struct held_list *list,
                  const struct held **held, const char **link, struct error *error)
{
    struct error of_case;

    *link = NULL;
    if (command->word_count == 1 && held_choose(list, command->words[0], held, &of_case) == 0)
        return 0;
    return client_choose_link(list, command->words, command->word_count, held, link, error);
}

static int show(const struct link_command *command, const struct held_list *list,
                struct error *error)
{
    cleanup_free const struct held **cases = xcalloc(list->count + 1, sizeof *cases);
    cleanup_free cJSON **links = xcalloc(list->count + 1, sizeof *links);
    const char *link = NULL;
    size_t count = 0;
    int code = 0;

    if (command->word_count > 0 || list->count == 0) {
        code = choose(command, list, &cases[0], &link, error);
        count = code == 0 ? 1 : 0;
    } else {
        for (; count < list->count; count++)
            cases[count] = &list->items[count];
    }
    for (size_t i = 0; i < count && code == 0; i++)
        code = client_ask_links(cases[i], &links[i], error);
    if (code == 0 && link)
        keep_only(&links[0], link);
    if (code == 0 && command->json)
        print_json(cases, links, count);
    else if (code == 0)
        print_table(cases, links, count);
    for (size_t i = 0; i < count; i++)
        cJSON_Delete(links[i]);
    return code;
}

/* -- Up and down ------------------------------------------------------------------------------- */

static int change(const struct link_command *command, const struct held_list *list,
                  struct error *error)
{
    bool down = strcmp(command->action, "down") == 0;
    const struct impair_named set = {"down", down ? "true" : "false"};
    const struct impair_round round = {&set, 1};
    const struct held *held;
    cJSON *answer = NULL;
    const char *link;
    int code = client_choose_link(list, command->words, command->word_count, &held, &link, error);

    if (code == 0)
        code = client_change_link(held, link, NULL, &round, &answer, error);
    if (code < 0)
        return code;
    if (command->json)
        cjson_print(answer, stdout);
    else
        client_print_change(answer, down ? "is down" : "is up");
    cJSON_Delete(answer);
    return 0;
}

int cmd_link(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE] [LINK [up|down]]",
        .doc = "Show the links of what you keep up, what they have carried and how bad they are; "
               "or take one down, so that everything that is sent into it is lost, and up again."};
    struct link_command command = {0};
    struct held_list list;
    struct error error;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &command) != 0)
        return EXIT_USAGE;
    held_find(&list);
    code = command.action ? change(&command, &list, &error) : show(&command, &list, &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    held_list_free(&list);
    return code < 0 ? client_exit_status(code) : EXIT_PASSED;
}
