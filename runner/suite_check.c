/* What only a whole case shows: circles, nodes out of reach, nothing that could fail. */
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <errno.h>

enum visit {
    UNSEEN,
    ON_PATH,
    DONE,
};

struct walk {
    const struct suite_case *built;
    enum visit visits[SUITE_NODES_MAX];
    size_t path[SUITE_NODES_MAX]; /* from where the walk began to where it is */
    size_t length;
};

/* Walks on from `node`; true where the walk came back to a node of its path, which is then the
 * path's last, too. SUITE_NODES_MAX bounds the depth. */
static bool finds_circle(struct walk *walk, size_t node)
{
    const struct suite_node *at = &walk->built->nodes[node];

    walk->visits[node] = ON_PATH;
    walk->path[walk->length++] = node;
    for (size_t i = 0; i < at->after_count; i++) {
        size_t next = at->after[i];

        if (walk->visits[next] == ON_PATH) {
            size_t start = 0;

            while (walk->path[start] != next)
                start++;
            walk->length -= start;
            for (size_t j = 0; j < walk->length; j++)
                walk->path[j] = walk->path[start + j];
            return true;
        }
        if (walk->visits[next] == UNSEEN && finds_circle(walk, next))
            return true;
    }
    walk->visits[node] = DONE;
    walk->length--;
    return false;
}

static int check_circles(struct reader *reader, const struct suite_case *built)
{
    struct walk walk = {.built = built};

    for (size_t i = 0; i < built->node_count; i++) {
        cleanup_buffer struct buffer circle = {0};

        if (walk.visits[i] != UNSEEN || !finds_circle(&walk, i))
            continue;
        for (size_t j = 0; j < walk.length; j++)
            buffer_printf(&circle, "%s -> ", built->nodes[walk.path[j]].name);
        return reader_fail(reader, reader->nodes->pairs[walk.path[0]].key,
                           "after: the nodes wait for each other in a circle: %s%s", circle.data,
                           built->nodes[walk.path[0]].name);
    }
    return 0;
}

static bool is_linked(const struct suite_case *built, size_t node)
{
    for (size_t i = 0; i < built->link_count; i++)
        if (built->links[i].ends[0].node == node || built->links[i].ends[1].node == node)
            return true;
    return false;
}

static int check_reach(struct reader *reader, const struct suite_case *built)
{
    for (size_t i = 0; built->node_count > 1 && i < built->node_count; i++)
        if (!is_linked(built, i))
            return reader_fail(
                reader, reader->nodes->pairs[i].key,
                "no link reaches the node \"%s\": expected it in the nodes of one of "
                "the links",
                built->nodes[i].name);
    return 0;
}

/* A case in which nobody can say "failed" would always be green. As a lab for a person it is fine.
 */
static void note_purpose(struct reader *reader, struct suite_case *built)
{
    struct reader noting = *reader;
    struct error idle;

    for (size_t i = 0; i < built->node_count; i++)
        if (built->nodes[i].step_count || built->nodes[i].init.directory)
            return;
    noting.error = &idle;
    reader_fail(&noting, reader->nodes,
                "no node of the case \"%s\" does anything that could fail: expected \"run\", "
                "\"steps\" or \"init\" in one of them (`duet up` brings it up as it is; a "
                "suite for that alone has `explicit: true`)",
                built->name);
    built->idle = arena_text(reader->memory, idle.message);
}

int suite_check_runs(const struct suite_case *suite_case, struct error *error)
{
    return suite_case->idle ? error_set(error, EINVAL, "%s", suite_case->idle) : 0;
}

int suite_check_case(struct reader *reader, struct suite_case *built)
{
    int status = check_reach(reader, built);

    if (!status)
        status = check_circles(reader, built);
    if (!status)
        note_purpose(reader, built);
    return status;
}
