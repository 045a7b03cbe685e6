#include "runner/verdict_load.h"

#include "base/fs.h"

int verdict_entries_load(const char *path, struct verdict_entries *entries, struct error *error)
{
    cleanup_buffer struct buffer bytes = {0};
    int code = fs_read(path, VERDICT_LOG_BYTES_MAX, &bytes, error);

    if (code < 0)
        return code;
    code = verdict_entries_read(entries, bytes.data ? bytes.data : "", bytes.length, error);
    return code < 0 ? error_context(error, "%s", path) : 0;
}
