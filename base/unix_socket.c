#include "base/unix_socket.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int make(const char *path, int flags, struct sockaddr_un *address, int *out,
                struct error *error)
{
    int fd;

    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return error_set(error, ENAMETOOLONG,
                         "the socket path %s has %zu bytes, unix sockets take %zu", path,
                         strlen(path), sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0)
        return error_errno(error, "cannot make a unix socket");
    *out = fd;
    return 0;
}

/* The file has the mode of the socket, from its first moment on. */
int unix_listen(const char *path, int backlog, int *out, struct error *error)
{
    struct sockaddr_un address;
    cleanup_fd int fd = -1;
    int code = make(path, SOCK_NONBLOCK, &address, &fd, error);

    if (code < 0)
        return code;
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(error, "cannot listen on %s%s", path,
                           errno == EADDRINUSE ? ", which is there already" : "");
    if (listen(fd, backlog) < 0) {
        code = error_errno(error, "cannot listen on %s", path);
        unlink(path);
        return code;
    }
    *out = steal_fd(&fd);
    return 0;
}

int unix_connect(const char *path, unsigned patience_s, int *out, struct error *error)
{
    const struct timeval patience = {.tv_sec = patience_s};
    struct sockaddr_un address;
    cleanup_fd int fd = -1;
    int code = make(path, 0, &address, &fd, error);

    if (code < 0)
        return code;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(error, "cannot connect to %s", path);
    *out = steal_fd(&fd);
    return 0;
}
