/* What the host asks for on the ctl port, decoded and checked. Pure. */
#ifndef DUET_INIT_REQUEST_H
#define DUET_INIT_REQUEST_H

#include "base/error.h"
#include "initrd/init/pod.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum ready_kind { READY_NONE, READY_TCP, READY_UDP, READY_PATH, READY_OUTPUT, READY_COMMAND };

struct exec_request {
    char *name;  /* for messages */
    char **argv; /* at least one; ends with NULL */
    char **env;  /* KEY=VALUE, over the base environment; ends with NULL */
    char *cwd;   /* absolute */
    uint64_t stdout_stream;
    uint64_t stderr_stream;
    uint64_t timeout_ms; /* 0: none */
    bool background;
    enum ready_kind ready;
    uint16_t ready_port; /* READY_TCP, READY_UDP */
    char *ready_text;    /* READY_PATH, READY_OUTPUT, READY_COMMAND */
};

struct request {
    uint32_t code; /* enum wire_code */
    uint64_t id;
    struct pod pod;           /* WIRE_STARTPOD */
    struct exec_request exec; /* WIRE_EXECCMD */
    uint64_t target;          /* WIRE_KILLCONTAINER: id of the command */
    int signal;               /* WIRE_KILLCONTAINER */
};

/* Decodes the payload of a ctl frame. The caller frees *request with request_free. `*id` is the
 * request's id, also on failure where one could be read, else 0. EINVAL for what is not a request:
 * broken JSON, an unknown code, and a field that is unknown, missing or of another type. */
int request_parse(uint32_t code, const void *payload, size_t length, uint64_t *id,
                  struct request **request, struct error *error);
/* NULL is fine. */
void request_free(struct request *request);

#endif
