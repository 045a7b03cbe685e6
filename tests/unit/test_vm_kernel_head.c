/* What of a kernel a fork is given. */
#include "vm/kernel_head.h"

#include "directory.h"

#include <errno.h>
#include <stdint.h>

enum { SETUP_SECTS = 0x1f1, MAGIC = 0x202, IMAGE_SIZE = 200000, SECTOR = 512, NONE = -1 };

/* The size of the head of a kernel of which the first `size` bytes are there. */
static long head_of(const char *directory, uint8_t setup_sects, const char *magic, size_t size)
{
    static uint8_t image[IMAGE_SIZE], head[IMAGE_SIZE];
    cleanup_free char *path = xasprintf("%s/kernel", directory);
    cleanup_fd int fd = -1;
    ssize_t length;

    for (size_t i = 0; i < sizeof image; i++)
        image[i] = (uint8_t)(i % 251);
    image[SETUP_SECTS] = setup_sects;
    memcpy(image + MAGIC, magic, 4);
    assert_int_equal(fs_write(path, image, size, 0600, NULL), 0);
    assert_int_equal(kernel_head_open(path, &fd, NULL), 0);
    if (fd < 0)
        return NONE;
    length = pread(fd, head, sizeof head, 0);
    assert_in_range(length, 1, size);
    assert_memory_equal(head, image, (size_t)length);
    return length;
}

static void it_is_the_boot_sector_the_setup_code_and_one_more_sector(void **state)
{
    assert_int_equal(head_of(*state, 1, "HdrS", IMAGE_SIZE), 3 * SECTOR);
    assert_int_equal(head_of(*state, 39, "HdrS", IMAGE_SIZE), 41 * SECTOR);
    assert_int_equal(head_of(*state, 255, "HdrS", IMAGE_SIZE), 257 * SECTOR);
}

static void no_setup_sectors_stand_for_four(void **state)
{
    assert_int_equal(head_of(*state, 0, "HdrS", IMAGE_SIZE), 6 * SECTOR);
}

static void what_is_no_bzimage_or_is_cut_short_has_none(void **state)
{
    assert_int_equal(head_of(*state, 39, "SrdH", IMAGE_SIZE), NONE);
    assert_int_equal(head_of(*state, 39, "HdrS", 41 * SECTOR - 1), NONE);
    assert_int_equal(head_of(*state, 39, "HdrS", MAGIC + 3), NONE);
    assert_int_equal(head_of(*state, 39, "HdrS", 0), NONE);
}

static void a_kernel_that_is_not_there_is_an_error(void **state)
{
    cleanup_free char *path = xasprintf("%s/nothing", (char *)*state);
    struct error error;
    int fd;

    assert_int_equal(kernel_head_open(path, &fd, &error), -ENOENT);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_boot_sector_the_setup_code_and_one_more_sector),
        cmocka_unit_test(no_setup_sectors_stand_for_four),
        cmocka_unit_test(what_is_no_bzimage_or_is_cut_short_has_none),
        cmocka_unit_test(a_kernel_that_is_not_there_is_an_error),
    };

    return cmocka_run_group_tests(tests, directory_set_up, directory_tear_down);
}
