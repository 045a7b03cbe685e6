/* Users of a node's control channel: frames of theirs go to the guest as they are, and what the
 * guest sends to their base comes back. Requests are read on the way (hub_request.h), so that a
 * client can ask for nothing that is another's.
 *
 * What waits for the guest is bounded by not reading clients, what waits for a client by letting go
 * of it: neither can hold up another client, or what the topology itself has to say. */
#include "runner/hub_internal.h"

#include "base/memory.h"
#include "runner/hub_request.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define PING_NS (5 * NS_PER_S)

/* -- The end ----------------------------------------------------------------------------------- */

/* What waits for it to read is sent where `finish` is true. */
static void detach(struct hub_link **link, bool finish)
{
    if (!*link)
        return;
    (*link)->client = NULL;
    if (finish)
        hub_finish(*link);
    else
        peer_drop((*link)->peer);
    *link = NULL;
}

static void leave(struct hub_client *client, bool finish)
{
    if (client->left)
        return;
    client->left = true;
    timer_stop(client->patience);
    detach(&client->ctl, finish);
    detach(&client->io, finish);
    hub_use_hang_up(client);
    timer_start(client->node->hub->tidy, 0);
}

static void client_free(struct hub_client *client)
{
    hub_use_free_all(client);
    timer_free(client->patience);
    free(client);
}

static bool is_over(const struct hub_client *client, size_t *left)
{
    if (!client->left)
        return false;
    return !client->uses || hub_node_is_gone(client->node) || ++*left > HUB_CLIENTS_LEFT_MAX;
}

void hub_clients_tidy(struct hub *hub)
{
    struct hub_client **at = &hub->clients;
    size_t left = 0;

    while (*at) {
        struct hub_client *client = *at;

        if (!is_over(client, &left)) {
            at = &client->next;
            continue;
        }
        *at = client->next;
        client_free(client);
    }
}

void hub_clients_free(struct hub *hub)
{
    while (hub->clients) {
        struct hub_client *next = hub->clients->next;

        client_free(hub->clients);
        hub->clients = next;
    }
}

static void on_link_gone(struct hub_link *link)
{
    struct hub_client *client = link->client;

    if (!client)
        return;
    if (client->ctl == link)
        client->ctl = NULL;
    else
        client->io = NULL;
    leave(client, false);
}

void hub_clients_look(struct hub *hub)
{
    for (struct hub_client *client = hub->clients; client; client = client->next) {
        if (client->left || node_control(client->node->node))
            continue;
        if (!client->welcome)
            hub_refuse(client->ctl, "%s is gone", node_name(client->node->node));
        leave(client, true);
    }
    timer_start(hub->tidy, 0);
}

/* -- To the client ----------------------------------------------------------------------------- */

static void send_ctl(struct hub_client *client, uint32_t code, const char *payload, size_t count)
{
    cleanup_buffer struct buffer frame = {0};

    if (!client->ctl || wire_ctl_write(&frame, code, payload, count, NULL) < 0)
        return;
    if (peer_waiting(client->ctl->peer) + frame.length > HUB_CTL_QUEUE)
        leave(client, false);
    else
        peer_send(client->ctl->peer, frame.data, frame.length);
}

static void send_text(struct hub_client *client, enum wire_code code, char *payload)
{
    cleanup_free char *owned = payload;

    send_ctl(client, code, owned, strlen(owned));
}

static void refuse(struct hub_client *client, uint32_t code, uint64_t id, const char *reason)
{
    cleanup_free char *quoted = control_escape(reason);

    send_text(
        client, WIRE_ERROR,
        xasprintf("{\"code\":%" PRIu32 ",\"id\":%" PRIu64 ",\"reason\":%s}", code, id, quoted));
}

static void refuse_stream(struct hub_client *client, uint64_t stream, const char *reason)
{
    cleanup_free char *quoted = control_escape(reason);

    send_text(client, WIRE_ERROR,
              xasprintf("{\"code\":%d,\"id\":0,\"stream\":%" PRIu64 ",\"reason\":%s}", WIRE_NEXT,
                        stream, quoted));
}

/* -- From the client --------------------------------------------------------------------------- */

static bool is_full(const struct hub_client *client)
{
    return vm_waiting(node_vm(client->node->node)) > HUB_GUEST_QUEUE;
}

static bool has_streams(const struct hub_request *request)
{
    return request->in || request->out || request->err;
}

static int forward(struct hub_client *client, uint32_t code, const struct hub_request *request,
                   struct error *error)
{
    bool begins = has_streams(request);
    int result = 0;

    if (begins && !client->io)
        return error_set(error, EPIPE, "the hub: streams need the client's io connection");
    if (begins)
        result = hub_use_begin(client, code, request, error);
    if (result < 0)
        return result;
    result = vm_send(node_vm(client->node->node), code, request->payload, strlen(request->payload),
                     error);
    if (result < 0 && begins)
        hub_use_forget(client, request->id);
    return result;
}

static void take_request(struct hub_client *client, const struct wire_ctl *frame)
{
    struct suite_pairs env = node_environment(client->node->node);
    struct hub_request request;
    struct error error;
    int code = hub_request_read(frame, client->number, &env, &request, &error);

    free(env.items);
    if (code == 0)
        code = forward(client, frame->code, &request, &error);
    free(request.payload);
    if (code < 0 && frame->code == WIRE_NEXT)
        refuse_stream(client, request.stream, error.message);
    else if (code < 0)
        refuse(client, frame->code, request.id, error.message);
}

static void take_requests(struct hub_client *client)
{
    struct buffer *in = &client->ctl->in;
    struct wire_ctl frame;
    size_t taken = 0;
    int n = 0;

    while (!client->left && !is_full(client) &&
           (n = wire_ctl_read(in->data + taken, in->length - taken, &frame, NULL)) > 0) {
        taken += (size_t)n;
        take_request(client, &frame);
    }
    if (n < 0)
        leave(client, false);
    buffer_consume(in, taken);
}

static void take_input_frame(struct hub_client *client, const struct wire_io *frame)
{
    struct error error;

    if (frame->stream >> CONTROL_BASE_SHIFT != client->number) {
        refuse_stream(client, frame->stream, "the hub: this stream is not the client's");
        return;
    }
    hub_use_send(client, frame);
    if (vm_send_io(node_vm(client->node->node), frame->stream, frame->data, frame->length, &error) <
        0)
        leave(client, false);
}

static void take_input(struct hub_client *client)
{
    struct buffer *in = &client->io->in;
    struct wire_io frame;
    size_t taken = 0;
    int n = 0;

    while (!client->left && !is_full(client) &&
           (n = wire_io_read(in->data + taken, in->length - taken, &frame, NULL)) > 0) {
        taken += (size_t)n;
        take_input_frame(client, &frame);
    }
    if (n < 0)
        leave(client, false);
    buffer_consume(in, taken);
}

/* Takes what came from it, as far as the guest reads. */
static void serve(struct hub_client *client)
{
    if (!client->welcome || client->left || !node_control(client->node->node))
        return;
    take_requests(client);
    if (client->io)
        take_input(client);
    if (client->ctl)
        peer_hold(client->ctl->peer, is_full(client));
    if (client->io)
        peer_hold(client->io->peer, is_full(client));
}

static void on_data(struct hub_link *link, const char *bytes, size_t count)
{
    if (!link->client)
        return;
    buffer_append(&link->in, bytes, count);
    serve(link->client);
}

static const struct hub_role client_role = {.data = on_data, .gone = on_link_gone};

/* -- From the guest ---------------------------------------------------------------------------- */

static struct hub_client *find(const struct hub *hub, uint64_t number)
{
    struct hub_client *client = hub->clients;

    while (client && client->number != number)
        client = client->next;
    return client;
}

/* The guest lives: so the client may begin. */
static void welcome(struct hub_client *client, const struct control_message *pong)
{
    if (pong->code != WIRE_ACK || pong->request != WIRE_PING || client->welcome || client->left)
        return;
    client->welcome = true;
    timer_stop(client->patience);
    hub_say(client->ctl, "{\"ok\":true,\"client\":%" PRIu64 "}", client->number);
    send_text(client, WIRE_READY,
              xasprintf("{\"version\":%d,\"uptime_ms\":%" PRIu64 ",\"clock_ns\":%" PRIu64
                        ",\"base\":%" PRIu64 "}",
                        WIRE_PROTOCOL, (uint64_t)(pong->clock_ns / NS_PER_MS), pong->clock_ns,
                        client->number));
    serve(client);
}

/* Frames that the host's end has read are read once more: only it knows that they are good. */
static void on_other_ctl(void *context, uint64_t base, const struct wire_ctl *frame)
{
    const struct hub_node *node = context;
    struct hub_client *client = find(node->hub, base);
    struct control_message message;

    if (!client || client->node != node || control_message_read(frame, &message, NULL) < 0)
        return;
    if (message.id == hub_own_id(client)) {
        welcome(client, &message);
        return;
    }
    hub_use_hear(client, &message);
    if (client->welcome)
        send_ctl(client, frame->code, frame->payload, frame->payload_length);
}

static void on_other_io(void *context, uint64_t base, const struct wire_io *frame)
{
    const struct hub_node *node = context;
    struct hub_client *client = find(node->hub, base);
    cleanup_buffer struct buffer out = {0};

    if (!client || client->node != node)
        return;
    hub_use_receive(client, frame);
    if (!client->io || wire_io_write(&out, frame->stream, frame->data, frame->length, NULL) < 0)
        return;
    if (peer_waiting(client->io->peer) + out.length > HUB_IO_QUEUE)
        leave(client, false);
    else
        peer_send(client->io->peer, out.data, out.length);
}

static void on_guest_drained(void *context)
{
    const struct hub_node *node = context;

    for (struct hub_client *client = node->hub->clients; client; client = client->next)
        if (client->node == node)
            serve(client);
}

void hub_clients_share(struct hub_node *node)
{
    node_share(node->node,
               &(struct node_others){.ctl = on_other_ctl, .io = on_other_io, .context = node});
}

void hub_clients_unshare(struct hub_node *node)
{
    node_share(node->node, NULL);
    if (node_vm(node->node))
        vm_on_drained(node_vm(node->node), NULL, NULL);
}

/* -- The beginning ----------------------------------------------------------------------------- */

static void on_silence(void *context)
{
    struct hub_client *client = context;

    hub_refuse(client->ctl, "%s does not answer: `duet console` shows what it prints",
               node_name(client->node->node));
    leave(client, true);
}

static bool can_serve(struct hub_link *link, const struct hub_node *node)
{
    const char *name = node_name(node->node);

    if (link->hub->options.state == HUB_PAUSED)
        hub_refuse(link, "%s is paused: it answers nothing", name);
    else if (!node_control(node->node))
        hub_refuse(link,
                   hub_node_is_gone(node)
                       ? "the machine of %s is gone: `duet logs` has what it said"
                       : "%s has no init of duet's that answers: `duet console` "
                         "shows what it prints",
                   name);
    else if (link->hub->clients_made >= CONTROL_BASE_MAX)
        hub_refuse(link, "the hub has had %" PRIu64 " clients, and has numbers for no more",
                   link->hub->clients_made);
    else
        return true;
    return false;
}

void hub_client_open(struct hub_link *link, struct hub_node *node)
{
    struct hub *hub = link->hub;
    cleanup_free char *ping = NULL;
    struct hub_client *client;
    struct error error;

    if (!can_serve(link, node))
        return;
    client = xcalloc(1, sizeof *client);
    *client = (struct hub_client){
        .next = hub->clients, .node = node, .number = ++hub->clients_made, .ctl = link};
    client->patience = loop_timer(hub->loop, on_silence, client);
    timer_start(client->patience, PING_NS);
    hub->clients = client;
    hub_become(link, &client_role);
    link->client = client;
    peer_hold(link->peer, true);
    vm_on_drained(node_vm(node->node), on_guest_drained, node);
    ping = control_message_plain(hub_own_id(client), "");
    if (vm_send(node_vm(node->node), WIRE_PING, ping, strlen(ping), &error) < 0) {
        hub_refuse(link, "%s: %s", node_name(node->node), error.message);
        leave(client, true);
    }
}

void hub_client_open_io(struct hub_link *link, uint64_t number)
{
    struct hub_client *client = find(link->hub, number);

    if (!client || client->left || !client->welcome) {
        hub_refuse(link, "the hub: there is no client %" PRIu64, number);
        return;
    }
    if (client->io) {
        hub_refuse(link, "the hub: client %" PRIu64 " has an io connection", number);
        return;
    }
    hub_become(link, &client_role);
    link->client = client;
    client->io = link;
    hub_say(link, "{\"ok\":true}");
    serve(client);
}
