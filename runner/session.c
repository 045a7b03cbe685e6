#include "runner/session.h"

#include "base/fs.h"
#include "base/memory.h"
#include "initrd/initrd.h"
#include "runner/image.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { FILES_WANTED = 1 << 16 };

/* -- Signals ----------------------------------------------------------------------------------- */

#define HUNT_NS (200 * NS_PER_MS)

static const int taken_signals[] = {SIGINT, SIGTERM, SIGHUP};

static void on_signal(void *context, int signal_number)
{
    struct session *session = context;

    if (session->cancel_seen)
        _exit(128 + signal_number);
    session->cancel_seen = true;
    session->signal_number = signal_number;
    atomic_store(&session->cancelled, true);
    if (session->cancel) {
        session->cancel(session->cancel_context);
    } else {
        timer_start(session->hunt, 0);
        loop_stop(session->loop);
    }
    /* On a terminal that was lent to a guest until now. */
    terminal_say(session->options.terminal, "interrupted: cleaning up (again to leave at once)");
}

/* What duet waits for may be libvirt, and what that waits for a QEMU that hangs; when it starts the
 * next one nobody tells. */
static void on_hunt(void *context)
{
    struct session *session = context;

    rundir_kill(session->rundir.path);
    timer_start(session->hunt, HUNT_NS);
}

/* From here on nothing reads them: if libvirt hangs while it is closed, a signal ends the process,
 * and the guardian cleans up. */
static void release_signals(void)
{
    sigset_t all;

    sigemptyset(&all);
    for (size_t i = 0; i < array_size(taken_signals); i++)
        sigaddset(&all, taken_signals[i]);
    pthread_sigmask(SIG_UNBLOCK, &all, NULL);
}

/* Whoever takes them over later (tty.h) does so on the loop's thread: another one, libvirt's
 * perhaps, that does not block them would be given them, and ignore them. */
static void block_signals_of_terminal(void)
{
    sigset_t blocked;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGWINCH);
    sigaddset(&blocked, SIGCONT);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
}

static int take_signals(struct session *session, struct error *error)
{
    int code = 0;

    block_signals_of_terminal();

    /* A reader that went away and a file that may not grow are errors of write(2) here. */
    signal(SIGPIPE, SIG_IGN);
    session->hunt = loop_timer(session->loop, on_hunt, session);
    signal(SIGXFSZ, SIG_IGN);
    for (size_t i = 0; i < array_size(taken_signals) && code == 0; i++)
        code = loop_signal(session->loop, taken_signals[i], on_signal, session, error);
    return code;
}

/* -- Work that blocks -------------------------------------------------------------------------- */

struct session_work {
    struct session *session;
    session_work_fn work;
    session_done_fn done;
    void *context;
    pthread_t thread;
    bool has_thread;
    int code;
    struct error error;
    struct session_work *next;
};

static void start_work(struct session_work *work);

/* The next one begins when `done` has seen what this one left. */
static void finish_work(void *context)
{
    struct session_work *work = context;
    struct session *session = work->session;

    if (work->has_thread)
        pthread_join(work->thread, NULL);
    work->done(work->context, work->code, &work->error);
    session->works = work->next;
    free(work);
    if (session->works)
        start_work(session->works);
    else
        session->works_end = &session->works;
}

static void *run_work(void *context)
{
    struct session_work *work = context;

    work->code = work->work(work->context, &work->error);
    loop_post(work->session->loop, finish_work, work);
    return NULL;
}

static void start_work(struct session_work *work)
{
    struct session *session = work->session;

    if (session->cancel_seen)
        work->code = error_set(&work->error, ECANCELED, "interrupted");
    else if (pthread_create(&work->thread, NULL, run_work, work) != 0)
        work->code = error_set(&work->error, EAGAIN, "cannot start a thread");
    else
        work->has_thread = true;
    if (!work->has_thread)
        loop_post(session->loop, finish_work, work);
}

void session_work(struct session *session, session_work_fn call, session_done_fn done,
                  void *context)
{
    struct session_work *work = xcalloc(1, sizeof *work);
    bool first = !session->works;

    *work =
        (struct session_work){.session = session, .work = call, .done = done, .context = context};
    *session->works_end = work;
    session->works_end = &work->next;
    if (first)
        start_work(work);
}

struct blocking {
    struct session *session;
    session_work_fn work;
    void *context;
    struct error *error;
    int code;
    bool done;
};

static int run_blocking(void *context, struct error *error)
{
    struct blocking *blocking = context;

    return blocking->work(blocking->context, error);
}

static void finish_blocking(void *context, int code, const struct error *error)
{
    struct blocking *blocking = context;

    blocking->code = code;
    blocking->done = true;
    if (code < 0)
        *blocking->error = *error;
    loop_stop(blocking->session->loop);
}

int session_block(struct session *session, session_work_fn work, void *context, struct error *error)
{
    struct blocking blocking = {
        .session = session, .work = work, .context = context, .error = error};

    session_work(session, run_blocking, finish_blocking, &blocking);
    /* A signal stops the loop too; the work sees `cancelled` and ends soon. */
    while (!blocking.done)
        loop_run(session->loop);
    if (session->cancel_seen)
        return error_set(error, ECANCELED, "interrupted");
    return blocking.code;
}

void session_on_cancel(struct session *session, void (*cancel)(void *context), void *context)
{
    session->cancel = cancel;
    session->cancel_context = context;
}

/* -- Opening and closing ----------------------------------------------------------------------- */

/* Many cases side by side have more sockets than the 1024 files of the usual soft limit, which is
 * for programs that use select(2). */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= FILES_WANTED)
        return;
    limit.rlim_cur = limit.rlim_max < FILES_WANTED ? limit.rlim_max : FILES_WANTED;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int session_open(struct session *session, const struct session_options *options,
                 struct error *error)
{
    int code;

    *session = (struct session){.options = *options, .rundir = {.lock = -1, .lifeline = -1}};
    session->works_end = &session->works;
    raise_file_limit();
    code = rundir_make(&session->rundir, error);
    if (code == 0)
        code = loop_new(&session->loop, error);
    if (code == 0)
        code = take_signals(session, error);
    if (code == 0)
        code = fs_cache_dir(&session->cache_dir, error);
    if (code == 0 && !options->no_machines && !(session->emulator = vm_emulator()))
        code = error_set(error, ENOENT,
                         "qemu-system-x86_64 is not there: install the package qemu-system-x86");
    if (code < 0)
        session_close(session);
    return code;
}

void session_close(struct session *session)
{
    release_signals();
    vm_host_close(session->host);
    while (session->kernels) {
        struct session_kernel *next = session->kernels->next;

        kernel_free(&session->kernels->kernel);
        free(session->kernels);
        session->kernels = next;
    }
    timer_free(session->hunt);
    loop_free(session->loop);
    rundir_free(&session->rundir);
    free(session->cache_dir);
    free(session->emulator);
    session->host = NULL;
    session->hunt = NULL;
    session->loop = NULL;
    session->cache_dir = session->emulator = NULL;
}

/* -- Kernels ----------------------------------------------------------------------------------- */

struct kernel_work {
    struct session *session;
    const char *spec;
    struct kernel *kernel;
};

/* The terminal belongs to the loop's thread, where a live line may be running. */
struct progress {
    struct terminal *terminal;
    char *text;
    bool step; /* said once, where there is no live line to show it on */
};

static void show_progress(void *context)
{
    struct progress *progress = context;

    if (progress->step && !progress->terminal->live)
        terminal_say(progress->terminal, "%s", progress->text);
    else
        terminal_status(progress->terminal, "%s", progress->text);
    free(progress->text);
    free(progress);
}

static void post_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct session *session = context;
    struct progress *progress = xmalloc(sizeof *progress);

    *progress =
        (struct progress){.terminal = session->options.terminal,
                          .text = total > 0 ? xasprintf("%s: %.1f of %.1f MB", what,
                                                        (double)done / 1e6, (double)total / 1e6)
                                            : xstrdup(what),
                          .step = total == 0};
    loop_post(session->loop, show_progress, progress);
}

static int get_kernel(void *context, struct error *error)
{
    struct kernel_work *work = context;
    struct kernel_options options = {
        .cache_dir = work->session->cache_dir,
        .progress = post_progress,
        .progress_context = work->session,
        .cancel = &work->session->cancelled,
    };

    return kernel_get(work->spec, &options, work->kernel, error);
}

int session_kernel(struct session *session, const char *spec, const struct kernel **out,
                   struct error *error)
{
    struct session_kernel *entry = session->kernels;
    struct kernel_work work = {.session = session, .spec = spec};
    int code;

    while (entry && strcmp(entry->kernel.name, spec) != 0)
        entry = entry->next;
    if (!entry) {
        entry = xcalloc(1, sizeof *entry);
        work.kernel = &entry->kernel;
        code = session_block(session, get_kernel, &work, error);
        terminal_clear(session->options.terminal);
        if (code < 0) {
            kernel_free(&entry->kernel);
            free(entry);
            return code;
        }
        entry->next = session->kernels;
        session->kernels = entry;
    }
    *out = &entry->kernel;
    return 0;
}

/* -- The accelerator and libvirt --------------------------------------------------------------- */

struct probe_work {
    const struct image_options *options;
    char *initrd;
};

static int make_probe_image(void *context, struct error *error)
{
    static const struct suite_node nothing = {.name = (char *)"probe"};
    struct probe_work *work = context;

    return image_make(work->options, &nothing, &work->initrd, error);
}

static int probe(struct session *session, const struct kernel *kernel, struct vm_probe *answer,
                 struct error *error)
{
    struct image_options image = {
        .kernel = kernel, .cache_dir = session->cache_dir, .runtime_dir = session->rundir.path};
    struct probe_work work = {.options = &image};
    struct vm_probe_options options = {.cache_dir = session->cache_dir,
                                       .runtime_dir = session->rundir.path,
                                       .emulator = session->emulator,
                                       .kernel = kernel->image,
                                       .kernel_digest = kernel->digest,
                                       .no_acpi = kernel->no_acpi,
                                       .ready_token = "DUET_READY: ",
                                       .doubt_no = session->options.accel == ACCEL_KVM,
                                       .interrupted = &session->cancel_seen};
    int code = session_block(session, make_probe_image, &work, error);

    if (code < 0)
        return code;
    options.initrd = work.initrd;
    terminal_status(session->options.terminal, "does KVM start a guest?");
    code = vm_probe_kvm(session->loop, &options, answer, error);
    terminal_clear(session->options.terminal);
    free(work.initrd);
    return code;
}

static int choose_accel(struct session *session, const struct kernel *kernel, struct error *error)
{
    struct vm_probe answer = {0};
    int code = 0;

    session->accel = session->options.accel == ACCEL_KVM ? VM_ACCEL_KVM : VM_ACCEL_TCG;
    /* Another libvirt may be allowed what this user is not. */
    if (session->options.accel == ACCEL_TCG ||
        (session->options.accel == ACCEL_KVM && session->options.connect))
        return 0;
    code = probe(session, kernel, &answer, error);
    if (code < 0)
        return code;
    if (session->options.accel == ACCEL_KVM && !answer.kvm)
        return error_set(error, ENODEV, "--accel kvm: no guest starts under KVM here: %s",
                         answer.reason);
    session->accel = answer.kvm ? VM_ACCEL_KVM : VM_ACCEL_TCG;
    snprintf(session->accel_reason, sizeof session->accel_reason, "%s%s", answer.reason,
             answer.remembered ? " (remembered for this boot of the host)" : "");
    return 0;
}

static int ask_versions(void *context, struct error *error)
{
    struct session *session = context;

    (void)error;
    vm_host_versions(session->host, session->libvirt_version, session->qemu_version);
    return 0;
}

int session_start_host(struct session *session, const struct kernel *kernel, struct error *error)
{
    struct vm_host_options options = {.connect = session->options.connect,
                                      .runtime_dir = session->rundir.path,
                                      .cache_dir = session->cache_dir,
                                      .debug = session->options.debug};
    int code = choose_accel(session, kernel, error);

    if (code < 0)
        return code;
    if (session->accel == VM_ACCEL_TCG)
        session->tsc_khz = vm_tsc_khz();
    code = vm_host_open(session->loop, &options, &session->host, error);
    if (code < 0)
        return code;
    terminal_status(session->options.terminal, "asking libvirt what QEMU can do (once)");
    code = session_block(session, ask_versions, session, error);
    terminal_clear(session->options.terminal);
    return code;
}
