#include "runner/client.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "runner/commands.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* A hub says READY when its guest has answered a ping. */
#define READY_NS (10 * NS_PER_S)

/* -- Which one --------------------------------------------------------------------------------- */

static const struct held_node *node_called(const struct held *held, const char *name)
{
    for (size_t i = 0; i < held->node_count; i++)
        if (strcmp(held->nodes[i].name, name) == 0)
            return &held->nodes[i];
    return NULL;
}

/* A word that is a node of one topology alone means it, whatever else is kept. */
static int choose_by_node(const struct held_list *list, const char *name, const struct held **held,
                          const struct held_node **node, struct error *error)
{
    cleanup_buffer struct buffer cases = {0};
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct held_node *found = node_called(&list->items[i], name);

        if (!found)
            continue;
        *held = &list->items[i];
        *node = found;
        buffer_printf(&cases, "%s%s/%s (%d)", count++ ? ", " : "", list->items[i].suite,
                      list->items[i].case_name, (int)list->items[i].pid);
    }
    if (count > 1)
        return error_set(error, EEXIST, "%zu cases have a node \"%s\"; name the case, too: %s",
                         count, name, cases.data);
    return count == 1 ? 0 : error_set(error, ENOENT, "no node \"%s\"", name);
}

static int choose_by_word(const struct held_list *list, const char *word, const struct held **held,
                          const struct held_node **node, struct error *error)
{
    int code = choose_by_node(list, word, held, node, error);

    if (code != -ENOENT)
        return code;
    code = held_choose(list, word, held, error);
    if (code == 0)
        return held_node(*held, NULL, node, error);
    if (list->count == 1)
        return held_node(&list->items[0], word, node, error);
    return list->count == 0
               ? code
               : error_context(error, "\"%s\" is neither a node nor a case that is kept", word);
}

int client_choose(const struct held_list *list, const char *const words[], size_t count,
                  const struct held **out, const struct held_node **out_node, struct error *error)
{
    const struct held_node *node = NULL;
    const struct held *held = NULL;
    int code;

    if (count == 1) {
        code = choose_by_word(list, words[0], &held, &node, error);
    } else {
        code = held_choose(list, count == 0 ? NULL : words[0], &held, error);
        if (code == 0)
            code = held_node(held, count == 0 ? NULL : words[1], &node, error);
    }
    if (code < 0)
        return code;
    *out = held;
    *out_node = node;
    return 0;
}

int client_find(struct client *client, const char *const words[], size_t count, struct error *error)
{
    *client = (struct client){0};
    held_find(&client->list);
    return client_choose(&client->list, words, count, &client->held, &client->node, error);
}

int client_find_case(struct client *client, const char *name, struct error *error)
{
    *client = (struct client){0};
    held_find(&client->list);
    return held_choose(&client->list, name, &client->held, error);
}

int client_exit_status(int code)
{
    return code == -ENOENT || code == -EEXIST ? EXIT_USAGE : EXIT_TROUBLE;
}

/* -- The channel ------------------------------------------------------------------------------- */

static void settle(struct client *client, int code, const char *reason)
{
    if (client->code != 1)
        return;
    client->code = code;
    client->reason = xstrdup(reason);
    loop_stop(client->loop);
}

static void on_ready(void *context, const struct control_ready *ready)
{
    (void)ready;
    settle(context, 0, "");
}

static void on_broken(void *context, int code, const char *message)
{
    settle(context, code, message);
}

static void on_patience(void *context)
{
    settle(context, -ETIMEDOUT, "the node does not answer");
}

static int wait_until_ready(struct client *client, struct error *error)
{
    cleanup_free char *why = NULL;

    client->patience = loop_timer(client->loop, on_patience, client);
    timer_start(client->patience, READY_NS);
    loop_run(client->loop);
    timer_stop(client->patience);
    if (client->code == 0)
        return 0;
    why = client_explain(client, client->reason);
    return error_set(error, -client->code, "%s", why);
}

int client_connect(struct client *client, struct error *error)
{
    int ctl = -1, io = -1;
    int code = loop_new(&client->loop, error);

    client->code = 1;
    if (code == 0)
        code = held_connect(client->held, client->node->name, &ctl, &io, error);
    if (code == 0)
        code = control_connect_fds(
            &(struct control_options){.loop = client->loop,
                                      .calls = {.ready = on_ready, .broken = on_broken},
                                      .context = client},
            ctl, io, &client->control, error);
    return code < 0 ? code : wait_until_ready(client, error);
}

static char *state_of(const struct client *client, const cJSON *status)
{
    const cJSON *node;

    cJSON_ArrayForEach(node, cJSON_GetObjectItemCaseSensitive(status, "nodes"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "name"));
        const char *state = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(node, "state"));

        if (name && state && strcmp(name, client->node->name) == 0)
            return xasprintf(" (node %s: %s)", name, state);
    }
    return xstrdup("");
}

/* A duet that is about to end may still hold its other sockets open, but answers no more. */
static cJSON *ask_status(const struct client *client)
{
    cJSON *status = NULL;
    int fd;

    if (held_open(client->held, "{\"open\":\"status\"}", &fd, &status, NULL) < 0)
        return NULL;
    close(fd);
    return status;
}

bool client_is_gone(const struct client *client)
{
    cJSON *status = ask_status(client);
    bool gone = !status;

    cJSON_Delete(status);
    return gone;
}

char *client_explain(const struct client *client, const char *reason)
{
    const struct held *held = client->held;
    cJSON *status = ask_status(client);
    cleanup_free char *state = NULL;

    if (!status)
        return xasprintf("%s: the duet that kept %s/%s up (process %d) is not there any more",
                         reason, held->suite, held->case_name, (int)held->pid);
    state = state_of(client, status);
    cJSON_Delete(status);
    return xasprintf("%s%s", reason, state);
}

void client_free(struct client *client)
{
    control_free(client->control);
    timer_free(client->patience);
    loop_free(client->loop);
    held_list_free(&client->list);
    free(client->reason);
    *client = (struct client){0};
}
