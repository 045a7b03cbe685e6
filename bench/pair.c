#include "bench/pair.h"

#include "base/fs.h"
#include "base/memory.h"
#include "base/proc_stat.h"
#include "bench/bench.h"
#include "runner/job.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char suite_text[] = "name: pair\n"
                                 "nodes:\n"
                                 "  a: {run: 'true'}\n"
                                 "  b: {run: 'true'}\n"
                                 "links:\n"
                                 "  - {nodes: [a, b], subnet: 10.0.0.0/24}\n"
                                 "timeout: 3m\n";

struct pair {
    struct pairs *pairs;
    struct job *job;
    char directory[24];
    bool forked;
    uint64_t asked_ns; /* when a step was first asked for; 0: not yet */
    bool ended;
};

/* -- What a job tells -------------------------------------------------------------------------- */

static void on_activity(void *context, const char *text)
{
    struct pair *pair = context;

    if (!pair->asked_ns && strstr(text, "step \""))
        pair->asked_ns = clock_ns();
    loop_stop(pair->pairs->session.loop);
}

static void on_imaged(void *context)
{
    (void)context;
}

static void on_ended(void *context)
{
    struct pair *pair = context;

    pair->ended = true;
    loop_stop(pair->pairs->session.loop);
}

static bool is_prepared(const struct pair *pair)
{
    return job_is_prepared(pair->job);
}

static bool has_ended(const struct pair *pair)
{
    return pair->ended;
}

/* Every state of a node that takes time has a deadline of its own. */
static int run_until(struct pair *pair, bool (*is)(const struct pair *pair), struct error *error)
{
    struct session *session = &pair->pairs->session;

    while (!is(pair) && !session->cancel_seen)
        loop_run(session->loop);
    return session->cancel_seen ? error_set(error, ECANCELED, "interrupted") : 0;
}

/* -- A pair ------------------------------------------------------------------------------------ */

static struct pair *pair_new(struct pairs *pairs, const struct kernel *kernel, bool forked)
{
    struct pair *pair = xcalloc(1, sizeof *pair);

    if (forked && !pairs->templates)
        pairs->templates = templates_new(&(struct templates_options){.session = &pairs->session});
    pair->pairs = pairs;
    pair->forked = forked;
    snprintf(pair->directory, sizeof pair->directory, "%zu", ++pairs->count);
    pair->job = job_new(&(struct job_options){.session = &pairs->session,
                                              .suite_case = &pairs->suite->cases[0],
                                              .kernel = kernel,
                                              .templates = forked ? pairs->templates : NULL,
                                              .run_directory = pairs->directory,
                                              .case_directory = pair->directory,
                                              .activity = on_activity,
                                              .imaged = on_imaged,
                                              .ended = on_ended,
                                              .context = pair});
    return pair;
}

int pair_prepare(struct pairs *pairs, const struct kernel *kernel, bool forked, struct pair **out,
                 double *seconds, struct error *error)
{
    struct pair *pair = pair_new(pairs, kernel, forked);
    uint64_t started_ns = clock_ns();
    int code;

    job_prepare(pair->job);
    code = run_until(pair, is_prepared, error);
    *seconds = (double)(clock_ns() - started_ns) / NS_PER_S;
    if (code < 0)
        pair_free(pair);
    else
        *out = pair;
    return code;
}

/* What cannot be forked boots, and is no sample of either. */
static int check_result(struct pair *pair, struct error *error)
{
    struct case_result result = {0};
    int code = 0;

    job_result(pair->job, &result);
    if (result.verdict != VERDICT_PASSED)
        code = error_set(error, EIO, "a pair of nodes did not pass: %s: %s",
                         verdict_name(result.verdict), result.reason);
    for (size_t i = 0; i < result.node_count && code == 0; i++)
        if ((result.nodes[i].start == START_FORKED) != pair->forked)
            code = error_set(error, EIO, "a node was %s", pair->forked ? "booted" : "forked");
    case_result_free(&result);
    return code;
}

int pair_run(struct pair *pair, double *seconds, struct error *error)
{
    uint64_t started_ns = clock_ns();
    int code;

    job_start(pair->job);
    code = run_until(pair, has_ended, error);
    if (code == 0)
        code = check_result(pair, error);
    *seconds = (double)(pair->asked_ns - started_ns) / NS_PER_S;
    return code;
}

void pair_free(struct pair *pair)
{
    if (!pair)
        return;
    if (!pair->ended)
        job_cancel(pair->job);
    while (!pair->ended)
        loop_run(pair->pairs->session.loop);
    job_free(pair->job);
    free(pair);
}

/* -- All pairs --------------------------------------------------------------------------------- */

static int open_session(struct pairs *pairs, struct error *error)
{
    const struct session_options options = {.accel = bench_kvm() ? ACCEL_KVM : ACCEL_TCG,
                                            .terminal = &pairs->terminal};
    int code;

    terminal_init(&pairs->terminal, COLOR_NEVER);
    pairs->terminal.out = stderr;
    code = session_open(&pairs->session, &options, error);
    if (code < 0)
        return code;
    pairs->open = true;
    return session_start_host(&pairs->session, &pairs->debian, error);
}

int pairs_open(struct pairs *pairs, struct error *error)
{
    cleanup_free char *cache_dir = NULL;
    int code;

    if (pairs->open)
        return 0;
    if ((code = fs_cache_dir(&cache_dir, error)) < 0 ||
        (code = bench_kernel(KERNEL_SMALL, cache_dir, &pairs->small, error)) < 0 ||
        (code = bench_kernel(KERNEL_DEFAULT, cache_dir, &pairs->debian, error)) < 0 ||
        (code = suite_load_text("pair", "/", suite_text, strlen(suite_text), &pairs->suite,
                                error)) < 0 ||
        (code = bench_make_directory(&pairs->directory, error)) < 0)
        return code;
    return open_session(pairs, error);
}

struct wait {
    struct loop *loop;
    bool over;
};

static void end_wait(void *context)
{
    struct wait *wait = context;

    wait->over = true;
    loop_stop(wait->loop);
}

void pairs_drop_templates(struct pairs *pairs)
{
    struct wait wait = {.loop = pairs->session.loop};

    if (!pairs->templates)
        return;
    templates_stop(pairs->templates, end_wait, &wait);
    while (!wait.over)
        loop_run(wait.loop);
    templates_free(steal_pointer(&pairs->templates));
}

int pairs_idle(struct pairs *pairs, uint64_t ns, struct error *error)
{
    struct wait wait = {.loop = pairs->session.loop};
    struct timer *timer = loop_timer(wait.loop, end_wait, &wait);

    timer_start(timer, ns);
    while (!wait.over && !pairs->session.cancel_seen)
        loop_run(wait.loop);
    timer_free(timer);
    return pairs->session.cancel_seen ? error_set(error, ECANCELED, "interrupted") : 0;
}

/* QEMU, which daemonised, is a child of libvirt's subreaper, which is this process. */
static bool is_qemu(pid_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) && stat.state != 'Z' && stat.parent == getpid() &&
           strncmp(stat.name, "qemu-", 5) == 0;
}

size_t pairs_qemus(pid_t *pids, size_t max)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    while (proc && count < max && (entry = readdir(proc))) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

        if (pid > 0 && is_qemu(pid))
            pids[count++] = pid;
    }
    if (proc)
        closedir(proc);
    return count;
}

void pairs_close(struct pairs *pairs)
{
    if (pairs->open) {
        pairs_drop_templates(pairs);
        session_close(&pairs->session);
    }
    if (pairs->directory)
        fs_remove_tree(pairs->directory, NULL);
    free(pairs->directory);
    suite_free(pairs->suite);
    kernel_free(&pairs->small);
    kernel_free(&pairs->debian);
    *pairs = (struct pairs){0};
}
