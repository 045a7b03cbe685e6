/* What init looks at to see that a command is ready: the socket tables and the output. */
#include "initrd/init/matcher.h"
#include "initrd/init/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char tcp[] =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout\n"
    "   0: 0100007F:270F 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0\n"
    "   1: 0100007F:1F90 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0\n";
static const char tcp6[] =
    "  sl  local_address                         remote_address                        st tx\n"
    "   0: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0000\n";
static const char udp[] =
    "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    " 1043: 00000000:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000     0\n";

static bool listens(const char *table, uint16_t port)
{
    return sockets_have(table, strlen(table), port, SOCKETS_LISTEN);
}

static void a_listener_is_found_and_nothing_else(void **state)
{
    (void)state;
    assert_true(listens(tcp, 9999));
    assert_false(listens(tcp, 8080));
    assert_false(listens(tcp, 54321));
    assert_false(listens(tcp, 0));
    assert_true(listens(tcp6, 80));
    assert_false(listens(tcp6, 81));
    assert_false(listens("", 80));
}

static void a_bound_udp_socket_is_found_in_any_state(void **state)
{
    (void)state;
    assert_true(sockets_have(udp, strlen(udp), 53, SOCKETS_ANY_STATE));
    assert_false(sockets_have(udp, strlen(udp), 54, SOCKETS_ANY_STATE));
}

static void a_table_may_end_anywhere(void **state)
{
    size_t enough = (size_t)(strstr(tcp, " 0A ") - tcp) + strlen(" 0A");

    (void)state;
    for (size_t length = 0; length < sizeof tcp; length++)
        assert_int_equal(sockets_have(tcp, length, 9999, SOCKETS_LISTEN), length >= enough);
}

static void matches(const char *text, const char *stream, size_t seen_after)
{
    for (size_t piece = 1; piece <= strlen(stream); piece++) {
        struct matcher *matcher = matcher_new(text);
        size_t at = 0;
        bool seen = false;

        while (at < strlen(stream) && !seen) {
            size_t count = strlen(stream) - at < piece ? strlen(stream) - at : piece;

            seen = matcher_feed(matcher, stream + at, count);
            at += count;
            assert_int_equal(seen, at >= seen_after);
        }
        matcher_free(matcher);
    }
}

static void a_text_is_found_across_pieces(void **state)
{
    (void)state;
    matches("ready", "is it ready yet", strlen("is it ready"));
    matches("aab", "aaaab", 5);
    matches("abab", "abaabab", 7);
    matches("abcabd", "abcabcabd", 9);
    matches("x", "x", 1);
    matches("ready", "read read rea", SIZE_MAX);
}

static void what_was_seen_stays_seen(void **state)
{
    struct matcher *matcher = matcher_new("ab");

    (void)state;
    assert_true(matcher_feed(matcher, "ab", 2));
    assert_true(matcher_feed(matcher, "zz", 2));
    assert_true(matcher_feed(matcher, NULL, 0));
    matcher_free(matcher);
}

static void the_longest_text_is_found(void **state)
{
    static char text[MATCHER_TEXT_MAX + 1];
    struct matcher *matcher;

    (void)state;
    memset(text, 'a', MATCHER_TEXT_MAX - 1);
    text[MATCHER_TEXT_MAX - 1] = 'b';
    matcher = matcher_new(text);
    assert_false(matcher_feed(matcher, "a", 1));
    assert_false(matcher_feed(matcher, text, MATCHER_TEXT_MAX - 1));
    assert_true(matcher_feed(matcher, "b", 1));
    matcher_free(matcher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listener_is_found_and_nothing_else),
        cmocka_unit_test(a_bound_udp_socket_is_found_in_any_state),
        cmocka_unit_test(a_table_may_end_anywhere),
        cmocka_unit_test(a_text_is_found_across_pieces),
        cmocka_unit_test(what_was_seen_stays_seen),
        cmocka_unit_test(the_longest_text_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
