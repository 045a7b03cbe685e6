/* A case with a link that duet carries: what it leaves, and whose fault what is. */
#include "case_fixture.h"

#include "base/unix_socket.h"
#include "net/verdict_log.h"
#include "runner/guest_links.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/socket.h>

#define CARRIED                                                                                    \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: {steps: [{name: work, run: work}]}\n"                                                    \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24, carrier: host}]\n"

#define DIRECT                                                                                     \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: \n"                                                                                      \
    "links: [{nodes: [a, b], subnet: 10.0.0.0/24}]\n"

static void a_carried_link_is_there_while_its_case_is(void **state)
{
    struct fixture *fixture = *state;
    const struct link_result *link;

    make(fixture, CARRIED);
    assert_true(directory_has(fixture->directory, "0.l0.0"));
    assert_true(directory_has(fixture->directory, "0.l0.1"));
    run(fixture, VERDICT_PASSED, NULL);
    assert_false(directory_has(fixture->directory, "0.l0.0"));
    assert_false(directory_has(fixture->directory, "0.l0.1"));
    link = &fixture->result.links[0];
    assert_true(link->carried);
    assert_string_equal(link->nodes[0], "a");
    assert_string_equal(link->ways[0].verdicts, "case/a-b-from-a-to-b.verdicts");
    assert_string_equal(link->ways[1].verdicts, "case/a-b-from-b-to-a.verdicts");
    assert_true(directory_has(fixture->directory, link->ways[0].verdicts));
    assert_true(directory_has(fixture->directory, link->ways[1].verdicts));
}

static void what_went_through_is_in_the_result(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    struct fixture *fixture = *state;
    cleanup_fd int peer = -1;
    const struct way_result *way;

    make(fixture, CARRIED);
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &peer, NULL), 0);
    assert_int_equal(write(peer, frame, 4 + 18), 4 + 18);
    run(fixture, VERDICT_PASSED, NULL);
    way = &fixture->result.links[0].ways[1];
    assert_int_equal(way->packets_in, 1);
    assert_int_equal(way->bytes_in, 18);
    assert_int_equal(way->packets_out, 0);
    assert_int_equal(way->cause_count, 1); /* nobody is at the other end */
    assert_string_equal(way->causes[0].name, "unread");
    assert_int_equal(way->causes[0].packets, 1);
    assert_int_equal(fixture->result.links[0].ways[0].packets_in, 0);
}

static void a_direction_has_its_own_impairment(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    struct fixture *fixture = *state;
    cleanup_fd int a = -1, b = -1;
    const struct way_result *ways;

    make(fixture, "name: s\n"
                  "nodes:\n"
                  "  a: {steps: [{name: work, run: work}]}\n"
                  "  b: {steps: [{name: work, run: work}]}\n"
                  "links:\n"
                  "- {nodes: [a, b], carrier: host, impair: {from: {b: {blackhole: true}}}}\n");
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[0], 0, &a, NULL), 0);
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &b, NULL), 0);
    assert_int_equal(write(a, frame, 4 + 18), 4 + 18);
    assert_int_equal(write(b, frame, 4 + 18), 4 + 18);
    run(fixture, VERDICT_PASSED, NULL);
    ways = fixture->result.links[0].ways;
    assert_string_equal(fixture->result.links[0].carrier, "host");
    assert_int_equal(ways[0].impair_count, 0);
    assert_int_equal(ways[1].impair_count, 1);
    assert_string_equal(ways[1].impair[0].name, "blackhole");
    assert_string_equal(ways[1].impair[0].text, "true");
    assert_int_equal(ways[0].packets_out, 1);
    assert_int_equal(ways[1].packets_out, 0);
    assert_int_equal(ways[1].cause_count, 1);
    assert_string_equal(ways[1].causes[0].name, "blackhole");
}

#define STEPS(first, second)                                                                       \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  b:\n"                                                                                       \
    "  a:\n"                                                                                       \
    "    steps:\n"                                                                                 \
    "      - {name: first, run: x, impair: " first "}\n"                                           \
    "      - {name: second, run: x, impair: " second "}\n"                                         \
    "links:\n"                                                                                     \
    "  - {nodes: [a, b], carrier: host, impair: {delay: 5ms}}\n"                                   \
    "  - {name: c, nodes: [a, b], carrier: host}\n"

static void a_step_changes_its_links_before_it_runs(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    struct fixture *fixture = *state;
    cleanup_fd int a = -1, b = -1;
    const struct way_result *way;

    make(fixture,
         STEPS("{a-b: {delay: none}}", "{a-b: {from: {a: {blackhole: true}}}, c: {down: true}}"));
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[0], 0, &a, NULL), 0);
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &b, NULL), 0);
    case_run_start(fixture->run);
    while (!strstr(fixture->log.data ? fixture->log.data : "", "a first"))
        virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_int_equal(write(a, frame, 4 + 18), 4 + 18);
    while (!strstr(fixture->log.data, "a second"))
        virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_int_equal(write(a, frame, 4 + 18), 4 + 18);
    loop_run(fixture->loop);
    case_run_result(fixture->run, &fixture->result);
    assert_int_equal(fixture->result.verdict, VERDICT_PASSED);
    way = &fixture->result.links[0].ways[0];
    assert_int_equal(way->packets_in, 2);
    assert_int_equal(way->packets_out, 1);
    assert_string_equal(way->causes[0].name, "blackhole");
    assert_int_equal(way->causes[0].packets, 1);
}

static void a_change_that_cannot_be_is_duet_s_fault(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, STEPS("{a-b: {delay: none}}", "{c: {loss: 5%}, a-b: {jitter: 5ms}}"));
    run(fixture, VERDICT_ERROR,
        "a: step \"second\": link a-b: jitter: found 5000000 ns, expected at most delay, 0 ns");
    assert_null(strstr(fixture->log.data, "a second"));
    assert_int_equal(fixture->result.nodes[1].step_count, 1);
}

static void what_is_no_frame_is_its_node_s_fault(void **state)
{
    struct fixture *fixture = *state;
    cleanup_fd int peer = -1;

    make(fixture, CARRIED);
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &peer, NULL), 0);
    assert_int_equal(write(peer, "\0\0\0\0", 4), 4);
    run(fixture, VERDICT_FAILED,
        "b: the guest broke its link a-b: a frame of 0 bytes, where 1 to 69632 are possible");
    assert_string_equal(verdict_name(fixture->result.nodes[0].verdict), "skipped");
}

/* Without its record a case that passed would say more than is known. */
#define NETEM                                                                                      \
    "name: s\n"                                                                                    \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: \n"                                                                                      \
    "links: [{nodes: [a, b], carrier: netem, impair: {loss: 100%}}]\n"

/* The kernel's impairment is not made a second time. */
static void what_netem_lets_through_is_captured_as_it_is(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    struct fixture *fixture = *state;
    int peers[2];
    char received[64];

    fixture->captures = true;
    make(fixture, NETEM);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(unix_connect(fixture->plan.links[0].sockets[i], 0, &peers[i], NULL), 0);
    assert_int_equal(write(peers[0], frame, 4 + 18), 4 + 18);
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(recv(peers[1], received, sizeof received, MSG_DONTWAIT), 4 + 18);
    assert_string_equal(fixture->result.links[0].capture, "case/a-b.pcapng");
    assert_string_equal(fixture->result.links[0].carrier, "netem");
    assert_false(directory_has(fixture->directory, "case/a-b-from-a-to-b.verdicts"));
    close(peers[0]);
    close(peers[1]);
}

static void a_log_that_cannot_be_written_is_duet_s_fault(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *directory = xasprintf("%s/case", fixture->directory);
    cleanup_free char *log = xasprintf("%s/a-b-from-a-to-b.verdicts", directory);

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    assert_int_equal(symlink("/dev/full", log), 0);
    make(fixture, CARRIED);
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), "error");
    assert_non_null(strstr(fixture->result.reason, "link a-b: "));
    assert_non_null(strstr(fixture->result.reason, "No space left on device"));
}

/* -- At the end -------------------------------------------------------------------------------- */

static struct {
    uint64_t join_ns;   /* how long it takes to wait for a thread: the disk is slow */
    struct loop *stops; /* when one begins … */
    sem_t *gate;        /* … which waits for this; NULL: it does not */
    pthread_t of_loop;
    size_t made, joined_by_loop;
} threads;

int pthread_join(pthread_t thread, void **result)
{
    int (*real)(pthread_t, void **) = dlsym(RTLD_NEXT, "pthread_join");

    virtual_time.now_ns += threads.join_ns;
    threads.joined_by_loop += pthread_equal(pthread_self(), threads.of_loop) != 0;
    return real(thread, result);
}

struct gated {
    sem_t *gate;
    void *(*call)(void *);
    void *context;
};

static void *run_gated(void *context)
{
    struct gated gated = *(struct gated *)context;

    free(context);
    while (sem_wait(gated.gate) < 0)
        continue;
    return gated.call(gated.context);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*call)(void *),
                   void *context)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
        dlsym(RTLD_NEXT, "pthread_create");

    threads.made++;
    if (threads.stops)
        loop_stop(threads.stops);
    if (threads.gate) {
        struct gated *gated = xmalloc(sizeof *gated);

        *gated = (struct gated){threads.gate, call, context};
        return real(thread, attributes, run_gated, gated);
    }
    return real(thread, attributes, call, context);
}

/* How often the loop woke a thread that writes. */
static size_t wakes;

int sem_post(sem_t *semaphore)
{
    int (*real)(sem_t *) = dlsym(RTLD_NEXT, "sem_post");

    wakes += pthread_equal(pthread_self(), threads.of_loop) != 0;
    return real(semaphore);
}

/* Up to where its files are another thread's, which waits for `gate`. */
static void run_to_gate(struct fixture *fixture, sem_t *gate)
{
    sem_init(gate, 0, 0);
    threads.stops = fixture->loop;
    threads.gate = gate;
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    threads.stops = NULL;
    threads.gate = NULL;
    assert_int_equal(fixture->ended, 0);
}

static void pass_gate(struct fixture *fixture, sem_t *gate)
{
    sem_post(gate);
    loop_run(fixture->loop);
    sem_destroy(gate);
    assert_int_equal(fixture->ended, 1);
}

static void a_slow_disk_at_the_end_is_no_stall(void **state)
{
    struct fixture *fixture = *state;

    make(fixture, CARRIED);
    threads.join_ns = 5 * NS_PER_S;
    run(fixture, VERDICT_PASSED, NULL);
    threads.join_ns = 0;
    assert_int_equal(fixture->result.stall_count, 0);
    assert_true(fixture->result.duration_s < 10);
}

/* Those of other cases would wait for the disk, too. */
static void files_are_closed_by_another_thread(void **state)
{
    struct fixture *fixture = *state;

    fixture->captures = true;
    make(fixture, CARRIED);
    threads.of_loop = pthread_self();
    threads.joined_by_loop = 0;
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(threads.joined_by_loop, 1); /* the one that waited for those that write */
}

/* What was on its way comes to the capture with the end, when another thread may close it. */
static void a_capture_is_not_flushed_after_the_end(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    struct fixture *fixture = *state;
    cleanup_fd int peer = -1;
    size_t real_waits;
    sem_t gate;

    fixture->captures = true;
    make(fixture, "name: s\n"
                  "timeout: 90s\n"
                  "nodes:\n"
                  "  a: {steps: [{name: work, run: work}]}\n"
                  "  b: {steps: [{name: work, run: work}]}\n"
                  "links: [{nodes: [a, b], carrier: host, impair: {delay: 60s}}]\n");
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &peer, NULL), 0);
    assert_int_equal(write(peer, frame, 4 + 18), 4 + 18);
    threads.of_loop = pthread_self();
    run_to_gate(fixture, &gate);
    wakes = 0;
    real_waits = virtual_time.real_waits;
    virtual_time.real_waits = 0; /* the thread does nothing meanwhile */
    virtual_time_pass(fixture->loop, 10 * NS_PER_S);
    virtual_time.real_waits = real_waits;
    assert_int_equal(wakes, 0);
    pass_gate(fixture, &gate);
    case_run_result(fixture->run, &fixture->result);
    assert_int_equal(fixture->result.links[0].ways[1].packets_in, 1);
    assert_int_equal(fixture->result.links[0].ways[1].packets_out, 0);
}

#define GUEST                                                                                      \
    "name: s\n"                                                                                    \
    "timeout: 90s\n"                                                                               \
    "nodes:\n"                                                                                     \
    "  a: {steps: [{name: work, run: work}]}\n"                                                    \
    "  b: \n"                                                                                      \
    "links: [{nodes: [a, b], carrier: guest, impair: {loss: 1%}}]\n"

#define WAY                                                                                        \
    "{\"next\":3,\"packets_in\":3,\"bytes_in\":180,\"packets_out\":3,\"bytes_out\":180,"           \
    "\"causes\":{}}"

/* All that a guest with a link says at the link's end: its log, with three packets, and counters.
 */
static void end_link(struct vm *vm, const struct fake_request *request)
{
    for (unsigned way = 0; way < 2; way++) {
        struct verdict_log log;
        uint8_t bytes[VERDICT_LOG_HEADER + 3 * VERDICT_LOG_RECORD_MAX];
        struct wire_io frame = {.stream = guest_links_stream(0, way), .data = (char *)bytes};

        verdict_log_begin(&log, &(struct verdict_log_header){.direction = way}, bytes);
        frame.length = VERDICT_LOG_HEADER;
        for (uint64_t i = 0; i < 3; i++) {
            struct impair_verdict verdict = {
                .number = i, .in_ns = i, .due_ns = i, .out_ns = i, .length = 60};

            frame.length += verdict_log_write(&log, &verdict, NULL, bytes + frame.length);
        }
        vm->calls.io(vm->context, &frame);
        vm->calls.io(vm->context, &(struct wire_io){.stream = frame.stream, .data = ""});
    }
    guest_says(vm, WIRE_ACK, "{\"code\":%u,\"id\":%llu,\"steps\":0,\"ways\":[" WAY "," WAY "]}",
               (unsigned)WIRE_CLOSELINK, (unsigned long long)request_id(request));
}

static void on_link_request(void *context, struct vm *vm, const struct fake_request *request)
{
    if (request && request->code == WIRE_CLOSELINK)
        end_link(vm, request);
    else
        on_request(context, vm, request);
}

static void make_guest_link(struct fixture *fixture)
{
    fixture->host.on_request = on_link_request;
    make(fixture, GUEST);
    threads.made = 0;
}

/* Reading its log would hold other cases up. */
static void what_a_guest_carried_is_measured_by_another_thread(void **state)
{
    struct fixture *fixture = *state;
    const struct link_result *link;

    make_guest_link(fixture);
    run(fixture, VERDICT_PASSED, NULL);
    assert_int_equal(threads.made, 1);
    link = &fixture->result.links[0];
    assert_false(link->incomplete);
    for (unsigned way = 0; way < 2; way++) {
        assert_int_equal(link->ways[way].packets_in, 3);
        assert_true(link->ways[way].measured.known);
    }
}

static void a_run_may_be_freed_while_it_is_measured(void **state)
{
    struct fixture *fixture = *state;

    make_guest_link(fixture);
    threads.stops = fixture->loop;
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    threads.stops = NULL;
    assert_int_equal(threads.made, 1);
    case_run_free(steal_pointer(&fixture->run));
    assert_int_equal(fixture->ended, 0);
}

/* Of a long log that takes many seconds. */
static void ctrl_c_ends_what_is_measured(void **state)
{
    struct fixture *fixture = *state;
    sem_t gate;

    make_guest_link(fixture);
    run_to_gate(fixture, &gate);
    case_run_cancel(fixture->run);
    pass_gate(fixture, &gate);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), "error");
    assert_string_equal(fixture->result.reason, "interrupted");
    assert_false(fixture->result.links[0].ways[0].measured.known);
}

static void a_capture_is_there_and_in_the_result(void **state)
{
    static const char frame[] = "\0\0\0\x12 a frame, 18 bytes";
    static const char comment[] = "delivered after 0.000 ms";
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer bytes = {0};
    cleanup_free char *path = xasprintf("%s/case/a-b.pcapng", fixture->directory);
    cleanup_fd int peer = -1;

    fixture->captures = true;
    make(fixture, DIRECT);
    assert_int_equal(unix_connect(fixture->plan.links[0].sockets[1], 0, &peer, NULL), 0);
    assert_int_equal(write(peer, frame, 4 + 18), 4 + 18);
    run(fixture, VERDICT_PASSED, NULL);
    assert_string_equal(fixture->result.links[0].capture, "case/a-b.pcapng");
    assert_int_equal(fs_read(path, 1 << 20, &bytes, NULL), 0);
    assert_non_null(memmem(bytes.data, bytes.length, "a-to-b", 6));
    assert_non_null(memmem(bytes.data, bytes.length, "b-to-a", 6));
    assert_non_null(memmem(bytes.data, bytes.length, frame + 4, 18));
    assert_non_null(memmem(bytes.data, bytes.length, comment, sizeof comment - 1));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_carried_link_is_there_while_its_case_is),
        TEST(what_went_through_is_in_the_result),
        TEST(a_direction_has_its_own_impairment),
        TEST(a_step_changes_its_links_before_it_runs),
        TEST(a_change_that_cannot_be_is_duet_s_fault),
        TEST(what_is_no_frame_is_its_node_s_fault),
        TEST(a_capture_is_there_and_in_the_result),
        TEST(what_netem_lets_through_is_captured_as_it_is),
        TEST(a_log_that_cannot_be_written_is_duet_s_fault),
        TEST(a_slow_disk_at_the_end_is_no_stall),
        TEST(files_are_closed_by_another_thread),
        TEST(a_capture_is_not_flushed_after_the_end),
        TEST(what_a_guest_carried_is_measured_by_another_thread),
        TEST(a_run_may_be_freed_while_it_is_measured),
        TEST(ctrl_c_ends_what_is_measured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
