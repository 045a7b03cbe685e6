#include "initrd/init/names.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static void add_names(struct buffer *hosts, const struct pod_addresses *addresses, const char *name)
{
    char text[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < addresses->count; i++)
        buffer_printf(hosts, "%s\t%s\n", address_text(&addresses->items[i], text), name);
}

/* Whether the last line of a file lacks its end. */
static bool is_cut(int fd)
{
    off_t length = lseek(fd, 0, SEEK_END);
    char last = '\n';

    return length > 0 && pread(fd, &last, 1, length - 1) == 1 && last != '\n';
}

/* Behind what the image's own file may have: the first line that has a name wins. */
static int write_hosts(const struct pod *pod, struct error *error)
{
    cleanup_buffer struct buffer text = {0};
    cleanup_fd int fd = -1;

    fd = open("/etc/hosts", O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0 && is_cut(fd))
        buffer_append_text(&text, "\n");
    buffer_append_text(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n");
    for (size_t i = 0; i < pod->interface_count; i++)
        add_names(&text, &pod->interfaces[i].addresses, pod->hostname);
    buffer_printf(&text, "127.0.1.1\t%s\n", pod->hostname);
    for (size_t i = 0; i < pod->host_count; i++)
        add_names(&text, &pod->hosts[i].addresses, pod->hosts[i].name);
    if (fd < 0 || write(fd, text.data, text.length) != (ssize_t)text.length)
        return error_errno(error, "cannot write /etc/hosts");
    return 0;
}

/* An image may have a link there to where nothing is: the new file takes its place. */
static int write_resolver(const struct pod_dns *dns, struct error *error)
{
    static const char path[] = "/etc/resolv.conf", beside[] = "/etc/.duet-resolv.conf";
    cleanup_buffer struct buffer text = {0};
    cleanup_fd int fd = -1;
    char address[INET6_ADDRSTRLEN];

    for (size_t i = 0; i < dns->search_count; i++)
        buffer_printf(&text, "%s%s", i ? " " : "search ", dns->search[i]);
    if (dns->search_count > 0)
        buffer_append_text(&text, "\n");
    for (size_t i = 0; i < dns->nameservers.count; i++)
        buffer_printf(&text, "nameserver %s\n", address_text(&dns->nameservers.items[i], address));
    fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, text.data, text.length) != (ssize_t)text.length ||
        rename(beside, path) < 0)
        return error_errno(error, "cannot write %s", path);
    return 0;
}

int names_set_up(const struct pod *pod, struct error *error)
{
    int code;

    if (mkdir("/etc", 0755) < 0 && errno != EEXIST)
        return error_errno(error, "cannot make /etc");
    code = write_hosts(pod, error);
    return code < 0 || !pod->dns.given ? code : write_resolver(&pod->dns, error);
}
