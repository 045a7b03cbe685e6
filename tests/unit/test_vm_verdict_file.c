/* Verdict logs on their way into a file: a disk that hangs holds nobody up, and what is missing in
 * the end is counted. */
#include "base/base.h"
#include "directory.h"
#include "net/verdict_text.h"
#include "vm/verdict_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const struct verdict_log_header header = {.seed = 7, .link = 3, .direction = 1};

static void add(struct verdict_file *file, uint64_t from, uint64_t to)
{
    struct packet packet = {0};

    for (uint64_t i = from; i < to; i++) {
        struct impair_verdict verdict = {.number = i, .in_ns = i, .length = 60};

        verdict_file_add(file, &verdict, &packet);
    }
}

static void what_was_added_is_in_the_file(void **state)
{
    static const uint64_t counts[] = {0, 1, 1000, 50000};
    char *directory = directory_make();
    char *path = xasprintf("%s/log", directory);
    (void)state;

    for (size_t i = 0; i < array_size(counts); i++) {
        struct verdict_entries entries;
        struct verdict_file *file;
        struct buffer bytes = {0};

        assert_int_equal(verdict_file_new(path, &header, VERDICT_LOG_BYTES_MAX, &file, NULL), 0);
        add(file, 0, counts[i]);
        assert_int_equal(verdict_file_close(file, NULL), 0);
        assert_int_equal(fs_read(path, 1 << 24, &bytes, NULL), 0);
        assert_int_equal(verdict_entries_read(&entries, bytes.data, bytes.length, NULL), 0);
        assert_int_equal(entries.count, counts[i]);
        assert_int_equal(entries.missing, 0);
        assert_false(entries.cut);
        assert_int_equal(entries.header.link, 3);
        for (uint64_t j = 0; j < entries.count; j++)
            assert_int_equal(entries.items[j].verdict.number, j);
        verdict_entries_free(&entries);
        buffer_free(&bytes);
    }
    free(path);
    directory_remove(directory);
}

/* Sticky, so that what is there is the beginning. */
static void a_log_has_a_limit(void **state)
{
    enum { MOST = 4000, COUNT = 5000 };
    char *directory = directory_make();
    char *path = xasprintf("%s/log", directory);
    struct buffer bytes = {0};
    struct verdict_entries entries;
    struct verdict_file *file;
    (void)state;

    assert_int_equal(verdict_file_new(path, &header, MOST, &file, NULL), 0);
    add(file, 0, COUNT);
    assert_int_equal(verdict_file_close(file, NULL), 0);
    assert_int_equal(fs_read(path, MOST, &bytes, NULL), 0);
    assert_true(bytes.length > MOST - 3 * VERDICT_LOG_RECORD_MAX);
    assert_int_equal(verdict_entries_read(&entries, bytes.data, bytes.length, NULL), 0);
    assert_false(entries.cut);
    assert_int_equal(entries.count + entries.missing, COUNT);
    assert_int_equal(entries.items[entries.count - 1].verdict.number, entries.count - 1);
    verdict_entries_free(&entries);
    buffer_free(&bytes);
    free(path);
    directory_remove(directory);
}

struct reader {
    int fd;
    struct buffer bytes;
};

static void *read_all(void *context)
{
    struct reader *reader = context;
    char part[1 << 14];
    ssize_t n;

    while ((n = read(reader->fd, part, sizeof part)) > 0)
        buffer_append(&reader->bytes, part, (size_t)n);
    return NULL;
}

/* A pipe that nobody reads is a disk that hangs. */
static void a_file_that_takes_nothing_holds_nobody_up(void **state)
{
    enum { COUNT = 400000 };
    char *directory = directory_make();
    char *path = xasprintf("%s/pipe", directory);
    struct verdict_entries entries;
    struct reader reader = {0};
    struct verdict_file *file;
    pthread_t thread;
    (void)state;

    assert_int_equal(mkfifo(path, 0600), 0);
    reader.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    assert_int_equal(verdict_file_new(path, &header, VERDICT_LOG_BYTES_MAX, &file, NULL), 0);
    assert_int_equal(fcntl(reader.fd, F_SETFL, 0), 0);
    add(file, 0, COUNT);

    assert_int_equal(pthread_create(&thread, NULL, read_all, &reader), 0);
    assert_int_equal(verdict_file_close(file, NULL), 0);
    pthread_join(thread, NULL);
    assert_int_equal(verdict_entries_read(&entries, reader.bytes.data, reader.bytes.length, NULL),
                     0);
    assert_false(entries.cut);
    assert_true(entries.missing > 0);
    assert_int_equal(entries.count + entries.missing, COUNT);
    verdict_entries_free(&entries);
    buffer_free(&reader.bytes);
    close(reader.fd);
    free(path);
    directory_remove(directory);
}

static void trouble_is_told_at_the_end(void **state)
{
    struct verdict_file *file;
    struct error error = {0};
    (void)state;

    assert_int_equal(verdict_file_new("/dev/full", &header, VERDICT_LOG_BYTES_MAX, &file, NULL), 0);
    add(file, 0, 100000);
    assert_int_equal(verdict_file_close(file, &error), -ENOSPC);
    assert_non_null(strstr(error.message, "/dev/full"));
    assert_int_equal(
        verdict_file_new("/no/such/place", &header, VERDICT_LOG_BYTES_MAX, &file, &error), -ENOENT);
    assert_non_null(strstr(error.message, "/no/such/place"));
    assert_int_equal(verdict_file_close(NULL, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_added_is_in_the_file),
        cmocka_unit_test(a_log_has_a_limit),
        cmocka_unit_test(a_file_that_takes_nothing_holds_nobody_up),
        cmocka_unit_test(trouble_is_told_at_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
