#include "initrd/init/pod_netem.h"

#include "base/memory.h"
#include "initrd/init/field.h"
#include "net/impair_field.h"
#include "net/impair_netem.h"

#include <errno.h>
#include <stdlib.h>

static int parse_seed(const json_t *json, uint64_t *seed, struct error *error)
{
    const char *text;
    char *end;
    int code = field_text(json, "seed", &text, error);

    if (code < 0)
        return code;
    errno = 0;
    *seed = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end || errno)
        return error_set(error, EINVAL, "\"seed\" is \"%s\"; expected a decimal number below 2^64",
                         text);
    return 0;
}

static int set_fields(json_t *json, struct impair_config *config, struct error *error)
{
    struct error found = {0};
    const char *name;
    json_t *value;

    json_object_foreach(json, name, value)
    {
        if (!json_is_string(value))
            return field_wrong(name, value, "a string", error);
        if (impair_field_set(config, name, json_string_value(value), &found) < 0)
            return error_set(error, EINVAL, "%s", found.message);
    }
    return 0;
}

int pod_netem_settings(json_t *json, struct impair_config *config, struct error *error)
{
    int code;

    if (!json_is_object(json))
        return field_wrong("impair", json, "an object", error);
    impair_config_free(config);
    code = set_fields(json, config, error);
    if (code == 0)
        code = impair_config_end(config, UINT16_MAX, NULL, error);
    return code < 0 ? code : impair_netem_check(&config->settings, NULL, error);
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
        code = parse_seed(json, &netem->seed, error);
    if (code == 0)
        code = pod_netem_settings(json_object_get(json, "impair"), &netem->config, error);
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
