#include "initrd/initrd.h"

#include <stdint.h>

#ifndef DUET_INIT_FILE
#error "DUET_INIT_FILE is to name the file that PID 1 was linked to"
#endif

__asm__(".section .rodata.duet_init, \"a\", %progbits\n"
        ".balign 16\n"
        "duet_init_image:\n"
        ".incbin \"" DUET_INIT_FILE "\"\n"
        "0:\n"
        ".balign 8\n"
        "duet_init_size:\n"
        ".quad 0b - duet_init_image\n"
        ".previous\n");

extern const char duet_init_image[];
extern const uint64_t duet_init_size;

const void *initrd_init_image(size_t *size)
{
    *size = duet_init_size;
    return duet_init_image;
}
