/* What a kernel without ACPI asks of a plan: QEMU names each device on its command line. */
#include "runner/plan.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct world {
    char *directory;
    struct suite *suite;
    struct plan plan;
    struct error error;
};

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof *world);

    *state = world;
    world->directory = xstrdup("/tmp/duet-test-plan-XXXXXX");
    return mkdtemp(world->directory) ? 0 : -1;
}

static int teardown(void **state)
{
    struct world *world = *state;
    int code = fs_remove_tree(world->directory, NULL);

    plan_free(&world->plan);
    suite_free(world->suite);
    free(world->directory);
    free(world);
    return code;
}

/* A hub with `links` neighbours, and `cmdline` more bytes on the hub's command line. */
static void load(struct world *world, int links, size_t cmdline)
{
    cleanup_free char *path = xasprintf("%s/hub.yaml", world->directory);
    cleanup_buffer struct buffer text = {0};

    buffer_append_text(&text, "name: hub\nsummary: s\nnodes:\n  hub:\n    run: true\n");
    if (cmdline > 0)
        buffer_append_text(&text, "    cmdline: x=");
    for (size_t i = strlen(" x="); i < cmdline; i++)
        buffer_append(&text, "y", 1);
    buffer_append_text(&text, "\n");
    for (int i = 0; i < links; i++)
        buffer_printf(&text, "  n%d: {}\n", i);
    buffer_append_text(&text, "links:\n");
    for (int i = 0; i < links; i++)
        buffer_printf(&text, "  - {nodes: [hub, n%d], subnet: [10.0.%d.0/24, \"fd00:%d::/64\"]}\n",
                      i, i, i);
    assert_int_equal(fs_write(path, text.data, text.length, 0644, &world->error), 0);
    suite_free(world->suite);
    world->suite = NULL;
    if (suite_load(path, &world->suite, &world->error) < 0)
        fail_msg("%s", world->error.message);
}

static int make(struct world *world, bool no_acpi)
{
    struct plan_options options = {.suite_case = &world->suite->cases[0],
                                   .runtime_dir = "/run",
                                   .emulator = "qemu",
                                   .kernel = "vmlinux",
                                   .no_acpi = no_acpi,
                                   .accel = VM_ACCEL_TCG};

    plan_free(&world->plan);
    return plan_make(&options, &world->plan, &world->error);
}

static void machines_learn_of_their_kernel(void **state)
{
    struct world *world = *state;

    load(world, 1, 0);
    assert_int_equal(make(world, false), 0);
    assert_false(world->plan.machines[0].spec.no_acpi);
    assert_int_equal(make(world, true), 0);
    assert_true(world->plan.machines[0].spec.no_acpi);
    assert_true(world->plan.machines[1].spec.no_acpi);
}

static void links_that_a_machine_without_acpi_has_no_room_for(void **state)
{
    struct world *world = *state;

    load(world, VM_NICS_WITHOUT_ACPI, 0);
    assert_int_equal(make(world, true), 0);
    load(world, VM_NICS_WITHOUT_ACPI + 1, 0);
    assert_int_equal(make(world, false), 0);
    assert_int_equal(make(world, true), -E2BIG);
    assert_string_equal(world->error.message,
                        "node hub has 7 links, and with a kernel that has no ACPI a microvm takes "
                        "6 at most: use another kernel (--kernel debian)");
}

static void the_words_of_qemu_count(void **state)
{
    const size_t own = (VM_NICS_WITHOUT_ACPI + VM_OWN_DEVICES) * VM_DEVICE_WORD_MAX;
    struct world *world = *state;
    size_t length;

    load(world, VM_NICS_WITHOUT_ACPI, 0);
    assert_int_equal(make(world, false), 0);
    length = strlen(world->plan.machines[0].spec.cmdline);
    load(world, VM_NICS_WITHOUT_ACPI, PLAN_CMDLINE_MAX - length - own);
    assert_int_equal(make(world, true), 0);
    load(world, VM_NICS_WITHOUT_ACPI, PLAN_CMDLINE_MAX - length - own + 1);
    assert_int_equal(make(world, true), -E2BIG);
    assert_non_null(strstr(world->error.message, "has 2047 bytes and the kernel takes 2046"));
    assert_int_equal(make(world, false), 0);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(machines_learn_of_their_kernel),
        TEST(links_that_a_machine_without_acpi_has_no_room_for),
        TEST(the_words_of_qemu_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
