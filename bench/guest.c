#include "bench/guest.h"

#include "base/base.h"
#include "bench/bench.h"
#include "runner/image.h"
#include "runner/node.h"
#include "runner/plan.h"
#include "runner/session.h"
#include "vm/port.h"

#include <errno.h>
#include <string.h>

/* Two files of 64 MiB fit into the memory beside the system. */
static const char suite_text[] = "name: guest\n"
                                 "nodes:\n"
                                 "  a: {memory: 512M, run: 'true'}\n"
                                 "timeout: 3m\n";

static const char link_raw_port[] = "cd /sys/class/virtio-ports && "
                                    "name=$(grep -lx " VM_RAW_PORT " */name) && "
                                    "ln -s /dev/${name%/name} /dev/raw";

struct guest {
    struct kernel kernel;
    struct terminal terminal;
    struct session session;
    struct suite *suite;
    struct plan plan;
    char *directory; /* of the node's files, temporary */
    char *initrd, *raw_path;
    struct port *raw;
    uint64_t raw_bytes, raw_wanted;
    bool raw_came;
    struct node *node;
    bool has_session;
};

/* -- While it runs ----------------------------------------------------------------------------- */

static void on_changed(void *context)
{
    const struct guest *guest = context;

    if (node_state(guest->node) != NODE_HELD)
        guest_wake(guest);
}

int guest_check(const struct guest *guest, struct error *error)
{
    char activity[128];

    if (guest->session.cancel_seen)
        return error_set(error, ECANCELED, "interrupted");
    if (!node_is_lost(guest->node) && node_state(guest->node) < NODE_DONE)
        return 0;
    node_activity(guest->node, activity, sizeof activity);
    return error_set(error, EIO, "the guest is lost: %s while %s",
                     verdict_name(node_verdict(guest->node)), activity);
}

int guest_wait(struct guest *guest, const bool *over, struct error *error)
{
    int code = guest_check(guest, error);

    while (code == 0 && !*over) {
        loop_run(guest->session.loop);
        code = guest_check(guest, error);
    }
    return code;
}

void guest_wake(const struct guest *guest)
{
    loop_stop(guest->session.loop);
}

struct control *guest_control(const struct guest *guest)
{
    return node_control(guest->node);
}

/* -- Commands ---------------------------------------------------------------------------------- */

struct running {
    struct guest *guest;
    struct control_command *command;
    bool complete;
    int code, status;
    uint64_t bytes;
    struct buffer complaint; /* on standard error */
};

static void on_output(void *context, enum control_output output, const char *bytes, size_t count)
{
    struct running *running = context;

    control_taken(running->command, output, count);
    if (output == CONTROL_STDOUT)
        running->bytes += count;
    else
        buffer_append(&running->complaint, bytes, count);
}

static void on_complete(void *context, const struct control_end *end)
{
    struct running *running = context;

    running->complete = true;
    running->code = end->code;
    running->status = end->status;
    guest_wake(running->guest);
}

int guest_exec(struct guest *guest, const char *const argv[], uint64_t *bytes, struct error *error)
{
    static const struct control_command_calls calls = {.output = on_output,
                                                       .complete = on_complete};
    const struct control_exec exec = {.name = argv[0], .argv = argv};
    struct running running = {.guest = guest};
    int code = control_exec(guest_control(guest), &exec, &calls, &running, &running.command, error);

    if (code == 0)
        code = guest_wait(guest, &running.complete, error);
    control_command_free(running.command);
    if (code == 0 && (running.code < 0 || running.status != 0))
        code = error_set(error, EIO, "%s ended with status %d: %s", argv[0], running.status,
                         running.complaint.data ? running.complaint.data : "");
    buffer_free(&running.complaint);
    *bytes = running.bytes;
    return code;
}

int guest_shell(struct guest *guest, const char *script, uint64_t *bytes, struct error *error)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};

    return guest_exec(guest, argv, bytes, error);
}

/* -- The raw port ------------------------------------------------------------------------------ */

static size_t on_raw(void *context, const char *bytes, size_t count)
{
    struct guest *guest = context;

    (void)bytes;
    guest->raw_bytes += count;
    if (guest->raw_wanted > 0 && guest->raw_bytes >= guest->raw_wanted) {
        guest->raw_came = true;
        guest_wake(guest);
    }
    return count;
}

int guest_drain_raw(struct guest *guest, uint64_t bytes, struct error *error)
{
    int code;

    guest->raw_wanted = bytes;
    guest->raw_came = guest->raw_bytes >= bytes;
    code = guest_wait(guest, &guest->raw_came, error);
    if (code == 0 && guest->raw_bytes != bytes)
        code = error_set(error, EIO, "the raw port gave more than it was given");
    guest->raw_bytes = guest->raw_wanted = 0;
    return code;
}

/* -- Up and down ------------------------------------------------------------------------------- */

static int open_session(struct guest *guest, struct error *error)
{
    const struct session_options options = {.accel = bench_kvm() ? ACCEL_KVM : ACCEL_TCG,
                                            .terminal = &guest->terminal};
    int code;

    terminal_init(&guest->terminal, COLOR_NEVER);
    guest->terminal.out = stderr;
    code = session_open(&guest->session, &options, error);
    guest->has_session = code == 0;
    return code < 0 ? code : session_start_host(&guest->session, &guest->kernel, error);
}

static int make_plan(struct guest *guest, struct error *error)
{
    const struct session *session = &guest->session;
    const struct plan_options options = {.suite_case = &guest->suite->cases[0],
                                         .case_index = 1,
                                         .runtime_dir = session->rundir.path,
                                         .emulator = session->emulator,
                                         .kernel = guest->kernel.image,
                                         .no_acpi = guest->kernel.no_acpi,
                                         .accel = session->accel,
                                         .tsc_khz = session->tsc_khz};
    const struct image_options image = {.kernel = &guest->kernel,
                                        .cache_dir = session->cache_dir,
                                        .runtime_dir = session->rundir.path};
    int code = plan_make(&options, &guest->plan, error);

    return code < 0 ? code
                    : image_make(&image, &guest->suite->cases[0].nodes[0], &guest->initrd, error);
}

static int make_node(struct guest *guest, struct error *error)
{
    static const struct port_calls calls = {.data = on_raw};
    struct plan_machine *machine = &guest->plan.machines[0];
    const struct node_options options = {.loop = guest->session.loop,
                                         .host = guest->session.host,
                                         .suite_case = &guest->suite->cases[0],
                                         .spec = &guest->suite->cases[0].nodes[0],
                                         .machine = &machine->spec,
                                         .pod = machine->pod,
                                         .hold = true,
                                         .directory = guest->directory,
                                         .relative = ".",
                                         .changed = on_changed,
                                         .context = guest};
    int code;

    guest->raw_path = xasprintf("%s/raw", guest->session.rundir.path);
    machine->spec.initrd = guest->initrd;
    machine->spec.raw_path = guest->raw_path;
    code = port_listen(guest->session.loop, guest->raw_path, &calls, guest, &guest->raw, error);
    return code < 0 ? code : node_new(&options, &guest->node, error);
}

static int bring_up(struct guest *guest, struct error *error)
{
    uint64_t bytes;
    int code = 0;

    node_start(guest->node);
    while (code == 0 && node_state(guest->node) != NODE_HELD) {
        if (node_state(guest->node) == NODE_WAITING)
            node_go(guest->node);
        else
            loop_run(guest->session.loop);
        code = guest_check(guest, error);
    }
    return code < 0 ? code : guest_shell(guest, link_raw_port, &bytes, error);
}

int guest_open(struct guest **out, struct error *error)
{
    struct guest *guest = xcalloc(1, sizeof *guest);
    cleanup_free char *cache_dir = NULL;
    int code;

    if ((code = fs_cache_dir(&cache_dir, error)) < 0 ||
        (code = bench_kernel(KERNEL_DEFAULT, cache_dir, &guest->kernel, error)) < 0 ||
        (code = suite_load_text("guest", "/", suite_text, strlen(suite_text), &guest->suite,
                                error)) < 0 ||
        (code = bench_make_directory(&guest->directory, error)) < 0 ||
        (code = open_session(guest, error)) < 0 || (code = make_plan(guest, error)) < 0 ||
        (code = make_node(guest, error)) < 0 || (code = bring_up(guest, error)) < 0) {
        guest_close(guest);
        return code;
    }
    *out = guest;
    return 0;
}

static void take_down(struct guest *guest)
{
    node_stop(guest->node, true);
    while (node_state(guest->node) != NODE_GONE)
        loop_run(guest->session.loop);
    node_free(guest->node);
}

void guest_close(struct guest *guest)
{
    if (!guest)
        return;
    if (guest->node)
        take_down(guest);
    port_free(guest->raw);
    plan_free(&guest->plan);
    if (guest->has_session)
        session_close(&guest->session);
    if (guest->directory)
        fs_remove_tree(guest->directory, NULL);
    free(guest->directory);
    free(guest->initrd);
    free(guest->raw_path);
    suite_free(guest->suite);
    kernel_free(&guest->kernel);
    free(guest);
}
