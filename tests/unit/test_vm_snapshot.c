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

    snapshot_fd_path(snapshot->ram, path);
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

/* RAM that says something at its begin, in its middle and at its end, and nothing between. */
static struct vm_snapshot *saved_snapshot(void)
{
    struct vm_snapshot *snapshot = NULL;

    assert_int_equal(vm_snapshot_new(RAM_SIZE, NULL, &snapshot, NULL), 0);
    assert_int_equal(pwrite(snapshot->ram, "begin", 5, 0), 5);
    assert_int_equal(pwrite(snapshot->ram, "middle", 6, RAM_SIZE / 2 + 4090), 6);
    assert_int_equal(pwrite(snapshot->ram, "end", 3, RAM_SIZE - 3), 3);
    assert_int_equal(write(snapshot->state, "state", 5), 5);
    return snapshot;
}

struct stored {
    char *parent, *path;
};

static void store(struct stored *stored)
{
    struct vm_snapshot *snapshot = saved_snapshot();

    stored->parent = directory_make();
    stored->path = xasprintf("%s/template", stored->parent);
    assert_int_equal(vm_snapshot_store(snapshot, stored->path, NULL), 0);
    vm_snapshot_free(snapshot);
}

static void stored_free(struct stored *stored)
{
    directory_remove(stored->parent);
    free(stored->path);
}

/* Into memory, and on to a disk. */
static void what_is_stored_is_loaded(void **state)
{
    struct vm_snapshot *before = saved_snapshot(), *after = NULL;
    cleanup_free char *a = xmalloc(RAM_SIZE), *b = xmalloc(RAM_SIZE);
    struct stored stored;
    struct stat info;

    (void)state;
    store(&stored);
    assert_int_equal(pread(before->ram, a, RAM_SIZE, 0), RAM_SIZE);
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        char text[8] = {0};

        assert_int_equal(
            vm_snapshot_load(stored.path, RAM_SIZE, on_disk ? stored.parent : NULL, &after, NULL),
            0);
        assert_int_equal(pread(after->ram, b, RAM_SIZE, 0), RAM_SIZE);
        assert_memory_equal(a, b, RAM_SIZE);
        assert_int_equal(pread(after->state, text, sizeof text, 0), 5);
        assert_string_equal(text, "state");
        assert_int_equal(fstat(after->ram, &info), 0);
        assert_int_equal(info.st_blocks * 512 >= RAM_SIZE, on_disk);
        vm_snapshot_free(after);
    }
    vm_snapshot_free(before);
    stored_free(&stored);
}

static void a_store_that_is_there_is_left(void **state)
{
    struct vm_snapshot *snapshot = saved_snapshot();
    struct stored stored;

    (void)state;
    store(&stored);
    assert_int_equal(vm_snapshot_store(snapshot, stored.path, NULL), -EEXIST);
    vm_snapshot_free(snapshot);
    stored_free(&stored);
}

/* Overwrites, lengthens or cuts one of the three files. */
static void damage(const struct stored *stored, const char *name, off_t at, const char *bytes,
                   off_t length)
{
    cleanup_free char *path = xasprintf("%s/%s", stored->path, name);
    cleanup_fd int fd = open(path, O_RDWR);

    if (bytes)
        assert_int_equal(pwrite(fd, bytes, strlen(bytes), at), strlen(bytes));
    else
        assert_int_equal(ftruncate(fd, length), 0);
}

static void what_was_damaged_is_noticed(void **state)
{
    static const struct {
        const char *name;
        off_t at;
        const char *bytes; /* NULL: cut to `length` */
        off_t length;
    } damages[] = {
        {"ram", 0, "Begin", 0},
        {"ram", 12288, "where nothing was", 0},
        {"ram", 0, NULL, RAM_SIZE / 2},
        {"ram", 0, NULL, 0},
        {"ram", 0, NULL, RAM_SIZE * 2},
        {"state", 0, "S", 0},
        {"state", 0, NULL, 3},
        {"state", 5, "more", 0},
        {"digest", 0, "0000", 0},
        {"digest", 0, NULL, 0},
        {"digest", 64, "and more than a digest", 0},
    };

    (void)state;
    for (size_t i = 0; i < array_size(damages); i++) {
        struct vm_snapshot *snapshot = NULL;
        struct stored stored;
        struct error error = {0};

        store(&stored);
        damage(&stored, damages[i].name, damages[i].at, damages[i].bytes, damages[i].length);
        assert_int_equal(vm_snapshot_load(stored.path, RAM_SIZE, NULL, &snapshot, &error),
                         -EBADMSG);
        assert_non_null(strstr(error.message, stored.path));
        assert_null(snapshot);
        stored_free(&stored);
    }
}

static void one_that_is_not_there_or_of_another_size_is_said(void **state)
{
    struct vm_snapshot *snapshot = NULL;
    struct stored stored;

    (void)state;
    store(&stored);
    assert_int_equal(vm_snapshot_load(stored.path, RAM_SIZE / 2, NULL, &snapshot, NULL), -EBADMSG);
    assert_int_equal(vm_snapshot_load(stored.parent, RAM_SIZE, NULL, &snapshot, NULL), -ENOENT);
    stored_free(&stored);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forks_share_the_ram_and_keep_what_they_write),
        cmocka_unit_test(nobody_writes_to_a_sealed_snapshot),
        cmocka_unit_test(each_fork_reads_the_state_from_its_beginning),
        cmocka_unit_test(on_a_disk_it_has_no_name_and_all_its_room),
        cmocka_unit_test(a_disk_that_is_too_small_is_an_error),
        cmocka_unit_test(what_is_stored_is_loaded),
        cmocka_unit_test(a_store_that_is_there_is_left),
        cmocka_unit_test(what_was_damaged_is_noticed),
        cmocka_unit_test(one_that_is_not_there_or_of_another_size_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
