/* Files, directories and programs of the host. */
#include "base/fs.h"
#include "base/memory.h"
#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* The state of each test is the path of a directory of its own. */
static int set_up(void **state)
{
    char template[] = "/tmp/duet-files-XXXXXX";

    assert_non_null(mkdtemp(template));
    *state = xstrdup(template);
    return 0;
}

static int tear_down(void **state)
{
    struct error error = {0};

    assert_int_equal(fs_remove_tree(*state, &error), 0);
    assert_false(fs_exists(*state));
    free(*state);
    return 0;
}

static char *in(void **state, const char *name)
{
    return xasprintf("%s/%s", (const char *)*state, name);
}

static void assert_contents(const char *path, const char *expected)
{
    cleanup_buffer struct buffer text = {0};
    struct error error = {0};

    assert_int_equal(fs_read(path, 1 << 20, &text, &error), 0);
    assert_string_equal(text.data, expected);
}

static size_t count_entries(const char *directory)
{
    cleanup_buffer struct buffer out = {0};
    const char *const argv[] = {"ls", "-A", directory, NULL};
    struct error error = {0};
    size_t lines = 0;

    assert_int_equal(process_run(argv, NULL, &out, &error), 0);
    for (size_t i = 0; i < out.length; i++)
        lines += out.data[i] == '\n';
    return lines;
}

static void mkdirs_makes_what_is_missing(void **state)
{
    cleanup_free char *deep = in(state, "a//b/./c/");
    struct error error = {0};
    struct stat info;

    assert_int_equal(fs_mkdirs(deep, 0700, &error), 0);
    assert_int_equal(fs_mkdirs(deep, 0700, &error), 0);
    assert_int_equal(stat(deep, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
}

static void mkdirs_says_what_is_in_the_way(void **state)
{
    cleanup_free char *file = in(state, "file");
    cleanup_free char *below = in(state, "file/below");
    struct error error = {0};

    assert_int_equal(fs_write(file, "x", 1, 0600, &error), 0);
    assert_int_equal(fs_mkdirs(file, 0700, &error), -ENOTDIR);
    assert_non_null(strstr(error.message, file));
    assert_int_equal(fs_mkdirs(below, 0700, &error), -ENOTDIR);
    assert_non_null(strstr(error.message, file));
}

static void write_replaces_and_sets_the_mode(void **state)
{
    cleanup_free char *path = in(state, "file");
    struct error error = {0};
    struct stat info;

    assert_int_equal(fs_write(path, "old and long", 12, 0600, &error), 0);
    assert_int_equal(fs_write(path, "new", 3, 0640, &error), 0);
    assert_contents(path, "new");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(count_entries(*state), 1);
}

/* A full disk, as far as one process can have it: no file may be larger than 4 KiB. */
static void write_that_fails_leaves_the_old(void **state)
{
    cleanup_free char *path = in(state, "file");
    cleanup_free char *big = xcalloc(1, 1 << 16);
    struct rlimit limit;
    struct rlimit small;
    struct error error = {0};
    int code;

    assert_int_equal(fs_write(path, "old", 3, 0600, &error), 0);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    code = fs_write(path, big, 1 << 16, 0600, &error);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, -EFBIG);
    assert_non_null(strstr(error.message, path));
    assert_contents(path, "old");
    assert_int_equal(count_entries(*state), 1);
}

static void write_says_where_it_cannot(void **state)
{
    cleanup_free char *path = in(state, "missing/file");
    cleanup_free char *directory = in(state, "directory");
    struct error error = {0};

    assert_int_equal(fs_write(path, "x", 1, 0600, &error), -ENOENT);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(fs_mkdirs(directory, 0700, &error), 0);
    assert_int_equal(fs_write(directory, "x", 1, 0600, &error), -EISDIR);
    assert_int_equal(count_entries(*state), 1);
}

/* Whoever reads while another writes sees one of the two texts, whole. */
static void readers_see_the_old_or_the_new(void **state)
{
    cleanup_free char *path = in(state, "file");
    struct error error = {0};
    char text[2][5000];
    pid_t writer;

    memset(text[0], 'a', sizeof text[0]);
    memset(text[1], 'b', sizeof text[1]);
    assert_int_equal(fs_write(path, text[0], sizeof text[0], 0600, &error), 0);
    writer = fork();
    assert_true(writer >= 0);
    if (writer == 0) {
        for (int i = 0; i < 300; i++)
            if (fs_write(path, text[i % 2], sizeof text[0], 0600, &error) < 0)
                _exit(1);
        _exit(0);
    }
    for (int status; waitpid(writer, &status, WNOHANG) == 0;) {
        cleanup_buffer struct buffer seen = {0};

        assert_int_equal(fs_read(path, sizeof text[0], &seen, &error), 0);
        assert_int_equal(seen.length, sizeof text[0]);
        assert_memory_equal(seen.data, text[seen.data[0] - 'a'], sizeof text[0]);
    }
    assert_int_equal(count_entries(*state), 1);
}

static void read_appends_up_to_the_limit(void **state)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *path = in(state, "file");
    struct error error = {0};

    assert_int_equal(fs_write(path, "12345", 5, 0600, &error), 0);
    buffer_append_text(&text, "> ");
    assert_int_equal(fs_read(path, 4, &text, &error), -EFBIG);
    assert_int_equal(text.length, 2);
    assert_int_equal(fs_read(path, 5, &text, &error), 0);
    assert_string_equal(text.data, "> 12345");
    assert_int_equal(fs_read(*state, 100, &text, &error), -EISDIR);
    assert_int_equal(text.length, 7);
    assert_int_equal(fs_read("/nonexistent", 100, &text, &error), -ENOENT);
}

/* A text whose read failed is still a text. */
static void read_that_fails_leaves_a_text(void **state)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *path = in(state, "file");
    struct error error = {0};

    assert_int_equal(fs_write(path, "12345", 5, 0600, &error), 0);
    buffer_append_text(&text, "kept");
    assert_int_equal(fs_read(path, 2, &text, &error), -EFBIG);
    assert_string_equal(text.data, "kept");
}

static void remove_tree_does_not_follow_links(void **state)
{
    cleanup_free char *kept = in(state, "kept");
    cleanup_free char *kept_file = in(state, "kept/file");
    cleanup_free char *tree = in(state, "tree");
    cleanup_free char *deep = in(state, "tree/a/b");
    cleanup_free char *to_directory = in(state, "tree/a/to-directory");
    cleanup_free char *to_file = in(state, "tree/to-file");
    cleanup_free char *dangling = in(state, "tree/a/b/dangling");
    struct error error = {0};

    assert_int_equal(fs_mkdirs(kept, 0700, &error), 0);
    assert_int_equal(fs_write(kept_file, "mine", 4, 0600, &error), 0);
    assert_int_equal(fs_mkdirs(deep, 0700, &error), 0);
    assert_int_equal(symlink(kept, to_directory), 0);
    assert_int_equal(symlink(kept_file, to_file), 0);
    assert_int_equal(symlink("/nonexistent", dangling), 0);
    assert_int_equal(fs_remove_tree(tree, &error), 0);
    assert_false(fs_exists(tree));
    assert_contents(kept_file, "mine");
}

static void remove_tree_of_a_link_removes_the_link(void **state)
{
    cleanup_free char *kept = in(state, "kept");
    cleanup_free char *link = in(state, "link");
    struct error error = {0};

    assert_int_equal(fs_mkdirs(kept, 0700, &error), 0);
    assert_int_equal(symlink(kept, link), 0);
    assert_int_equal(fs_remove_tree(link, &error), 0);
    assert_true(fs_exists(kept));
    assert_false(fs_exists(link));
    assert_int_equal(fs_remove_tree(link, &error), 0);
}

static void restore(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void cache_dir_follows_xdg(void **state)
{
    cleanup_free char *old_xdg =
        getenv("XDG_CACHE_HOME") ? xstrdup(getenv("XDG_CACHE_HOME")) : NULL;
    cleanup_free char *old_home = getenv("HOME") ? xstrdup(getenv("HOME")) : NULL;
    cleanup_free char *xdg = in(state, "xdg");
    cleanup_free char *xdg_duet = in(state, "xdg/duet");
    cleanup_free char *home_duet = in(state, ".cache/duet");
    cleanup_free char *from_xdg = NULL;
    cleanup_free char *from_home = NULL;
    char *untouched = NULL;
    struct error error = {0};
    int first, second, third;

    setenv("HOME", *state, 1);
    setenv("XDG_CACHE_HOME", xdg, 1);
    first = fs_cache_dir(&from_xdg, &error);
    setenv("XDG_CACHE_HOME", "relative/is/ignored", 1);
    second = fs_cache_dir(&from_home, &error);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    third = fs_cache_dir(&untouched, &error);
    restore("XDG_CACHE_HOME", old_xdg);
    restore("HOME", old_home);

    assert_int_equal(first, 0);
    assert_string_equal(from_xdg, xdg_duet);
    assert_true(fs_exists(xdg_duet));
    assert_int_equal(second, 0);
    assert_string_equal(from_home, home_duet);
    assert_int_equal(third, -ENOENT);
    assert_null(untouched);
    assert_non_null(strstr(error.message, "HOME"));
}

static void find_program_looks_in_sbin_too(void **state)
{
    cleanup_free char *shell = fs_find_program("sh");
    cleanup_free char *by_path = fs_find_program("/bin/sh");
    cleanup_free char *missing = fs_find_program("duet-no-such-program");
    cleanup_free char *directory = fs_find_program(*state);

    assert_non_null(shell);
    assert_int_equal(shell[0], '/');
    assert_int_equal(access(shell, X_OK), 0);
    assert_non_null(by_path);
    assert_null(missing);
    assert_null(directory);
}

static void a_lock_keeps_others_out_until_it_is_closed(void **state)
{
    cleanup_free char *path = in(state, "lock");
    struct error error = {0};
    int held = -1;
    int other;

    assert_int_equal(fs_lock(path, &held, &error), 0);
    other = open(path, O_RDWR | O_CLOEXEC);
    assert_true(other >= 0);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    close(held);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    close(other);
}

static void a_program_runs_in_its_directory(void **state)
{
    cleanup_buffer struct buffer out = {0};
    cleanup_free char *expected = xasprintf("%s\nerr\n", (const char *)*state);
    const char *const argv[] = {"sh", "-c", "pwd; echo err >&2; cat", NULL};
    struct error error = {0};

    assert_int_equal(process_run(argv, *state, &out, &error), 0);
    assert_string_equal(out.data, expected);
}

static void a_program_that_fails_says_why(void **state)
{
    cleanup_buffer struct buffer out = {0};
    const char *const fails[] = {"sh", "-c", "echo first; echo the reason; exit 7", NULL};
    const char *const silent[] = {"sh", "-c", "exit 3", NULL};
    const char *const killed[] = {"sh", "-c", "kill -9 $$", NULL};
    const char *const missing[] = {"duet-no-such-program", NULL};
    struct error error = {0};
    (void)state;

    assert_int_equal(process_run(fails, NULL, &out, &error), -EIO);
    assert_non_null(strstr(error.message, "7"));
    assert_non_null(strstr(error.message, "the reason"));
    buffer_clear(&out);
    assert_int_equal(process_run(silent, NULL, &out, &error), -EIO);
    assert_non_null(strstr(error.message, "nothing"));
    assert_int_equal(process_run(killed, NULL, &out, &error), -EIO);
    assert_non_null(strstr(error.message, "signal 9"));
    assert_int_equal(process_run(missing, NULL, &out, &error), -ENOENT);
    assert_non_null(strstr(error.message, missing[0]));
}

/* More than is kept, and than a pipe holds: the program must not block. */
static void a_program_that_prints_too_much_ends(void **state)
{
    cleanup_buffer struct buffer out = {0};
    const char *const argv[] = {"head", "-c", "3000000", "/dev/zero", NULL};
    struct error error = {0};
    (void)state;

    assert_int_equal(process_run(argv, NULL, &out, &error), 0);
    assert_in_range(out.length, 1, 1 << 20);
}

#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIRECTORY(mkdirs_makes_what_is_missing),
        IN_DIRECTORY(mkdirs_says_what_is_in_the_way),
        IN_DIRECTORY(write_replaces_and_sets_the_mode),
        IN_DIRECTORY(write_that_fails_leaves_the_old),
        IN_DIRECTORY(write_says_where_it_cannot),
        IN_DIRECTORY(readers_see_the_old_or_the_new),
        IN_DIRECTORY(read_appends_up_to_the_limit),
        IN_DIRECTORY(read_that_fails_leaves_a_text),
        IN_DIRECTORY(remove_tree_does_not_follow_links),
        IN_DIRECTORY(remove_tree_of_a_link_removes_the_link),
        IN_DIRECTORY(cache_dir_follows_xdg),
        IN_DIRECTORY(find_program_looks_in_sbin_too),
        IN_DIRECTORY(a_lock_keeps_others_out_until_it_is_closed),
        IN_DIRECTORY(a_program_runs_in_its_directory),
        cmocka_unit_test(a_program_that_fails_says_why),
        cmocka_unit_test(a_program_that_prints_too_much_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
