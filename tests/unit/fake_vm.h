/* A machine without QEMU: this file defines the functions of vm/vm.h that the runner calls, in the
 * place of vm/machine.c, and the test plays libvirt and the guest. Include it in one file of a
 * program. */
#ifndef DUET_TESTS_FAKE_VM_H
#define DUET_TESTS_FAKE_VM_H

#include "base/memory.h"
#include "vm/vm.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { FAKE_MACHINES_MAX = 32, FAKE_REQUESTS_MAX = 1024 };

struct fake_request {
    uint32_t code;
    cJSON *json;
};

struct vm {
    struct vm_host *host;
    char *name;
    struct vm_snapshot *saves_to; /* the spec's, as the next */
    const struct vm_snapshot *fork_of;
    struct vm_calls calls;
    void *context;
    struct ring ring;
    struct fake_request requests[FAKE_REQUESTS_MAX]; /* what was sent to the guest */
    size_t request_count;
    size_t seen;                                             /* of these, by next_request */
    void (*saved)(void *context, const struct error *error); /* of vm_save; NULL: not asked */
    int stops;                                               /* how often vm_stop was called */
    int send_code;                                           /* what vm_send returns; 0 */
    uint64_t cpu_ms;                                         /* what vm_cpu_ms returns */
    size_t io_bytes;                                         /* that were sent on io */
    struct buffer io;                                        /* the frames of these */
    size_t io_seen;                                          /* of its bytes, by the test */
    struct buffer typed;                                     /* what vm_type was given */
    size_t waiting;                                          /* what vm_waiting returns */
    void (*drained)(void *context);                          /* vm_on_drained */
    void *drained_context;
    char *debug_path; /* of the last vm_debug, or NULL */
    size_t pauses;    /* how often vm_pause was called */
    size_t resets;    /* how often vm_reset was called */
    vm_done_fn done;  /* of a vm_pause, vm_debug or vm_reset that was not answered; or NULL */
    void *done_context;
    const char *log_failure; /* of the console's log */
    struct vm_gone gone;
};

struct vm_host {
    struct vm *machines[FAKE_MACHINES_MAX]; /* in the order of their start; until vm_free */
    size_t count;
    int start_code; /* what vm_start returns; 0 */
    char *log_path; /* what vm_log_path returns a copy of */
    /* Where not NULL: called for each request, and for a stop with `request` NULL. */
    void (*on_request)(void *context, struct vm *vm, const struct fake_request *request);
    void (*on_start)(void *context, struct vm *vm);
    void *context;
};

/* -- What the runner calls --------------------------------------------------------------------- */

int vm_start(struct vm_host *host, const struct vm_spec *spec, const char *console_log,
             const struct vm_calls *calls, void *context, struct vm **out, struct error *error)
{
    struct vm *vm;

    assert_non_null(console_log);
    if (host->start_code < 0)
        return error_set(error, -host->start_code, "no such luck");
    assert_true(host->count < FAKE_MACHINES_MAX);
    vm = xcalloc(1, sizeof *vm);
    *vm = (struct vm){.host = host, .calls = *calls, .context = context, .gone.status = -1};
    vm->name = xstrdup(spec->name);
    vm->saves_to = spec->saves_to;
    vm->fork_of = spec->fork_of;
    ring_init(&vm->ring, 1 << 16);
    host->machines[host->count++] = vm;
    *out = vm;
    if (host->on_start)
        host->on_start(host->context, vm);
    return 0;
}

/* The test answers by calling vm->saved. */
void vm_save(struct vm *vm, void (*saved)(void *context, const struct error *error))
{
    vm->saved = saved;
}

void vm_stop(struct vm *vm)
{
    vm->stops++;
    if (vm->host->on_request)
        vm->host->on_request(vm->host->context, vm, NULL);
}

void vm_free(struct vm *vm)
{
    if (!vm)
        return;
    for (size_t i = 0; i < vm->request_count; i++)
        cJSON_Delete(vm->requests[i].json);
    for (size_t i = 0; i < vm->host->count; i++)
        if (vm->host->machines[i] == vm)
            vm->host->machines[i] = NULL;
    ring_free(&vm->ring);
    buffer_free(&vm->io);
    buffer_free(&vm->typed);
    free(vm->debug_path);
    free(vm->name);
    free(vm);
}

uint64_t vm_cpu_ms(const struct vm *vm)
{
    return vm->cpu_ms;
}

int vm_send(struct vm *vm, uint32_t code, const void *payload, size_t count, struct error *error)
{
    struct fake_request *request;

    if (vm->send_code < 0)
        return error_set(error, -vm->send_code, "the guest cannot be told");
    assert_true(vm->request_count < FAKE_REQUESTS_MAX);
    request = &vm->requests[vm->request_count++];
    request->code = code;
    request->json = cJSON_ParseWithLength(payload, count);
    assert_non_null(request->json);
    if (vm->host->on_request)
        vm->host->on_request(vm->host->context, vm, request);
    return 0;
}

int vm_send_io(struct vm *vm, uint64_t stream, const void *bytes, size_t count, struct error *error)
{
    vm->io_bytes += count;
    if (vm->send_code < 0)
        return error_set(error, -vm->send_code, "the guest cannot be told");
    return wire_io_write(&vm->io, stream, bytes, count, error);
}

size_t vm_waiting(const struct vm *vm)
{
    return vm->waiting;
}

void vm_on_drained(struct vm *vm, void (*drained)(void *context), void *context)
{
    vm->drained = drained;
    vm->drained_context = context;
}

int vm_type(struct vm *vm, const void *bytes, size_t count, struct error *error)
{
    if (vm->send_code < 0)
        return error_set(error, -vm->send_code, "the guest cannot be told");
    buffer_append(&vm->typed, bytes, count);
    return 0;
}

pid_t vm_pid(const struct vm *vm)
{
    return vm->gone.pid;
}

/* The test answers with fake_done. */
static inline void fake_ask(struct vm *vm, vm_done_fn done, void *context)
{
    assert_null(vm->done);
    vm->done = done;
    vm->done_context = context;
}

void vm_reset(struct vm *vm, vm_done_fn done, void *context)
{
    vm->resets++;
    fake_ask(vm, done, context);
}

void vm_pause(struct vm *vm, vm_done_fn done, void *context)
{
    vm->pauses++;
    fake_ask(vm, done, context);
}

void vm_debug(struct vm *vm, const char *path, vm_done_fn done, void *context)
{
    free(vm->debug_path);
    vm->debug_path = xstrdup(path);
    fake_ask(vm, done, context);
}

void vm_console_state(const struct vm *vm, struct vm_console_state *state)
{
    *state = (struct vm_console_state){.ring = &vm->ring,
                                       .bytes = vm->ring.written,
                                       .log_bytes_lost = vm->log_failure ? 3 : 0,
                                       .log_error = vm->log_failure};
}

char *vm_log_path(const struct vm *vm)
{
    return vm->host->log_path ? xstrdup(vm->host->log_path) : NULL;
}

/* -- What the test lets happen ----------------------------------------------------------------- */

/* The guest sends a ctl frame with this payload. */
__attribute__((format(printf, 3, 4))) static inline void
guest_says(struct vm *vm, enum wire_code code, const char *format, ...)
{
    va_list args;
    char *text;
    int length;

    va_start(args, format);
    length = vasprintf(&text, format, args);
    va_end(args);
    assert_true(length >= 0);
    vm->calls.ctl(
        vm->context,
        &(struct wire_ctl){.code = code, .payload = text, .payload_length = (size_t)length});
    free(text);
}

static inline void guest_is_ready(struct vm *vm)
{
    guest_says(vm, WIRE_READY,
               "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1500,\"clock_ns\":1}");
}

/* Likewise; it says what its kernel has measured of what wakes it. */
static inline void guest_is_ready_with(struct vm *vm, const char *tick_device, unsigned hz)
{
    guest_says(vm, WIRE_READY,
               "{\"version\":2,\"kernel\":\"6.1\",\"uptime_ms\":1500,\"clock_ns\":1,"
               "\"tick_device\":\"%s\",\"tick_hz\":%u}",
               tick_device, hz);
}

static inline void guest_acks(struct vm *vm, enum wire_code request, uint64_t id)
{
    if (request == WIRE_PING)
        guest_says(vm, WIRE_ACK, "{\"code\":12,\"id\":%llu,\"clock_ns\":%llu}",
                   (unsigned long long)id, (unsigned long long)clock_ns());
    else
        guest_says(vm, WIRE_ACK, "{\"code\":%u,\"id\":%llu}", (unsigned)request,
                   (unsigned long long)id);
}

static inline void guest_writes(struct vm *vm, uint64_t stream, const char *text)
{
    vm->calls.io(vm->context,
                 &(struct wire_io){.stream = stream, .data = text, .length = strlen(text)});
}

/* The exit status, behind the end of standard output. */
static inline void guest_writes_status(struct vm *vm, uint64_t stream, char status)
{
    vm->calls.io(vm->context, &(struct wire_io){.stream = stream, .data = &status, .length = 1});
}

/* `status` is that of wait(1)'s user: 128 + `signal` where there was one. */
static inline void guest_finished(struct vm *vm, uint64_t id, int status, int signal,
                                  size_t stdout_bytes)
{
    guest_says(vm, WIRE_CMDFINISHED,
               "{\"id\":%llu,\"status\":%d,\"signal\":%d,\"timed_out\":false,\"duration_ms\":20,"
               "\"stdout_bytes\":%zu,\"stderr_bytes\":0}",
               (unsigned long long)id, status, signal, stdout_bytes);
}

static inline void guest_prints(struct vm *vm, const char *text)
{
    ring_write(&vm->ring, text, strlen(text));
    vm->calls.console(vm->context, text, strlen(text));
}

static inline void machine_starts(struct vm *vm)
{
    vm->gone.pid = 4711;
    vm->calls.started(vm->context);
}

static inline void machine_ends(struct vm *vm, enum vm_end end, int status, int signal)
{
    vm->gone.end = end;
    vm->gone.status = status;
    vm->gone.signal = signal;
    vm->calls.gone(vm->context, &vm->gone);
}

/* NULL: it went well. */
static inline void fake_done(struct vm *vm, const struct error *error)
{
    assert_non_null(vm->done);
    steal_pointer (&vm->done)(vm->done_context, error);
}

/* -- What the test looks at -------------------------------------------------------------------- */

/* The oldest request, pings aside, that was not looked at yet; NULL where there is none. */
static inline const struct fake_request *next_request(struct vm *vm)
{
    while (vm->seen < vm->request_count) {
        const struct fake_request *request = &vm->requests[vm->seen++];

        if (request->code != WIRE_PING)
            return request;
    }
    return NULL;
}

static inline double request_number(const struct fake_request *request, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->json, key);

    assert_true(cJSON_IsNumber(item));
    return item->valuedouble;
}

static inline const char *request_text(const struct fake_request *request, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(request->json, key);

    assert_true(cJSON_IsString(item));
    return item->valuestring;
}

/* Answers the newest ping, as a guest does that lives; nothing where there was none. */
static inline void guest_answers_ping(struct vm *vm)
{
    for (size_t i = vm->request_count; i-- > 0;)
        if (vm->requests[i].code == WIRE_PING) {
            guest_acks(vm, WIRE_PING, (uint64_t)request_number(&vm->requests[i], "id"));
            return;
        }
}

static inline uint64_t request_id(const struct fake_request *request)
{
    return (uint64_t)request_number(request, "id");
}

#endif
