/* What the host asks for on the ctl port, decoded and checked. Pure. */
#ifndef DUET_INIT_REQUEST_H
#define DUET_INIT_REQUEST_H

#include "base/error.h"
#include "initrd/init/pod.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ready_kind { READY_NONE, READY_TCP, READY_UDP, READY_PATH, READY_OUTPUT, READY_COMMAND };

/* A command to run. Of RESTARTCONTAINER only the streams. */
struct exec_request {
    char *name;            /* for messages */
    char **argv;           /* at least one; ends with NULL */
    char **env;            /* KEY=VALUE, over the base environment; ends with NULL */
    char *cwd;             /* absolute */
    uint64_t stdin_stream; /* 0: /dev/null */
    uint64_t stdout_stream;
    uint64_t stderr_stream; /* 0: there is a terminal */
    uint64_t timeout_ms;    /* 0: none */
    bool background;
    bool terminal; /* of so many rows and columns */
    uint16_t rows, columns;
    enum ready_kind ready;
    uint16_t ready_port; /* READY_TCP, READY_UDP */
    char *ready_text;    /* READY_PATH, READY_OUTPUT, READY_COMMAND */
};

struct request {
    unsigned references;
    uint32_t code;  /* enum wire_code */
    uint64_t id;    /* 0 of NEXT */
    struct pod pod; /* STARTPOD; SETUPINTERFACE: one interface; SETUPROUTE: the routes */
    struct request **containers; /* STARTPOD: of NEWCONTAINER */
    size_t container_count;
    struct exec_request exec; /* EXECCMD, NEWCONTAINER, RESTARTCONTAINER */
    char *container;          /* a name; NULL: the node itself, or (KILLCONTAINER) `target` */
    char *root, *hostname;    /* NEWCONTAINER */
    bool overlay, network;    /* NEWCONTAINER */
    char *path;               /* WRITEFILE, READFILE; absolute */
    unsigned mode;            /* WRITEFILE */
    uint64_t stream;          /* WRITEFILE, READFILE, NEXT */
    uint64_t bytes;           /* NEXT */
    uint64_t target;          /* WINSIZE, KILLCONTAINER: id of the command */
    int signal;               /* KILLCONTAINER */
    uint16_t rows, columns;   /* WINSIZE */
    uint64_t version;         /* VERSION */
    char *interface;          /* SETLINK, LINKSTATE, CLOSELINK: a link's name in the node */
    json_t *impair;           /* SETLINK: the object that pod_carrier_change takes; not NULL */
};

/* Decodes the payload of a ctl frame. The caller frees *request with request_free. `*id` is the
 * request's id, also on failure where one could be read, else 0. EINVAL for what is not a request:
 * broken JSON, an unknown code, and a field that is unknown, missing or of another type. */
int request_parse(uint32_t code, const void *payload, size_t length, uint64_t *id,
                  struct request **request, struct error *error);
/* One more who frees it. Returns it. */
struct request *request_share(struct request *request);
/* NULL is fine. */
void request_free(struct request *request);

/* Whether `streams` are those of a command with a terminal or without, as EXECCMD has them; for
 * RESTARTCONTAINER, whose command is known elsewhere. */
int request_check_streams(const struct exec_request *streams, bool terminal, struct error *error);

#endif
