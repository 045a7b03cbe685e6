/* What QEMU said, out of libvirt's log. */
#include "vm/qemu_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define START   "2026-11-22 09:44:55.694+0000: starting up libvirt version: 9.0.0\n"
#define COMMAND "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=a \\\n-msg timestamp=on\n"
#define END     "2026-11-22 09:44:56.001+0000: shutting down, reason=failed\n"

static void expect(const char *log, const char *expected)
{
    size_t length = 0;
    const char *line = qemu_log_last_line(log, &length);

    if (!expected) {
        assert_null(line);
        return;
    }
    assert_non_null(line);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(line, expected, length);
}

static void finds_what_qemu_printed(void **state)
{
    (void)state;
    expect(START COMMAND "qemu: no such thing\n" END, "qemu: no such thing");
    expect(START COMMAND "one\ntwo\n", "two");
    expect(START COMMAND "cut off", "cut off");
}

static void takes_the_last_of_several_starts(void **state)
{
    (void)state;
    expect(START COMMAND "old\n" END START COMMAND "new\n" END, "new");
}

static void a_time_in_qemus_own_way_is_qemus(void **state)
{
    (void)state;
    expect(START COMMAND "2026-11-22T09:44:55.900Z qemu: failed to set MSR\n" END,
           "2026-11-22T09:44:55.900Z qemu: failed to set MSR");
}

static void finds_nothing_where_qemu_was_silent(void **state)
{
    (void)state;
    expect("", NULL);
    expect("\n\n", NULL);
    expect(START COMMAND END, NULL);
    expect(START COMMAND, NULL);
    expect(START "LC_ALL=C \\\n/usr/bin/qemu-system-x86_64 \\\n", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_qemu_printed),
        cmocka_unit_test(takes_the_last_of_several_starts),
        cmocka_unit_test(a_time_in_qemus_own_way_is_qemus),
        cmocka_unit_test(finds_nothing_where_qemu_was_silent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
