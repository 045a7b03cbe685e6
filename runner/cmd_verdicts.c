/* duet verdicts */
#include "runner/commands.h"
#include "runner/verdict_logs.h"
#include "runner/verdict_show.h"

#include "base/memory.h"
#include "net/verdict_text.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESULTS "duet-results"

enum { KEY_ALL = 256, KEY_LOST, KEY_DIFF, KEY_UPKEEP };

struct arguments {
    char **operands;
    size_t operand_count;
    enum verdict_show_which which;
    bool diff, upkeep, json;
};

static const struct argp_option options[] = {
    {"all", KEY_ALL, NULL, 0, "Every packet, also those that went as they came", 0},
    {"lost", KEY_LOST, NULL, 0, "Lost packets alone", 0},
    {"diff", KEY_DIFF, NULL, 0,
     "Compare two logs, or all of two directories or cases: exit status 1 where a packet met "
     "something else",
     0},
    {"upkeep", KEY_UPKEEP, NULL, 0,
     "With --diff: compare the link's own upkeep, too (ARP and its like), which kernels do when "
     "they "
     "like",
     0},
    {"json", 'j', NULL, 0, "A JSON object a line", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    (void)argument;
    switch (key) {
    case KEY_ALL:
        arguments->which = VERDICT_SHOW_ALL;
        return 0;
    case KEY_LOST:
        arguments->which = VERDICT_SHOW_LOST;
        return 0;
    case KEY_DIFF:
        arguments->diff = true;
        return 0;
    case KEY_UPKEEP:
        arguments->upkeep = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case ARGP_KEY_ARGS:
        arguments->operands = state->argv + state->next;
        arguments->operand_count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_END:
        if (arguments->diff && arguments->operand_count != 2)
            argp_error(state, "--diff compares two logs, directories or cases, not %zu",
                       arguments->operand_count);
        if (arguments->diff && arguments->which != VERDICT_SHOW_CHANGED)
            argp_error(state, "--diff shows what differs: --all and --lost say nothing there");
        if (arguments->upkeep && !arguments->diff)
            argp_error(state, "--upkeep goes with --diff");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int show(const struct arguments *arguments, struct error *error)
{
    struct verdict_log_files files = {0};
    int code = 0;

    if (arguments->operand_count == 0)
        code = verdict_logs_find_newest(RESULTS, &files, error);
    for (size_t i = 0; i < arguments->operand_count && code == 0; i++)
        code = verdict_logs_find(RESULTS, arguments->operands[i], &files, error);
    for (size_t i = 0; i < files.count && code == 0; i++) {
        if (i > 0 && !arguments->json)
            puts("");
        code = verdict_show(files.items[i].path, arguments->which, arguments->json, error);
    }
    verdict_log_files_free(&files);
    return code;
}

static int by_name(const void *a, const void *b)
{
    const struct verdict_log_file *one = a, *other = b;

    return strverscmp(one->name, other->name);
}

/* They come directory by directory, which is another order: "a/x", "a-b/x". */
static void sort_by_name(struct verdict_log_files *files)
{
    if (files->count > 0)
        qsort(files->items, files->count, sizeof *files->items, by_name);
}

/* Two logs are compared whatever they are called; of two directories, those of the same name. */
static int compare(const struct arguments *arguments, size_t *differences, struct error *error)
{
    unsigned fields = VERDICT_DEFAULT | (arguments->upkeep ? VERDICT_UPKEEP : 0u);
    struct verdict_log_files one = {0}, other = {0};
    int code = verdict_logs_find(RESULTS, arguments->operands[0], &one, error);

    if (code == 0)
        code = verdict_logs_find(RESULTS, arguments->operands[1], &other, error);
    if (code == 0 && one.count == 1 && other.count == 1)
        one.items[0].name = other.items[0].name;
    sort_by_name(&one);
    sort_by_name(&other);
    for (size_t i = 0, j = 0; code == 0 && (i < one.count || j < other.count);) {
        int order = i == one.count     ? 1
                    : j == other.count ? -1
                                       : strverscmp(one.items[i].name, other.items[j].name);

        code = verdict_show_differences(order <= 0 ? one.items[i].path : NULL,
                                        order >= 0 ? other.items[j].path : NULL, fields,
                                        arguments->json, differences, error);
        i += order <= 0;
        j += order >= 0;
    }
    verdict_log_files_free(&one);
    verdict_log_files_free(&other);
    return code;
}

int cmd_verdicts(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[FILE|DIRECTORY|SUITE|SUITE/CASE|CASE]...\n--diff ONE OTHER",
        .doc =
            "Show what became of the packets of impaired links: of a verdict log, of all logs in "
            "a directory, or of a case's newest run; without any, of the newest run. Packets to "
            "which nothing happened are only counted."
            "\vExit status: 0 done, and nothing differs, 1 something differs, 2 bad usage, or a "
            "log that is none or is cut."};
    struct arguments arguments = {.which = VERDICT_SHOW_CHANGED};
    size_t differences = 0;
    struct error error;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    code = arguments.diff ? compare(&arguments, &differences, &error) : show(&arguments, &error);
    if (code == 0)
        return differences > 0 ? EXIT_FAILED : EXIT_PASSED;
    fflush(stdout);
    fprintf(stderr, "duet: %s\n", error.message);
    return EXIT_USAGE;
}
