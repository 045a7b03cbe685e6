/* The libvirt connection: an embedded driver of the process's own, or another by its URI. */
#include "vm/host.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* How long libvirt may take to call a domain ended whose QEMU is no more. */
#define DOMAINS_END_S 5

struct job {
    void (*work)(void *context);
    void (*done)(void *context);
    void *context;
    struct job *next;
};

/* -- Calls that block -------------------------------------------------------------------------- */

static void *run_worker(void *context)
{
    struct vm_host *host = context;

    pthread_mutex_lock(&host->lock);
    for (;;) {
        struct job *job;

        while (!host->jobs && !host->no_more_jobs)
            pthread_cond_wait(&host->changed, &host->lock);
        if (!host->jobs)
            break;
        job = host->jobs;
        host->jobs = job->next;
        if (!host->jobs)
            host->jobs_end = &host->jobs;
        pthread_mutex_unlock(&host->lock);
        job->work(job->context);
        loop_post(host->loop, job->done, job->context);
        free(job);
        pthread_mutex_lock(&host->lock);
    }
    pthread_mutex_unlock(&host->lock);
    return NULL;
}

void host_run(struct vm_host *host, void (*work)(void *context), void (*done)(void *context),
              void *context)
{
    struct job *job = xcalloc(1, sizeof *job);

    *job = (struct job){.work = work, .done = done, .context = context};
    pthread_mutex_lock(&host->lock);
    *host->jobs_end = job;
    host->jobs_end = &job->next;
    pthread_cond_signal(&host->changed);
    pthread_mutex_unlock(&host->lock);
}

/* -- libvirt's event loop ---------------------------------------------------------------------- */

static void *run_events(void *context)
{
    struct vm_host *host = context;
    bool ends;

    do {
        virEventRunDefaultImpl();
        pthread_mutex_lock(&host->lock);
        ends = host->no_more_events;
        pthread_mutex_unlock(&host->lock);
    } while (!ends);
    return NULL;
}

static void ignore_timeout(int timer, void *context)
{
    (void)timer;
    (void)context;
}

void host_domain_started(struct vm_host *host)
{
    pthread_mutex_lock(&host->lock);
    host->domains++;
    pthread_mutex_unlock(&host->lock);
}

static void domain_ended(struct vm_host *host)
{
    pthread_mutex_lock(&host->lock);
    host->domains--;
    pthread_cond_signal(&host->domain_ended);
    pthread_mutex_unlock(&host->lock);
}

struct lifecycle_event {
    char *name;
    int event, detail;
    struct lifecycle_event *next;
};

static void free_event(struct lifecycle_event *event)
{
    free(event->name);
    free(event);
}

/* The oldest of those that were not delivered; NULL: there is none. */
static struct lifecycle_event *take_event(struct vm_host *host)
{
    struct lifecycle_event *event;

    pthread_mutex_lock(&host->lock);
    event = host->undelivered;
    if (event)
        host->undelivered = event->next;
    if (!host->undelivered)
        host->undelivered_end = &host->undelivered;
    pthread_mutex_unlock(&host->lock);
    return event;
}

static void deliver_event(void *context)
{
    struct vm_host *host = context;
    struct lifecycle_event *event = take_event(host);

    machine_event(host, event->name, event->event, event->detail);
    free_event(event);
}

static int on_lifecycle(virConnectPtr connection, virDomainPtr domain, int event, int detail,
                        void *context)
{
    struct lifecycle_event *copy = xcalloc(1, sizeof *copy);
    struct vm_host *host = context;

    (void)connection;
    *copy = (struct lifecycle_event){
        .name = xstrdup(virDomainGetName(domain)), .event = event, .detail = detail};
    if (event == VIR_DOMAIN_EVENT_STOPPED)
        domain_ended(host);
    pthread_mutex_lock(&host->lock);
    *host->undelivered_end = copy;
    host->undelivered_end = &copy->next;
    pthread_mutex_unlock(&host->lock);
    loop_post(host->loop, deliver_event, host);
    return 0;
}

static void quiet(void *context, virErrorPtr error)
{
    (void)context;
    (void)error;
}

/* -- The embedded driver ----------------------------------------------------------------------- */

/* As root libvirt would hand files and processes to another user and into cgroups; nothing of that
 * is wanted, and user "+0" keeps it from probing QEMU again at each start. */
static const char qemu_conf[] = "stdio_handler = \"file\"\n";
static const char qemu_conf_root[] = "user = \"+0\"\n"
                                     "group = \"+0\"\n"
                                     "remember_owner = 0\n"
                                     "dynamic_ownership = 0\n"
                                     "namespaces = []\n"
                                     "cgroup_controllers = []\n"
                                     "security_driver = \"none\"\n";

/* A root of the run's own, since opening one that a killed run left may hang; only the cache of
 * QEMU's capabilities is shared. */
static int make_root(struct vm_host *host, const char *cache_dir, struct error *error)
{
    cleanup_free char *root = xasprintf("%s/v", host->runtime_dir);
    cleanup_free char *etc = xasprintf("%s/etc", root);
    cleanup_free char *conf = xasprintf("%s/qemu.conf", etc);
    cleanup_free char *cache = xasprintf("%s/libvirt", cache_dir);
    cleanup_free char *cache_link = xasprintf("%s/cache", root);
    cleanup_buffer struct buffer text = {0};
    int code;

    buffer_append_text(&text, qemu_conf);
    if (geteuid() == 0)
        buffer_append_text(&text, qemu_conf_root);
    if ((code = fs_mkdirs(etc, 0700, error)) < 0 ||
        (code = fs_write(conf, text.data, text.length, 0600, error)) < 0 ||
        (code = fs_mkdirs(cache, 0700, error)) < 0)
        return code;
    if (symlink(cache, cache_link) < 0)
        return error_errno(error, "cannot make %s", cache_link);
    host->root = steal_pointer(&root);
    return 0;
}

/* libvirt logs to standard error otherwise. */
static void quiet_libvirt(const struct vm_host *host, bool debug)
{
    cleanup_free char *outputs =
        xasprintf("%d:file:%s/libvirt.log", debug ? 1 : 2, host->runtime_dir);

    setenv("LIBVIRT_LOG_OUTPUTS", outputs, 0);
    virSetErrorFunc(NULL, quiet);
}

/* After virConnectOpen failed. */
static const char *advice(const struct vm_host *host)
{
    if (geteuid() == 0 && strstr(virGetLastErrorMessage(), "libvirt-qemu"))
        return " (as root libvirt wants that user to exist, though duet does not use it: useradd "
               "--system --user-group libvirt-qemu)";
    if (host->embedded && virGetLastErrorCode() == VIR_ERR_NO_CONNECT)
        return " (libvirt's QEMU driver is not there: install the package "
               "libvirt-daemon-driver-qemu)";
    return "";
}

/* As many as can run at once, and two at least: each waits for a QEMU more than it computes. */
static int start_workers(struct vm_host *host, struct error *error)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    size_t wanted = cores < 2 ? 2 : (size_t)cores;

    if (wanted > HOST_WORKERS_MAX)
        wanted = HOST_WORKERS_MAX;
    while (host->worker_count < wanted) {
        if (pthread_create(&host->workers[host->worker_count], NULL, run_worker, host) != 0)
            return error_set(error, EAGAIN, "cannot start the threads for libvirt's calls");
        host->worker_count++;
    }
    return 0;
}

static int connect_to(struct vm_host *host, const char *uri, struct error *error)
{
    if (virEventRegisterDefaultImpl() < 0)
        return error_set(error, EIO, "libvirt's event loop: %s", virGetLastErrorMessage());
    if (pthread_create(&host->events, NULL, run_events, host) != 0)
        return error_set(error, EAGAIN, "cannot start the thread for libvirt's events");
    host->events_running = true;
    host->connection = virConnectOpen(uri);
    if (!host->connection)
        return error_set(error, EIO, "cannot open libvirt's driver %s: %s%s", uri,
                         virGetLastErrorMessage(), advice(host));
    host->lifecycle =
        virConnectDomainEventRegisterAny(host->connection, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                         VIR_DOMAIN_EVENT_CALLBACK(on_lifecycle), host, NULL);
    if (host->lifecycle < 0)
        return error_set(error, EIO, "libvirt has no domain events: %s", virGetLastErrorMessage());
    return start_workers(host, error);
}

int vm_host_open(struct loop *loop, const struct vm_host_options *options, struct vm_host **out,
                 struct error *error)
{
    struct vm_host *host = xcalloc(1, sizeof *host);
    cleanup_free char *uri = NULL;
    int code = 0;

    host->loop = loop;
    host->lifecycle = -1;
    host->embedded = options->connect == NULL;
    host->runtime_dir = xstrdup(options->runtime_dir);
    host->jobs_end = &host->jobs;
    host->undelivered_end = &host->undelivered;
    pthread_mutex_init(&host->lock, NULL);
    pthread_cond_init(&host->changed, NULL);
    pthread_cond_init(&host->domain_ended, NULL);
    quiet_libvirt(host, options->debug);
    if (host->embedded) {
        /* Not all of a user's driver stays below its root: PCI devices are managed, though there
         * are none, in XDG_RUNTIME_DIR/libvirt. */
        setenv("XDG_RUNTIME_DIR", host->runtime_dir, 1);
        code = make_root(host, options->cache_dir, error);
        if (code == 0)
            code = reaper_new(loop, &host->reaper, error);
        if (code == 0)
            uri = xasprintf("qemu:///embed?root=%s", host->root);
    } else {
        uri = xstrdup(options->connect);
    }
    if (code == 0)
        code = connect_to(host, uri, error);
    if (code < 0) {
        vm_host_close(host);
        return code;
    }
    *out = host;
    return 0;
}

/* libvirt's threads write files about a domain until they call it ended, after duet has seen that
 * its QEMU is no more: who removes the run's directory must not meet them. */
static void await_domains(struct vm_host *host)
{
    struct timespec deadline;

    clock_gettime(CLOCK_MONOTONIC, &deadline);
    deadline.tv_sec += DOMAINS_END_S;
    pthread_mutex_lock(&host->lock);
    while (host->lifecycle >= 0 && host->domains > 0 &&
           pthread_cond_clockwait(&host->domain_ended, &host->lock, CLOCK_MONOTONIC, &deadline) ==
               0)
        ;
    pthread_mutex_unlock(&host->lock);
}

static void set_flag(struct vm_host *host, bool *flag)
{
    pthread_mutex_lock(&host->lock);
    *flag = true;
    pthread_cond_broadcast(&host->changed);
    pthread_mutex_unlock(&host->lock);
}

static void close_threads(struct vm_host *host)
{
    set_flag(host, &host->no_more_jobs);
    while (host->worker_count > 0)
        pthread_join(host->workers[--host->worker_count], NULL);
    await_domains(host);
    if (host->connection) {
        if (host->lifecycle >= 0)
            virConnectDomainEventDeregisterAny(host->connection, host->lifecycle);
        virConnectClose(host->connection);
    }
    if (host->events_running) {
        set_flag(host, &host->no_more_events);
        /* A timeout that is due at once wakes the thread, which then sees it. */
        virEventAddTimeout(0, ignore_timeout, NULL, NULL);
        pthread_join(host->events, NULL);
    }
}

void vm_host_close(struct vm_host *host)
{
    struct lifecycle_event *event;

    if (!host)
        return;
    close_threads(host);
    while ((event = take_event(host)))
        free_event(event);
    reaper_free(host->reaper);
    pthread_cond_destroy(&host->domain_ended);
    pthread_cond_destroy(&host->changed);
    pthread_mutex_destroy(&host->lock);
    free(host->root);
    free(host->runtime_dir);
    free(host);
}

static void format_version(unsigned long version, char *text)
{
    snprintf(text, 32, "%lu.%lu.%lu", version / 1000000, version / 1000 % 1000, version % 1000);
}

void vm_host_versions(struct vm_host *host, char *libvirt, char *qemu)
{
    unsigned long version = 0;

    *libvirt = *qemu = '\0';
    if (virGetVersion(&version, NULL, NULL) == 0)
        format_version(version, libvirt);
    if (virConnectGetVersion(host->connection, &version) == 0 && version > 0)
        format_version(version, qemu);
}

char *vm_emulator(void)
{
    return fs_find_program("qemu-system-x86_64");
}
