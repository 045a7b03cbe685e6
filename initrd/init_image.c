#include "initrd/initrd.h"

#ifndef DUET_INIT_FILE
#error "DUET_INIT_FILE is to name the file that PID 1 was linked to"
#endif

__asm__(".section .rodata.duet_init, \"a\", %progbits\n"
        ".balign 16\n"
        "duet_init_start:\n"
        ".incbin \"" DUET_INIT_FILE "\"\n"
        "duet_init_end:\n"
        ".previous\n");

extern const char duet_init_start[], duet_init_end[];

const void *initrd_init_image(size_t *size)
{
    *size = (size_t)(duet_init_end - duet_init_start);
    return duet_init_start;
}
