/* A run's directory: its name is its own, `latest` points to the newest, files are copies. */
#include "runner/rundata.h"

#include "directory.h"

#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

struct made {
    char *started, *path, *shown;
};

static int make(const char *results, struct made *made, struct error *error)
{
    *made = (struct made){0};
    return rundata_make_directory(results, "smoke", &made->started, &made->path, &made->shown,
                                  error);
}

static void drop(struct made *made)
{
    free(made->started);
    free(made->path);
    free(made->shown);
}

static void a_run_s_directory_is_named_after_time_and_suite(void **state)
{
    cleanup_free char *results = xasprintf("%s/a/results", (char *)*state);
    struct made made;
    struct tm parsed = {0};
    struct stat info;
    time_t started;

    assert_int_equal(make(results, &made, NULL), 0);
    assert_non_null(strptime(made.started, "%Y-%m-%dT%H:%M:%SZ", &parsed));
    started = timegm(&parsed);
    assert_in_range(time(NULL) - started, 0, 60);
    assert_memory_equal(made.shown, results, strlen(results));
    memset(&parsed, 0, sizeof parsed);
    assert_string_equal(strptime(made.shown + strlen(results) + 1, "%Y%m%dT%H%M%SZ", &parsed),
                        "-smoke");
    assert_int_equal(timegm(&parsed), started);
    assert_int_equal(stat(made.path, &info), 0);
    assert_true(S_ISDIR(info.st_mode));
    assert_int_equal(made.path[0], '/');
    drop(&made);
}

/* More than could start in different seconds. */
static void runs_of_the_same_second_have_one_each(void **state)
{
    enum { RUNS = 50 };
    struct made made[RUNS];

    for (int i = 0; i < RUNS; i++)
        assert_int_equal(make(*state, &made[i], NULL), 0);
    for (int i = 0; i < RUNS; i++)
        for (int k = i + 1; k < RUNS; k++)
            assert_string_not_equal(made[i].path, made[k].path);
    for (int i = 0; i < RUNS; i++)
        drop(&made[i]);
}

static void latest_points_to_the_newest(void **state)
{
    struct made first, second;
    cleanup_free char *latest = xasprintf("%s/latest", (char *)*state);
    char *found;

    assert_int_equal(make(*state, &first, NULL), 0);
    assert_int_equal(make(*state, &second, NULL), 0);
    assert_int_equal(rundata_point_latest(*state, first.path, NULL), 0);
    found = realpath(latest, NULL);
    assert_string_equal(found, first.path);
    free(found);
    assert_int_equal(rundata_point_latest(*state, second.path, NULL), 0);
    found = realpath(latest, NULL);
    assert_string_equal(found, second.path);
    free(found);
    drop(&first);
    drop(&second);
}

static void a_directory_in_latest_s_place_is_told_and_left(void **state)
{
    cleanup_free char *latest = xasprintf("%s/latest", (char *)*state);
    struct error error = {0};
    struct made made;

    assert_int_equal(fs_mkdirs(latest, 0755, NULL), 0);
    assert_int_equal(make(*state, &made, NULL), 0);
    assert_true(rundata_point_latest(*state, made.path, &error) < 0);
    assert_non_null(strstr(error.message, latest));
    assert_int_equal(rmdir(latest), 0);
    assert_int_equal(rmdir(made.path), 0);
    assert_int_equal(rmdir(*state), 0); /* nothing half-made beside it */
    assert_int_equal(mkdir(*state, 0755), 0);
    drop(&made);
}

static void try_as_nobody(const char *results)
{
    const struct passwd *nobody = getpwnam("nobody");
    struct error error = {0};
    struct made made;

    if (geteuid() == 0 && (!nobody || setuid(nobody->pw_uid) < 0))
        _exit(1);
    if (make(results, &made, &error) != -EACCES || made.path || made.started || made.shown)
        _exit(2);
    _exit(strstr(error.message, results) ? 0 : 3);
}

static void a_directory_that_may_not_be_written_is_told(void **state)
{
    int status;
    pid_t pid;

    assert_int_equal(chmod(*state, 0555), 0);
    pid = fork();
    if (pid == 0)
        try_as_nobody(*state);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(*state, 0755), 0);
}

static void a_file_in_the_way_is_told(void **state)
{
    cleanup_free char *results = xasprintf("%s/results", (char *)*state);
    struct error error = {0};
    struct made made;

    directory_write(*state, "results", "x", 0644);
    assert_true(make(results, &made, &error) < 0);
    assert_non_null(strstr(error.message, results));
    assert_null(made.path);
}

static void what_is_kept_is_a_copy(void **state)
{
    cleanup_free char *from = xasprintf("%s/cached", (char *)*state);
    struct error error = {0};
    struct stat one, other;
    char *text;

    directory_write(*state, "cached", "initrd", 0600);
    assert_int_equal(rundata_keep(from, *state, "initrd", &error), 0);
    text = directory_read(*state, "initrd");
    assert_string_equal(text, "initrd");
    free(text);
    assert_int_equal(stat(from, &one), 0);
    free(from);
    from = xasprintf("%s/initrd", (char *)*state);
    assert_int_equal(stat(from, &other), 0);
    assert_int_not_equal(one.st_ino, other.st_ino);
    assert_int_equal(rundata_keep("/none", *state, "x", &error), -ENOENT);
}

/* Before there is a kernel, too. */
static void the_host_is_described(void **state)
{
    const struct kernel kernel = {
        .name = (char *)"debian", .release = (char *)"6.1.0-1-cloud-amd64", .digest = "aa"};
    struct session session = {.host = (struct vm_host *)&kernel, /* it is not looked into */
                              .accel = VM_ACCEL_TCG,
                              .libvirt_version = "9.0.0",
                              .qemu_version = "7.2.1"};
    struct run_result run = {0};

    (void)state;
    rundata_describe_host(&session, &kernel, &run.host);
    assert_string_equal(run.host.accel, "tcg");
    assert_string_equal(run.host.qemu, "7.2.1");
    assert_string_equal(run.host.libvirt, "9.0.0");
    assert_string_equal(run.host.guest_kernel.name, "debian");
    assert_string_equal(run.host.guest_kernel.release, "6.1.0-1-cloud-amd64");
    assert_int_equal(run.host.cpus, sysconf(_SC_NPROCESSORS_ONLN));
    assert_true(run.host.memory_bytes > 1 << 20);
    assert_non_null(run.host.kernel);
    run_result_free(&run);
    run = (struct run_result){0};
    session = (struct session){0};
    rundata_describe_host(&session, NULL, &run.host);
    assert_null(run.host.accel);
    assert_null(run.host.qemu);
    assert_null(run.host.guest_kernel.digest);
    run_result_free(&run);
}

static void a_kernel_is_described_over_the_name_that_was_asked_for(void **state)
{
    const struct kernel kernel = {.name = (char *)"/boot/image", .digest = "aa"};
    struct kernel_info info = {.name = xstrdup("/boot/image")};

    (void)state;
    rundata_describe_kernel(&kernel, &info);
    assert_string_equal(info.name, "/boot/image");
    assert_null(info.release);
    assert_string_equal(info.digest, "aa");
    free(info.name);
    free(info.digest);
}

int main(void)
{
#define TEST(function)                                                                             \
    cmocka_unit_test_setup_teardown(function, directory_set_up, directory_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_run_s_directory_is_named_after_time_and_suite),
        TEST(runs_of_the_same_second_have_one_each),
        TEST(latest_points_to_the_newest),
        TEST(a_directory_in_latest_s_place_is_told_and_left),
        TEST(a_directory_that_may_not_be_written_is_told),
        TEST(a_file_in_the_way_is_told),
        TEST(what_is_kept_is_a_copy),
        TEST(the_host_is_described),
        TEST(a_kernel_is_described_over_the_name_that_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
