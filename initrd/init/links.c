#include "initrd/init/links.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/datapath.h"
#include "initrd/init/reply.h"
#include "initrd/init/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { LOG_ROOM = 4 << 20 }; /* bytes of verdicts that wait for the host */

struct link {
    const struct pod_interface *interface; /* of the pod */
    struct stream streams[2];              /* of verdicts, by direction */
};

struct links {
    struct agent *agent;
    struct request *pod; /* shared: what the datapath has its settings from */
    struct datapath *datapath;
    void (*started)(struct agent *agent, struct request *pod, const struct error *failure);
    struct link *items;
    size_t count;
};

/* -- The start --------------------------------------------------------------------------------- */

static size_t count_links(const struct pod *pod)
{
    size_t count = 0;

    for (size_t i = 0; i < pod->interface_count; i++)
        count += pod->interfaces[i].carrier != NULL;
    return count;
}

bool links_are_any(const struct pod *pod)
{
    return pod->is_router || count_links(pod) > 0;
}

bool links_are_routed(const struct links *links)
{
    return links && links->pod->pod.is_router;
}

static void on_started(void *context, const struct error *failure)
{
    struct links *links = context;

    for (size_t i = 0; !failure && i < links->count; i++)
        for (unsigned way = 0; way < 2; way++)
            stream_start(&links->items[i].streams[way]);
    links->started(links->agent, links->pod, failure);
}

/* A pipe is the room between the datapath and the host. */
static int open_log(struct links *links, struct stream *stream, uint64_t number, int *log,
                    struct error *error)
{
    int ends[2];

    *log = -1;
    stream->fd = -1;
    if (number == 0)
        return 0;
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
        return error_errno(error, "cannot make a pipe");
    stream_open_link(stream, links->agent, number, ends[0]);
    *log = ends[1];
    if (fcntl(ends[1], F_SETPIPE_SZ, LOG_ROOM) < 0)
        return error_errno(error, "cannot make room for verdicts");
    return 0;
}

static struct links *links_new(struct agent *agent, struct request *pod)
{
    struct links *links = xcalloc(1, sizeof *links);

    links->agent = agent;
    links->pod = request_share(pod);
    links->items = xcalloc(count_links(&pod->pod), sizeof *links->items);
    for (size_t i = 0; i < pod->pod.interface_count; i++)
        if (pod->pod.interfaces[i].carrier)
            links->items[links->count++].interface = &pod->pod.interfaces[i];
    return links;
}

int links_start(struct agent *agent, struct request *pod,
                void (*started)(struct agent *agent, struct request *pod,
                                const struct error *failure),
                struct error *error)
{
    struct links *links = links_new(agent, pod);
    cleanup_free int(*logs)[2] = xcalloc(links->count, sizeof *logs);
    int code = 0;

    links->started = started;
    agent->links = links;
    for (size_t i = 0; i < links->count; i++)
        for (unsigned way = 0; way < 2 && code == 0; way++)
            code =
                open_log(links, &links->items[i].streams[way],
                         links->items[i].interface->carrier->verdicts[way], &logs[i][way], error);
    return code < 0 ? code
                    : datapath_start(&(struct datapath_options){.loop = agent->loop,
                                                                .pod = &pod->pod,
                                                                .logs = (const int(*)[2])logs,
                                                                .started = on_started,
                                                                .context = links},
                                     &links->datapath, error);
}

/* -- Requests ---------------------------------------------------------------------------------- */

struct asked {
    struct datapath_request ask;
    struct agent *agent;
    struct request *request; /* shared */
};

static void on_answer(struct datapath_request *ask)
{
    struct asked *asked = ask->context;
    struct channel *ctl = &asked->agent->ctl;
    cleanup_buffer struct buffer state = {0};

    if (ask->error.code) {
        reply_error(channel_out(ctl), asked->request->code, asked->request->id, ask->error.message);
    } else {
        buffer_printf(&state, "\"steps\":%" PRIu64 ",", ask->steps);
        link_state_json(&state, ask->ways);
        reply_ack_members(channel_out(ctl), asked->request->code, asked->request->id, state.data);
    }
    channel_flush(ctl);
    request_free(asked->request);
    free(asked);
}

static int find_link(const struct links *links, const char *name, size_t *index,
                     struct error *error)
{
    for (*index = 0; links && *index < links->count; ++*index)
        if (strcmp(links->items[*index].interface->name, name) == 0)
            return 0;
    return error_set(error, ENODEV, "this node carries no link named %s", name);
}

int links_serve(struct agent *agent, struct request *request, struct error *error)
{
    struct asked *asked;
    size_t index;
    int code = find_link(agent->links, request->interface, &index, error);

    if (code < 0)
        return code;
    asked = xcalloc(1, sizeof *asked);
    asked->agent = agent;
    asked->request = request_share(request);
    asked->ask = (struct datapath_request){.index = index,
                                           .change = request->impair,
                                           .close = request->code == WIRE_CLOSELINK,
                                           .answer = on_answer,
                                           .context = asked};
    datapath_ask(agent->links->datapath, &asked->ask);
    return 0;
}

/* -- Streams ----------------------------------------------------------------------------------- */

static struct stream *find_stream(const struct links *links, uint64_t number)
{
    for (size_t i = 0; links && i < links->count; i++)
        for (unsigned way = 0; way < 2; way++) {
            struct stream *stream = &links->items[i].streams[way];

            if (stream->number == number && stream->fd >= 0)
                return stream;
        }
    return NULL;
}

bool links_grant(struct links *links, uint64_t number, uint64_t bytes)
{
    struct stream *stream = find_stream(links, number);

    if (stream)
        stream_grant(stream, bytes);
    return stream != NULL;
}

bool links_send_on(const struct links *links, uint64_t number)
{
    return find_stream(links, number) != NULL;
}
