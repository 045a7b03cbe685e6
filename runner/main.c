/* duet: the command. One file per subcommand; this one finds which. */
#include "runner/commands.h"
#include "runner/suggest.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

static const struct subcommand {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} subcommands[] = {
    {"run", cmd_run, "run suites and report their verdicts"},
    {"list", cmd_list, "show suites, their cases and tags"},
    {"doctor", cmd_doctor, "check everything that duet needs of this machine"},
    {"version", cmd_version, "print the versions of duet and of what it stands on"},
};

static void usage(FILE *to)
{
    fputs("Usage: duet COMMAND [OPTION...]\n"
          "Integration tests for network software on real Linux kernels.\n\n",
          to);
    for (size_t i = 0; i < array_size(subcommands); i++)
        fprintf(to, "  %-10s %s\n", subcommands[i].name, subcommands[i].summary);
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

int main(int argc, char **argv)
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
    for (size_t i = 0; i < array_size(subcommands); i++)
        if (strcmp(argv[1], subcommands[i].name) == 0)
            return subcommands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
