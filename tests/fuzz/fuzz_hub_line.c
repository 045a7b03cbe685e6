/* The line that a client of the hub sends first: what is read of it is all that it opens needs, and
 * a refusal says something and leaves nothing behind. */
#include "runner/hub_line.h"

#include "vm/control.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct hub_line *line)
{
    enum hub_open open = line->open;
    bool of_a_node = open == HUB_OPEN_CTL || open == HUB_OPEN_CONSOLE || open == HUB_OPEN_DEBUG;

    if ((unsigned)open > HUB_OPEN_DOWN || (of_a_node && !line->node) ||
        (!of_a_node && open != HUB_OPEN_LOGS && line->node))
        abort();
    if ((open == HUB_OPEN_IO) != (line->client > 0) || line->client > CONTROL_BASE_MAX)
        abort();
    if ((!line->follow && open != HUB_OPEN_LOGS) || (line->halt && open != HUB_OPEN_DEBUG))
        abort();
    if ((open == HUB_OPEN_IMPAIR) != (line->link && line->set_count > 0) ||
        (line->from && open != HUB_OPEN_IMPAIR))
        abort();
    for (size_t i = 0; i < line->set_count; i++)
        if (!line->set[i].name || !line->set[i].text)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hub_line line = {.client = UINT64_MAX};
    struct error error = {0};
    int code = hub_line_read((const char *)data, size, &line, &error);

    if (code == 0) {
        check(&line);
        hub_line_free(&line);
    } else if (code != -EINVAL || error.code != EINVAL || !error.message[0] || line.node ||
               line.link || line.from || line.set || line.client != UINT64_MAX) {
        abort();
    }
    return 0;
}
