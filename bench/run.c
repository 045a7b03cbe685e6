/* Runs bench programs and collects what they measure.
 *
 * usage: run OUTPUT REGEX PROGRAM…
 *
 * Prints a table on standard output and writes OUTPUT, {"measures": […]}. Exit status: 0; 1 where
 * a measure could not be taken; 2 for bad usage, a REGEX that no measure matches included. */
#include "base/base.h"
#include "base/cjson.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef void (*line_fn)(void *context, const char *line);

struct run {
    regex_t regex;
    cJSON *measures;
    size_t wanted; /* names that match, in the program at hand */
    size_t taken;  /* measures that it gave */
    size_t wanted_in_all;
};

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
        return error_errno(error, "cannot run %s", program);
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
            return error_errno(error, "cannot wait for %s", program);
    if (WIFSIGNALED(status))
        return error_set(error, EIO, "%s: signal %d", program, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return error_set(error, EIO, "%s: exit status %d", program, WEXITSTATUS(status));
    return 0;
}

static void count_name(void *context, const char *line)
{
    struct run *run = context;

    run->wanted += regexec(&run->regex, line, 0, NULL, 0) == 0;
}

static double number_of(const cJSON *measure, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(measure, key);

    return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

static void print_row(const cJSON *measure)
{
    cleanup_free char *value =
        xasprintf("%.10g %s", number_of(measure, "value"), cjson_text(measure, "unit", ""));

    printf("%-28s %14s", cjson_text(measure, "name", ""), value);
    if (*cjson_text(measure, "baseline", "")) {
        cleanup_free char *baseline = xasprintf("%.10g %s", number_of(measure, "baseline_value"),
                                                cjson_text(measure, "unit", ""));

        printf(" %14s %8.3g  %-6s %4.0f  against %s", baseline, number_of(measure, "ratio"),
               cjson_text(measure, "better", ""), number_of(measure, "n"),
               cjson_text(measure, "baseline", ""));
    } else {
        printf(" %14s %8s  %-6s %4.0f", "", "", cjson_text(measure, "better", ""),
               number_of(measure, "n"));
    }
    printf("\n");
    fflush(stdout);
}

static void take_measure(void *context, const char *line)
{
    struct run *run = context;
    cJSON *measure = cJSON_Parse(line);

    if (!cJSON_IsObject(measure) || !*cjson_text(measure, "name", "") ||
        !cJSON_IsNumber(cJSON_GetObjectItemCaseSensitive(measure, "value"))) {
        fprintf(stderr, "not a measure: %s\n", line);
        cJSON_Delete(measure);
        return;
    }
    print_row(measure);
    run->taken++;
    if (!cJSON_AddItemToArray(run->measures, measure))
        xchecked(NULL);
}

/* Runs the program where it has a measure that is wanted. */
static int run_program(struct run *run, const char *program, const char *pattern,
                       struct error *error)
{
    int code;

    run->wanted = 0;
    run->taken = 0;
    code = each_line(program, "--list", count_name, run, error);
    if (code < 0 || run->wanted == 0)
        return code;
    run->wanted_in_all += run->wanted;
    code = each_line(program, pattern, take_measure, run, error);
    if (code == 0 && run->taken != run->wanted)
        return error_set(error, EIO, "%s: %zu measures of %zu were taken", program, run->taken,
                         run->wanted);
    return code;
}

static int write_output(cJSON *measures, const char *path, struct error *error)
{
    cleanup_free char *directory = xstrdup(path);
    cJSON *object = xchecked(cJSON_CreateObject());
    char *slash = strrchr(directory, '/');
    char *text;
    int code = 0;

    if (slash) {
        *slash = '\0';
        code = fs_mkdirs(directory, 0755, error);
    }
    if (!cJSON_AddItemToObject(object, "measures", measures))
        xchecked(NULL);
    text = xchecked(cJSON_Print(object));
    if (code == 0)
        code = fs_write(path, text, strlen(text), 0644, error);
    cJSON_free(text);
    cJSON_Delete(object);
    return code;
}

int main(int argc, char **argv)
{
    struct run run = {0};
    struct error error;
    int status = 0;

    if (argc < 4 || regcomp(&run.regex, argv[2], REG_EXTENDED | REG_NOSUB) != 0) {
        fprintf(stderr, "usage: %s OUTPUT REGEX PROGRAM...\n", argv[0]);
        return 2;
    }
    run.measures = xchecked(cJSON_CreateArray());
    printf("%-28s %14s %14s %8s  %-6s %4s\n", "measure", "value", "baseline", "ratio", "better",
           "n");
    for (int i = 3; i < argc; i++) {
        if (run_program(&run, argv[i], argv[2], &error) < 0) {
            fprintf(stderr, "%s\n", error.message);
            status = 1;
        }
    }
    regfree(&run.regex);
    if (status == 0 && run.wanted_in_all == 0) {
        fprintf(stderr, "no measure matches %s\n", argv[2]);
        status = 2;
    }
    if (write_output(run.measures, argv[1], &error) < 0) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    return status;
}
