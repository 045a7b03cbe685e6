/* A web server with one file and bad habits on request. */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include "base/memory.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct http_server {
    const char *body;
    size_t size;
    /* Habits; a test sets them while no request is under way. */
    int status;           /* answers with this and nothing else; 0: serves the file */
    const char *location; /* of a redirect */
    size_t cut;           /* closes after so many bytes of the body; 0: never */
    size_t stall;         /* falls silent after so many bytes; 0: never */
    bool no_ranges;       /* always sends the whole */
    /* What happened. */
    atomic_size_t requests;
    atomic_size_t body_bytes;

    int listener;
    int stalled[2]; /* a pipe: a byte for each time it fell silent */
    unsigned int port;
    pthread_t thread;
};

static inline bool http_send(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);

        if (n <= 0)
            return false;
        bytes += n;
        count -= (size_t)n;
    }
    return true;
}

static inline bool http_read_request(int fd, char *request, size_t size)
{
    size_t length = 0;

    while (length + 1 < size) {
        ssize_t n = recv(fd, request + length, size - 1 - length, 0);

        if (n <= 0)
            return false;
        length += (size_t)n;
        request[length] = '\0';
        if (strstr(request, "\r\n\r\n"))
            return true;
    }
    return false;
}

static inline void http_send_file(struct http_server *server, int fd, const char *request)
{
    const char *range = strstr(request, "\r\nRange: bytes=");
    size_t start = 0, count;
    char head[256];

    if (range && !server->no_ranges)
        sscanf(range, "\r\nRange: bytes=%zu-", &start);
    if (range && !server->no_ranges && start >= server->size) {
        snprintf(head, sizeof head, "HTTP/1.1 416 No\r\nContent-Length: 0\r\n\r\n");
        http_send(fd, head, strlen(head));
        return;
    }
    count = server->size - start;
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
             start ? "206 Partial Content" : "200 OK", count);
    if (server->cut && count > server->cut)
        count = server->cut;
    if (server->stall && count > server->stall)
        count = server->stall;
    if (http_send(fd, head, strlen(head)) && http_send(fd, server->body + start, count))
        server->body_bytes += count;
    if (server->stall) {
        char byte = 's';

        if (write(server->stalled[1], &byte, 1) == 1)
            recv(fd, head, sizeof head, 0); /* until the client gives up */
    }
}

static inline void http_answer(struct http_server *server, int fd)
{
    char request[4096], head[512];

    if (!http_read_request(fd, request, sizeof request))
        return;
    server->requests++;
    if (!server->status) {
        http_send_file(server, fd, request);
        return;
    }
    snprintf(head, sizeof head, "HTTP/1.1 %d Status\r\nContent-Length: 0\r\n%s%s\r\n\r\n",
             server->status,
             server->location ? "Location: " : "X: ", server->location ? server->location : "x");
    http_send(fd, head, strlen(head));
}

static inline void *http_serve(void *context)
{
    struct http_server *server = context;
    int fd;

    while ((fd = accept(server->listener, NULL, NULL)) >= 0) {
        http_answer(server, fd);
        shutdown(fd, SHUT_RDWR);
        close(fd);
    }
    return NULL;
}

/* `body` must outlive the server. */
static inline struct http_server *http_start(const char *body, size_t size)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct http_server *server = xcalloc(1, sizeof *server);

    server->body = body;
    server->size = size;
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server->listener < 0 || pipe(server->stalled) < 0 ||
        bind(server->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(server->listener, 8) < 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &length) < 0 ||
        pthread_create(&server->thread, NULL, http_serve, server) != 0) {
        perror("the test's web server");
        abort();
    }
    server->port = ntohs(address.sin_port);
    return server;
}

static inline void http_stop(struct http_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    close(server->stalled[0]);
    close(server->stalled[1]);
    free(server);
}

#endif
