/* The domain's XML: a microvm with a serial console, two virtio-serial ports, an entropy source and
 * its links, and nothing else. */
#include "vm/vm.h"

#include "base/memory.h"
#include "vm/snapshot.h"

#include <inttypes.h>

const char *vm_accel_name(enum vm_accel accel)
{
    return accel == VM_ACCEL_KVM ? "kvm" : "tcg";
}

/* XML 1.0, sections 2.4 and 3.3.3: in an attribute a bare newline or tab would become a blank. */
static void append_escaped(struct buffer *xml, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buffer_append_text(xml, "&amp;");
            break;
        case '<':
            buffer_append_text(xml, "&lt;");
            break;
        case '>':
            buffer_append_text(xml, "&gt;");
            break;
        case '\'':
            buffer_append_text(xml, "&apos;");
            break;
        case '"':
            buffer_append_text(xml, "&quot;");
            break;
        case '\t':
        case '\n':
        case '\r':
            buffer_printf(xml, "&#%d;", *text);
            break;
        default:
            buffer_append(xml, text, 1);
        }
    }
}

static void append_element(struct buffer *xml, const char *name, const char *text)
{
    buffer_printf(xml, "<%s>", name);
    append_escaped(xml, text);
    buffer_printf(xml, "</%s>\n", name);
}

static void append_boot(struct buffer *xml, const struct vm_spec *spec)
{
    buffer_append_text(xml, "<os><type arch='x86_64' machine='microvm'>hvm</type>\n");
    append_element(xml, "kernel", spec->kernel);
    append_element(xml, "initrd", spec->initrd);
    append_element(xml, "cmdline", spec->cmdline);
    buffer_append_text(xml, "</os>\n");
}

/* Under TCG -cpu max has la57, and five levels of page tables make every TLB miss dearer; and erms,
 * for which kernels copy and clear by the byte instead of by eight, each an instruction to emulate.
 */
static void append_cpu(struct buffer *xml, enum vm_accel accel)
{
    if (accel == VM_ACCEL_KVM)
        buffer_append_text(xml, "<cpu mode='host-passthrough'/>\n");
    else
        buffer_append_text(xml, "<cpu mode='maximum'><feature policy='disable' name='la57'/>"
                                "<feature policy='disable' name='erms'/></cpu>\n");
}

static void append_socket(struct buffer *xml, const char *path)
{
    buffer_append_text(xml, "<source mode='connect' path='");
    append_escaped(xml, path);
    buffer_append_text(xml, "'/>");
}

static void append_port(struct buffer *xml, const char *name, const char *path)
{
    buffer_append_text(xml, "<channel type='unix'>");
    append_socket(xml, path);
    buffer_printf(xml, "<target type='virtio' name='%s'/></channel>\n", name);
}

static void append_devices(struct buffer *xml, const struct vm_spec *spec)
{
    buffer_append_text(xml, "<devices>\n");
    append_element(xml, "emulator", spec->emulator);
    buffer_append_text(xml, "<controller type='usb' model='none'/>\n"
                            "<controller type='virtio-serial' index='0'>"
                            "<address type='virtio-mmio'/></controller>\n"
                            "<serial type='unix'>");
    append_socket(xml, spec->console_path);
    buffer_append_text(xml, "<target type='isa-serial' port='0'/></serial>\n");
    append_port(xml, WIRE_CTL_PORT, spec->ctl_path);
    append_port(xml, WIRE_IO_PORT, spec->io_path);
    if (spec->raw_path)
        append_port(xml, VM_RAW_PORT, spec->raw_path);
    buffer_append_text(xml, "<rng model='virtio'><backend model='random'>/dev/urandom</backend>"
                            "<address type='virtio-mmio'/></rng>\n"
                            "<memballoon model='none'/>\n"
                            "</devices>\n");
}

static void append_argument(struct buffer *xml, const char *argument)
{
    buffer_append_text(xml, "<qemu:arg value='");
    append_escaped(xml, argument);
    buffer_append_text(xml, "'/>\n");
}

/* libvirt 9 has no stream sockets for interfaces, and the device must stand beside its netdev. In
 * QEMU's option syntax a comma inside a value is written twice. */
static void append_nic(struct buffer *xml, const struct vm_nic *nic, size_t index)
{
    cleanup_buffer struct buffer netdev = {0};
    cleanup_buffer struct buffer device = {0};

    if (nic->socket_path)
        buffer_printf(&netdev, "stream,id=link%zu,server=%s,addr.type=unix,addr.path=", index,
                      nic->server ? "on" : "off");
    else
        buffer_printf(&netdev, "hubport,id=link%zu,hubid=%zu", index, index);
    for (const char *at = nic->socket_path ? nic->socket_path : ""; *at; at++)
        buffer_append(&netdev, *at == ',' ? ",," : at, *at == ',' ? 2 : 1);
    buffer_printf(&device, "virtio-net-device,netdev=link%zu,mac=%s", index, nic->mac);
    append_argument(xml, "-netdev");
    append_argument(xml, netdev.data);
    append_argument(xml, "-device");
    append_argument(xml, device.data);
}

/* A template writes its RAM into the snapshot's file, a fork keeps what it writes to itself. The
 * later -machine is merged into libvirt's own, whose RAM is then never touched. */
static void append_ram(struct buffer *xml, const struct vm_spec *spec)
{
    const struct vm_snapshot *snapshot = spec->fork_of ? spec->fork_of : spec->saves_to;
    cleanup_buffer struct buffer object = {0};
    char path[SNAPSHOT_PATH_SIZE];

    if (!snapshot)
        return;
    snapshot_fd_path(snapshot->ram, path);
    buffer_printf(&object, "memory-backend-file,id=ram,size=%" PRIu64 ",mem-path=%s,share=%s",
                  spec->memory_bytes, path, spec->fork_of ? "off" : "on");
    append_argument(xml, "-object");
    append_argument(xml, object.data);
    append_argument(xml, "-machine");
    append_argument(xml, "memory-backend=ram");
    if (spec->fork_of) {
        append_argument(xml, "-incoming");
        append_argument(xml, "defer");
    }
}

/* With "cpu-unavailable-features" libvirt asks QEMU for each of some 400 features of the CPU, one
 * after the other, at each start, and that is three quarters of the time that a start takes. */
static void append_qemu_namespace(struct buffer *xml, const struct vm_spec *spec)
{
    buffer_append_text(xml, "<qemu:commandline>");
    for (size_t i = 0; i < spec->nic_count; i++)
        append_nic(xml, &spec->nics[i], i);
    append_ram(xml, spec);
    buffer_append_text(xml, "</qemu:commandline>\n"
                            "<qemu:capabilities>"
                            "<qemu:del capability='cpu-unavailable-features'/>"
                            "</qemu:capabilities>\n");
}

char *vm_domain_xml(const struct vm_spec *spec)
{
    struct buffer xml = {0};

    buffer_printf(&xml,
                  "<domain type='%s' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>\n",
                  spec->accel == VM_ACCEL_KVM ? "kvm" : "qemu");
    append_element(&xml, "name", spec->name);
    buffer_printf(&xml, "<memory unit='b'>%" PRIu64 "</memory>\n<vcpu>%u</vcpu>\n",
                  spec->memory_bytes, spec->cpus);
    append_boot(&xml, spec);
    /* With ACPI QEMU describes the virtio-mmio devices there, without it on the command line. */
    if (!spec->no_acpi)
        buffer_append_text(&xml, "<features><acpi/></features>\n");
    append_cpu(&xml, spec->accel);
    buffer_append_text(&xml, "<clock offset='utc'/>\n"
                             "<on_poweroff>destroy</on_poweroff>\n"
                             "<on_reboot>destroy</on_reboot>\n"
                             "<on_crash>destroy</on_crash>\n");
    append_devices(&xml, spec);
    append_qemu_namespace(&xml, spec);
    buffer_append_text(&xml, "</domain>\n");
    return buffer_steal(&xml);
}
