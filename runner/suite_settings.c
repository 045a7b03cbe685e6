/* An impairment's settings in a suite: mappings, nested or with dots in their keys, for both
 * directions of a link or for one. */
#include "runner/suggest.h"
#include "runner/suite_reader.h"

#include "base/fs.h"
#include "base/memory.h"
#include "net/impair_field.h"
#include "net/impair_netem.h"
#include "net/impair_value.h"

#include <stdio.h>
#include <string.h>

enum {
    NAME_MAX_LENGTH = 48,
    DISTRIBUTION_BYTES_MAX = 1 << 20,
};

struct list {
    struct setting *items;
    size_t count, room;
};

static void add(struct reader *reader, struct list *list, const struct setting *setting)
{
    if (list->count == list->room) {
        size_t room = list->room ? 2 * list->room : 16;
        struct setting *items = arena_array(reader->scratch, room, sizeof(*items));

        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    list->items[list->count++] = *setting;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* -- Names ------------------------------------------------------------------------------------- */

/* Whether `name` is what settings begin with, as "loss.gemodel" is. */
static bool is_group(const char *name)
{
    size_t count, length = strlen(name);
    const struct impair_field *fields = impair_fields(&count);

    for (size_t i = 0; i < count; i++)
        if (starts_with(fields[i].name, name) && fields[i].name[length] == '.')
            return true;
    return starts_with(name, "rules") && (!name[5] || name[5] == '.');
}

static int unknown_in_rule(struct reader *reader, const struct yaml_node *key, const char *name)
{
    size_t count;
    const struct impair_field *fields = impair_rule_fields(&count);
    const char **names = arena_array(reader->scratch, count, sizeof(*names));
    char suggestion[80];

    for (size_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    return reader_fail(reader, key, "unknown key \"%.40s\" in a rule%s", name,
                       suggest_text(name, names, count, suggestion, sizeof(suggestion)));
}

static int unknown(struct reader *reader, enum section where, const struct setting *setting)
{
    const char *name = setting->name;
    size_t count, key_count;
    const struct impair_field *fields = impair_fields(&count);
    const struct suite_key *keys = suite_keys(&key_count);
    const char **names = arena_array(reader->scratch, count + key_count, sizeof(*names));
    const char *dot = starts_with(name, "rules.") ? strchr(name + 6, '.') : NULL;
    char suggestion[80], found[80];

    if (dot)
        return unknown_in_rule(reader, setting->key, dot + 1);
    for (size_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    for (size_t i = 0; i < key_count; i++)
        names[count + i] = keys[i].where & where ? keys[i].name : NULL;
    suggest_text(name, names, count + key_count, suggestion, sizeof(suggestion));
    if (is_group(name))
        return reader_fail(reader, setting->value,
                           "%.40s: found %s, expected a mapping of settings", name,
                           yaml_found(setting->value, found, sizeof(found)));
    return reader_fail(reader, setting->key, "unknown key \"%.40s\" in an impairment%s", name,
                       *suggestion ? suggestion
                                   : ": docs/impairment.md has the names of all settings");
}

/* -- Values ------------------------------------------------------------------------------------ */

static int wrong_kind(struct reader *reader, const char *name, const struct impair_field *field,
                      const struct yaml_node *value)
{
    char found[80];

    return reader_fail(reader, value, "%s: found %s, expected %s, as in %s", name,
                       yaml_found(value, found, sizeof(found)), field->kind->type, field->example);
}

/* The numbers of a table, as text. */
static int join(struct reader *reader, const char *name, const struct yaml_node *list,
                const char **text)
{
    cleanup_buffer struct buffer joined = {0};

    for (size_t i = 0; i < list->count; i++) {
        const char *item;
        int status = reader_text(reader, list->items[i], name, &item);

        if (status)
            return status;
        buffer_printf(&joined, "%s%s", i ? " " : "", item);
    }
    if (!joined.length)
        return reader_fail(reader, list, "%s: found an empty list, expected numbers", name);
    *text = arena_copy(reader->scratch, joined.data, joined.length);
    return 0;
}

/* A file as tc(8) has them, NAME.dist: numbers, and comments from "#" to the line's end. */
static int read_file(struct reader *reader, const char *name, const struct yaml_node *value,
                     const char **text)
{
    const char *path = value->text[0] == '/'
                           ? value->text
                           : arena_printf(reader->scratch, "%s/%s", reader->directory, value->text);
    cleanup_buffer struct buffer file = {0};

    if (fs_read(path, DISTRIBUTION_BYTES_MAX, &file, reader->error))
        return reader_context(reader, value, name);
    buffer_append(&file, "", 1);
    for (char *at = file.data; (at = strchr(at, '#'));)
        memset(at, ' ', strcspn(at, "\n"));
    *text = arena_text(reader->scratch, file.data);
    if (!(*text)[strspn(*text, " \t\r\n")])
        return reader_fail(reader, value, "%s: %s has no numbers", name, path);
    return 0;
}

static bool is_file(const struct impair_field *field, const char *text)
{
    size_t length = strlen(text);

    return field->kind == &impair_value_distribution && length > 5 &&
           !strcmp(text + length - 5, ".dist");
}

static int add_value(struct reader *reader, enum section where, struct setting *setting,
                     struct list *list)
{
    const struct yaml_node *value = setting->value;
    bool all_rules = !strcmp(setting->name, "rules");
    size_t rule;
    const struct impair_field *field = impair_field_find(setting->name, &rule);
    int status = 0;

    if (!field && !all_rules)
        return unknown(reader, where, setting);
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->items[i].name, setting->name))
            return reader_fail(reader, setting->key, "%s: it was given in line %u already",
                               setting->name, list->items[i].key->line);
    if (value->kind == YAML_LIST && field && field->kind == &impair_value_distribution)
        status = join(reader, setting->name, value, &setting->text);
    else if (value->kind == YAML_LIST && all_rules)
        setting->text = "none";
    else if (field && (value->kind != YAML_SCALAR || yaml_is_null(value)))
        status = wrong_kind(reader, setting->name, field, value);
    else if (field && is_file(field, value->text))
        status = read_file(reader, setting->name, value, &setting->text);
    else
        setting->text = value->text ? value->text : "";
    if (!status)
        add(reader, list, setting);
    return status;
}

static int flatten(struct reader *reader, enum section where, const struct setting *from,
                   struct list *list);

/* `name` is NULL where the item has a number. */
static int descend(struct reader *reader, enum section where, const struct setting *parent,
                   const char *name, size_t number, const struct yaml_node *key,
                   const struct yaml_node *value, struct list *list)
{
    struct setting child = {.key = key, .value = value};

    child.name = name ? arena_printf(reader->scratch, "%s.%s", parent->name, name)
                      : arena_printf(reader->scratch, "%s.%zu", parent->name, number);
    return flatten(reader, where, &child, list);
}

/* Names grow with every level, so that their longest bounds the depth. */
static int flatten(struct reader *reader, enum section where, const struct setting *from,
                   struct list *list)
{
    struct setting setting = *from;
    const struct yaml_node *value;
    int status = reader_resolve(reader, from->value, &value);

    if (status)
        return status;
    setting.value = value;
    if (strlen(setting.name) > NAME_MAX_LENGTH)
        return unknown(reader, where, &setting);
    if (value->kind == YAML_MAP && !strcmp(setting.name, "rules"))
        return reader_fail(reader, value, "rules: found a mapping, expected a list of rules");
    if (value->kind == YAML_MAP && value->count && is_group(setting.name)) {
        for (size_t i = 0; !status && i < value->count; i++)
            status = descend(reader, where, &setting, value->pairs[i].key->text, 0,
                             value->pairs[i].key, value->pairs[i].value, list);
        return status;
    }
    if (value->kind == YAML_LIST && value->count && !strcmp(setting.name, "rules")) {
        if (value->count > IMPAIR_RULES_MAX)
            return reader_fail(reader, value, "rules: found %zu, expected at most %d", value->count,
                               IMPAIR_RULES_MAX);
        for (size_t i = 0; !status && i < value->count; i++)
            status =
                descend(reader, where, &setting, NULL, i, value->items[i], value->items[i], list);
        return status;
    }
    return add_value(reader, where, &setting, list);
}

/* -- Mappings ---------------------------------------------------------------------------------- */

/* Whether it is one that stands beside settings. Rules are settings. */
static bool is_own_key(enum section where, const char *name)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    for (size_t i = 0; i < count; i++)
        if ((keys[i].where & where) && !strcmp(keys[i].name, name))
            return strcmp(name, "rules") != 0;
    return false;
}

static int read_map(struct reader *reader, enum section where, const struct yaml_node *map,
                    struct list *list)
{
    char found[80];

    if (map->kind != YAML_MAP)
        return reader_fail(reader, map, "found %s, expected the settings of an impairment",
                           yaml_found(map, found, sizeof(found)));
    for (size_t i = 0; i < map->count; i++) {
        const struct yaml_node *key = map->pairs[i].key;
        struct setting setting = {.name = key->text, .key = key, .value = map->pairs[i].value};
        int status;

        if (is_own_key(where, key->text))
            continue;
        status = flatten(reader, where, &setting, list);
        if (status)
            return status;
    }
    return 0;
}

static int read_from(struct reader *reader, const struct suite_link *link,
                     const struct yaml_node *from, struct list lists[static 2])
{
    int status = reader_resolve(reader, from, &from);

    if (!status)
        status = reader_map(reader, from, "from", "nodes and settings");
    for (size_t i = 0; !status && i < from->count; i++) {
        const struct yaml_node *name = from->pairs[i].key, *map;
        size_t node;

        status = reader_node(reader, name, "from", &node);
        if (status)
            return status;
        if (link->ends[0].node != node && link->ends[1].node != node)
            return reader_fail(reader, name, "from: the node \"%s\" is no end of this link",
                               name->text);
        status = reader_resolve(reader, from->pairs[i].value, &map);
        if (!status)
            status = read_map(reader, 0, map, &lists[link->ends[1].node == node]);
    }
    return status;
}

/* Whether a setting of one direction replaces one of both: the same, another rule of a list that is
 * another, another model of loss. */
static bool replaces(const char *own, const char *common)
{
    size_t rule;
    const struct impair_field *a = impair_field_find(own, &rule);
    const struct impair_field *b = impair_field_find(common, &rule);

    if (starts_with(own, "rules") && starts_with(common, "rules"))
        return true;
    if (a && b && impair_field_model(a) != impair_field_model(b) &&
        impair_field_model(a) != IMPAIR_LOSS_MODELS && impair_field_model(b) != IMPAIR_LOSS_MODELS)
        return true;
    return !strcmp(own, common);
}

static void merge(struct reader *reader, const struct list *common, const struct list *own,
                  struct list *merged)
{
    for (size_t i = 0; i < common->count; i++) {
        bool replaced = false;

        for (size_t j = 0; j < own->count && !replaced; j++)
            replaced = replaces(own->items[j].name, common->items[i].name);
        if (!replaced)
            add(reader, merged, &common->items[i]);
    }
    for (size_t i = 0; i < own->count; i++)
        add(reader, merged, &own->items[i]);
}

int settings_read(struct reader *reader, enum section where, const struct suite_link *link,
                  const struct yaml_node *map, struct settings *settings)
{
    struct list common = {0}, own[2] = {{0}};
    const struct yaml_node *from;
    int status = reader_resolve(reader, map, &map);

    if (!status)
        status = read_map(reader, where, map, &common);
    if (status)
        return status;
    from = yaml_find(map, "from");
    if (from)
        status = read_from(reader, link, from, own);
    settings->at = map;
    for (unsigned i = 0; i < 2; i++) {
        struct list merged = {0};

        merge(reader, &common, &own[i], &merged);
        settings->items[i] = merged.items;
        settings->counts[i] = merged.count;
    }
    return status;
}

/* -- What they come to ------------------------------------------------------------------------- */

/* The value that a mistake is about; where the mapping does not have it, all of the mapping. */
static const struct yaml_node *place(const struct settings *settings, unsigned direction,
                                     const struct impair_mistake *mistake)
{
    char name[2 * NAME_MAX_LENGTH];
    size_t length;
    const struct yaml_node *near = settings->at;

    if (starts_with(mistake->field, "rules."))
        snprintf(name, sizeof(name), "rules.%zu.%s", mistake->rule, mistake->field + 6);
    else
        snprintf(name, sizeof(name), "%s", mistake->field);
    length = strlen(name);
    for (size_t i = 0; i < settings->counts[direction]; i++) {
        const struct setting *setting = &settings->items[direction][i];

        if (!strcmp(setting->name, name))
            return setting->value;
        if (near == settings->at && starts_with(setting->name, name) &&
            setting->name[length] == '.')
            near = setting->value;
    }
    return near;
}

int settings_apply(struct reader *reader, const struct settings *settings,
                   const struct suite_link *link, unsigned direction, struct impair_config *config)
{
    struct impair_mistake mistake;
    struct error error = {0};
    int status;

    for (size_t i = 0; i < settings->counts[direction]; i++) {
        const struct setting *setting = &settings->items[direction][i];

        if (impair_field_set(config, setting->name, setting->text, &error))
            return reader_fail(reader, setting->value, "%s", error.message);
    }
    status = impair_config_end(config, link->mtu, &mistake, &error);
    if (!status && link->carrier == SUITE_CARRIER_NETEM)
        status = impair_netem_check(&config->settings, &mistake, &error);
    return status ? reader_fail(reader, place(settings, direction, &mistake), "%s", error.message)
                  : 0;
}

static const void *keep(struct reader *reader, const void *items, size_t count, size_t size)
{
    void *kept = count ? arena_array(reader->memory, count, size) : NULL;

    if (count)
        memcpy(kept, items, count * size);
    return kept;
}

struct impair_settings settings_keep(struct reader *reader, const struct impair_settings *settings)
{
    struct impair_settings kept = *settings;
    struct impair_spread *slot = &kept.slot.interval;

    kept.rules = keep(reader, kept.rules, kept.rule_count, sizeof(*kept.rules));
    kept.delay.table = keep(reader, kept.delay.table, kept.delay.table_count, sizeof(int16_t));
    slot->table = keep(reader, slot->table, slot->table_count, sizeof(int16_t));
    return kept;
}

void settings_describe(enum section where, struct buffer *out)
{
    size_t count;
    const struct impair_field *fields =
        where == IN_RULE ? impair_rule_fields(&count) : impair_fields(&count);

    for (size_t i = 0; i < count; i++)
        buffer_printf(out, "| `%s` | %s | %s | %s | `%s` | %s |\n", fields[i].name,
                      fields[i].kind->type, fields[i].kind->unit ? fields[i].kind->unit : "",
                      fields[i].kind == &impair_value_action ? "required" : "", fields[i].example,
                      fields[i].summary);
}
