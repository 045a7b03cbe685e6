/* What is a kernel and what is not; kernels by path; the running kernel; drivers. */
#include "kernel/image.h"
#include "kernel/kernel.h"
#include "tests/unit/kernel_fixture.h"

#include <errno.h>

static int parse(const void *bytes, size_t count, struct kernel_image *image, struct error *error)
{
    return kernel_image_parse(bytes, count, count, image, error);
}

static void test_bzimage_tells_its_release(void **state)
{
    cleanup_free char *bytes = make_bzimage(RELEASE, 'k');
    struct kernel_image image;
    struct error error;

    (void)state;
    assert_int_equal(parse(bytes, BZIMAGE_SIZE, &image, &error), 0);
    assert_int_equal(image.kind, KERNEL_IMAGE_BZIMAGE);
    assert_string_equal(image.release, RELEASE);
}

static void test_bzimage_cut_anywhere_is_an_error(void **state)
{
    cleanup_free char *bytes = make_bzimage(RELEASE, 'k');
    struct kernel_image image = {.release = "untouched"};
    struct error error;

    (void)state;
    for (size_t count = 0; count < BZIMAGE_SIZE; count += count < BZIMAGE_SETUP ? 1 : 997)
        assert_int_equal(parse(bytes, count, &image, &error), -EINVAL);
    assert_int_equal(parse(bytes, BZIMAGE_SIZE - 1, &image, &error), -EINVAL);
    assert_says(&error, "cut short: 68095 bytes of at least 68096");
    assert_string_equal(image.release, "untouched");
}

static void test_bzimage_that_guests_cannot_run(void **state)
{
    cleanup_free char *bytes = make_bzimage(RELEASE, 'k');
    struct kernel_image image;
    struct error error;

    (void)state;
    bytes[0x236] = 0;
    assert_int_equal(parse(bytes, BZIMAGE_SIZE, &image, &error), -ENOTSUP);
    assert_says(&error, "32-bit");
    bytes[0x206] = 3;
    assert_int_equal(parse(bytes, BZIMAGE_SIZE, &image, &error), -ENOTSUP);
    assert_says(&error, "boot protocol 2.03");
}

static void test_release_that_would_leave_its_directory(void **state)
{
    static const char *const bad[] = {"../../etc", "a/b", "..", "\x01x", ""};
    char release[KERNEL_RELEASE_SIZE];
    struct kernel_image image;
    struct error error;

    (void)state;
    for (size_t i = 0; i < array_size(bad); i++) {
        cleanup_free char *bytes = make_bzimage(bad[i], 'k');

        assert_int_equal(parse(bytes, BZIMAGE_SIZE, &image, &error), -EINVAL);
        assert_false(kernel_release_parse(bad[i], strlen(bad[i]) + 1, release));
    }
    assert_false(kernel_release_parse("6.1.0", 5, release)); /* it may go on */
    assert_true(kernel_release_parse("6.1.0", 6, release));
    assert_string_equal(release, "6.1.0");
}

static void test_bzimage_whose_version_pointer_lies(void **state)
{
    cleanup_free char *bytes = make_bzimage(RELEASE, 'k');
    struct kernel_image image;
    struct error error;

    (void)state;
    memset(bytes + 0x20e, 0xff, 2);
    assert_int_equal(parse(bytes, BZIMAGE_SIZE, &image, &error), 0);
    assert_string_equal(image.release, "");
}

static void test_mistakes_are_called_by_their_name(void **state)
{
    static const struct {
        const char *bytes;
        size_t count;
        int code;
        const char *says;
    } cases[] = {
        {"", 0, -EINVAL, "it is empty"},
        {"#!/bin/sh\necho\n", 15, -EINVAL, "a text file"},
        {"\x1f\x8b\x08\x00", 4, -EINVAL, "a gzip file"},
        {"\xfd\x37zXZ\0", 6, -EINVAL, "an xz file"},
        {"\0\1\2\3", 4, -EINVAL, "not a kernel image"},
        {"\x7f"
         "ELF",
         4, -EINVAL, "cut short"},
    };
    const char aarch64[64] = {'M', 'Z', [56] = 'A', 'R', 'M', '\x64'};
    struct kernel_image image;
    struct error error;

    (void)state;
    for (size_t i = 0; i < array_size(cases); i++) {
        assert_int_equal(parse(cases[i].bytes, cases[i].count, &image, &error), cases[i].code);
        assert_says(&error, cases[i].says);
    }
    assert_int_equal(parse(aarch64, sizeof aarch64, &image, &error), -ENOTSUP);
    assert_says(&error, "for aarch64");
}

static int get_file(const char *directory, const void *bytes, size_t count, struct kernel *kernel,
                    struct error *error)
{
    cleanup_free char *path = xasprintf("%s/vmlinux", directory);
    const struct kernel_options options = {0};

    make_file(path, bytes, count);
    return kernel_get(path, &options, kernel, error);
}

static void test_vmlinux(void **state)
{
    cleanup_free char *good = make_vmlinux(RELEASE, EM_X86_64, true);
    cleanup_free char *foreign = make_vmlinux(RELEASE, EM_AARCH64, true);
    cleanup_free char *no_pvh = make_vmlinux(RELEASE, EM_X86_64, false);
    cleanup_free char *program = make_vmlinux("", EM_X86_64, true);
    struct kernel kernel;
    struct error error;

    assert_int_equal(get_file(*state, good, VMLINUX_SIZE, &kernel, &error), 0);
    assert_string_equal(kernel.release, RELEASE);
    assert_null(kernel.module_root);
    assert_int_equal(kernel_find_driver(&kernel, "virtio_mmio"), KERNEL_DRIVER_UNKNOWN);
    kernel_free(&kernel);
    assert_int_equal(get_file(*state, foreign, VMLINUX_SIZE, &kernel, &error), -ENOTSUP);
    assert_says(&error, "aarch64");
    assert_int_equal(get_file(*state, no_pvh, VMLINUX_SIZE, &kernel, &error), -EINVAL);
    assert_says(&error, "CONFIG_PVH");
    assert_int_equal(get_file(*state, program, VMLINUX_SIZE, &kernel, &error), -EINVAL);
    assert_says(&error, "without a \"Linux version \"");
    assert_int_equal(get_file(*state, good, VMLINUX_SIZE - 1, &kernel, &error), -EINVAL);
    assert_says(&error, "cut short");
}

static void test_vmlinux_whose_release_lies_across_chunks(void **state)
{
    static const size_t mib = 1 << 20;
    cleanup_free char *head = make_vmlinux("", EM_X86_64, true);
    cleanup_free char *big = xcalloc(3, mib);
    struct kernel kernel;
    struct error error;

    for (size_t shift = 0; shift < 64; shift++) {
        memset(big, 0, 3 * mib);
        memcpy(big, head, 1024);
        memcpy(big + 2 * mib - 100 - shift, "Linux version " RELEASE " ", 15 + sizeof RELEASE - 1);
        assert_int_equal(get_file(*state, big, 3 * mib, &kernel, &error), 0);
        assert_string_equal(kernel.release, RELEASE);
        kernel_free(&kernel);
    }
}

static void test_path_finds_its_modules(void **state)
{
    cleanup_free char *boot = xasprintf("%s/boot", (char *)*state);
    cleanup_free char *image = xasprintf("%s/vmlinuz-" RELEASE, boot);
    const struct kernel_options options = {0};
    const char *const specs[] = {image, *state};
    struct kernel kernel;
    struct error error;

    make_directory(boot);
    make_bzimage_file(image, RELEASE, 'k');
    make_modules(*state);
    for (size_t i = 0; i < array_size(specs); i++) {
        char digest[DIGEST_HEX_SIZE];

        assert_int_equal(kernel_get(specs[i], &options, &kernel, &error), 0);
        assert_int_equal(digest_file(image, digest, &error), 0);
        assert_string_equal(kernel.name, specs[i]);
        assert_string_equal(kernel.image, image);
        assert_string_equal(kernel.release, RELEASE);
        assert_string_equal(kernel.module_root, *state);
        assert_string_equal(kernel.digest, digest);
        kernel_free(&kernel);
    }
}

static void test_a_configuration_beside_the_image_tells_of_acpi(void **state)
{
    static const struct {
        const char *file, *text;
        bool no_acpi;
    } rows[] = {
        {"other", "CONFIG_X86=y\n# CONFIG_ACPI is not set\n", false},
        {"config", "#\nCONFIG_X86=y\n# CONFIG_ACPI is not set\n", true},
        {"config", "#\nCONFIG_X86=y\nCONFIG_ACPI=y\n", false},
        {"config", "#\nCONFIG_X86_64=y\n", true},
        {"config", "not a kernel's\n", false},
        {"config-" RELEASE, "#\nCONFIG_X86=y\n# CONFIG_ACPI is not set\n", true},
    };
    cleanup_free char *image = xasprintf("%s/vmlinuz-" RELEASE, (char *)*state);
    const struct kernel_options options = {0};

    make_bzimage_file(image, RELEASE, 'k');
    for (size_t i = 0; i < array_size(rows); i++) {
        cleanup_free char *config = xasprintf("%s/%s", (char *)*state, rows[i].file);
        struct kernel kernel;
        struct error error;

        make_text(config, rows[i].text);
        assert_int_equal(kernel_get(image, &options, &kernel, &error), 0);
        assert_int_equal(kernel.no_acpi, rows[i].no_acpi);
        kernel_free(&kernel);
        assert_int_equal(unlink(config), 0);
    }
}

static void test_drivers(void **state)
{
    struct kernel kernel = {.module_root = *state, .release = xstrdup(RELEASE)};
    cleanup_free char *builtin =
        xasprintf("%s/lib/modules/" RELEASE "/modules.builtin", (char *)*state);

    make_modules(*state);
    assert_int_equal(kernel_find_driver(&kernel, "virtio_mmio"), KERNEL_DRIVER_MODULE);
    assert_int_equal(kernel_find_driver(&kernel, "virtio-mmio"), KERNEL_DRIVER_MODULE);
    assert_int_equal(kernel_find_driver(&kernel, "ext4"), KERNEL_DRIVER_BUILTIN);
    assert_int_equal(kernel_find_driver(&kernel, "rng_core"), KERNEL_DRIVER_BUILTIN);
    assert_int_equal(kernel_find_driver(&kernel, "ext"), KERNEL_DRIVER_ABSENT);
    assert_int_equal(kernel_find_driver(&kernel, "virtio"), KERNEL_DRIVER_ABSENT);
    assert_int_equal(unlink(builtin), 0);
    assert_int_equal(kernel_find_driver(&kernel, "ext4"), KERNEL_DRIVER_UNKNOWN);
    free(kernel.release);
}

static void test_paths_that_are_no_kernel(void **state)
{
    cleanup_free char *second = xasprintf("%s/vmlinuz-2", (char *)*state);
    cleanup_free char *first = xasprintf("%s/vmlinuz-1", (char *)*state);
    cleanup_free char *fifo = xasprintf("%s/fifo", (char *)*state);
    const struct kernel_options options = {0};
    struct kernel kernel = {.name = NULL};
    struct error error;

    assert_int_equal(kernel_get("debain", &options, &kernel, &error), -ENOENT);
    assert_says(&error, "expected debian, host");
    assert_int_equal(kernel_get("", &options, &kernel, &error), -ENOENT);
    assert_int_equal(kernel_get("/nowhere/at/all", &options, &kernel, &error), -ENOENT);
    assert_says(&error, "/nowhere/at/all");
    assert_int_equal(kernel_get(*state, &options, &kernel, &error), -ENOENT);
    assert_says(&error, "without boot/vmlinuz-*");
    make_text(first, "");
    make_text(second, "");
    assert_int_equal(kernel_get(*state, &options, &kernel, &error), -EINVAL);
    assert_says(&error, "say which");
    assert_says(&error, second);
    assert_int_equal(kernel_get(first, &options, &kernel, &error), -EINVAL);
    assert_says(&error, "it is empty");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(kernel_get(fifo, &options, &kernel, &error), -EINVAL);
    assert_null(kernel.name);
}

static void test_host(void **state)
{
    cleanup_free char *boot = xasprintf("%s/boot", (char *)*state);
    cleanup_free char *image = xasprintf("%s/vmlinuz-" RELEASE, boot);
    const struct kernel_options options = {.host_root = *state, .host_release = RELEASE};
    struct kernel kernel;
    struct error error;

    make_directory(boot);
    assert_int_equal(kernel_get("host", &options, &kernel, &error), -ENOENT);
    assert_says(&error, "--kernel debian");
    make_bzimage_file(image, RELEASE, 'k');
    make_modules(*state);
    if (geteuid() != 0) {
        assert_int_equal(chmod(image, 0), 0);
        assert_int_equal(kernel_get("host", &options, &kernel, &error), -EACCES);
        assert_says(&error, "sudo chmod a+r");
        assert_int_equal(chmod(image, 0644), 0);
    }
    assert_int_equal(kernel_get("host", &options, &kernel, &error), 0);
    assert_string_equal(kernel.image, image);
    assert_string_equal(kernel.release, RELEASE);
    assert_string_equal(kernel.module_root, *state);
    kernel_free(&kernel);
}

#define DIRECTORY_TEST(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, directory_set_up, directory_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bzimage_tells_its_release),
        cmocka_unit_test(test_bzimage_cut_anywhere_is_an_error),
        cmocka_unit_test(test_bzimage_that_guests_cannot_run),
        cmocka_unit_test(test_release_that_would_leave_its_directory),
        cmocka_unit_test(test_bzimage_whose_version_pointer_lies),
        cmocka_unit_test(test_mistakes_are_called_by_their_name),
        DIRECTORY_TEST(test_vmlinux),
        DIRECTORY_TEST(test_vmlinux_whose_release_lies_across_chunks),
        DIRECTORY_TEST(test_path_finds_its_modules),
        DIRECTORY_TEST(test_a_configuration_beside_the_image_tells_of_acpi),
        DIRECTORY_TEST(test_drivers),
        DIRECTORY_TEST(test_paths_that_are_no_kernel),
        DIRECTORY_TEST(test_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
