#include "initrd/init/link_state.h"

#include <inttypes.h>

static void add_cause(struct buffer *out, const char **separator, const char *name, uint64_t count)
{
    if (count == 0)
        return;
    buffer_printf(out, "%s\"%s\":%" PRIu64, *separator, name, count);
    *separator = ",";
}

static void add_way(struct buffer *out, const struct link_way_state *way)
{
    const char *separator = "";

    buffer_printf(out,
                  "{\"next\":%" PRIu64 ",\"packets_in\":%" PRIu64 ",\"bytes_in\":%" PRIu64
                  ",\"packets_out\":%" PRIu64 ",\"bytes_out\":%" PRIu64 ",\"causes\":{",
                  way->next, way->packets_in, way->bytes_in, way->packets_out, way->bytes_out);
    for (unsigned cause = 0; cause < IMPAIR_CAUSES; cause++)
        if (impair_cause_name(cause))
            add_cause(out, &separator, impair_cause_name(cause), way->causes[cause]);
    add_cause(out, &separator, "too_long", way->too_long);
    add_cause(out, &separator, "unread", way->unread);
    add_cause(out, &separator, "dropped", way->dropped);
    buffer_append_text(out, "}}");
}

void link_state_json(struct buffer *out, const struct link_way_state ways[static 2])
{
    buffer_append_text(out, "\"ways\":[");
    add_way(out, &ways[0]);
    buffer_append_text(out, ",");
    add_way(out, &ways[1]);
    buffer_append_text(out, "]");
}
