#include "initrd/init/datapath.h"

#include "base/memory.h"
#include "initrd/init/datapath_alarm.h"
#include "initrd/init/datapath_device.h"
#include "initrd/init/fail.h"
#include "initrd/init/router.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LOG_WAIT_MS = 50, /* that a verdict waits for more of them */
    NICE = -5,        /* of the thread; setpriority(2) */
};

/* One end of a link: its device, the way that is read from it and the one that writes to it. */
struct end {
    struct carried *link;
    int fd;
    struct watch *watch; /* NULL: there is no device any more */
    uint32_t events;     /* that are watched for */
    struct way *from, *to;
};

struct carried {
    struct datapath *datapath;
    const struct pod_interface *interface;
    struct impair_plan_run run;
    struct impair_config configs[2]; /* that a request has put in force */
    bool closed;
    struct way *ways[2];          /* by direction */
    struct datapath_log *logs[2]; /* likewise; NULL: none, or at its end */
    struct end tap, nic;
    int drops;     /* for datapath_device_drops; of a router -1 */
    uint64_t lost; /* what that said */
};

struct datapath {
    struct datapath_options options;
    struct loop *loop;
    struct carried *links;
    size_t count;
    struct router *router; /* NULL: the node is none */
    int (*logs)[2];
    struct alarm alarm;
    struct watch *alarm_watch;
    struct timer *logs_timer; /* for verdicts that wait */
    bool logs_wait;
    struct error error; /* why it could not begin */
};

/* -- What is waited for ------------------------------------------------------------------------ */

/* A device is read while the other one takes what comes, and asked for room while it does not. */
static void watch_end(struct end *end)
{
    uint32_t events = (way_waits(end->from) ? 0 : EPOLLIN) | (way_waits(end->to) ? EPOLLOUT : 0);

    if (!end->watch)
        return;
    if (events != end->events)
        watch_events(end->watch, events);
    end->events = events;
}

/* True where the pipe has no room for some. The log of a closed link ends behind its last byte,
 * whenever its reader comes to that. */
static bool send_log(struct carried *link, unsigned way)
{
    struct datapath_log *log = link->logs[way];

    if (!log)
        return false;
    if (!link->closed)
        return datapath_log_flush(log);
    if (datapath_log_end(log))
        return true;
    datapath_log_free(steal_pointer(&link->logs[way]));
    return false;
}

static void on_logs_timer(void *context)
{
    struct datapath *datapath = context;
    bool some_left = false;

    for (size_t i = 0; i < datapath->count; i++)
        for (unsigned way = 0; way < 2; way++)
            some_left = send_log(&datapath->links[i], way) || some_left;
    datapath->logs_wait = some_left;
    if (some_left)
        timer_start(datapath->logs_timer, LOG_WAIT_MS * NS_PER_MS);
}

static void time_logs(struct datapath *datapath, const struct carried *link)
{
    for (unsigned way = 0; way < 2 && !datapath->logs_wait; way++) {
        if (!link->logs[way] || !datapath_log_waits(link->logs[way]))
            continue;
        datapath->logs_wait = true;
        timer_start(datapath->logs_timer, LOG_WAIT_MS * NS_PER_MS);
    }
}

static uint64_t sooner(uint64_t one_ns, uint64_t other_ns)
{
    return one_ns < other_ns ? one_ns : other_ns;
}

static void wait_for_next(struct datapath *datapath)
{
    uint64_t next_ns = IMPAIR_NEVER;

    for (size_t i = 0; i < datapath->count; i++) {
        const struct carried *link = &datapath->links[i];

        if (link->closed)
            continue;
        next_ns = sooner(next_ns, impair_plan_next_ns(&link->run));
        next_ns = sooner(next_ns, way_next_ns(link->ways[0]));
        next_ns = sooner(next_ns, way_next_ns(link->ways[1]));
    }
    alarm_set(&datapath->alarm, next_ns);
}

static void settle(struct carried *link)
{
    if (!link->closed) {
        watch_end(&link->tap);
        watch_end(&link->nic);
    }
    wait_for_next(link->datapath);
    time_logs(link->datapath, link);
}

/* A TAP that was deleted says EPOLLERR for good, and reading does not clear it. A packet socket has
 * an error once, which is read. */
static bool is_gone(const struct end *end, uint32_t events)
{
    return end == &end->link->tap && (events & (EPOLLERR | EPOLLIN)) == EPOLLERR;
}

static void on_device(void *context, uint32_t events)
{
    struct end *end = context;
    bool gone = is_gone(end, events);

    if (gone)
        watch_free(steal_pointer(&end->watch));
    if (gone || events & EPOLLOUT) /* what waits for one that is gone is lost */
        way_go_on(end->to);
    if (!gone && events & (EPOLLIN | EPOLLERR))
        way_read(end->from);
    settle(end->link);
}

/* What was read came before a step by time that no packet has brought about. */
static void tick(struct carried *link)
{
    uint64_t now_ns = clock_ns();

    if (impair_plan_next_ns(&link->run) > now_ns)
        return;
    way_take_rest(link->ways[0]);
    way_take_rest(link->ways[1]);
    impair_plan_tick(&link->run, now_ns);
}

static void on_alarm(void *context, uint32_t events)
{
    struct datapath *datapath = context;

    (void)events;
    if (!alarm_rings(&datapath->alarm))
        return;
    for (size_t i = 0; i < datapath->count; i++) {
        struct carried *link = &datapath->links[i];

        if (link->closed)
            continue;
        tick(link);
        way_go_on(link->ways[0]);
        way_go_on(link->ways[1]);
        settle(link);
    }
}

/* -- Priority ---------------------------------------------------------------------------------- */

static bool may_delay(const struct impair_settings *settings)
{
    return settings && (settings->delay.mean_ns || settings->rate.bps ||
                        settings->slot.interval.mean_ns || settings->rule_count > 0);
}

static bool link_may_delay(const struct carried *link)
{
    const struct impair_plan *plan = &link->run.plan;

    for (unsigned way = 0; way < 2; way++) {
        if (may_delay(way_settings(link->ways[way])))
            return true;
        for (size_t i = 0; i < plan->count; i++)
            if (may_delay(plan->steps[i].settings[way]))
                return true;
    }
    return false;
}

/* What is due goes at once, whatever else runs in the node. Where nothing can be due, a thread that
 * interrupted each sender for each packet would cost more than it brings: each turn of the two is a
 * change of address spaces. It then has three quarters of the CPU where it needs them, and no less:
 * it still interrupts others for what comes now and then, and while much comes, a sender has sent
 * more than one large packet when its turn ends. */
static void set_priority(struct datapath *datapath)
{
    struct sched_param param = {0};
    bool hurries = false;

    for (size_t i = 0; i < datapath->count; i++)
        hurries = hurries || link_may_delay(&datapath->links[i]);
    param.sched_priority = hurries ? 1 : 0;
    pthread_setschedparam(pthread_self(), hurries ? SCHED_FIFO : SCHED_OTHER, &param);
    setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
}

/* -- Requests ---------------------------------------------------------------------------------- */

static void on_answer(void *context)
{
    struct datapath_request *request = context;

    request->answer(request);
}

/* What a direction's settings point to is the config's, which stays until others are in force. */
static int change(struct carried *link, json_t *json, struct error *error)
{
    struct impair_config configs[2] = {0};
    unsigned named = 0;
    int code;

    for (unsigned way = 0; way < 2; way++)
        impair_config_copy(&configs[way], way_settings(link->ways[way]));
    code = pod_carrier_change(json, link->interface->mtu, configs, &named, error);
    for (unsigned way = 0; way < 2; way++) {
        if (code == 0 && named & 1u << way) {
            struct impair_config before = link->configs[way];

            link->configs[way] = configs[way];
            way_change(link->ways[way], &link->configs[way].settings);
            configs[way] = before;
        }
        impair_config_free(&configs[way]);
    }
    set_priority(link->datapath);
    return code;
}

static void close_link(struct carried *link)
{
    watch_free(steal_pointer(&link->tap.watch));
    watch_free(steal_pointer(&link->nic.watch));
    link->closed = true;
    for (unsigned way = 0; way < 2; way++) {
        way_flush(link->ways[way]);
        send_log(link, way);
    }
}

static size_t index_in_pod(const struct carried *link)
{
    return (size_t)(link->interface - link->datapath->options.pod->interfaces);
}

static void on_request(void *context)
{
    struct datapath_request *request = context;
    struct datapath *datapath = request->datapath;
    struct carried *link = &datapath->links[request->index];

    if (request->change)
        change(link, request->change, &request->error);
    if (request->close && !link->closed)
        close_link(link);
    if (request->close && datapath->router)
        router_close(datapath->router, index_in_pod(link));
    for (unsigned way = 0; way < 2; way++)
        request->ways[way] = way_state(link->ways[way]);
    request->steps = link->run.done;
    settle(link);
    loop_post(datapath->options.loop, on_answer, request);
}

void datapath_ask(struct datapath *datapath, struct datapath_request *request)
{
    request->datapath = datapath;
    loop_post(datapath->loop, on_request, request);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int watch_device(struct end *end, struct error *error)
{
    end->events = EPOLLIN;
    return loop_watch(end->link->datapath->loop, end->fd, EPOLLIN, on_device, end, &end->watch,
                      error);
}

/* By the node's kernel, or its router. */
static uint64_t sender_lost(void *context)
{
    struct carried *link = context;

    if (link->datapath->router)
        return router_lost(link->datapath->router, index_in_pod(link));
    datapath_device_drops(link->drops, &link->lost);
    return link->lost;
}

static void make_way(struct carried *link, const struct pod_interface *interface,
                     const struct datapath_device *device, unsigned direction, int log)
{
    const struct pod_carrier *carrier = interface->carrier;
    bool from_tap = direction == carrier->end;
    const struct verdict_log_header header = {.seed = carrier->seed,
                                              .link = carrier->link,
                                              .direction = direction,
                                              .base_ns = clock_ns()};

    if (log >= 0)
        link->logs[direction] = datapath_log_new(log, &header);
    link->ways[direction] =
        way_new(&(struct way_options){.seed = carrier->seed,
                                      .link = carrier->link,
                                      .direction = direction,
                                      .mtu = interface->mtu,
                                      .from = from_tap ? WAY_TAP : WAY_NIC,
                                      .from_fd = from_tap ? device->tap : device->nic,
                                      .to_fd = from_tap ? device->nic : device->tap,
                                      .ring = from_tap ? device->ring : NULL,
                                      .run = &link->run,
                                      .log = link->logs[direction],
                                      .sender_lost = from_tap ? sender_lost : NULL,
                                      .context = link});
    way_change(link->ways[direction], &carrier->configs[direction].settings);
}

static int make_link(struct carried *link, const struct pod_interface *interface,
                     const struct datapath_device *device, const int logs[2], struct error *error)
{
    const struct impair_plan plan = {interface->carrier->steps, interface->carrier->step_count};
    struct way *out, *in;
    int code;

    link->interface = interface;
    link->drops = device->drops;
    for (unsigned direction = 0; direction < 2; direction++)
        make_way(link, interface, device, direction, logs[direction]);
    way_pair(link->ways[0], link->ways[1]);
    impair_plan_start(&link->run, &plan, way_impair(link->ways[0]), way_impair(link->ways[1]));
    out = link->ways[interface->carrier->end];
    in = link->ways[1 - interface->carrier->end];
    link->tap = (struct end){.link = link, .fd = device->tap, .from = out, .to = in};
    link->nic = (struct end){.link = link, .fd = device->nic, .from = in, .to = out};
    code = watch_device(&link->tap, error);
    return code < 0 ? code : watch_device(&link->nic, error);
}

static int make_links(struct datapath *datapath, const struct datapath_device devices[],
                      struct error *error)
{
    const struct pod *pod = datapath->options.pod;
    int code = 0;

    for (size_t i = 0, taken = 0, next = 0; code == 0 && i < pod->interface_count; i++) {
        const struct datapath_device *device = &devices[taken];
        struct carried *link = &datapath->links[next];

        taken += datapath_takes(pod, &pod->interfaces[i]);
        if (!pod->interfaces[i].carrier)
            continue;
        link->datapath = datapath;
        code = make_link(link, &pod->interfaces[i], device, datapath->logs[next], error);
        next++;
    }
    return code;
}

static int make_router(struct datapath *datapath, const struct datapath_device devices[],
                       struct error *error)
{
    const struct pod *pod = datapath->options.pod;
    cleanup_free struct router_port *ports = xcalloc(pod->interface_count, sizeof *ports);

    for (size_t i = 0; i < pod->interface_count; i++)
        ports[i] = devices[i].router >= 0 ? (struct router_port){.fd = devices[i].router}
                                          : (struct router_port){devices[i].nic, true};
    return router_start(datapath->loop, pod, ports, &datapath->router, error);
}

static int begin(struct datapath *datapath, struct error *error)
{
    const struct pod *pod = datapath->options.pod;
    cleanup_free struct datapath_device *devices = xcalloc(pod->interface_count, sizeof *devices);
    int code;

    for (size_t i = 0; i < pod->interface_count; i++)
        devices[i] = (struct datapath_device){.tap = -1, .drops = -1, .nic = -1, .router = -1};
    code = datapath_devices_take(pod, devices, error);
    if (code == 0)
        code = alarm_init(&datapath->alarm, error);
    if (code == 0)
        code = loop_watch(datapath->loop, datapath->alarm.fd, EPOLLIN, on_alarm, datapath,
                          &datapath->alarm_watch, error);
    if (code == 0)
        code = make_links(datapath, devices, error);
    if (code == 0 && pod->is_router)
        code = make_router(datapath, devices, error);
    if (code == 0)
        set_priority(datapath);
    return code;
}

static void on_started(void *context)
{
    struct datapath *datapath = context;

    datapath->options.started(datapath->options.context,
                              datapath->error.code ? &datapath->error : NULL);
}

static void *run(void *context)
{
    struct datapath *datapath = context;
    int code = begin(datapath, &datapath->error);

    free(datapath->logs);
    loop_post(datapath->options.loop, on_started, datapath);
    if (code == 0)
        loop_run(datapath->loop);
    return NULL;
}

static size_t count_links(const struct pod *pod)
{
    size_t count = 0;

    for (size_t i = 0; i < pod->interface_count; i++)
        count += pod->interfaces[i].carrier != NULL;
    return count;
}

int datapath_start(const struct datapath_options *options, struct datapath **out,
                   struct error *error)
{
    struct datapath *datapath = xcalloc(1, sizeof *datapath);
    pthread_t thread;
    int code;

    datapath->options = *options;
    datapath->count = count_links(options->pod);
    datapath->links = xcalloc(datapath->count, sizeof *datapath->links);
    datapath->logs = xcalloc(datapath->count, sizeof *datapath->logs);
    memcpy(datapath->logs, options->logs, datapath->count * sizeof *datapath->logs);
    must(loop_new(&datapath->loop, error), error);
    datapath->logs_timer = loop_timer(datapath->loop, on_logs_timer, datapath);
    code = pthread_create(&thread, NULL, run, datapath);
    if (code != 0)
        return error_set(error, code, "cannot start the datapath: %s", strerror(code));
    pthread_detach(thread);
    *out = datapath;
    return 0;
}
