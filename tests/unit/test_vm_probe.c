/* Does KVM start a guest? Asked with emulators that are shell scripts, and a device that opens. */
#include "vm/vm.h"

#include "directory.h"
#include "virtual_time.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

struct fixture {
    struct loop *loop;
    char *directory, *emulator;
    struct vm_probe_options options;
    struct vm_probe probe;
    struct error error;
};

/* An emulator that notes its command line and process, then does what `script` says. */
static void use_emulator(struct fixture *fixture, const char *script)
{
    cleanup_free char *text = xasprintf("#!/bin/sh\necho \"$*\" >>%s/calls\necho $$ >%s/pid\n%s\n",
                                        fixture->directory, fixture->directory, script);

    directory_write(fixture->directory, "emulator", text, 0755);
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    assert_int_equal(loop_new(&fixture->loop, &fixture->error), 0);
    fixture->directory = directory_make();
    fixture->emulator = xasprintf("%s/emulator", fixture->directory);
    fixture->options = (struct vm_probe_options){
        .kvm_device = "/dev/null",
        .cache_dir = fixture->directory,
        .runtime_dir = fixture->directory,
        .emulator = fixture->emulator,
        .kernel = "/boot/image",
        .kernel_digest = "aa",
        .initrd = "/boot/initrd",
        .ready_token = "DUET_READY: ",
    };
    virtual_time.real_waits = SIZE_MAX; /* time stands still */
    virtual_time.per_wait_ns = 0;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left, not even a dead one */
    assert_int_equal(errno, ECHILD);
    loop_free(fixture->loop);
    directory_remove(fixture->directory);
    free(fixture->emulator);
    free(fixture);
    return 0;
}

static int ask(struct fixture *fixture)
{
    return vm_probe_kvm(fixture->loop, &fixture->options, &fixture->probe, &fixture->error);
}

static size_t calls(const struct fixture *fixture)
{
    cleanup_free char *text = directory_read(fixture->directory, "calls");
    size_t count = 0;

    for (const char *at = text; at && *at; at++)
        count += *at == '\n';
    return count;
}

static void a_guest_that_gets_ready_means_kvm(void **state)
{
    struct fixture *fixture = *state;
    cleanup_free char *arguments = NULL;
    cleanup_free char *pidfile = xasprintf("-pidfile %s/probe.pid", fixture->directory);

    use_emulator(fixture, "echo booting; printf 'DUET_'; echo 'READY: {}'; exec sleep 1000");
    assert_int_equal(ask(fixture), 0);
    assert_true(fixture->probe.kvm);
    assert_false(fixture->probe.remembered);
    assert_string_equal(fixture->probe.reason, "a guest starts under KVM");
    arguments = directory_read(fixture->directory, "calls");
    assert_non_null(strstr(arguments, "-accel kvm"));
    assert_non_null(strstr(arguments, "-kernel /boot/image -initrd /boot/initrd"));
    assert_non_null(strstr(arguments, "panic=-1"));
    assert_non_null(strstr(arguments, pidfile)); /* how a sweep finds it */
}

static void a_guest_that_prints_nothing_means_none(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = virtual_time.now_ns;

    use_emulator(fixture, "exec sleep 1000");
    virtual_time.real_waits = 0;
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason,
                        "/dev/kvm opens, but a guest under it printed nothing for 3 s");
    assert_in_range(virtual_time.now_ns - before, 3 * NS_PER_S, 4 * NS_PER_S);
}

static void a_guest_that_falls_silent_means_none(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = virtual_time.now_ns;

    use_emulator(fixture, "printf 'one\\r\\nlast \\033[2Jwords\\r\\n\\n'; exec sleep 1000");
    virtual_time.real_waits = 1;
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason, "a guest under KVM stopped before it was ready; its "
                                               "last line: last ?[2Jwords");
    assert_in_range(virtual_time.now_ns - before, 4 * NS_PER_S, 5 * NS_PER_S);
}

static void an_emulator_that_ends_says_why(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo 'qemu: ioctl(KVM_CREATE_VM) failed: 16' >&2; exit 1");
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason,
                        "QEMU ended under KVM: qemu: ioctl(KVM_CREATE_VM) failed: 16");
}

/* Each line has 16 bytes, so that no read of 4096 ends within one. */
static void a_guest_that_never_stops_talking_means_none(void **state)
{
    struct fixture *fixture = *state;
    uint64_t before = virtual_time.now_ns;

    use_emulator(fixture, "while :; do echo still booting..; done");
    virtual_time.per_wait_ns = NS_PER_S;
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason, "a guest under KVM stopped before it was ready; its "
                                               "last line: still booting..");
    assert_in_range(virtual_time.now_ns - before, 60 * NS_PER_S, 62 * NS_PER_S);
}

/* A token between two reads, after more than is kept. */
static void a_token_behind_much_output_is_found(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "head -c 100000 /dev/zero | tr '\\0' x; printf DUET_REA; "
                          "echo 'DY: {}'; exec sleep 1000");
    assert_int_equal(ask(fixture), 0);
    assert_true(fixture->probe.kvm);
}

static void the_answer_is_remembered(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo no such luck; exit 1");
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.remembered);
    assert_int_equal(calls(fixture), 1);
    assert_int_equal(ask(fixture), 0);
    assert_true(fixture->probe.remembered);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason, "QEMU ended under KVM: no such luck");
    assert_int_equal(calls(fixture), 1);
}

static void a_good_answer_is_remembered_too(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo 'DUET_READY: {}'");
    assert_int_equal(ask(fixture), 0);
    assert_int_equal(ask(fixture), 0);
    assert_true(fixture->probe.kvm);
    assert_true(fixture->probe.remembered);
    assert_int_equal(calls(fixture), 1);
}

static void another_kernel_or_emulator_is_asked_again(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo 'DUET_READY: {}'");
    assert_int_equal(ask(fixture), 0);
    fixture->options.kernel_digest = "bb";
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.remembered);
    assert_int_equal(calls(fixture), 2);
    use_emulator(fixture, "echo another program; exit 1");
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.remembered);
    assert_false(fixture->probe.kvm);
    assert_int_equal(calls(fixture), 3);
}

static void a_memory_of_an_earlier_boot_is_none(void **state)
{
    struct fixture *fixture = *state;
    static const char *const memories[] = {
        "",
        "\n\n\n",
        "0000000000000000000000000000000000000000000000000000000000000000\nyes\nit did\n",
    };

    use_emulator(fixture, "exit 1");
    for (size_t i = 0; i < array_size(memories); i++) {
        directory_write(fixture->directory, "kvm", memories[i], 0644);
        assert_int_equal(ask(fixture), 0);
        assert_false(fixture->probe.remembered);
        assert_false(fixture->probe.kvm);
        assert_int_equal(calls(fixture), i + 1);
    }
}

static void an_answer_that_cannot_be_kept_holds(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo 'DUET_READY: {}'");
    fixture->options.cache_dir = "/proc/self/none";
    assert_int_equal(ask(fixture), 0);
    assert_true(fixture->probe.kvm);
    assert_int_equal(ask(fixture), 0);
    assert_int_equal(calls(fixture), 2);
}

static void a_host_without_the_device_needs_no_guest(void **state)
{
    struct fixture *fixture = *state;

    use_emulator(fixture, "echo 'DUET_READY: {}'");
    fixture->options.kvm_device = "/dev/no-such-device";
    assert_int_equal(ask(fixture), 0);
    assert_false(fixture->probe.kvm);
    assert_string_equal(fixture->probe.reason, "/dev/no-such-device: No such file or directory");
    assert_int_equal(calls(fixture), 0);
}

static void an_emulator_that_is_not_there_is_an_error(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(ask(fixture), -ENOENT);
    assert_non_null(strstr(fixture->error.message, fixture->emulator));
    directory_write(fixture->directory, "emulator", "", 0644);
    assert_int_equal(ask(fixture), -EACCES);
}

struct interruption {
    struct fixture *fixture;
    bool interrupted;
};

static void interrupt(void *context)
{
    struct interruption *interruption = context;

    interruption->interrupted = true;
    loop_stop(interruption->fixture->loop);
}

static void an_interrupted_probe_kills_its_guest(void **state)
{
    struct fixture *fixture = *state;
    struct interruption interruption = {.fixture = fixture};

    use_emulator(fixture, "exec sleep 1000");
    fixture->options.interrupted = &interruption.interrupted;
    loop_post(fixture->loop, interrupt, &interruption);
    assert_int_equal(ask(fixture), -EINTR);
    assert_false(directory_has(fixture->directory, "kvm"));
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_guest_that_gets_ready_means_kvm),
        TEST(a_guest_that_prints_nothing_means_none),
        TEST(a_guest_that_falls_silent_means_none),
        TEST(an_emulator_that_ends_says_why),
        TEST(a_guest_that_never_stops_talking_means_none),
        TEST(a_token_behind_much_output_is_found),
        TEST(the_answer_is_remembered),
        TEST(a_good_answer_is_remembered_too),
        TEST(another_kernel_or_emulator_is_asked_again),
        TEST(a_memory_of_an_earlier_boot_is_none),
        TEST(an_answer_that_cannot_be_kept_holds),
        TEST(a_host_without_the_device_needs_no_guest),
        TEST(an_emulator_that_is_not_there_is_an_error),
        TEST(an_interrupted_probe_kills_its_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
