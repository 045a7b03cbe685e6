#include "initrd/init/ports.h"

#include "base/loop.h"
#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/files.h"
#include "initrd/init/netlink.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum { PORTS_WAIT_MS = 5000, UEVENT_GROUP = 1 };

#define VIRTIO_CONSOLE_ID "0x0003" /* VIRTIO 1.2, 5: device types */

/* Calls `each` for the entries of a directory until it returns true; a missing one has none. */
typedef bool (*entry_fn)(void *context, const char *name);
static bool any_entry(const char *directory, entry_fn each, void *context)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    bool found = false;

    if (!stream)
        return false;
    while (!found && (entry = readdir(stream)))
        found = entry->d_name[0] != '.' && each(context, entry->d_name);
    closedir(stream);
    return found;
}

/* Whether the first line of the file DIRECTORY/NAME/ATTRIBUTE is `text`. */
static bool attribute_is(const char *directory, const char *name, const char *attribute,
                         const char *text)
{
    cleanup_free char *path = xasprintf("%s/%s/%s", directory, name, attribute);
    cleanup_buffer struct buffer value = {0};

    if (files_read(path, &value, NULL) < 0)
        return false;
    value.data[strcspn(value.data, "\n")] = '\0';
    return strcmp(value.data, text) == 0;
}

static bool is_serial_device(void *context, const char *name)
{
    (void)context;
    return attribute_is("/sys/bus/virtio/devices", name, "device", VIRTIO_CONSOLE_ID);
}

struct port_search {
    const char *wanted;
    char *path; /* of the device; NULL: not found */
};

static bool is_wanted_port(void *context, const char *name)
{
    struct port_search *search = context;

    if (!attribute_is("/sys/class/virtio-ports", name, "name", search->wanted))
        return false;
    search->path = xasprintf("/dev/%s", name);
    return true;
}

/* Leaves *fd at -1 where the port is not there yet. */
static int try_open(const char *wanted, int *fd, struct error *error)
{
    struct port_search search = {.wanted = wanted};
    cleanup_free char *path = NULL;

    if (*fd >= 0 || !any_entry("/sys/class/virtio-ports", is_wanted_port, &search))
        return 0;
    path = search.path;
    *fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return *fd < 0 ? error_errno(error, "cannot open the port %s (%s)", wanted, path) : 0;
}

static int open_both(struct ports *ports, struct error *error)
{
    int code = try_open(WIRE_CTL_PORT, &ports->ctl, error);

    return code < 0 ? code : try_open(WIRE_IO_PORT, &ports->io, error);
}

/* The kernel announces a port's name with a uevent when the host has told it. The socket is there
 * before the look that it saves from being too early. */
static int await_both(struct ports *ports, struct error *error)
{
    uint64_t deadline_ns = clock_ns() + PORTS_WAIT_MS * NS_PER_MS;
    cleanup_fd int events = -1;
    int code = netlink_open(NETLINK_KOBJECT_UEVENT, UEVENT_GROUP, &events, error);

    while (code == 0) {
        code = open_both(ports, error);
        if (code < 0 || (ports->ctl >= 0 && ports->io >= 0))
            return code;
        if (!netlink_wait(events, deadline_ns))
            return error_set(error, ENODEV,
                             "the machine has a virtio-serial device, but within %d s no port "
                             "named %s appeared",
                             PORTS_WAIT_MS / 1000, ports->ctl < 0 ? WIRE_CTL_PORT : WIRE_IO_PORT);
    }
    return code;
}

int ports_open(struct ports *out, struct error *error)
{
    struct ports ports = {.ctl = -1, .io = -1};
    int code = open_both(&ports, error);

    if (code == 0 && (ports.ctl < 0 || ports.io < 0) &&
        any_entry("/sys/bus/virtio/devices", is_serial_device, NULL))
        code = await_both(&ports, error);
    if (code == 0)
        *out = ports;
    return code;
}
