/* PID 1 of a duet guest. docs/control-channel.md says what it is told and what it answers. */
#include "base/memory.h"
#include "initrd/init/agent.h"
#include "initrd/init/child.h"
#include "initrd/init/cmdline.h"
#include "initrd/init/console.h"
#include "initrd/init/fail.h"
#include "initrd/init/files.h"
#include "initrd/init/modules.h"
#include "initrd/init/mounts.h"
#include "initrd/init/ports.h"
#include "initrd/init/reply.h"

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel cuts its command line without a word (COMMAND_LINE_SIZE on x86 and arm64, NUL
 * included), and half a configuration must not be taken for a whole one. */
enum { CMDLINE_LONGEST = 2047 };

/* More of the same, of any length, out of the initrd. */
#define CMDLINE_MORE "/etc/duet/cmdline"

static void set_up_process(void)
{
    struct error error = {0};

    umask(022);
    setsid();
    fail_prefix("DUET_RESULT: ");
    must(fail_catch_signals(&error), &error);
}

static void make_mounts(void)
{
    struct error error = {0};

    must(mounts_make(&error), &error);
}

static void open_console(void)
{
    struct error error = {0};

    must(console_open(&error), &error);
}

static void read_configuration(struct config *config)
{
    cleanup_buffer struct buffer cmdline = {0};
    struct error error = {0};
    bool was_cut;
    int code;

    config_init(config);
    must(files_read("/proc/cmdline", &cmdline, &error), &error);
    was_cut = cmdline.length > CMDLINE_LONGEST; /* with its newline */
    if (access(CMDLINE_MORE, F_OK) == 0)
        must(files_read(CMDLINE_MORE, &cmdline, &error), &error);
    code = cmdline_parse(cmdline.data, config, &error);
    fail_prefix(config->result_prefix);
    if (was_cut)
        code = error_set(&error, E2BIG, "the kernel command line has %d bytes or more and was cut",
                         CMDLINE_LONGEST);
    must(code, &error);
}

static void load_modules(const struct config *config)
{
    struct error error = {0};

    must(modules_load_listed(&error), &error);
    must(modules_load_named(config->modules, config->module_count, &error), &error);
}

/* Before READY: an image that cannot run is found before any node is made of it. */
static void check_foreign_init(const struct config *config)
{
    struct error error = {0};

    if (config->exec && access(config->exec, X_OK) < 0)
        must(error_errno(&error, "cannot run %s", config->exec), &error);
}

static void open_ports(struct ports *ports)
{
    struct error error = {0};

    must(ports_open(ports, &error), &error);
}

/* A foreign init says for itself when it is ready. */
static void announce(const struct config *config)
{
    cleanup_buffer struct buffer line = {0};

    if (config->exec)
        return;
    reply_ready_line(&line, config->ready_prefix);
    console_write(line.data);
}

/* As sched(7) has it, a process like this interrupts no other by having something to do: on one CPU
 * a command that prints goes on until it has filled its pipe, and not until its first piece is
 * there. Children are as all others. */
static void let_commands_go_first(void)
{
    const struct sched_param none = {0};

    sched_setscheduler(0, SCHED_BATCH | SCHED_RESET_ON_FORK, &none);
}

/* True where a foreign init shall have the node, false where it shall end. */
static bool serve_host(struct agent *agent, const struct ports *ports, const struct config *config)
{
    struct error error = {0};

    if (!config->exec)
        let_commands_go_first();
    must(agent_start(agent, ports->ctl, ports->io, config->exec != NULL, &error), &error);
    fail_channel(&agent->ctl);
    return agent_serve(agent);
}

/* Gives PID 1 to somebody else's program, in the world as the kernel would have given it. What init
 * has open closes itself. */
static void become_foreign_init(const struct config *config)
{
    char *argv[] = {config->exec, NULL};
    struct error error = {0};

    must(mounts_undo(&error), &error);
    child_unblock_signals();
    execve(config->exec, argv, environ);
    must(error_errno(&error, "cannot run %s", config->exec), &error);
}

int main(void)
{
    struct config config;
    struct ports ports;
    struct agent agent;

    if (getpid() != 1) {
        fputs("init: this program is the first process of a duet guest and runs nowhere else\n",
              stderr);
        return 2;
    }
    set_up_process();
    make_mounts();
    open_console();
    read_configuration(&config);
    load_modules(&config);
    check_foreign_init(&config);
    open_ports(&ports);
    announce(&config);
    if (config.exec && ports.ctl < 0) /* nobody says what the node is to be */
        become_foreign_init(&config);
    if (serve_host(&agent, &ports, &config))
        become_foreign_init(&config);
    power_off();
}
