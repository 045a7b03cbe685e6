/* duet logs */
#include "runner/client.h"
#include "runner/commands.h"

#include "base/fs.h"
#include "base/memory.h"
#include "results/text.h"

#include <argp.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

struct log_options {
    const char *words[1];
    size_t word_count;
    const char *node;
    bool follow;
};

static const struct argp_option options[] = {
    {"follow", 'f', NULL, 0, "Go on with what they print from now on, until the case is down", 0},
    {"node", 'n', "NAME", 0, "Only this node", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct log_options *logs = state->input;

    switch (key) {
    case 'f':
        logs->follow = true;
        return 0;
    case 'n':
        logs->node = argument;
        return 0;
    case ARGP_KEY_ARG:
        if (logs->word_count == array_size(logs->words))
            return ARGP_ERR_UNKNOWN;
        logs->words[logs->word_count++] = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static int open_logs(struct client *client, const struct log_options *logs, int *fd,
                     struct error *error)
{
    cleanup_free char *request =
        held_request("logs", logs->node, logs->follow ? "\"follow\":true" : "\"follow\":false");
    int code = client_find_case(client, logs->words[0], error);

    if (code == 0 && logs->node)
        code = held_node(client->held, logs->node, &client->node, error);
    return code < 0 ? code : held_open(client->held, request, fd, NULL, error);
}

/* Whole lines; on a terminal, without what would move its cursor. */
static int print_lines(struct buffer *text, bool is_terminal, struct error *error)
{
    cleanup_buffer struct buffer shown = {0};
    const char *end = text->length ? memrchr(text->data, '\n', text->length) : NULL;
    size_t count = end ? (size_t)(end - text->data) + 1 : 0;
    int code;

    if (is_terminal)
        text_printable(&shown, text->data, count);
    else
        buffer_append(&shown, text->data, count);
    code = shown.length ? fs_write_all(STDOUT_FILENO, shown.data, shown.length, error) : 0;
    buffer_consume(text, count);
    return code < 0 ? error_context(error, "cannot write the lines") : 0;
}

/* Until there is more. False where nobody reads what is printed any more: that is told by poll(2)
 * unasked, as POLLERR. */
static bool wait_for_more(int fd)
{
    struct pollfd files[] = {{.fd = fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};

    while (poll(files, array_size(files), -1) < 0 && errno == EINTR)
        ;
    return files[0].revents != 0;
}

static int copy(int fd, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    bool is_terminal = isatty(STDOUT_FILENO);
    int code = 0;

    while (code == 0 && wait_for_more(fd)) {
        ssize_t n;

        buffer_reserve(&text, CHUNK);
        n = read(fd, text.data + text.length, CHUNK);
        if (n == 0 || (n < 0 && errno == ECONNRESET))
            return 0;
        if (n < 0 && errno != EINTR)
            return error_errno(error, "cannot read on");
        text.length += n < 0 ? 0 : (size_t)n;
        code = print_lines(&text, is_terminal, error);
    }
    return code;
}

int cmd_logs(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE]",
        .doc = "Show what the nodes of a case that is kept up have printed: their consoles and "
               "their background processes, each line behind where it comes from."};
    struct log_options logs = {0};
    struct client client = {0};
    struct error error;
    int fd = -1, code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &logs) != 0)
        return EXIT_USAGE;
    code = open_logs(&client, &logs, &fd, &error);
    if (code == 0)
        code = copy(fd, &error);
    if (code < 0)
        fprintf(stderr, "duet: %s\n", error.message);
    else if (client_is_gone(&client))
        fprintf(stderr, "duet: %s/%s is not kept up any more\n", client.held->suite,
                client.held->case_name);
    cleanup_close_fd(&fd);
    client_free(&client);
    return code < 0 ? client_exit_status(code) : EXIT_PASSED;
}
