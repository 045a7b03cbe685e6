/* duet down */
#include "runner/commands.h"
#include "runner/held.h"

#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

struct down_options {
    const char *name;
    bool all;
};

static const struct argp_option options[] = {
    {"all", 'a', NULL, 0, "Everything that you keep up", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct down_options *down = state->input;

    switch (key) {
    case 'a':
        down->all = true;
        return 0;
    case ARGP_KEY_ARG:
        if (down->name)
            return ARGP_ERR_UNKNOWN;
        down->name = argument;
        return 0;
    case ARGP_KEY_END:
        if (down->all && down->name)
            argp_error(state, "either --all or a case");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* The hub's connection ends when its machines have; `duet up` then clears up and ends, while a
 * `duet run` that holds a case goes on with others. */
static void wait_until_gone(const struct held *held, int hub, int process)
{
    struct pollfd ended = {.fd = process, .events = POLLIN};
    char byte;
    ssize_t n;

    do
        n = hub >= 0 ? read(hub, &byte, 1) : 0;
    while (n > 0 || (n < 0 && errno == EINTR));
    if (process >= 0 && strcmp(held->state, "up") == 0)
        while (poll(&ended, 1, -1) < 0 && errno == EINTR)
            ;
}

/* One that ends by itself meanwhile is down, too. */
static int take_down(const struct held *held, struct error *error)
{
    cleanup_fd int process = pidfd_open(held->pid, 0);
    cleanup_fd int hub = -1;
    int code = held_open(held, "{\"open\":\"down\"}", &hub, NULL, error);

    if (code < 0 && code != -EPIPE && code != -ENOENT && code != -ECONNREFUSED)
        return error_context(error, "%s/%s", held->suite, held->case_name);
    wait_until_gone(held, hub, process);
    printf("%s/%s is down\n", held->suite, held->case_name);
    fflush(stdout);
    return 0;
}

static int take_all_down(const struct held_list *list, struct error *error)
{
    int result = 0;

    for (size_t i = 0; i < list->count; i++) {
        struct error own;

        if (take_down(&list->items[i], &own) == 0)
            continue;
        if (result < 0)
            fprintf(stderr, "duet: %s\n", error->message);
        *error = own;
        result = -own.code;
    }
    if (list->silent && result == 0)
        return error_set(error, ETIMEDOUT, "%zu more are kept up whose duet does not answer%s%s",
                         list->silent, list->who ? ": " : "", list->who ? list->who : "");
    return result;
}

int cmd_down(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE]",
        .doc = "End what `duet up` keeps, and wait until everything of it is gone. Without CASE, "
               "the only one."};
    struct down_options down = {0};
    const struct held *held;
    struct held_list list;
    struct error error;
    int status = EXIT_TROUBLE, code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &down) != 0)
        return EXIT_USAGE;
    held_find(&list);
    if (down.all) {
        code = take_all_down(&list, &error);
    } else {
        code = held_choose(&list, down.name, &held, &error);
        status = code < 0 ? EXIT_USAGE : EXIT_TROUBLE;
        if (code == 0)
            code = take_down(held, &error);
    }
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    held_list_free(&list);
    return code < 0 ? status : EXIT_PASSED;
}
