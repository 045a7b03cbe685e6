/* The subcommands. Each gets its own name as argv[0] and returns the program's exit status. */
#ifndef DUET_RUNNER_COMMANDS_H
#define DUET_RUNNER_COMMANDS_H

/* docs/duet.1 and ../docs/results.md say the same. */
enum exit_status {
    EXIT_PASSED = 0,
    EXIT_FAILED = 1,  /* a case failed */
    EXIT_USAGE = 2,   /* bad usage or bad input */
    EXIT_TROUBLE = 3, /* duet could not do its job */
    EXIT_SKIPPED = 4, /* everything was skipped */
    EXIT_INTERRUPTED = 130,
    EXIT_REMOTE_TROUBLE = 255, /* of `duet exec` alone, as ssh(1) has it */
};

int cmd_run(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_shrink(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_shell(int argc, char **argv);
int cmd_up(int argc, char **argv);
int cmd_exec(int argc, char **argv);
int cmd_cp(int argc, char **argv);
int cmd_logs(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_down(int argc, char **argv);
int cmd_impair(int argc, char **argv);
int cmd_link(int argc, char **argv);
int cmd_console(int argc, char **argv);
int cmd_debug_kernel(int argc, char **argv);
int cmd_verdicts(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_history(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_kernel(int argc, char **argv);
int cmd_mock_agent(int argc, char **argv);
int cmd_version(int argc, char **argv);

#endif
