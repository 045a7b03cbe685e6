/* Archives: what goes in comes out, always in the same bytes, whole or not at all. */
#include "initrd/atomic_file.h"
#include "initrd/gzip_writer.h"
#include "initrd/initrd.h"
#include "tests/unit/archive_fixture.h"
#include "tests/unit/newc.h"

#include <dirent.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include <cmocka.h>

static int add_text(struct fixture *f, const char *guest_path, const char *text)
{
    return initrd_add_bytes(f->initrd, guest_path, text, strlen(text), 0644, &f->error);
}

static struct newc write_and_read(struct fixture *f)
{
    struct newc newc = {0};

    assert_done(initrd_write(f->initrd, in(f, "out"), 1, &f->error), f);
    assert_true(newc_load(in(f, "out"), &newc));
    return newc;
}

static void fresh(struct fixture *f)
{
    initrd_free(f->initrd);
    f->initrd = initrd_new();
}

static size_t files_in(const char *directory)
{
    DIR *dir = opendir(directory);
    size_t count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

static void add_one_of_each(struct fixture *f)
{
    make_file(f, "tool", "#!nothing", 04751);
    assert_done(initrd_add_symlink(f->initrd, "/etc/link", "../z", &f->error), f);
    assert_done(initrd_add_file(f->initrd, in(f, "tool"), "/opt/tool", &f->error), f);
    assert_done(
        initrd_add_node(f->initrd, "/dev/console", S_IFCHR | 0600, makedev(5, 1), &f->error), f);
    assert_done(initrd_add_bytes(f->initrd, "/etc/empty", NULL, 0, 0600, &f->error), f);
    assert_done(initrd_add_bytes(f->initrd, "/a", "x\0y", 3, 0644, &f->error), f);
    assert_done(initrd_add_directory(f->initrd, "/srv/d", 02750, &f->error), f);
}

static void what_goes_in_comes_out(void **state)
{
    static const struct {
        const char *path;
        uint32_t mode, size;
    } expected[] = {
        {"a", 0100644, 3},     {"dev", 0040755, 0},       {"dev/console", 0020600, 0},
        {"etc", 0040755, 0},   {"etc/empty", 0100600, 0}, {"etc/link", 0120777, 4},
        {"opt", 0040755, 0},   {"opt/tool", 0104751, 9},  {"srv", 0040755, 0},
        {"srv/d", 0042750, 0},
    };
    struct fixture *f = *state;
    struct newc newc;

    add_one_of_each(f);
    newc = write_and_read(f);
    assert_int_equal(newc.count, array_size(expected));
    for (size_t i = 0; i < newc.count; i++) {
        const struct newc_entry *entry = &newc.entries[i];

        assert_string_equal(entry->path, expected[i].path);
        assert_int_equal(entry->mode, expected[i].mode);
        assert_int_equal(entry->size, expected[i].size);
        assert_int_equal(entry->inode, i + 1);
        assert_int_equal(entry->links, S_ISDIR(entry->mode) ? 2 : 1);
        assert_int_equal(entry->uid | entry->gid | entry->mtime, 0);
    }
    assert_memory_equal(newc_find(&newc, "a")->bytes, "x\0y", 3);
    assert_string_equal(newc_find(&newc, "etc/link")->bytes, "../z");
    assert_string_equal(newc_find(&newc, "opt/tool")->bytes, "#!nothing");
    assert_int_equal(newc_find(&newc, "dev/console")->device_major, 5);
    assert_int_equal(newc_find(&newc, "dev/console")->device_minor, 1);
    newc_free(&newc);
}

static void cpio_reads_it_too(void **state)
{
    struct fixture *f = *state;
    char *cpio = fs_find_program("cpio");
    struct buffer bytes = {0}, list = {0};
    const char *argv[] = {cpio, "--quiet", "-t", "-F", NULL, NULL};

    if (!cpio)
        skip();
    add_one_of_each(f);
    assert_done(initrd_write(f->initrd, in(f, "out"), 9, &f->error), f);
    assert_true(newc_gunzip(f->path, &bytes));
    assert_done(fs_write(in(f, "out.cpio"), bytes.data, bytes.length, 0600, &f->error), f);
    argv[4] = f->path;
    assert_done(process_run(argv, NULL, &list, &f->error), f);
    assert_string_equal(list.data, "a\ndev\ndev/console\netc\netc/empty\netc/link\nopt\nopt/tool\n"
                                   "srv\nsrv/d\n");
    buffer_free(&bytes);
    buffer_free(&list);
    free(cpio);
}

static void build_tree(struct fixture *f, const char *name, mode_t umask_now, time_t when,
                       bool backwards)
{
    static const char *const names[] = {"one", "three", "two"};
    struct timespec times[2] = {{when, 0}, {when, 5}};
    mode_t before = umask(umask_now);
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", f->directory, name);
    assert_done(fs_mkdirs(path, 0700, &f->error), f);
    for (size_t i = 0; i < 3; i++) {
        const char *file = names[backwards ? 2 - i : i];

        snprintf(path, sizeof path, "%s/%s", name, file);
        make_file(f, path, file, 0640);
        assert_int_equal(utimensat(AT_FDCWD, f->path, times, 0), 0);
    }
    assert_int_equal(chmod(in(f, name), 0750), 0);
    umask(before);
}

static void the_bytes_depend_on_nothing_else(void **state)
{
    struct fixture *f = *state;
    struct buffer one = {0}, two = {0};

    build_tree(f, "first", 022, 1000, false);
    build_tree(f, "second/deeper", 077, 2000000000, true);
    add_text(f, "/etc/x", "x");
    assert_done(initrd_add_tree(f->initrd, in(f, "first"), "/opt", 0, &f->error), f);
    assert_done(initrd_write(f->initrd, in(f, "out1"), 6, &f->error), f);
    assert_done(fs_read(f->path, 1 << 20, &one, &f->error), f);
    fresh(f);
    assert_done(initrd_add_tree(f->initrd, in(f, "second/deeper"), "/opt/", 0, &f->error), f);
    add_text(f, "//etc/./x", "x");
    assert_done(initrd_write(f->initrd, in(f, "out2"), 6, &f->error), f);
    assert_done(fs_read(f->path, 1 << 20, &two, &f->error), f);
    assert_int_equal(one.length, two.length);
    assert_memory_equal(one.data, two.data, one.length);
    buffer_free(&one);
    buffer_free(&two);
}

static void a_tree_keeps_all_it_has(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(fs_mkdirs(in(f, "tree/sub"), 0755, &f->error), f);
    make_file(f, "tree/sub/file", "text", 0600);
    assert_int_equal(symlink("sub/file", in(f, "tree/link")), 0);
    assert_int_equal(symlink("nowhere", in(f, "tree/dangling")), 0);
    assert_int_equal(symlink("..", in(f, "tree/sub/up")), 0);
    assert_int_equal(mkfifo(in(f, "tree/fifo"), 0620), 0);
    assert_int_equal(chmod(f->path, 0620), 0);
    assert_done(initrd_add_tree(f->initrd, in(f, "tree"), "/", 0, &f->error), f);
    newc = write_and_read(f);
    assert_int_equal(newc.count, 6);
    assert_string_equal(newc_find(&newc, "sub/file")->bytes, "text");
    assert_int_equal(newc_find(&newc, "sub/file")->mode, S_IFREG | 0600);
    assert_string_equal(newc_find(&newc, "link")->bytes, "sub/file");
    assert_string_equal(newc_find(&newc, "dangling")->bytes, "nowhere");
    assert_string_equal(newc_find(&newc, "sub/up")->bytes, "..");
    assert_int_equal(newc_find(&newc, "fifo")->mode, S_IFIFO | 0620);
    newc_free(&newc);
}

static void bin_and_lib_are_below_usr(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(add_text(f, "/bin/a", "a"), f);
    assert_done(add_text(f, "/lib64/b", "b"), f);
    assert_done(add_text(f, "/var/run/c", "c"), f);
    assert_done(initrd_add_directory(f->initrd, "/sbin", 0755, &f->error), f);
    assert_done(initrd_add_symlink(f->initrd, "/lib", "usr/lib", &f->error), f);
    assert_done(initrd_add_symlink(f->initrd, "/bin", "/usr/bin", &f->error), f);
    assert_error(initrd_add_symlink(f->initrd, "/bin", "busybox", &f->error), EEXIST, f,
                 "/bin is a link to usr/bin");
    newc = write_and_read(f);
    assert_non_null(newc_find(&newc, "usr/bin/a"));
    assert_non_null(newc_find(&newc, "usr/lib64/b"));
    assert_non_null(newc_find(&newc, "run/c"));
    assert_non_null(newc_find(&newc, "usr/sbin"));
    assert_null(newc_find(&newc, "bin"));
    assert_null(newc_find(&newc, "lib"));
    assert_null(newc_find(&newc, "sbin"));
    newc_free(&newc);
}

static void links_of_the_archive_are_followed(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(initrd_add_symlink(f->initrd, "/opt/current", "v2", &f->error), f);
    assert_done(add_text(f, "/opt/current/file", "x"), f);
    assert_done(initrd_add_symlink(f->initrd, "/loop", "loop", &f->error), f);
    assert_error(add_text(f, "/loop/file", "x"), ELOOP, f, "/loop/file");
    assert_error(add_text(f, "/opt/v2/file/below", "x"), ENOTDIR, f, "/opt/v2/file");
    newc = write_and_read(f);
    assert_non_null(newc_find(&newc, "opt/v2/file"));
    assert_non_null(newc_find(&newc, "opt/current"));
    newc_free(&newc);
}

static void parents_made_in_passing_keep_the_usual_modes(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(add_text(f, "/tmp/x", "x"), f);
    assert_done(add_text(f, "/root/x", "x"), f);
    assert_done(add_text(f, "/other/x", "x"), f);
    assert_done(initrd_add_directory(f->initrd, "/other", 0711, &f->error), f);
    newc = write_and_read(f);
    assert_int_equal(newc_find(&newc, "tmp")->mode, S_IFDIR | 01777);
    assert_int_equal(newc_find(&newc, "root")->mode, S_IFDIR | 0700);
    assert_int_equal(newc_find(&newc, "other")->mode, S_IFDIR | 0711);
    newc_free(&newc);
}

static void the_same_twice_is_fine_and_two_things_are_not(void **state)
{
    struct fixture *f = *state;

    make_file(f, "one", "same", 0644);
    make_file(f, "two", "same", 0644);
    make_file(f, "three", "else", 0644);
    make_file(f, "four", "same", 0755);
    assert_done(initrd_add_file(f->initrd, in(f, "one"), "/bin/x", &f->error), f);
    assert_done(initrd_add_file(f->initrd, in(f, "one"), "/bin/x", &f->error), f);
    assert_done(initrd_add_file(f->initrd, in(f, "two"), "/usr/bin/x", &f->error), f);
    assert_done(add_text(f, "/bin/x", "same"), f);
    assert_error(initrd_add_file(f->initrd, in(f, "three"), "/bin/x", &f->error), EEXIST, f,
                 f->path);
    assert_non_null(strstr(f->error.message, "/one"));
    assert_error(initrd_add_file(f->initrd, in(f, "four"), "/bin/x", &f->error), EEXIST, f, "0755");
    assert_error(initrd_add_symlink(f->initrd, "/bin/x", "y", &f->error), EEXIST, f, "types");
    assert_error(initrd_add_directory(f->initrd, "/bin/x", 0755, &f->error), EEXIST, f, "types");
}

static void bad_guest_paths_are_refused(void **state)
{
    struct fixture *f = *state;
    char longer[PATH_MAX + 2];

    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    assert_error(add_text(f, "relative", "x"), EINVAL, f, "absolute");
    assert_error(add_text(f, "/a/../b", "x"), EINVAL, f, "..");
    assert_error(add_text(f, "/a/..", "x"), EINVAL, f, "..");
    assert_done(add_text(f, "/a/..b", "x"), f);
    assert_error(add_text(f, "/", "x"), EISDIR, f, "root directory");
    assert_error(add_text(f, longer, "x"), ENAMETOOLONG, f, "4097 bytes");
    assert_error(initrd_add_symlink(f->initrd, "/l", "", &f->error), EINVAL, f, "/l");
    assert_error(initrd_add_symlink(f->initrd, "/l", longer, &f->error), ENAMETOOLONG, f, "/l");
    assert_error(initrd_add_node(f->initrd, "/n", S_IFREG, 0, &f->error), EINVAL, f, "/n");
}

static void bad_host_files_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_error(initrd_add_file(f->initrd, in(f, "none"), "/x", &f->error), ENOENT, f, "/none");
    assert_error(initrd_add_file(f->initrd, f->directory, "/x", &f->error), EISDIR, f,
                 "is a directory");
    assert_int_equal(mkfifo(in(f, "fifo"), 0600), 0);
    assert_error(initrd_add_file(f->initrd, f->path, "/x", &f->error), EINVAL, f, "regular");
    make_file(f, "closed", "x", 0000);
    if (geteuid() != 0)
        assert_error(initrd_add_file(f->initrd, f->path, "/x", &f->error), EACCES, f, "/closed");
    assert_error(initrd_add_tree(f->initrd, f->path, "/x", 0, &f->error), ENOTDIR, f, "/closed");
    assert_error(initrd_add_tree(f->initrd, in(f, "none"), "/x", 0, &f->error), ENOENT, f, "/none");
}

static void four_gigabytes_are_too_much(void **state)
{
    struct fixture *f = *state;

    make_file(f, "sparse", "", 0600);
    if (truncate(f->path, (off_t)1 << 32) < 0)
        skip();
    assert_error(initrd_add_file(f->initrd, f->path, "/x", &f->error), EFBIG, f, "4294967296");
}

static void a_file_that_changes_is_an_error(void **state)
{
    struct fixture *f = *state;

    make_file(f, "file", "before", 0644);
    assert_done(initrd_add_file(f->initrd, f->path, "/x", &f->error), f);
    make_file(f, "file", "afterwards", 0644);
    assert_error(initrd_write(f->initrd, in(f, "out"), 1, &f->error), ESTALE, f, "/file changed");
    assert_false(fs_exists(in(f, "out")));
    assert_int_equal(unlink(in(f, "file")), 0);
    assert_error(initrd_write(f->initrd, in(f, "out"), 1, &f->error), ENOENT, f, "/file");
    assert_int_equal(files_in(f->directory), 0);
}

static void add_noise(struct fixture *f, size_t count)
{
    char *noise = xmalloc(count);
    uint64_t state = 88172645463325252u; /* xorshift64, Marsaglia 2003 */

    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise[i] = (char)state;
    }
    assert_done(initrd_add_bytes(f->initrd, "/noise", noise, count, 0644, &f->error), f);
    free(noise);
}

static void a_full_disk_leaves_what_was_there(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, small;
    struct buffer kept = {0};
    int code;

    add_noise(f, 4 << 20);
    make_file(f, "out", "old", 0644);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    code = initrd_write(f->initrd, in(f, "out"), 1, &f->error);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, -EFBIG);
    assert_non_null(strstr(f->error.message, f->path));
    assert_done(fs_read(f->path, 100, &kept, &f->error), f);
    assert_string_equal(kept.data, "old");
    assert_int_equal(files_in(f->directory), 1);
    buffer_free(&kept);
}

static void what_cannot_be_written_says_so(void **state)
{
    struct fixture *f = *state;

    assert_error(initrd_write(f->initrd, "/dev/full", 1, &f->error), EINVAL, f, "/dev/full");
    assert_error(initrd_write(f->initrd, in(f, "no/such"), 1, &f->error), ENOENT, f, "no/such");
    assert_error(initrd_write(f->initrd, in(f, "out"), 10, &f->error), EINVAL, f, "level");
    assert_int_equal(files_in(f->directory), 0);
}

static void a_named_temporary_file_goes_too(void **state)
{
    struct fixture *f = *state;
    struct atomic_file file;

    make_file(f, "out", "old", 0644);
    assert_done(atomic_file_open(&file, in(f, "out"), &f->error), f);
    if (!file.temporary) {
        file.temporary = xasprintf("%s/out.abcdef", f->directory);
        make_file(f, "out.abcdef", "half", 0600);
    }
    assert_int_equal(files_in(f->directory), 2);
    atomic_file_close(&file);
    assert_int_equal(files_in(f->directory), 1);
}

static void the_kernel_gets_archives_in_order(void **state)
{
    struct fixture *f = *state;
    char first[PATH_MAX], second[PATH_MAX];
    const char *paths[] = {first, second};
    struct newc newc = {0};

    strcpy(first, in(f, "first"));
    strcpy(second, in(f, "second"));
    assert_done(add_text(f, "/file", "old"), f);
    assert_done(initrd_write(f->initrd, first, 9, &f->error), f);
    fresh(f);
    assert_done(add_text(f, "/file", "new"), f);
    assert_done(initrd_write(f->initrd, second, 0, &f->error), f);
    assert_done(initrd_concatenate(paths, 2, in(f, "both"), &f->error), f);
    assert_true(newc_load(f->path, &newc));
    assert_int_equal(newc.archives, 2);
    assert_int_equal(newc.count, 2);
    assert_string_equal(newc.entries[0].bytes, "old");
    assert_string_equal(newc.entries[1].bytes, "new");
    newc_free(&newc);
    make_file(f, "second", "text", 0644);
    assert_error(initrd_concatenate(paths, 2, in(f, "bad"), &f->error), EINVAL, f, second);
    assert_false(fs_exists(in(f, "bad")));
}

static void a_layer_replaces_a_link_and_not_a_directory(void **state)
{
    struct fixture *f = *state;
    char base[PATH_MAX], layer[PATH_MAX];
    const char *paths[] = {base, layer};
    struct stat info;

    strcpy(base, in(f, "base"));
    strcpy(layer, in(f, "layer"));
    assert_done(add_text(f, "/bin/busybox", "the box"), f);
    assert_done(initrd_add_symlink(f->initrd, "/bin/tool", "busybox", &f->error), f);
    assert_done(initrd_add_directory(f->initrd, "/tmp", 01777, &f->error), f);
    assert_done(initrd_write(f->initrd, base, 1, &f->error), f);
    fresh(f);
    assert_done(add_text(f, "/bin/tool", "the real tool"), f);
    assert_done(add_text(f, "/tmp/file", "x"), f);
    assert_done(initrd_write(f->initrd, layer, 1, &f->error), f);
    assert_done(initrd_concatenate(paths, 2, in(f, "both"), &f->error), f);
    assert_int_equal(mkdir(in(f, "root"), 0755), 0);
    strcpy(base, f->path);
    assert_true(newc_unpack(in(f, "both"), base));
    assert_int_equal(lstat(in(f, "root/usr/bin/tool"), &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_int_equal(lstat(in(f, "root/usr/bin/busybox"), &info), 0);
    assert_int_equal(info.st_size, strlen("the box"));
    assert_int_equal(lstat(in(f, "root/tmp"), &info), 0);
    assert_int_equal(info.st_mode & 07777, 01777);
}

static void the_digest_is_of_the_contents(void **state)
{
    struct fixture *f = *state;
    char one[DIGEST_HEX_SIZE], two[DIGEST_HEX_SIZE];

    make_file(f, "file", "x", 0644);
    assert_done(initrd_add_file(f->initrd, in(f, "file"), "/a", &f->error), f);
    assert_done(initrd_digest(f->initrd, one, &f->error), f);
    fresh(f);
    assert_done(add_text(f, "/a", "x"), f);
    assert_done(initrd_digest(f->initrd, two, &f->error), f);
    assert_string_equal(one, two);
    assert_done(add_text(f, "/b", ""), f);
    assert_done(initrd_digest(f->initrd, two, &f->error), f);
    assert_string_not_equal(one, two);
    fresh(f);
    assert_done(initrd_add_bytes(f->initrd, "/a", "x", 1, 0600, &f->error), f);
    assert_done(initrd_digest(f->initrd, two, &f->error), f);
    assert_string_not_equal(one, two);
}

/* Compresses `count` bytes and checks that they come back. */
static void pack(struct fixture *f, const char *bytes, size_t count, int level,
                 unsigned int threads, struct buffer *packed)
{
    struct gzip_writer *writer = NULL;
    struct buffer back = {0};
    int fd = open(in(f, "packed"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_done(gzip_writer_new(fd, level, threads, &writer, &f->error), f);
    for (size_t at = 0; at < count; at += 100000)
        assert_done(gzip_writer_write(writer, bytes + at, count - at < 100000 ? count - at : 100000,
                                      &f->error),
                    f);
    assert_done(gzip_writer_finish(writer, &f->error), f);
    gzip_writer_free(writer);
    close(fd);
    assert_true(newc_gunzip(f->path, &back));
    assert_int_equal(back.length, count);
    if (count > 0)
        assert_memory_equal(back.data, bytes, count);
    assert_done(fs_read(f->path, 1 << 30, packed, &f->error), f);
    buffer_free(&back);
}

static void threads_change_nothing(void **state)
{
    static const size_t sizes[] = {0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 3 << 20};
    static const int levels[] = {0, 1, 9};
    struct fixture *f = *state;
    char *bytes = xmalloc(3 << 20);

    for (size_t i = 0; i < 3 << 20; i++)
        bytes[i] = (char)(i * i >> 8);
    for (size_t i = 0; i < array_size(sizes); i++)
        for (size_t j = 0; j < array_size(levels); j++) {
            struct buffer one = {0};

            pack(f, bytes, sizes[i], levels[j], 1, &one);
            for (unsigned int threads = 2; threads <= GZIP_WRITER_THREADS_MAX; threads++) {
                struct buffer more = {0};

                pack(f, bytes, sizes[i], levels[j], threads, &more);
                assert_int_equal(one.length, more.length);
                assert_memory_equal(one.data, more.data, one.length);
                buffer_free(&more);
            }
            buffer_free(&one);
        }
    free(bytes);
}

static void a_cached_archive_is_made_once(void **state)
{
    struct fixture *f = *state;
    char *first = NULL, *second = NULL, *third = NULL;
    char hex[DIGEST_HEX_SIZE];
    struct stat before, after;

    assert_done(add_text(f, "/a", "x"), f);
    assert_done(initrd_write_cached(f->initrd, f->directory, 1, &first, hex, &f->error), f);
    assert_non_null(strstr(first, hex));
    assert_int_equal(stat(first, &before), 0);
    make_file(f, "initrd/0.cpio.gz.abcdef", "what a killed process left", 0600);
    assert_done(initrd_write_cached(f->initrd, f->directory, 1, &second, NULL, &f->error), f);
    assert_string_equal(first, second);
    assert_int_equal(stat(first, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_done(initrd_write_cached(f->initrd, f->directory, 9, &third, NULL, &f->error), f);
    assert_string_not_equal(first, third);
    assert_int_equal(files_in(in(f, "initrd")), 3); /* two archives and the lock */
    free(first);
    free(second);
    free(third);
}

static void processes_that_want_the_same_share_it(void **state)
{
    enum { PROCESSES = 4 };
    struct fixture *f = *state;
    pid_t children[PROCESSES];
    struct newc newc = {0};
    char *path = NULL;

    add_noise(f, 1 << 20);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(initrd_write_cached(f->initrd, f->directory, 1, &path, NULL, &f->error) < 0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(files_in(in(f, "initrd")), 2);
    assert_done(initrd_write_cached(f->initrd, f->directory, 1, &path, NULL, &f->error), f);
    assert_true(newc_load(path, &newc));
    assert_int_equal(newc_find(&newc, "noise")->size, 1 << 20);
    newc_free(&newc);
    free(path);
}

/* The child says when each archive has begun; it is killed within one. */
static void sigkill_leaves_no_half_archive(void **state)
{
    struct fixture *f = *state;
    struct newc newc = {0};
    char *path = NULL;
    int ends[2];
    pid_t child;
    char byte;

    add_noise(f, 8 << 20);
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        for (int level = 9; level > 7 && write(ends[1], "x", 1) == 1; level--)
            initrd_write_cached(f->initrd, f->directory, level, &path, NULL, &f->error);
        for (;;)
            pause();
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(read(ends[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ends[0]);
    close(ends[1]);
    assert_done(initrd_write_cached(f->initrd, f->directory, 8, &path, NULL, &f->error), f);
    assert_true(newc_load(path, &newc));
    assert_int_equal(newc_find(&newc, "noise")->size, 8 << 20);
    assert_int_equal(files_in(in(f, "initrd")), 3);
    newc_free(&newc);
    free(path);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(what_goes_in_comes_out),
        test(cpio_reads_it_too),
        test(the_bytes_depend_on_nothing_else),
        test(a_tree_keeps_all_it_has),
        test(bin_and_lib_are_below_usr),
        test(links_of_the_archive_are_followed),
        test(parents_made_in_passing_keep_the_usual_modes),
        test(the_same_twice_is_fine_and_two_things_are_not),
        test(bad_guest_paths_are_refused),
        test(bad_host_files_are_refused),
        test(four_gigabytes_are_too_much),
        test(a_file_that_changes_is_an_error),
        test(a_full_disk_leaves_what_was_there),
        test(what_cannot_be_written_says_so),
        test(a_named_temporary_file_goes_too),
        test(the_kernel_gets_archives_in_order),
        test(a_layer_replaces_a_link_and_not_a_directory),
        test(the_digest_is_of_the_contents),
        test(threads_change_nothing),
        test(a_cached_archive_is_made_once),
        test(processes_that_want_the_same_share_it),
        test(sigkill_leaves_no_half_archive),
    };

    return cmocka_run_group_tests_name("initrd", tests, NULL, NULL);
}
