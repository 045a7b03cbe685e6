/* Templates that outlive a run: when one is taken, when it is not, and how many are kept. */
#include "template_fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { RAM_SIZE = 1 << 20 };

static void on_known(void *context)
{
    (void)context;
}

static struct vm_spec machine_of(const struct fixture *fixture)
{
    return (struct vm_spec){.name = "c1-0-a",
                            .emulator = fixture->session.emulator,
                            .kernel = "/boot/image",
                            .initrd = "/cache/initrd",
                            .cmdline = "quiet",
                            .accel = VM_ACCEL_TCG,
                            .memory_bytes = RAM_SIZE,
                            .cpus = 1,
                            .console_path = "1.0.con",
                            .ctl_path = "1.0.ctl",
                            .io_path = "1.0.io"};
}

static struct node_template *take(struct fixture *fixture, const struct vm_spec *machine)
{
    const struct suite_case suite_case = {
        .name = (char *)"s",
        .tokens = {.result = (char *)"DUET_RESULT: ", .ready = (char *)"DUET_READY: "}};
    cleanup_free char *results = fixture_path(fixture, "results");

    return template_take(fixture->templates,
                         &(struct template_request){.machine = machine,
                                                    .kernel_digest = "feed",
                                                    .suite_case = &suite_case,
                                                    .run_directory = results},
                         on_known, fixture);
}

/* One run with --reuse-templates, that needs one template. Whether it booted it. */
static bool run(struct fixture *fixture, const struct vm_spec *machine)
{
    size_t machines = fixture->host.count;
    struct node_template *template;
    bool booted;

    fixture_begin(fixture, true);
    template = take(fixture, machine);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    booted = fixture->host.count > machines;
    if (booted)
        fixture_machine_is_saved(fixture, fixture_machine(fixture));
    assert_int_equal(template_state(template), TEMPLATE_READY);
    template_release(template, fixture);
    fixture_finish(fixture);
    return booted;
}

/* How many are in the cache; *path is one of them, which the caller frees. */
static size_t kept(const struct fixture *fixture, char **path)
{
    cleanup_free char *parent = fixture_path(fixture, "cache/templates");
    DIR *directory = opendir(parent);
    struct dirent *entry;
    size_t count = 0;

    if (!directory)
        return 0;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        if (path && count == 0)
            *path = xasprintf("%s/%s", parent, entry->d_name);
        count++;
    }
    closedir(directory);
    return count;
}

/* -- What is taken ----------------------------------------------------------------------------- */

static void what_one_run_keeps_another_takes(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct node_template *template;
    char memory[7] = {0}, devices[8] = {0};

    assert_true(run(fixture, &machine));
    assert_int_equal(kept(fixture, NULL), 1);
    assert_false(run(fixture, &machine));
    fixture_begin(fixture, true);
    template = take(fixture, &machine);
    assert_int_equal(template_state(template), TEMPLATE_BOOTING);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_int_equal(template_state(template), TEMPLATE_READY);
    assert_int_equal(pread(template_snapshot(template)->ram, memory, 6, 4096), 6);
    assert_string_equal(memory, "memory");
    assert_int_equal(pread(template_snapshot(template)->state, devices, 7, 0), 7);
    assert_string_equal(devices, "devices");
    template_release(template, fixture);
    assert_false(directory_has(fixture->directory, "results/templates/2"));
    assert_string_equal(fixture_said(fixture), "");
}

static void without_the_option_nothing_is_kept_or_taken(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct node_template *template;

    for (int earlier = 0; earlier < 2; earlier++) {
        fixture_begin(fixture, false);
        template = take(fixture, &machine);
        fixture_machine_is_saved(fixture, fixture_machine(fixture));
        assert_int_equal(template_state(template), TEMPLATE_READY);
        template_release(template, fixture);
        fixture_finish(fixture);
        assert_int_equal(kept(fixture, NULL), earlier);
        assert_int_equal(run(fixture, &machine), earlier == 0);
    }
}

/* An image of one run has the name of its contents, below a directory that is another each time. */
static void an_image_is_known_by_its_name(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    cleanup_free char *one = fixture_path(fixture, "run/images/cafe");
    char *other = NULL;

    machine.initrd = one;
    assert_true(run(fixture, &machine));
    free((void *)fixture->session.rundir.path);
    fixture->session.rundir.path = fixture_path(fixture, "next");
    fixture_make_directory(fixture, "next");
    machine.initrd = other = fixture_path(fixture, "next/images/cafe");
    assert_false(run(fixture, &machine));
    free(other);
    machine.initrd = other = fixture_path(fixture, "next/images/beef");
    assert_true(run(fixture, &machine));
    free(other);
}

static void another_qemu_or_libvirt_has_others(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);

    assert_true(run(fixture, &machine));
    directory_write(fixture->directory, "qemu", "a program!", 0755);
    assert_true(run(fixture, &machine));
    directory_write(fixture->directory, "qemu", "a program", 0755);
    assert_false(run(fixture, &machine));
    strcpy(fixture->session.libvirt_version, "9.0.1");
    assert_true(run(fixture, &machine));
    machine.accel = VM_ACCEL_KVM;
    assert_true(run(fixture, &machine));
    assert_false(run(fixture, &machine));
    assert_int_equal(kept(fixture, NULL), 4);
}

/* -- What is not taken ------------------------------------------------------------------------- */

static void change(const char *path, off_t at, const char *bytes)
{
    cleanup_fd int fd = open(path, O_RDWR | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
}

static void cut(const char *path, off_t length)
{
    assert_int_equal(truncate(path, length), 0);
}

static void one_that_was_altered_is_made_anew(void **state)
{
    static const struct {
        const char *file;
        off_t at;
        const char *bytes; /* NULL: cut there, at 0 removed */
    } changes[] = {
        {"ram", 4097, "E"}, {"ram", RAM_SIZE / 2, NULL}, {"ram", 0, NULL},    {"state", 0, "D"},
        {"state", 3, NULL}, {"state", 0, NULL},          {"digest", 5, "xy"}, {"digest", 0, NULL},
    };
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);

    assert_true(run(fixture, &machine));
    for (size_t i = 0; i < array_size(changes); i++) {
        cleanup_free char *directory = NULL, *path = NULL;
        const char *said;

        assert_int_equal(kept(fixture, &directory), 1);
        path = xasprintf("%s/%s", directory, changes[i].file);
        if (changes[i].bytes)
            change(path, changes[i].at, changes[i].bytes);
        else if (changes[i].at > 0)
            cut(path, changes[i].at);
        else
            assert_int_equal(unlink(path), 0);
        assert_true(run(fixture, &machine));
        said = fixture_said(fixture);
        assert_non_null(strstr(said, "duet: a template that was kept is not used: "));
        assert_non_null(strstr(said, directory));
        assert_non_null(strstr(said, "; it is made anew\n"));
        assert_false(run(fixture, &machine));
        assert_string_equal(fixture_said(fixture), "");
    }
}

static void a_cache_that_cannot_be_written_keeps_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);

    directory_write(fixture->directory, "cache/templates", "a file", 0644);
    assert_true(run(fixture, &machine));
    assert_non_null(
        strstr(fixture_said(fixture), "duet: a template cannot be kept for later runs: "));
}

/* Two templates are waited for, and one fails: the other is not worth the wait, nor whole. */
static void what_is_stopped_is_not_kept(void **state)
{
    for (int moment = 0; moment < 3; moment++) {
        struct fixture *fixture = *state;
        struct vm_spec machine = machine_of(fixture);
        struct node_template *template;

        fixture_begin(fixture, true);
        template = take(fixture, &machine);
        if (moment > 0) {
            virtual_time_pass(fixture->loop, NS_PER_MS);
            machine_starts(fixture_machine(fixture));
        }
        if (moment > 1)
            guest_is_ready(fixture_machine(fixture));
        template_release(template, fixture);
        fixture_finish(fixture);
        assert_int_equal(fixture->host.count, moment > 0);
        assert_int_equal(kept(fixture, NULL), 0);
        assert_string_equal(fixture_said(fixture), "");
        fixture_tear_down(state);
        fixture_set_up(state);
    }
}

/* It will do for this run, whose host is busy, or whose QEMU cannot be reset. */
static void a_guest_with_a_wrong_timer_is_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct node_template *template;
    struct error error;
    struct vm *vm;

    fixture_begin(fixture, true);
    template = take(fixture, &machine);
    virtual_time_pass(fixture->loop, NS_PER_MS);
    vm = fixture_machine(fixture);
    machine_starts(vm);
    guest_is_ready_with(vm, "lapic", 65000000);
    error_set(&error, EOPNOTSUPP, "QEMU refused set-action");
    fake_done(vm, &error);
    fixture_is_saved(fixture, vm);
    assert_int_equal(template_state(template), TEMPLATE_READY);
    template_release(template, fixture);
    fixture_finish(fixture);
    assert_int_equal(kept(fixture, NULL), 0);
    assert_true(run(fixture, &machine));
    assert_int_equal(kept(fixture, NULL), 1);
}

static void an_interruption_is_no_reason_against_forks(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);
    struct node_template *template;

    fixture_begin(fixture, true);
    template = take(fixture, &machine);
    fixture->session.cancel_seen = true;
    virtual_time_pass(fixture->loop, NS_PER_MS);
    assert_int_equal(template_state(template), TEMPLATE_REFUSED);
    assert_int_equal(fixture->host.count, 0);
    assert_string_equal(fixture_said(fixture), "");
    template_release(template, fixture);
}

/* -- What is kept ------------------------------------------------------------------------------ */

/* Has all that is in the cache look as if it had been used `ago_s` seconds ago, or before. */
static void age(const struct fixture *fixture, time_t ago_s)
{
    cleanup_free char *parent = fixture_path(fixture, "cache/templates");
    const time_t then = time(NULL) - ago_s;
    DIR *directory = opendir(parent);
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory))) {
        cleanup_free char *path = xasprintf("%s/%s", parent, entry->d_name);
        const struct timespec times[2] = {{.tv_sec = then}, {.tv_sec = then}};
        struct stat info;

        assert_int_equal(stat(path, &info), 0);
        if (entry->d_name[0] != '.' && info.st_mtime > then)
            assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    }
    closedir(directory);
}

static void the_eight_that_were_used_last_stay(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);

    for (unsigned int cpus = 1; cpus <= 8; cpus++) {
        machine.cpus = cpus;
        assert_true(run(fixture, &machine));
        age(fixture, (time_t)(1000 - cpus));
    }
    assert_int_equal(kept(fixture, NULL), 8);
    machine.cpus = 1; /* used now, so the second is the oldest */
    assert_false(run(fixture, &machine));
    age(fixture, 500);
    machine.cpus = 9;
    assert_true(run(fixture, &machine));
    assert_int_equal(kept(fixture, NULL), 8);
    for (machine.cpus = 1; machine.cpus <= 9; machine.cpus++)
        if (machine.cpus != 2)
            assert_false(run(fixture, &machine));
    machine.cpus = 2;
    assert_true(run(fixture, &machine));
}

/* One that a run which was killed had begun; a run that lives may be at another. */
static void what_was_never_finished_goes(void **state)
{
    struct fixture *fixture = *state;
    struct vm_spec machine = machine_of(fixture);

    fixture_make_directory(fixture, "cache/templates/cafe.old");
    age(fixture, 3600);
    fixture_make_directory(fixture, "cache/templates/cafe.new");
    assert_true(run(fixture, &machine));
    assert_false(directory_has(fixture->directory, "cache/templates/cafe.old"));
    assert_true(directory_has(fixture->directory, "cache/templates/cafe.new"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_one_run_keeps_another_takes),
        TEST(without_the_option_nothing_is_kept_or_taken),
        TEST(an_image_is_known_by_its_name),
        TEST(another_qemu_or_libvirt_has_others),
        TEST(one_that_was_altered_is_made_anew),
        TEST(a_cache_that_cannot_be_written_keeps_nothing),
        TEST(what_is_stopped_is_not_kept),
        TEST(a_guest_with_a_wrong_timer_is_not_kept),
        TEST(an_interruption_is_no_reason_against_forks),
        TEST(the_eight_that_were_used_last_stay),
        TEST(what_was_never_finished_goes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
