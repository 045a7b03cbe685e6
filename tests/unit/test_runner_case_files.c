/* The files of a case's links at its end: who closes and reads them, and what comes meanwhile. */
#include "case_fixture.h"

#include "base/unix_socket.h"
#include "net/verdict_log.h"
#include "runner/guest_links.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

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
static void go_to_gate(struct fixture *fixture, sem_t *gate)
{
    sem_init(gate, 0, 0);
    threads.stops = fixture->loop;
    threads.gate = gate;
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

    make(fixture, FIXTURE_CARRIED);
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
    make(fixture, FIXTURE_CARRIED);
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
    case_run_start(fixture->run);
    go_to_gate(fixture, &gate);
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
    case_run_start(fixture->run);
    go_to_gate(fixture, &gate);
    case_run_cancel(fixture->run);
    pass_gate(fixture, &gate);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), "error");
    assert_string_equal(fixture->result.reason, "interrupted");
    assert_false(fixture->result.links[0].ways[0].measured.known);
}

/* It keeps its verdict, so that has to be of a network that was judged. */
static void ctrl_c_does_not_end_what_is_measured_of_a_held_case(void **state)
{
    struct fixture *fixture = *state;
    sem_t gate;

    fixture->scripts[0].status = 1;
    fixture->host.on_request = on_link_request;
    make_held(fixture, GUEST, CASE_HOLD_FAILED);
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    assert_int_equal(fixture->held, 1);
    case_run_release(fixture->run, false);
    go_to_gate(fixture, &gate);
    case_run_cancel(fixture->run);
    pass_gate(fixture, &gate);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), "failed");
    for (unsigned way = 0; way < 2; way++)
        assert_true(fixture->result.links[0].ways[way].measured.known);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_slow_disk_at_the_end_is_no_stall),
        TEST(files_are_closed_by_another_thread),
        TEST(a_capture_is_not_flushed_after_the_end),
        TEST(what_a_guest_carried_is_measured_by_another_thread),
        TEST(a_run_may_be_freed_while_it_is_measured),
        TEST(ctrl_c_ends_what_is_measured),
        TEST(ctrl_c_does_not_end_what_is_measured_of_a_held_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
