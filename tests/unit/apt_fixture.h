/* Kernels that come through apt: a directory that stands first in $PATH, where scripts play apt,
 * dpkg-deb and whatever else the test wants. What they play is decided by files beside them. */
#ifndef TESTS_APT_FIXTURE_H
#define TESTS_APT_FIXTURE_H

#include "kernel/kernel.h"
#include "tests/unit/kernel_fixture.h"

struct world {
    char *directory;
    char *path;         /* the process's $PATH before */
    char *cache, *root; /* of `options` */
    struct buffer said; /* what progress said, a line each */
    struct kernel_options options;
    struct kernel_build build;
    struct kernel kernel;
    struct error error;
    atomic_bool cancel;
    const char *cancel_at; /* progress of this, once some is made, sets `cancel`; NULL: none */
};

/* Each logs its call. `machine` is what the machine's lists know, `mirror` what an update with
 * lists of one's own brings; package.deb is downloaded. A file of a failure's name makes it. */
static const char apt_cache_script[] =
    "#!/bin/sh\n"
    "cd \"${0%/*}\" && echo \"apt-cache $*\" >>log\n"
    "for package; do :; done\n"
    "case $* in *Dir::State::lists=*) lists=own ;; *) lists=machine ;; esac\n"
    "cat $lists/$package 2>/dev/null || { echo 'E: No packages found' >&2; exit 100; }\n";

static const char apt_get_script[] =
    "#!/bin/sh\n"
    "fake=${0%/*}; echo \"apt-get $*\" >>$fake/log\n"
    "case $* in *Dir::State::lists=*) lists=own ;; *) lists=machine ;; esac\n"
    "case $* in\n"
    "*update)\n"
    "    echo 'W: Download is performed unsandboxed as root' >&2\n"
    "    [ -e $fake/update-fails ] && echo 'W: Failed to fetch http://x/InRelease' >&2 && exit 0\n"
    "    cp -r $fake/mirror $fake/own ;;\n"
    "*download*)\n"
    "    [ -e $fake/download-hangs ] && echo dlstatus:1:1.0:x && exec sleep 1000\n"
    "    if [ -e $fake/$lists-download-fails ]; then\n"
    "        echo 'E: Failed to fetch http://x/k.deb  404  Not Found' >&2; exit 100\n"
    "    fi\n"
    "    echo dlstatus:1:50.0000:Retrieving file 1 of 1\n"
    "    cp $fake/package.deb package_1_amd64.deb ;;\n"
    "esac\n";

static inline char *in(const struct world *world, const char *name)
{
    return xasprintf("%s/%s", world->directory, name);
}

static inline void put(const struct world *world, const char *name, const char *text)
{
    cleanup_free char *path = in(world, name);

    make_text(path, text);
}

static inline void put_program(const struct world *world, const char *name, const char *text)
{
    cleanup_free char *path = in(world, name);

    put(world, name, text);
    assert_int_equal(chmod(path, 0755), 0);
}

static inline void drop(const struct world *world, const char *name)
{
    cleanup_free char *path = in(world, name);

    assert_int_equal(unlink(path), 0);
}

static inline void run_in(const struct world *world, const char *command)
{
    cleanup_free char *line = xasprintf("cd %s && %s", world->directory, command);

    run_shell(line);
}

/* Has `lists` ("machine" or "mirror") say that `meta` stands for `package` of this version, and
 * makes its .deb. */
static inline void publish_package(const struct world *world, const char *lists, const char *meta,
                                   const char *package, const char *version)
{
    cleanup_free char *meta_path = xasprintf("%s/%s", lists, meta);
    cleanup_free char *package_path = xasprintf("%s/%s", lists, package);
    cleanup_free char *deb = xasprintf("!<arch>\ndebian-binary %s", version);
    cleanup_free char *meta_stanza = xasprintf("Package: %s\nDescription: x\n Depends: not this\n"
                                               "Depends: base (>= 1), %s (= 1)\n\n",
                                               meta, package);
    cleanup_free char *stanza = NULL;
    char digest[DIGEST_HEX_SIZE];

    digest_bytes(deb, strlen(deb), digest);
    stanza =
        xasprintf("Package: %s\nVersion: %s\nSize: 1000\nSHA256: %s\n\n", package, version, digest);
    put(world, meta_path, meta_stanza);
    put(world, package_path, stanza);
    put(world, "package.deb", deb);
}

/* How often `call` is in the log of the scripts; the log is empty afterwards. */
static inline size_t count_calls(const struct world *world, const char *call)
{
    cleanup_free char *path = in(world, "log");
    cleanup_buffer struct buffer log = {0};
    size_t count = 0;

    assert_int_equal(fs_read(path, 1 << 20, &log, NULL), 0);
    for (const char *at = log.data; at && (at = strstr(at, call)); at++)
        count++;
    put(world, "log", "");
    return count;
}

static inline void assert_nothing_half_done(const struct world *world)
{
    run_in(world, "! ls cache/kernel/work | grep -v 'lock$'");
}

static inline void note_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    struct world *world = context;

    buffer_printf(&world->said, "%s %llu/%llu\n", what, (unsigned long long)done,
                  (unsigned long long)total);
    if (world->cancel_at && done > 0 && strstr(what, world->cancel_at))
        atomic_store(&world->cancel, true);
}

static inline struct world *make_world(void)
{
    static const char *const directories[] = {"machine", "mirror", "root/var/lib/apt/lists"};
    struct world *world = xcalloc(1, sizeof *world);
    cleanup_free char *with_scripts = NULL;

    world->directory = directory_make();
    for (size_t i = 0; i < array_size(directories); i++) {
        cleanup_free char *path = in(world, directories[i]);

        make_directory(path);
    }
    put_program(world, "apt-cache", apt_cache_script);
    put_program(world, "apt-get", apt_get_script);
    put(world, "log", "");
    world->path = xstrdup(getenv("PATH"));
    with_scripts = xasprintf("%s:%s", world->directory, world->path);
    world->cache = in(world, "cache");
    world->root = in(world, "root");
    world->options = (struct kernel_options){.cache_dir = world->cache,
                                             .host_root = world->root,
                                             .progress = note_progress,
                                             .progress_context = world,
                                             .cancel = &world->cancel};
    assert_int_equal(setenv("PATH", with_scripts, 1), 0);
    return world;
}

static inline int teardown_world(void **state)
{
    struct world *world = *state;

    setenv("PATH", world->path, 1);
    kernel_free(&world->kernel);
    directory_remove(world->directory);
    buffer_free(&world->said);
    free(world->path);
    free(world->cache);
    free(world->root);
    free(world);
    return 0;
}

#endif
