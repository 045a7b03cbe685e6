#include "kernel/image.h"

#include "base/fs.h"
#include "base/memory.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Offsets in a bzImage, from boot.rst, "The Real-Mode Kernel Header". */
enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    BOOT_FLAG = 0x1fe,
    HEADER = 0x202,
    VERSION = 0x206,
    KERNEL_VERSION = 0x20e,
    LOADFLAGS = 0x211,
    XLOADFLAGS = 0x236,
    HEADER_END = 0x238,

    LOADED_HIGH = 1 << 0,
    XLF_KERNEL_64 = 1 << 0,
    PROTOCOL_2_12 = 0x020c, /* the first with xloadflags: Linux 3.8 */
    SECTOR = 512,
};

enum { PVH_NOTE = 18 }; /* XEN_ELFNOTE_PHYS32_ENTRY */

struct view {
    const uint8_t *bytes;
    size_t count;
};

static bool has(struct view view, size_t offset, const void *bytes, size_t count)
{
    return offset <= view.count && count <= view.count - offset &&
           memcmp(view.bytes + offset, bytes, count) == 0;
}

static uint16_t le16(const uint8_t *at)
{
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t le32(const uint8_t *at)
{
    return le16(at) | (uint32_t)le16(at + 2) << 16;
}

bool kernel_release_parse(const char *text, size_t count, char release[static KERNEL_RELEASE_SIZE])
{
    size_t length = 0;

    while (length < count && text[length] > ' ' && text[length] <= '~' && text[length] != '/')
        length++;
    if (length == count || length == 0 || length >= KERNEL_RELEASE_SIZE || text[0] == '.')
        return false;
    if (text[length] != ' ' && text[length] != '\0' && text[length] != '\n')
        return false;
    memcpy(release, text, length);
    release[length] = '\0';
    return true;
}

static int cut_short(uint64_t size, uint64_t expected, struct error *error)
{
    return error_set(error, EINVAL,
                     "it is cut short: %" PRIu64 " bytes of at least %" PRIu64
                     " that its header announces",
                     size, expected);
}

static int parse_bzimage(struct view head, uint64_t size, struct kernel_image *image,
                         struct error *error)
{
    const uint8_t *bytes = head.bytes;
    size_t setup_size, version;
    uint64_t expected;

    if (head.count < HEADER_END)
        return cut_short(size, HEADER_END, error);
    if (le16(bytes + VERSION) < PROTOCOL_2_12 || !(bytes[LOADFLAGS] & LOADED_HIGH))
        return error_set(error, ENOTSUP,
                         "it is a kernel of boot protocol %d.%02d, older than Linux 3.8",
                         bytes[VERSION + 1], bytes[VERSION]);
    if (!(le16(bytes + XLOADFLAGS) & XLF_KERNEL_64))
        return error_set(error, ENOTSUP, "it is a 32-bit x86 kernel; duet's guests are x86-64");
    /* boot.rst: "If this field contains 0, the real value is 4"; the boot sector comes on top. */
    setup_size = (size_t)SECTOR * ((bytes[SETUP_SECTS] ? bytes[SETUP_SECTS] : 4U) + 1);
    expected = setup_size + (uint64_t)le32(bytes + SYSSIZE) * 16;
    if (size < expected)
        return cut_short(size, expected, error);
    version = le16(bytes + KERNEL_VERSION);
    image->kind = KERNEL_IMAGE_BZIMAGE;
    if (version == 0 || version + 0x200 >= setup_size || version + 0x200 >= head.count)
        return 0;
    version += 0x200;
    if (!kernel_release_parse((const char *)bytes + version,
                              (setup_size < head.count ? setup_size : head.count) - version,
                              image->release))
        return error_set(error, EINVAL, "the kernel release in its header is not a release");
    return 0;
}

static int check_segments(struct view head, const Elf64_Ehdr *elf, uint64_t size,
                          struct kernel_image *image, struct error *error)
{
    uint64_t table = elf->e_phoff, bytes = (uint64_t)elf->e_phnum * sizeof(Elf64_Phdr);

    if (elf->e_phentsize != sizeof(Elf64_Phdr) || elf->e_phnum == 0)
        return error_set(error, EINVAL, "it is an ELF file without program headers");
    if (table > head.count || bytes > head.count - table)
        return error_set(error, EINVAL, "its program headers are not where a vmlinux has them");
    for (unsigned int i = 0; i < elf->e_phnum; i++) {
        Elf64_Phdr segment;

        memcpy(&segment, head.bytes + table + i * sizeof segment, sizeof segment);
        if (segment.p_type != PT_LOAD && segment.p_type != PT_NOTE)
            continue;
        if (segment.p_offset > size || segment.p_filesz > size - segment.p_offset)
            return error_set(
                error, EINVAL,
                "it is cut short: %" PRIu64 " bytes, and segment %u is outside of them", size, i);
        if (segment.p_type == PT_NOTE && image->notes_size == 0) {
            image->notes_offset = segment.p_offset;
            image->notes_size = segment.p_filesz;
        }
    }
    return 0;
}

static int parse_elf(struct view head, uint64_t size, struct kernel_image *image,
                     struct error *error)
{
    Elf64_Ehdr elf;

    if (head.count < sizeof elf)
        return cut_short(size, sizeof elf, error);
    memcpy(&elf, head.bytes, sizeof elf);
    if (elf.e_ident[EI_CLASS] != ELFCLASS64 || elf.e_ident[EI_DATA] != ELFDATA2LSB ||
        elf.e_machine != EM_X86_64)
        return error_set(error, ENOTSUP,
                         "it is an ELF file of %s bits for machine %u%s; duet's guests are x86-64 "
                         "(64 bits, machine %u)",
                         elf.e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32", elf.e_machine,
                         elf.e_machine == EM_AARCH64 ? " (aarch64)" : "", EM_X86_64);
    if (elf.e_type != ET_EXEC)
        return error_set(error, EINVAL, "it is an ELF %s, not a vmlinux",
                         elf.e_type == ET_REL   ? "object file (or kernel module)"
                         : elf.e_type == ET_DYN ? "program or shared library"
                                                : "file");
    image->kind = KERNEL_IMAGE_VMLINUX;
    return check_segments(head, &elf, size, image, error);
}

static bool looks_like_text(struct view head)
{
    static const char blanks[] = {'\t', '\n', '\r', '\f'};
    size_t limit = head.count < 512 ? head.count : 512;

    for (size_t i = 0; i < limit; i++)
        if (head.bytes[i] == 0x7f ||
            (head.bytes[i] < ' ' && !memchr(blanks, head.bytes[i], sizeof blanks)))
            return false;
    return true;
}

/* The usual mistakes, each called by its name. */
static int not_a_kernel(struct view head, uint64_t size, struct error *error)
{
    static const struct {
        size_t offset, count;
        const char *magic, *name;
    } known[] = {
        {0, 2, "\x1f\x8b", "a gzip file: unpack it first"},
        {0, 6, "\xfd\x37zXZ", "an xz file: unpack it first"},
        {0, 4, "\x28\xb5\x2f\xfd", "a zstd file: unpack it first"},
        {0, 4, "\x02\x21\x4c\x18", "an lz4 file: unpack it first"},
        {0, 3, "BZh", "a bzip2 file: unpack it first"},
        {257, 5, "ustar", "a tar archive: unpack it first"},
        {0, 6, "070701", "a cpio archive, as an initrd is"},
        {0, 4, "QFI\xfb", "a qcow2 disk image"},
    };

    if (size == 0)
        return error_set(error, EINVAL, "it is empty");
    if (has(head, 56, "ARM\x64", 4) || (has(head, 0, "MZ", 2) && has(head, 4, "zimg", 4)))
        return error_set(error, ENOTSUP, "it is a kernel for aarch64; duet's guests are x86-64");
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (has(head, known[i].offset, known[i].magic, known[i].count))
            return error_set(error, EINVAL, "it is %s; expected a bzImage or a vmlinux",
                             known[i].name);
    return error_set(error, EINVAL, "it is %s; expected a bzImage or a vmlinux",
                     looks_like_text(head) ? "a text file" : "not a kernel image");
}

int kernel_image_parse(const void *bytes, size_t count, uint64_t size, struct kernel_image *image,
                       struct error *error)
{
    struct view head = {bytes, count};
    struct kernel_image found = {0};
    int code;

    if (has(head, BOOT_FLAG, "\x55\xaa", 2) && has(head, HEADER, "HdrS", 4)) {
        code = parse_bzimage(head, size, &found, error);
    } else if (has(head, 0, ELFMAG, SELFMAG)) {
        code = parse_elf(head, size, &found, error);
    } else if (has(head, 0, "!<arch>\ndebian-binary", 21)) {
        found.kind = KERNEL_IMAGE_DEB;
        code = 0;
    } else {
        code = not_a_kernel(head, size, error);
    }
    if (code == 0)
        *image = found;
    return code;
}

bool kernel_notes_have_pvh(const void *notes, size_t count)
{
    const uint8_t *bytes = notes;
    size_t at = 0;

    while (count - at >= sizeof(Elf64_Nhdr)) {
        size_t name_size = le32(bytes + at), value_size = le32(bytes + at + 4);
        uint32_t type = le32(bytes + at + 8);
        size_t padded = ((name_size + 3) & ~(size_t)3) + ((value_size + 3) & ~(size_t)3);

        at += sizeof(Elf64_Nhdr);
        if (padded > count - at)
            return false;
        if (type == PVH_NOTE && name_size == 4 && memcmp(bytes + at, "Xen", 4) == 0)
            return true;
        at += padded;
    }
    return false;
}

/* linux_banner (init/version.c) is the one string of every kernel that names its release. */
static int find_release(int fd, char release[static KERNEL_RELEASE_SIZE], struct error *error)
{
    static const char banner[] = "Linux version ";
    enum { CHUNK = 1 << 20, OVERLAP = sizeof banner + KERNEL_RELEASE_SIZE };
    cleanup_free char *chunk = xmalloc(CHUNK);
    off_t offset = 0;
    ssize_t n;

    while ((n = pread(fd, chunk, CHUNK, offset)) > 0) {
        const char *end = chunk + n, *at = chunk;

        while ((at = memmem(at, (size_t)(end - at), banner, sizeof banner - 1))) {
            at += sizeof banner - 1;
            if (at < end && *at >= '0' && *at <= '9' &&
                kernel_release_parse(at, (size_t)(end - at), release))
                return 0;
        }
        if (n <= OVERLAP)
            break;
        offset += n - OVERLAP;
    }
    if (n < 0)
        return error_errno(error, "cannot read it");
    return error_set(error, EINVAL, "it is an ELF program without a \"%s\" in it, not a vmlinux",
                     banner);
}

static int read_vmlinux(int fd, struct kernel_image *image, struct error *error)
{
    size_t size = image->notes_size < KERNEL_NOTES_MAX ? image->notes_size : KERNEL_NOTES_MAX;
    cleanup_free char *notes = xmalloc(size + 1);
    int code = find_release(fd, image->release, error);
    ssize_t n;

    if (code < 0)
        return code;
    n = pread(fd, notes, size, (off_t)image->notes_offset);
    if (n < 0)
        return error_errno(error, "cannot read it");
    if (!kernel_notes_have_pvh(notes, (size_t)n))
        return error_set(error, EINVAL,
                         "this vmlinux was built without CONFIG_PVH, by which QEMU starts one: use "
                         "its bzImage, or build it with CONFIG_PVH=y");
    return 0;
}

static int read_open(int fd, struct kernel_image *image, struct error *error)
{
    cleanup_free char *head = xmalloc(KERNEL_IMAGE_HEAD);
    struct kernel_image found;
    struct stat info;
    size_t count = 0;
    ssize_t n = 0;
    int code;

    if (fstat(fd, &info) < 0)
        return error_errno(error, "cannot look at it");
    if (!S_ISREG(info.st_mode))
        return error_set(error, EINVAL, "it is %s, not a file",
                         S_ISDIR(info.st_mode) ? "a directory" : "a device, socket or pipe");
    do {
        count += (size_t)n;
        n = pread(fd, head + count, KERNEL_IMAGE_HEAD - count, (off_t)count);
    } while (n > 0);
    if (n < 0)
        return error_errno(error, "cannot read it");
    code = kernel_image_parse(head, count, (uint64_t)info.st_size, &found, error);
    if (code == 0 && found.kind == KERNEL_IMAGE_VMLINUX)
        code = read_vmlinux(fd, &found, error);
    if (code == 0)
        *image = found;
    return code;
}

int kernel_image_read(const char *path, struct kernel_image *image, struct error *error)
{
    /* O_NONBLOCK: a FIFO must be an error, not a wait for its writer. */
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int code;

    if (fd < 0)
        return error_errno(error, "cannot open %s", path);
    code = read_open(fd, image, error);
    return code < 0 ? error_context(error, "%s is no kernel that duet can start", path) : 0;
}
