/* The console: its ring, its log, and what becomes of a log that cannot be written. */
#include "vm/console.h"

#include "directory.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

/* What zlib reads from the log, whose stream must be whole. The caller frees it. */
static char *unpack(const char *path, size_t *length)
{
    struct buffer out = {0};
    gzFile file = gzopen(path, "rb");
    char chunk[4096];
    int n;

    assert_non_null(file);
    while ((n = gzread(file, chunk, sizeof chunk)) > 0)
        buffer_append(&out, chunk, (size_t)n);
    assert_int_equal(n, 0);
    assert_int_equal(gzdirect(file), 0);
    assert_int_equal(gzclose(file), Z_OK); /* Z_BUF_ERROR where it was cut short */
    *length = out.length;
    return buffer_steal(&out);
}

static void the_log_holds_every_byte_and_the_ring_the_newest(void **state)
{
    cleanup_free char *path = xasprintf("%s/log.gz", (char *)*state);
    struct console *console = console_new(path);
    cleanup_buffer struct buffer said = {0};
    cleanup_buffer struct buffer tail = {0};
    cleanup_free char *logged = NULL;
    struct vm_console_state now;
    size_t length;

    for (int i = 0; i < 200000; i++)
        buffer_printf(&said, "line %d %c\n", i, i % 256);
    for (size_t at = 0; at < said.length; at += 65536)
        console_write(console, said.data + at, said.length - at < 65536 ? said.length - at : 65536);
    console_finish(console);
    console_state(console, &now);
    assert_int_equal(now.bytes, said.length);
    assert_int_equal(now.log_bytes_lost, 0);
    assert_null(now.log_error);
    assert_int_equal(ring_length(now.ring), CONSOLE_RING_BYTES);
    ring_tail(now.ring, SIZE_MAX, &tail);
    assert_memory_equal(tail.data, said.data + said.length - tail.length, tail.length);
    assert_true(tail.length > CONSOLE_RING_BYTES / 2);
    logged = unpack(path, &length);
    assert_int_equal(length, said.length);
    assert_memory_equal(logged, said.data, length);
    console_free(console);
}

static void a_console_without_a_log_is_kept_in_the_ring(void **state)
{
    struct console *console = console_new(NULL);
    struct vm_console_state now;
    cleanup_buffer struct buffer tail = {0};

    (void)state;
    console_write(console, "one\ntwo\n", 8);
    console_state(console, &now);
    ring_tail(now.ring, 1, &tail);
    assert_string_equal(tail.data, "two\n");
    assert_int_equal(now.bytes, 8);
    assert_null(now.log_error);
    console_free(console);
}

/* Writes 4 MiB that do not compress, and checks that the ring has them whatever the log does. */
static void write_much(struct console *console)
{
    char chunk[65536];
    uint32_t random = 1;
    struct vm_console_state now;

    for (int i = 0; i < 64; i++) {
        for (size_t at = 0; at < sizeof chunk; at++) {
            random = random * 1664525 + 1013904223;
            chunk[at] = (char)(random >> 24);
        }
        console_write(console, chunk, sizeof chunk);
    }
    console_finish(console);
    console_state(console, &now);
    assert_int_equal(now.bytes, 64 * sizeof chunk);
    assert_int_equal(ring_length(now.ring), CONSOLE_RING_BYTES);
}

static void a_directory_that_is_not_there_is_told(void **state)
{
    cleanup_free char *path = xasprintf("%s/none/log.gz", (char *)*state);
    struct console *console = console_new(path);
    struct vm_console_state now;

    write_much(console);
    console_state(console, &now);
    assert_string_equal(now.log_error, "cannot make the console log: No such file or directory");
    assert_int_equal(now.log_bytes_lost, now.bytes);
    console_free(console);
}

static void a_full_disk_is_told(void **state)
{
    cleanup_free char *path = xasprintf("%s/log.gz", (char *)*state);
    struct console *console;
    struct vm_console_state now;

    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(symlink("/dev/full", path), 0);
    console = console_new(path);
    write_much(console);
    console_state(console, &now);
    assert_string_equal(now.log_error, "cannot write the console log: No space left on device");
    assert_in_range(now.log_bytes_lost, 1, now.bytes);
    console_free(console);
}

/* So little that only the end of the log finds the disk full. */
static void a_disk_that_is_full_at_the_end_is_told(void **state)
{
    cleanup_free char *path = xasprintf("%s/log.gz", (char *)*state);
    struct console *console;
    struct vm_console_state now;

    if (access("/dev/full", W_OK) < 0)
        skip();
    assert_int_equal(symlink("/dev/full", path), 0);
    console = console_new(path);
    console_write(console, "little\n", 7);
    console_state(console, &now);
    assert_null(now.log_error);
    console_finish(console);
    console_state(console, &now);
    assert_string_equal(now.log_error, "cannot end the console log: No space left on device");
    console_free(console);
}

/* Runs `work` in a child, since it changes the process for good. */
static void in_child(void (*work)(const char *directory), const char *directory)
{
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        work(directory);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void write_over_the_size_limit(const char *directory)
{
    const struct rlimit limit = {.rlim_cur = 1 << 20, .rlim_max = 1 << 20};
    cleanup_free char *path = xasprintf("%s/log.gz", directory);
    struct console *console;
    struct vm_console_state now;

    signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
        _exit(1);
    console = console_new(path);
    write_much(console);
    console_state(console, &now);
    if (!now.log_error || !strstr(now.log_error, "File too large"))
        _exit(2);
    console_free(console);
}

static void a_file_size_limit_is_told(void **state)
{
    in_child(write_over_the_size_limit, *state);
}

static void write_as_nobody(const char *directory)
{
    cleanup_free char *path = xasprintf("%s/log.gz", directory);
    const struct passwd *nobody = getpwnam("nobody");
    struct console *console;
    struct vm_console_state now;

    if (geteuid() == 0 && (!nobody || setuid(nobody->pw_uid) < 0))
        _exit(1);
    console = console_new(path);
    console_write(console, "x", 1);
    console_state(console, &now);
    if (!now.log_error || !strstr(now.log_error, "Permission denied") || now.bytes != 1)
        _exit(2);
    console_free(console);
}

static void a_directory_that_may_not_be_written_is_told(void **state)
{
    assert_int_equal(chmod(*state, 0555), 0);
    in_child(write_as_nobody, *state);
    assert_int_equal(chmod(*state, 0755), 0);
}

/* Blanks, of which 256 MiB pack into a quarter of one. */
static void a_flood_ends_the_log_and_not_the_console(void **state)
{
    cleanup_free char *path = xasprintf("%s/log.gz", (char *)*state);
    struct console *console = console_new(path);
    struct vm_console_state now;
    struct stat info;
    size_t size = 1 << 20;
    cleanup_free char *chunk = xmalloc(size);

    memset(chunk, ' ', size);
    for (size_t written = 0; written < CONSOLE_LOG_BYTES_MAX; written += size)
        console_write(console, chunk, size);
    console_state(console, &now);
    assert_null(now.log_error);
    console_write(console, "one more", 8);
    console_write(console, " and more", 9);
    console_state(console, &now);
    assert_string_equal(now.log_error,
                        "the console log ends here: it has reached its limit of 256 MiB");
    assert_int_equal(now.log_bytes_lost, 17);
    assert_int_equal(now.bytes, (uint64_t)CONSOLE_LOG_BYTES_MAX + 17);
    assert_int_equal(stat(path, &info), 0);
    assert_in_range(info.st_size, 1, 16 << 20);
    console_free(console);
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_log_holds_every_byte_and_the_ring_the_newest),
        TEST(a_console_without_a_log_is_kept_in_the_ring),
        TEST(a_directory_that_is_not_there_is_told),
        TEST(a_full_disk_is_told),
        TEST(a_disk_that_is_full_at_the_end_is_told),
        TEST(a_file_size_limit_is_told),
        TEST(a_directory_that_may_not_be_written_is_told),
        TEST(a_flood_ends_the_log_and_not_the_console),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
