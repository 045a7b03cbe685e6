#include "kernel/make.h"

#include "base/fs.h"
#include "base/memory.h"
#include "kernel/command.h"
#include "kernel/kconfig.h"
#include "kernel/provider.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 4 << 20, ARGUMENTS_MAX = 24 };

/* -- Tools ------------------------------------------------------------------------------------- */

static bool has_header(const struct kernel_options *options, const char *header)
{
    const char *const argv[] = {"gcc", "-fsyntax-only", "-include", header, "-x",
                                "c",   "/dev/null",     NULL};

    return kernel_command_run(options, &(struct kernel_command){.argv = argv}, NULL) == 0;
}

int kernel_make_check(const struct kernel_options *options, struct error *error)
{
    static const struct {
        const char *program, *package;
    } tools[] = {{"gcc", "gcc"},     {"ld", "binutils"}, {"make", "make"}, {"flex", "flex"},
                 {"bison", "bison"}, {"bc", "bc"},       {"tar", "tar"},   {"xz", "xz-utils"}};
    cleanup_buffer struct buffer missing = {0};

    for (size_t i = 0; i < array_size(tools); i++) {
        cleanup_free char *path = fs_find_program(tools[i].program);

        if (!path)
            buffer_printf(&missing, " %s", tools[i].package);
    }
    if (missing.length == 0) {
        if (!has_header(options, "stdlib.h"))
            buffer_append_text(&missing, " libc6-dev");
        else if (!has_header(options, "gelf.h"))
            buffer_append_text(&missing, " libelf-dev");
    }
    if (missing.length == 0)
        return 0;
    return error_set(error, ENOENT,
                     "a kernel cannot be built here yet; missing (by the names of Debian's "
                     "packages):%s. `apt install%s` mends it",
                     missing.data, missing.data);
}

int kernel_make_toolchain(const struct kernel_options *options, struct buffer *text,
                          struct error *error)
{
    static const char *const programs[] = {"gcc", "ld"};
    int code = 0;

    for (size_t i = 0; i < array_size(programs) && code == 0; i++) {
        const char *const argv[] = {programs[i], "--version", NULL};

        code =
            kernel_command_run(options, &(struct kernel_command){.argv = argv, .out = text}, error);
    }
    return code;
}

/* -- make -------------------------------------------------------------------------------------- */

struct progress {
    const struct kernel_make *make;
    unsigned int files;
};

/* "  CC      kernel/fork.o" */
static void on_line(void *context, const char *line)
{
    struct progress *progress = context;
    char action[16], file[256];

    if (sscanf(line, " %15s %255s", action, file) != 2 || strncmp(line, "  ", 2) != 0 ||
        (strcmp(action, "CC") != 0 && strcmp(action, "AS") != 0 && strcmp(action, "LD") != 0))
        return;
    progress->files++;
    kernel_progress(progress->make->options, progress->files, 0, "building %s: %s",
                    progress->make->label, file);
}

static bool is_reason(const char *line)
{
    static const char *const words[] = {"error:", "No space left", "undefined reference",
                                        "not found", "Killed"};

    for (size_t i = 0; i < array_size(words); i++)
        if (strstr(line, words[i]))
            return true;
    return false;
}

/* make's last words are only that something failed: the first that went wrong comes before. */
static int explain(const struct kernel_make *make, struct buffer *out, struct buffer *err,
                   struct error *error)
{
    cleanup_free char *path = xasprintf("%s/kernel/build.log", make->options->cache_dir);
    cleanup_free char *reason = NULL;
    char *state = NULL;

    buffer_append(out, err->length ? err->data : "", err->length);
    if (fs_write(path, out->length ? out->data : "", out->length, 0644, NULL) == 0)
        error_context(error, "cannot build %s (%s has all that make printed)", make->label, path);
    else
        error_context(error, "cannot build %s", make->label);
    if (err->length == 0)
        return -error->code;
    for (char *line = strtok_r(err->data, "\n", &state); line && !reason;
         line = strtok_r(NULL, "\n", &state))
        if (is_reason(line))
            reason = xstrndup(line, 400);
    if (reason) {
        size_t length = strlen(error->message);

        snprintf(error->message + length, sizeof error->message - length, "; it began with: %s",
                 reason);
    }
    return -error->code;
}

/* Nothing of the caller's environment but where programs are: a MAKEFLAGS, an ARCH or a CC of it
 * would build another kernel than the one that the entry's key stands for. */
static int run(const struct kernel_make *make, const char *const targets[], struct error *error)
{
    cleanup_free char *path = xasprintf("PATH=%s", getenv("PATH") ? getenv("PATH") : "");
    cleanup_free char *home = xasprintf("HOME=%s", getenv("HOME") ? getenv("HOME") : "/");
    const char *argv[ARGUMENTS_MAX] = {"env",
                                       "-i",
                                       path,
                                       home,
                                       "LC_ALL=C",
                                       "make",
                                       "ARCH=x86_64",
                                       "KBUILD_BUILD_USER=duet",
                                       "KBUILD_BUILD_HOST=duet",
                                       "KBUILD_BUILD_VERSION=1",
                                       "KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970"};
    cleanup_buffer struct buffer out = {0};
    cleanup_buffer struct buffer err = {0};
    struct progress progress = {.make = make};
    struct kernel_command command = {.argv = argv,
                                     .directory = make->tree,
                                     .inherit = &make->lock,
                                     .group = true,
                                     .out = &out,
                                     .err = &err,
                                     .line = on_line,
                                     .context = &progress};
    size_t count = 0;
    int code;

    while (argv[count])
        count++;
    for (size_t i = 0; targets[i] && count < ARGUMENTS_MAX - 1; i++)
        argv[count++] = targets[i];
    code = kernel_command_run(make->options, &command, error);
    return code < 0 && code != -ECANCELED ? explain(make, &out, &err, error) : code;
}

static int check_options(const struct kernel_make *make, const char *path, struct error *error)
{
    cleanup_buffer struct buffer got = {0};
    cleanup_buffer struct buffer dropped = {0};
    size_t count;
    int code = fs_read(path, CONFIG_MAX, &got, error);

    if (code < 0)
        return code;
    count = kconfig_dropped(make->config, got.length ? got.data : "", &dropped);
    if (count == 0)
        return 0;
    return error_set(error, EINVAL,
                     "%s does not take %zu of the options asked for, because it does not have them "
                     "or what they depend on is off: %s",
                     make->label, count, dropped.data);
}

int kernel_make_configure(const struct kernel_make *make, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/.config", make->tree);
    cleanup_buffer struct buffer text = {0};
    int code;

    kernel_progress(make->options, 0, 0, "configuring %s", make->label);
    code = run(make, (const char *const[]){"tinyconfig", NULL}, error);
    if (code == 0)
        code = fs_read(path, CONFIG_MAX, &text, error);
    if (code < 0)
        return code;
    buffer_printf(&text, "\n%s\n", make->config);
    code = fs_write(path, text.data, text.length, 0644, error);
    if (code == 0)
        code = run(make, (const char *const[]){"olddefconfig", NULL}, error);
    return code < 0 ? code : check_options(make, path, error);
}

int kernel_make_vmlinux(const struct kernel_make *make, struct error *error)
{
    cleanup_free char *jobs = xasprintf("--jobs=%u", make->jobs);

    kernel_progress(make->options, 0, 0, "building %s with %u jobs, which takes minutes",
                    make->label, make->jobs);
    return run(make, (const char *const[]){jobs, "vmlinux", NULL}, error);
}
