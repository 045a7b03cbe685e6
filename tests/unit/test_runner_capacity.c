/* Cores and memory that may be used: the machine's, and what cgroups leave of them. */
#include "runner/capacity.h"

#include "directory.h"

#include <sched.h>
#include <stdio.h>

#define GROUPS "sys/fs/cgroup"
#define MIB    (1ull << 20)

static int set_up(void **state)
{
    *state = directory_make();
    return 0;
}

static int tear_down(void **state)
{
    directory_remove(*state);
    return 0;
}

/* Writes a file below the fixture's root, with the directories above it. */
static void put(const char *root, const char *name, const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s", root, name);

    *strrchr(path, '/') = '\0';
    assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
    directory_write(root, name, text, 0644);
}

static void put_memory(const char *root, uint64_t available)
{
    cleanup_free char *text = xasprintf("MemTotal: 99999999 kB\nMemFree: 5 kB\n"
                                        "MemAvailable:   %llu kB\nBuffers: 1 kB\n",
                                        (unsigned long long)available >> 10);

    put(root, "proc/meminfo", text);
}

static struct capacity capacity(const char *root)
{
    struct capacity found;

    capacity_read(root, &found);
    return found;
}

static size_t own_cores(void)
{
    cpu_set_t set;

    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    return (size_t)CPU_COUNT(&set);
}

static void four_fifths_of_what_is_available(void **state)
{
    put_memory(*state, 1000 * MIB);
    assert_int_equal(capacity(*state).memory_bytes, 800 * MIB);
    assert_int_equal(capacity(*state).cores, own_cores());
}

/* Where nothing can be read, the machine's memory is all that is known. */
static void something_is_there_without_proc(void **state)
{
    assert_true(capacity(*state).memory_bytes > 0);
    assert_true(capacity(*state).cores > 0);
}

static void a_group_s_limit_holds(void **state)
{
    put_memory(*state, 1000 * MIB);
    put(*state, "proc/self/cgroup", "1:name=x:/other\n0::/a/b\n");
    put(*state, GROUPS "/a/b/memory.max", "524288000\n");     /* 500 MiB */
    put(*state, GROUPS "/a/b/memory.current", "314572800\n"); /* 300 MiB */
    assert_int_equal(capacity(*state).memory_bytes, 160 * MIB);
    put(*state, GROUPS "/a/b/memory.stat", "anon 5\ninactive_file 209715200\nactive_file 7\n");
    assert_int_equal(capacity(*state).memory_bytes, 320 * MIB);
    put(*state, GROUPS "/a/b/memory.current", "900000000\n");
    put(*state, GROUPS "/a/b/memory.stat", "anon 5\n");
    assert_int_equal(capacity(*state).memory_bytes, 0);
}

static void so_does_one_above_it(void **state)
{
    put_memory(*state, 1000 * MIB);
    put(*state, "proc/self/cgroup", "0::/a/b\n");
    put(*state, GROUPS "/a/b/memory.max", "max\n");
    put(*state, GROUPS "/a/b/memory.current", "0\n");
    assert_int_equal(capacity(*state).memory_bytes, 800 * MIB);
    put(*state, GROUPS "/a/memory.max", "104857600\n");
    put(*state, GROUPS "/a/memory.current", "0\n");
    assert_int_equal(capacity(*state).memory_bytes, 80 * MIB);
}

static void a_share_of_the_processors_is_respected(void **state)
{
    put(*state, "proc/self/cgroup", "0::/a\n");
    put(*state, GROUPS "/a/cpu.max", "max 100000\n");
    assert_int_equal(capacity(*state).cores, own_cores());
    put(*state, GROUPS "/a/cpu.max", "100000 100000\n");
    assert_int_equal(capacity(*state).cores, 1);
    put(*state, GROUPS "/a/cpu.max", "50000 100000\n");
    assert_int_equal(capacity(*state).cores, 1);
    put(*state, GROUPS "/a/cpu.max", "100000000 100000\n");
    assert_int_equal(capacity(*state).cores, own_cores());
}

static void strange_files_limit_nothing(void **state)
{
    put_memory(*state, 1000 * MIB);
    put(*state, "proc/self/cgroup", "0::/a\n");
    put(*state, GROUPS "/a/memory.max", "");
    put(*state, GROUPS "/a/memory.current", "many\n");
    put(*state, GROUPS "/a/cpu.max", "100000 0\n");
    assert_int_equal(capacity(*state).memory_bytes, 800 * MIB);
    assert_int_equal(capacity(*state).cores, own_cores());
    put(*state, "proc/self/cgroup", "garbage");
    assert_int_equal(capacity(*state).memory_bytes, 800 * MIB);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(four_fifths_of_what_is_available),
        TEST(something_is_there_without_proc),
        TEST(a_group_s_limit_holds),
        TEST(so_does_one_above_it),
        TEST(a_share_of_the_processors_is_respected),
        TEST(strange_files_limit_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
