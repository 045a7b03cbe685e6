/* Tokens and the kernel's trouble, found in console bytes however these are cut. */
#include "base/base.h"
#include "results/results.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct scanner_prefix prefixes[] = {
    {SCANNER_RESULT_PREFIX, SCANNER_RESULT},
    {SCANNER_READY_PREFIX, SCANNER_READY},
};

/* One line per event: "result {…}". */
static void record(void *context, const struct scanner_event *event)
{
    static const char *const kinds[SCANNER_KINDS] = {
        [SCANNER_RESULT] = "result", [SCANNER_READY] = "ready", [SCANNER_MALFORMED] = "malformed",
        [SCANNER_PANIC] = "panic",   [SCANNER_OOPS] = "oops",   [SCANNER_OOM] = "oom",
        [SCANNER_STALL] = "stall",
    };
    struct buffer *log = context;

    assert_int_equal(event->text[event->length], '\0');
    buffer_printf(log, "%s ", kinds[event->kind]);
    buffer_append(log, event->text, event->length);
    buffer_append_text(log, "\n");
}

static char *scan_in_chunks(const char *bytes, size_t count, size_t chunk)
{
    struct buffer log = {0};
    struct scanner *scanner;
    struct error error;

    assert_int_equal(scanner_new(&scanner, prefixes, array_size(prefixes), record, &log, &error),
                     0);
    for (size_t at = 0; at < count; at += chunk) {
        size_t left = count - at;
        size_t length = left < chunk ? left : chunk;
        /* A copy of its own lets AddressSanitizer see a read beyond the chunk. */
        cleanup_free char *copy = xmalloc(length);

        memcpy(copy, bytes + at, length);
        scanner_feed(scanner, copy, length);
    }
    scanner_finish(scanner);
    scanner_free(scanner);
    return buffer_steal(&log);
}

/* Every way of cutting the stream must give the same events. */
static void assert_events_of(const char *bytes, size_t count, const char *expected)
{
    static const size_t chunks[] = {1, 2, 3, 7, 12, 13, 64, 4096, 65536, 1 << 20};

    for (size_t i = 0; i < array_size(chunks); i++) {
        cleanup_free char *events = scan_in_chunks(bytes, count, chunks[i]);

        assert_string_equal(events, expected);
    }
}

static void assert_events(const char *text, const char *expected)
{
    assert_events_of(text, strlen(text), expected);
}

static void tokens_are_found_in_order(void **state)
{
    (void)state;
    assert_events("booting\r\nDUET_READY: n1\r\nnoise\nDUET_RESULT: {\"verdict\":\"passed\"}\r\n",
                  "ready n1\nresult {\"verdict\":\"passed\"}\n");
    assert_events("DUET_RESULT: 1\nDUET_RESULT: 2\nDUET_READY: \nDUET_RESULT: 3\n",
                  "result 1\nresult 2\nready \nresult 3\n");
}

static void a_token_may_stand_behind_something_else(void **state)
{
    (void)state;
    assert_events("/ # DUET_RESULT: a\n", "result a\n");
    assert_events("[    3.141592] DUET_RESULT: a\n", "result a\n");
    assert_events("\x1b[1mDUET_RESULT: a\x1b[0m\n", "result a\x1b[0m\n");
    /* A start that comes to nothing, with the real one inside. */
    assert_events("DUET_DUET_RESULT: a\n", "result a\n");
    assert_events("DUET_RESULDUET_RESULT: a\n", "result a\n");
    assert_events("DUET_RESULT:DUET_RESULT: a\n", "result a\n");
}

static void a_prefix_in_a_token_is_part_of_it(void **state)
{
    (void)state;
    assert_events("DUET_RESULT: a DUET_RESULT: b DUET_READY: c\nx\n",
                  "result a DUET_RESULT: b DUET_READY: c\n");
}

static void what_is_no_prefix_is_no_token(void **state)
{
    (void)state;
    assert_events("DUET_RESULT {}\nduet_result: {}\nDUET_RESU\nLT: {}\nDUET_RESULT:\n", "");
    assert_events_of("DUET_RESULT\0: {}\n", 17, "");
    assert_events("", "");
}

static void a_cut_token_is_malformed(void **state)
{
    (void)state;
    assert_events(
        "DUET_RESULT: {\"verdict\":\"passed\"}",
        "malformed the token that starts with \"DUET_RESULT: \" is cut: the console ended "
        "before its line did\n");
    assert_events("DUET_RESU", "");
}

static void a_token_has_a_longest_length(void **state)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_buffer struct buffer expected = {0};

    (void)state;
    buffer_append_text(&text, "DUET_RESULT: ");
    buffer_append_text(&expected, "result ");
    for (int i = 0; i < SCANNER_TOKEN_MAX; i++) {
        buffer_append_text(&text, "x");
        buffer_append_text(&expected, "x");
    }
    buffer_append_text(&text, "\n");
    buffer_append_text(&expected, "\n");
    assert_events_of(text.data, text.length, expected.data);

    text.length--;
    buffer_append_text(&text, "x\nDUET_RESULT: next\n");
    assert_events_of(text.data, text.length,
                     "malformed the token that starts with \"DUET_RESULT: \" has 65537 bytes; at "
                     "most 65536 are read\nresult next\n");
}

static void junk_does_not_hide_a_token(void **state)
{
    enum { LINE = 10 << 20 };
    static const size_t chunks[] = {1000, 4096, 1 << 20};
    cleanup_buffer struct buffer text = {0};
    unsigned int random = 1;

    (void)state;
    buffer_reserve(&text, LINE);
    memset(text.data, 'x', LINE);
    text.length = LINE;
    buffer_append_text(&text, "DUET_RESULT: a\n");
    for (int i = 0; i < 4096; i++)
        buffer_append(&text, "\0", 1);
    buffer_append_text(&text, "DUET_RESULT: b\n");
    for (int i = 0; i < 65536; i++) {
        char c;

        random = random * 1103515245 + 12345;
        c = (char)(random >> 16);
        buffer_append(&text, &c, 1);
    }
    buffer_append_text(&text, "\nDUET_RESULT: c\n");
    for (size_t i = 0; i < array_size(chunks); i++) {
        cleanup_free char *events = scan_in_chunks(text.data, text.length, chunks[i]);

        assert_string_equal(events, "result a\nresult b\nresult c\n");
    }
}

static void kernel_trouble_is_told_apart(void **state)
{
    static const struct {
        const char *line;
        const char *event;
    } cases[] = {
        {"[    5.123456] Kernel panic - not syncing: sysrq triggered crash\r\n",
         "panic Kernel panic - not syncing: sysrq triggered crash\n"},
        {"[    1.000000][    T1] Kernel panic - not syncing: Attempted to kill init!\n",
         "panic Kernel panic - not syncing: Attempted to kill init!\n"},
        {"[12345.123456] BUG: kernel NULL pointer dereference, address: 0000000000000000\n",
         "oops BUG: kernel NULL pointer dereference, address: 0000000000000000\n"},
        {"[    2.000000] BUG: unable to handle page fault for address: ffffc90000000000\n",
         "oops BUG: unable to handle page fault for address: ffffc90000000000\n"},
        {"[    2.000000] Oops: 0002 [#1] PREEMPT SMP NOPTI\n",
         "oops Oops: 0002 [#1] PREEMPT SMP NOPTI\n"},
        {"[    2.000000] general protection fault, probably for non-canonical address 0xdead: "
         "0000 [#1] SMP\n",
         "oops general protection fault, probably for non-canonical address 0xdead: 0000 [#1] "
         "SMP\n"},
        {"[    2.000000] divide error: 0000 [#2] SMP\n", "oops divide error: 0000 [#2] SMP\n"},
        {"[    2.000000] stack segment: 0000 [#1] SMP\n", "oops stack segment: 0000 [#1] SMP\n"},
        {"[    2.000000] kernel BUG at net/core/skbuff.c:100!\n",
         "oops kernel BUG at net/core/skbuff.c:100!\n"},
        {"[    2.000000] Out of memory: Killed process 98 (tail) total-vm:2020kB\n",
         "oom Out of memory: Killed process 98 (tail) total-vm:2020kB\n"},
        {"[    2.000000] Kernel panic - not syncing: System is deadlocked on memory\n",
         "oom Kernel panic - not syncing: System is deadlocked on memory\n"},
        {"[    2.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]\n",
         "stall watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [sh:1]\n"},
        {"[    2.000000] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n",
         "stall rcu: INFO: rcu_sched detected stalls on CPUs/tasks:\n"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(cases); i++)
        assert_events(cases[i].line, cases[i].event);
}

static void what_only_looks_like_trouble_is_none(void **state)
{
    (void)state;
    /* A cgroup that reaches its limit. */
    assert_events("[    2.000000] stress invoked oom-killer: gfp_mask=0xcc0, order=0\n"
                  "[    2.000001] Memory cgroup out of memory: Killed process 9 (stress)\n",
                  "");
    /* A program's words, at a line's start or behind a time stamp that is none. */
    assert_events("Kernel panic - not syncing: no\nBUG: no\n Oops: no\n", "");
    assert_events("grep: [    2.000000] BUG: no\n", "");
    assert_events("[2.0] BUG: no\n[    2.00000] BUG: no\n[] BUG: no\n[.000000] BUG: no\n", "");
    assert_events("[    2.000000]BUG: no\n[    2.000000] \n[    2.000000]\n[    2.000000\n[\n", "");
    assert_events("[    2.000000] WARNING: CPU: 0 PID: 1 at net/core/dev.c:1 f+0x1/0x2\n"
                  "[    2.000000] a debugging: BUG: of a driver\n"
                  "[    2.000000] pci: 3 [#bus] and [# and #1]\n"
                  "[    2.000000] traps: a[9] general protection fault ip:1 sp:2 error:0\n",
                  "");
}

static void a_panic_is_told_once(void **state)
{
    (void)state;
    assert_events("[    1.000000] Kernel panic - not syncing: one\n"
                  "[    1.000001] ---[ end Kernel panic - not syncing: one ]---\n",
                  "panic Kernel panic - not syncing: one\n");
    assert_events("[    1.000000] Kernel panic - not syncing: Out of memory: compulsory\n"
                  "[    1.000001] ---[ end Kernel panic - not syncing: Out of memory ]---\n",
                  "oom Kernel panic - not syncing: Out of memory: compulsory\n");
    /* The first line stood behind a prompt. */
    assert_events("/ # [    1.000000] Kernel panic - not syncing: one\n"
                  "[    1.000001] ---[ end Kernel panic - not syncing: one ]---\n",
                  "panic ---[ end Kernel panic - not syncing: one ]---\n");
}

static void tokens_and_trouble_keep_their_order(void **state)
{
    (void)state;
    assert_events("DUET_READY: a\n[    1.000000] BUG: b\nDUET_RESULT: c\n[    2.000000] Oops: d\n"
                  "[    3.000000] Kernel panic - not syncing: e",
                  "ready a\noops BUG: b\nresult c\noops Oops: d\n"
                  "panic Kernel panic - not syncing: e\n");
}

static void a_long_kernel_message_is_cut(void **state)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *events = NULL;

    (void)state;
    buffer_append_text(&text, "[    1.000000] BUG: ");
    for (int i = 0; i < 100000; i++)
        buffer_append_text(&text, "y");
    buffer_append_text(&text, "\n");
    events = scan_in_chunks(text.data, text.length, 1000);
    assert_int_equal(strncmp(events, "oops BUG: yyy", 13), 0);
    assert_int_equal(strlen(events),
                     strlen("oops \n") + SCANNER_LINE_MAX - strlen("[    1.000000] "));
    assert_events_of(text.data, text.length, events);
}

static void a_scanner_can_be_used_again(void **state)
{
    cleanup_buffer struct buffer log = {0};
    struct scanner *scanner;
    struct error error;

    (void)state;
    assert_int_equal(scanner_new(&scanner, prefixes, 2, record, &log, &error), 0);
    scanner_feed(scanner, "[    1.000000] DUET_RES", 23);
    scanner_finish(scanner);
    scanner_feed(scanner, "ULT: no\nDUET_RESULT: a\n", 23);
    scanner_finish(scanner);
    assert_string_equal(log.data, "result a\n");
    scanner_free(scanner);
    scanner_free(NULL);
}

static void assert_prefixes_refused(const char *one, const char *two, const char *message)
{
    struct scanner_prefix given[] = {{one, SCANNER_RESULT}, {two, SCANNER_READY}};
    struct scanner *scanner = NULL;
    struct error error;

    assert_int_equal(scanner_new(&scanner, given, 2, record, NULL, &error), -EINVAL);
    assert_null(scanner);
    assert_non_null(strstr(error.message, message));
}

static void prefixes_that_cannot_work_are_refused(void **state)
{
    char longer[SCANNER_PREFIX_MAX + 2];
    struct scanner_prefix many[SCANNER_PREFIXES_MAX + 1] = {{NULL, SCANNER_RESULT}};
    struct scanner *scanner = NULL;
    struct error error;

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_prefixes_refused("", "b", "empty");
    assert_prefixes_refused("a\n", "b", "line break");
    assert_prefixes_refused("a", longer, "65 bytes");
    assert_prefixes_refused("OK: ", "NOT OK: ", "cannot be told apart");
    assert_prefixes_refused("A: ", "A: ", "cannot be told apart");
    assert_int_equal(scanner_new(&scanner, many, array_size(many), record, NULL, &error), -EINVAL);
}

static void a_token_gives_verdict_reason_and_details(void **state)
{
    static const char text[] =
        " {\"verdict\": \"failed\", \"reason\": \"no \\\"echo\\\"\", \"case\": "
        "\"tcp\", \"node\":\"a\", \"details\": {\"n\": [1, 2]}, \"x\": 1}\t";
    struct result_token token = {0};
    struct error error;

    (void)state;
    assert_int_equal(token_parse(text, strlen(text), "tcp", "a", &token, &error), 0);
    assert_int_equal(token.verdict, VERDICT_FAILED);
    assert_string_equal(token.reason, "no \"echo\"");
    assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(token.details, "n")), 2);
    result_token_free(&token);
    assert_null(token.reason);
    result_token_free(&token);
    result_token_free(NULL);
}

static enum verdict verdict_of(const char *text, size_t length)
{
    struct result_token token = {0};
    struct error error;
    enum verdict verdict;

    assert_int_equal(token_parse(text, length, NULL, NULL, &token, &error), 0);
    verdict = token.verdict;
    result_token_free(&token);
    return verdict;
}

static void a_guest_may_give_four_verdicts(void **state)
{
    static const char junk[] =
        "{\"verdict\":\"passed\",\"reason\":\"\xff\xc0\xaf\xed\xa0\x80 ok\"}";
    struct result_token token = {0};
    struct error error;

    (void)state;
    assert_int_equal(verdict_of("{\"verdict\":\"passed\"}", 20), VERDICT_PASSED);
    assert_int_equal(verdict_of("{\"verdict\":\"skipped\"}", 21), VERDICT_SKIPPED);
    assert_int_equal(verdict_of("{\"verdict\":\"failed\"}", 20), VERDICT_FAILED);
    assert_int_equal(verdict_of("{\"verdict\":\"error\",\"reason\":\"r\"}", 32), VERDICT_ERROR);
    assert_int_equal(token_parse(junk, strlen(junk), NULL, NULL, &token, &error), 0);
    assert_string_equal(token.reason, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
                                      "\xef\xbf\xbd ok");
    result_token_free(&token);
}

static void assert_refused_bytes(const char *text, size_t length, const char *message)
{
    struct result_token untouched = {.verdict = VERDICT_TIMEOUT};
    struct error error;

    assert_int_equal(token_parse(text, length, "tcp", "a", &untouched, &error), -EBADMSG);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
    assert_int_equal(untouched.verdict, VERDICT_TIMEOUT);
    assert_null(untouched.reason);
}

static void assert_refused(const char *text, const char *message)
{
    assert_refused_bytes(text, strlen(text), message);
}

static void broken_tokens_are_refused(void **state)
{
    (void)state;
    assert_refused("", "not JSON");
    assert_refused("{", "not JSON");
    assert_refused("{\"verdict\":\"passed\"", "not JSON");
    assert_refused("{\"verdict\":\"passed\"} x", "not JSON from byte 21");
    assert_refused("{\"verdict\":\"passed\"}{\"verdict\":\"passed\"}", "not JSON");
    assert_refused("{\"verdict\":\"passed\"}'", "not JSON");
    assert_refused("\"passed\"", "not an object");
    assert_refused("[]", "not an object");
    assert_refused("{}", "no \"verdict\"");
    assert_refused("{\"Verdict\":\"passed\"}", "no \"verdict\"");
    assert_refused("{\"verdict\":null}", "no \"verdict\"");
    assert_refused("{\"verdict\":true}", "not a text");
    assert_refused("{\"verdict\":\"passed\",\"reason\":{}}", "not a text");
    assert_refused("{\"verdict\":\"passed\\ud800\"}", "not JSON");
    assert_refused_bytes("{\"verdict\":\"passed\"}\0", 21, "control character 0x00");
    assert_refused_bytes("{\"verdict\":\"passed\0\"}", 21, "control character 0x00");
    assert_refused("{\"verdict\":\"passed\x1b[0m\"}", "control character 0x1b");
    assert_refused("{\"verdict\":\"passed\\u0000 not\"}", "escaped NUL");
}

static void lies_are_refused(void **state)
{
    (void)state;
    assert_refused("{\"verdict\":\"panic\"}", "the token's verdict is \"panic\"");
    assert_refused("{\"verdict\":\"PASSED\"}", "the token's verdict is \"PASSED\"");
    assert_refused("{\"verdict\":\"error\"}", "no reason");
    assert_refused("{\"verdict\":\"error\",\"reason\":\"\"}", "no reason");
    assert_refused("{\"verdict\":\"passed\",\"case\":\"udp\"}",
                   "the token says case \"udp\", this is case \"tcp\"");
    assert_refused("{\"verdict\":\"passed\",\"node\":\"b\"}",
                   "the token says node \"b\", this is node \"a\"");
    assert_refused("{\"verdict\":\"failed\",\"verdict\":\"passed\"}", "\"verdict\" twice");
    assert_refused("{\"verdict\":\"failed\",\"v\\u0065rdict\":\"passed\"}", "\"verdict\" twice");
    assert_refused("{\"verdict\":\"passed\",\"details\":[{\"a\":1,\"b\":2,\"a\":3}]}",
                   "\"a\" twice");
}

static void nesting_has_a_limit(void **state)
{
    cleanup_buffer struct buffer text = {0};

    (void)state;
    for (int depth = TOKEN_DEPTH_MAX - 1; depth <= 1000; depth = depth < 32 ? depth + 1 : 1000) {
        buffer_clear(&text);
        buffer_append_text(&text, "{\"verdict\":\"passed\",\"reason\":\"[[{\",\"details\":");
        for (int i = 0; i < depth; i++)
            buffer_append_text(&text, "[");
        for (int i = 0; i < depth; i++)
            buffer_append_text(&text, "]");
        buffer_append_text(&text, "}");
        if (depth < TOKEN_DEPTH_MAX)
            assert_int_equal(verdict_of(text.data, text.length), VERDICT_PASSED);
        else
            assert_refused(text.data, "deeper than 32");
        if (depth == 1000)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_found_in_order),
        cmocka_unit_test(a_token_may_stand_behind_something_else),
        cmocka_unit_test(a_prefix_in_a_token_is_part_of_it),
        cmocka_unit_test(what_is_no_prefix_is_no_token),
        cmocka_unit_test(a_cut_token_is_malformed),
        cmocka_unit_test(a_token_has_a_longest_length),
        cmocka_unit_test(junk_does_not_hide_a_token),
        cmocka_unit_test(kernel_trouble_is_told_apart),
        cmocka_unit_test(what_only_looks_like_trouble_is_none),
        cmocka_unit_test(a_panic_is_told_once),
        cmocka_unit_test(tokens_and_trouble_keep_their_order),
        cmocka_unit_test(a_long_kernel_message_is_cut),
        cmocka_unit_test(a_scanner_can_be_used_again),
        cmocka_unit_test(prefixes_that_cannot_work_are_refused),
        cmocka_unit_test(a_token_gives_verdict_reason_and_details),
        cmocka_unit_test(a_guest_may_give_four_verdicts),
        cmocka_unit_test(broken_tokens_are_refused),
        cmocka_unit_test(lies_are_refused),
        cmocka_unit_test(nesting_has_a_limit),
    };

    return cmocka_run_group_tests_name("tokens", tests, NULL, NULL);
}
