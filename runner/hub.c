/* Connections, and what each of them asks for. */
#include "runner/hub_internal.h"

#include "base/memory.h"
#include "base/unix_socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 32 };

#define PATIENCE_NS (10 * NS_PER_S)
#define AGAIN_NS    (1 * NS_PER_S)

/* -- Answers ----------------------------------------------------------------------------------- */

void hub_say(struct hub_link *link, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    xchecked(length < 0 ? NULL : text);
    text[length] = '\n'; /* in the place of its NUL */
    peer_send(link->peer, text, (size_t)length + 1);
    free(text);
}

void hub_refuse(struct hub_link *link, const char *format, ...)
{
    cleanup_free char *reason = NULL;
    cleanup_free char *quoted = NULL;
    va_list args;

    va_start(args, format);
    if (vasprintf(&reason, format, args) < 0)
        reason = NULL;
    va_end(args);
    quoted = control_escape(xchecked(reason));
    hub_say(link, "{\"ok\":false,\"error\":%s}", quoted);
    hub_finish(link);
}

/* -- Requests ---------------------------------------------------------------------------------- */

bool hub_node_is_gone(const struct hub_node *node)
{
    return node_state(node->node) == NODE_GONE || !node_vm(node->node);
}

static struct hub_node *find_node(struct hub_link *link, const char *name)
{
    struct hub *hub = link->hub;

    for (size_t i = 0; i < hub->node_count; i++)
        if (strcmp(node_name(hub->nodes[i].node), name) == 0)
            return &hub->nodes[i];
    hub_refuse(link, "the case has no node \"%.64s\"", name);
    return NULL;
}

static void open_node(struct hub_link *link, const struct hub_line *line)
{
    struct hub_node *node = line->node ? find_node(link, line->node) : NULL;

    if (line->node && !node)
        return;
    if (line->open == HUB_OPEN_CTL)
        hub_client_open(link, node);
    else if (line->open == HUB_OPEN_CONSOLE)
        hub_watch_console(link, node);
    else if (line->open == HUB_OPEN_DEBUG)
        hub_debug_open(link, node, line->halt);
    else
        hub_watch_logs(link, node, line->follow);
}

static void open_status(struct hub_link *link)
{
    cleanup_free char *status = hub_status(link->hub);

    hub_say(link, "%s", status);
    hub_finish(link);
}

/* Whoever has the hub may free it in here: nothing may come after this. */
static void open_down(struct hub_link *link)
{
    static const struct hub_role role = {0};

    hub_become(link, &role);
    peer_hold(link->peer, true);
    hub_say(link, "{\"ok\":true}");
    link->hub->options.down(link->hub->options.context);
}

static void begin(struct hub_link *link, const struct hub_line *line)
{
    switch (line->open) {
    case HUB_OPEN_STATUS:
        open_status(link);
        break;
    case HUB_OPEN_DOWN:
        open_down(link);
        break;
    case HUB_OPEN_LINKS:
        hub_links_show(link);
        break;
    case HUB_OPEN_IMPAIR:
        hub_links_change(link, line);
        break;
    case HUB_OPEN_IO:
        hub_client_open_io(link, line->client);
        break;
    case HUB_OPEN_CTL:
    case HUB_OPEN_CONSOLE:
    case HUB_OPEN_LOGS:
    case HUB_OPEN_DEBUG:
        open_node(link, line);
        break;
    }
}

/* What came behind the line is for what it opens. */
static void take_line(struct hub_link *link, size_t length)
{
    struct hub_line line;
    struct error error;
    int code = hub_line_read(link->in.data, length, &line, &error);

    buffer_consume(&link->in, length + 1);
    if (code < 0) {
        hub_refuse(link, "%s", error.message);
        return;
    }
    /* It frees the link where it frees the hub. */
    begin(link, &line);
    hub_line_free(&line);
}

static void on_greeting(struct hub_link *link, const char *bytes, size_t count)
{
    const char *end = memchr(bytes, '\n', count);
    size_t length = link->in.length + (end ? (size_t)(end - bytes) : count);

    if (length >= HUB_LINE_MAX) {
        hub_refuse(link, "the hub: a request has %d bytes at most", HUB_LINE_MAX);
        return;
    }
    buffer_append(&link->in, bytes, count);
    if (end)
        take_line(link, length);
}

static const struct hub_role greeting = {.data = on_greeting};

/* -- Connections ------------------------------------------------------------------------------- */

void hub_finish(struct hub_link *link)
{
    static const struct hub_role finished = {0};

    link->role = &finished;
    peer_finish(link->peer);
}

void hub_become(struct hub_link *link, const struct hub_role *role)
{
    timer_stop(link->patience);
    link->role = role;
}

static void link_free(struct hub_link *link)
{
    hub_links_forget(link);
    peer_free(link->peer);
    timer_free(link->patience);
    buffer_free(&link->in);
    free(link);
}

static void on_data(void *context, const char *bytes, size_t count)
{
    struct hub_link *link = context;

    if (link->role->data)
        link->role->data(link, bytes, count);
}

static void on_drained(void *context)
{
    struct hub_link *link = context;

    if (link->role->drained)
        link->role->drained(link);
}

static void on_gone(void *context)
{
    struct hub_link *link = context;
    struct hub_link **at = &link->hub->links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    link->hub->link_count--;
    if (link->role->gone)
        link->role->gone(link);
    link_free(link);
}

static void on_patience(void *context)
{
    struct hub_link *link = context;

    peer_drop(link->peer);
}

/* unix(7): of the process that connected, when it did. */
static bool is_users_own(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

static void add_link(struct hub *hub, int fd)
{
    static const struct peer_calls calls = {
        .data = on_data, .drained = on_drained, .gone = on_gone};
    struct hub_link *link;

    if (!is_users_own(fd)) {
        close(fd);
        return;
    }
    link = xcalloc(1, sizeof *link);
    *link = (struct hub_link){.hub = hub, .role = &greeting};
    if (peer_new(hub->loop, fd, HUB_IO_QUEUE, &calls, link, &link->peer, NULL) < 0) {
        free(link);
        return;
    }
    link->patience = loop_timer(hub->loop, on_patience, link);
    timer_start(link->patience, PATIENCE_NS);
    link->next = hub->links;
    hub->links = link;
    if (++hub->link_count > HUB_LINKS_MAX)
        hub_refuse(link, "the hub has %d connections, which are the most that it takes",
                   HUB_LINKS_MAX);
}

/* Where there are no more files nothing says when there are again. */
static void on_listener(void *context, uint32_t events)
{
    struct hub *hub = context;
    int fd = accept4(hub->listener, NULL, NULL, SOCK_CLOEXEC);

    (void)events;
    if (fd >= 0) {
        add_link(hub, fd);
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        watch_events(hub->watch, 0);
        timer_start(hub->again, AGAIN_NS);
    }
}

static void on_again(void *context)
{
    const struct hub *hub = context;

    watch_events(hub->watch, EPOLLIN);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void on_tidy(void *context)
{
    hub_clients_tidy(context);
}

static void add_nodes(struct hub *hub)
{
    hub->node_count = hub->options.suite_case->node_count;
    hub->nodes = xcalloc(hub->node_count + 1, sizeof *hub->nodes);
    for (size_t i = 0; i < hub->node_count; i++) {
        hub->nodes[i] = (struct hub_node){.hub = hub, .node = hub->options.nodes[i]};
        hub_watch_node(&hub->nodes[i]);
        hub_clients_share(&hub->nodes[i]);
    }
}

static void note_what_it_is(struct hub *hub)
{
    char *real = realpath(hub->options.suite->path, NULL);
    time_t now = time(NULL);
    struct tm utc;

    hub->suite_path = real ? real : xstrdup(hub->options.suite->path);
    gmtime_r(&now, &utc);
    strftime(hub->started, sizeof hub->started, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int hub_new(const struct hub_options *options, struct hub **out, struct error *error)
{
    struct hub *hub = xcalloc(1, sizeof *hub);
    char *path = xasprintf("%s/" HUB_SOCKET, options->runtime_dir);
    int code;

    *hub = (struct hub){.options = *options, .loop = options->loop, .listener = -1};
    hub->journal = journal_new();
    hub->again = loop_timer(hub->loop, on_again, hub);
    hub->tidy = loop_timer(hub->loop, on_tidy, hub);
    code = unix_listen(path, BACKLOG, &hub->listener, error);
    if (code < 0) {
        free(path);
        hub_free(hub);
        return code;
    }
    hub->path = path; /* from here on the file is the hub's to remove */
    code = loop_watch(hub->loop, hub->listener, EPOLLIN, on_listener, hub, &hub->watch, error);
    if (code < 0) {
        hub_free(hub);
        return code;
    }
    note_what_it_is(hub);
    add_nodes(hub);
    *out = hub;
    return 0;
}

void hub_look(struct hub *hub)
{
    hub_clients_look(hub);
    for (size_t i = 0; i < hub->node_count; i++) {
        struct hub_node *node = &hub->nodes[i];

        if (node->left || !hub_node_is_gone(node))
            continue;
        node->left = true;
        hub_watch_ended(node);
    }
}

void hub_free(struct hub *hub)
{
    if (!hub)
        return;
    watch_free(hub->watch);
    if (hub->listener >= 0)
        close(hub->listener);
    if (hub->path)
        unlink(hub->path);
    for (size_t i = 0; i < hub->node_count; i++) {
        hub_unwatch_node(&hub->nodes[i]);
        hub_clients_unshare(&hub->nodes[i]);
        hub_debug_forget(&hub->nodes[i]);
    }
    while (hub->links) {
        struct hub_link *next = hub->links->next;

        link_free(hub->links);
        hub->links = next;
    }
    hub_clients_free(hub);
    journal_free(hub->journal);
    timer_free(hub->again);
    timer_free(hub->tidy);
    free(hub->nodes);
    free(hub->suite_path);
    free(hub->path);
    free(hub);
}
