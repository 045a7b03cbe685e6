/* What a guest says of the packets that it carries, on its way into files. */
#include "runner/guest_links.h"

#include "base/memory.h"
#include "directory.h"
#include "virtual_time.h"
#include "vm/control.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/stat.h>

#define YAML                                                                                       \
    "name: s\n"                                                                                    \
    "nodes: {a: {run: x}, b: {run: x}}\n"                                                          \
    "links: [{nodes: [a, b], carrier: guest, impair: {loss: 1%}}]\n"

struct fixture {
    struct loop *loop;
    char *directory, *logs[1][2];
    struct suite *suite;
    struct guest_links *links;
    struct control *control;
    uint64_t room[2]; /* bytes that may be sent on the streams */
    uint64_t id;      /* of CLOSELINK */
    size_t closed;
};

/* -- The guest --------------------------------------------------------------------------------- */

static int take_ctl(void *context, uint32_t code, const void *payload, size_t count,
                    struct error *error)
{
    struct fixture *fixture = context;
    cleanup_free char *text = xasprintf("%.*s", (int)count, (const char *)payload);
    const char *id = strstr(text, "\"id\":");
    uint64_t stream = 0, bytes = 0;
    (void)error;

    if (code == WIRE_CLOSELINK) {
        assert_non_null(id);
        fixture->id = strtoull(id + strlen("\"id\":"), NULL, 10);
    } else if (code == WIRE_NEXT) {
        assert_int_equal(sscanf(strstr(text, "\"stream\":"), "\"stream\":%" SCNu64, &stream), 1);
        assert_int_equal(sscanf(strstr(text, "\"bytes\":"), "\"bytes\":%" SCNu64, &bytes), 1);
        fixture->room[stream - guest_links_stream(0, 0)] += bytes;
    }
    return 0;
}

static int take_io(void *context, uint64_t stream, const void *bytes, size_t count,
                   struct error *error)
{
    (void)context;
    (void)stream;
    (void)bytes;
    (void)count;
    return error_set(error, EIO, "nothing is sent to the guest");
}

/* As much as there is room for; returns how much that was. */
static size_t guest_sends(struct fixture *fixture, unsigned way, size_t most)
{
    static const char bytes[1 << 15];
    size_t sent = 0;

    while (sent < most && fixture->room[way] > 0) {
        size_t count = most - sent < sizeof bytes ? most - sent : sizeof bytes;

        count = count < fixture->room[way] ? count : fixture->room[way];
        fixture->room[way] -= count;
        control_take_io(fixture->control, &(struct wire_io){.stream = guest_links_stream(0, way),
                                                            .data = bytes,
                                                            .length = count});
        sent += count;
    }
    return sent;
}

static void guest_ends(struct fixture *fixture, unsigned way)
{
    control_take_io(fixture->control,
                    &(struct wire_io){.stream = guest_links_stream(0, way), .data = ""});
}

static void guest_has_closed(struct fixture *fixture)
{
#define WAY                                                                                        \
    "{\"next\":1,\"packets_in\":1,\"bytes_in\":1,\"packets_out\":1,\"bytes_out\":1,\"causes\":{}}"
    cleanup_free char *text =
        xasprintf("{\"code\":%u,\"id\":%" PRIu64 ",\"steps\":0,\"ways\":[" WAY "," WAY "]}",
                  (unsigned)WIRE_CLOSELINK, fixture->id);

    control_take_ctl(
        fixture->control,
        &(struct wire_ctl){.code = WIRE_ACK, .payload = text, .payload_length = strlen(text)});
}

/* -- The host ---------------------------------------------------------------------------------- */

static void on_broken(void *context, int code, const char *message)
{
    (void)context;
    fail_msg("%d: %s", code, message);
}

static void on_closed(void *context)
{
    ((struct fixture *)context)->closed++;
}

static void open_links(struct fixture *fixture, size_t most)
{
    struct error error = {0};
    const struct control_options options = {.loop = fixture->loop,
                                            .link = {.send_ctl = take_ctl, .send_io = take_io},
                                            .calls = {.broken = on_broken},
                                            .context = fixture};
    static const char ready[] =
        "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1500,\"clock_ns\":1}";

    if (guest_links_new(&(struct guest_links_options){.loop = fixture->loop,
                                                      .suite_case = &fixture->suite->cases[0],
                                                      .logs = fixture->logs,
                                                      .most = most},
                        &fixture->links, &error) < 0)
        fail_msg("%s", error.message);
    fixture->control = control_new(&options);
    fixture->room[0] = fixture->room[1] = WIRE_WINDOW;
    control_take_ctl(fixture->control, &(struct wire_ctl){.code = WIRE_READY,
                                                          .payload = ready,
                                                          .payload_length = sizeof ready - 1});
    guest_links_open(fixture->links, fixture->control);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    if (suite_load_text("s.yaml", fixture->directory, YAML, strlen(YAML), &fixture->suite, &error))
        fail_msg("%s", error.message);
    for (unsigned way = 0; way < 2; way++)
        fixture->logs[0][way] = xasprintf("%s/%u", fixture->directory, way);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    control_free(fixture->control);
    guest_links_free(fixture->links);
    suite_free(fixture->suite);
    loop_free(fixture->loop);
    free(fixture->logs[0][0]);
    free(fixture->logs[0][1]);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* -- The tests --------------------------------------------------------------------------------- */

static size_t size_of(const char *path)
{
    struct stat found;

    assert_int_equal(stat(path, &found), 0);
    return (size_t)found.st_size;
}

/* It is dropped, not kept, and the guest goes on. */
static void what_is_too_much_is_dropped(void **state)
{
    enum { MOST = 100000, SENT = 3 * WIRE_WINDOW };
    struct fixture *fixture = *state;

    open_links(fixture, MOST);
    assert_int_equal(guest_sends(fixture, 0, SENT), SENT);
    assert_int_equal(guest_sends(fixture, 1, MOST), MOST);
    assert_true(guest_links_is_cut(fixture->links, 0));
    assert_int_equal(guest_links_finish(fixture->links, NULL), 0);
    assert_int_equal(size_of(fixture->logs[0][0]), MOST);
    assert_int_equal(size_of(fixture->logs[0][1]), MOST);
}

static void what_just_fits_is_whole(void **state)
{
    enum { MOST = 1000 };
    struct fixture *fixture = *state;

    open_links(fixture, MOST);
    assert_int_equal(guest_sends(fixture, 0, MOST), MOST);
    assert_int_equal(guest_sends(fixture, 1, MOST / 2), MOST / 2);
    guest_ends(fixture, 0);
    assert_false(guest_links_is_cut(fixture->links, 0));
    assert_int_equal(guest_links_finish(fixture->links, NULL), 0);
    assert_int_equal(size_of(fixture->logs[0][0]), MOST);
    assert_int_equal(size_of(fixture->logs[0][1]), MOST / 2);
}

static size_t drain(int fd)
{
    char bytes[1 << 14];
    size_t sum = 0;
    ssize_t n;

    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        sum += (size_t)n;
    assert_true(n == 0 || errno == EAGAIN);
    return sum;
}

/* Has the guest send on its first way, of `most` bytes, as much as there is room for while nobody
 * reads the log, which is a pipe: how much that was. The caller closes *fd, where it can be read.
 */
static size_t fill_pipe(struct fixture *fixture, int *fd, size_t most)
{
    size_t sent = 0;

    assert_int_equal(mkfifo(fixture->logs[0][0], 0600), 0);
    *fd = open(fixture->logs[0][0], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    assert_true(*fd >= 0);
    open_links(fixture, most);
    while (fixture->room[0] > 0)
        sent += guest_sends(fixture, 0, most - sent);
    return sent;
}

/* A pipe that nobody reads is a disk that hangs. When it goes on so does the guest, whom nobody
 * asks for anything any more: only then can it come to its streams' ends. */
static void a_slow_disk_delays_the_end_only(void **state)
{
    enum { SENT = 4 << 20 };
    struct fixture *fixture = *state;
    size_t sent, read = 0;
    int fd;

    sent = fill_pipe(fixture, &fd, SENT);
    assert_true(sent < SENT);
    guest_ends(fixture, 1);
    guest_links_close(fixture->links, on_closed, fixture);
    guest_has_closed(fixture);
    while (sent < SENT) {
        read += drain(fd);
        virtual_time_pass(fixture->loop, 100 * NS_PER_MS);
        sent += guest_sends(fixture, 0, SENT - sent);
    }
    assert_int_equal(fixture->closed, 0);
    guest_ends(fixture, 0);
    assert_int_equal(fixture->closed, 1);
    while (read < SENT - (1 << 16)) {
        read += drain(fd);
        virtual_time_pass(fixture->loop, 100 * NS_PER_MS);
    }
    assert_int_equal(guest_links_finish(fixture->links, NULL), 0);
    assert_int_equal(read + drain(fd), SENT);
    close(fd);
}

/* -- After the end ----------------------------------------------------------------------------- */

static sem_t *joining; /* is told that a writer's thread is waited for; NULL: nobody asks */

int pthread_join(pthread_t thread, void **result)
{
    int (*real)(pthread_t, void **) = dlsym(RTLD_NEXT, "pthread_join");

    if (joining)
        sem_post(steal_pointer(&joining));
    return real(thread, result);
}

static void *finish(void *context)
{
    const struct fixture *fixture = context;

    assert_int_equal(guest_links_finish(fixture->links, NULL), 0);
    return NULL;
}

/* Its time is over while another thread has the logs, and waits for a disk. */
static void a_close_that_is_not_answered_writes_nothing_after_the_end(void **state)
{
    enum { SENT = 4 << 20 };
    struct fixture *fixture = *state;
    size_t sent;
    pthread_t thread;
    sem_t waits;
    int fd;

    sent = fill_pipe(fixture, &fd, SENT);
    guest_links_close(fixture->links, on_closed, fixture);
    guest_links_end(fixture->links);
    sem_init(&waits, 0, 0);
    joining = &waits;
    assert_int_equal(pthread_create(&thread, NULL, finish, fixture), 0);
    while (sem_wait(&waits) < 0)
        continue;
    virtual_time_pass(fixture->loop, 6 * NS_PER_S);
    assert_int_equal(fixture->closed, 0);
    assert_int_equal(fixture->room[0], 0);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
    assert_int_equal(drain(fd), sent);
    pthread_join(thread, NULL);
    sem_destroy(&waits);
    close(fd);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_too_much_is_dropped),
        TEST(what_just_fits_is_whole),
        TEST(a_slow_disk_delays_the_end_only),
        TEST(a_close_that_is_not_answered_writes_nothing_after_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
