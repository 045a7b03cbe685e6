#include "runner/held.h"

#include "base/buffer.h"
#include "base/cjson.h"
#include "base/memory.h"
#include "base/proc_stat.h"
#include "base/unix_socket.h"
#include "runner/hub.h"
#include "runner/rundir.h"
#include "runner/select.h"
#include "vm/control.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* A hub answers at once, but for "ctl", where it asks the guest. */
enum { ANSWER_S = 10 };

/* -- The hub's socket -------------------------------------------------------------------------- */

static int connect_to(const char *directory, int *fd, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/" HUB_SOCKET, directory);

    return unix_connect(path, ANSWER_S, fd, error);
}

static int send_line(int fd, const char *request, struct error *error)
{
    cleanup_free char *line = xasprintf("%s\n", request);
    size_t length = strlen(line), sent = 0;

    while (sent < length) {
        ssize_t n = send(fd, line + sent, length - sent, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return error_errno(error, "the duet that keeps the case takes no request");
        sent += n < 0 ? 0 : (size_t)n;
    }
    return 0;
}

/* What follows the line is left for who reads on. */
static int read_line(int fd, struct buffer *line, struct error *error)
{
    for (;;) {
        char chunk[512];
        ssize_t n = recv(fd, chunk, sizeof chunk, MSG_PEEK);
        const char *end = n > 0 ? memchr(chunk, '\n', (size_t)n) : NULL;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return error_set(error, ETIMEDOUT, "the duet that keeps the case does not answer");
        if (n <= 0 || line->length > HUB_ANSWER_MAX)
            return error_set(error, EPIPE, "the duet that keeps the case has hung up");
        n = recv(fd, chunk, end ? (size_t)(end - chunk) + 1 : (size_t)n, 0);
        buffer_append(line, chunk, n > 0 ? (size_t)n : 0);
        if (end)
            return 0;
    }
}

/* Whose socket it is: 0 where that cannot be had. */
static pid_t peer_of(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 ? peer.pid : 0;
}

/* `peer` gets its process as soon as there is one; NULL: nobody asks. */
static int ask(const char *directory, const char *request, int *out, cJSON **answer, pid_t *peer,
               struct error *error)
{
    const struct timeval none = {0};
    cleanup_buffer struct buffer line = {0};
    cleanup_fd int fd = -1;
    cJSON *json;
    int code = connect_to(directory, &fd, error);

    if (code == 0 && peer)
        *peer = peer_of(fd);
    if (code == 0)
        code = send_line(fd, request, error);
    if (code == 0)
        code = read_line(fd, &line, error);
    if (code < 0)
        return code;
    json = cJSON_Parse(line.data);
    if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(json, "ok"))) {
        const char *reason = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "error"));

        code = reason ? error_set(error, EREMOTEIO, "%s", reason)
                      : error_set(error, EPROTO, "the duet that keeps the case is another version");
        cJSON_Delete(json);
        return code;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof none);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none);
    *out = steal_fd(&fd);
    if (answer)
        *answer = json;
    else
        cJSON_Delete(json);
    return 0;
}

int held_open(const struct held *held, const char *request, int *fd, cJSON **answer,
              struct error *error)
{
    return ask(held->directory, request, fd, answer, NULL, error);
}

char *held_request(const char *kind, const char *node, const char *more)
{
    cleanup_free char *name = node ? control_escape(node) : NULL;

    return xasprintf("{\"open\":\"%s\"%s%s%s%s}", kind, name ? ",\"node\":" : "", name ? name : "",
                     more ? "," : "", more ? more : "");
}

int held_connect(const struct held *held, const char *node, int *ctl, int *io, struct error *error)
{
    cleanup_free char *request = held_request("ctl", node, NULL);
    cleanup_free char *second = NULL;
    cleanup_fd int fd = -1;
    cJSON *answer;
    int code = held_open(held, request, &fd, &answer, error);

    if (code < 0)
        return code;
    second = xasprintf("{\"open\":\"io\",\"client\":%.0f}",
                       cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(answer, "client")));
    cJSON_Delete(answer);
    code = held_open(held, second, io, NULL, error);
    if (code == 0)
        *ctl = steal_fd(&fd);
    return code;
}

/* -- What there is ----------------------------------------------------------------------------- */

static pid_t pid_of(const cJSON *json)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, "pid");

    return cJSON_IsNumber(item) ? item->valueint : 0;
}

static void add(struct held_list *list, const char *directory, cJSON *status)
{
    const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(status, "nodes");
    const cJSON *links = cJSON_GetObjectItemCaseSensitive(status, "links");
    const cJSON *node, *link;
    struct held *held;

    list->items = xreallocarray(list->items, list->count + 1, sizeof *list->items);
    held = &list->items[list->count++];
    *held = (struct held){.directory = xstrdup(directory),
                          .status = status,
                          .suite = cjson_text(status, "suite", ""),
                          .case_name = cjson_text(status, "case", ""),
                          .path = cjson_text(status, "path", ""),
                          .state = cjson_text(status, "state", ""),
                          .started = cjson_text(status, "started", ""),
                          .pid = pid_of(status)};
    held->nodes = xcalloc((size_t)cJSON_GetArraySize(nodes) + 1, sizeof *held->nodes);
    cJSON_ArrayForEach(node, nodes) held->nodes[held->node_count++] =
        (struct held_node){.name = cjson_text(node, "name", ""),
                           .state = cjson_text(node, "state", ""),
                           .pid = pid_of(node)};
    held->links = xcalloc((size_t)cJSON_GetArraySize(links) + 1, sizeof *held->links);
    cJSON_ArrayForEach(link, links) if (cJSON_IsString(link)) held->links[held->link_count++] =
        link->valuestring;
}

/* It is stopped, or has so many connections that it takes no more. */
static bool is_there(int code)
{
    return code == -ETIMEDOUT || code == -EAGAIN || code == -EREMOTEIO;
}

/* By a signal: proc(5) has a small t for a debugger, which alone lets it go on. */
static bool is_stopped(pid_t pid)
{
    struct proc_stat stat;

    return proc_stat_read(pid, &stat) && stat.state == 'T';
}

static void add_silent(struct held_list *list, pid_t pid)
{
    cleanup_buffer struct buffer who = {0};

    list->silent++;
    if (pid <= 0)
        return;
    buffer_printf(&who, "%s%sprocess %d", list->who ? list->who : "", list->who ? ", " : "",
                  (int)pid);
    if (is_stopped(pid))
        buffer_printf(&who, ", which is stopped (`kill -CONT %d` lets it go on)", (int)pid);
    free(list->who);
    list->who = buffer_steal(&who);
}

static void look(void *context, const char *path)
{
    struct held_list *list = context;
    pid_t peer = 0;
    cJSON *status;
    int code, fd;

    code = ask(path, "{\"open\":\"status\"}", &fd, &status, &peer, NULL);
    if (is_there(code))
        add_silent(list, peer);
    if (code < 0)
        return;
    close(fd);
    add(list, path, status);
}

static int by_age(const void *a, const void *b)
{
    const struct held *one = a, *other = b;
    int order = strcmp(one->started, other->started);

    return order ? order : one->pid - other->pid;
}

void held_find(struct held_list *list)
{
    *list = (struct held_list){0};
    rundir_each(look, list);
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, by_age);
}

void held_list_free(struct held_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->items[i].directory);
        free(list->items[i].nodes);
        free(list->items[i].links);
        cJSON_Delete(list->items[i].status);
    }
    free(list->items);
    free(list->who);
    *list = (struct held_list){0};
}

/* -- Which one is meant ------------------------------------------------------------------------ */

static bool is_of_file(const struct held *held, const char *name)
{
    cleanup_free char *real = realpath(name, NULL);

    return real && held->path[0] && strcmp(real, held->path) == 0;
}

static bool is_meant(const struct held *held, const char *name)
{
    size_t length = strlen(held->suite);
    char pid[24];

    snprintf(pid, sizeof pid, "%d", (int)held->pid);
    if (strcmp(name, held->case_name) == 0 || strcmp(name, held->suite) == 0 ||
        strcmp(name, pid) == 0 || is_of_file(held, name))
        return true;
    return strncmp(name, held->suite, length) == 0 && name[length] == '/' &&
           select_name(held->case_name, name + length + 1);
}

static void append_list(const struct held_list *list, struct buffer *out)
{
    for (size_t i = 0; i < list->count; i++)
        buffer_printf(out, "%s%s/%s (%d)", i ? ", " : "", list->items[i].suite,
                      list->items[i].case_name, (int)list->items[i].pid);
}

static int not_found(const struct held_list *list, const char *name, struct error *error)
{
    cleanup_buffer struct buffer kept = {0};
    cleanup_free char *silent =
        list->silent ? xasprintf(" (%zu more whose duet does not answer%s%s)", list->silent,
                                 list->who ? ": " : "", list->who ? list->who : "")
                     : xstrdup("");

    append_list(list, &kept);
    if (list->count == 0)
        return error_set(error, ENOENT, "no case is kept up%s: `duet up CASE` keeps one", silent);
    return error_set(error, ENOENT, "no case \"%s\" is kept up, but %s%s", name, kept.data, silent);
}

int held_choose(const struct held_list *list, const char *name, const struct held **out,
                struct error *error)
{
    cleanup_buffer struct buffer kept = {0};
    const struct held *found = NULL;
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        if (!name || is_meant(&list->items[i], name)) {
            found = &list->items[i];
            count++;
        }
    if (count == 0)
        return not_found(list, name, error);
    append_list(list, &kept);
    if (count > 1)
        return error_set(error, EEXIST,
                         "%s%s%s%zu cases are kept up; name one of them, or its "
                         "process: %s",
                         name ? "\"" : "", name ? name : "", name ? "\" could be several: " : "",
                         list->count, kept.data);
    *out = found;
    return 0;
}

int held_node(const struct held *held, const char *name, const struct held_node **out,
              struct error *error)
{
    cleanup_buffer struct buffer names = {0};

    if (!name && held->node_count == 1) {
        *out = held->nodes;
        return 0;
    }
    for (size_t i = 0; i < held->node_count; i++) {
        if (name && strcmp(name, held->nodes[i].name) == 0) {
            *out = &held->nodes[i];
            return 0;
        }
        buffer_printf(&names, "%s%s", i ? ", " : "", held->nodes[i].name);
    }
    if (!name)
        return error_set(error, ENOENT, "%s/%s has several nodes; name one: %s", held->suite,
                         held->case_name, names.data);
    return error_set(error, ENOENT, "%s/%s has no node \"%s\", but %s", held->suite,
                     held->case_name, name, names.data ? names.data : "none");
}

int held_link(const struct held *held, const char *name, const char **out, struct error *error)
{
    cleanup_buffer struct buffer names = {0};

    if (!name && held->link_count == 1) {
        *out = held->links[0];
        return 0;
    }
    for (size_t i = 0; i < held->link_count; i++) {
        if (name && strcmp(name, held->links[i]) == 0) {
            *out = held->links[i];
            return 0;
        }
        buffer_printf(&names, "%s%s", i ? ", " : "", held->links[i]);
    }
    if (!name && held->link_count > 0)
        return error_set(error, ENOENT, "%s/%s has several links; name one: %s", held->suite,
                         held->case_name, names.data);
    if (!name)
        return error_set(error, ENOENT, "%s/%s has no link", held->suite, held->case_name);
    return error_set(error, ENOENT, "%s/%s has no link \"%s\", but %s", held->suite,
                     held->case_name, name, names.data ? names.data : "none");
}
