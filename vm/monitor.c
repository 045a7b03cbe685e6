#include "vm/monitor.h"

#include "base/buffer.h"
#include "base/fs.h"
#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <libvirt/libvirt-qemu.h>
#include <libvirt/virterror.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

static void json_delete(cJSON **json)
{
    cJSON_Delete(*json);
}

#define cleanup_json __attribute__((cleanup(json_delete)))

/* Sends one command, with a file descriptor where `fd` is not -1. *reply, where wanted, is what
 * QEMU returned, and the caller's. */
static int command(virDomainPtr domain, const char *text, int fd, cJSON **reply,
                   struct error *error)
{
    cleanup_free char *answer = NULL;
    cleanup_json cJSON *json = NULL;
    const cJSON *refused, *description;

    if (virDomainQemuMonitorCommandWithFiles(domain, text, fd >= 0, &fd, NULL, NULL, &answer, 0) <
        0)
        return error_set(error, EIO, "QEMU's monitor: %s", virGetLastErrorMessage());
    json = cJSON_Parse(answer);
    refused = cJSON_GetObjectItemCaseSensitive(json, "error");
    description = cJSON_GetObjectItemCaseSensitive(refused, "desc");
    if (refused || !json)
        return error_set(error, EOPNOTSUPP, "QEMU refused %s: %s", text,
                         cJSON_IsString(description) ? description->valuestring : answer);
    if (reply)
        *reply = cJSON_DetachItemFromObjectCaseSensitive(json, "return");
    return 0;
}

/* Shared RAM stays in its file and out of the stream (qapi/migration.json). */
static int ignore_shared(virDomainPtr domain, struct error *error)
{
    return command(domain,
                   "{\"execute\":\"migrate-set-capabilities\",\"arguments\":{\"capabilities\":"
                   "[{\"capability\":\"x-ignore-shared\",\"state\":true}]}}",
                   -1, NULL, error);
}

static int give_fd(virDomainPtr domain, int fd, struct error *error)
{
    return command(domain, "{\"execute\":\"getfd\",\"arguments\":{\"fdname\":\"state\"}}", fd, NULL,
                   error);
}

/* QEMU closes its end when it is done, or when it gives up. */
static int copy_state(int from, int to, struct error *error)
{
    cleanup_free char *chunk = xmalloc(CHUNK);
    size_t total = 0;
    ssize_t n;

    while ((n = read(from, chunk, CHUNK)) != 0) {
        int code;

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(error, "cannot read a template's state");
        total += (size_t)n;
        if (total > SNAPSHOT_STATE_MAX)
            return error_set(error, EFBIG,
                             "QEMU saves more than %d MiB of a template's state: it does not leave "
                             "shared memory out",
                             SNAPSHOT_STATE_MAX >> 20);
        code = fs_write_all(to, chunk, (size_t)n, error);
        if (code < 0)
            return code;
    }
    return 0;
}

static int check_completed(virDomainPtr domain, struct error *error)
{
    cleanup_json cJSON *reply = NULL;
    const cJSON *status, *description;
    int code = command(domain, "{\"execute\":\"query-migrate\"}", -1, &reply, error);

    if (code < 0)
        return code;
    status = cJSON_GetObjectItemCaseSensitive(reply, "status");
    if (cJSON_IsString(status) && strcmp(status->valuestring, "completed") == 0)
        return 0;
    description = cJSON_GetObjectItemCaseSensitive(reply, "error-desc");
    return error_set(error, EOPNOTSUPP, "QEMU could not save a template (%s): %s",
                     cJSON_IsString(status) ? status->valuestring : "no status",
                     cJSON_IsString(description) ? description->valuestring : "it says no more");
}

/* The guest runs until QEMU itself stops it: a state that was saved of a stopped guest would leave
 * its forks stopped. */
int monitor_save(virDomainPtr domain, const struct vm_snapshot *snapshot, struct error *error)
{
    int ends[2], code;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(error, "cannot make a pipe");
    code = ignore_shared(domain, error);
    if (code == 0)
        code = give_fd(domain, ends[1], error);
    close(ends[1]);
    if (code == 0)
        code = command(domain, "{\"execute\":\"migrate\",\"arguments\":{\"uri\":\"fd:state\"}}", -1,
                       NULL, error);
    if (code == 0)
        code = copy_state(ends[0], snapshot->state, error);
    close(ends[0]);
    return code < 0 ? code : check_completed(domain, error);
}

/* What a machine that arrives announces to its network (a RARP from each NIC) is not of the test.
 */
static int announce_nothing(virDomainPtr domain, struct error *error)
{
    return command(domain,
                   "{\"execute\":\"migrate-set-parameters\",\"arguments\":{\"announce-rounds\":0}}",
                   -1, NULL, error);
}

int monitor_restore(virDomainPtr domain, const struct vm_snapshot *snapshot, struct error *error)
{
    cleanup_fd int state = -1;
    int code = snapshot_open_state(snapshot, &state, error);

    if (code == 0)
        code = ignore_shared(domain, error);
    if (code == 0)
        code = announce_nothing(domain, error);
    if (code == 0)
        code = give_fd(domain, state, error);
    if (code == 0)
        code = command(domain,
                       "{\"execute\":\"migrate-incoming\",\"arguments\":{\"uri\":\"fd:state\"}}",
                       -1, NULL, error);
    if (code == 0 && virDomainResume(domain) < 0)
        code = error_set(error, EIO, "libvirt cannot resume a fork: %s", virGetLastErrorMessage());
    return code;
}

static int set_reboot_action(virDomainPtr domain, const char *action, struct error *error)
{
    cleanup_free char *text =
        xasprintf("{\"execute\":\"set-action\",\"arguments\":{\"reboot\":\"%s\"}}", action);

    return command(domain, text, -1, NULL, error);
}

/* A guest that restarts by itself ends its QEMU, which would take a reset for that, too. What is to
 * be done counts at the moment a reset is asked for (QEMU, qemu_system_reset_request). libvirt ends
 * the machine at the reset where it is older than 7.7; so old a one duet is not built with. */
int monitor_reset(virDomainPtr domain, struct error *error)
{
    struct error not_restored;
    int code = set_reboot_action(domain, "reset", error);

    if (code < 0)
        return code;
    code = command(domain, "{\"execute\":\"system_reset\"}", -1, NULL, error);
    if (set_reboot_action(domain, "shutdown", &not_restored) < 0 && code == 0)
        return error_set(error, EIO, "%s", not_restored.message);
    return code;
}

/* QMP has no command for it. In QEMU's option syntax a comma inside a value is written twice. */
int monitor_debug(virDomainPtr domain, const char *path, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_free char *answer = NULL;

    buffer_append_text(&text, "gdbserver unix:");
    for (; *path; path++)
        buffer_append(&text, *path == ',' ? ",," : path, *path == ',' ? 2 : 1);
    buffer_append_text(&text, ",server=on,wait=off");
    if (virDomainQemuMonitorCommand(domain, text.data, &answer,
                                    VIR_DOMAIN_QEMU_MONITOR_COMMAND_HMP) < 0)
        return error_set(error, EIO, "QEMU's monitor: %s", virGetLastErrorMessage());
    if (strncmp(answer, "Waiting for gdb connection", 26) == 0)
        return 0;
    return error_set(error, EIO, "QEMU cannot open its gdb stub: %.*s",
                     (int)strcspn(answer, "\r\n"), answer);
}
