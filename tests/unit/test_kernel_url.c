/* Kernels from the web: only what was asked for, whole or not at all. */
#include "kernel/kernel.h"
#include "tests/unit/http_server.h"
#include "tests/unit/kernel_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

struct world {
    char *cache;
    char *image; /* BZIMAGE_SIZE bytes */
    char digest[DIGEST_HEX_SIZE];
    char *url;
    char *partial;
    struct http_server *server;
    struct kernel_options options;
    struct kernel kernel;
    struct error error;
};

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof *world);

    *state = world;
    world->cache = directory_make();
    world->image = make_bzimage(RELEASE, 'k');
    digest_bytes(world->image, BZIMAGE_SIZE, world->digest);
    world->server = http_start(world->image, BZIMAGE_SIZE);
    world->url =
        xasprintf("http://127.0.0.1:%u/bzImage#sha256=%s", world->server->port, world->digest);
    world->partial = xasprintf("%s/kernel/work/%s.partial", world->cache, world->digest);
    world->options = (struct kernel_options){.cache_dir = world->cache};
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    http_stop(world->server);
    kernel_free(&world->kernel);
    directory_remove(world->cache);
    free(world->image);
    free(world->partial);
    free(world->url);
    free(world);
    return 0;
}

static int get(struct world *world)
{
    kernel_free(&world->kernel);
    return kernel_get(world->url, &world->options, &world->kernel, &world->error);
}

static void get_well(struct world *world)
{
    if (get(world) < 0)
        fail_msg("%s", world->error.message);
    assert_string_equal(world->kernel.release, RELEASE);
    assert_string_equal(world->kernel.digest, world->digest);
}

static size_t size_of(const char *path)
{
    struct stat info;

    return stat(path, &info) < 0 ? 0 : (size_t)info.st_size;
}

/* Nothing but locks may be left of what was not finished. */
static void assert_nothing_half_done(const struct world *world)
{
    cleanup_free char *pattern = xasprintf("%s/kernel/work/*", world->cache);
    glob_t found;

    if (glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (!strstr(found.gl_pathv[i], ".lock"))
            fail_msg("%s is left", found.gl_pathv[i]);
    globfree(&found);
}

static bool is_in_cache(const struct world *world)
{
    cleanup_free char *entry = xasprintf("%s/kernel/%s", world->cache, world->digest);

    return fs_exists(entry);
}

static void test_fetched_once(void **state)
{
    struct world *world = *state;

    get_well(world);
    assert_nothing_half_done(world);
    get_well(world);
    world->options.offline = true;
    get_well(world);
    assert_int_equal(world->server->requests, 1);
    assert_string_equal(world->kernel.name, world->url);
}

static void test_a_digest_in_upper_case_is_the_same(void **state)
{
    struct world *world = *state;

    for (char *c = strrchr(world->url, '=') + 1; *c; c++)
        if (*c >= 'a' && *c <= 'f')
            *c = (char)(*c - 'a' + 'A');
    get_well(world);
}

static void test_urls_that_are_refused(void **state)
{
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"file:///boot/vmlinuz", "https only, not file"},
        {"ftp://127.0.0.1/vmlinuz", "https only, not ftp"},
        {"http://example.org/k#sha256=00", "https only, not http"},
        {"http://127.0.0.1.example.org/k#sha256=00", "https only, not http"},
        {"http://127.0.0.1@example.org/k#sha256=00", "https only, not http"},
        {"https://example.org/k", "`curl -fL 'https://example.org/k' | sha256sum`"},
        {"https://example.org/k#md5=00", "must end with #sha256=HEX"},
        {"https://example.org/k#sha256=abc", "is 3 characters; expected 64"},
        {"https://example.org/k#sha256="
         "zz00000000000000000000000000000000000000000000000000000000000000",
         "64 hexadecimal digits"},
        {"https://", "is not a URL"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < array_size(cases); i++) {
        assert_int_equal(kernel_get(cases[i].url, &world->options, &world->kernel, &world->error),
                         -EINVAL);
        assert_says(&world->error, cases[i].says);
    }
}

static void test_offline(void **state)
{
    struct world *world = *state;

    world->options.offline = true;
    assert_int_equal(get(world), -ENOENT);
    assert_says(&world->error, "offline");
    assert_int_equal(world->server->requests, 0);
}

static void test_cut_connections_are_gone_on_from(void **state)
{
    struct world *world = *state;

    world->server->cut = 20000;
    get_well(world);
    assert_int_equal(world->server->requests, 4);
    assert_int_equal(world->server->body_bytes, BZIMAGE_SIZE);
}

static void test_a_server_without_ranges(void **state)
{
    struct world *world = *state;

    make_directory(world->cache);
    world->server->cut = 20000;
    world->server->no_ranges = true;
    assert_int_equal(get(world), -EIO);
    assert_true(size_of(world->partial) <= 20000);
    world->server->cut = 0;
    get_well(world);
    assert_nothing_half_done(world);
}

/* Leaves `count` bytes of a transfer that was cut. */
static void leave_part(struct world *world, const char *bytes, size_t count)
{
    cleanup_free char *work = xasprintf("%s/kernel/work", world->cache);

    make_directory(work);
    make_file(world->partial, bytes, count);
}

static void test_a_part_saves_its_bytes(void **state)
{
    struct world *world = *state;

    leave_part(world, world->image, 50000);
    get_well(world);
    assert_int_equal(world->server->body_bytes, BZIMAGE_SIZE - 50000);
}

static void test_a_damaged_part_is_fetched_anew_once(void **state)
{
    cleanup_free char *junk = xcalloc(1, 50000);
    struct world *world = *state;

    leave_part(world, junk, 50000);
    get_well(world);
    assert_int_equal(world->server->requests, 2);
    assert_int_equal(world->server->body_bytes, BZIMAGE_SIZE - 50000 + BZIMAGE_SIZE);
}

static void test_a_part_that_is_the_whole(void **state)
{
    struct world *world = *state;

    leave_part(world, world->image, BZIMAGE_SIZE);
    get_well(world);
    assert_int_equal(world->server->body_bytes, 0);
}

static void test_a_part_longer_than_the_whole(void **state)
{
    cleanup_free char *junk = xcalloc(1, BZIMAGE_SIZE + 1);
    struct world *world = *state;

    leave_part(world, junk, BZIMAGE_SIZE + 1);
    get_well(world);
    assert_int_equal(world->server->body_bytes, BZIMAGE_SIZE);
}

static void test_another_file_is_not_used(void **state)
{
    cleanup_free char *other = make_bzimage(RELEASE, 'x');
    struct world *world = *state;

    world->server->body = other;
    assert_int_equal(get(world), -EBADMSG);
    assert_says(&world->error, world->digest);
    assert_int_equal(world->server->requests, 1);
    leave_part(world, world->image, 50000);
    assert_int_equal(get(world), -EBADMSG);
    assert_int_equal(world->server->requests, 3);
    assert_false(is_in_cache(world));
    assert_nothing_half_done(world);
}

static void test_the_right_file_that_is_no_kernel(void **state)
{
    struct world *world = *state;

    memset(world->image, 'z', BZIMAGE_SIZE);
    digest_bytes(world->image, BZIMAGE_SIZE, world->digest);
    memcpy(strrchr(world->url, '=') + 1, world->digest, DIGEST_HEX_SIZE - 1);
    assert_int_equal(get(world), -EINVAL);
    assert_says(&world->error, "a text file");
    assert_false(is_in_cache(world));
    assert_nothing_half_done(world);
}

static void test_answers_that_are_errors(void **state)
{
    static const struct {
        int status, code;
        const char *location, *says;
    } cases[] = {
        {404, -ENOENT, NULL, "status 404"},
        {503, -EIO, NULL, "status 503"},
        {302, -EIO, "http://127.0.0.1:1/x", "other than https"},
        {302, -EIO, "file:///etc/passwd", "other than https"},
        {301, -EIO, "ftp://127.0.0.1/x", "other than https"},
    };
    struct world *world = *state;

    for (size_t i = 0; i < array_size(cases); i++) {
        world->server->status = cases[i].status;
        world->server->location = cases[i].location;
        assert_int_equal(get(world), cases[i].code);
        assert_says(&world->error, cases[i].says);
        assert_false(is_in_cache(world));
        assert_nothing_half_done(world);
    }
}

static void test_a_server_that_is_not_there(void **state)
{
    struct world *world = *state;

    shutdown(world->server->listener, SHUT_RDWR);
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "cannot download http://127.0.0.1");
}

static void test_a_stalled_server_is_given_up(void **state)
{
    struct world *world = *state;

    leave_part(world, world->image, 1);
    world->server->stall = 1;
    world->server->no_ranges = true; /* so that no try gets further than the one before */
    world->options.stall_seconds = 1;
    assert_int_equal(get(world), -EIO);
    assert_says(&world->error, "too slow");
    assert_false(is_in_cache(world));
}

struct stopper {
    atomic_bool cancel;
    uint64_t done, total;
};

static void stop_at_first_byte(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct stopper *stopper = context;

    (void)what;
    if (done == 0)
        return;
    stopper->done = done;
    stopper->total = total;
    stopper->cancel = true;
}

static void test_cancelled_in_the_middle(void **state)
{
    struct stopper stopper = {.cancel = false};
    struct world *world = *state;

    world->server->stall = 20000;
    world->options.progress = stop_at_first_byte;
    world->options.progress_context = &stopper;
    world->options.cancel = &stopper.cancel;
    assert_int_equal(get(world), -ECANCELED);
    assert_int_equal(stopper.total, BZIMAGE_SIZE);
    assert_int_equal(stopper.done, size_of(world->partial));
    assert_false(is_in_cache(world));

    world->server->stall = 0;
    world->options = (struct kernel_options){.cache_dir = world->cache};
    get_well(world);
    assert_int_equal(world->server->body_bytes, BZIMAGE_SIZE + 20000 - stopper.done);
}

static void test_killed_in_the_middle(void **state)
{
    struct world *world = *state;
    char byte;
    pid_t child;

    world->server->stall = 20000;
    child = fork();
    if (child == 0)
        _exit(get(world) < 0);
    assert_true(child > 0);
    assert_int_equal(read(world->server->stalled[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_false(is_in_cache(world));
    world->server->stall = 0;
    get_well(world);
    assert_nothing_half_done(world);
}

static void test_a_full_disk_leaves_nothing(void **state)
{
    struct world *world = *state;
    struct rlimit before, small;
    int code;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){.rlim_cur = 30000, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    code = get(world);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(code, -EFBIG);
    assert_says(&world->error, world->partial);
    assert_false(is_in_cache(world));
    assert_nothing_half_done(world);
    get_well(world);
}

static void test_many_at_once_fetch_it_once(void **state)
{
    struct world *world = *state;
    pid_t children[4];
    int status;

    for (size_t i = 0; i < array_size(children); i++) {
        children[i] = fork();
        if (children[i] == 0)
            _exit(get(world) < 0);
    }
    for (size_t i = 0; i < array_size(children); i++) {
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_int_equal(world->server->requests, 1);
    get_well(world);
}

static void test_an_altered_entry_is_made_anew(void **state)
{
    struct world *world = *state;
    const char *const damages[] = {
        "truncate -s -1 image",
        "printf x | dd of=image bs=1 seek=40000 conv=notrunc status=none",
        "rm image",
        "rm kernel.json",
        "echo '{' > kernel.json",
        "mkdir -p lib/modules/x && touch lib/modules/x/y",
    };

    for (size_t i = 0; i < array_size(damages); i++) {
        cleanup_free char *command =
            xasprintf("cd %s/kernel/%s && %s", world->cache, world->digest, damages[i]);

        get_well(world);
        assert_int_equal(world->server->requests, i + 1);
        run_shell(command);
    }
    get_well(world);
    assert_int_equal(world->server->requests, array_size(damages) + 1);
}

static void test_a_cache_that_cannot_be_written(void **state)
{
    struct world *world = *state;
    cleanup_free char *blocked = xasprintf("%s/kernel", world->cache);

    make_text(blocked, "a file where a directory belongs");
    assert_int_equal(get(world), -ENOTDIR);
    assert_says(&world->error, blocked);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fetched_once),
        TEST(test_a_digest_in_upper_case_is_the_same),
        TEST(test_urls_that_are_refused),
        TEST(test_offline),
        TEST(test_cut_connections_are_gone_on_from),
        TEST(test_a_server_without_ranges),
        TEST(test_a_part_saves_its_bytes),
        TEST(test_a_damaged_part_is_fetched_anew_once),
        TEST(test_a_part_that_is_the_whole),
        TEST(test_a_part_longer_than_the_whole),
        TEST(test_another_file_is_not_used),
        TEST(test_the_right_file_that_is_no_kernel),
        TEST(test_answers_that_are_errors),
        TEST(test_a_server_that_is_not_there),
        TEST(test_a_stalled_server_is_given_up),
        TEST(test_cancelled_in_the_middle),
        TEST(test_killed_in_the_middle),
        TEST(test_a_full_disk_leaves_nothing),
        TEST(test_many_at_once_fetch_it_once),
        TEST(test_an_altered_entry_is_made_anew),
        TEST(test_a_cache_that_cannot_be_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
