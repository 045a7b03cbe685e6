/* The part of requests that says what to run. Pure. */
#ifndef DUET_INIT_REQUEST_EXEC_H
#define DUET_INIT_REQUEST_EXEC_H

#include "initrd/init/request.h"

#include <jansson.h>

/* All of EXECCMD's fields but `id` and `container`; what is in `json` beside is somebody else's.
 * On failure `exec` holds what came before. Either way the caller calls request_exec_free. */
int request_exec_parse(json_t *json, struct exec_request *exec, struct error *error);
/* The streams alone, without a look at a terminal. */
int request_exec_parse_streams(const json_t *json, struct exec_request *exec, struct error *error);
void request_exec_free(struct exec_request *exec);

#endif
