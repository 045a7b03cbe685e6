/* The domain's XML, and what the kernel is told so that it boots. */
#include "vm/snapshot.h"

#include "base/memory.h"

#include "flat_xml.h"

#include <stdio.h>
#include <string.h>

static const struct vm_spec plain = {
    .name = "c1-0-entry",
    .emulator = "/usr/bin/qemu-system-x86_64",
    .kernel = "/boot/vmlinuz",
    .initrd = "/run/initrd",
    .cmdline = "console=ttyS0 quiet",
    .accel = VM_ACCEL_TCG,
    .memory_bytes = 268435456,
    .cpus = 3,
    .console_path = "/run/d/con",
    .ctl_path = "/run/d/ctl",
    .io_path = "/run/d/io",
};

static void read_xml(struct flat_xml *flat, const struct vm_spec *spec)
{
    cleanup_free char *xml = vm_domain_xml(spec);

    flat_xml_read(flat, xml);
}

static void assert_has(const struct flat_xml *flat, const char *line)
{
    if (!flat_xml_has(flat, line)) {
        for (size_t i = 0; i < flat->count; i++)
            print_message("%s\n", flat->lines[i]);
        fail_msg("no line \"%s\"", line);
    }
}

static size_t count_starting(const struct flat_xml *flat, const char *start)
{
    size_t count = 0;

    for (size_t i = 0; i < flat->count; i++)
        count += strncmp(flat->lines[i], start, strlen(start)) == 0;
    return count;
}

static void a_machine_has_what_its_spec_says(void **state)
{
    static const char *const lines[] = {
        "domain@type=qemu",
        "domain/name=c1-0-entry",
        "domain/memory@unit=b",
        "domain/memory=268435456",
        "domain/vcpu=3",
        "domain/os/type@machine=microvm",
        "domain/os/kernel=/boot/vmlinuz",
        "domain/os/initrd=/run/initrd",
        "domain/os/cmdline=console=ttyS0 quiet",
        "domain/on_reboot=destroy",
        "domain/on_poweroff=destroy",
        "domain/on_crash=destroy",
        "domain/devices/emulator=/usr/bin/qemu-system-x86_64",
        "domain/devices/serial/source@mode=connect",
        "domain/devices/serial/source@path=/run/d/con",
        "domain/devices/channel/source@path=/run/d/ctl",
        "domain/devices/channel/target@name=duet.ctl",
        "domain/devices/channel/source@path=/run/d/io",
        "domain/devices/channel/target@name=duet.io",
        "domain/devices/rng/backend=/dev/urandom",
        "domain/devices/memballoon@model=none",
    };
    struct flat_xml flat;

    (void)state;
    read_xml(&flat, &plain);
    for (size_t i = 0; i < array_size(lines); i++)
        assert_has(&flat, lines[i]);
    assert_int_equal(count_starting(&flat, "domain/qemu:commandline/"), 0);
    assert_int_equal(count_starting(&flat, "domain/devices/interface"), 0);
    flat_xml_free(&flat);
}

static void a_raw_port_is_there_when_asked_for(void **state)
{
    struct vm_spec spec = plain;
    struct flat_xml flat;

    (void)state;
    read_xml(&flat, &plain);
    assert_int_equal(count_starting(&flat, "domain/devices/channel/target@name="), 2);
    flat_xml_free(&flat);
    spec.raw_path = "/run/d/raw";
    read_xml(&flat, &spec);
    assert_has(&flat, "domain/devices/channel/source@path=/run/d/raw");
    assert_has(&flat, "domain/devices/channel/target@name=duet.raw");
    flat_xml_free(&flat);
}

static void a_kernel_without_acpi_gets_none(void **state)
{
    struct vm_spec spec = plain;
    cleanup_free char *with = vm_domain_xml(&spec);
    cleanup_free char *without = NULL;

    (void)state;
    spec.no_acpi = true;
    without = vm_domain_xml(&spec);
    assert_non_null(strstr(with, "<features><acpi/></features>"));
    assert_null(strstr(without, "acpi"));
}

static void each_accelerator_has_its_processor(void **state)
{
    struct vm_spec kvm = plain;
    struct flat_xml flat;

    (void)state;
    kvm.accel = VM_ACCEL_KVM;
    read_xml(&flat, &kvm);
    assert_has(&flat, "domain@type=kvm");
    assert_has(&flat, "domain/cpu@mode=host-passthrough");
    flat_xml_free(&flat);
    read_xml(&flat, &plain);
    assert_has(&flat, "domain/cpu@mode=maximum");
    assert_has(&flat, "domain/cpu/feature@name=la57");
    assert_has(&flat, "domain/cpu/feature@name=erms");
    assert_has(&flat, "domain/cpu/feature@policy=disable");
    flat_xml_free(&flat);
}

static void links_serve_or_connect(void **state)
{
    const struct vm_nic nics[] = {
        {.mac = "52:54:00:00:00:01", .socket_path = (char *)"/run/d/l0", .server = true},
        {.mac = "52:54:00:00:00:02", .socket_path = (char *)"/run/d/l1"},
    };
    struct vm_spec spec = plain;
    struct flat_xml flat;
    size_t first = 0;
    static const char *const arguments[] = {
        "-netdev", "stream,id=link0,server=on,addr.type=unix,addr.path=/run/d/l0",
        "-device", "virtio-net-device,netdev=link0,mac=52:54:00:00:00:01",
        "-netdev", "stream,id=link1,server=off,addr.type=unix,addr.path=/run/d/l1",
        "-device", "virtio-net-device,netdev=link1,mac=52:54:00:00:00:02",
    };

    (void)state;
    spec.nics = nics;
    spec.nic_count = array_size(nics);
    read_xml(&flat, &spec);
    assert_has(&flat, "domain@xmlns:qemu=http://libvirt.org/schemas/domain/qemu/1.0");
    while (strncmp(flat.lines[first], "domain/qemu:commandline", 23) != 0)
        first++;
    assert_int_equal(count_starting(&flat, "domain/qemu:commandline/"), array_size(arguments));
    for (size_t i = 0; i < array_size(arguments); i++) {
        cleanup_free char *line =
            xasprintf("domain/qemu:commandline/qemu:arg@value=%s", arguments[i]);

        assert_string_equal(flat.lines[first + i], line);
    }
    flat_xml_free(&flat);
}

static void assert_has_argument(const struct flat_xml *flat, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void assert_has_argument(const struct flat_xml *flat, const char *format, ...)
{
    char line[512] = "domain/qemu:commandline/qemu:arg@value=";
    size_t length = strlen(line);
    va_list args;

    va_start(args, format);
    vsnprintf(line + length, sizeof line - length, format, args);
    va_end(args);
    assert_has(flat, line);
}

/* The template's RAM is the snapshot's file; a fork writes to none but its own copy of it. */
static void a_template_shares_its_ram_and_a_fork_copies_it(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    struct vm_nic nic = {.mac = "02:00:00:00:00:01"};
    struct vm_spec spec = plain;
    char path[SNAPSHOT_PATH_SIZE];
    struct flat_xml flat;

    (void)state;
    assert_int_equal(vm_snapshot_new(spec.memory_bytes, NULL, &snapshot, NULL), 0);
    snapshot_fd_path(snapshot->ram, path);
    spec.nics = &nic;
    spec.nic_count = 1;
    spec.saves_to = snapshot;
    read_xml(&flat, &spec);
    assert_has_argument(&flat, "hubport,id=link0,hubid=0");
    assert_has_argument(&flat, "memory-backend-file,id=ram,size=268435456,mem-path=%s,share=on",
                        path);
    assert_has_argument(&flat, "memory-backend=ram");
    assert_int_equal(count_starting(&flat, "domain/qemu:commandline/qemu:arg@value=-incoming"), 0);
    flat_xml_free(&flat);
    spec.saves_to = NULL;
    spec.fork_of = snapshot;
    read_xml(&flat, &spec);
    assert_has_argument(&flat, "memory-backend-file,id=ram,size=268435456,mem-path=%s,share=off",
                        path);
    assert_has_argument(&flat, "-incoming");
    assert_has_argument(&flat, "defer");
    flat_xml_free(&flat);
    vm_snapshot_free(snapshot);
}

/* No name or path can be anything but a value, and each comes out as it went in. */
static void hostile_values_stay_values(void **state)
{
    static const char hostile[] = "/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>";
    const struct vm_nic nics[] = {{.mac = "52:54:00:00:00:01", .socket_path = (char *)hostile}};
    struct vm_spec spec = plain;
    struct flat_xml flat;

    (void)state;
    spec.name = spec.kernel = spec.initrd = spec.cmdline = spec.emulator = hostile;
    spec.console_path = spec.ctl_path = spec.io_path = hostile;
    spec.nics = nics;
    spec.nic_count = array_size(nics);
    read_xml(&flat, &spec);
    assert_has(&flat, "domain/name=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_has(&flat, "domain/os/kernel=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_has(&flat, "domain/os/initrd=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_has(&flat, "domain/os/cmdline=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_has(&flat, "domain/devices/emulator=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_has(&flat,
               "domain/devices/serial/source@path=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    assert_int_equal(count_starting(&flat, "domain/devices/channel/source@path=/tmp/<a b='c' "
                                           "d=\"e\">&amp;\t\n</name></domain>"),
                     2);
    assert_has(&flat, "domain/qemu:commandline/qemu:arg@value=stream,id=link0,server=off,"
                      "addr.type=unix,addr.path=/tmp/<a b='c' d=\"e\">&amp;\t\n</name></domain>");
    flat_xml_free(&flat);
}

/* QEMU's option syntax: a comma in a value is written twice. */
static void a_comma_in_a_link_path_starts_no_option(void **state)
{
    const struct vm_nic nics[] = {
        {.mac = "52:54:00:00:00:01", .socket_path = (char *)"/run/,x=y,,z,"}};
    struct vm_spec spec = plain;
    struct flat_xml flat;

    (void)state;
    spec.nics = nics;
    spec.nic_count = 1;
    read_xml(&flat, &spec);
    assert_has(&flat, "domain/qemu:commandline/qemu:arg@value=stream,id=link0,server=off,"
                      "addr.type=unix,addr.path=/run/,,x=y,,,,z,,");
    flat_xml_free(&flat);
}

static char *cmdline_base(enum vm_accel accel, uint64_t tsc_khz)
{
    struct buffer out = {0};

    vm_cmdline_base(accel, tsc_khz, &out);
    return buffer_steal(&out);
}

static void the_tsc_is_given_where_it_cannot_be_calibrated(void **state)
{
    cleanup_free char *tcg = cmdline_base(VM_ACCEL_TCG, 2400000);
    cleanup_free char *unknown = cmdline_base(VM_ACCEL_TCG, 0);
    cleanup_free char *kvm = cmdline_base(VM_ACCEL_KVM, 2400000);

    (void)state;
    assert_string_equal(tcg, "console=ttyS0 printk.time=1 panic=-1 reboot=t norandmaps "
                             "tsc_early_khz=2400000 tsc=reliable no_timer_check ");
    assert_string_equal(unknown, "console=ttyS0 printk.time=1 panic=-1 reboot=t norandmaps ");
    assert_string_equal(kvm, "console=ttyS0 printk.time=1 panic=-1 reboot=t ");
}

/* The closest of some pairs: on a busy host one measurement may be interrupted where it hurts. */
static void two_measurements_of_the_tsc_agree(void **state)
{
    double closest = 1;
    uint64_t first = vm_tsc_khz();

    (void)state;
#if defined(__x86_64__)
    for (int i = 0; i < 10 && closest > 0.01; i++) {
        uint64_t second = vm_tsc_khz();
        double apart = (double)second / (double)first - 1;

        closest = apart < 0 ? -apart : apart;
        first = second;
    }
    assert_true(closest <= 0.01);
    assert_in_range(first, 100000, 10000000); /* 100 MHz to 10 GHz */
#else
    assert_int_equal(first, 0);
    (void)closest;
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_has_what_its_spec_says),
        cmocka_unit_test(a_raw_port_is_there_when_asked_for),
        cmocka_unit_test(a_kernel_without_acpi_gets_none),
        cmocka_unit_test(each_accelerator_has_its_processor),
        cmocka_unit_test(links_serve_or_connect),
        cmocka_unit_test(a_template_shares_its_ram_and_a_fork_copies_it),
        cmocka_unit_test(hostile_values_stay_values),
        cmocka_unit_test(a_comma_in_a_link_path_starts_no_option),
        cmocka_unit_test(the_tsc_is_given_where_it_cannot_be_calibrated),
        cmocka_unit_test(two_measurements_of_the_tsc_agree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
