/* Archives from a guest: everything in them is unpacked, and nothing outside of the directory is
 * reached, whatever they say. */
#include "runner/unpack.h"

#include "base/process.h"
#include "directory.h"
#include "runner/tar.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* -- Archives ---------------------------------------------------------------------------------- */

static void put(unsigned char *block, size_t at, const char *text)
{
    memcpy(block + at, text, strlen(text));
}

static void put_octal(unsigned char *block, size_t at, size_t digits, unsigned long value)
{
    char text[32];

    snprintf(text, sizeof text, "%0*lo", (int)digits, value);
    put(block, at, text);
}

static void sign(unsigned char *block)
{
    unsigned long sum = 0;

    memset(block + 148, ' ', 8);
    for (int i = 0; i < TAR_BLOCK; i++)
        sum += block[i];
    put_octal(block, 148, 6, sum);
    block[154] = '\0';
}

/* An entry as `tar` writes it; `content` fills whole blocks. */
static void add(struct buffer *archive, char type, const char *name, const char *link,
                unsigned mode, const char *content)
{
    unsigned char block[TAR_BLOCK] = {0};
    size_t length = strlen(content);

    put(block, 0, name);
    put_octal(block, 100, 7, mode);
    put_octal(block, 124, 11, length);
    block[156] = (unsigned char)type;
    put(block, 157, link);
    put(block, 257, "ustar  ");
    sign(block);
    buffer_append(archive, block, sizeof block);
    if (length == 0)
        return;
    memset(block, 0, sizeof block);
    memcpy(block, content, length);
    buffer_append(archive, block, sizeof block);
}

static void add_end(struct buffer *archive)
{
    static const char blocks[2 * TAR_BLOCK];

    buffer_append(archive, blocks, sizeof blocks);
}

struct left_out {
    int count;
    char last[64];
};

static void on_left_out(void *context, const char *name)
{
    struct left_out *left_out = context;

    left_out->count++;
    snprintf(left_out->last, sizeof left_out->last, "%s", name);
}

static int unpack_bytes(const char *path, const void *bytes, size_t count,
                        struct left_out *left_out, struct error *error)
{
    cleanup_fd int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cleanup_fd int fd = memfd_create("archive", MFD_CLOEXEC);
    unsigned mode = 0;

    assert_true(directory >= 0 && fd >= 0);
    assert_int_equal(fs_write_all(fd, bytes, count, NULL), 0);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return unpack(fd, directory, on_left_out, left_out, &mode, error);
}

static int unpack_into(const char *path, struct buffer *archive, struct error *error)
{
    struct left_out left_out = {0};

    add_end(archive);
    return unpack_bytes(path, archive->data, archive->length, &left_out, error);
}

static unsigned mode_of(const char *path, const char *name)
{
    cleanup_free char *file = xasprintf("%s/%s", path, name);
    struct stat info;

    assert_int_equal(lstat(file, &info), 0);
    return info.st_mode & 07777;
}

static char *link_of(const char *path, const char *name)
{
    cleanup_free char *file = xasprintf("%s/%s", path, name);
    char *target = xcalloc(1, 256);

    assert_true(readlink(file, target, 255) > 0);
    return target;
}

static void expect_content(const char *path, const char *name, const char *expected)
{
    cleanup_free char *text = directory_read(path, name);

    assert_non_null(text);
    assert_string_equal(text, expected);
}

/* -- What is in it ----------------------------------------------------------------------------- */

static void files_directories_and_links_are_made(void **state)
{
    cleanup_free char *link = NULL;
    cleanup_buffer struct buffer archive = {0};
    struct error error = {0};

    add(&archive, '5', "./", "", 0755, "");
    add(&archive, '5', "./closed", "", 0500, "");
    add(&archive, '0', "./closed/file", "", 0640, "content");
    add(&archive, '2', "./link", "closed/file", 0777, "");
    add(&archive, '1', "./again", "./closed/file", 0640, "");
    add(&archive, '0', "empty", "", 0600, "");
    assert_int_equal(unpack_into(*state, &archive, &error), 0);
    expect_content(*state, "closed/file", "content");
    expect_content(*state, "again", "content");
    expect_content(*state, "empty", "");
    link = link_of(*state, "link");
    assert_string_equal(link, "closed/file");
    assert_int_equal(mode_of(*state, "closed"), 0500);
    assert_int_equal(mode_of(*state, "closed/file"), 0640);
}

static void files_that_were_there_are_replaced_and_others_stay(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    cleanup_free char *sub = xasprintf("%s/sub", (char *)*state);
    struct error error = {0};

    assert_int_equal(mkdir(sub, 0711), 0);
    directory_write(*state, "sub/old", "old", 0600);
    directory_write(*state, "sub/other", "other", 0600);
    add(&archive, '5', "sub", "", 0755, "");
    add(&archive, '0', "sub/old", "", 0644, "new");
    assert_int_equal(unpack_into(*state, &archive, &error), 0);
    expect_content(*state, "sub/old", "new");
    expect_content(*state, "sub/other", "other");
    assert_int_equal(mode_of(*state, "sub"), 0711);
}

static void nobody_gets_the_rights_of_others(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    struct error error = {0};

    add(&archive, '0', "su", "", 06755, "x");
    add(&archive, '5', "dir", "", 03777, "");
    assert_int_equal(unpack_into(*state, &archive, &error), 0);
    assert_int_equal(mode_of(*state, "su"), 0755);
    assert_int_equal(mode_of(*state, "dir"), 0777);
}

/* What tar(1) of this machine writes, with names longer than a header has room for. */
static void what_tar_writes_is_read(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    cleanup_free char *from = xasprintf("%s/from", (char *)*state);
    cleanup_free char *to = xasprintf("%s/to", (char *)*state);
    cleanup_free char *file = xasprintf("%s/archive", (char *)*state);
    cleanup_free char *name = xasprintf("%0100d/%0150d", 1, 2);
    cleanup_free char *directory = xasprintf("%s/%0100d", from, 1);
    cleanup_free char *link = xasprintf("%s/link", from);
    cleanup_free char *found = NULL;
    struct left_out left_out = {0};
    struct error error = {0};

    assert_int_equal(fs_mkdirs(directory, 0755, &error), 0);
    assert_int_equal(mkdir(to, 0755), 0);
    directory_write(from, name, "content", 0644);
    assert_int_equal(symlink(name, link), 0);
    assert_int_equal(process_run((const char *const[]){"tar", "--create", "--format=gnu", "--file",
                                                       file, "--directory", from, ".", NULL},
                                 NULL, NULL, &error),
                     0);
    assert_int_equal(fs_read(file, 1 << 20, &archive, &error), 0);
    assert_int_equal(unpack_bytes(to, archive.data, archive.length, &left_out, &error), 0);
    expect_content(to, name, "content");
    found = link_of(to, "link");
    assert_string_equal(found, name);
}

/* -- What a guest may try ---------------------------------------------------------------------- */

/* The archive is unpacked into a directory beside which there is a file that it must not reach. */
static void expect_refused(const char *root, struct buffer *archive)
{
    cleanup_free char *inside = xasprintf("%s/inside", root);
    struct error error = {0};

    assert_int_equal(mkdir(inside, 0755), 0);
    directory_write(root, "precious", "mine", 0600);
    assert_true(unpack_into(inside, archive, &error) < 0);
    expect_content(root, "precious", "mine");
    assert_int_equal(mode_of(root, "precious"), 0600);
    assert_false(directory_has(root, "new"));
}

static void a_name_with_dots_leads_nowhere(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '0', "../new", "", 0644, "x");
    expect_refused(*state, &archive);
}

static void a_directory_is_not_called_dots(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '5', "a", "", 0755, "");
    add(&archive, '5', "a/..", "", 0000, "");
    expect_refused(*state, &archive);
}

static void a_link_is_not_followed(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '2', "way", "..", 0777, "");
    add(&archive, '0', "way/new", "", 0644, "x");
    expect_refused(*state, &archive);
}

static void nothing_is_written_through_a_link(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '2', "file", "../precious", 0777, "");
    add(&archive, '0', "file", "", 0644, "not yours");
    add(&archive, '0', "../new", "", 0644, "x"); /* that it fails is of this one */
    expect_refused(*state, &archive);
    expect_content(*state, "inside/file", "not yours");
}

static void a_hard_link_stays_inside(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '1', "mine", "../precious", 0644, "");
    expect_refused(*state, &archive);
}

static void a_hard_link_to_a_link_stays_inside(void **state)
{
    cleanup_buffer struct buffer archive = {0};

    add(&archive, '2', "way", "../precious", 0777, "");
    add(&archive, '1', "mine", "way", 0644, "");
    expect_refused(*state, &archive);
}

static void an_absolute_name_is_below_the_directory(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    struct error error = {0};

    add(&archive, '0', "//./duet-test-file", "", 0644, "x");
    assert_int_equal(unpack_into(*state, &archive, &error), 0);
    expect_content(*state, "duet-test-file", "x");
}

static void devices_are_left_out_and_told(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    struct left_out left_out = {0};
    struct error error = {0};

    add(&archive, '3', "dev\033[2J", "", 0666, "");
    add(&archive, '4', "disk", "", 0666, "");
    add(&archive, '6', "pipe", "", 0666, "");
    add(&archive, '0', "file", "", 0644, "x");
    add_end(&archive);
    assert_int_equal(unpack_bytes(*state, archive.data, archive.length, &left_out, &error), 0);
    assert_int_equal(left_out.count, 3);
    assert_string_equal(left_out.last, "pipe");
    assert_false(directory_has(*state, "disk"));
    expect_content(*state, "file", "x");
}

/* Of one that was killed, or still unpacks into the same directory. */
static void what_another_one_left_is_in_nobodys_way(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    struct left_out left_out = {0};
    struct error error = {0};

    directory_write(*state, ".duet-unpack", "", 0600);
    directory_write(*state, ".duet-unpack-1", "", 0600);
    add(&archive, '0', "file", "", 0644, "content");
    add(&archive, '2', "link", "file", 0777, "");
    add_end(&archive);
    assert_int_equal(unpack_bytes(*state, archive.data, archive.length, &left_out, &error), 0);
    expect_content(*state, "file", "content");
    assert_true(directory_has(*state, ".duet-unpack-1"));
}

static void an_archive_that_ends_early_leaves_no_half_of_a_file(void **state)
{
    cleanup_buffer struct buffer archive = {0};
    struct left_out left_out = {0};
    struct error error = {0};
    char temporary[32];

    snprintf(temporary, sizeof temporary, ".duet-unpack-%d", (int)getpid());
    directory_write(*state, "file", "old", 0600);
    add(&archive, '0', "file", "", 0644, "content");
    assert_int_equal(unpack_bytes(*state, archive.data, archive.length - 1, &left_out, &error),
                     -EPIPE);
    expect_content(*state, "file", "old");
    assert_false(directory_has(*state, temporary));
}

static void what_is_no_archive_is_told(void **state)
{
    struct left_out left_out = {0};
    struct error error = {0};
    char garbage[TAR_BLOCK];

    memset(garbage, 'x', sizeof garbage);
    assert_int_equal(unpack_bytes(*state, garbage, sizeof garbage, &left_out, &error), -EBADMSG);
    assert_int_equal(unpack_bytes(*state, "", 0, &left_out, &error), -EPIPE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(files_directories_and_links_are_made),
        TEST(files_that_were_there_are_replaced_and_others_stay),
        TEST(nobody_gets_the_rights_of_others),
        TEST(what_tar_writes_is_read),
        TEST(a_name_with_dots_leads_nowhere),
        TEST(a_directory_is_not_called_dots),
        TEST(a_link_is_not_followed),
        TEST(nothing_is_written_through_a_link),
        TEST(a_hard_link_stays_inside),
        TEST(a_hard_link_to_a_link_stays_inside),
        TEST(an_absolute_name_is_below_the_directory),
        TEST(devices_are_left_out_and_told),
        TEST(what_another_one_left_is_in_nobodys_way),
        TEST(an_archive_that_ends_early_leaves_no_half_of_a_file),
        TEST(what_is_no_archive_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
