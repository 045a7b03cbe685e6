#include "runner/step_links.h"

#include "base/memory.h"

struct step_links {
    struct link_control *control;
    size_t open; /* changes that are not in force yet */
    struct error error;
    void (*changed)(void *context, const struct error *error);
    void *context;
};

/* `changed` may free it: nothing may come after that. */
static void on_changed(void *context, const uint64_t numbers[2], const struct error *error)
{
    struct step_links *links = context;

    (void)numbers;
    if (error && !links->error.code)
        links->error = *error;
    if (--links->open == 0)
        links->changed(links->context, links->error.code ? &links->error : NULL);
}

/* The round that the pairs are. The caller frees its items, whose texts are the suite's. */
static struct impair_round round_of(const struct suite_pairs *pairs)
{
    struct impair_named *items = xcalloc(pairs->count + 1, sizeof *items);

    for (size_t i = 0; i < pairs->count; i++)
        items[i] = (struct impair_named){pairs->items[i].name, pairs->items[i].value};
    return (struct impair_round){items, pairs->count};
}

struct step_links *step_links_new(struct link_control *control, const struct suite_step *step,
                                  void (*changed)(void *context, const struct error *error),
                                  void *context)
{
    struct step_links *links = xcalloc(1, sizeof *links);

    *links = (struct step_links){
        .control = control, .open = step->impair_count, .changed = changed, .context = context};
    for (size_t i = 0; i < step->impair_count; i++) {
        const struct suite_step_impair *impair = &step->impairs[i];
        struct link_change change = {.link = impair->link};

        for (unsigned way = 0; way < 2; way++)
            change.rounds[way] = round_of(&impair->named[way]);
        link_control_change(control, &change, on_changed, links);
        for (unsigned way = 0; way < 2; way++)
            free((void *)change.rounds[way].items);
    }
    return links;
}

void step_links_free(struct step_links *links)
{
    if (!links)
        return;
    link_control_forget(links->control, links);
    free(links);
}
