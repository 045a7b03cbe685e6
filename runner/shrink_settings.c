/* What a case asks of its links, as a list that settings can be taken from. */
#include "runner/shrink.h"

#include "base/memory.h"
#include "net/impair_config.h"
#include "net/impair_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* -- The list ---------------------------------------------------------------------------------- */

static struct shrink_setting *find(const struct shrink_settings *settings, size_t link,
                                   const char *name, const char *text, unsigned ways)
{
    for (size_t i = 0; i < settings->count; i++) {
        struct shrink_setting *item = &settings->items[i];

        if (item->link == link && (item->ways & ways) && strcmp(item->name, name) == 0 &&
            (!text || strcmp(item->text, text) == 0))
            return item;
    }
    return NULL;
}

static void add(struct shrink_settings *settings, size_t link, unsigned ways, const char *name,
                const char *text)
{
    settings->items = xreallocarray(settings->items, settings->count + 1, sizeof *settings->items);
    settings->items[settings->count++] = (struct shrink_setting){
        .link = link, .ways = ways, .name = xstrdup(name), .text = xstrdup(text)};
}

void shrink_settings_set(struct shrink_settings *settings, size_t link, unsigned ways,
                         const char *name, const char *text)
{
    struct shrink_setting *item = find(settings, link, name, NULL, ways);

    if (!item) {
        add(settings, link, ways, name, text);
        return;
    }
    free(item->text);
    item->text = xstrdup(text);
}

/* -- From the case ----------------------------------------------------------------------------- */

struct gathering {
    struct shrink_settings *settings;
    size_t link;
    unsigned way;
    bool apart; /* what the directions have in common is not one setting of both */
};

static void gather(void *context, const char *name, const char *text)
{
    const struct gathering *gathering = context;
    struct shrink_setting *item =
        gathering->way ? find(gathering->settings, gathering->link, name, text, 1) : NULL;

    if (item && !gathering->apart)
        item->ways = 3;
    else
        add(gathering->settings, gathering->link, 1u << gathering->way, name, text);
}

void shrink_settings_of(const struct suite_case *suite_case, struct shrink_settings *settings)
{
    *settings = (struct shrink_settings){.link_count = suite_case->link_count};
    settings->changes = xcalloc(suite_case->link_count, sizeof *settings->changes);
    for (size_t i = 0; i < suite_case->link_count; i++) {
        const struct suite_link *link = &suite_case->links[i];

        settings->changes[i] = link->changes.count > 0;
        for (unsigned way = 0; way < 2; way++) {
            struct gathering gathering = {.settings = settings, .link = i, .way = way};

            /* Rules of one direction are in place of those of both, all of them. */
            gathering.apart = link->impair[0].rule_count || link->impair[1].rule_count;
            impair_field_each(&link->impair[way], gather, &gathering);
        }
    }
}

void shrink_settings_copy(const struct shrink_settings *from, struct shrink_settings *to)
{
    *to = (struct shrink_settings){.link_count = from->link_count};
    to->changes = xcalloc(from->link_count, sizeof *to->changes);
    memcpy(to->changes, from->changes, from->link_count * sizeof *to->changes);
    for (size_t i = 0; i < from->count; i++)
        add(to, from->items[i].link, from->items[i].ways, from->items[i].name, from->items[i].text);
}

void shrink_settings_free(struct shrink_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].name);
        free(settings->items[i].text);
    }
    free(settings->items);
    free(settings->changes);
    *settings = (struct shrink_settings){0};
}

/* -- Units ------------------------------------------------------------------------------------- */

enum { UNIT_MAX = 48 };

/* What a setting comes and goes with: its rule, its loss model, or the setting that it is of. */
static void unit_of(const char *name, char unit[static UNIT_MAX])
{
    size_t rule = IMPAIR_RULES_MAX;
    const struct impair_field *field = impair_field_find(name, &rule);

    while (field && field->head && rule == IMPAIR_RULES_MAX)
        field = impair_field_find(field->head, &rule);
    if (rule != IMPAIR_RULES_MAX)
        snprintf(unit, UNIT_MAX, "rules.%zu", rule);
    else if (strncmp(name, "loss", strlen("loss")) == 0)
        snprintf(unit, UNIT_MAX, "loss");
    else
        snprintf(unit, UNIT_MAX, "%s", field ? field->name : name);
}

bool shrink_is_one_unit(const struct shrink_setting *a, const struct shrink_setting *b)
{
    char unit[UNIT_MAX], other[UNIT_MAX];

    unit_of(a->name, unit);
    unit_of(b->name, other);
    return a->link == b->link && (a->ways & b->ways) && strcmp(unit, other) == 0;
}

/* -- Links ------------------------------------------------------------------------------------- */

/* "rules.4.action" -> "rules.1.action", where that is the second rule that is left. */
static char *renumbered(const struct shrink_settings *settings, size_t index, unsigned way)
{
    const struct shrink_setting *item = &settings->items[index];
    size_t rule, other, position = 0, last = IMPAIR_RULES_MAX;

    if (!impair_field_find(item->name, &rule) || rule == IMPAIR_RULES_MAX)
        return xstrdup(item->name);
    for (size_t i = 0; i < index; i++) {
        const struct shrink_setting *before = &settings->items[i];

        if (before->link != item->link || !(before->ways & 1u << way) ||
            !impair_field_find(before->name, &other) || other == IMPAIR_RULES_MAX)
            continue;
        position += other != last && other != rule;
        last = other;
    }
    return xasprintf("rules.%zu.%s", position, strchr(strchr(item->name, '.') + 1, '.') + 1);
}

static int make_way(const struct shrink_settings *settings, size_t link, unsigned way, unsigned mtu,
                    struct impair_config *config, struct error *error)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct shrink_setting *item = &settings->items[i];
        cleanup_free char *name = NULL;
        int code;

        if (item->link != link || !(item->ways & 1u << way))
            continue;
        name = renumbered(settings, i, way);
        code = impair_field_set(config, name, item->text, error);
        if (code < 0)
            return code;
    }
    return impair_config_end(config, mtu, NULL, error);
}

int shrink_links_make(const struct shrink_settings *settings, const struct suite_case *suite_case,
                      struct shrink_links *links, struct error *error)
{
    int code = 0;

    *links = (struct shrink_links){.items = xcalloc(suite_case->link_count, sizeof *links->items),
                                   .configs =
                                       xcalloc(2 * suite_case->link_count, sizeof *links->configs),
                                   .count = suite_case->link_count};
    for (size_t i = 0; i < links->count && code == 0; i++) {
        links->items[i] = suite_case->links[i];
        if (!settings->changes[i])
            links->items[i].changes = (struct impair_plan){0};
        for (unsigned way = 0; way < 2 && code == 0; way++) {
            struct impair_config *config = &links->configs[2 * i + way];

            code = make_way(settings, i, way, suite_case->links[i].mtu, config, error);
            links->items[i].impair[way] = config->settings;
        }
    }
    return code;
}

static void append(void *context, const char *name, const char *text)
{
    buffer_printf(context, "%s %s\n", name, text);
}

void shrink_links_text(const struct shrink_links *links, struct buffer *out)
{
    for (size_t i = 0; i < links->count; i++)
        for (unsigned way = 0; way < 2; way++) {
            buffer_printf(out, "%zu.%u, %zu changes\n", i, way, links->items[i].changes.count);
            impair_field_each(&links->items[i].impair[way], append, out);
        }
}

void shrink_links_free(struct shrink_links *links)
{
    for (size_t i = 0; i < 2 * links->count; i++)
        impair_config_free(&links->configs[i]);
    free(links->configs);
    free(links->items);
    *links = (struct shrink_links){0};
}
