/* What /proc/stat says of a guest's CPU time. */
#include "initrd/init/busy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void busy_is_what_is_neither_idle_nor_the_host_s(void **state)
{
    (void)state;

    /* One CPU: 4.26 s idle and 0.14 s waiting of 6.76 s. */
    assert_true(busy_ns("cpu  9 0 199 426 14 0 0 0 0 0\ncpu0 9 0 199 426 14 0 0 0 0 0\n"
                        "intr 918 0 0\nctxt 1277\n",
                        676 * SECOND / 100) == 236 * SECOND / 100);
    /* Two: 5 s idle, and 1 s in which the host ran something else, of 10 s each. */
    assert_true(busy_ns("cpu  0 0 0 500 0 0 0 100 0 0\ncpu0 0 0 0 500 0 0 0 0 0 0\n"
                        "cpu12 0 0 0 0 0 0 0 100 0 0\nintr 1\n",
                        10 * SECOND) == 14 * SECOND);
}

static void what_does_not_say_is_not_known(void **state)
{
    (void)state;

    assert_true(busy_ns("", SECOND) == 0);
    assert_true(busy_ns("intr 1\ncpu0 0 0 0 0 0 0 0 0 0 0\n", SECOND) == 0);
    assert_true(busy_ns("cpu  9 0 199 426 14 0 0 0 0 0\n", SECOND) == 0);
    assert_true(busy_ns("cpu0 9 0 199 426\n", SECOND) == 0); /* before Linux 2.6.11 */
    assert_true(busy_ns("cpu0 0 0 0 100 0 0 0 0 0 0", SECOND) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(busy_is_what_is_neither_idle_nor_the_host_s),
        cmocka_unit_test(what_does_not_say_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
