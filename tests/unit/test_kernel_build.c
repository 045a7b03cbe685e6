/* The kernel that duet builds, of a source of a few lines: apt, the compiler and its kin are played
 * by scripts, make and tar are the machine's. */
#include "kernel/kernel.h"
#include "tests/unit/apt_fixture.h"
#include "tests/unit/http_server.h"

#include <elf.h>
#include <errno.h>
#include <sys/wait.h>

static const char dpkg_deb[] = "#!/bin/sh\n"
                               "mkdir -p $3/usr/src && cp ${0%/*}/linux.tar "
                               "$3/usr/src/linux-source-6.1.tar\n";
static const char compiler[] = "#!/bin/sh\n"
                               "fake=${0%/*}\n"
                               "case $* in *gelf.h*) [ ! -e $fake/no-libelf ]; exit ;; esac\n"
                               "case $* in *--version*) cat $fake/compiler-version ;; esac\n";
static const char strip[] = "#!/bin/sh\ncp \"$4\" \"$3\"\n";
static const char nothing[] = "#!/bin/sh\n";

/* kconfig drops an option that is called so. */
static const char makefile[] =
    "tinyconfig:\n"
    "\t@echo tinyconfig $$MAKEFLAGS $$ARCH $(FAKE) >>@/log\n"
    "\t@printf 'CONFIG_64BIT=n\\nCONFIG_X86=y\\n' >.config\n"
    "olddefconfig:\n"
    "\t@grep -v '^CONFIG_DROPPED\\|64BIT=n' .config >new; mv new .config\n"
    "vmlinux:\n"
    "\t@echo '  CC      kernel/fork.o'\n"
    "\t@[ ! -e @/make-fails ] || { echo 'fork.c:1: error: no such luck' >&2; exit 1; }\n"
    "\t@[ ! -e @/make-hangs ] || { echo '  CC      kernel/slow.o'; sleep 1000; }\n"
    "\t@echo vmlinux $(MAKEFLAGS) >>@/log\n"
    "\t@mkdir -p include/config && echo " RELEASE " >include/config/kernel.release\n"
    "\t@echo kernel/drivers/net/wireguard/wireguard.ko >modules.builtin\n"
    "\t@cp @/vmlinux vmlinux\n";

/* A package of linux.tar that `lists` ("machine" or "mirror") know as `version`. */
static void publish(const struct world *world, const char *lists, const char *version)
{
    publish_package(world, lists, "linux-source", "linux-source-6.1", version);
}

static void make_source(const struct world *world)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *vmlinux = make_vmlinux(RELEASE, EM_X86_64, true);
    cleanup_free char *vmlinux_path = in(world, "vmlinux");
    cleanup_free char *directory = in(world, "linux-6.1");

    for (const char *c = makefile; *c; c++)
        if (*c == '@' && c[1] == '/')
            buffer_append_text(&text, world->directory);
        else
            buffer_append(&text, c, 1);
    make_directory(directory);
    put(world, "linux-6.1/Makefile", text.data);
    put(world, "linux-6.1/Kconfig", "");
    make_file(vmlinux_path, vmlinux, VMLINUX_SIZE);
    run_in(world, "tar cf linux.tar linux-6.1");
}

static int setup(void **state)
{
    static const char *const idle[] = {"flex", "bison", "bc", "xz"};
    struct world *world = make_world();

    *state = world;
    world->cancel_at = "slow.o";
    for (size_t i = 0; i < array_size(idle); i++)
        put_program(world, idle[i], nothing);
    put_program(world, "dpkg-deb", dpkg_deb);
    put_program(world, "gcc", compiler);
    put_program(world, "ld", compiler);
    put_program(world, "strip", strip);
    put(world, "compiler-version", "gcc 12\n");
    make_source(world);
    publish(world, "machine", "6.1-1");
    return 0;
}

static int build(struct world *world)
{
    kernel_free(&world->kernel);
    buffer_clear(&world->said);
    return kernel_build(&world->build, &world->options, &world->kernel, &world->error);
}

static void build_well(struct world *world)
{
    if (build(world) < 0)
        fail_msg("%s", world->error.message);
    assert_string_equal(world->kernel.release, RELEASE);
}

static int get(struct world *world, const char *name)
{
    kernel_free(&world->kernel);
    return kernel_get(name, &world->options, &world->kernel, &world->error);
}

/* How often a kernel was compiled; the log is empty afterwards. */
static size_t count_builds(const struct world *world)
{
    return count_calls(world, "vmlinux ");
}

static void assert_nothing_kept(const struct world *world)
{
    assert_nothing_half_done(world);
    run_in(world, "! ls cache/kernel | grep -v 'work\\|build.log'");
}

static void test_built_once_and_kept(void **state)
{
    struct world *world = *state;
    cleanup_free char *image = NULL;

    build_well(world);
    assert_string_equal(world->kernel.name, "small");
    assert_true(world->kernel.no_acpi);
    assert_int_equal(kernel_find_driver(&world->kernel, "wireguard"), KERNEL_DRIVER_BUILTIN);
    assert_int_equal(kernel_find_driver(&world->kernel, "tun"), KERNEL_DRIVER_ABSENT);
    assert_non_null(strstr(world->said.data, "building linux-source-6.1 6.1-1: kernel/fork.o 1/0"));
    assert_nothing_half_done(world);
    assert_int_equal(count_builds(world), 1);
    image = xstrdup(world->kernel.image);
    build_well(world);
    assert_int_equal(count_builds(world), 0);
    assert_string_equal(world->kernel.image, image);
    world->options.offline = true;
    assert_int_equal(get(world, "small"), 0);
    assert_string_equal(world->kernel.image, image);
    assert_true(world->kernel.no_acpi);
}

static void test_not_built_yet(void **state)
{
    struct world *world = *state;

    assert_int_equal(get(world, "small"), -ENOENT);
    assert_says(&world->error, "has not been built yet: `duet kernel build`");
    assert_int_equal(get(world, "other"), -ENOENT);
    assert_says(&world->error, "there is no kernel \"other\"");
}

static void test_another_compiler_or_source_is_another_kernel(void **state)
{
    struct world *world = *state;
    cleanup_free char *first = NULL;
    cleanup_free char *second = NULL;

    build_well(world);
    first = xstrdup(world->kernel.image);
    put(world, "compiler-version", "gcc 13\n");
    build_well(world);
    second = xstrdup(world->kernel.image);
    assert_string_not_equal(first, second);
    publish(world, "machine", "6.1-2");
    build_well(world);
    assert_string_not_equal(world->kernel.image, first);
    assert_string_not_equal(world->kernel.image, second);
    assert_int_equal(count_builds(world), 3);
}

static void test_options_of_the_user_and_names(void **state)
{
    struct world *world = *state;
    cleanup_free char *config = in(world, "config");
    struct kernel_entry *entries = NULL;
    size_t count = 0;

    build_well(world);
    put(world, "config", "CONFIG_KASAN=y\n");
    world->build = (struct kernel_build){.name = "kasan", .config = config};
    build_well(world);
    assert_int_equal(count_builds(world), 2);
    run_in(world, "grep -qx CONFIG_KASAN=y cache/kernel/*/config");
    assert_int_equal(get(world, "kasan"), 0);
    assert_string_equal(world->kernel.name, "kasan");
    assert_int_equal(kernel_list(&world->options, &entries, &count, &world->error), 0);
    assert_int_equal(count, 2);
    assert_string_equal(entries[0].name, "kasan");
    assert_string_equal(entries[0].image, world->kernel.image);
    assert_string_equal(entries[1].name, "small");
    assert_string_equal(entries[1].release, RELEASE);
    assert_string_equal(entries[1].source, "linux-source-6.1 6.1-1");
    assert_true(entries[1].size_bytes > VMLINUX_SIZE);
    kernel_entries_free(entries, count);
}

static void test_lists_without_names(void **state)
{
    struct world *world = *state;
    struct kernel_entry *entries = NULL;
    size_t count = 1;

    assert_int_equal(kernel_list(&world->options, &entries, &count, &world->error), 0);
    assert_int_equal(count, 0);
    build_well(world);
    run_in(world, "rm cache/kernel/small.json && echo '{' >cache/kernel/bad.json");
    assert_int_equal(kernel_list(&world->options, &entries, &count, &world->error), 0);
    assert_int_equal(count, 1);
    assert_null(entries[0].name);
    assert_string_equal(entries[0].image, world->kernel.image);
    kernel_entries_free(entries, count);
}

static void test_options_that_are_dropped(void **state)
{
    struct world *world = *state;
    cleanup_free char *config = in(world, "config");

    put(world, "config", "CONFIG_DROPPED_ONE=y\n# CONFIG_DROPPED_TWO is not set\n");
    world->build.config = config;
    assert_int_equal(build(world), -EINVAL);
    assert_says(&world->error, "does not take 1 of the options");
    assert_says(&world->error, "CONFIG_DROPPED_ONE=y is not there");
    assert_int_equal(count_builds(world), 0);
    assert_nothing_kept(world);
    put(world, "config", "CONFIG_FINE=y\nkasan, please\n");
    assert_int_equal(build(world), -EINVAL);
    assert_says(&world->error, "config:2: \"kasan, please\" is not an option");
}

static void test_make_fails(void **state)
{
    struct world *world = *state;

    put(world, "make-fails", "");
    assert_int_equal(build(world), -EIO);
    assert_says(&world->error, "it began with: fork.c:1: error: no such luck");
    assert_says(&world->error, "cache/kernel/build.log");
    run_in(world, "grep -q 'CC      kernel/fork.o' cache/kernel/build.log");
    run_in(world, "grep -q 'no such luck' cache/kernel/build.log");
    assert_nothing_kept(world);
    assert_int_equal(get(world, "small"), -ENOENT);
    drop(world, "make-fails");
    build_well(world);
}

static void test_cancelled_while_it_compiles(void **state)
{
    struct world *world = *state;

    put(world, "make-hangs", "");
    assert_int_equal(build(world), -ECANCELED);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_nothing_kept(world);
    drop(world, "make-hangs");
    atomic_store(&world->cancel, false);
    build_well(world);
}

static void test_what_a_killed_build_left(void **state)
{
    struct world *world = *state;

    run_in(world, "mkdir -p cache/kernel/work/build.d/entry/lib cache/kernel/work/build.d/linux && "
                  "touch cache/kernel/work/build.d/linux/.config "
                  "cache/kernel/work/build.d/entry/image cache/kernel/work/build.d/entry/old");
    assert_int_equal(get(world, "small"), -ENOENT);
    build_well(world);
    run_in(world, "[ ! -e cache/kernel/*/old ]");
    assert_nothing_half_done(world);
}

static void test_a_damaged_one_is_built_anew(void **state)
{
    struct world *world = *state;

    build_well(world);
    count_builds(world);
    run_in(world, "for f in cache/kernel/*/config; do rm $f; done");
    assert_int_equal(get(world, "small"), -ENOENT);
    assert_says(&world->error, "is damaged or gone from the cache: `duet kernel build`");
    build_well(world);
    assert_int_equal(count_builds(world), 1);
    assert_int_equal(get(world, "small"), 0);
}

static void test_one_of_another_duet(void **state)
{
    struct world *world = *state;

    build_well(world);
    run_in(world, "sed -i 's/\"config\":.*/\"config\": \"\"/' cache/kernel/small.json");
    assert_int_equal(get(world, "small"), -ESTALE);
    assert_says(&world->error, "by another duet");
    build_well(world);
    assert_int_equal(get(world, "small"), 0);
}

static void test_the_environment_is_kept_out(void **state)
{
    struct world *world = *state;

    setenv("MAKEFLAGS", "FAKE=intruder", 1);
    setenv("ARCH", "arm64", 1);
    build_well(world);
    unsetenv("MAKEFLAGS");
    unsetenv("ARCH");
    run_in(world, "! grep 'intruder\\|arm64' log");
}

static void test_what_is_missing_is_named(void **state)
{
    struct world *world = *state;

    put(world, "no-libelf", "");
    assert_int_equal(build(world), -ENOENT);
    assert_says(&world->error, "packages): libelf-dev. `apt install libelf-dev` mends it");
    run_in(world, "[ ! -e cache ]");
}

static void test_names_that_are_refused(void **state)
{
    static const char *const names[] = {
        "debian", "host", "", ".", "a/b", "Big", "-a", "a.", "a234567890123456789012345678901x"};
    struct world *world = *state;

    for (size_t i = 0; i < array_size(names); i++) {
        world->build.name = names[i];
        assert_int_equal(build(world), -EINVAL);
        assert_says(&world->error, "a kernel cannot be called");
    }
    world->build.name = "a23456789012345678901234567-v6.1";
    assert_int_equal(build(world), -EINVAL);
    world->build.name = "a2345678901234567890123456-v6.1";
    build_well(world);
}

static void test_empty_lists_get_lists_of_our_own(void **state)
{
    struct world *world = *state;

    drop(world, "machine/linux-source");
    publish(world, "mirror", "6.1-1");
    build_well(world);
}

static void test_nothing_is_to_be_had(void **state)
{
    struct world *world = *state;

    drop(world, "machine/linux-source");
    assert_int_equal(build(world), -EIO);
    assert_says(&world->error, "cannot get Linux's source through apt: ");
    assert_says(&world->error, "E: No packages found");
    assert_nothing_half_done(world);
    world->build.source = "kernel.org";
    assert_int_equal(build(world), -EINVAL);
    assert_says(&world->error, "there is no source \"kernel.org\"");
    world->build.source = "https://kernel.org/linux.tar";
    assert_int_equal(build(world), -EINVAL);
    assert_says(&world->error, "must end with #sha256=HEX");
}

static void build_from_web(struct world *world, const char *archive, int expected)
{
    cleanup_free char *path = in(world, archive);
    cleanup_buffer struct buffer body = {0};
    cleanup_free char *url = NULL;
    struct http_server *server;
    char digest[DIGEST_HEX_SIZE];

    assert_int_equal(fs_read(path, 1 << 20, &body, NULL), 0);
    digest_bytes(body.data, body.length, digest);
    server = http_start(body.data, body.length);
    url = xasprintf("http://127.0.0.1:%u/linux.tar#sha256=%s", server->port, digest);
    world->build.source = url;
    assert_int_equal(build(world), expected);
    if (expected == 0)
        assert_int_equal(server->requests, 1);
    world->build.source = NULL;
    http_stop(server);
}

static void test_a_source_from_the_web(void **state)
{
    struct world *world = *state;

    build_from_web(world, "linux.tar", 0);
    assert_string_equal(world->kernel.release, RELEASE);
    assert_nothing_half_done(world);
    run_in(world, "! grep -q apt log");
    run_in(world, "mv linux-6.1/Kconfig linux-6.1/other && tar cf other.tar linux-6.1");
    build_from_web(world, "other.tar", -EINVAL);
    assert_says(&world->error, "it has no Kconfig in it");
    build_from_web(world, "vmlinux", -EIO);
    assert_says(&world->error, "cannot unpack http://127.0.0.1");
    assert_nothing_half_done(world);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_built_once_and_kept),
        TEST(test_not_built_yet),
        TEST(test_another_compiler_or_source_is_another_kernel),
        TEST(test_options_of_the_user_and_names),
        TEST(test_lists_without_names),
        TEST(test_options_that_are_dropped),
        TEST(test_make_fails),
        TEST(test_cancelled_while_it_compiles),
        TEST(test_what_a_killed_build_left),
        TEST(test_a_damaged_one_is_built_anew),
        TEST(test_one_of_another_duet),
        TEST(test_the_environment_is_kept_out),
        TEST(test_what_is_missing_is_named),
        TEST(test_names_that_are_refused),
        TEST(test_empty_lists_get_lists_of_our_own),
        TEST(test_nothing_is_to_be_had),
        TEST(test_a_source_from_the_web),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
