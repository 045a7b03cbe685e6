/* The first line of whatever a user calls a script. */
#include "initrd/shebang.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char program[SHEBANG_MAX];
    struct shebang shebang;

    if (shebang_parse((const char *)data, size, &shebang, NULL) != 1)
        return 0;
    if (shebang.interpreter[0] != '/' || strpbrk(shebang.interpreter, " \t\n"))
        abort();
    shebang_env_program(shebang.argument, program);
    if (strpbrk(program, " \t") || !strstr(shebang.argument, program))
        abort();
    return 0;
}
