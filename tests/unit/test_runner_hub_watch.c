/* Readers of consoles and logs, and QEMU's gdb stub. */
#include "hub_fixture.h"

/* What has come is this, and no more. */
static void user_reads(struct fixture *fixture, int fd, const char *expected)
{
    cleanup_buffer struct buffer in = {0};

    fixture_settle(fixture);
    assert_false(user_receives(fd, &in));
    assert_string_equal(in.data, expected);
}

/* The same, and then the end. */
static void user_reads_last(struct fixture *fixture, int fd, const char *expected)
{
    cleanup_buffer struct buffer in = {0};

    fixture_settle(fixture);
    assert_true(user_receives(fd, &in));
    assert_string_equal(in.data, expected);
    close(fd);
}

/* Reads all there is, again and again, until nothing comes any more; whether that was the end. */
static bool user_catches_up(struct fixture *fixture, int fd, struct buffer *in)
{
    size_t before;
    bool ended;

    do {
        before = in->length;
        fixture_settle(fixture);
        ended = user_receives(fd, in);
    } while (in->length > before);
    return ended;
}

static void guest_floods(struct fixture *fixture, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char line[64];

        snprintf(line, sizeof line, "line %06zu of many, which nobody reads for now\r\n", i);
        guest_prints(fixture->vm, line);
    }
}

/* -- Consoles ---------------------------------------------------------------------------------- */

static void a_console_is_what_was_printed_and_what_is(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    guest_prints(fixture->vm, "before ");
    fd = user_asks(fixture, "{\"open\":\"console\",\"node\":\"a\"}");
    user_hears_ok(fd);
    user_reads(fixture, fd, "before ");
    guest_prints(fixture->vm, "now");
    guest_prints(fixture->vms[1], "not here");
    user_reads(fixture, fd, "now");
    close(fd);
}

static void what_is_typed_goes_to_the_guest(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"console\",\"node\":\"a\"}\nl");

    user_hears_ok(fd);
    user_sends(fd, "s\3", 2);
    fixture_settle(fixture);
    assert_int_equal(fixture->vm->typed.length, 4); /* with the fixture's newline */
    assert_memory_equal(fixture->vm->typed.data, "l\ns\3", 4);
    assert_int_equal(fixture->vms[1]->typed.length, 0);
    fixture->vm->send_code = -ENOBUFS;
    user_sends(fd, "lost", 4);
    fixture_settle(fixture);
    user_reads(fixture, fd, "");
    close(fd);
}

static void a_reader_that_is_slow_misses_what_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer slow = {0};
    cleanup_buffer struct buffer quick = {0};
    int fds[2];

    for (size_t i = 0; i < array_size(fds); i++) {
        fds[i] = user_asks(fixture, "{\"open\":\"console\",\"node\":\"a\"}");
        user_hears_ok(fds[i]);
    }
    for (int i = 0; i < 100; i++) {
        guest_floods(fixture, 500);
        user_catches_up(fixture, fds[1], &quick);
    }
    assert_int_equal(quick.length, fixture->vm->ring.written);
    assert_null(strstr(quick.data, "duet: "));
    assert_false(user_catches_up(fixture, fds[0], &slow));
    assert_true(slow.length < quick.length);
    assert_non_null(strstr(slow.data, " bytes were not read in time, and are not shown\r\n"));
    assert_memory_equal(slow.data + slow.length - 1000, quick.data + quick.length - 1000, 1000);
    close(fds[0]);
    close(fds[1]);
}

static void a_console_ends_with_its_machine(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"console\",\"node\":\"a\"}");
    int other = user_asks(fixture, "{\"open\":\"console\",\"node\":\"b\"}");

    user_hears_ok(fd);
    user_hears_ok(other);
    guest_prints(fixture->vm, "Oops");
    fixture_machine_ends(fixture, 0);
    user_reads_last(fixture, fd, "Oops");
    user_reads(fixture, other, "");
    close(other);
    fd = user_asks(fixture, "{\"open\":\"console\",\"node\":\"a\"}");
    user_hears_ok(fd);
    user_reads_last(fixture, fd, "Oops");
}

/* -- Logs -------------------------------------------------------------------------------------- */

static void logs_begin_with_what_was_before_the_hub(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    hub_free(steal_pointer(&fixture->hub));
    guest_prints(fixture->vm, "booted\r\nlog");
    guest_writes(fixture->vm, 2, "listening\nrea");
    guest_writes(fixture->vm, 3, "dy\n");
    guest_prints(fixture->vms[1], "also booted\n");
    fixture_open_hub(fixture, HUB_UP);
    fd = user_asks(fixture, "{\"open\":\"logs\"}");
    user_hears_ok(fd);
    user_reads(fixture, fd, "a: booted\na/echo: listening\na/echo: ready\nb: also booted\n");
    guest_prints(fixture->vm, "in\n");
    guest_writes(fixture->vm, 2, "served\n");
    user_reads(fixture, fd, "a: login\na/echo: served\n");
    close(fd);
}

static void logs_may_be_of_one_node(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    guest_prints(fixture->vm, "1\n");
    guest_prints(fixture->vms[1], "2\n");
    fd = user_asks(fixture, "{\"open\":\"logs\",\"node\":\"b\"}");
    user_hears_ok(fd);
    user_reads(fixture, fd, "b: 2\n");
    guest_prints(fixture->vm, "3\n");
    guest_prints(fixture->vms[1], "4\n");
    user_reads(fixture, fd, "b: 4\n");
    close(fd);
}

static void logs_may_end_behind_what_there_is(void **state)
{
    struct fixture *fixture = *state;
    int fd;

    guest_prints(fixture->vm, "1\npart");
    fd = user_asks(fixture, "{\"open\":\"logs\",\"follow\":false}");
    user_hears_ok(fd);
    user_reads_last(fixture, fd, "a: 1\n");
    fd = user_asks(fixture, "{\"open\":\"logs\",\"node\":\"b\",\"follow\":false}");
    user_hears_ok(fd);
    user_reads_last(fixture, fd, "");
}

/* The reader of what there is does not run after what comes. */
static void they_end_there_though_more_is_printed(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer in = {0};
    bool ended = false;
    int fd;

    guest_floods(fixture, 20000);
    fd = user_asks(fixture, "{\"open\":\"logs\",\"follow\":false}");
    user_hears_ok(fd);
    while (!ended) {
        guest_prints(fixture->vm, "new\n");
        ended = user_receives(fd, &in);
        fixture_settle(fixture);
        assert_true(in.length < 20000 * 60);
    }
    assert_non_null(strstr(in.data, "a: line 000000 of many"));
    assert_non_null(strstr(in.data, "a: line 019999 of many"));
    close(fd);
}

static void logs_end_with_their_node(void **state)
{
    struct fixture *fixture = *state;
    int one = user_asks(fixture, "{\"open\":\"logs\",\"node\":\"a\"}");
    int all = user_asks(fixture, "{\"open\":\"logs\"}");

    user_hears_ok(one);
    user_hears_ok(all);
    guest_prints(fixture->vms[1], "half");
    guest_prints(fixture->vm, "last words");
    fixture_machine_ends(fixture, 0);
    user_reads_last(fixture, one, "a: last words\n");
    guest_prints(fixture->vms[1], " a line\n");
    user_reads(fixture, all, "a: last words\nb: half a line\n");
    one = user_asks(fixture, "{\"open\":\"logs\",\"node\":\"a\"}");
    user_hears_ok(one);
    user_reads_last(fixture, one, "a: last words\n");
    hub_free(steal_pointer(&fixture->hub));
    user_reads_last(fixture, all, "");
}

static void a_slow_reader_of_logs_misses_what_it_is_told(void **state)
{
    struct fixture *fixture = *state;
    cleanup_buffer struct buffer slow = {0};
    cleanup_buffer struct buffer quick = {0};
    int fds[2];

    for (size_t i = 0; i < array_size(fds); i++) {
        fds[i] = user_asks(fixture, "{\"open\":\"logs\"}");
        user_hears_ok(fds[i]);
    }
    for (int i = 0; i < 200; i++) {
        guest_floods(fixture, 1000);
        user_catches_up(fixture, fds[1], &quick);
    }
    assert_null(strstr(quick.data, "duet: "));
    assert_false(user_catches_up(fixture, fds[0], &slow));
    assert_true(slow.length < quick.length);
    assert_non_null(strstr(slow.data, " bytes were not read in time, and are not shown\n"));
    assert_memory_equal(slow.data + slow.length - 1000, quick.data + quick.length - 1000, 1000);
    close(fds[0]);
    close(fds[1]);
}

static void a_reader_of_logs_may_close_its_way_back(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"logs\"}");

    user_hears_ok(fd);
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    fixture_settle(fixture);
    guest_prints(fixture->vm, "more\n");
    user_reads(fixture, fd, "a: more\n");
    close(fd);
    fixture_settle(fixture);
    assert_int_equal(fixture->hub->link_count, 0);
}

static void what_a_process_printed_beyond_what_is_kept_is_told(void **state)
{
    struct fixture *fixture = *state;
    char *piece = xmalloc((1 << 15) + 1);
    cleanup_buffer struct buffer in = {0};
    int fd;

    memset(piece, 'x', 1 << 15);
    piece[(1 << 15) - 1] = '\n';
    piece[1 << 15] = '\0';
    hub_free(steal_pointer(&fixture->hub));
    for (int i = 0; i < 33; i++)
        guest_writes(fixture->vm, 2, piece);
    free(piece);
    fixture_open_hub(fixture, HUB_UP);
    fd = user_asks(fixture, "{\"open\":\"logs\",\"follow\":false}");
    user_hears_ok(fd);
    assert_true(user_catches_up(fixture, fd, &in));
    assert_non_null(
        strstr(in.data, "a/echo: duet: 32768 bytes more are in the files of the case\n"));
    close(fd);
}

/* -- QEMU's gdb stub --------------------------------------------------------------------------- */

static void user_hears_socket(const struct fixture *fixture, int fd)
{
    cleanup_free char *path = xasprintf("%s/gdb-0", fixture->directory);
    cJSON *json = user_hears(fd);

    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(json, "ok")));
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "socket")), path);
    assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "kernel")), "/boot/vmlinuz");
    cJSON_Delete(json);
    close(fd);
}

static void the_stub_is_opened_once(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *path = xasprintf("%s/gdb-0", fixture->directory);
    int fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\"}");

    assert_string_equal(fixture->vm->debug_path, path);
    user_reads(fixture, fd, "");
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\"}"),
                    "a: somebody else asks for its gdb stub just now");
    fake_done(fixture->vm, NULL);
    user_hears_socket(fixture, fd);
    assert_int_equal(fixture->vm->pauses, 0);
    fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\",\"halt\":false}");
    assert_null(fixture->vm->done);
    user_hears_socket(fixture, fd);
}

static void the_guest_may_be_halted_as_well(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 1; i <= 2; i++) {
        int fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\",\"halt\":true}");

        if (i == 1) {
            assert_int_equal(fixture->vm->pauses, 0);
            fake_done(fixture->vm, NULL);
        }
        assert_int_equal(fixture->vm->pauses, i);
        user_reads(fixture, fd, "");
        fake_done(fixture->vm, NULL);
        user_hears_socket(fixture, fd);
    }
}

static void what_libvirt_says_against_it_is_passed_on(void **state)
{
    const struct error error = {.code = EIO, .message = "QEMU's monitor: no"};
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\"}");

    fake_done(fixture->vm, &error);
    user_is_refused(fixture, fd, "a: QEMU's monitor: no");
    fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\",\"halt\":true}");
    fake_done(fixture->vm, NULL);
    fake_done(fixture->vm, &error);
    user_is_refused(fixture, fd, "a: QEMU's monitor: no");
}

static void libvirt_may_answer_when_nobody_is_there_any_more(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\",\"halt\":true}");

    close(fd);
    fixture_settle(fixture);
    fake_done(fixture->vm, NULL);
    hub_free(steal_pointer(&fixture->hub));
    fake_done(fixture->vm, NULL);
    fixture_open_hub(fixture, HUB_UP);
    fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\"}");
    hub_free(steal_pointer(&fixture->hub));
    fake_done(fixture->vm, NULL);
    close(fd);
}

static void a_machine_that_is_gone_has_no_stub(void **state)
{
    struct fixture *fixture = *state;
    int fd = user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\",\"halt\":true}");
    const struct error error = {.code = ESRCH, .message = "its machine does not run (any more)"};

    fixture_machine_ends(fixture, 0);
    fake_done(fixture->vm, &error);
    user_is_refused(fixture, fd, "a: its machine does not run (any more)");
    user_is_refused(fixture, user_asks(fixture, "{\"open\":\"debug\",\"node\":\"a\"}"),
                    "a has no machine any more");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_console_is_what_was_printed_and_what_is),
        TEST(what_is_typed_goes_to_the_guest),
        TEST(a_reader_that_is_slow_misses_what_it_is_told),
        TEST(a_console_ends_with_its_machine),
        TEST(logs_begin_with_what_was_before_the_hub),
        TEST(logs_may_be_of_one_node),
        TEST(logs_may_end_behind_what_there_is),
        TEST(they_end_there_though_more_is_printed),
        TEST(logs_end_with_their_node),
        TEST(a_slow_reader_of_logs_misses_what_it_is_told),
        TEST(a_reader_of_logs_may_close_its_way_back),
        TEST(what_a_process_printed_beyond_what_is_kept_is_told),
        TEST(the_stub_is_opened_once),
        TEST(the_guest_may_be_halted_as_well),
        TEST(what_libvirt_says_against_it_is_passed_on),
        TEST(libvirt_may_answer_when_nobody_is_there_any_more),
        TEST(a_machine_that_is_gone_has_no_stub),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
