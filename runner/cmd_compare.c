/* duet compare */
#include "runner/commands.h"

#include "base/memory.h"
#include "base/units.h"
#include "bench/history.h"
#include "bench/match.h"
#include "runner/bench_table.h"

#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { KEY_COLOR = 256, KEY_RESULTS };

struct compare_arguments {
    const char *names[2];
    const char *results;
    double threshold;
    bool json, force;
    enum color_mode color;
};

static const struct argp_option options[] = {
    {"threshold", 't', "SHARE", 0,
     "Differences up to this are none (default: 5%): what sessions on one machine differ by", 0},
    {"force", 'f', NULL, 0, "Compare what was measured on another machine, or of another suite", 0},
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {"results", KEY_RESULTS, "DIR", 0, "Where tags are looked up (default: duet-results)", 0},
    {"color", KEY_COLOR, "auto|always|never", 0, "Colour (auto: on a terminal without NO_COLOR)",
     0},
    {0},
};

static void parse_threshold(const char *argument, struct argp_state *state)
{
    struct compare_arguments *arguments = state->input;
    struct error error;
    uint32_t ppb = 0;

    if (units_percent(argument, &ppb, &error) < 0)
        argp_error(state, "--threshold: %s", error.message);
    arguments->threshold = (double)ppb / 1e9;
}

static void parse_color(const char *argument, struct argp_state *state)
{
    static const char *const words[] = {"auto", "always", "never"};
    struct compare_arguments *arguments = state->input;

    for (size_t i = 0; i < array_size(words); i++)
        if (strcmp(argument, words[i]) == 0) {
            arguments->color = (enum color_mode)i;
            return;
        }
    argp_error(state, "--color takes auto, always or never, not \"%s\"", argument);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct compare_arguments *arguments = state->input;

    switch (key) {
    case 't':
        parse_threshold(argument, state);
        return 0;
    case 'f':
        arguments->force = true;
        return 0;
    case 'j':
        arguments->json = true;
        return 0;
    case KEY_RESULTS:
        arguments->results = argument;
        return 0;
    case KEY_COLOR:
        parse_color(argument, state);
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num >= array_size(arguments->names))
            argp_error(state, "two results are compared, and \"%s\" is one more", argument);
        else
            arguments->names[state->arg_num] = argument;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < array_size(arguments->names))
            argp_error(state, "expected two results files, directories or tags");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void print(const struct compare_arguments *arguments, const struct record records[2],
                  const struct match *match, const struct buffer *obstacles)
{
    cleanup_buffer struct buffer remarks = {0}, json = {0};
    struct terminal terminal;

    match_remarks(&records[0], &records[1], &remarks);
    terminal_init(&terminal, arguments->color);
    if (arguments->json) {
        match_write(&records[0], &records[1], match, obstacles, &remarks, &json);
        fwrite(json.data, 1, json.length, stdout);
        return;
    }
    printf("A: %s\nB: %s\n", records[0].path, records[1].path);
    bench_table_match(&terminal, match);
    bench_table_lines(&terminal, "  all the same: ", obstacles);
    bench_table_lines(&terminal, "  note: ", &remarks);
}

static int compare(const struct compare_arguments *arguments, const struct record records[2])
{
    cleanup_buffer struct buffer obstacles = {0};
    struct match match;
    int status;

    match_obstacles(&records[0], &records[1], &obstacles);
    if (obstacles.length > 0 && !arguments->force) {
        fprintf(stderr, "duet: these are not to be compared (--force does it all the same):\n%s",
                obstacles.data);
        return EXIT_USAGE;
    }
    match_make(&records[0], &records[1], arguments->threshold, &match);
    if (match.count == 0) {
        fputs("duet: there is no metric that both have\n", stderr);
        status = EXIT_USAGE;
    } else {
        print(arguments, records, &match, &obstacles);
        status = match_has_regression(&match) ? EXIT_FAILED : EXIT_PASSED;
    }
    match_free(&match);
    return status;
}

int cmd_compare(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "A B",
        .doc = "Say whether B is slower than A: results of `duet bench`, results.json of `duet "
               "run` with metrics, or of `make bench`; a directory of one, or a tag."
               "\vExit status: 0 no regression, 1 a metric is slower by more than the threshold, "
               "or beyond a limit of the suite, 2 bad usage or bad input."};
    struct compare_arguments arguments = {.results = "duet-results",
                                          .threshold = COMPARE_THRESHOLD};
    struct record records[2] = {0};
    struct error error;
    int status = EXIT_USAGE;
    int code = 0;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    for (size_t i = 0; i < array_size(records) && code == 0; i++)
        code = history_open(arguments.results, arguments.names[i], arguments.force, &records[i],
                            &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    else
        status = compare(&arguments, records);
    for (size_t i = 0; i < array_size(records); i++)
        record_free(&records[i]);
    return status;
}
