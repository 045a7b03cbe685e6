/* SHA-256 (FIPS 180-4) through libcrypto, as lower-case hexadecimal. */
#ifndef DUET_BASE_DIGEST_H
#define DUET_BASE_DIGEST_H

#include "base/error.h"

#include <stddef.h>

enum { DIGEST_HEX_SIZE = 65 }; /* 64 digits and a NUL */

struct digest; /* a digest being made */

struct digest *digest_new(void);
void digest_update(struct digest *digest, const void *bytes, size_t count);
/* As digest_update with the length first, so that ("ab","c") and ("a","bc") differ. */
void digest_update_field(struct digest *digest, const char *text);
/* Writes the hexadecimal form and frees `digest`. */
void digest_finish(struct digest *digest, char hex[static DIGEST_HEX_SIZE]);
/* Frees a digest that was not finished; NULL is fine. */
void digest_free(struct digest *digest);

void digest_bytes(const void *bytes, size_t count, char hex[static DIGEST_HEX_SIZE]);
/* Of a whole file. Errors: what open and read give. */
int digest_file(const char *path, char hex[static DIGEST_HEX_SIZE], struct error *error);

#endif
