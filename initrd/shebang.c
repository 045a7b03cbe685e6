#include "initrd/shebang.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void copy(char *out, const char *from, const char *end)
{
    memcpy(out, from, (size_t)(end - from));
    out[end - from] = '\0';
}

int shebang_parse(const char *bytes, size_t count, struct shebang *shebang, struct error *error)
{
    struct shebang read = {0};
    const char *at = bytes + 2, *end, *name_end;

    if (count < 2 || bytes[0] != '#' || bytes[1] != '!')
        return 0;
    if (count > SHEBANG_MAX)
        count = SHEBANG_MAX;
    end = memchr(at, '\n', count - 2);
    if (!end)
        end = bytes + count;
    if (memchr(at, '\0', (size_t)(end - at)))
        return error_set(error, ENOEXEC, "its first line has a NUL byte");
    while (at < end && is_blank(*at))
        at++;
    while (end > at && is_blank(end[-1]))
        end--;
    for (name_end = at; name_end < end && !is_blank(*name_end); name_end++)
        ;
    if (name_end == at)
        return error_set(error, ENOEXEC, "its first line names no interpreter after \"#!\"");
    /* The kernel takes a cut-off argument, and no cut-off name. */
    if (name_end == bytes + SHEBANG_MAX)
        return error_set(error, ENOEXEC, "its interpreter's name is longer than %d bytes",
                         SHEBANG_MAX - 3);
    copy(read.interpreter, at, name_end);
    if (name_end[-1] == '\r')
        return error_set(error, ENOEXEC,
                         "its first line ends with CR LF, which the kernel takes "
                         "for a part of the interpreter's name");
    if (*at != '/')
        return error_set(error, ENOEXEC, "its interpreter \"%s\" is not an absolute path",
                         read.interpreter);
    for (at = name_end; at < end && is_blank(*at); at++)
        ;
    copy(read.argument, at, end);
    *shebang = read;
    return 1;
}

void shebang_env_program(const char *argument, char program[static SHEBANG_MAX])
{
    const char *at = argument;

    program[0] = '\0';
    for (;;) {
        size_t length;

        at += strspn(at, " \t");
        length = strcspn(at, " \t");
        if (length == 0 || length >= SHEBANG_MAX)
            return;
        if (strncmp(at, "-S", 2) == 0) {
            at += 2;
        } else if (strncmp(at, "--split-string=", 15) == 0) {
            at += 15;
        } else if ((at[0] == '-' && (at[1] == 'u' || at[1] == 'C')) && length == 2) {
            at += length;
            at += strspn(at, " \t");
            at += strcspn(at, " \t");
        } else if (at[0] == '-' || memchr(at, '=', length)) {
            at += length;
        } else {
            copy(program, at, at + length);
            return;
        }
    }
}
