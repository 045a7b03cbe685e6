#include "initrd/elf_object.h"

#include "base/memory.h"

#include <errno.h>
#include <gelf.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__x86_64__)
static const uint16_t guest_machine = EM_X86_64;
#else
static const uint16_t guest_machine = EM_AARCH64;
#endif

enum { STRINGS_MAX = 64 << 20, DYNAMIC_MAX = 1 << 20 };

static const struct {
    uint16_t machine;
    const char *name;
} machines[] = {
    {EM_386, "i386"},        {EM_X86_64, "x86_64"},   {EM_ARM, "arm"},
    {EM_AARCH64, "aarch64"}, {EM_RISCV, "riscv"},     {EM_LOONGARCH, "loongarch"},
    {EM_PPC, "powerpc"},     {EM_PPC64, "powerpc64"}, {EM_MIPS, "mips"},
    {EM_S390, "s390"},       {EM_SPARCV9, "sparc64"}, {EM_BPF, "bpf"},
};

static void end_elf(Elf **elf)
{
    elf_end(*elf);
}

#define cleanup_elf __attribute__((cleanup(end_elf)))

static int damaged(struct error *error, const char *what)
{
    return error_set(error, ENOEXEC, "damaged ELF file: %s", what);
}

/* The file offset of what is loaded at `address`; false where nothing of the file is. */
static bool offset_of(Elf *elf, size_t headers, uint64_t address, uint64_t *offset)
{
    for (size_t i = 0; i < headers; i++) {
        GElf_Phdr header;

        if (gelf_getphdr(elf, (int)i, &header) && header.p_type == PT_LOAD &&
            address >= header.p_vaddr && address - header.p_vaddr < header.p_filesz &&
            !__builtin_add_overflow(header.p_offset, address - header.p_vaddr, offset))
            return true;
    }
    return false;
}

/* The dynamic section's string table, or no bytes. */
struct strings {
    const char *bytes;
    size_t size;
};

static const char *string_at(const struct strings *strings, uint64_t at)
{
    if (at >= strings->size || !memchr(strings->bytes + at, '\0', strings->size - at) ||
        strnlen(strings->bytes + at, PATH_MAX) >= PATH_MAX)
        return NULL;
    return strings->bytes + at;
}

static int find_strings(Elf *elf, size_t headers, Elf_Data *dynamic, struct strings *strings,
                        struct error *error)
{
    uint64_t address = 0, size = 0, offset;
    GElf_Dyn entry;
    Elf_Data *data;

    for (int i = 0; gelf_getdyn(dynamic, i, &entry) && entry.d_tag != DT_NULL; i++) {
        if (entry.d_tag == DT_STRTAB)
            address = entry.d_un.d_ptr;
        else if (entry.d_tag == DT_STRSZ)
            size = entry.d_un.d_val;
    }
    if (size == 0)
        return 0;
    if (size > STRINGS_MAX || !offset_of(elf, headers, address, &offset) || offset > INT64_MAX)
        return damaged(error, "its dynamic strings are nowhere in the file");
    data = elf_getdata_rawchunk(elf, (int64_t)offset, size, ELF_T_BYTE);
    if (!data || !data->d_buf || data->d_size != size)
        return damaged(error, "its dynamic strings end behind the file");
    *strings = (struct strings){data->d_buf, size};
    return 0;
}

static bool has_string(const struct strings *strings, const char *text)
{
    return memmem(strings->bytes, strings->size, text, strlen(text) + 1) != NULL;
}

static int take_entry(const GElf_Dyn *entry, const struct strings *strings,
                      struct elf_object *object, struct error *error)
{
    char **into = entry->d_tag == DT_SONAME    ? &object->soname
                  : entry->d_tag == DT_RPATH   ? &object->rpath
                  : entry->d_tag == DT_RUNPATH ? &object->runpath
                                               : NULL;
    const char *text;

    if (!into && entry->d_tag != DT_NEEDED)
        return 0;
    text = string_at(strings, entry->d_un.d_val);
    if (!text)
        return damaged(error, "a name in its dynamic section is not in its strings");
    if (into) {
        free(*into);
        *into = xstrdup(text);
        return 0;
    }
    if (object->needed_count == ELF_NEEDED_MAX)
        return damaged(error, "it needs more than 4096 libraries");
    object->needed = xreallocarray(object->needed, object->needed_count + 1, sizeof(char *));
    object->needed[object->needed_count++] = xstrdup(text);
    return 0;
}

static int read_dynamic(Elf *elf, size_t headers, const GElf_Phdr *header,
                        struct elf_object *object, struct error *error)
{
    struct strings strings = {"", 0};
    Elf_Data *dynamic = NULL;
    GElf_Dyn entry;
    int code;

    if (header->p_filesz <= DYNAMIC_MAX && header->p_offset <= INT64_MAX)
        dynamic = elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz, ELF_T_DYN);
    if (!dynamic)
        return damaged(error, "its dynamic section ends behind the file");
    code = find_strings(elf, headers, dynamic, &strings, error);
    for (int i = 0; code == 0 && gelf_getdyn(dynamic, i, &entry) && entry.d_tag != DT_NULL; i++)
        code = take_entry(&entry, &strings, object, error);
    object->ends_threads =
        has_string(&strings, "pthread_exit") || has_string(&strings, "pthread_cancel");
    return code;
}

static int read_interpreter(Elf *elf, const GElf_Phdr *header, struct elf_object *object,
                            struct error *error)
{
    Elf_Data *data = NULL;

    if (header->p_filesz > 1 && header->p_filesz <= PATH_MAX && header->p_offset <= INT64_MAX)
        data = elf_getdata_rawchunk(elf, (int64_t)header->p_offset, header->p_filesz, ELF_T_BYTE);
    if (!data || !data->d_buf || data->d_size != header->p_filesz ||
        ((const char *)data->d_buf)[data->d_size - 1] != '\0')
        return damaged(error, "its interpreter's name is not in the file");
    if (((const char *)data->d_buf)[0] != '/')
        return damaged(error, "its interpreter's name is not an absolute path");
    free(object->interpreter);
    object->interpreter = xstrdup(data->d_buf);
    return 0;
}

static int read_segment(Elf *elf, size_t headers, size_t index, uint64_t size,
                        struct elf_object *object, struct error *error)
{
    GElf_Phdr header;
    uint64_t end;

    if (!gelf_getphdr(elf, (int)index, &header))
        return damaged(error, "its program headers end behind the file");
    if (header.p_type == PT_LOAD &&
        (__builtin_add_overflow(header.p_offset, header.p_filesz, &end) || end > size))
        return error_set(error, ENOEXEC, "truncated ELF file: a segment ends behind its %ju bytes",
                         (uintmax_t)size);
    if (header.p_type == PT_INTERP)
        return read_interpreter(elf, &header, object, error);
    if (header.p_type == PT_DYNAMIC && header.p_filesz > 0)
        return read_dynamic(elf, headers, &header, object, error);
    return 0;
}

static int read_object(Elf *elf, uint64_t size, struct elf_object *object, struct error *error)
{
    GElf_Ehdr header;
    size_t headers;
    int code = 0;

    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
        return damaged(error, "its header is cut off or makes no sense");
    object->machine = header.e_machine;
    object->elfclass = header.e_ident[EI_CLASS];
    object->encoding = header.e_ident[EI_DATA];
    object->loadable = header.e_type == ET_EXEC || header.e_type == ET_DYN;
    if (!object->loadable)
        return 0;
    /* libelf counts those that the file has room for. */
    if (elf_getphdrnum(elf, &headers) < 0 || headers != header.e_phnum)
        return damaged(error, "its program headers end behind the file");
    for (size_t i = 0; code == 0 && i < headers; i++)
        code = read_segment(elf, headers, i, size, object, error);
    return code;
}

int elf_inspect(int fd, struct elf_object *object, struct error *error)
{
    __attribute__((cleanup(elf_object_free))) struct elf_object read = {0};
    cleanup_elf Elf *elf = NULL;
    struct stat info;
    int code;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(error, ENOSYS, "libelf is of another version: %s", elf_errmsg(-1));
    if (fstat(fd, &info) < 0)
        return error_errno(error, "cannot read");
    elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!elf)
        return damaged(error, elf_errmsg(-1));
    code = read_object(elf, (uint64_t)info.st_size, &read, error);
    if (code < 0)
        return code;
    *object = read;
    read = (struct elf_object){0};
    return 0;
}

void elf_object_free(struct elf_object *object)
{
    free(object->interpreter);
    free(object->soname);
    free(object->rpath);
    free(object->runpath);
    for (size_t i = 0; i < object->needed_count; i++)
        free(object->needed[i]);
    free(object->needed);
    *object = (struct elf_object){0};
}

static void describe(char *out, size_t size, uint16_t machine, unsigned char elfclass,
                     unsigned char encoding)
{
    const char *width = machine == EM_X86_64 && elfclass == ELFCLASS32 ? " (x32)"
                        : machine == EM_RISCV ? (elfclass == ELFCLASS32 ? "32" : "64")
                                              : "";
    const char *order = encoding == ELFDATA2MSB ? " (big-endian)" : "";

    for (size_t i = 0; i < array_size(machines); i++)
        if (machines[i].machine == machine) {
            snprintf(out, size, "%s%s%s", machines[i].name, width, order);
            return;
        }
    snprintf(out, size, "a machine with the ELF number %u", machine);
}

int elf_check_machine(const struct elf_object *object, struct error *error)
{
    char found[64], expected[64];

    if (object->machine == guest_machine && object->elfclass == ELFCLASS64 &&
        object->encoding == ELFDATA2LSB)
        return 0;
    describe(found, sizeof found, object->machine, object->elfclass, object->encoding);
    describe(expected, sizeof expected, guest_machine, ELFCLASS64, ELFDATA2LSB);
    return error_set(error, ENOEXEC, "is for %s, the guest is %s", found, expected);
}

static void scan_modinfo(const char *bytes, size_t count, const char *key,
                         void (*call)(void *context, const char *value), void *context)
{
    size_t key_length = strlen(key);

    while (count > 0) {
        const char *end = memchr(bytes, '\0', count);
        size_t length;

        if (!end)
            return;
        length = (size_t)(end - bytes);
        if (length > key_length && strncmp(bytes, key, key_length) == 0 && bytes[key_length] == '=')
            call(context, bytes + key_length + 1);
        bytes += length + 1;
        count -= length + 1;
    }
}

int elf_modinfo(const void *bytes, size_t count, const char *key,
                void (*call)(void *context, const char *value), void *context, struct error *error)
{
    cleanup_elf Elf *elf = NULL;
    Elf_Scn *section = NULL;
    size_t names;

    if (elf_version(EV_CURRENT) == EV_NONE)
        return error_set(error, ENOSYS, "libelf is of another version: %s", elf_errmsg(-1));
    elf = elf_memory((char *)bytes, count);
    if (!elf || elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &names) < 0)
        return damaged(error, "a kernel module was expected");
    while ((section = elf_nextscn(elf, section)) != NULL) {
        GElf_Shdr header;
        const char *name;
        Elf_Data *data;

        if (!gelf_getshdr(section, &header))
            return damaged(error, "its sections end behind the file");
        name = elf_strptr(elf, names, header.sh_name);
        if (!name || strcmp(name, ".modinfo") != 0)
            continue;
        data = elf_rawdata(section, NULL);
        if (!data || (data->d_size > 0 && !data->d_buf))
            return damaged(error, "its section .modinfo ends behind the file");
        scan_modinfo(data->d_buf, data->d_size, key, call, context);
        return 0;
    }
    return error_set(error, ENOEXEC, "not a kernel module: it has no section .modinfo");
}
