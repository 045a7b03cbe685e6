/* kernel/small.config travels inside the program, so that one file is all there is to install. */
#include "kernel/kernel.h"

__asm__(".section .rodata.duet_small_config, \"a\", %progbits\n"
        ".balign 16\n"
        "duet_small_config:\n"
        ".incbin \"kernel/small.config\"\n"
        "0:\n"
        ".byte 0\n"
        ".balign 8\n"
        "duet_small_config_size:\n"
        ".quad 0b - duet_small_config\n"
        ".previous\n");

extern const char duet_small_config[];
extern const uint64_t duet_small_config_size;

const char *kernel_small_config(size_t *size)
{
    *size = duet_small_config_size;
    return duet_small_config;
}
