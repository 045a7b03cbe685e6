/* What becomes of a client's commands and files in the guest when it goes. */
#include "hub_client_fixture.h"

#include "runner/hub_request.h"

#include <signal.h>

/* -- What the hub says for a client that has gone ---------------------------------------------- */

static void next_is_signal(struct vm *vm, uint64_t id)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_KILLCONTAINER);
    assert_int_equal(request_number(request, "target"), id);
    assert_int_equal(request_number(request, "signal"), SIGHUP);
    guest_acks(vm, WIRE_KILLCONTAINER, request_id(request));
}

static void next_is_room(struct vm *vm, uint64_t stream)
{
    const struct fake_request *request = next_request(vm);

    assert_non_null(request);
    assert_int_equal(request->code, WIRE_NEXT);
    assert_int_equal(request_number(request, "stream"), stream);
    assert_true(request_number(request, "bytes") > WIRE_WINDOW);
}

static void next_is_close(struct vm *vm, uint64_t stream)
{
    struct wire_io frame;

    assert_true(next_frame(vm, &frame));
    assert_int_equal(frame.stream, stream);
    assert_int_equal(frame.length, 0);
}

static void nothing_is_left(const struct fixture *fixture)
{
    struct wire_io frame;

    assert_null(next_request(fixture->vm));
    assert_false(next_frame(fixture->vm, &frame));
}

/* -- Clients that go --------------------------------------------------------------------------- */

static void a_command_of_a_client_that_goes_gets_sighup(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    next_request(vm);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 1);
    guest_gives_room(vm, raw.base + 2, 1000);
    raw_close(fixture, &raw);
    next_is_signal(vm, raw.base + 1);
    next_is_room(vm, raw.base + 2);
    next_is_room(vm, raw.base + 3);
    next_is_close(vm, raw.base + 2);
    guest_writes(vm, raw.base + 2, "for nobody");
    guest_writes(vm, raw.base + 2, "");
    guest_writes_status(vm, raw.base + 2, (char)129);
    assert_non_null(fixture->hub->clients);
    guest_finished(vm, raw.base + 1, 129, SIGHUP, 10);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_command_that_the_guest_has_not_begun_gets_it_when_it_has(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    next_request(vm);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 1);
    next_is_signal(vm, raw.base + 1);
    next_is_room(vm, raw.base + 2);
    next_is_room(vm, raw.base + 3);
    nothing_is_left(fixture);
    guest_gives_room(vm, raw.base + 2, 1000);
    next_is_close(vm, raw.base + 2);
    guest_finished(vm, raw.base + 1, 129, SIGHUP, 0);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

/* Ids are free for all but commands and files, so another answer may have that of a command. */
static void the_answer_to_another_request_is_none_to_a_command(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    raw_asks(fixture, &raw, WIRE_PING, "{\"id\":%" PRIu64 "}", raw.base + 1);
    while (next_request(fixture->vm))
        ;
    raw_close(fixture, &raw);
    guest_acks(fixture->vm, WIRE_PING, raw.base + 1);
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":18,\"id\":%" PRIu64 ",\"reason\":\"no\"}",
               raw.base + 1);
    nothing_is_left(fixture);
    guest_acks(fixture->vm, WIRE_EXECCMD, raw.base + 1);
    next_is_signal(fixture->vm, raw.base + 1);
}

static void a_command_that_was_refused_or_has_ended_gets_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct vm *vm = fixture->vm;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_executes(fixture, &raw, 1);
    raw_executes(fixture, &raw, 2);
    raw_executes(fixture, &raw, 3);
    while (next_request(vm))
        ;
    guest_says(vm, WIRE_ERROR, "{\"code\":6,\"id\":%" PRIu64 ",\"reason\":\"no\"}", raw.base + 1);
    guest_acks(vm, WIRE_EXECCMD, raw.base + 2);
    guest_gives_room(vm, raw.base + 4, 1000);
    guest_finished(vm, raw.base + 2, 0, 0, 0);
    guest_writes(vm, raw.base + 4, "");
    raw_close(fixture, &raw);
    /* A child of the second has its standard error still, and the guest waits for its input. */
    next_is_close(vm, raw.base + 4);
    next_is_room(vm, raw.base + 5);
    guest_says(vm, WIRE_ERROR, "{\"code\":6,\"id\":%" PRIu64 ",\"reason\":\"no\"}", raw.base + 3);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void raw_writes_file(struct fixture *fixture, const struct raw *raw)
{
    raw_asks(fixture, raw, WIRE_WRITEFILE,
             "{\"id\":%" PRIu64 ",\"path\":\"/x\",\"mode\":420,\"stream\":%" PRIu64 "}",
             raw->base + 1, raw->base + 2);
    assert_int_equal(next_request(fixture->vm)->code, WIRE_WRITEFILE);
}

static void file_is_refused(struct fixture *fixture, const struct raw *raw)
{
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":15,\"id\":%" PRIu64 ",\"reason\":\"ended\"}",
               raw->base + 1);
    fixture_settle(fixture);
}

/* The end of its bytes before the guest has given it up would make a file of half of them. */
static void a_file_that_was_not_sent_whole_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    raw_close(fixture, &raw);
    next_is_signal(fixture->vm, raw.base + 1);
    nothing_is_left(fixture);
    file_is_refused(fixture, &raw);
    next_is_close(fixture->vm, raw.base + 2);
    assert_null(fixture->hub->clients);
}

static void so_is_one_that_the_guest_had_given_no_room(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    next_is_signal(fixture->vm, raw.base + 1);
    file_is_refused(fixture, &raw);
    next_is_close(fixture->vm, raw.base + 2);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_file_that_was_sent_whole_is_written(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_writes_file(fixture, &raw);
    guest_gives_room(fixture->vm, raw.base + 2, 1000);
    raw_writes(fixture, &raw, raw.base + 2, "");
    next_is_close(fixture->vm, raw.base + 2);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    guest_acks(fixture->vm, WIRE_WRITEFILE, raw.base + 1);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_file_that_is_read_is_read_no_further(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    raw_asks(fixture, &raw, WIRE_READFILE,
             "{\"id\":%" PRIu64 ",\"path\":\"/x\",\"stream\":%" PRIu64 "}", raw.base + 1,
             raw.base + 2);
    next_request(fixture->vm);
    raw_close(fixture, &raw);
    next_is_signal(fixture->vm, raw.base + 1);
    next_is_room(fixture->vm, raw.base + 2);
    guest_says(fixture->vm, WIRE_ERROR, "{\"code\":16,\"id\":%" PRIu64 ",\"reason\":\"ended\"}",
               raw.base + 1);
    fixture_settle(fixture);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void a_client_goes_with_either_of_its_connections(void **state)
{
    struct fixture *fixture = *state;

    for (int i = 0; i < 2; i++) {
        struct raw raw;

        raw_open(fixture, &raw);
        raw_executes(fixture, &raw, 1);
        next_request(fixture->vm);
        guest_acks(fixture->vm, WIRE_EXECCMD, raw.base + 1);
        close(i ? raw.io : raw.ctl);
        fixture_settle(fixture);
        next_is_signal(fixture->vm, raw.base + 1);
        while (next_request(fixture->vm))
            ;
        assert_true(is_hung_up(i ? raw.ctl : raw.io));
        close(i ? raw.ctl : raw.io);
        guest_finished(fixture->vm, raw.base + 1, 129, SIGHUP, 0);
        fixture_settle(fixture);
        assert_null(fixture->hub->clients);
        buffer_free(&raw.in);
    }
}

static void a_client_may_go_in_the_middle_of_a_frame(void **state)
{
    struct fixture *fixture = *state;
    struct raw raw;

    raw_open(fixture, &raw);
    user_sends(raw.ctl, "\0\0\0\6\0\0", 6);
    user_sends(raw.io, "\0\0\0\1\0\0\0\2\0\0\0\40abc", 15);
    fixture_settle(fixture);
    raw_close(fixture, &raw);
    nothing_is_left(fixture);
    assert_null(fixture->hub->clients);
}

static void what_is_kept_of_clients_that_went_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    size_t count = 0;

    for (size_t i = 0; i < HUB_CLIENTS_LEFT_MAX + 10; i++) {
        struct hub_client *client = xcalloc(1, sizeof *client);
        const struct hub_request request = {.id = 1, .runs = true};

        *client = (struct hub_client){.next = fixture->hub->clients,
                                      .node = &fixture->hub->nodes[0],
                                      .number = i + 1,
                                      .left = true};
        hub_use_begin(client, WIRE_EXECCMD, &request, NULL);
        fixture->hub->clients = client;
    }
    hub_clients_tidy(fixture->hub);
    for (struct hub_client *client = fixture->hub->clients; client; client = client->next)
        count++;
    assert_int_equal(count, HUB_CLIENTS_LEFT_MAX);
    assert_int_equal(fixture->hub->clients->number, HUB_CLIENTS_LEFT_MAX + 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_command_of_a_client_that_goes_gets_sighup),
        TEST(a_command_that_the_guest_has_not_begun_gets_it_when_it_has),
        TEST(the_answer_to_another_request_is_none_to_a_command),
        TEST(a_command_that_was_refused_or_has_ended_gets_nothing),
        TEST(a_file_that_was_not_sent_whole_is_given_up),
        TEST(so_is_one_that_the_guest_had_given_no_room),
        TEST(a_file_that_was_sent_whole_is_written),
        TEST(a_file_that_is_read_is_read_no_further),
        TEST(a_client_goes_with_either_of_its_connections),
        TEST(a_client_may_go_in_the_middle_of_a_frame),
        TEST(what_is_kept_of_clients_that_went_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
