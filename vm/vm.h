/* vm: microVMs through libvirt's QEMU driver, their consoles, links and control channels.
 *
 * A host (struct vm_host) is one libvirt connection with its event thread and some worker threads
 * for the calls that block. Machines (struct vm) belong to a host. Everything a machine has to say
 * comes as a callback on the event loop's thread, in this order: started; then console, ctl and io
 * in any number; then gone, once, after the last byte of the console was delivered.
 *
 * Nothing that a guest sends can block duet or be blocked by it: sockets are read as they fill, the
 * console goes to a bounded ring, a frame that lies ends the channel and is reported. */
#ifndef DUET_VM_H
#define DUET_VM_H

#include "base/error.h"
#include "base/loop.h"
#include "base/ring.h"
#include "base/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum vm_accel { VM_ACCEL_KVM, VM_ACCEL_TCG };
const char *vm_accel_name(enum vm_accel accel);

/* -- The host ---------------------------------------------------------------------------------- */

struct vm_host;

struct vm_host_options {
    const char *connect;     /* libvirt URI; NULL: an embedded driver of this process's own */
    const char *runtime_dir; /* a short path of this run's own, mode 0700 (unix(7): 107 bytes) */
    const char *cache_dir;   /* the embedded driver keeps its capability cache below it */
    bool debug;              /* <runtime_dir>/libvirt.log gets all that libvirt does */
};

/* Connects. With the embedded driver the process becomes a child subreaper (prctl(2)) so that each
 * QEMU is reaped the moment it ends; SIGCHLD is taken over through `loop`. Call it from the loop's
 * thread before other threads are made. */
int vm_host_open(struct loop *loop, const struct vm_host_options *options, struct vm_host **host,
                 struct error *error);
/* Every machine must be gone and freed. NULL is fine. */
void vm_host_close(struct vm_host *host);
/* As libvirt reports them, "9.0.0" and "7.2.22"; the latter is empty where the driver cannot tell.
 * Each buffer takes at least 32 bytes. The first call of a cache directory has libvirt start every
 * QEMU of the machine to learn what it can do, which takes seconds: call it from another thread
 * while the loop runs, since the loop reaps these. */
void vm_host_versions(struct vm_host *host, char *libvirt, char *qemu);
/* QEMU's program for x86_64 guests, or NULL where there is none. The caller frees it. */
char *vm_emulator(void);

/* -- What a machine is ------------------------------------------------------------------------- */

/* One virtio-net device on a stream socket (qemu(1), -netdev stream), which joins it to its peer or
 * to duet (vm/carrier.h). The side that serves must be there before one that connects is asked for.
 */
struct vm_nic {
    char mac[18];      /* of a fork: its template's; the guest gives the interface another */
    char *socket_path; /* NULL: joined to nothing */
    bool server;
};

/* The RAM of a stopped machine and the state of its devices, from which others go on (forks). Both
 * are files without a name: nothing is left of them however this process ends. */
struct vm_snapshot;

/* RAM of `memory_bytes`, in memory (memfd_create(2)) or, where `directory` is not NULL, on its disk
 * with all of it reserved. It is empty until a machine has run in it and was saved. */
int vm_snapshot_new(uint64_t memory_bytes, const char *directory, struct vm_snapshot **snapshot,
                    struct error *error);
/* Machines that run from it go on. NULL is fine. */
void vm_snapshot_free(struct vm_snapshot *snapshot);
/* Writes a snapshot that was saved into a directory of its own, whole or not at all: `ram` (with
 * holes where there are zeros), `state`, and `digest` of both. EEXIST where `directory` is. */
int vm_snapshot_store(const struct vm_snapshot *snapshot, const char *directory,
                      struct error *error);
/* Copies one, out of reach of who writes to the files, with its RAM where vm_snapshot_new has it.
 * EBADMSG for files that are not what was stored or not of `memory_bytes`; ENOENT. */
int vm_snapshot_load(const char *directory, uint64_t memory_bytes, const char *ram_directory,
                     struct vm_snapshot **snapshot, struct error *error);

struct vm_spec {
    const char *name;     /* unique in the host; at most 40 characters of [a-z0-9-] */
    const char *emulator; /* path of qemu-system-x86_64 */
    const char *kernel, *initrd, *cmdline;
    bool no_acpi; /* the kernel has none, and learns of its devices from its command line */
    enum vm_accel accel;
    uint64_t memory_bytes;
    unsigned int cpus;
    const struct vm_nic *nics;
    size_t nic_count;
    const char *console_path, *ctl_path, *io_path; /* unix sockets that duet listens on */
    /* One more port, duet.raw, on a unix socket that the caller listens on: for who wants to know
     * what a port does without the guest's agent. NULL: there is none. */
    const char *raw_path;
    struct vm_snapshot *saves_to; /* has the RAM of this machine, for vm_save; or NULL */
    /* Goes on where that machine was saved, instead of booting; or NULL. All else must be as it was
     * there, but for names, sockets and what the links lead to. To outlive `started`. */
    const struct vm_snapshot *fork_of;
};

#define VM_RAW_PORT "duet.raw"

/* Bytes that QEMU may add to the command line of a kernel without ACPI for one device:
 * " virtio_mmio.device=512@0xfeb00e00:12". A machine has one for each NIC and VM_OWN_DEVICES. */
enum { VM_DEVICE_WORD_MAX = 40, VM_OWN_DEVICES = 2 };
/* Without ACPI there is one IOAPIC, and with it 8 virtio-mmio devices (hw/i386/microvm.c). */
enum { VM_NICS_WITHOUT_ACPI = 8 - VM_OWN_DEVICES };

/* The domain's XML. The caller frees it. */
char *vm_domain_xml(const struct vm_spec *spec);

/* What the kernel must be told so that it boots the same way each time on this accelerator; ends
 * with a space. `tsc_khz` is the host's true TSC frequency (vm_tsc_khz), 0 where unknown. */
void vm_cmdline_base(enum vm_accel accel, uint64_t tsc_khz, struct buffer *cmdline);
/* Measures the host's TSC against CLOCK_MONOTONIC_RAW, to 100 kHz, so that it is the same each
 * time; 0 without a TSC. Takes 20 ms. */
uint64_t vm_tsc_khz(void);

/* -- A machine's life -------------------------------------------------------------------------- */

enum vm_end {
    VM_END_POWEROFF,     /* the guest powered off, rebooted or panicked with panic=-1 */
    VM_END_STOPPED,      /* vm_stop */
    VM_END_DIED,         /* QEMU ended or was killed, and neither the guest nor duet asked for it */
    VM_END_START_FAILED, /* it never ran, or a fork did not go on; `message` says why */
};

struct vm_gone {
    enum vm_end end;
    pid_t pid;     /* 0 where it is not known */
    int status;    /* QEMU's exit status, or -1 */
    int signal;    /* the signal that ended QEMU, or 0 */
    char *message; /* for VM_END_START_FAILED; belongs to the machine */
};

struct vm_calls {
    void (*started)(void *context);
    void (*console)(void *context, const char *bytes, size_t count);
    void (*ctl)(void *context, const struct wire_ctl *frame);
    void (*io)(void *context, const struct wire_io *frame);
    /* The guest sent what is no frame; the port is closed and nothing more comes from it. */
    void (*lied)(void *context, const char *message);
    void (*gone)(void *context, const struct vm_gone *gone);
};

struct vm;

/* Listens on the spec's sockets and asks for the machine; `started` or `gone` follows. What `spec`
 * points to is copied. `console_log` is where the whole console goes as gzip; NULL: nowhere. */
int vm_start(struct vm_host *host, const struct vm_spec *spec, const char *console_log,
             const struct vm_calls *calls, void *context, struct vm **vm, struct error *error);
/* Stops the guest of a machine that was started with `saves_to` and saves its devices there;
 * `saved` follows, before `gone`, with what went wrong or NULL. The machine does not run again:
 * stop it, and after `gone` the snapshot can be forked from. Once. */
void vm_save(struct vm *vm, void (*saved)(void *context, const struct error *error));
/* How it went; NULL: well. ESRCH where the machine does not run. Once, from the loop, unless
 * libvirt hangs or the loop ends before, and whatever becomes of the machine. */
typedef void (*vm_done_fn)(void *context, const struct error *error);

/* Resets the machine, once it has started: its guest boots anew, and its console, ports and links
 * stay connected. EOPNOTSUPP where QEMU cannot, and then nothing has changed. */
void vm_reset(struct vm *vm, vm_done_fn done, void *context);
/* Kills QEMU; `gone` follows. Any number of times, at any moment. */
void vm_stop(struct vm *vm);
/* After `gone`. NULL is fine. */
void vm_free(struct vm *vm);

/* QEMU's process while it runs; 0 where it does not, or is not known. */
pid_t vm_pid(const struct vm *vm);
/* CPU time that QEMU has used, in ms; 0 where it is not known. */
uint64_t vm_cpu_ms(const struct vm *vm);
/* Each queues a frame. Errors: EPIPE after the port closed, EMSGSIZE, ENOBUFS where the guest does
 * not read. */
int vm_send(struct vm *vm, uint32_t code, const void *payload, size_t count, struct error *error);
int vm_send_io(struct vm *vm, uint64_t stream, const void *bytes, size_t count,
               struct error *error);

/* Bytes of ctl or of io, whichever are more, that wait until the guest reads. */
size_t vm_waiting(const struct vm *vm);
/* Has `drained` called whenever nothing of one of them waits any more; NULL ends it. */
void vm_on_drained(struct vm *vm, void (*drained)(void *context), void *context);
/* Sends bytes to the serial console. Errors as vm_send. */
int vm_type(struct vm *vm, const void *bytes, size_t count, struct error *error);

/* -- For a person who looks at a machine ------------------------------------------------------- */

/* Stops the guest's CPUs; lets them go on. */
void vm_pause(struct vm *vm, vm_done_fn done, void *context);
void vm_resume(struct vm *vm, vm_done_fn done, void *context);
/* Has QEMU's gdb stub listen on the unix socket `path`, until the machine is gone. A gdb that
 * connects stops the guest. */
void vm_debug(struct vm *vm, const char *path, vm_done_fn done, void *context);

struct vm_console_state {
    const struct ring *ring; /* the newest bytes */
    uint64_t bytes;          /* all that came */
    uint64_t log_bytes_lost; /* not in the log: over its limit, or the disk refused them */
    const char *log_error;   /* why, or NULL */
};
void vm_console_state(const struct vm *vm, struct vm_console_state *state);
/* QEMU's own log with the embedded driver. The caller frees it; NULL for another libvirt. */
char *vm_log_path(const struct vm *vm);

/* -- Does KVM start a guest? ------------------------------------------------------------------- */

struct vm_probe {
    bool kvm;         /* KVM truly starts a guest */
    bool remembered;  /* the answer is of an earlier probe in this boot of the host */
    char reason[256]; /* for the user: why not KVM, or what was seen */
};

/* Boots `kernel` with `initrd` under KVM, without libvirt, until its console shows `ready_token`.
 * No byte within 3 s, none for 4 s after one, or no token within 60 s means that no guest starts.
 * The answer is kept in `cache_dir` for this boot of the host, this QEMU and this kernel; a file
 * below `runtime_dir` is named on QEMU's command line, so that whoever sweeps that directory finds
 * it. Fails only where duet itself cannot look. `loop` is run meanwhile; `interrupted`, where not
 * NULL, ends the probe with EINTR when it becomes true and the loop is stopped. */
struct vm_probe_options {
    const char *kvm_device; /* NULL: /dev/kvm */
    const char *cache_dir, *runtime_dir;
    const char *emulator, *kernel, *kernel_digest, *initrd;
    bool no_acpi; /* of the kernel, as in struct vm_spec */
    const char *ready_token;
    bool doubt_no; /* asks again where the answer that is kept is no */
    const bool *interrupted;
};
int vm_probe_kvm(struct loop *loop, const struct vm_probe_options *options, struct vm_probe *probe,
                 struct error *error);

#endif
