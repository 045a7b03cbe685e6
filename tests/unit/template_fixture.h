/* Templates and the jobs that fork from them, on machines that are none (fake_vm.h), in time that
 * is none (virtual_time.h), in a session without signals, threads and libvirt. */
#ifndef DUET_TESTS_TEMPLATE_FIXTURE_H
#define DUET_TESTS_TEMPLATE_FIXTURE_H

#include "runner/session.h"
#include "runner/template.h"
#include "vm/snapshot.h"

#include "directory.h"
#include "fake_vm.h"
#include "virtual_time.h"

#include <signal.h>

struct fixture {
    struct loop *loop;
    char *directory; /* has cache, run, results and qemu */
    struct vm_host host;
    struct terminal terminal;
    char *err;
    size_t err_length, err_seen;
    struct session session;
    struct templates_options options;
    struct templates *templates;
    bool idle;
    void *test; /* the test's own */
};

/* -- The session ------------------------------------------------------------------------------- */

struct fake_work {
    struct session *session;
    session_work_fn work;
    session_done_fn done;
    void *context;
};

static void fake_work_run(void *context)
{
    struct fake_work *work = context;
    struct error error = {0};
    int code = work->session->cancel_seen ? error_set(&error, ECANCELED, "interrupted")
                                          : work->work(work->context, &error);

    work->done(work->context, code, &error);
    free(work);
}

/* In the place of runner/session.c's: from the loop, instead of on a thread. */
void session_work(struct session *session, session_work_fn work, session_done_fn done,
                  void *context)
{
    struct fake_work *fake = xcalloc(1, sizeof *fake);

    *fake = (struct fake_work){.session = session, .work = work, .done = done, .context = context};
    loop_post(session->loop, fake_work_run, fake);
}

/* -- Life -------------------------------------------------------------------------------------- */

static void fixture_end_machine(void *context)
{
    machine_ends(context, VM_END_STOPPED, -1, SIGKILL);
}

/* A machine that is stopped ends soon after. */
static inline void fixture_on_request(void *context, struct vm *vm,
                                      const struct fake_request *request)
{
    struct fixture *fixture = context;

    if (!request && vm->stops == 1)
        loop_post(fixture->loop, fixture_end_machine, vm);
}

static inline char *fixture_path(const struct fixture *fixture, const char *name)
{
    return xasprintf("%s/%s", fixture->directory, name);
}

static inline void fixture_make_directory(const struct fixture *fixture, const char *name)
{
    cleanup_free char *path = fixture_path(fixture, name);

    assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
}

static inline int fixture_set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    assert_int_equal(loop_new(&fixture->loop, NULL), 0);
    fixture_make_directory(fixture, "cache");
    fixture_make_directory(fixture, "run");
    fixture_make_directory(fixture, "results");
    directory_write(fixture->directory, "qemu", "a program", 0755);
    fixture->host.on_request = fixture_on_request;
    fixture->host.context = fixture;
    fixture->terminal.err = open_memstream(&fixture->err, &fixture->err_length);
    fixture->session = (struct session){.loop = fixture->loop,
                                        .host = &fixture->host,
                                        .options.terminal = &fixture->terminal,
                                        .rundir.path = fixture_path(fixture, "run"),
                                        .cache_dir = fixture_path(fixture, "cache"),
                                        .emulator = fixture_path(fixture, "qemu"),
                                        .libvirt_version = "9.0.0",
                                        .accel = VM_ACCEL_TCG};
    fixture->options.session = &fixture->session;
    *state = fixture;
    return 0;
}

static void fixture_on_idle(void *context)
{
    ((struct fixture *)context)->idle = true;
}

/* A collection of its own for each run. */
static inline void fixture_begin(struct fixture *fixture, bool reuse)
{
    fixture->options.reuse = reuse;
    fixture->templates = templates_new(&fixture->options);
    fixture->idle = false;
}

static inline void fixture_finish(struct fixture *fixture)
{
    if (!fixture->templates)
        return;
    templates_stop(fixture->templates, fixture_on_idle, fixture);
    virtual_time_pass(fixture->loop, NS_PER_S);
    assert_true(fixture->idle);
    templates_free(fixture->templates);
    fixture->templates = NULL;
}

static inline int fixture_tear_down(void **state)
{
    struct fixture *fixture = *state;

    fixture_finish(fixture);
    loop_free(fixture->loop);
    fclose(fixture->terminal.err);
    free(fixture->err);
    free((void *)fixture->session.rundir.path);
    free(fixture->session.cache_dir);
    free(fixture->session.emulator);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

/* What the user was told since the last time. */
static inline const char *fixture_said(struct fixture *fixture)
{
    const char *text;

    fflush(fixture->terminal.err);
    text = fixture->err + fixture->err_seen;
    fixture->err_seen = fixture->err_length;
    return text;
}

/* -- Machines ---------------------------------------------------------------------------------- */

/* The one that was started last. */
static inline struct vm *fixture_machine(const struct fixture *fixture)
{
    assert_true(fixture->host.count > 0);
    assert_non_null(fixture->host.machines[fixture->host.count - 1]);
    return fixture->host.machines[fixture->host.count - 1];
}

/* Its guest has said READY, and QEMU leaves something in the snapshot. */
static inline void fixture_is_saved(struct fixture *fixture, struct vm *vm)
{
    assert_non_null(vm->saved);
    assert_int_equal(pwrite(vm->saves_to->ram, "memory", 6, 4096), 6);
    assert_int_equal(pwrite(vm->saves_to->state, "devices", 7, 0), 7);
    vm->saved(vm->context, NULL);
    virtual_time_pass(fixture->loop, NS_PER_MS);
}

static inline void fixture_machine_is_saved(struct fixture *fixture, struct vm *vm)
{
    machine_starts(vm);
    guest_is_ready(vm);
    fixture_is_saved(fixture, vm);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, fixture_set_up, fixture_tear_down)

#endif
