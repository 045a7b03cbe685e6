/* What a client has in the guest: commands and files on their way, with their streams.
 *
 * When the client goes, each command gets SIGHUP as soon as the guest has it, and so does each file
 * that was not sent whole, which leaves what was there. The guest is told to send on what is left
 * of their output, which the hub drops. What stays of a client after that stays until its commands
 * have ended. */
#include "runner/hub_internal.h"

#include "base/memory.h"
#include "runner/hub_request.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

struct hub_use {
    struct hub_use *next;
    uint64_t id;
    uint32_t code; /* of the request that made it */
    bool runs;     /* a command; else a file */
    bool started, ended;
    uint64_t in, out, err; /* streams that are not closed; 0: there is none (any more) */
    bool granted;          /* the guest has given room on `in`, and so waits for its close */
};

uint64_t hub_own_id(const struct hub_client *client)
{
    return client->number << CONTROL_BASE_SHIFT;
}

/* -- Life -------------------------------------------------------------------------------------- */

static struct hub_use *find(const struct hub_client *client, uint64_t id)
{
    struct hub_use *use = client->uses;

    while (use && use->id != id)
        use = use->next;
    return use;
}

static bool has_stream(const struct hub_use *use, uint64_t in, uint64_t out, uint64_t err)
{
    return (in && use->in == in) || (out && (use->out == out || use->err == out)) ||
           (err && (use->out == err || use->err == err));
}

static int check_free(const struct hub_client *client, const struct hub_request *request,
                      struct error *error)
{
    if (client->use_count >= HUB_USES_MAX)
        return error_set(error, EBUSY,
                         "the hub: a client has %d commands and files at once at most",
                         HUB_USES_MAX);
    for (const struct hub_use *use = client->uses; use; use = use->next)
        if (use->id == request->id || has_stream(use, request->in, request->out, request->err))
            return error_set(error, EBUSY,
                             "the hub: its id or one of its streams is that of another command");
    return 0;
}

int hub_use_begin(struct hub_client *client, uint32_t code, const struct hub_request *request,
                  struct error *error)
{
    int result = check_free(client, request, error);
    struct hub_use *use;

    if (result < 0)
        return result;
    use = xcalloc(1, sizeof *use);
    *use = (struct hub_use){.next = client->uses,
                            .id = request->id,
                            .code = code,
                            .runs = request->runs,
                            .in = request->in,
                            .out = request->out,
                            .err = request->err};
    client->uses = use;
    client->use_count++;
    return 0;
}

static void drop(struct hub_client *client, struct hub_use *use)
{
    struct hub_use **at = &client->uses;

    while (*at != use)
        at = &(*at)->next;
    *at = use->next;
    client->use_count--;
    free(use);
    if (client->left && !client->uses)
        timer_start(client->node->hub->tidy, 0);
}

void hub_use_forget(struct hub_client *client, uint64_t id)
{
    struct hub_use *use = find(client, id);

    if (use)
        drop(client, use);
}

void hub_use_free_all(struct hub_client *client)
{
    while (client->uses)
        drop(client, client->uses);
}

/* -- To the guest, when the client has gone ---------------------------------------------------- */

/* A guest that cannot be told any more is at its end. */
static void tell(const struct hub_client *client, enum wire_code code, char *payload)
{
    cleanup_free char *owned = payload;

    if (!hub_node_is_gone(client->node))
        vm_send(node_vm(client->node->node), code, owned, strlen(owned), NULL);
}

static void close_input(const struct hub_client *client, struct hub_use *use)
{
    if (!use->in || !use->granted)
        return;
    if (!hub_node_is_gone(client->node))
        vm_send_io(node_vm(client->node->node), use->in, NULL, 0, NULL);
    use->in = 0;
}

/* For all that the guest ever sends on it. */
static void give_room(const struct hub_client *client, uint64_t *stream)
{
    if (*stream)
        tell(client, WIRE_NEXT, control_message_next(*stream, WIRE_ID_MAX));
    *stream = 0;
}

static void end(const struct hub_client *client, const struct hub_use *use)
{
    cleanup_free char *fields = xasprintf("\"target\":%" PRIu64 ",\"signal\":%d", use->id, SIGHUP);

    tell(client, WIRE_KILLCONTAINER, control_message_plain(hub_own_id(client), fields));
}

/* The guest knows a command when it has acknowledged it, and a file that is to be written when it
 * gives room for it. One that the client has closed is whole, and is written. */
static void hang_up(struct hub_client *client, struct hub_use *use)
{
    bool is_written = use->code == WIRE_WRITEFILE;

    if (use->ended || (use->runs && !use->started) || (is_written && !(use->granted && use->in)))
        return;
    end(client, use);
    give_room(client, &use->out);
    give_room(client, &use->err);
    if (use->runs)
        close_input(client, use);
}

/* A file is over where the guest says so; only then the end of its bytes is none. */
static void settle(struct hub_client *client, struct hub_use *use)
{
    if (use->ended && client->left) {
        close_input(client, use);
        give_room(client, &use->out);
        give_room(client, &use->err);
        use->in = 0;
    }
    if (use->ended && !use->in && !use->out && !use->err)
        drop(client, use);
}

void hub_use_hang_up(struct hub_client *client)
{
    struct hub_use *next;

    for (struct hub_use *use = client->uses; use; use = next) {
        next = use->next;
        hang_up(client, use);
        settle(client, use);
    }
}

/* -- What is said about them ------------------------------------------------------------------- */

static void refused(struct hub_use *use)
{
    use->ended = true;
    use->out = use->err = 0;
    if (!use->granted)
        use->in = 0;
}

static void answered(struct hub_client *client, const struct control_message *message)
{
    struct hub_use *use = find(client, message->id);

    if (!use || use->code != message->request)
        return;
    if (message->code == WIRE_ERROR)
        refused(use);
    else if (use->runs)
        use->started = true;
    else
        use->ended = true;
    if (client->left && use->started)
        hang_up(client, use);
    settle(client, use);
}

static void finished(struct hub_client *client, uint64_t id)
{
    struct hub_use *use = find(client, id);

    if (!use || !use->runs)
        return;
    use->ended = true;
    if (!use->granted)
        use->in = 0;
    settle(client, use);
}

static void granted(struct hub_client *client, uint64_t stream)
{
    struct hub_use *use = client->uses;

    while (use && use->in != stream)
        use = use->next;
    if (!use || use->granted)
        return;
    use->granted = true;
    if (client->left && use->runs)
        close_input(client, use);
    else if (client->left)
        hang_up(client, use);
    settle(client, use);
}

void hub_use_hear(struct hub_client *client, const struct control_message *message)
{
    switch (message->code) {
    case WIRE_ACK:
    case WIRE_ERROR:
        answered(client, message);
        break;
    case WIRE_CMDFINISHED:
        finished(client, message->id);
        break;
    case WIRE_NEXT:
        granted(client, message->stream);
        break;
    default:
        break;
    }
}

void hub_use_receive(struct hub_client *client, const struct wire_io *frame)
{
    struct hub_use *use = client->uses;

    if (frame->length > 0)
        return;
    while (use && use->out != frame->stream && use->err != frame->stream)
        use = use->next;
    if (!use)
        return;
    if (use->out == frame->stream)
        use->out = 0;
    else
        use->err = 0;
    settle(client, use);
}

void hub_use_send(struct hub_client *client, const struct wire_io *frame)
{
    struct hub_use *use = client->uses;

    while (use && use->in != frame->stream)
        use = use->next;
    if (!use || frame->length > 0 || !use->granted)
        return;
    use->in = 0;
    settle(client, use);
}
