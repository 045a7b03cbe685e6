/* Runs bench programs and collects what they measure.
 *
 * usage: run OUTPUT REGEX PROGRAM…
 *
 * Prints a table on standard output and writes OUTPUT, as docs/bench.md has it, anew after every
 * program: what one has measured is not lost with another. A bound that is not met is shown, and is
 * no failure: the machine decides it, too.
 *
 * Exit status: 0; 1 where a measure could not be taken; 2 for bad usage, a REGEX that no measure
 * matches included. */
#include "base/base.h"
#include "base/cjson.h"
#include "bench/bench.h"
#include "bench/noise.h"
#include "bench/run_table.h"
#include "bench/wanted.h"
#include "results/members.h"
#include "runner/rundata.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <regex.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef void (*line_fn)(void *context, const char *line);

struct run {
    const char *output;
    regex_t regex;
    struct terminal terminal;
    struct run_bounds bounds;
    cJSON *root, *measures, *programs; /* the latter are the root's */
    double *spins;                     /* before and after each program, in ms */
    size_t spin_count;
    struct noise_calm calm;
    struct buffer troubles; /* lines for the end */
    size_t matched;         /* measures that are wanted, of all programs */
};

/* Of one program. */
struct program {
    struct run *run;
    const char *path;
    char **names; /* of its measures that match and were not taken */
    size_t count;
    size_t taken;
    struct buffer troubles; /* "WHAT; WHAT" */
};

/* -- Programs ---------------------------------------------------------------------------------- */

static int start(const char *program, const char *argument, FILE **output, pid_t *pid,
                 struct error *error)
{
    const char *const argv[] = {program, argument, NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    int code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    code = posix_spawn(pid, program, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        errno = code;
        return error_errno(error, "cannot run it");
    }
    *output = xchecked(fdopen(ends[0], "r"));
    return 0;
}

/* Calls `call` for each line that `program argument` prints, as it comes. */
static int each_line(const char *program, const char *argument, line_fn call, void *context,
                     struct error *error)
{
    FILE *output = NULL;
    pid_t pid = 0;
    char *line = NULL;
    size_t size = 0;
    ssize_t length;
    int status;
    int code = start(program, argument, &output, &pid, error);

    if (code < 0)
        return code;
    while ((length = getline(&line, &size, output)) > 0) {
        line[length - (line[length - 1] == '\n')] = '\0';
        call(context, line);
    }
    free(line);
    fclose(output);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return error_errno(error, "cannot wait for it");
    if (WIFSIGNALED(status))
        return error_set(error, EIO, "signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(error, EIO, "exit status %d", WEXITSTATUS(status));
    return 0;
}

static void trouble(struct program *program, const char *text)
{
    buffer_printf(&program->run->troubles, "%s: %s\n", basename(program->path), text);
    buffer_printf(&program->troubles, "%s%s", program->troubles.length > 0 ? "; " : "", text);
}

/* -- Measures ---------------------------------------------------------------------------------- */

static void take_name(void *context, const char *line)
{
    struct program *program = context;

    if (regexec(&program->run->regex, line, 0, NULL, 0) != 0)
        return;
    program->names = xreallocarray(program->names, program->count + 1, sizeof *program->names);
    program->names[program->count++] = xstrdup(line);
}

/* Whether it was waited for, and is no longer. */
static bool drop_name(struct program *program, const char *name)
{
    for (size_t i = 0; i < program->count; i++)
        if (program->names[i] && strcmp(program->names[i], name) == 0) {
            free(steal_pointer(&program->names[i]));
            return true;
        }
    return false;
}

/* What is wanted of it is a number of that unit. */
static bool has_unit(struct program *program, const cJSON *measure, const struct wanted *wanted)
{
    const char *unit = cjson_text(measure, "unit", "");
    cleanup_free char *text = NULL;

    if (strcmp(unit, wanted->unit) == 0)
        return true;
    text =
        xasprintf("%s is in \"%s\"; bench/wanted.c expects %s", wanted->name, unit, wanted->unit);
    trouble(program, text);
    return false;
}

/* Unless the program itself has said what is wanted. */
static void judge(struct program *program, cJSON *measure)
{
    const char *name = cjson_text(measure, "name", "");
    const struct wanted *wanted = wanted_find(name);
    cleanup_free char *text = NULL;

    if (!wanted) {
        cleanup_free char *unknown = xasprintf("bench/wanted.c does not know %s", name);

        trouble(program, unknown);
        return;
    }
    text = wanted_text(wanted);
    if (!has_unit(program, measure, wanted) || !text || cjson_member(measure, "wanted"))
        return;
    cjson_put_text(measure, "wanted", text);
    cjson_put(measure, "met",
              cJSON_CreateBool(wanted_is_met(wanted, cjson_number(measure, "value"),
                                             cjson_number(measure, "ratio"))));
}

static void take_measure(void *context, const char *line)
{
    struct program *program = context;
    struct run *run = program->run;
    cJSON *measure = cJSON_Parse(line);

    if (!cJSON_IsObject(measure) || isnan(cjson_number(measure, "value")) ||
        !drop_name(program, cjson_text(measure, "name", ""))) {
        cleanup_free char *text = xasprintf("not one of its measures: %s", line);

        trouble(program, text);
        cJSON_Delete(measure);
        return;
    }
    judge(program, measure);
    if (program->taken++ == 0)
        run_table_group(&run->terminal, basename(program->path));
    run_table_row(&run->terminal, measure, &run->bounds);
    cjson_append(run->measures, measure);
}

/* -- The results ------------------------------------------------------------------------------- */

static void add_spin(struct run *run, const struct noise_mark *mark)
{
    run->spins = xreallocarray(run->spins, run->spin_count + 1, sizeof *run->spins);
    run->spins[run->spin_count++] = mark->spin_ms;
}

static void put_program(struct run *run, const struct program *program, uint64_t started_ns,
                        const struct noise *noise)
{
    cJSON *object = cjson_append_object(run->programs);

    cjson_put_text(object, "program", basename(program->path));
    cjson_put_number(object, "measures", (double)program->taken);
    cjson_put_number(object, "duration_s", (double)(clock_ns() - started_ns) / NS_PER_S);
    cjson_put_number(object, "stolen", noise->stolen);
    cjson_put_number(object, "slowdown", noise->slowdown);
    cjson_put_text(object, "noise", noise_reason(noise));
    cjson_put_text(object, "trouble", program->troubles.data);
}

/* Of all values alike: nobody knows at which of them it was. */
static void mark_disturbed(const struct run *run, const struct program *program)
{
    int count = cJSON_GetArraySize(run->measures);

    for (int i = count - (int)program->taken; i < count; i++) {
        cJSON *measure = cJSON_GetArrayItem(run->measures, i);
        int values = cJSON_GetArraySize(cjson_member(measure, "values"));

        cjson_put_number(measure, "disturbed", values > 0 ? values : 1);
    }
}

/* As libvirt tells it of what it starts: "7.2.22". Left as it is where QEMU cannot be asked. */
static void ask_qemu_version(struct session *session)
{
    static const char *const argv[] = {"qemu-system-x86_64", "--version", NULL};
    cleanup_buffer struct buffer text = {0};
    struct error error;

    _Static_assert(sizeof session->qemu_version == 32, "the width below");
    if (process_run(argv, NULL, &text, &error) == 0 && text.length > 0)
        sscanf(text.data, "QEMU emulator version %31[0-9.]", session->qemu_version);
}

static void put_head(struct run *run)
{
    struct session session = {0};
    struct host_info host = {0};
    char started[sizeof "2026-11-23T10:00:00Z"];
    time_t now = time(NULL);
    struct tm utc;

    strftime(started, sizeof started, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    ask_qemu_version(&session);
    rundata_describe_host(&session, NULL, &host);
    host.accel = xstrdup(bench_kvm() ? "kvm" : "tcg");
    cjson_put_text(run->root, "started", started);
    members_put_host(run->root, &host);
    host_info_free(&host);
}

static int write_output(const struct run *run, struct error *error)
{
    cleanup_free char *directory = xstrdup(run->output);
    char *slash = strrchr(directory, '/');
    char *text;
    int code = 0;

    cJSON_DeleteItemFromObject(run->root, "spin_ms");
    if (run->spin_count > 0)
        cjson_put_number(run->root, "spin_ms", median_of(run->spins, run->spin_count));
    if (slash) {
        *slash = '\0';
        code = fs_mkdirs(directory, 0755, error);
    }
    text = xchecked(cJSON_Print(run->root));
    if (code == 0)
        code = fs_write(run->output, text, strlen(text), 0644, error);
    cJSON_free(text);
    return code;
}

/* -- The run ----------------------------------------------------------------------------------- */

/* What it leaves out is said, whatever its exit status. */
static void say_missing(struct program *program, int code, const struct error *error)
{
    cleanup_buffer struct buffer text = {0};

    if (code == 0 && program->taken == program->count)
        return;
    buffer_append_text(&text, code < 0 ? error->message : "it ended well");
    for (size_t i = 0, said = 0; i < program->count; i++)
        if (program->names[i])
            buffer_printf(&text, "%s%s", said++ == 0 ? "; not measured: " : ", ",
                          program->names[i]);
    trouble(program, text.data);
}

static void run_program(struct program *program, const char *pattern, struct error *error)
{
    struct run *run = program->run;
    uint64_t started_ns = clock_ns();
    struct noise_host host = {0}; /* QEMUs are a program's, and it may not wait for all */
    struct noise_mark before, after;
    struct noise noise;
    int code;

    fprintf(stderr, "%s: %zu measure%s, from %s on\n", basename(program->path), program->count,
            program->count == 1 ? "" : "s", program->names[0]);
    noise_mark_host(&host, &before);
    code = each_line(program->path, pattern, take_measure, program, error);
    noise_mark_host(&host, &after);
    add_spin(run, &before);
    add_spin(run, &after);
    noise_note(&run->calm, &before);
    noise_note(&run->calm, &after);
    noise = noise_between(&before, &after, &run->calm);
    if (noise_reason(&noise))
        mark_disturbed(run, program);
    say_missing(program, code, error);
    put_program(run, program, started_ns, &noise);
    if (write_output(run, error) < 0)
        trouble(program, error->message);
}

/* Runs the program where it has a measure that is wanted. */
static void take_program(struct run *run, const char *path, const char *pattern)
{
    struct program program = {.run = run, .path = path};
    struct error error;

    if (each_line(path, "--list", take_name, &program, &error) < 0)
        trouble(&program, error.message);
    else if (program.count > 0)
        run_program(&program, pattern, &error);
    run->matched += program.count;
    for (size_t i = 0; i < program.count; i++)
        free(program.names[i]);
    free(program.names);
    buffer_free(&program.troubles);
}

static void run_free(struct run *run)
{
    regfree(&run->regex);
    cJSON_Delete(run->root);
    free(run->spins);
    buffer_free(&run->bounds.names);
    buffer_free(&run->troubles);
}

int main(int argc, char **argv)
{
    struct run run = {0};
    int status = 0;

    if (argc < 4 || regcomp(&run.regex, argv[2], REG_EXTENDED | REG_NOSUB) != 0) {
        fprintf(stderr, "usage: %s OUTPUT REGEX PROGRAM...\n", argv[0]);
        return 2;
    }
    run.output = argv[1];
    run.root = xchecked(cJSON_CreateObject());
    put_head(&run);
    run.programs = cjson_put_array(run.root, "runs");
    run.measures = cjson_put_array(run.root, "measures");
    terminal_init(&run.terminal, COLOR_AUTO);
    run_table_head(&run.terminal);
    for (int i = 3; i < argc; i++)
        take_program(&run, argv[i], argv[2]);
    run_table_bounds(&run.terminal, &run.bounds);
    if (run.troubles.length > 0) {
        fprintf(stderr, "%s", run.troubles.data);
        status = 1;
    } else if (run.matched == 0) {
        fprintf(stderr, "no measure matches %s\n", argv[2]);
        status = 2;
    }
    run_free(&run);
    return status;
}
