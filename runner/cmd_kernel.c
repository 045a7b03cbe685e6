/* duet kernel */
#include "runner/commands.h"
#include "runner/session.h"
#include "runner/suggest.h"

#include "base/cjson.h"
#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { JOBS_MAX = 1024, FILES_A_LINE = 250 };
enum { KEY_NAME = 256, KEY_SOURCE, KEY_CONFIG };

struct arguments;

struct action {
    const char *name;
    int (*run)(const struct arguments *arguments, struct session *session, struct error *error);
    bool takes_kernel;
};

struct arguments {
    const struct action *action;
    const char *kernel;
    struct kernel_build build;
    bool any_build_option;
    bool json;
};

/* A build prints a line for each file; where no line can be rewritten, every so many are enough. */
static void show_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct terminal *terminal = context;

    if (total > 0)
        terminal_status(terminal, "%s: %.1f of %.1f MB", what, (double)done / 1e6,
                        (double)total / 1e6);
    else if (terminal->live && done > 0)
        terminal_status(terminal, "%5" PRIu64 " files; %s", done, what);
    else if (terminal->live)
        terminal_status(terminal, "%s", what);
    else if (done == 0)
        terminal_say(terminal, "%s", what);
    else if (done % FILES_A_LINE == 0)
        terminal_say(terminal, "%5" PRIu64 " files; %s", done, what);
}

static struct kernel_options options_of(struct session *session)
{
    return (struct kernel_options){.cache_dir = session->cache_dir,
                                   .progress = show_progress,
                                   .progress_context = session->options.terminal,
                                   .cancel = &session->cancelled};
}

struct work {
    const struct arguments *arguments;
    struct kernel_options options;
    struct kernel kernel;
    struct kernel_entry *entries;
    size_t count;
};

/* -- Actions ----------------------------------------------------------------------------------- */

static int list_entries(void *context, struct error *error)
{
    struct work *work = context;

    return kernel_list(&work->options, &work->entries, &work->count, error);
}

static void print_json(const struct work *work)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < work->count; i++) {
        const struct kernel_entry *entry = &work->entries[i];
        cJSON *json = cJSON_CreateObject();

        if (entry->name)
            cJSON_AddStringToObject(json, "name", entry->name);
        else
            cJSON_AddNullToObject(json, "name");
        cJSON_AddStringToObject(json, "release", entry->release);
        cJSON_AddNumberToObject(json, "size_bytes", (double)entry->size_bytes);
        cJSON_AddStringToObject(json, "source", entry->source);
        cJSON_AddStringToObject(json, "path", entry->image);
        cJSON_AddItemToArray(array, json);
    }
    cjson_print(array, stdout);
    cJSON_Delete(array);
}

static void print_table(const struct work *work)
{
    for (size_t i = 0; i < work->count; i++) {
        const struct kernel_entry *entry = &work->entries[i];

        printf("%-8s  %-24s %6.1f MB  %s\n          %s\n", entry->name ? entry->name : "-",
               entry->release[0] ? entry->release : "release unknown",
               (double)entry->size_bytes / 1e6, entry->source, entry->image);
    }
}

static int run_list(const struct arguments *arguments, struct session *session, struct error *error)
{
    struct work work = {.options = options_of(session)};
    int code = session_block(session, list_entries, &work, error);

    if (code == 0 && arguments->json)
        print_json(&work);
    else if (code == 0)
        print_table(&work);
    kernel_entries_free(work.entries, work.count);
    return code;
}

static int get_kernel(void *context, struct error *error)
{
    struct work *work = context;

    return kernel_get(work->arguments->kernel, &work->options, &work->kernel, error);
}

static int build_kernel(void *context, struct error *error)
{
    struct work *work = context;

    return kernel_build(&work->arguments->build, &work->options, &work->kernel, error);
}

static int print_image(const struct arguments *arguments, struct session *session,
                       int (*get)(void *context, struct error *error), bool offline,
                       struct error *error)
{
    struct work work = {.arguments = arguments, .options = options_of(session)};
    int code;

    work.options.offline = offline;
    code = session_block(session, get, &work, error);
    terminal_clear(session->options.terminal);
    if (code == 0)
        puts(work.kernel.image);
    kernel_free(&work.kernel);
    return code;
}

static int run_fetch(const struct arguments *arguments, struct session *session,
                     struct error *error)
{
    return print_image(arguments, session, get_kernel, false, error);
}

static int run_build(const struct arguments *arguments, struct session *session,
                     struct error *error)
{
    return print_image(arguments, session, build_kernel, false, error);
}

static int run_path(const struct arguments *arguments, struct session *session, struct error *error)
{
    return print_image(arguments, session, get_kernel, true, error);
}

static const struct action actions[] = {{"list", run_list, false},
                                        {"fetch", run_fetch, true},
                                        {"build", run_build, false},
                                        {"path", run_path, true}};

/* -- Arguments --------------------------------------------------------------------------------- */

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "list: one JSON document", 0},
    {"name", KEY_NAME, "NAME", 0, "build: what the kernel is called (default: small)", 0},
    {"source", KEY_SOURCE, "URL", 0,
     "build: of a tar archive of Linux, https://...#sha256=HEX (default: Debian's newest "
     "linux-source)",
     0},
    {"config", KEY_CONFIG, "FILE", 0, "build: options that come after duet's own", 0},
    {"jobs", 'J', "N", 0, "build: compilers side by side (default: one a processor)", 0},
    {0},
};

static void read_jobs(struct argp_state *state, const char *text, struct arguments *arguments)
{
    char *end;
    unsigned long jobs = strtoul(text, &end, 10);

    if (text[0] < '0' || text[0] > '9' || *end || jobs < 1 || jobs > JOBS_MAX)
        argp_error(state, "--jobs is \"%s\"; expected a number from 1 to %d", text, JOBS_MAX);
    arguments->build.jobs = (unsigned int)jobs;
}

static void read_action(struct argp_state *state, const char *name, struct arguments *arguments)
{
    const char *names[array_size(actions)];
    char suggestion[64];

    for (size_t i = 0; i < array_size(actions); i++) {
        names[i] = actions[i].name;
        if (strcmp(name, actions[i].name) == 0)
            arguments->action = &actions[i];
    }
    if (!arguments->action)
        argp_error(state, "there is nothing called \"%s\" to do%s", name,
                   suggest_text(name, names, array_size(names), suggestion, sizeof suggestion));
}

static void check(struct argp_state *state, const struct arguments *arguments)
{
    const char *action = arguments->action ? arguments->action->name : "";

    if (!arguments->action)
        argp_error(state, "expected list, fetch, build or path");
    else if (arguments->action->takes_kernel && !arguments->kernel)
        argp_error(state, "expected a kernel after %s", action);
    else if (arguments->any_build_option && arguments->action->run != run_build)
        argp_error(state, "--name, --source, --config and --jobs are for build, not for %s",
                   action);
    else if (arguments->json && arguments->action->run != run_list)
        argp_error(state, "--json is for list, not for %s", action);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct arguments *arguments = state->input;

    switch (key) {
    case 'j':
        arguments->json = true;
        return 0;
    case KEY_NAME:
        arguments->build.name = argument;
        break;
    case KEY_SOURCE:
        arguments->build.source = argument;
        break;
    case KEY_CONFIG:
        arguments->build.config = argument;
        break;
    case 'J':
        read_jobs(state, argument, arguments);
        break;
    case ARGP_KEY_ARG:
        if (!arguments->action)
            read_action(state, argument, arguments);
        else if (arguments->action->takes_kernel && !arguments->kernel)
            arguments->kernel = argument;
        else
            argp_error(state, "\"%s\" is one argument too many", argument);
        return 0;
    case ARGP_KEY_END:
        check(state, arguments);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    arguments->any_build_option = true;
    return 0;
}

int cmd_kernel(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "list\nfetch KERNEL\nbuild\npath KERNEL",
        .doc =
            "Show the kernels in the cache (list), get one there (fetch), build a small one from "
            "source (build), or print where the image of one is without fetching anything "
            "(path). KERNEL is what `duet run --kernel` takes.\v"
            "Exit status: 0 done, 2 bad usage or bad input, 3 it could not be done."};
    struct terminal terminal;
    struct session_options session_options = {.terminal = &terminal, .no_machines = true};
    struct arguments arguments = {0};
    struct session session;
    struct error error = {0};
    int signal_number = 0;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &arguments) != 0)
        return EXIT_USAGE;
    terminal_init(&terminal, COLOR_AUTO);
    code = session_open(&session, &session_options, &error);
    if (code == 0) {
        code = arguments.action->run(&arguments, &session, &error);
        signal_number = session.signal_number;
        session_close(&session);
    }
    if (signal_number)
        return 128 + signal_number;
    if (code == 0)
        return EXIT_PASSED;
    terminal_say(&terminal, "%s", error.message);
    return code == -EINVAL ? EXIT_USAGE : EXIT_TROUBLE;
}
