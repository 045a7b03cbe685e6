#include "runner/rundata.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { SAME_NAME_MAX = 1000 };

/* mkdir itself decides which of two runs that start in one second gets the name. */
static int make_unique(const char *base, char **shown, struct error *error)
{
    for (int number = 1; number <= SAME_NAME_MAX; number++) {
        cleanup_free char *path = number == 1 ? xstrdup(base) : xasprintf("%s-%d", base, number);

        if (mkdir(path, 0755) == 0) {
            *shown = steal_pointer(&path);
            return 0;
        }
        if (errno != EEXIST)
            return error_errno(error, "cannot make the results directory %s", path);
    }
    return error_set(error, EEXIST, "there are %d results directories like %s", SAME_NAME_MAX,
                     base);
}

int rundata_make_directory(const char *results, const char *suite, char **started, char **path,
                           char **shown, struct error *error)
{
    cleanup_free char *base = NULL;
    cleanup_free char *made = NULL;
    char stamp[32], iso[32];
    time_t now = time(NULL);
    struct tm utc;
    int code;

    gmtime_r(&now, &utc);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &utc);
    strftime(iso, sizeof iso, "%Y-%m-%dT%H:%M:%SZ", &utc);
    base = xasprintf("%s/%s-%s", results, stamp, suite);
    if ((code = fs_mkdirs(results, 0755, error)) < 0 ||
        (code = make_unique(base, &made, error)) < 0 || (code = fs_realpath(made, path, error)) < 0)
        return code;
    *shown = steal_pointer(&made);
    *started = xstrdup(iso);
    return 0;
}

int rundata_point_latest(const char *results, const char *directory, struct error *error)
{
    const char *name = strrchr(directory, '/') + 1;
    cleanup_free char *latest = xasprintf("%s/latest", results);
    cleanup_free char *temporary = xasprintf("%s/.latest-%d", results, (int)getpid());

    unlink(temporary);
    if (symlink(name, temporary) < 0)
        return error_errno(error, "cannot make the link %s", temporary);
    if (rename(temporary, latest) < 0) {
        int code = error_errno(error, "cannot make the link %s", latest);

        unlink(temporary);
        return code;
    }
    return 0;
}

int rundata_keep(const char *from, const char *directory, const char *name, struct error *error)
{
    cleanup_free char *to = xasprintf("%s/%s", directory, name);
    cleanup_buffer struct buffer content = {0};
    int code = fs_read(from, SIZE_MAX / 2, &content, error);

    return code < 0 ? code : fs_write(to, content.data, content.length, 0644, error);
}

/* proc(5): "model name" of the first processor. */
static char *cpu_model(void)
{
    cleanup_buffer struct buffer text = {0};
    const char *line;

    if (fs_read("/proc/cpuinfo", 1 << 24, &text, NULL) < 0)
        return NULL;
    line = strstr(text.data, "model name");
    line = line ? strchr(line, ':') : NULL;
    return line ? xstrndup(line + 2, strcspn(line + 2, "\n")) : NULL;
}

static char *known(const char *text)
{
    return text[0] ? xstrdup(text) : NULL;
}

void rundata_describe_kernel(const struct kernel *kernel, struct kernel_info *info)
{
    free(info->name);
    info->name = xstrdup(kernel->name);
    info->release = kernel->release ? xstrdup(kernel->release) : NULL;
    info->digest = xstrdup(kernel->digest);
}

void rundata_describe_host(const struct session *session, const struct kernel *kernel,
                           struct host_info *host)
{
    struct utsname name;

    host->duet = xstrdup(DUET_VERSION);
    host->kernel = uname(&name) == 0 ? xstrdup(name.release) : NULL;
    host->cpu_model = cpu_model();
    host->cpus = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
    host->memory_bytes = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    host->qemu = known(session->qemu_version);
    host->libvirt = known(session->libvirt_version);
    if (session->host)
        host->accel = xstrdup(vm_accel_name(session->accel));
    if (kernel)
        rundata_describe_kernel(kernel, &host->guest_kernel);
}
