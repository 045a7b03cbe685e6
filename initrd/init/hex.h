/* Hexadecimal digits. Pure. */
#ifndef DUET_INIT_HEX_H
#define DUET_INIT_HEX_H

#include <stddef.h>
#include <stdint.h>

/* Reads `count` bytes from twice as many digits of either case. -1 where one is none, as the text's
 * end is; `bytes` then holds those before it. */
int hex_decode(const char *text, size_t count, uint8_t *bytes);

#endif
