#include "bench/bench.h"

#include "base/base.h"
#include "kernel/kernel.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SILENCE_MS = 180000 };

/* -- Measures ---------------------------------------------------------------------------------- */

double bench_median(double *values, size_t count)
{
    median_sort(values, count);
    return median_of_sorted(values, count);
}

/* Four significant digits: the rest of a measure is noise. */
static cJSON *number(double value)
{
    char text[32];

    snprintf(text, sizeof text, "%.4g", value);
    return cJSON_CreateNumber(strtod(text, NULL));
}

static cJSON *values_of(const struct bench_measure *measure)
{
    cJSON *array = xchecked(cJSON_CreateArray());

    for (size_t i = 0; i < measure->n; i++)
        cjson_append(array, number(measure->values[i]));
    return array;
}

void bench_emit(const struct bench_measure *measure)
{
    cJSON *object = xchecked(cJSON_CreateObject());
    bool compared = measure->baseline != NULL;
    char *line;

    cjson_put(object, "name", cJSON_CreateString(measure->name));
    cjson_put(object, "value", number(measure->value));
    cjson_put(object, "unit", cJSON_CreateString(measure->unit));
    cjson_put(object, "n", cJSON_CreateNumber((double)measure->n));
    if (measure->values)
        cjson_put(object, "values", values_of(measure));
    cjson_put(object, "baseline",
              compared ? cJSON_CreateString(measure->baseline) : cJSON_CreateNull());
    cjson_put(object, "baseline_value",
              compared ? number(measure->baseline_value) : cJSON_CreateNull());
    cjson_put(object, "ratio", compared ? number(measure->ratio) : cJSON_CreateNull());
    cjson_put(object, "better", cJSON_CreateString(measure->better));
    if (measure->wanted) {
        cjson_put(object, "wanted", cJSON_CreateString(measure->wanted));
        cjson_put(object, "met", cJSON_CreateBool(measure->met));
    }
    line = xchecked(cJSON_PrintUnformatted(object));
    puts(line);
    fflush(stdout);
    cJSON_free(line);
    cJSON_Delete(object);
}

int bench_compare(struct bench_measure *measure, const struct bench_side *side,
                  const struct bench_side *baseline, struct error *error)
{
    cleanup_free double *values = xcalloc(measure->n, sizeof *values);
    cleanup_free double *baselines = xcalloc(measure->n, sizeof *baselines);
    cleanup_free double *ratios = xcalloc(measure->n, sizeof *ratios);

    for (size_t i = 0; i < measure->n; i++) {
        const struct bench_side *first = i % 2 == 0 ? side : baseline;
        int code = first->sample(first->context, first == side ? &values[i] : &baselines[i], error);

        if (code == 0 && first == side)
            code = baseline->sample(baseline->context, &baselines[i], error);
        else if (code == 0)
            code = side->sample(side->context, &values[i], error);
        if (code < 0)
            return code;
        ratios[i] = values[i] / baselines[i];
    }
    measure->values = values;
    measure->value = median_of(values, measure->n);
    measure->baseline_value = median_of(baselines, measure->n);
    measure->ratio = median_of(ratios, measure->n);
    bench_emit(measure);
    measure->values = NULL;
    return 0;
}

/* -- Guests and other programs ----------------------------------------------------------------- */

bool bench_kvm(void)
{
    const char *accel = getenv("DUET_BENCH_ACCEL");

    return accel && strcmp(accel, "kvm") == 0;
}

int bench_make_directory(char **directory, struct error *error)
{
    char template[] = "/tmp/duet-bench-XXXXXX";

    if (!mkdtemp(template))
        return error_errno(error, "cannot make a directory like %s", template);
    *directory = xstrdup(template);
    return 0;
}

char *bench_duet(void)
{
    char program[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

    program[length < 0 ? 0 : length] = '\0';
    return xasprintf("%.*s../duet", (int)(basename(program) - program), program);
}

static void on_progress(void *context, const char *what, uint64_t done, uint64_t total)
{
    (void)context;
    if (total == 0 && done == 0)
        fprintf(stderr, "%s\n", what);
}

int bench_kernel(const char *name, const char *cache_dir, struct kernel *kernel,
                 struct error *error)
{
    struct kernel_options options = {.cache_dir = cache_dir, .progress = on_progress};
    int code = kernel_get(name, &options, kernel, error);

    if (strcmp(name, KERNEL_SMALL) == 0 && (code == -ENOENT || code == -ESTALE))
        code = kernel_build(&(struct kernel_build){0}, &options, kernel, error);
    return code;
}

int bench_start(const char *const argv[], int fd, struct bench_process *process,
                struct error *error)
{
    posix_spawn_file_actions_t actions;
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (fd != STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], fd);
    code = posix_spawnp(&process->pid, argv[0], &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        return error_set(error, code, "cannot run %s", argv[0]);
    }
    process->output = ends[0];
    return 0;
}

/* Reads once from each that has something; those that have shown `text` leave `polled`. */
static int read_outputs(struct pollfd *polled, struct buffer *seen, size_t count, const char *text,
                        struct error *error)
{
    for (size_t i = 0; i < count; i++) {
        char chunk[4096];
        ssize_t n;

        if (!polled[i].revents)
            continue;
        n = read(polled[i].fd, chunk, sizeof chunk);
        if (n <= 0)
            return error_set(error, EPIPE, "it ended without \"%s\"; its last words: %s", text,
                             seen[i].data ? seen[i].data : "none");
        buffer_append(&seen[i], chunk, (size_t)n);
        if (memmem(seen[i].data, seen[i].length, text, strlen(text)))
            polled[i] = (struct pollfd){.fd = -1};
    }
    return 0;
}

int bench_wait_for(const struct bench_process *processes, size_t count, const char *text,
                   struct buffer *wanted, struct error *error)
{
    cleanup_free struct pollfd *polled = xcalloc(count, sizeof *polled);
    cleanup_free struct buffer *own = xcalloc(count, sizeof *own);
    struct buffer *seen = wanted ? wanted : own;
    size_t left;
    int code = 0;

    for (size_t i = 0; i < count; i++)
        polled[i] = (struct pollfd){.fd = processes[i].output, .events = POLLIN};
    do {
        if (poll(polled, count, SILENCE_MS) <= 0)
            code = error_set(error, ETIMEDOUT, "\"%s\" was not printed in time", text);
        else
            code = read_outputs(polled, seen, count, text, error);
        left = 0;
        for (size_t i = 0; i < count; i++)
            left += polled[i].fd >= 0;
    } while (code == 0 && left > 0);
    for (size_t i = 0; i < count; i++)
        buffer_free(&own[i]);
    return code;
}

void bench_end(struct bench_process *process, int signal_number)
{
    char chunk[4096];

    kill(process->pid, signal_number);
    while (read(process->output, chunk, sizeof chunk) > 0)
        ;
    close(process->output);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

/* -- The program ------------------------------------------------------------------------------- */

static int run_matching(const regex_t *regex, const struct bench_entry *entries, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count; i++) {
        struct error error;

        if (regexec(regex, entries[i].name, 0, NULL, 0) != 0)
            continue;
        if (entries[i].run(&error) < 0) {
            fprintf(stderr, "%s: %s\n", entries[i].name, error.message);
            status = 1;
        }
    }
    return status;
}

int bench_main(int argc, char **argv, const struct bench_entry *entries, size_t count)
{
    const char *pattern = argc > 1 ? argv[1] : "";
    regex_t regex;
    int status;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(entries[i].name);
        return 0;
    }
    if (argc > 2 || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        fprintf(stderr, "usage: %s [--list | REGEX]\n", argv[0]);
        return 2;
    }
    status = run_matching(&regex, entries, count);
    regfree(&regex);
    return status;
}
