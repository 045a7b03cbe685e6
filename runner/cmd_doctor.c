/* duet doctor: every precondition, whether it holds, and how to mend it. */
#include "runner/commands.h"
#include "runner/session.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "base/process.h"
#include "initrd/initrd.h"

#include <argp.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum {
    MEMORY_WANTED_MB = 1024, /* two nodes of 256 MiB under TCG, with QEMU's own */
    DISK_WANTED_MB = 500,    /* a kernel package, unpacked */
    CHECKS_MAX = 16,
};

enum state { STATE_OK, STATE_WARNING, STATE_FAILED };

static const char *const state_names[] = {"ok", "warning", "failed"};

struct check {
    const char *name;
    enum state state;
    char *found;
    const char *mend; /* NULL where nothing is to be mended */
};

struct doctor {
    struct session session;
    struct terminal terminal;
    const char *kernel_name;
    bool json;
    bool session_open;
    const struct kernel *kernel;
    struct check checks[CHECKS_MAX];
    size_t check_count;
};

static void add(struct doctor *doctor, const char *name, enum state state, char *found,
                const char *mend)
{
    doctor->checks[doctor->check_count++] = (struct check){
        .name = name, .state = state, .found = found, .mend = state == STATE_OK ? NULL : mend};
}

/* -- Programs ---------------------------------------------------------------------------------- */

static bool says(const char *const argv[], const char *word)
{
    cleanup_buffer struct buffer out = {0};

    return process_run(argv, NULL, &out, NULL) == 0 && strstr(out.data ? out.data : "", word);
}

static void check_qemu(struct doctor *doctor)
{
    static const char mend[] = "apt install qemu-system-x86 (7.2 or newer)";
    cleanup_free char *emulator = vm_emulator();
    cleanup_buffer struct buffer out = {0};
    struct error error;

    if (!emulator) {
        add(doctor, "QEMU", STATE_FAILED, xstrdup("qemu-system-x86_64 is not there"), mend);
        return;
    }
    if (process_run((const char *const[]){emulator, "--version", NULL}, NULL, &out, &error) < 0) {
        add(doctor, "QEMU", STATE_FAILED, xstrdup(error.message), mend);
        return;
    }
    add(doctor, "QEMU", STATE_OK,
        xasprintf("%s, %.*s", emulator, (int)strcspn(out.data ? out.data : "", "\n"),
                  out.data ? out.data : ""),
        NULL);
    if (!says((const char *const[]){emulator, "-machine", "help", NULL}, "microvm"))
        add(doctor, "microvm", STATE_FAILED, xstrdup("this QEMU has no machine \"microvm\""), mend);
    if (!says((const char *const[]){emulator, "-machine", "none", "-netdev", "help", NULL},
              "stream"))
        add(doctor, "links", STATE_FAILED, xstrdup("this QEMU has no -netdev stream"), mend);
}

static bool check_busybox(struct doctor *doctor)
{
    char *busybox = NULL;
    struct error error;
    int code = initrd_find_busybox(&busybox, &error);

    add(doctor, "busybox", code == 0 ? STATE_OK : STATE_FAILED,
        code == 0 ? busybox : xstrdup(error.message), "apt install busybox");
    return code == 0;
}

/* -- Room -------------------------------------------------------------------------------------- */

static void check_memory(struct doctor *doctor)
{
    cleanup_buffer struct buffer text = {0};
    unsigned long long available_kb = 0;
    struct error error;
    const char *line = NULL;

    if (fs_read("/proc/meminfo", 1 << 16, &text, &error) == 0)
        line = strstr(text.data, "MemAvailable:");
    if (!line || sscanf(line, "MemAvailable: %llu", &available_kb) != 1) {
        add(doctor, "memory", STATE_WARNING, xstrdup("/proc/meminfo does not tell"), NULL);
        return;
    }
    add(doctor, "memory", available_kb / 1024 >= MEMORY_WANTED_MB ? STATE_OK : STATE_WARNING,
        xasprintf("%llu MiB available, a pair of nodes wants %d", available_kb / 1024,
                  MEMORY_WANTED_MB),
        "end other programs, or give the nodes less (`memory:` in the suite)");
}

static void check_disk(struct doctor *doctor, const char *name, const char *path, const char *mend)
{
    struct statvfs info;
    uint64_t free_mb;

    if (access(path, W_OK) < 0 || statvfs(path, &info) < 0) {
        add(doctor, name, STATE_FAILED, xasprintf("%s cannot be written", path), mend);
        return;
    }
    free_mb = (uint64_t)info.f_bavail * info.f_frsize >> 20;
    add(doctor, name, free_mb >= DISK_WANTED_MB ? STATE_OK : STATE_WARNING,
        xasprintf("%" PRIu64 " MiB free in %s", free_mb, path), "make room");
}

/* -- Kernel, KVM, libvirt ---------------------------------------------------------------------- */

static void check_modules(struct doctor *doctor)
{
    static const char *const drivers[] = {"virtio_mmio", "virtio_net", "virtio_console"};
    struct buffer found = {0};
    enum state state = STATE_OK;

    for (size_t i = 0; i < array_size(drivers); i++) {
        static const char *const how[] = {[KERNEL_DRIVER_UNKNOWN] = "unknown",
                                          [KERNEL_DRIVER_ABSENT] = "absent",
                                          [KERNEL_DRIVER_MODULE] = "module",
                                          [KERNEL_DRIVER_BUILTIN] = "built in"};
        enum kernel_driver driver = kernel_find_driver(doctor->kernel, drivers[i]);

        buffer_printf(&found, "%s%s: %s", i ? ", " : "", drivers[i], how[driver]);
        if (driver == KERNEL_DRIVER_ABSENT)
            state = STATE_FAILED;
        else if (driver == KERNEL_DRIVER_UNKNOWN && state == STATE_OK)
            state = STATE_WARNING;
    }
    add(doctor, "modules", state, buffer_steal(&found),
        "use a kernel with CONFIG_VIRTIO_MMIO, CONFIG_VIRTIO_NET and CONFIG_VIRTIO_CONSOLE");
}

static bool check_kernel(struct doctor *doctor)
{
    static const char mend[] =
        "--kernel host, small, a path, or https://...#sha256=HEX; see docs/kernels.md";
    struct error error;

    if (session_kernel(&doctor->session, doctor->kernel_name, &doctor->kernel, &error) < 0) {
        add(doctor, "kernel", STATE_FAILED, xstrdup(error.message), mend);
        return false;
    }
    add(doctor, "kernel", STATE_OK,
        xasprintf("%s: %s, %s", doctor->kernel_name,
                  doctor->kernel->release ? doctor->kernel->release : "release unknown",
                  doctor->kernel->image),
        NULL);
    check_modules(doctor);
    return true;
}

static void check_machines(struct doctor *doctor)
{
    static const char mend_kvm[] =
        "guests run under TCG instead, several times slower; for KVM the host needs virtualization "
        "(nested, where it is a guest itself) and you need access to /dev/kvm";
    static const char mend_libvirt[] =
        "apt install libvirt-daemon-driver-qemu; as root: useradd --system --user-group "
        "libvirt-qemu";
    struct session *session = &doctor->session;
    struct error error;

    if (session_start_host(session, doctor->kernel, &error) < 0) {
        add(doctor, "libvirt", STATE_FAILED, xstrdup(error.message), mend_libvirt);
        return;
    }
    add(doctor, "KVM", session->accel == VM_ACCEL_KVM ? STATE_OK : STATE_WARNING,
        xstrdup(session->accel_reason), mend_kvm);
    add(doctor, "libvirt", STATE_OK,
        xasprintf("%s, embedded QEMU driver, QEMU %s", session->libvirt_version,
                  session->qemu_version),
        NULL);
}

static void examine(struct doctor *doctor)
{
    struct session_options options = {.terminal = &doctor->terminal};
    struct error error;
    bool busybox;

    check_qemu(doctor);
    busybox = check_busybox(doctor);
    check_memory(doctor);
    check_disk(doctor, "results", ".", "run duet in a directory of yours, or with --results DIR");
    if (session_open(&doctor->session, &options, &error) < 0) {
        add(doctor, "session", STATE_FAILED, xstrdup(error.message), NULL);
        return;
    }
    doctor->session_open = true;
    check_disk(doctor, "cache", doctor->session.cache_dir, "set XDG_CACHE_HOME");
    check_disk(doctor, "runtime", doctor->session.rundir.path, "set XDG_RUNTIME_DIR");
    if (check_kernel(doctor) && busybox)
        check_machines(doctor);
}

/* -- Output ------------------------------------------------------------------------------------ */

static enum state worst_of(const struct doctor *doctor)
{
    enum state worst = STATE_OK;

    for (size_t i = 0; i < doctor->check_count; i++)
        worst = doctor->checks[i].state > worst ? doctor->checks[i].state : worst;
    return worst;
}

static void print_text(struct doctor *doctor)
{
    static const enum verdict colors[] = {VERDICT_PASSED, VERDICT_SKIPPED, VERDICT_FAILED};
    static const char *const closing[] = {"duet can run here.",
                                          "duet can run here, with what the warnings say.",
                                          "duet cannot run here yet: see the lines that failed."};

    for (size_t i = 0; i < doctor->check_count; i++) {
        const struct check *check = &doctor->checks[i];

        printf("  %s%-8s%s %-9s %s\n",
               terminal_verdict_color(&doctor->terminal, colors[check->state]),
               state_names[check->state], terminal_reset(&doctor->terminal), check->name,
               check->found);
        if (check->mend)
            printf("  %-18s -> %s\n", "", check->mend);
    }
    puts(closing[worst_of(doctor)]);
}

static void print_json(const struct doctor *doctor)
{
    cJSON *json = cJSON_CreateObject();
    cJSON *checks = cJSON_AddArrayToObject(json, "checks");

    cJSON_AddStringToObject(json, "state", state_names[worst_of(doctor)]);
    for (size_t i = 0; i < doctor->check_count; i++) {
        cJSON *check = cJSON_CreateObject();

        cJSON_AddStringToObject(check, "name", doctor->checks[i].name);
        cJSON_AddStringToObject(check, "state", state_names[doctor->checks[i].state]);
        cJSON_AddStringToObject(check, "found", doctor->checks[i].found);
        if (doctor->checks[i].mend)
            cJSON_AddStringToObject(check, "mend", doctor->checks[i].mend);
        cJSON_AddItemToArray(checks, check);
    }
    cjson_print(json, stdout);
    cJSON_Delete(json);
}

static const struct argp_option options[] = {
    {"kernel", 'k', "NAME|PATH|URL", 0, "Check this guest kernel (default: debian)", 0},
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct doctor *doctor = state->input;

    switch (key) {
    case 'k':
        doctor->kernel_name = argument;
        return 0;
    case 'j':
        doctor->json = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

int cmd_doctor(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "Check everything that duet needs of this machine, and say how to mend what is "
               "missing.\vExit status: 0 duet can run here, 2 bad usage, 3 it cannot."};
    struct doctor doctor = {.kernel_name = KERNEL_DEFAULT};
    int signal_number;
    enum state worst;

    if (argp_parse(&argp, argc, argv, 0, NULL, &doctor) != 0)
        return EXIT_USAGE;
    terminal_init(&doctor.terminal, COLOR_AUTO);
    examine(&doctor);
    signal_number = doctor.session.signal_number;
    if (doctor.session_open)
        session_close(&doctor.session);
    worst = worst_of(&doctor);
    if (doctor.json)
        print_json(&doctor);
    else
        print_text(&doctor);
    for (size_t i = 0; i < doctor.check_count; i++)
        free(doctor.checks[i].found);
    if (signal_number)
        return 128 + signal_number;
    return worst == STATE_FAILED ? EXIT_TROUBLE : EXIT_PASSED;
}
