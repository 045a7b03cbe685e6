/* What /proc/timer_list says of what wakes the guest's kernel. */
#include "initrd/init/tick_device.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define BROADCAST                                                                                  \
    "Tick Device: mode:     1\nBroadcast device\nClock Event Device: <NULL>\n"                     \
    "tick_broadcast_mask: 0\ntick_broadcast_oneshot_mask: 0\n\n"
#define CPU(number) "Tick Device: mode:     1\nPer CPU device: " number "\nClock Event Device: "

static void the_first_cpu_s_device_is_read(void **state)
{
    struct tick_device device;

    (void)state;
    assert_true(tick_device_read(BROADCAST CPU("0") "lapic\n max_delta_ns:   34356715003\n"
                                                    " min_delta_ns:   1000\n"
                                                    " mult:           268435456\n"
                                                    " shift:          32\n mode:           3\n\n" //
                                 CPU("1") "other\n mult:           1\n shift:          0\n",
                                 &device));
    assert_string_equal(device.name, "lapic");
    assert_int_equal(device.hz, 62500000);
}

static void what_counts_at_no_rate_is_read(void **state)
{
    struct tick_device device;

    (void)state;
    assert_true(tick_device_read(CPU("0") "odd\n mode:           3\n", &device));
    assert_string_equal(device.name, "odd");
    assert_int_equal(device.hz, 0);
    assert_true(tick_device_read(CPU("0") "odd\n mult: 1\n shift: 64\n", &device));
    assert_int_equal(device.hz, 0);
    assert_true(tick_device_read(CPU("0") "odd\n mult: 4294967295\n shift: 0\n", &device));
    assert_true(device.hz == 4294967295000000000);
    assert_true(
        tick_device_read(CPU("0") "a-name-that-is-longer-than-there-is-room-for\n", &device));
    assert_string_equal(device.name, "a-name-that-is-longer-than-ther");
}

static void a_cpu_without_one_has_no_name(void **state)
{
    struct tick_device device = {.name = "old", .hz = 1};

    (void)state;
    assert_true(tick_device_read(BROADCAST CPU("0") "<NULL>\n", &device));
    assert_string_equal(device.name, "");
    assert_int_equal(device.hz, 0);
}

static void what_does_not_say_is_not_known(void **state)
{
    struct tick_device device;

    (void)state;
    assert_false(tick_device_read("", &device));
    assert_false(tick_device_read("Timer List Version: v0.9\n" BROADCAST, &device));
    assert_false(tick_device_read("Per CPU device: 0\n", &device));
    assert_false(tick_device_read("Per CPU device: 0\nClock Event Device: ", &device));
    assert_false(tick_device_read(CPU("1") "lapic\n", &device));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_cpu_s_device_is_read),
        cmocka_unit_test(what_counts_at_no_rate_is_read),
        cmocka_unit_test(a_cpu_without_one_has_no_name),
        cmocka_unit_test(what_does_not_say_is_not_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
