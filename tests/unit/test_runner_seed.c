/* Which seed a run has. */
#include "runner/seed.h"

#include "directory.h"

static void the_user_s_goes_before_the_suite_s_and_that_before_any(void **state)
{
    const struct suite silent = {0};
    const struct suite suite = {.has_seed = true, .seed = 7};
    (void)state;

    assert_int_equal(seed_for(&suite, true, 5), 5);
    assert_int_equal(seed_for(&suite, false, 5), 7);
    assert_int_equal(seed_for(&silent, false, 5), 5);
    assert_int_equal(seed_for(&silent, true, 5), 5);
}

static void nobody_s_is_not_twice_the_same(void **state)
{
    (void)state;
    assert_true(seed_random() != seed_random());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_user_s_goes_before_the_suite_s_and_that_before_any),
        cmocka_unit_test(nobody_s_is_not_twice_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
