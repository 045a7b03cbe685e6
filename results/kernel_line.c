#include "results/kernel_line.h"

#include "base/memory.h"

#include <string.h>

struct pattern {
    const char *start; /* of the message */
    enum scanner_kind kind;
    enum { ALONE, OPENS_PANIC, CLOSES_PANIC } place;
};

/* What Linux 5.10 to 6.12 print; the first that fits counts. "invoked oom-killer" is missing on
 * purpose: a cgroup that reaches its own limit says that too, and then "Memory cgroup out of
 * memory", where the guest as a whole says "Out of memory". */
static const struct pattern patterns[] = {
    {"Kernel panic - not syncing: Out of memory", SCANNER_OOM, OPENS_PANIC},
    {"Kernel panic - not syncing: System is deadlocked on memory", SCANNER_OOM, OPENS_PANIC},
    {"Kernel panic - not syncing: ", SCANNER_PANIC, OPENS_PANIC},
    {"---[ end Kernel panic - not syncing: ", SCANNER_PANIC, CLOSES_PANIC},
    {"Out of memory: Killed process", SCANNER_OOM, ALONE},
    {"Out of memory (oom_kill_allocating_task): Killed process", SCANNER_OOM, ALONE},
    {"Out of memory and no killable processes", SCANNER_OOM, ALONE},
    {"BUG: workqueue lockup", SCANNER_STALL, ALONE},
    {"BUG: ", SCANNER_OOPS, ALONE},
    {"kernel BUG at ", SCANNER_OOPS, ALONE},
    {"Oops: ", SCANNER_OOPS, ALONE},
    {"Oops - ", SCANNER_OOPS, ALONE},
    {"Internal error: ", SCANNER_OOPS, ALONE},
    {"Unable to handle kernel ", SCANNER_OOPS, ALONE},
    {"general protection fault", SCANNER_OOPS, ALONE},
    {"divide error: ", SCANNER_OOPS, ALONE},
    {"invalid opcode: ", SCANNER_OOPS, ALONE},
    {"watchdog: BUG: soft lockup", SCANNER_STALL, ALONE},
    {"watchdog: Watchdog detected hard LOCKUP", SCANNER_STALL, ALONE},
    {"NMI watchdog: Watchdog detected hard LOCKUP", SCANNER_STALL, ALONE},
    {"rcu: INFO: rcu_", SCANNER_STALL, ALONE},
    {"INFO: rcu_", SCANNER_STALL, ALONE},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of "[    1.234567] " or "[    1.234567][    T1] " (CONFIG_PRINTK_CALLER), or 0. */
static size_t time_stamp_length(const char *line, size_t length)
{
    size_t at = 1;
    size_t digits;

    if (length < sizeof "[0.000000] " - 1 || line[0] != '[')
        return 0;
    while (at < length && line[at] == ' ')
        at++;
    for (digits = at; at < length && is_digit(line[at]); at++)
        ;
    if (at == digits || length - at < sizeof ".000000] " - 1 || line[at++] != '.')
        return 0;
    for (digits = 0; digits < 6; digits++)
        if (!is_digit(line[at + digits]))
            return 0;
    at += 6;
    if (line[at++] != ']')
        return 0;
    if (line[at] == '[') {
        const char *end = memchr(line + at, ']', length - at);

        if (!end)
            return 0;
        at = (size_t)(end + 1 - line);
    }
    return at < length && line[at] == ' ' ? at + 1 : 0;
}

/* Every other way of a kernel to die announces itself as "<what>: <error code> [#<count>] …". */
static bool is_die_header(const char *message, size_t length)
{
    const char *end = message + length;
    const char *at = message;

    while ((at = memchr(at, '#', (size_t)(end - at))) != NULL) {
        if (at - message >= 2 && at[-1] == '[' && at[-2] == ' ' && end - at > 2 && is_digit(at[1]))
            return memchr(at, ']', (size_t)(end - at)) != NULL;
        at++;
    }
    return false;
}

static const struct pattern *match(const char *message, size_t length)
{
    static const struct pattern die = {"", SCANNER_OOPS, ALONE};

    for (size_t i = 0; i < array_size(patterns); i++) {
        const char *start = patterns[i].start;

        if (start[0] != message[0])
            continue;
        if (strlen(start) <= length && memcmp(start, message, strlen(start)) == 0)
            return &patterns[i];
    }
    return is_die_header(message, length) ? &die : NULL;
}

bool kernel_line_read(const char *line, size_t length, struct kernel_line *found)
{
    const struct pattern *pattern;
    size_t stamp;

    while (length > 0 && line[0] == '\r') {
        line++;
        length--;
    }
    stamp = time_stamp_length(line, length);
    if (stamp == 0 || stamp == length)
        return false;
    line += stamp;
    length -= stamp;
    pattern = match(line, length);
    if (!pattern)
        return false;
    while (length > 0 && line[length - 1] == '\r')
        length--;
    *found = (struct kernel_line){.kind = pattern->kind,
                                  .opens_panic = pattern->place == OPENS_PANIC,
                                  .closes_panic = pattern->place == CLOSES_PANIC,
                                  .message = line,
                                  .length = length};
    return true;
}
