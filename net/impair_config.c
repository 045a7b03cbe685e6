#include "net/impair_config.h"
#include "net/impair_field.h"
#include "net/impair_value.h"
#include "net/random.h"

#include "base/memory.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define RULES_NAMED (UINT64_C(1) << 63)

static void *copy_of(const void *items, size_t count, size_t size)
{
    void *copy = count ? xreallocarray(NULL, count, size) : NULL;

    if (count)
        memcpy(copy, items, count * size);
    return copy;
}

static void own_table(struct impair_spread *spread)
{
    if (spread->distribution == IMPAIR_TABLE) {
        spread->table = copy_of(spread->table, spread->table_count, sizeof *spread->table);
        return;
    }
    spread->table = NULL;
    spread->table_count = 0;
}

static void free_owned(struct impair_config *config)
{
    free(config->rules);
    free((void *)config->settings.delay.table);
    free((void *)config->settings.slot.interval.table);
}

void impair_config_free(struct impair_config *config)
{
    if (!config)
        return;
    free_owned(config);
    *config = (struct impair_config){0};
}

static void begin_round(struct impair_config *config)
{
    config->named = config->acting = 0;
    config->before = config->settings.loss.model;
    config->had_rate = config->settings.rate.bps != 0;
}

void impair_config_copy(struct impair_config *config, const struct impair_settings *settings)
{
    struct impair_config copy = {.settings = *settings};

    own_table(&copy.settings.delay);
    own_table(&copy.settings.slot.interval);
    copy.rules = copy_of(settings->rules, settings->rule_count, sizeof *copy.rules);
    copy.settings.rules = copy.rules;
    begin_round(&copy);
    free_owned(config);
    *config = copy;
}

/* -- Setting ----------------------------------------------------------------------------------- */

static size_t index_of(const char *name)
{
    size_t rule, count;
    const struct impair_field *first = impair_fields(&count);

    return (size_t)(impair_field_find(name, &rule) - first);
}

static bool is_named(const struct impair_config *config, const char *name)
{
    return config->named >> index_of(name) & 1;
}

/* A setting of another loss model that the round names, or NULL. */
static const char *other_model(const struct impair_config *config, enum impair_loss_model model)
{
    size_t count;
    const struct impair_field *fields = impair_fields(&count);

    for (size_t i = 0; i < count; i++)
        if ((config->named >> i & 1) && impair_field_model(&fields[i]) != IMPAIR_LOSS_MODELS &&
            impair_field_model(&fields[i]) != model)
            return fields[i].name;
    return NULL;
}

/* What belongs to another model goes; the limit is of any. The random one's correlation may have
 * been named before. */
static void choose_model(struct impair_loss *loss, enum impair_loss_model model)
{
    struct impair_loss chosen = {.model = model, .limit = loss->limit};

    if (model == IMPAIR_LOSS_RANDOM)
        chosen.random = loss->random;
    if (loss->model != model)
        *loss = chosen;
}

/* Reads into a copy first: the member changes when all is well, or not at all. */
static int set_member(const struct impair_field *field, const char *text, void *member,
                      struct error *error)
{
    _Alignas(max_align_t) uint8_t value[IMPAIR_VALUE_MAX];
    bool may_be_none = field->kind != &impair_value_action;
    int status;

    if (may_be_none && (!strcmp(text, "none") ||
                        (!strcmp(text, "0") && field->kind->number && !field->positive))) {
        impair_value_forget(field->kind, member);
        return 0;
    }
    memcpy(value, member, field->kind->size);
    status = field->kind->read(text, value, error);
    if (status)
        return status;
    if (field->positive && impair_value_is_none(field->kind, value))
        return error_set(error, EINVAL,
                         "found \"%.60s\", expected more than that, or \"none\" to leave it out",
                         text);
    impair_value_forget(field->kind, member);
    memcpy(member, value, field->kind->size);
    return 0;
}

static void forget_rules(struct impair_config *config)
{
    if (config->named & RULES_NAMED)
        return;
    free(config->rules);
    config->rules = NULL;
    config->settings.rules = NULL;
    config->settings.rule_count = 0;
    config->acting = 0;
    config->named |= RULES_NAMED;
}

/* The rule's place in the config, which grows up to it. */
static struct impair_rule *rule_at(struct impair_config *config, size_t index)
{
    struct impair_settings *settings = &config->settings;

    if (index >= settings->rule_count) {
        config->rules = xreallocarray(config->rules, index + 1, sizeof *config->rules);
        memset(config->rules + settings->rule_count, 0,
               (index + 1 - settings->rule_count) * sizeof *config->rules);
        settings->rule_count = index + 1;
        settings->rules = config->rules;
    }
    return &config->rules[index];
}

static int set_rule(struct impair_config *config, const struct impair_field *field, size_t index,
                    const char *text, struct error *error)
{
    struct impair_rule scratch = {0};
    int status = set_member(field, text, (char *)&scratch + field->offset, error);

    if (status)
        return status;
    forget_rules(config);
    if (field->kind == &impair_value_action)
        config->acting |= UINT64_C(1) << index;
    return set_member(field, text, (char *)rule_at(config, index) + field->offset, error);
}

static int set_setting(struct impair_config *config, const struct impair_field *field,
                       const char *text, struct error *error)
{
    enum impair_loss_model model = impair_field_model(field);
    const struct impair_loss before = config->settings.loss;
    const char *other = model < IMPAIR_LOSS_MODELS ? other_model(config, model) : NULL;
    int status;

    if (other)
        return error_set(error, EINVAL, "found beside %s, expected one loss model", other);
    if (model < IMPAIR_LOSS_MODELS && strcmp(field->name, "loss.correlation") != 0)
        choose_model(&config->settings.loss, model);
    status = set_member(field, text, (char *)&config->settings + field->offset, error);
    if (status) {
        config->settings.loss = before;
        return status;
    }
    config->named |= UINT64_C(1) << index_of(field->name);
    return 0;
}

int impair_field_set(struct impair_config *config, const char *name, const char *text,
                     struct error *error)
{
    struct error inner = {0};
    size_t rule;
    const struct impair_field *field = impair_field_find(name, &rule);
    int status;

    if (!strcmp(name, "rules") && !strcmp(text, "none")) {
        forget_rules(config);
        return 0;
    }
    if (!strcmp(name, "rules"))
        return error_set(error, EINVAL,
                         "rules: found \"%.60s\", expected none, or the settings of each rule",
                         text);
    if (!field)
        return error_set(error, ENOENT, "unknown setting \"%.60s\"", name);
    status = rule < IMPAIR_RULES_MAX ? set_rule(config, field, rule, text, &inner)
                                     : set_setting(config, field, text, &inner);
    return status ? error_set(error, inner.code, "%s: %s", name, inner.message) : 0;
}

/* -- The end of a round ------------------------------------------------------------------------ */

/* A head stands before what follows it in the table of fields, and may follow another. */
static void follow_heads(struct impair_config *config)
{
    size_t count;
    const struct impair_field *fields = impair_fields(&count);
    uint64_t gone = 0;

    for (size_t i = 0; i < count; i++) {
        char *member = (char *)&config->settings + fields[i].offset;
        bool named = config->named >> i & 1;

        if (named && impair_value_is_none(fields[i].kind, member))
            gone |= UINT64_C(1) << i;
        if (named || !fields[i].head || !(gone >> index_of(fields[i].head) & 1))
            continue;
        impair_value_forget(fields[i].kind, member);
        gone |= UINT64_C(1) << i;
    }
}

static void fill_model(struct impair_config *config)
{
    struct impair_loss *loss = &config->settings.loss;

    if (loss->model == config->before)
        return;
    if (loss->model == IMPAIR_LOSS_GEMODEL) {
        if (!is_named(config, "loss.gemodel.r"))
            loss->gemodel.r = RANDOM_PPB - loss->gemodel.p;
        if (!is_named(config, "loss.gemodel.1-h"))
            loss->gemodel.bad_loss_ppb = RANDOM_PPB;
    } else if (loss->model == IMPAIR_LOSS_STATE) {
        if (!is_named(config, "loss.state.p31"))
            loss->state.p31 = RANDOM_PPB - loss->state.p13;
        if (!is_named(config, "loss.state.p23"))
            loss->state.p23 = RANDOM_PPB;
    }
}

static void fill_queue(struct impair_config *config)
{
    if (!config->had_rate && config->settings.rate.bps && !is_named(config, "queue.packets") &&
        !is_named(config, "queue.bytes") && !is_named(config, "queue.time"))
        config->settings.queue.limit_packets = IMPAIR_QUEUE_PACKETS;
}

static int fail(struct impair_mistake *mistake, const char *field, size_t rule)
{
    if (mistake) {
        snprintf(mistake->field, sizeof mistake->field, "%s", field);
        mistake->rule = rule;
    }
    return -EINVAL;
}

/* What impair_check cannot see. */
static int check_round(const struct impair_config *config, struct impair_mistake *mistake,
                       struct error *error)
{
    if (config->settings.loss.model != IMPAIR_LOSS_RANDOM && is_named(config, "loss.correlation")) {
        error_set(error, EINVAL, "loss.correlation: found another loss model, expected loss");
        return fail(mistake, "loss.correlation", 0);
    }
    for (size_t i = 0; (config->named & RULES_NAMED) && i < config->settings.rule_count; i++) {
        if (config->acting >> i & 1)
            continue;
        error_set(error, EINVAL,
                  "rules.action: in rule %zu, found nothing, expected drop, delay, duplicate, "
                  "mangle or reset",
                  i + 1);
        return fail(mistake, "rules.action", i);
    }
    return 0;
}

int impair_config_end(struct impair_config *config, uint32_t mtu, struct impair_mistake *mistake,
                      struct error *error)
{
    int status = check_round(config, mistake, error);

    if (status)
        return status;
    follow_heads(config);
    fill_model(config);
    fill_queue(config);
    status = impair_check(&config->settings, mtu, mistake, error);
    if (!status)
        begin_round(config);
    return status;
}
