#include "initrd/init/pod_carrier.h"

#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/field.h"
#include "initrd/init/pod_impair.h"

#include <errno.h>

void pod_carrier_free(struct pod_carrier *carrier)
{
    if (!carrier)
        return;
    for (unsigned way = 0; way < 2; way++)
        impair_config_free(&carrier->configs[way]);
    for (size_t i = 0; i < carrier->step_count; i++)
        for (unsigned way = 0; way < 2; way++)
            impair_config_free(&carrier->step_configs[i][way]);
    free(carrier->step_configs);
    free(carrier->steps);
    free(carrier->name);
    free(carrier);
}

/* -- Of both directions ------------------------------------------------------------------------ */

static int find_pair(const json_t *json, const char *key, const json_t **pair, struct error *error)
{
    *pair = json_object_get(json, key);
    if (*pair && (!json_is_array(*pair) || json_array_size(*pair) != 2))
        return error_set(error, EINVAL, "\"%s\" is no array of two, one for each direction", key);
    return 0;
}

int pod_carrier_change(const json_t *json, uint32_t mtu, struct impair_config configs[static 2],
                       unsigned *named, struct error *error)
{
    const json_t *pair;
    int code = find_pair(json, "impair", &pair, error);

    *named = 0;
    for (unsigned way = 0; pair && code == 0 && way < 2; way++) {
        json_t *object = json_array_get(pair, way);

        if (json_is_null(object))
            continue;
        *named |= 1u << way;
        code = pod_impair_change(object, mtu, &configs[way], error);
        if (code < 0)
            error_context(error, "\"impair\"[%u]", way);
    }
    return code;
}

static int parse_verdicts(const json_t *json, struct pod_carrier *carrier, struct error *error)
{
    const json_t *pair;
    int code = find_pair(json, "verdicts", &pair, error);

    for (unsigned way = 0; pair && code == 0 && way < 2; way++) {
        const json_t *item = json_array_get(pair, way);
        json_int_t number = json_integer_value(item);

        if (!json_is_integer(item) || number < 1 || number > (json_int_t)WIRE_ID_MAX)
            return error_set(error, EINVAL, "\"verdicts\"[%u] is no number of a stream", way);
        carrier->verdicts[way] = (uint64_t)number;
    }
    if (pair && carrier->verdicts[0] == carrier->verdicts[1])
        return error_set(error, EINVAL, "both \"verdicts\" are the same stream");
    return code;
}

/* -- Changes ----------------------------------------------------------------------------------- */

static int parse_trigger(const json_t *json, struct impair_step *step, struct error *error)
{
    int64_t number = 0, direction = 0;
    bool at = json_object_get(json, "at"), after = json_object_get(json, "after_ns");
    int code;

    if (at == after)
        return error_set(error, EINVAL, "a change needs one of \"at\" and \"after_ns\"");
    code = at ? field_integer(json, "at", 0, WIRE_ID_MAX, &number, error)
              : field_integer(json, "after_ns", 0, WIRE_ID_MAX, &number, error);
    if (code == 0 && at)
        code = field_option(json, "of", 0, 1, &direction, error);
    step->by_packet = at;
    step->packet = at ? (uint64_t)number : 0;
    step->after_ns = at ? 0 : (uint64_t)number;
    step->direction = (unsigned)direction;
    return code;
}

struct changes {
    struct pod_carrier *carrier;
    uint32_t mtu;
};

static int add_change(void *context, json_t *item, struct error *error)
{
    static const char *const known[] = {"at", "of", "after_ns", "impair", NULL};
    const struct changes *changes = context;
    struct pod_carrier *carrier = changes->carrier;
    struct impair_config(*configs)[2] = &carrier->step_configs[carrier->step_count];
    struct impair_step *step = &carrier->steps[carrier->step_count];
    unsigned named;
    int code = field_check_known(item, known, error);

    if (code == 0)
        code = parse_trigger(item, step, error);
    if (code < 0)
        return code;
    carrier->step_count++;
    code = pod_carrier_change(item, changes->mtu, *configs, &named, error);
    for (unsigned way = 0; way < 2; way++)
        step->settings[way] = named & 1u << way ? &(*configs)[way].settings : NULL;
    return code;
}

/* They stand still in memory: steps point to their settings. */
static int parse_changes(const json_t *json, uint32_t mtu, struct pod_carrier *carrier,
                         struct error *error)
{
    struct changes changes = {carrier, mtu};
    size_t count = json_array_size(json_object_get(json, "changes"));

    if (count > POD_CHANGES_MAX)
        return error_set(error, E2BIG, "there are %zu \"changes\", %d are possible", count,
                         POD_CHANGES_MAX);
    carrier->steps = xcalloc(count, sizeof *carrier->steps);
    carrier->step_configs = xcalloc(count, sizeof *carrier->step_configs);
    return field_each(json, "changes", add_change, &changes, error);
}

/* -- All of it --------------------------------------------------------------------------------- */

static int parse_link(const json_t *json, struct pod_carrier *carrier, struct error *error)
{
    int64_t link = 0, end = 0;
    int code = field_integer(json, "link", 0, WIRE_ID_MAX, &link, error);

    if (code == 0)
        code = field_string(json, "name", &carrier->name, error);
    if (code == 0)
        code = field_integer(json, "end", 0, 1, &end, error);
    carrier->link = (uint64_t)link;
    carrier->end = (unsigned)end;
    return code;
}

int pod_carrier_parse(json_t *json, uint32_t mtu, struct pod_carrier **out, struct error *error)
{
    static const char *const known[] = {"link",   "name",     "end",     "seed",
                                        "impair", "verdicts", "changes", NULL};
    struct pod_carrier *carrier = xcalloc(1, sizeof *carrier);
    unsigned named;
    int code = field_check_known(json, known, error);

    if (code == 0)
        code = parse_link(json, carrier, error);
    if (code == 0)
        code = pod_impair_seed(json, &carrier->seed, error);
    if (code == 0)
        code = pod_carrier_change(json, mtu, carrier->configs, &named, error);
    if (code == 0)
        code = parse_verdicts(json, carrier, error);
    if (code == 0)
        code = parse_changes(json, mtu, carrier, error);
    if (code < 0) {
        pod_carrier_free(carrier);
        return error_context(error, "\"carrier\"");
    }
    *out = carrier;
    return 0;
}
