/* A hub over two nodes that are up, `a` with a background process and `b`, with a link of each
 * kind, whose machines are none (fake_vm.h), in time that is none (virtual_time.h). Its clients are
 * in the same loop. */
#ifndef DUET_TESTS_HUB_FIXTURE_H
#define DUET_TESTS_HUB_FIXTURE_H

#include "runner/hub.h"
#include "runner/hub_internal.h"

#include "directory.h"
#include "fake_vm.h"
#include "virtual_time.h"

#include <sys/socket.h>
#include <sys/un.h>

enum { HUB_NODES = 2 };

struct fixture {
    struct loop *loop;
    char *directory;
    struct suite *suite;
    struct vm_host host;
    struct vm_spec machine;
    struct node *nodes[HUB_NODES];
    struct vm *vms[HUB_NODES];
    struct vm *vm; /* the first of them: a's */
    struct plan plan;
    struct case_links *links;
    struct link_control *link_control;
    struct hub *hub;
    size_t downs;
    bool free_on_down;
};

#define HUB_YAML                                                                                   \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  a: {background: [{name: echo, run: serve}]}\n"                                              \
    "  b: {run: work}\n"                                                                           \
    "links:\n"                                                                                     \
    "  - {nodes: [a, b], subnet: [10.0.0.0/24, \"fd00::/64\"]}\n"                                  \
    "  - {name: host, nodes: [a, b], carrier: host}\n"                                             \
    "  - name: guest\n"                                                                            \
    "    nodes: [a, b]\n"                                                                          \
    "    carrier: guest\n"                                                                         \
    "    impair: {loss: 1%, changes: [{at: 9, delay: 5ms, from: {b: {down: true}}}]}\n"

/* -- The nodes --------------------------------------------------------------------------------- */

static inline void fixture_changed(void *context)
{
    (void)context;
}

static inline void fixture_make_node(struct fixture *fixture, size_t index)
{
    const struct suite_case *suite_case = &fixture->suite->cases[0];
    cleanup_free char *directory =
        xasprintf("%s/%s", fixture->directory, suite_case->nodes[index].name);
    struct node_options options = {.loop = fixture->loop,
                                   .host = &fixture->host,
                                   .suite_case = suite_case,
                                   .spec = &suite_case->nodes[index],
                                   .machine = &fixture->machine,
                                   .pod = "{\"hostname\":\"n\"}",
                                   .hold = true,
                                   .directory = directory,
                                   .relative = "case",
                                   .changed = fixture_changed};

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    assert_int_equal(node_new(&options, &fixture->nodes[index], NULL), 0);
}

/* STARTPOD, or the one command that there is. */
static inline void fixture_acks_next(struct vm *vm, enum wire_code code)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, code);
    guest_acks(vm, code, request_id(request));
}

static inline void fixture_bring_up(struct fixture *fixture, size_t index)
{
    struct node *node = fixture->nodes[index];
    struct vm *vm;

    node_start(node);
    vm = fixture->vms[index] = fixture->host.machines[fixture->host.count - 1];
    machine_starts(vm);
    guest_is_ready(vm);
    fixture_acks_next(vm, WIRE_STARTPOD);
    node_go(node);
    if (index == 0)
        fixture_acks_next(vm, WIRE_EXECCMD);
    assert_int_equal(node_state(node), NODE_HELD);
}

/* -- The links --------------------------------------------------------------------------------- */

static inline void fixture_make_links(struct fixture *fixture)
{
    const struct suite_case *suite_case = &fixture->suite->cases[0];
    const struct case_links_options options = {.loop = fixture->loop,
                                               .suite_case = suite_case,
                                               .plan = &fixture->plan,
                                               .run_directory = fixture->directory,
                                               .case_directory = "."};
    struct error error;

    fixture->plan.links = xcalloc(suite_case->link_count, sizeof *fixture->plan.links);
    for (unsigned i = 0; i < 2; i++)
        fixture->plan.links[1].sockets[i] = xasprintf("%s/end%u", fixture->directory, i);
    if (case_links_new(&options, &fixture->links, &error) < 0)
        fail_msg("%s", error.message);
    fixture->link_control =
        link_control_new(&(struct link_control_options){.loop = fixture->loop,
                                                        .suite_case = suite_case,
                                                        .links = fixture->links,
                                                        .nodes = fixture->nodes});
}

static inline void fixture_free_links(struct fixture *fixture)
{
    link_control_free(fixture->link_control);
    case_links_free(fixture->links);
    for (unsigned i = 0; i < 2; i++)
        free((void *)fixture->plan.links[1].sockets[i]);
    free(fixture->plan.links);
}

/* -- The hub ----------------------------------------------------------------------------------- */

static inline void fixture_down(void *context)
{
    struct fixture *fixture = context;

    fixture->downs++;
    if (fixture->free_on_down)
        hub_free(steal_pointer(&fixture->hub));
}

static inline void fixture_open_hub(struct fixture *fixture, enum hub_state state)
{
    const struct hub_options options = {.loop = fixture->loop,
                                        .runtime_dir = fixture->directory,
                                        .suite = fixture->suite,
                                        .suite_case = &fixture->suite->cases[0],
                                        .nodes = fixture->nodes,
                                        .links = fixture->link_control,
                                        .state = state,
                                        .kernel = "/boot/vmlinuz",
                                        .directory = "/evidence",
                                        .down = fixture_down,
                                        .context = fixture};
    struct error error = {0};

    if (hub_new(&options, &fixture->hub, &error) < 0)
        fail_msg("%s", error.message);
}

static inline int fixture_set_up_with(void **state, const char *yaml)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    if (suite_load_text("s.yaml", fixture->directory, yaml, strlen(yaml), &fixture->suite, &error) <
        0)
        fail_msg("%s", error.message);
    fixture->machine.name = "n";
    fixture_make_links(fixture);
    for (size_t i = 0; i < HUB_NODES; i++) {
        fixture_make_node(fixture, i);
        fixture_bring_up(fixture, i);
    }
    fixture->vm = fixture->vms[0];
    fixture_open_hub(fixture, HUB_UP);
    *state = fixture;
    return 0;
}

static inline int fixture_set_up(void **state)
{
    return fixture_set_up_with(state, HUB_YAML);
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    hub_free(fixture->hub);
    for (size_t i = 0; i < HUB_NODES; i++)
        node_free(fixture->nodes[i]);
    fixture_free_links(fixture);
    suite_free(fixture->suite);
    loop_free(fixture->loop);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* Until nobody has anything to do any more. */
static inline void fixture_settle(struct fixture *fixture)
{
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

static inline void fixture_machine_ends(struct fixture *fixture, size_t index)
{
    machine_ends(fixture->vms[index], VM_END_DIED, -1, 9);
    hub_look(fixture->hub);
    fixture_settle(fixture);
}

/* -- Clients ----------------------------------------------------------------------------------- */

static inline int user_connects(const struct fixture *fixture)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hub", fixture->directory);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline void user_sends(int fd, const void *bytes, size_t count)
{
    assert_int_equal(send(fd, bytes, count, MSG_NOSIGNAL), count);
}

/* Appends what has come; true where that was the end. */
static inline bool user_receives(int fd, struct buffer *in)
{
    ssize_t n;

    do {
        buffer_reserve(in, 1 << 16);
        n = recv(fd, in->data + in->length, 1 << 16, MSG_DONTWAIT);
        in->length += n > 0 ? (size_t)n : 0;
        in->data[in->length] = '\0';
    } while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

/* Connects and sends a line. */
static inline int user_asks(struct fixture *fixture, const char *line)
{
    int fd = user_connects(fixture);

    user_sends(fd, line, strlen(line));
    user_sends(fd, "\n", 1);
    fixture_settle(fixture);
    return fd;
}

/* Takes the line that the hub has answered with off what has come. The caller frees it. */
static inline cJSON *user_hears(int fd)
{
    cleanup_buffer struct buffer line = {0};
    cJSON *json;
    char byte;

    while (recv(fd, &byte, 1, MSG_DONTWAIT) == 1 && byte != '\n')
        buffer_append(&line, &byte, 1);
    json = line.data ? cJSON_Parse(line.data) : NULL;
    assert_non_null(json);
    return json;
}

static inline void user_hears_ok(int fd)
{
    cJSON *json = user_hears(fd);

    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    cJSON_Delete(json);
}

/* The hub has said no, and hung up. */
static inline void user_is_refused(struct fixture *fixture, int fd, const char *reason)
{
    cleanup_buffer struct buffer rest = {0};
    cJSON *json = user_hears(fd);

    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(json, "ok")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "error")), reason);
    cJSON_Delete(json);
    fixture_settle(fixture);
    assert_true(user_receives(fd, &rest));
    assert_int_equal(rest.length, 0);
    close(fd);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

#endif
