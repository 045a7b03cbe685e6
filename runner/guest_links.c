#include "runner/guest_links.h"

#include "base/buffer.h"
#include "base/memory.h"
#include "base/writer.h"

#include <string.h>

enum {
    RING = 1 << 20,  /* bytes between a log's stream and its file */
    PIECE = 1 << 15, /* of that at once */
};

#define CLOSE_NS (5 * NS_PER_S)   /* from CLOSELINK to its answer */
#define RETRY_NS (20 * NS_PER_MS) /* until the ring is asked for room again */

/* One that the node carries, or of whose packets its kernel's netem has those that it sends. */
struct guest_link {
    struct guest_links *links;
    size_t index; /* in the case */
    const char *interface;
    bool logged;                     /* there are verdicts: netem has none */
    struct control_command *streams; /* NULL: not open */
    struct writer *logs[2];
    struct buffer waiting[2]; /* for room in those; the guest was not told that it was taken */
    size_t left[2];           /* bytes that the logs may have beyond those */
    bool is_cut;              /* more have come: the guest was told that they were taken */
    bool ended[2];            /* all verdicts of that direction have come */
    bool answered, has_last;  /* CLOSELINK */
    bool known;
    struct control_way ways[2];
};

struct guest_links {
    struct control *control; /* NULL: not open */
    struct guest_link *items;
    size_t count;
    struct timer *retry; /* runs while there is no room for something */
    bool ended;          /* what comes then counts for nothing: the logs may be another thread's */
    void (*closed)(void *context);
    void *context;
};

uint64_t guest_links_stream(size_t nth, unsigned direction)
{
    return 2 * (nth + 1) + direction;
}

bool guest_links_carries(const struct suite_link *link, unsigned end)
{
    return link->carrier == SUITE_CARRIER_GUEST && link->carrier_end == end;
}

bool guest_links_counts(const struct suite_link *link, unsigned end)
{
    return guest_links_carries(link, end) || link->carrier == SUITE_CARRIER_NETEM;
}

/* -- From the guest ---------------------------------------------------------------------------- */

static bool all_closed(const struct guest_links *links)
{
    for (size_t i = 0; i < links->count; i++) {
        const struct guest_link *link = &links->items[i];

        if (!link->answered ||
            (link->logged && link->has_last && !(link->ended[0] && link->ended[1])))
            return false;
    }
    return true;
}

static void tell_closed(struct guest_links *links)
{
    if (links->closed && all_closed(links))
        steal_pointer (&links->closed)(links->context);
}

/* A disk that is slow makes the guest wait, which then leaves verdicts out and counts them. */
static void write_waiting(struct guest_link *link, enum control_output direction)
{
    struct buffer *waiting = &link->waiting[direction];

    while (waiting->length > 0) {
        size_t count = waiting->length < PIECE ? waiting->length : PIECE;
        uint8_t *room = writer_reserve(link->logs[direction], count);

        if (!room) {
            timer_start(link->links->retry, RETRY_NS);
            return;
        }
        memcpy(room, waiting->data, count);
        writer_publish(link->logs[direction], count);
        buffer_consume(waiting, count);
        control_taken(link->streams, direction, count);
    }
}

static void write_both(struct guest_link *link)
{
    write_waiting(link, CONTROL_STDOUT);
    write_waiting(link, CONTROL_STDERR);
}

static void on_retry(void *context)
{
    struct guest_links *links = context;

    for (size_t i = 0; i < links->count; i++)
        write_both(&links->items[i]);
}

/* Of these bytes, how many are still for the log; the others count as taken. */
static size_t limit(struct guest_link *link, enum control_output direction, size_t count)
{
    size_t kept = count < link->left[direction] ? count : link->left[direction];

    link->left[direction] -= kept;
    if (kept < count) {
        link->is_cut = true;
        control_taken(link->streams, direction, count - kept);
    }
    return kept;
}

static void on_output(void *context, enum control_output direction, const char *bytes, size_t count)
{
    struct guest_link *link = context;

    if (link->links->ended)
        return;
    buffer_append(&link->waiting[direction], bytes, limit(link, direction, count));
    write_waiting(link, direction);
    if (count > 0)
        return;
    link->ended[direction] = true;
    tell_closed(link->links);
}

static void take_ways(struct guest_link *link, const struct control_answer *answer)
{
    if (answer->code < 0 || !answer->ways)
        return;
    link->known = true;
    memcpy(link->ways, answer->ways, sizeof link->ways);
}

static void on_state(void *context, const struct control_answer *answer)
{
    struct guest_link *link = context;

    if (link->links->ended)
        return;
    take_ways(link, answer);
    write_both(link);
}

/* One that does not come is told when its time is over, which may be after the end. */
static void on_closed(void *context, const struct control_answer *answer)
{
    struct guest_link *link = context;

    if (link->links->ended)
        return;
    take_ways(link, answer);
    link->answered = true;
    link->has_last = answer->code == 0;
    write_both(link);
    tell_closed(link->links);
}

/* -- To the guest ------------------------------------------------------------------------------ */

void guest_links_open(struct guest_links *links, struct control *control)
{
    static const struct control_command_calls calls = {.output = on_output};

    if (!links)
        return;
    links->control = control;
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].logged)
            links->items[i].streams = control_open_link(control, &calls, &links->items[i]);
}

/* False: nothing will be answered. */
static bool ask(struct guest_link *link, enum wire_code code, control_answer_fn answer)
{
    cleanup_free char *name = control_escape(link->interface);
    cleanup_free char *fields = xasprintf("\"interface\":%s", name);
    struct error error;

    return control_request(link->links->control, code, fields,
                           code == WIRE_CLOSELINK ? CLOSE_NS : 0, answer, link, &error) == 0;
}

void guest_links_ask(struct guest_links *links)
{
    for (size_t i = 0; links && links->control && i < links->count; i++)
        ask(&links->items[i], WIRE_LINKSTATE, on_state);
}

void guest_links_close(struct guest_links *links, void (*closed)(void *context), void *context)
{
    if (!links || !links->control) {
        closed(context);
        return;
    }
    links->closed = closed;
    links->context = context;
    for (size_t i = 0; i < links->count; i++)
        if (!ask(&links->items[i], WIRE_CLOSELINK, on_closed))
            links->items[i].answered = true;
    tell_closed(links);
}

/* -- Life -------------------------------------------------------------------------------------- */

static int add_link(struct guest_links *links, const struct guest_links_options *options,
                    size_t index, unsigned end, struct error *error)
{
    struct guest_link *link = &links->items[links->count++];
    int code = 0;

    link->links = links;
    link->index = index;
    link->interface = options->suite_case->links[index].ends[end].interface;
    link->logged = guest_links_carries(&options->suite_case->links[index], end);
    link->left[0] = link->left[1] = options->most;
    for (unsigned way = 0; way < 2 && code == 0 && link->logged; way++)
        code = writer_open(options->logs[index][way], RING, &link->logs[way], error);
    return code;
}

int guest_links_new(const struct guest_links_options *options, struct guest_links **out,
                    struct error *error)
{
    const struct suite_case *suite_case = options->suite_case;
    struct guest_links *links = xcalloc(1, sizeof *links);
    int code = 0;

    links->items = xcalloc(suite_case->link_count, sizeof *links->items);
    links->retry = loop_timer(options->loop, on_retry, links);
    for (size_t i = 0; i < suite_case->link_count; i++)
        for (unsigned end = 0; end < 2 && code == 0; end++)
            if (guest_links_counts(&suite_case->links[i], end) &&
                suite_case->links[i].ends[end].node == options->node)
                code = add_link(links, options, i, end, error);
    if (code < 0 || links->count == 0) {
        guest_links_free(links);
        links = NULL;
    }
    *out = links;
    return code;
}

void guest_links_end(struct guest_links *links)
{
    if (!links)
        return;
    links->ended = true;
    timer_stop(links->retry);
}

int guest_links_finish(struct guest_links *links, struct error *error)
{
    int code = 0;

    for (size_t i = 0; links && i < links->count; i++)
        for (unsigned way = 0; way < 2; way++) {
            struct guest_link *link = &links->items[i];
            int found = writer_close(steal_pointer(&link->logs[way]), link->waiting[way].data,
                                     link->waiting[way].length, code == 0 ? error : NULL);

            buffer_free(&link->waiting[way]);
            code = code == 0 ? found : code;
        }
    return code;
}

void guest_links_free(struct guest_links *links)
{
    if (!links)
        return;
    guest_links_end(links);
    guest_links_finish(links, NULL);
    timer_free(links->retry);
    free(links->items);
    free(links);
}

const struct control_way *guest_links_ways(const struct guest_links *links, size_t link,
                                           bool *is_last)
{
    for (size_t i = 0; links && i < links->count; i++) {
        *is_last = links->items[i].has_last;
        if (links->items[i].index == link)
            return links->items[i].known ? links->items[i].ways : NULL;
    }
    return NULL;
}

bool guest_links_is_cut(const struct guest_links *links, size_t link)
{
    for (size_t i = 0; links && i < links->count; i++)
        if (links->items[i].index == link)
            return links->items[i].is_cut;
    return false;
}
