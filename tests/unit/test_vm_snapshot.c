/* The files of a snapshot. */
#include "vm/snapshot.h"

#include "base/memory.h"

#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAM_SIZE = 1 << 20 };

static int open_ram(const struct vm_snapshot *snapshot)
{
    char path[SNAPSHOT_PATH_SIZE];

    snapshot_ram_path(snapshot, path);
    return open(path, O_RDWR | O_CLOEXEC);
}

/* What QEMU does: each opens the file anew. */
static void forks_share_the_ram_and_keep_what_they_write(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    int template, first, second;
    char *template_ram, *first_ram, *second_ram;

    (void)state;
    assert_int_equal(vm_snapshot_new(RAM_SIZE, NULL, &snapshot, NULL), 0);
    template = open_ram(snapshot);
    assert_true(template >= 0);
    template_ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, template, 0);
    memcpy(template_ram, "template", 9);
    munmap(template_ram, RAM_SIZE);
    close(template);
    snapshot_seal(snapshot);
    first = open_ram(snapshot);
    second = open_ram(snapshot);
    first_ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, first, 0);
    second_ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, second, 0);
    assert_ptr_not_equal(first_ram, MAP_FAILED);
    memcpy(first_ram, "first", 6);
    assert_string_equal(second_ram, "template");
    assert_string_equal(first_ram, "first");
    munmap(first_ram, RAM_SIZE);
    munmap(second_ram, RAM_SIZE);
    close(first);
    close(second);
    vm_snapshot_free(snapshot);
}

static void nobody_writes_to_a_sealed_snapshot(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    int fd;

    (void)state;
    assert_int_equal(vm_snapshot_new(RAM_SIZE, NULL, &snapshot, NULL), 0);
    snapshot_seal(snapshot);
    fd = open_ram(snapshot);
    assert_int_equal(write(fd, "x", 1), -1);
    assert_int_equal(errno, EPERM);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_ptr_equal(mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
    close(fd);
    vm_snapshot_free(snapshot);
}

static void each_fork_reads_the_state_from_its_beginning(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    char text[8] = {0};
    int fd;

    (void)state;
    assert_int_equal(vm_snapshot_new(RAM_SIZE, NULL, &snapshot, NULL), 0);
    assert_int_equal(write(snapshot->state, "state", 6), 6);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(snapshot_open_state(snapshot, &fd, NULL), 0);
        assert_int_equal(read(fd, text, sizeof text), 6);
        assert_string_equal(text, "state");
        close(fd);
    }
    vm_snapshot_free(snapshot);
}

static void on_a_disk_it_has_no_name_and_all_its_room(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    cleanup_free char *directory = directory_make();
    struct stat info;

    (void)state;
    assert_int_equal(vm_snapshot_new(RAM_SIZE, directory, &snapshot, NULL), 0);
    assert_int_equal(fstat(snapshot->ram, &info), 0);
    assert_int_equal(info.st_size, RAM_SIZE);
    assert_true(info.st_blocks * 512 >= RAM_SIZE);
    assert_int_equal(info.st_nlink, 0);
    assert_int_equal(rmdir(directory), 0);
    vm_snapshot_free(snapshot);
}

static void a_disk_that_is_too_small_is_an_error(void **state)
{
    cleanup_free char *directory = directory_make();
    struct vm_snapshot *snapshot = NULL;
    struct error error;
    int code = vm_snapshot_new(UINT64_C(1) << 60, directory, &snapshot, &error);

    (void)state;
    assert_true(code < 0);
    assert_non_null(strstr(error.message, directory));
    assert_null(snapshot);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_share_the_ram_and_keep_what_they_write),
        cmocka_unit_test(nobody_writes_to_a_sealed_snapshot),
        cmocka_unit_test(each_fork_reads_the_state_from_its_beginning),
        cmocka_unit_test(on_a_disk_it_has_no_name_and_all_its_room),
        cmocka_unit_test(a_disk_that_is_too_small_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
