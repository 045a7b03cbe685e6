/* What `duet bench` says at its end. */
#include "runner/bench_report.h"

#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Of one run that failed for `reason`. The caller frees it. */
static char *reported(const char *reason)
{
    struct record_run run = {
        .name = (char *)"c", .number = 2, .verdict = VERDICT_FAILED, .reason = (char *)reason};
    struct bench_outcome outcome = {
        .records = {{.path = (char *)"r/results.json", .runs = &run, .run_count = 1}}, .status = 1};
    char *text = NULL;
    size_t length = 0;
    struct terminal terminal = {.out = open_memstream(&text, &length)};

    assert_int_equal(bench_report(&terminal, false, &outcome, 1, NULL), 1);
    fclose(terminal.out);
    return text;
}

/* iperf3's results may hold "\u001b". */
static void a_guest_cannot_move_the_cursor(void **state)
{
    cleanup_free char *text = reported("iperf3 says: \033[2J\x7fit\nis\rbusy\302\233 µs");
    cleanup_free char *none = reported(NULL);
    (void)state;

    assert_non_null(strstr(text, "  c run 2: failed: iperf3 says: \uFFFD[2J\uFFFDit is\uFFFDbusy"
                                 "\uFFFD µs\n"));
    assert_non_null(strstr(none, "  c run 2: failed: \n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_guest_cannot_move_the_cursor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
