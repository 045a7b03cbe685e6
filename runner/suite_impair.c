/* What a suite asks of its links: impairments, their changes in the course of time, and those that
 * steps bring. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/memory.h"
#include "base/units.h"
#include "net/impair_field.h"

#include <string.h>

/* Both directions of one link, from setting to setting. */
struct course {
    struct impair_config ways[2];
};

static void course_free(struct course *course)
{
    impair_config_free(&course->ways[0]);
    impair_config_free(&course->ways[1]);
}

#define cleanup_course __attribute__((cleanup(course_free)))

static int apply(struct reader *reader, const struct settings *settings,
                 const struct suite_link *link, struct course *course)
{
    int status = 0;

    for (unsigned i = 0; !status && i < 2; i++)
        status = settings_apply(reader, settings, link, i, &course->ways[i]);
    return status;
}

static int nothing(struct reader *reader, const struct settings *settings, const char *what)
{
    if (settings->counts[0] || settings->counts[1])
        return 0;
    return reader_fail(reader, settings->at, "%s without a setting: expected what changes", what);
}

/* -- Changes ----------------------------------------------------------------------------------- */

/* When a change happens. */
static int read_trigger(struct reader *reader, const struct yaml_node *map,
                        const struct suite_link *link, struct impair_step *step)
{
    const struct yaml_node *at = yaml_find(map, "at"), *after = yaml_find(map, "after");
    struct change_build build = {0};
    size_t node = link->ends[0].node;
    int status;

    if (!at == !after)
        return reader_fail(reader, map, "a change with %s: expected at or after",
                           at ? "both at and after" : "neither at nor after");
    status = section_read_one(reader, IN_CHANGE, map, "at", &build);
    if (!status)
        status = section_read_one(reader, IN_CHANGE, map, "after", &build);
    if (!status)
        status = section_read_one(reader, IN_CHANGE, map, "of", &build);
    if (!status && build.of && after)
        return reader_fail(reader, build.of, "of: found with after, expected at");
    if (!status && build.of)
        status = reader_node(reader, build.of, "of", &node);
    if (status)
        return status;
    if (link->ends[0].node != node && link->ends[1].node != node)
        return reader_fail(reader, build.of, "of: the node \"%s\" is no end of this link",
                           build.of->text);
    *step = (struct impair_step){.by_packet = at != NULL,
                                 .packet = build.packet,
                                 .direction = link->ends[1].node == node,
                                 .after_ns = build.after_ns};
    return 0;
}

/* That a change is not to come before an earlier one, which it waits for. */
static int check_order(struct reader *reader, const struct yaml_node *map,
                       const struct impair_step *steps, size_t count)
{
    const struct impair_step *step = &steps[count];

    for (size_t i = count; step->by_packet && i-- > 0;)
        if (steps[i].by_packet && steps[i].direction == step->direction)
            return steps[i].packet <= step->packet
                       ? 0
                       : reader_fail(
                             reader, yaml_find(map, "at"),
                             "at: found %llu after %llu of an earlier change, expected them "
                             "in order",
                             (unsigned long long)step->packet, (unsigned long long)steps[i].packet);
    return 0;
}

static int read_change(struct reader *reader, const struct yaml_node *map,
                       const struct suite_link *link, struct course *course,
                       struct impair_step *steps, size_t count)
{
    struct impair_step *step = &steps[count];
    struct settings settings;
    int status = reader_resolve(reader, map, &map);

    if (!status)
        status = settings_read(reader, IN_CHANGE, link, map, &settings);
    if (!status)
        status = read_trigger(reader, map, link, step);
    if (!status)
        status = check_order(reader, map, steps, count);
    if (!status)
        status = nothing(reader, &settings, "a change");
    if (!status)
        status = apply(reader, &settings, link, course);
    for (unsigned i = 0; !status && i < 2; i++) {
        struct impair_settings *kept;

        if (!settings.counts[i])
            continue;
        kept = arena_alloc(reader->memory, sizeof(*kept));
        *kept = settings_keep(reader, &course->ways[i].settings);
        step->settings[i] = kept;
    }
    return status;
}

static int read_changes(struct reader *reader, const struct yaml_node *list, struct course *course,
                        struct suite_link *link)
{
    struct impair_step *steps;
    int status = reader_resolve(reader, list, &list);

    if (!status)
        status = reader_list(reader, list, "changes", "changes");
    if (status)
        return status;
    if (link->carrier == SUITE_CARRIER_NETEM && list->count)
        return reader_fail(reader, list,
                           "changes: found with carrier: netem, where nobody sees the packets that "
                           "they wait for: expected guest or host");
    steps = arena_array(reader->memory, list->count, sizeof(*steps));
    for (size_t i = 0; !status && i < list->count; i++)
        status = read_change(reader, list->items[i], link, course, steps, i);
    link->changes = (struct impair_plan){steps, list->count};
    return status;
}

int suite_read_impair(struct reader *reader, const struct yaml_node *value, struct suite_link *link)
{
    cleanup_course struct course course = {0};
    struct settings settings;
    const struct yaml_node *changes;
    int status = settings_read(reader, IN_IMPAIR, link, value, &settings);

    if (!status)
        status = apply(reader, &settings, link, &course);
    if (status)
        return status;
    for (unsigned i = 0; i < 2; i++)
        link->impair[i] = settings_keep(reader, &course.ways[i].settings);
    link->impair_at = position_of(value);
    changes = yaml_find(settings.at, "changes");
    return changes ? read_changes(reader, changes, &course, link) : 0;
}

/* -- Steps ------------------------------------------------------------------------------------- */

static int find_link(struct reader *reader, const struct yaml_node *name, size_t *index)
{
    const struct suite_case *built = reader->built;
    size_t count = built->link_count;
    const char **names = arena_array(reader->scratch, count, sizeof(*names));
    char suggestion[96];

    for (size_t i = 0; i < count; i++) {
        names[i] = built->links[i].name;
        if (!strcmp(names[i], name->text)) {
            *index = i;
            return 0;
        }
    }
    return reader_fail(reader, name, "impair: there is no link \"%.64s\"%s", name->text,
                       suggest_text(name->text, names, count, suggestion, sizeof(suggestion)));
}

static struct suite_pairs keep_pairs(struct reader *reader, const struct settings *settings,
                                     unsigned direction)
{
    size_t count = settings->counts[direction];
    struct suite_pairs pairs = {arena_array(reader->memory, count, sizeof(*pairs.items)), count};

    for (size_t i = 0; i < count; i++) {
        const struct setting *setting = &settings->items[direction][i];

        pairs.items[i].name = arena_text(reader->memory, setting->name);
        pairs.items[i].value = arena_text(reader->memory, setting->text);
    }
    return pairs;
}

/* What it comes to is known when the step starts only; here it must make sense over what the link
 * begins with. */
static int read_one(struct reader *reader, const struct yaml_pair *pair,
                    struct suite_step_impair *impair)
{
    cleanup_course struct course course = {0};
    const struct suite_link *link;
    struct settings settings;
    int status = find_link(reader, pair->key, &impair->link);

    if (status)
        return status;
    link = &reader->built->links[impair->link];
    status = settings_read(reader, IN_STEP_IMPAIR, link, pair->value, &settings);
    if (!status)
        status = nothing(reader, &settings, "impair");
    if (status)
        return status;
    for (unsigned i = 0; i < 2; i++) {
        impair_config_copy(&course.ways[i], &link->impair[i]);
        impair->named[i] = keep_pairs(reader, &settings, i);
    }
    impair->at = position_of(pair->key);
    return apply(reader, &settings, link, &course);
}

int read_step_impair(struct reader *reader, const struct suite_key *key,
                     const struct yaml_node *value, void *field)
{
    struct suite_step *step = field;
    int status = reader_map(reader, value, key->name, "links and settings");

    if (status)
        return status;
    step->impairs = arena_array(reader->memory, value->count, sizeof(*step->impairs));
    step->impair_count = value->count;
    for (size_t i = 0; !status && i < value->count; i++)
        status = read_one(reader, &value->pairs[i], &step->impairs[i]);
    return status;
}
