/* What duet costs the guests while they measure: the TCP throughput of a pair that duet has up,
 * against that of the same two QEMUs started by hand.
 *
 * Their command lines are those that duet's QEMUs had, out of QEMU's log, but for what leads to
 * duet: libvirt's monitor goes, nobody is at the other end of the agent's ports, and the console is
 * this program's. Kernel, initrd, memory and devices are the same; PID 1 is a script, out of the
 * same initrd, that does what iperf3 needs and nothing else. Both boot.
 *
 * A boot can be luckier than another by a tenth, and so can a second than the next. So both pairs
 * stand side by side, one of them idle, while iperf3 runs in them by turns, and both boot anew
 * again and again. What duet itself does would meet both alike: it is stopped while it is not its
 * turn. */
#include "base/base.h"
#include "bench/bench.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BOOTS = 10,
    TURNS = 3, /* of each boot, by either pair */
    LOG_MAX = 1 << 20,
    BOOT_MS = 180000,
};

enum node { SERVER, CLIENT, NODES };

static const char *const names[NODES] = {"server", "client"};

/* What leads out of a machine, by the name that duet gives it. */
enum socket { CONSOLE, CTL, IO, SOCKETS };

static const char *const suffixes[SOCKETS] = {"con", "ctl", "io"};

/* The line about the receiver has the rate in kbit/s. */
static const char suite_text[] =
    "name: hand\n"
    "timeout: 3m\n"
    "defaults:\n"
    "  files:\n"
    "    - /usr/bin/iperf3\n"
    "    - to: /measure\n"
    "      mode: 0755\n"
    "      content: |\n"
    "        #!/bin/sh\n"
    "        iperf3 -c 10.0.0.1 -t 1 -f k |\n"
    "          awk '/receiver/ {rate = $7} END {print \"rate\", rate, \"kbit/s\"}'\n"
    "    - to: /by-hand\n"
    "      mode: 0755\n"
    "      content: |\n"
    "        #!/bin/sh\n"
    "        mount -t devtmpfs none /dev\n"
    "        mount -t proc none /proc\n"
    "        mount -t sysfs none /sys\n"
    "        while read module; do insmod $module; done </etc/duet/modules\n"
    "        ip link set lo up\n"
    "        ip address add $1/24 dev eth0\n"
    "        ip link set eth0 up\n"
    "        [ $2 = client ] ||\n"
    "          iperf3 -s --forceflush | awk '/Server listening/ && !said++ {print; fflush()}'\n"
    "        echo taking turns\n"
    "        while read turn; do /measure; done\n"
    "nodes:\n"
    "  server:\n"
    "    background: [{name: iperf3, run: exec iperf3 -s, ready: tcp/5201}]\n"
    "  client:\n"
    "    after: [server]\n"
    "    steps: [{name: none, run: 'true'}]\n"
    "links:\n"
    "  - {nodes: [server, client], subnet: 10.0.0.0/24}\n";

struct machine {
    char *command; /* for a shell */
    int listeners[SOCKETS];
    struct bench_process process; /* its errors */
    struct bench_process console;
    bool started, connected;
};

struct hand {
    char *directory; /* temporary */
    char *duet, *suite, *results;
    struct bench_process up; /* duet's pair */
    bool is_up;
    struct machine machines[NODES];
    size_t turns; /* that were begun, of both pairs */
};

/* Out of what /measure printed, and a console. */
static int parse_rate(const struct buffer *text, double *mbit_s, struct error *error)
{
    const char *rate = text->data ? strstr(text->data, "rate ") : NULL;
    double kbit_s = rate ? strtod(rate + strlen("rate "), NULL) : 0;

    if (kbit_s <= 0)
        return error_set(error, EBADMSG, "iperf3 gave no rate; the last words: %s",
                         text->data ? text->data : "none");
    *mbit_s = kbit_s / 1000;
    return 0;
}

/* -- By duet ----------------------------------------------------------------------------------- */

static const char *accel(void)
{
    return bench_kvm() ? "--accel=kvm" : "--accel=tcg";
}

/* Leaves what is started by hand, and gets what the cache lacks. */
static int run_duet(const struct hand *hand, struct error *error)
{
    const char *const argv[] = {hand->duet,  "run",         "--cold",    "--keep", accel(),
                                "--results", hand->results, hand->suite, NULL};
    cleanup_buffer struct buffer output = {0};

    return process_run(argv, NULL, &output, error);
}

/* It ends with this program, whatever ends that, and stopped, too; its guardian then ends the rest.
 */
static int start_duet(struct hand *hand, struct error *error)
{
    const char *const argv[] = {"setpriv", "--pdeathsig", "KILL",      hand->duet, "up",
                                "--cold",  accel(),       hand->suite, NULL};
    int code = bench_start(argv, STDOUT_FILENO, &hand->up, error);

    hand->is_up = code == 0;
    return code;
}

static int turn_of_duet(const struct hand *hand, double *mbit_s, struct error *error)
{
    const char *const argv[] = {hand->duet, "exec", "client", "--", "/measure", NULL};
    cleanup_buffer struct buffer output = {0};
    int code = process_run(argv, NULL, &output, error);

    return code < 0 ? code : parse_rate(&output, mbit_s, error);
}

/* -- The command lines ------------------------------------------------------------------------- */

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static void append_socket(const struct hand *hand, const char *line, struct buffer *command)
{
    const char *path = strstr(line, "path=") + strlen("path=");

    buffer_printf(command, " %.*s%s%s", (int)(path - line), line, hand->directory,
                  strrchr(line, '/'));
}

/* Appends the line of an option as it is to be by hand. */
static void append_option(const struct hand *hand, enum node node, const char *line,
                          struct buffer *command)
{
    if (strcmp(line, "-S") == 0 || begins(line, "-mon ") || strstr(line, "id=charmonitor") ||
        strstr(line, "\"masterKey0\""))
        return;
    if (begins(line, "-chardev socket,") || begins(line, "-netdev stream,"))
        append_socket(hand, line, command);
    else if (begins(line, "-initrd "))
        buffer_printf(command, " -initrd %s/latest/hand/%s/initrd", hand->results, names[node]);
    else if (begins(line, "-append '"))
        buffer_printf(command, " %.*s rdinit=/by-hand -- 10.0.0.%d %s'", (int)strlen(line) - 1,
                      line, node + 1, names[node]);
    else
        buffer_printf(command, " %s", line);
}

/* libvirt's log has the environment and QEMU's command line as a shell would take them, an option a
 * line, of which every one but the last ends with a backslash. The machine ends with this program,
 * whatever ends that. */
static int take_command(struct hand *hand, enum node node, char *log, struct error *error)
{
    struct buffer command = {0};
    bool more = true;
    char *line;

    while (more && (line = strsep(&log, "\n"))) {
        size_t length = strlen(line);
        bool continues = length > 2 && strcmp(line + length - 2, " \\") == 0;

        if (continues)
            line[length - 2] = '\0';
        if (command.length > 0)
            append_option(hand, node, line, &command);
        else if (begins(line, "/"))
            buffer_printf(&command, "exec setpriv --pdeathsig KILL %s", line);
        more = command.length == 0 || continues;
    }
    hand->machines[node].command = buffer_steal(&command);
    return strstr(hand->machines[node].command, "rdinit=")
               ? 0
               : error_set(error, EBADMSG, "QEMU's log of %s is not as expected", names[node]);
}

static int learn(struct hand *hand, struct error *error)
{
    int code = 0;

    for (int node = 0; node < NODES && code == 0; node++) {
        cleanup_free char *path =
            xasprintf("%s/latest/hand/%s/qemu.log", hand->results, names[node]);
        cleanup_buffer struct buffer log = {0};

        code = fs_read(path, LOG_MAX, &log, error);
        if (code == 0)
            code = take_command(hand, (enum node)node, log.data, error);
    }
    return code;
}

/* -- By hand ----------------------------------------------------------------------------------- */

/* Where duet would listen for the machine: a connection that is never accepted is enough for the
 * agent's ports. */
static int listen_at(const struct hand *hand, enum node node, enum socket socket_of, int *fd,
                     struct error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s/1.%d.%s", hand->directory, node,
             suffixes[socket_of]);
    unlink(address.sun_path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || bind(*fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(*fd, 1) < 0)
        return error_errno(error, "cannot listen at %s", address.sun_path);
    return 0;
}

static int accept_console(struct machine *machine, struct error *error)
{
    struct pollfd polled = {.fd = machine->listeners[CONSOLE], .events = POLLIN};

    if (poll(&polled, 1, BOOT_MS) <= 0)
        return error_set(error, ETIMEDOUT, "QEMU opened no console");
    machine->console.output = accept4(polled.fd, NULL, NULL, SOCK_CLOEXEC);
    if (machine->console.output < 0)
        return error_errno(error, "cannot accept a console");
    machine->connected = true;
    return 0;
}

static int start_machine(struct hand *hand, enum node node, const char *until, struct error *error)
{
    struct machine *machine = &hand->machines[node];
    const char *const argv[] = {"/bin/sh", "-c", machine->command, NULL};
    int code = 0;

    for (int i = 0; i < SOCKETS && code == 0; i++)
        code = listen_at(hand, node, (enum socket)i, &machine->listeners[i], error);
    if (code == 0)
        code = bench_start(argv, STDERR_FILENO, &machine->process, error);
    machine->started = code == 0;
    if (code == 0)
        code = accept_console(machine, error);
    return code < 0 ? code : bench_wait_for(&machine->console, 1, until, NULL, error);
}

static void stop_machine(struct machine *machine)
{
    if (machine->started)
        bench_end(&machine->process, SIGKILL);
    if (machine->connected)
        close(machine->console.output);
    for (int i = 0; i < SOCKETS; i++) {
        cleanup_close_fd(&machine->listeners[i]);
        machine->listeners[i] = -1;
    }
    machine->started = machine->connected = false;
}

/* The server's end of the link is there once it serves. */
static int start_hand(struct hand *hand, struct error *error)
{
    int code = start_machine(hand, SERVER, "Server listening", error);

    return code < 0 ? code : start_machine(hand, CLIENT, "taking turns", error);
}

static int turn_by_hand(const struct hand *hand, double *mbit_s, struct error *error)
{
    const struct bench_process *console = &hand->machines[CLIENT].console;
    cleanup_buffer struct buffer seen = {0};
    int code;

    if (write(console->output, "\n", 1) != 1)
        return error_errno(error, "cannot write to a console");
    kill(hand->up.pid, SIGSTOP);
    code = bench_wait_for(console, 1, "kbit/s", &seen, error);
    kill(hand->up.pid, SIGCONT);
    return code < 0 ? code : parse_rate(&seen, mbit_s, error);
}

/* -- The measure ------------------------------------------------------------------------------- */

static void stop(struct hand *hand)
{
    if (hand->is_up)
        bench_end(&hand->up, SIGTERM);
    hand->is_up = false;
    for (int node = 0; node < NODES; node++)
        stop_machine(&hand->machines[node]);
}

/* Both pairs anew. The first turns warm them and do not count. */
static int boot(struct hand *hand, struct error *error)
{
    double warm;
    int code;

    stop(hand);
    if ((code = start_duet(hand, error)) < 0 || (code = start_hand(hand, error)) < 0 ||
        (code = bench_wait_for(&hand->up, 1, "is up", NULL, error)) < 0 ||
        (code = turn_of_duet(hand, &warm, error)) < 0)
        return code;
    return turn_by_hand(hand, &warm, error);
}

static int begin_turn(struct hand *hand, struct error *error)
{
    return hand->turns++ % (2 * TURNS) == 0 ? boot(hand, error) : 0;
}

static int sample_duet(void *context, double *mbit_s, struct error *error)
{
    int code = begin_turn(context, error);

    return code < 0 ? code : turn_of_duet(context, mbit_s, error);
}

static int sample_hand(void *context, double *mbit_s, struct error *error)
{
    int code = begin_turn(context, error);

    return code < 0 ? code : turn_by_hand(context, mbit_s, error);
}

/* duet's own runtime directory is in there, too, so that no other case that is kept is meant. */
static int prepare(struct hand *hand, struct error *error)
{
    int code = bench_make_directory(&hand->directory, error);

    for (int node = 0; node < NODES; node++)
        for (int i = 0; i < SOCKETS; i++)
            hand->machines[node].listeners[i] = -1;
    if (code < 0)
        return code;
    setenv("XDG_RUNTIME_DIR", hand->directory, 1);
    hand->duet = bench_duet();
    hand->suite = xasprintf("%s/hand.yaml", hand->directory);
    hand->results = xasprintf("%s/results", hand->directory);
    return fs_write(hand->suite, suite_text, strlen(suite_text), 0644, error);
}

static void release(struct hand *hand)
{
    stop(hand);
    if (hand->directory)
        fs_remove_tree(hand->directory, NULL);
    for (int node = 0; node < NODES; node++)
        free(hand->machines[node].command);
    free(hand->directory);
    free(hand->duet);
    free(hand->suite);
    free(hand->results);
}

static int measure_hand(struct error *error)
{
    struct hand hand = {0};
    struct bench_measure measure = {.name = "bench.duet_vs_hand",
                                    .unit = "Mbit/s",
                                    .n = BOOTS * TURNS,
                                    .baseline = "the same two QEMUs by hand",
                                    .better = "higher"};
    int code = prepare(&hand, error);

    if (code == 0)
        code = run_duet(&hand, error);
    if (code == 0)
        code = learn(&hand, error);
    if (code == 0)
        code = bench_compare(&measure, &(struct bench_side){sample_duet, &hand},
                             &(struct bench_side){sample_hand, &hand}, error);
    release(&hand);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"bench.duet_vs_hand", measure_hand}};

    return bench_main(argc, argv, entries, array_size(entries));
}
