#include "runner/template_cache.h"

#include "base/fs.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { CPUINFO_MAX = 1 << 20, MAKING_S_MAX = 600 };

/* -- Keys -------------------------------------------------------------------------------------- */

/* All that QEMU is started with, names and sockets left out: its XML. */
static char *neutral_xml(const struct template_shape *shape)
{
    struct vm_spec machine = *shape->machine;
    cleanup_free struct vm_nic *nics = xcalloc(machine.nic_count, sizeof *nics);
    size_t length = strlen(shape->runtime_dir);

    for (size_t i = 0; i < machine.nic_count; i++)
        memcpy(nics[i].mac, machine.nics[i].mac, sizeof nics[i].mac);
    machine.nics = nics;
    machine.name = "template";
    machine.kernel = shape->kernel_digest;
    machine.console_path = machine.ctl_path = machine.io_path = "";
    machine.saves_to = NULL;
    machine.fork_of = NULL;
    if (strncmp(machine.initrd, shape->runtime_dir, length) == 0)
        machine.initrd += length;
    return vm_domain_xml(&machine);
}

void template_key(const struct template_shape *shape, char key[static DIGEST_HEX_SIZE])
{
    cleanup_free char *xml = neutral_xml(shape);

    digest_bytes(xml, strlen(xml), key);
}

/* What KVM shows a guest is the host's own: another processor, microcode or kernel may be another
 * machine. */
static int add_host(struct digest *digest, struct error *error)
{
    cleanup_buffer struct buffer cpuinfo = {0};
    struct utsname system;
    char *state = NULL;
    int code = fs_read("/proc/cpuinfo", CPUINFO_MAX, &cpuinfo, error);

    if (code < 0)
        return code;
    uname(&system);
    digest_update_field(digest, system.release);
    for (char *line = strtok_r(cpuinfo.data, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state))
        if (strncmp(line, "model name", 10) == 0 || strncmp(line, "microcode", 9) == 0 ||
            strncmp(line, "flags", 5) == 0)
            digest_update_field(digest, line);
    return 0;
}

static int cached_path(struct template_cache *cache, const struct template_shape *shape,
                       char **path, struct error *error)
{
    struct digest *digest;
    char key[DIGEST_HEX_SIZE];
    int code =
        cache->emulator[0] ? 0 : digest_file(shape->machine->emulator, cache->emulator, error);

    if (code < 0)
        return code;
    digest = digest_new();
    template_key(shape, key);
    digest_update_field(digest, key);
    digest_update_field(digest, cache->emulator);
    digest_update_field(digest, cache->libvirt_version);
    if (shape->machine->accel == VM_ACCEL_KVM)
        code = add_host(digest, error);
    digest_finish(digest, key);
    if (code == 0)
        *path = xasprintf("%s/templates/%s", cache->cache_dir, key);
    return code;
}

/* -- Keeping the newest ------------------------------------------------------------------------ */

/* A directory that is being made has a dot in its name. One that has it for long is of a run that
 * was killed. */
static bool find_oldest(const char *parent, char **oldest, size_t *count)
{
    DIR *directory = opendir(parent);
    struct dirent *entry;
    time_t oldest_s = 0;

    *oldest = NULL;
    *count = 0;
    while (directory && (entry = readdir(directory))) {
        cleanup_free char *path = xasprintf("%s/%s", parent, entry->d_name);
        struct stat info;

        if (entry->d_name[0] == '.' || lstat(path, &info) < 0)
            continue;
        if (strchr(entry->d_name, '.')) {
            if (time(NULL) - info.st_mtime > MAKING_S_MAX)
                fs_remove_tree(path, NULL);
            continue;
        }
        (*count)++;
        if (*oldest && info.st_mtime >= oldest_s)
            continue;
        free(*oldest);
        *oldest = steal_pointer(&path);
        oldest_s = info.st_mtime;
    }
    if (directory)
        closedir(directory);
    return *oldest;
}

static void drop_oldest(const char *parent)
{
    size_t count;
    char *oldest;

    while (find_oldest(parent, &oldest, &count) && count > TEMPLATE_CACHE_MAX) {
        bool removed = fs_remove_tree(oldest, NULL) == 0;

        free(oldest);
        if (!removed)
            return;
    }
    free(oldest);
}

/* -- Loading and storing ----------------------------------------------------------------------- */

int template_cache_load(struct template_cache *cache, const struct template_shape *shape,
                        const char *ram_directory, struct vm_snapshot **snapshot,
                        struct error *error)
{
    cleanup_free char *path = NULL;
    int code = cached_path(cache, shape, &path, error);

    if (code < 0)
        return code;
    code = vm_snapshot_load(path, shape->machine->memory_bytes, ram_directory, snapshot, error);
    if (code == 0)
        utimensat(AT_FDCWD, path, NULL, 0);
    if (code == -ENOENT && !fs_exists(path))
        return code;
    if (code == -EBADMSG || code == -ENOENT) {
        fs_remove_tree(path, NULL);
        error->code = EBADMSG;
    }
    return code < 0 ? error_context(error, "a template that was kept is not used") : 0;
}

int template_cache_store(struct template_cache *cache, const struct template_shape *shape,
                         const struct vm_snapshot *snapshot, struct error *error)
{
    cleanup_free char *parent = xasprintf("%s/templates", cache->cache_dir);
    cleanup_free char *path = NULL;
    int code = cached_path(cache, shape, &path, error);

    if (code == 0)
        code = fs_mkdirs(parent, 0700, error);
    if (code == 0)
        code = vm_snapshot_store(snapshot, path, error);
    if (code == 0)
        drop_oldest(parent);
    return code == -EEXIST ? 0 : code;
}
