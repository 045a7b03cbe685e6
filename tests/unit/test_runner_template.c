/* Templates: one for each shape of machine, what becomes of it, and who is told. */
#include "template_fixture.h"

#include <errno.h>
#include <sys/stat.h>

/* One who waits for a template. */
struct asker {
    struct node_template *template;
    size_t known; /* how often it was told */
};

static void on_known(void *context)
{
    ((struct asker *)context)->known++;
}

static const struct vm_nic nics[] = {{.mac = "02:00:00:00:00:01", .socket_path = (char *)"a"},
                                     {.mac = "02:00:00:00:00:02", .socket_path = (char *)"b"}};
static const char kernel_digest[] = "feed";

static struct vm_spec machine_of(const struct fixture *fixture)
{
    return (struct vm_spec){.name = "c1-0-a",
                            .emulator = fixture->session.emulator,
                            .kernel = "/boot/image",
                            .initrd = "/cache/initrd",
                            .cmdline = "quiet",
                            .accel = VM_ACCEL_TCG,
                            .memory_bytes = 1 << 20,
                            .cpus = 1,
                            .nics = nics,
                            .nic_count = 1,
                            .console_path = "1.0.con",
                            .ctl_path = "1.0.ctl",
                            .io_path = "1.0.io"};
}

static void take_from(struct fixture *fixture, const struct vm_spec *machine, const char *digest,
                      struct asker *asker)
{
    const struct suite_case suite_case = {
        .name = (char *)"s",
        .tokens = {.result = (char *)"DUET_RESULT: ", .ready = (char *)"DUET_READY: "}};
    cleanup_free char *results = fixture_path(fixture, "results");

    asker->known = 0;
    asker->template = template_take(fixture->templates,
                                    &(struct template_request){.machine = machine,
                                                               .kernel_digest = digest,
                                                               .suite_case = &suite_case,
                                                               .run_directory = results},
                                    on_known, asker);
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

static void take(struct fixture *fixture, const struct vm_spec *machine, struct asker *asker)
{
    take_from(fixture, machine, kernel_digest, asker);
}

static void release(struct asker *asker)
{
    template_release(asker->template, asker);
}

/* -- Shapes ------------------------------------------------------------------------------------ */

static void machines_of_one_shape_have_one_template(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct asker a, b, late;

    fixture_begin(fixture, false);
    take(fixture, &machine, &a);
    machine.name = "c2-1-b";
    machine.console_path = machine.ctl_path = machine.io_path = "others";
    machine.nics = &(struct vm_nic){.mac = "02:00:00:00:00:01", .server = true};
    take(fixture, &machine, &b);
    assert_ptr_equal(a.template, b.template);
    assert_int_equal(fixture->host.count, 1);
    assert_int_equal(template_state(a.template), TEMPLATE_BOOTING);
    assert_int_equal(a.known, 0);

    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_int_equal(template_state(a.template), TEMPLATE_READY);
    assert_int_equal(a.known, 1);
    assert_int_equal(b.known, 1);
    assert_non_null(template_snapshot(a.template));
    take(fixture, &machine, &late);
    assert_ptr_equal(late.template, a.template);
    assert_int_equal(late.known, 0); /* it is known already */
    assert_string_equal(fixture_said(fixture), "");
    assert_true(directory_has(fixture->directory, "results/templates/1/domain.xml"));
    assert_false(directory_has(fixture->directory, "results/templates/2"));
    release(&a);
    release(&b);
    release(&late);
}

static void whatever_a_guest_can_see_is_its_shape(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec one = machine_of(fixture);
    struct vm_spec others[] = {one, one, one, one, one, one, one, one, one};
    struct asker askers[array_size(others)];
    struct asker first, other_kernel;
    size_t n = 0;

    others[n++].memory_bytes = 2 << 20;
    others[n++].cpus = 2;
    others[n++].cmdline = "loud";
    others[n++].initrd = "/cache/another";
    others[n++].nic_count = 2;
    others[n++].nics = &nics[1];
    others[n++].no_acpi = true;
    others[n++].accel = VM_ACCEL_KVM;
    others[n++].emulator = "/usr/bin/another";
    assert_int_equal(n, array_size(others));
    fixture_begin(fixture, false);
    take(fixture, &one, &first);
    take_from(fixture, &one, "dead", &other_kernel);
    assert_ptr_not_equal(other_kernel.template, first.template);
    for (size_t i = 0; i < n; i++) {
        take(fixture, &others[i], &askers[i]);
        assert_int_equal(fixture->host.count, i + 3);
    }
    for (size_t i = 0; i < n; i++)
        release(&askers[i]);
    release(&first);
    release(&other_kernel);
}

/* libvirt may know an ended machine's name for a while yet. */
static void no_two_templates_of_an_invocation_have_one_name(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct asker asker;
    char *names[2];

    for (size_t suite = 0; suite < array_size(names); suite++) {
        fixture_begin(fixture, false);
        take(fixture, &machine, &asker);
        names[suite] = xstrdup(fixture_machine(fixture)->name);
        assert_string_equal(template_directory(asker.template), "templates/1");
        release(&asker);
        fixture_finish(fixture);
    }
    assert_string_not_equal(names[0], names[1]);
    for (size_t suite = 0; suite < array_size(names); suite++)
        free(names[suite]);
}

static void who_released_it_is_not_told(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct asker gone, stays;

    fixture_begin(fixture, false);
    take(fixture, &machine, &gone);
    take(fixture, &machine, &stays);
    release(&gone);
    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_int_equal(gone.known, 0);
    assert_int_equal(stays.known, 1);
    release(&stays);
}

static void the_eight_that_were_used_last_are_kept(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct asker asker;

    fixture_begin(fixture, false);
    for (unsigned int cpus = 1; cpus <= 9; cpus++) {
        machine.cpus = cpus;
        take(fixture, &machine, &asker);
        fixture_machine_is_saved(fixture, fixture_machine(fixture));
        release(&asker);
        machine.cpus = 1; /* used again, so the second is the oldest */
        take(fixture, &machine, &asker);
        release(&asker);
    }
    assert_int_equal(fixture->host.count, 9);
    for (unsigned int cpus = 9; cpus > 2; cpus--) {
        machine.cpus = cpus;
        take(fixture, &machine, &asker);
        release(&asker);
    }
    assert_int_equal(fixture->host.count, 9);
    machine.cpus = 2;
    take(fixture, &machine, &asker);
    assert_int_equal(fixture->host.count, 10);
    release(&asker);
}

static void those_in_use_are_kept_however_many(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct asker askers[10];

    fixture_begin(fixture, false);
    for (size_t i = 0; i < array_size(askers); i++) {
        machine.cpus = (unsigned int)i + 1;
        take(fixture, &machine, &askers[i]);
        fixture_machine_is_saved(fixture, fixture_machine(fixture));
    }
    release(&askers[9]);
    for (size_t i = 0; i < 9; i++)
        assert_non_null(template_snapshot(askers[i].template));
    for (size_t i = 0; i < 9; i++)
        release(&askers[i]);
}

/* -- What becomes of one ----------------------------------------------------------------------- */

static void a_guest_that_does_not_boot_is_told_to_all(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct asker early, late;
    struct vm *vm;

    fixture_begin(fixture, false);
    take(fixture, &machine, &early);
    vm = fixture_machine(fixture);
    machine_starts(vm);
    guest_prints(vm, "[    0.500000] Kernel panic - not syncing: no memory\n");
    machine_ends(vm, VM_END_POWEROFF, 0, 0);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    take(fixture, &machine, &late);
    assert_ptr_equal(early.template, late.template);
    assert_int_equal(fixture->host.count, 1);
    assert_int_equal(early.known, 1);
    assert_int_equal(late.known, 0);
    assert_int_equal(template_state(late.template), TEMPLATE_FAILED);
    assert_int_equal(template_verdict(late.template), VERDICT_PANIC);
    assert_string_equal(template_reason(late.template), "Kernel panic - not syncing: no memory");
    assert_non_null(strstr(template_console(late.template)->data, "no memory"));
    assert_true(template_is_news(early.template));
    assert_false(template_is_news(late.template));
    assert_string_equal(fixture_said(fixture), ""); /* that is the cases' to say */
    release(&early);
    release(&late);
}

/* A machine ends as told; its case boots instead, and others of its shape do not even try. Those of
 * another do, and where that ends alike nothing more is said. */
static void refuses(struct fixture *fixture, struct vm *vm, enum vm_end end, const char *reason)
{
    struct vm_spec machine = machine_of(fixture);
    cleanup_free char *word =
        xasprintf("duet: nodes of a kind are booted instead of forked: %s\n", reason);
    struct asker asker, other;

    machine_ends(vm, end, -1, 0);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_string_equal(fixture_said(fixture), word);
    take(fixture, &machine, &asker);
    assert_int_equal(template_state(asker.template), TEMPLATE_REFUSED);
    assert_string_equal(template_reason(asker.template), reason);
    assert_int_equal(asker.known, 0);
    assert_int_equal(fixture->host.count, 1);
    machine.cpus = 2;
    take(fixture, &machine, &other);
    assert_int_equal(template_state(other.template), TEMPLATE_BOOTING);
    fixture_machine(fixture)->gone.message = (char *)reason;
    machine_ends(fixture_machine(fixture), VM_END_START_FAILED, -1, 0);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_int_equal(template_state(other.template), TEMPLATE_REFUSED);
    assert_string_equal(fixture_said(fixture), "");
    release(&asker);
    release(&other);
}

static void a_qemu_that_does_not_save_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct error error;
    struct asker asker;
    struct vm *vm;

    fixture->host.on_request = NULL;
    fixture_begin(fixture, false);
    take(fixture, &machine, &asker);
    vm = fixture_machine(fixture);
    machine_starts(vm);
    guest_is_ready(vm);
    error_set(&error, EOPNOTSUPP, "QEMU has no x-ignore-shared");
    vm->saved(vm->context, &error);
    refuses(fixture, vm, VM_END_STOPPED, "QEMU has no x-ignore-shared");
    assert_int_equal(template_state(asker.template), TEMPLATE_REFUSED);
    assert_int_equal(asker.known, 1);
    release(&asker);
}

static void a_qemu_that_does_not_start_is_told_once(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct asker asker;

    fixture_begin(fixture, false);
    take(fixture, &machine, &asker);
    fixture_machine(fixture)->gone.message = (char *)"share=on is not known";
    refuses(fixture, fixture_machine(fixture), VM_END_START_FAILED, "share=on is not known");
    release(&asker);
}

/* It hangs where no guest has begun to run, or ran to its end: nobody else's time runs there. */
static void a_qemu_that_hangs_is_given_up(void **state)
{
    for (int saves = 0; saves < 2; saves++) {
        struct fixture *fixture = *state;
        const struct vm_spec machine = machine_of(fixture);
        cleanup_free char *reason = NULL;
        struct asker asker;

        reason = xasprintf("a template was %s for 120 s", saves ? "being saved" : "starting");
        fixture_begin(fixture, false);
        take(fixture, &machine, &asker);
        if (saves) {
            machine_starts(fixture_machine(fixture));
            guest_is_ready(fixture_machine(fixture));
        }
        virtual_time_pass(fixture->loop, 119 * NS_PER_S);
        assert_int_equal(template_state(asker.template), TEMPLATE_BOOTING);
        virtual_time_pass(fixture->loop, 2 * NS_PER_S);
        assert_int_equal(template_state(asker.template), TEMPLATE_REFUSED);
        assert_string_equal(template_reason(asker.template), reason);
        release(&asker);
        fixture_tear_down(state);
        fixture_set_up(state);
    }
}

static void evidence_that_cannot_be_written_is_a_refusal(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    struct asker asker;

    directory_write(fixture->directory, "results/templates", "", 0644);
    fixture_begin(fixture, false);
    take(fixture, &machine, &asker);
    assert_int_equal(template_state(asker.template), TEMPLATE_REFUSED);
    assert_int_equal(fixture->host.count, 0);
    assert_non_null(strstr(fixture_said(fixture), "results/templates"));
    release(&asker);
}

/* The others are, whenever they come; and those who have it may look at it still. */
static void a_fork_that_cannot_be_made_ends_those_of_its_shape(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct asker refused, again, boots, later;

    fixture_begin(fixture, false);
    take(fixture, &machine, &refused);
    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    machine.cpus = 2;
    take(fixture, &machine, &boots);
    template_refuse(refused.template, "no -incoming");
    template_refuse(refused.template, "no -incoming again");
    assert_string_equal(fixture_said(fixture),
                        "duet: nodes of a kind are booted instead of forked: no -incoming\n");
    assert_int_equal(template_state(refused.template), TEMPLATE_REFUSED);
    assert_non_null(template_snapshot(refused.template));
    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_int_equal(template_state(boots.template), TEMPLATE_READY);
    machine.cpus = 1;
    take(fixture, &machine, &again);
    assert_int_equal(template_state(again.template), TEMPLATE_REFUSED);
    machine.cpus = 3;
    take(fixture, &machine, &later);
    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_int_equal(template_state(later.template), TEMPLATE_READY);
    assert_string_equal(fixture_said(fixture), "");
    release(&refused);
    release(&again);
    release(&boots);
    release(&later);
}

/* -- Memory ------------------------------------------------------------------------------------ */

static void put_meminfo(const struct fixture *fixture, const char *text)
{
    fixture_make_directory(fixture, "root/proc");
    directory_write(fixture->directory, "root/proc/meminfo", text, 0644);
}

static void without_memory_its_ram_is_on_the_disk(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    cleanup_free char *root = fixture_path(fixture, "root");
    cleanup_free char *word =
        xasprintf("duet: the memory of a template goes to the disk, in %s: it wants 1 MiB, and "
                  "there are 0 MiB that may be used\n",
                  fixture->session.cache_dir);
    struct asker asker;
    struct stat info;

    fixture->options.root = root;
    for (int reuse = 0; reuse < 3; reuse++) { /* the second time it is stored, then loaded */
        put_meminfo(fixture, "MemAvailable: 1000 kB\n");
        fixture_begin(fixture, reuse > 0);
        take(fixture, &machine, &asker);
        if (reuse < 2)
            fixture_machine_is_saved(fixture, fixture_machine(fixture));
        assert_string_equal(fixture_said(fixture), word);
        assert_int_equal(template_state(asker.template), TEMPLATE_READY);
        assert_int_equal(fstat(template_snapshot(asker.template)->ram, &info), 0);
        assert_true(info.st_blocks * 512 >= 1 << 20);
        assert_int_equal(info.st_nlink, 0);
        release(&asker);
        fixture_finish(fixture);
    }
    put_meminfo(fixture, "MemAvailable: 2000 kB\n");
    fixture_begin(fixture, false);
    take(fixture, &machine, &asker);
    fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_string_equal(fixture_said(fixture), "");
    assert_int_equal(fstat(template_snapshot(asker.template)->ram, &info), 0);
    assert_true(info.st_blocks * 512 < 1 << 20);
    release(&asker);
}

static void without_memory_and_disk_nodes_boot(void **state)
{
    struct fixture *fixture = *state;
    const struct vm_spec machine = machine_of(fixture);
    cleanup_free char *root = fixture_path(fixture, "root");
    struct asker asker;

    fixture->options.root = root;
    put_meminfo(fixture, "MemAvailable: 1000 kB\n");
    assert_int_equal(rmdir(fixture->session.cache_dir), 0);
    fixture_begin(fixture, false);
    take(fixture, &machine, &asker);
    assert_int_equal(template_state(asker.template), TEMPLATE_REFUSED);
    assert_non_null(strstr(fixture_said(fixture), "nodes of a kind are booted instead of forked: "
                                                  "cannot make a file in "));
    release(&asker);
}

/* -- The end ----------------------------------------------------------------------------------- */

static void what_boots_at_the_end_is_stopped_without_a_word(void **state)
{
    for (int moment = 0; moment < 3; moment++) {
        struct fixture *fixture = *state;
        const struct vm_spec machine = machine_of(fixture);
        struct asker asker;

        fixture_begin(fixture, false);
        take(fixture, &machine, &asker);
        if (moment > 0)
            machine_starts(fixture_machine(fixture));
        if (moment > 1)
            guest_is_ready(fixture_machine(fixture));
        release(&asker);
        fixture_finish(fixture);
        assert_null(fixture->host.machines[0]);
        assert_string_equal(fixture_said(fixture), "");
        fixture_tear_down(state);
        fixture_set_up(state);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(machines_of_one_shape_have_one_template),
        TEST(whatever_a_guest_can_see_is_its_shape),
        TEST(no_two_templates_of_an_invocation_have_one_name),
        TEST(who_released_it_is_not_told),
        TEST(the_eight_that_were_used_last_are_kept),
        TEST(those_in_use_are_kept_however_many),
        TEST(a_guest_that_does_not_boot_is_told_to_all),
        TEST(a_qemu_that_does_not_save_is_told_once),
        TEST(a_qemu_that_does_not_start_is_told_once),
        TEST(a_qemu_that_hangs_is_given_up),
        TEST(evidence_that_cannot_be_written_is_a_refusal),
        TEST(a_fork_that_cannot_be_made_ends_those_of_its_shape),
        TEST(without_memory_its_ram_is_on_the_disk),
        TEST(without_memory_and_disk_nodes_boot),
        TEST(what_boots_at_the_end_is_stopped_without_a_word),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
