/* The kernel that comes through apt, with apt and dpkg-deb played by scripts. */
#include "kernel/apt.h"
#include "kernel/command.h"
#include "kernel/kernel.h"
#include "tests/unit/apt_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/personality.h>
#include <sys/wait.h>

static const char dpkg_deb[] =
    "#!/bin/sh\n"
    "fake=${0%/*}; echo \"dpkg-deb $*\" >>$fake/log\n"
    "mkdir -p $3/boot $3/lib && cp -r $fake/tree/lib/modules $3/lib/ || exit\n"
    "[ -e $fake/unpack-fails ] && echo 'dpkg-deb: error: short read' >&2 && exit 2\n"
    "[ -e $fake/package-is-empty ] || cp $fake/tree/vmlinuz $3/boot/vmlinuz-" RELEASE "\n";

/* Makes `version` the one that `lists` ("machine" or "mirror") know, and its .deb. */
static void publish(const struct world *world, const char *lists, const char *version)
{
    publish_package(world, lists, "linux-image-cloud-amd64", "linux-image-" RELEASE, version);
}

static int setup(void **state)
{
    cleanup_free char *tree = NULL;
    cleanup_free char *image = NULL;
    struct world *world = make_world();

    *state = world;
    put_program(world, "dpkg-deb", dpkg_deb);
    tree = in(world, "tree");
    image = in(world, "tree/vmlinuz");
    make_directory(tree);
    make_bzimage_file(image, RELEASE, 'k');
    make_modules(tree);
    publish(world, "machine", "6.1-1");
    return 0;
}

static int get(struct world *world)
{
    kernel_free(&world->kernel);
    buffer_clear(&world->said);
    return kernel_get("debian", &world->options, &world->kernel, &world->error);
}

static void get_well(struct world *world)
{
    if (get(world) < 0)
        fail_msg("%s", world->error.message);
    assert_string_equal(world->kernel.release, RELEASE);
    assert_int_equal(kernel_find_driver(&world->kernel, "virtio_mmio"), KERNEL_DRIVER_MODULE);
}

/* As `apt-get update` does where something is new. */
static void touch_lists(const struct world *world)
{
    const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
    cleanup_free char *lists = in(world, "root/var/lib/apt/lists");

    assert_int_equal(utimensat(AT_FDCWD, lists, times, 0), 0);
}

static void test_the_newest_is_fetched_and_kept(void **state)
{
    struct world *world = *state;
    cleanup_free char *modules = NULL;

    get_well(world);
    modules = xasprintf("%s/lib/modules/" RELEASE "/modules.builtin", world->kernel.module_root);
    assert_true(fs_exists(modules));
    assert_non_null(strstr(world->said.data, "downloading linux-image-" RELEASE " 500/1000"));
    assert_int_equal(
        count_calls(world, "apt-get -o APT::Status-Fd=1 download linux-image-" RELEASE "=6.1-1"),
        1);
    assert_nothing_half_done(world);
    get_well(world);
    assert_int_equal(count_calls(world, "apt"), 0);
}

static void test_new_lists_are_looked_at(void **state)
{
    struct world *world = *state;
    cleanup_free char *first = NULL;

    get_well(world);
    first = xstrdup(world->kernel.image);
    touch_lists(world);
    count_calls(world, "apt");
    get_well(world);
    assert_int_equal(count_calls(world, "apt-get"), 0);
    assert_string_equal(world->kernel.image, first);

    publish(world, "machine", "6.1-2");
    get_well(world);
    assert_string_equal(world->kernel.image, first);
    run_in(world, "rmdir root/var/lib/apt/lists");
    get_well(world);
    assert_string_not_equal(world->kernel.image, first);
}

static void test_the_cached_one_where_apt_fails(void **state)
{
    struct world *world = *state;

    get_well(world);
    touch_lists(world);
    publish(world, "machine", "6.1-2");
    put(world, "machine-download-fails", "");
    put(world, "update-fails", "");
    get_well(world);
    assert_non_null(strstr(world->said.data, "404  Not Found"));
    assert_non_null(strstr(world->said.data, "going on with " RELEASE " from the cache"));
}

static void test_empty_lists_get_lists_of_our_own(void **state)
{
    struct world *world = *state;

    drop(world, "machine/linux-image-cloud-amd64");
    publish(world, "mirror", "6.1-1");
    get_well(world);
    assert_int_equal(count_calls(world, "Dir::State::lists="), 4); /* update, 2 shows, download */
    get_well(world);
    assert_int_equal(count_calls(world, "apt"), 0);
}

static void test_lists_that_name_what_is_gone(void **state)
{
    struct world *world = *state;

    put(world, "machine-download-fails", "");
    publish(world, "mirror", "6.1-2");
    get_well(world);
    assert_int_equal(count_calls(world, "update"), 1);
}

static void test_nothing_helps(void **state)
{
    struct world *world = *state;

    drop(world, "machine/linux-image-cloud-amd64");
    put(world, "update-fails", "");
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "E: No packages found");
    assert_says(&world->error, "W: Failed to fetch http://x/InRelease");
    assert_says(&world->error, "--kernel host");
    assert_null(strstr(world->error.message, "unsandboxed"));
    assert_nothing_half_done(world);
}

static void test_a_package_that_apt_did_not_promise(void **state)
{
    struct world *world = *state;

    put(world, "package.deb", "!<arch>\ndebian-binary other");
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "apt's lists say");
    assert_nothing_half_done(world);
}

static void test_packages_that_do_not_unpack(void **state)
{
    struct world *world = *state;

    put(world, "unpack-fails", "");
    put(world, "update-fails", "");
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "dpkg-deb: error: short read");
    assert_nothing_half_done(world);
    drop(world, "unpack-fails");
    put(world, "package-is-empty", "");
    assert_int_equal(get(world), -EINVAL);
    assert_says(&world->error, "has no kernel in it");
    assert_nothing_half_done(world);
}

static void test_a_meta_package_without_a_kernel(void **state)
{
    struct world *world = *state;

    put(world, "machine/linux-image-cloud-amd64", "Package: x\nDepends: base\n");
    put(world, "update-fails", "");
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "depends on no linux-image-…, but on \"base\"");
}

static void test_offline(void **state)
{
    struct world *world = *state;

    world->options.offline = true;
    assert_int_equal(get(world), -ENOENT);
    assert_int_equal(count_calls(world, "apt"), 0);
    world->options.offline = false;
    get_well(world);
    touch_lists(world);
    count_calls(world, "apt");
    world->options.offline = true;
    get_well(world);
    assert_int_equal(count_calls(world, "apt"), 0);
}

static void test_cancelled_while_apt_runs(void **state)
{
    struct world *world = *state;

    put(world, "download-hangs", "");
    world->cancel_at = "downloading";
    assert_int_equal(get(world), -ECANCELED);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    assert_nothing_half_done(world);
}

static void test_another_architecture(void **state)
{
    struct world *world = *state;
    int status;
    pid_t child = fork();

    if (child == 0) {
        personality(PER_LINUX32); /* uname(2) says i686 */
        _exit(!(get(world) == -ENOTSUP && strstr(world->error.message, "this machine is i686")));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_a_package_by_path(void **state)
{
    struct world *world = *state;
    cleanup_free char *path = in(world, "package.deb");
    const struct kernel_options no_cache = {0};

    assert_int_equal(kernel_get(path, &world->options, &world->kernel, &world->error), 0);
    assert_string_equal(world->kernel.release, RELEASE);
    assert_non_null(world->kernel.module_root);
    assert_true(fs_exists(path));
    assert_int_equal(count_calls(world, "dpkg-deb"), 1);
    kernel_free(&world->kernel);
    assert_int_equal(kernel_get(path, &world->options, &world->kernel, &world->error), 0);
    assert_int_equal(count_calls(world, "dpkg-deb"), 0);
    kernel_free(&world->kernel);
    assert_int_equal(kernel_get(path, &no_cache, &world->kernel, &world->error), -EINVAL);
    assert_says(&world->error, "cache directory");
}

static void test_what_a_killed_unpacking_left(void **state)
{
    struct world *world = *state;
    cleanup_free char *path = in(world, "package.deb");
    cleanup_free char *command = NULL;
    char digest[DIGEST_HEX_SIZE];

    assert_int_equal(digest_file(path, digest, &world->error), 0);
    command = xasprintf("d=%s/kernel/work/%s.d; mkdir -p $d/entry/lib/modules/old $d/tree/boot "
                        "&& touch $d/tree/boot/vmlinuz-old",
                        world->cache, digest);
    run_shell(command);
    assert_int_equal(kernel_get(path, &world->options, &world->kernel, &world->error), 0);
    assert_int_equal(kernel_find_driver(&world->kernel, "ext4"), KERNEL_DRIVER_BUILTIN);
    assert_nothing_half_done(world);
}

static void test_control_fields(void **state)
{
    static const char text[] = "A: 1\nAB:2\nEmpty:\n\nLater: 3\n";
    cleanup_free char *a = kernel_control_field(text, "A");
    cleanup_free char *ab = kernel_control_field(text, "AB");
    cleanup_free char *empty = kernel_control_field(text, "Empty");

    (void)state;
    assert_string_equal(a, "1");
    assert_string_equal(ab, "2");
    assert_string_equal(empty, "");
    assert_null(kernel_control_field(text, "Later"));
    assert_null(kernel_control_field("", "A"));
}

static void test_commands(void **state)
{
    const char *const missing[] = {"no-such-program-at-all", NULL};
    const char *const grumbles[] = {"sh", "-c",
                                    "echo out; echo a >&2; echo \"$LC_ALL\" >&2; exit 3", NULL};
    const struct kernel_options options = {0};
    struct kernel_command command = {.argv = missing};
    cleanup_buffer struct buffer out = {0};
    struct error error;

    (void)state;
    assert_int_equal(kernel_command_run(&options, &command, &error), -ENOENT);
    command = (struct kernel_command){.argv = grumbles, .out = &out};
    assert_int_equal(kernel_command_run(&options, &command, &error), -EIO);
    assert_string_equal(error.message, "sh ended with status 3: a; C");
    assert_string_equal(out.data, "out\n");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_newest_is_fetched_and_kept),
        TEST(test_new_lists_are_looked_at),
        TEST(test_the_cached_one_where_apt_fails),
        TEST(test_empty_lists_get_lists_of_our_own),
        TEST(test_lists_that_name_what_is_gone),
        TEST(test_nothing_helps),
        TEST(test_a_package_that_apt_did_not_promise),
        TEST(test_packages_that_do_not_unpack),
        TEST(test_a_meta_package_without_a_kernel),
        TEST(test_offline),
        TEST(test_cancelled_while_apt_runs),
        TEST(test_another_architecture),
        TEST(test_a_package_by_path),
        TEST(test_what_a_killed_unpacking_left),
        cmocka_unit_test(test_control_fields),
        cmocka_unit_test(test_commands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
