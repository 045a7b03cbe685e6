/* What an ELF file says about itself, through libelf. Internal to initrd/.
 *
 * Sources: System V ABI, chapters 4 and 5; the processor supplements' machine numbers. The files
 * are a user's: damaged ones are errors, never trusted. */
#ifndef DUET_INITRD_ELF_OBJECT_H
#define DUET_INITRD_ELF_OBJECT_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct elf_object {
    uint16_t machine;       /* EM_… */
    unsigned char elfclass; /* ELFCLASS32 or ELFCLASS64 */
    unsigned char encoding; /* ELFDATA2LSB or ELFDATA2MSB */
    bool loadable;          /* ET_EXEC or ET_DYN: all that follows is of these */
    char *interpreter;      /* PT_INTERP, or NULL */
    char *soname;           /* each NULL where it is not there */
    char *rpath;
    char *runpath;
    char **needed; /* DT_NEEDED, in order */
    size_t needed_count;
    bool ends_threads; /* names pthread_exit or pthread_cancel */
};

enum { ELF_NEEDED_MAX = 4096 };

/* Reads `fd` from its start with pread. Errors: ENOEXEC with what is damaged, without the file's
 * name. The caller frees *object with elf_object_free. */
int elf_inspect(int fd, struct elf_object *object, struct error *error);
void elf_object_free(struct elf_object *object);

/* Whether the guest can load it; else ENOEXEC with what was found and what is expected. */
int elf_check_machine(const struct elf_object *object, struct error *error);

/* Where Debian's loader for the guest's machine looks: what replaces $LIB, and $PLATFORM. */
#if defined(__x86_64__)
#define GUEST_LIB      "lib/x86_64-linux-gnu"
#define GUEST_PLATFORM "x86_64"
#elif defined(__aarch64__)
#define GUEST_LIB      "lib/aarch64-linux-gnu"
#define GUEST_PLATFORM "aarch64"
#else
#error "duet knows x86_64 and aarch64 machines"
#endif

/* Calls `call` with the value of each "<key>=<value>" in the section .modinfo of a kernel module
 * that lies in memory. Errors: ENOEXEC where the module is damaged or is none. */
int elf_modinfo(const void *bytes, size_t count, const char *key,
                void (*call)(void *context, const char *value), void *context, struct error *error);

#endif
