#include "initrd/init/pod_netem.h"

#include "base/memory.h"
#include "initrd/init/field.h"
#include "initrd/init/pod_impair.h"
#include "net/impair_netem.h"

#include <errno.h>
#include <stdlib.h>

/* After an error the config is only to be freed. */
static int change(json_t *object, struct impair_config *config, struct error *error)
{
    int code = pod_impair_change(object, UINT16_MAX, config, error);

    return code < 0 ? code : impair_netem_check(&config->settings, NULL, error);
}

int pod_netem_change(const json_t *json, const struct pod_netem *netem, struct pod_netem *changed,
                     struct error *error)
{
    json_t *pair = json_object_get(json, "impair");
    json_t *own = json_array_get(pair, netem->end), *other = json_array_get(pair, 1 - netem->end);
    int code = 0;

    if (json_array_size(pair) != 2)
        return error_set(error, EINVAL, "\"impair\" is no array of two, one for each direction");
    if (!json_is_null(other))
        return error_set(error, EINVAL,
                         "\"impair\"[%u] is of what the other end sends, whose tc netem is there",
                         1 - netem->end);
    *changed =
        (struct pod_netem){.end = netem->end, .seed = netem->seed, .changes = netem->changes};
    impair_config_copy(&changed->config, &netem->config.settings);
    if (!json_is_null(own)) {
        code = change(own, &changed->config, error);
        changed->changes++;
    }
    if (code < 0) {
        impair_config_free(&changed->config);
        return error_context(error, "\"impair\"[%u]", netem->end);
    }
    return 0;
}

static int parse_settings(const json_t *json, struct pod_netem *netem, struct error *error)
{
    json_t *object = json_object_get(json, "impair");

    return object ? change(object, &netem->config, error)
                  : field_wrong("impair", NULL, "an object", error);
}

int pod_netem_parse(json_t *json, struct pod_netem **out, struct error *error)
{
    static const char *const known[] = {"end", "seed", "impair", NULL};
    struct pod_netem *netem = xcalloc(1, sizeof *netem);
    int64_t end = 0;
    int code = field_check_known(json, known, error);

    if (code == 0)
        code = field_integer(json, "end", 0, 1, &end, error);
    netem->end = (unsigned)end;
    if (code == 0)
        code = pod_impair_seed(json, &netem->seed, error);
    if (code == 0)
        code = parse_settings(json, netem, error);
    if (code < 0) {
        pod_netem_free(netem);
        return error_context(error, "\"netem\"");
    }
    *out = netem;
    return 0;
}

void pod_netem_free(struct pod_netem *netem)
{
    if (!netem)
        return;
    impair_config_free(&netem->config);
    free(netem);
}
