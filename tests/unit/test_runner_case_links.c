/* A case with a link that duet carries: what it leaves, and whose fault what is. */
#include "case_fixture.h"

#include "base/unix_socket.h"

#include <sys/socket.h>

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

    make(fixture, FIXTURE_CARRIED);
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

    make(fixture, FIXTURE_CARRIED);
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

    make(fixture, FIXTURE_CARRIED);
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
    make(fixture, FIXTURE_CARRIED);
    case_run_start(fixture->run);
    loop_run(fixture->loop);
    case_run_result(fixture->run, &fixture->result);
    assert_string_equal(verdict_name(fixture->result.verdict), "error");
    assert_non_null(strstr(fixture->result.reason, "link a-b: "));
    assert_non_null(strstr(fixture->result.reason, "No space left on device"));
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
