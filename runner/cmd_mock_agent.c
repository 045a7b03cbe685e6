/* duet mock-agent */
#include "runner/commands.h"

#include "base/base.h"
#include "tests/mock/mock_agent.h"

#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LINE_LONGEST = 2 << 20, CHUNK = 1 << 16 };
enum { KEY_CTL = 256, KEY_IO, KEY_STAY };

struct session {
    const char *ctl, *io; /* paths */
    bool stays;
    struct loop *loop;
    struct mock_agent *mock;
    struct watch *input;
    struct buffer lines; /* what was read and is no whole line yet */
    int status;
};

static const struct argp_option options[] = {
    {"ctl", KEY_CTL, "PATH", 0, "Listen on this unix socket for ctl", 0},
    {"io", KEY_IO, "PATH", 0, "Listen on this unix socket for io", 0},
    {"stay", KEY_STAY, NULL, 0, "Go on when standard input is at its end", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct session *session = state->input;

    switch (key) {
    case KEY_CTL:
        session->ctl = argument;
        return 0;
    case KEY_IO:
        session->io = argument;
        return 0;
    case KEY_STAY:
        session->stays = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "unexpected argument \"%s\"", argument);
        return EINVAL;
    case ARGP_KEY_END:
        if (!session->ctl || !session->io)
            argp_error(state, "--ctl and --io say where to listen, and both are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static void stop(struct session *session, int status)
{
    session->status = status;
    loop_stop(session->loop);
}

/* -- Lines ------------------------------------------------------------------------------------- */

static void say(struct session *session, const char *line)
{
    if (puts(line) == EOF || fflush(stdout) == EOF)
        stop(session, EXIT_PASSED); /* nobody listens; main() looks whether that is so */
}

static void take_line(struct session *session, const char *line)
{
    cleanup_free char *answer = mock_agent_line(session->mock, line);

    if (answer)
        say(session, answer);
}

static void take_lines(struct session *session)
{
    struct buffer *lines = &session->lines;
    size_t taken = 0;
    char *end;

    while (taken < lines->length &&
           (end = memchr(lines->data + taken, '\n', lines->length - taken))) {
        *end = '\0';
        take_line(session, lines->data + taken);
        taken = (size_t)(end - lines->data) + 1;
    }
    buffer_consume(lines, taken);
}

static void on_end_of_input(struct session *session)
{
    if (session->lines.length > 0)
        take_line(session, session->lines.data);
    buffer_clear(&session->lines);
    watch_free(session->input);
    session->input = NULL;
    if (!session->stays)
        stop(session, EXIT_PASSED);
}

/* False at the end. */
static bool read_input(struct session *session)
{
    struct buffer *lines = &session->lines;
    ssize_t n;

    buffer_reserve(lines, CHUNK);
    n = read(STDIN_FILENO, lines->data + lines->length, CHUNK);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (n <= 0)
        return false;
    lines->length += (size_t)n;
    lines->data[lines->length] = '\0';
    take_lines(session);
    if (lines->length <= LINE_LONGEST)
        return true;
    fprintf(stderr, "duet: a line on standard input has more than %d bytes\n", LINE_LONGEST);
    stop(session, EXIT_USAGE);
    return true;
}

static void on_input(void *context, uint32_t events)
{
    struct session *session = context;

    (void)events;
    if (!read_input(session))
        on_end_of_input(session);
}

/* A file and /dev/null say all they have at once: they are a script, and nobody who could go away.
 * epoll does not take them, either. */
static bool input_is_script(void)
{
    struct stat info;

    return fstat(STDIN_FILENO, &info) < 0 || S_ISREG(info.st_mode) ||
           (S_ISCHR(info.st_mode) && !isatty(STDIN_FILENO));
}

static int open_input(struct session *session, struct error *error)
{
    if (!input_is_script())
        return loop_watch(session->loop, STDIN_FILENO, EPOLLIN, on_input, session, &session->input,
                          error);
    session->stays = true;
    while (session->status < 0 && read_input(session))
        ;
    on_end_of_input(session);
    return 0;
}

/* -- Life -------------------------------------------------------------------------------------- */

static void on_signal(void *context, int signal_number)
{
    stop(context, signal_number == SIGINT ? EXIT_INTERRUPTED : EXIT_PASSED);
}

static int take_signals(struct session *session, struct error *error)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP};
    int code = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; code == 0 && i < array_size(taken); i++)
        code = loop_signal(session->loop, taken[i], on_signal, session, error);
    return code;
}

static int serve(struct session *session, struct error *error)
{
    const struct mock_options mock = {.loop = session->loop};
    int code = take_signals(session, error);

    if (code == 0)
        code = mock_agent_listen(&mock, session->ctl, session->io, &session->mock, error);
    if (code < 0)
        return code;
    say(session, "{\"listening\":true}");
    code = open_input(session, error);
    if (code == 0 && session->status < 0)
        loop_run(session->loop);
    return code;
}

static void session_free(struct session *session)
{
    watch_free(session->input);
    mock_agent_free(session->mock);
    loop_free(session->loop);
    buffer_free(&session->lines);
}

int cmd_mock_agent(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Play the agent of a guest for whoever writes a client of the control channel.\v"
               "It runs nothing: it acknowledges, prints and fails as the lines on its standard "
               "input say, and answers each with one line of JSON. The first line that it prints "
               "says that it listens. The line \"help\" lists the others, docs/mock-agent.md "
               "explains them.\n\n"
               "It ends with its standard input, so that it does not outlive who started it. "
               "Where this is a file or /dev/null, or with --stay, it goes on until a signal. "
               "Either way it removes its sockets."};
    struct session session = {.status = -1};
    struct error error;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &session) != 0)
        return EXIT_USAGE;
    code = loop_new(&session.loop, &error);
    if (code == 0)
        code = serve(&session, &error);
    session_free(&session);
    if (code == 0)
        return session.status;
    fprintf(stderr, "duet: %s\n", error.message);
    return EXIT_TROUBLE;
}
