/* duet: the command. One file per subcommand; this one finds which. */
#include "runner/commands.h"
#include "runner/suggest.h"

#include "base/memory.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"run", cmd_run, "run suites and report their verdicts"},
    {"replay", cmd_replay, "run cases of an earlier run again, and compare"},
    {"shrink", cmd_shrink, "find the least impairment that a case still fails with"},
    {"list", cmd_list, "show suites, their cases and tags"},
    {"shell", cmd_shell, "open a shell in a node of a case, or in a machine alone"},
    {"up", cmd_up, "bring a case up and keep it for other terminals"},
    {"exec", cmd_exec, "run a command, or a shell, in a node that `duet up` keeps"},
    {"cp", cmd_cp, "copy files to and from such a node"},
    {"logs", cmd_logs, "show what such nodes print"},
    {"ps", cmd_ps, "list what is kept up"},
    {"down", cmd_down, "end it"},
    {"impair", cmd_impair, "make a link of what is kept up bad, and good again"},
    {"link", cmd_link, "list such links, take one down, and up again"},
    {"console", cmd_console, "the raw serial console of such a node"},
    {"debug-kernel", cmd_debug_kernel, "open the gdb stub of such a node"},
    {"verdicts", cmd_verdicts, "show or compare what became of the packets of impaired links"},
    {"bench", cmd_bench, "measure: run a suite again and again, with statistics"},
    {"compare", cmd_compare, "say whether one build's measurements are worse than another's"},
    {"history", cmd_history, "show how a metric came along, from tag to tag"},
    {"doctor", cmd_doctor, "check everything that duet needs of this machine"},
    {"kernel", cmd_kernel, "show, fetch and build guest kernels"},
    {"mock-agent", cmd_mock_agent, "play a guest's agent, for tests of clients"},
    {"version", cmd_version, "print the versions of duet and of what it stands on"},
};

static void usage(FILE *to)
{
    fputs("Usage: duet COMMAND [OPTION...]\n"
          "Integration tests for network software on real Linux kernels.\n\n",
          to);
    for (size_t i = 0; i < array_size(subcommands); i++)
        fprintf(to, "  %-12s %s\n", subcommands[i].name, subcommands[i].summary);
    fputs("\n`duet COMMAND --help` says more; so does duet(1).\n", to);
}

static int unknown(const char *name)
{
    const char *names[array_size(subcommands)];
    char suggestion[64];

    for (size_t i = 0; i < array_size(subcommands); i++)
        names[i] = subcommands[i].name;
    fprintf(stderr, "duet: there is no command \"%s\"%s\n", name,
            suggest_text(name, names, array_size(names), suggestion, sizeof suggestion));
    usage(stderr);
    return EXIT_USAGE;
}

/* argp shows argv[0] as the program's name. */
static int run_subcommand(const struct subcommand *subcommand, int argc, char **argv)
{
    char name[32];

    snprintf(name, sizeof name, "duet %s", subcommand->name);
    argv[0] = name;
    return subcommand->run(argc, argv);
}

/* Whoever starts duet may have closed them; a socket or a results file that got one of their
 * numbers would then receive what is meant for the user. */
static int open_standard_files(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd < 0 ? -1 : close(fd);
}

/* A reader that went away has read what it wanted (`duet run | head -1`). */
static bool reader_is_gone(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

static int finish_output(int status)
{
    if ((fflush(stdout) == 0 && !ferror(stdout)) || reader_is_gone())
        return status;
    fputs("duet: standard output could not be written, or not all of it\n", stderr);
    return status == EXIT_PASSED || status == EXIT_SKIPPED ? EXIT_TROUBLE : status;
}

static int run_command(int argc, char **argv)
{
    if (argc < 2) {
        usage(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0 ||
        strcmp(argv[1], "-h") == 0) {
        usage(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0)
        return cmd_version(argc - 1, argv + 1);
    argp_err_exit_status = EXIT_USAGE;
    for (size_t i = 0; i < array_size(subcommands); i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return run_subcommand(&subcommands[i], argc - 1, argv + 1);
    return unknown(argv[1]);
}

int main(int argc, char **argv)
{
    if (open_standard_files() < 0) {
        fprintf(stderr, "duet: cannot open /dev/null: %s\n", strerror(errno));
        return EXIT_TROUBLE;
    }
    return finish_output(run_command(argc, argv));
}
