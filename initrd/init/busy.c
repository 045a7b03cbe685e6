#include "initrd/init/busy.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define STEP_NS UINT64_C(10000000) /* of USER_HZ, which is 100 on x86 */

/* A CPU's line, which that of all of them is not: user, nice, system, idle, iowait, irq, softirq
 * and steal, which is the host's. */
static int read_cpu(const char *line, uint64_t *away)
{
    uint64_t idle, iowait, steal;

    if (!isdigit((unsigned char)line[3]) ||
        sscanf(line, "cpu%*u %*u %*u %*u %" SCNu64 " %" SCNu64 " %*u %*u %" SCNu64, &idle, &iowait,
               &steal) != 3)
        return 0;
    *away += idle + iowait + steal;
    return 1;
}

uint64_t busy_ns(const char *stat, uint64_t clock_ns)
{
    uint64_t away = 0;
    uint64_t cpus = 0;

    for (const char *line = stat; line && strncmp(line, "cpu", 3) == 0;) {
        cpus += (uint64_t)read_cpu(line, &away);
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (cpus * clock_ns <= away * STEP_NS)
        return 0;
    return cpus * clock_ns - away * STEP_NS;
}
