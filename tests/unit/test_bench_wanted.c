/* What is wanted of duet's measures: the table, its bounds, and docs/bench.md. */
#include "bench/wanted.h"

#include "base/base.h"
#include "tests/unit/source_tree.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct wanted *find(const char *name)
{
    const struct wanted *wanted = wanted_find(name);

    assert_non_null(wanted);
    return wanted;
}

static void bounds_are_kept_up_to_themselves(void **state)
{
    const struct wanted *most = find("start.cold_vs_hand"), *least = find("link.guest_vs_direct");
    (void)state;

    assert_true(wanted_is_met(most, 99, 1.25));
    assert_false(wanted_is_met(most, 0, 1.2501));
    assert_true(wanted_is_met(least, 0, 0.6));
    assert_false(wanted_is_met(least, 99, 0.5999));
    assert_false(wanted_is_met(most, 1, NAN));
    assert_false(wanted_is_met(least, 1, NAN));
}

static void bounds_of_values_look_at_values(void **state)
{
    const struct wanted *most = find("start.fork_s"), *least = find("console.drain");
    (void)state;

    assert_true(wanted_is_met(most, 0.5, NAN));
    assert_false(wanted_is_met(most, 0.51, 0));
    assert_true(wanted_is_met(least, 500, NAN));
    assert_false(wanted_is_met(least, 499.9, 1e9));
}

static void assert_text(const char *name, const char *expected)
{
    cleanup_free char *text = wanted_text(find(name));

    if (expected)
        assert_string_equal(text, expected);
    else
        assert_null(text);
}

static void what_is_wanted_is_said(void **state)
{
    (void)state;

    assert_text("link.guest_vs_direct", "ratio >= 0.6");
    assert_text("kernel.small_vs_debian", "ratio <= 0.45");
    assert_text("console.memory_kb", "ratio <= 1.25");
    assert_text("control.messages_s", ">= 200000 1/s");
    assert_text("soak.not_passed", "<= 0 pairs");
    assert_text("fidelity.loss_1.duet", "within the 99.9 % bounds");
    assert_text("control.ping_us", NULL);
}

static void a_measure_is_in_the_table_once(void **state)
{
    size_t count;
    const struct wanted *all = wanted_all(&count);
    (void)state;

    for (size_t i = 0; i < count; i++) {
        assert_true(all[i].unit && all[i].what);
        assert_ptr_equal(wanted_find(all[i].name), &all[i]);
        assert_int_equal(all[i].kind == WANTED_BY_PROGRAM, all[i].text != NULL);
    }
    assert_null(wanted_find("start"));
}

/* -- docs/bench.md ----------------------------------------------------------------------------- */

static void describe(struct buffer *out)
{
    size_t count;
    const struct wanted *all = wanted_all(&count);

    buffer_append_text(out, "| measure | unit | wanted | what |\n| --- | --- | --- | --- |\n");
    for (size_t i = 0; i < count; i++) {
        cleanup_free char *text = wanted_text(&all[i]);

        buffer_printf(out, "| `%s` | %s | %s | %s |\n", all[i].name, all[i].unit, text ? text : "",
                      all[i].what);
    }
}

static void the_documentation_has_the_same_table(void **state)
{
    cleanup_free char *path = source_tree_path("docs/bench.md");
    cleanup_buffer struct buffer document = {0}, described = {0};
    struct error error;
    (void)state;

    if (fs_read(path, 1 << 20, &document, &error) < 0)
        fail_msg("%s", error.message);
    describe(&described);
    if (!strstr(document.data, described.data))
        fail_msg("docs/bench.md lacks what `test_bench_wanted --describe` prints:\n%s",
                 described.data);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_kept_up_to_themselves),
        cmocka_unit_test(bounds_of_values_look_at_values),
        cmocka_unit_test(what_is_wanted_is_said),
        cmocka_unit_test(a_measure_is_in_the_table_once),
        cmocka_unit_test(the_documentation_has_the_same_table),
    };

    /* What docs/bench.md should have, to be put there. */
    if (argc == 2 && strcmp(argv[1], "--describe") == 0) {
        cleanup_buffer struct buffer described = {0};

        describe(&described);
        return fwrite(described.data, 1, described.length, stdout) == described.length ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
