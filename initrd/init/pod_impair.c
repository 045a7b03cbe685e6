#include "initrd/init/pod_impair.h"

#include "initrd/init/field.h"
#include "net/impair_field.h"

#include <errno.h>
#include <stdlib.h>

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

int pod_impair_change(json_t *json, uint32_t mtu, struct impair_config *config, struct error *error)
{
    int code;

    if (!json_is_object(json))
        return field_wrong("impair", json, "an object", error);
    code = set_fields(json, config, error);
    return code < 0 ? code : impair_config_end(config, mtu, NULL, error);
}

int pod_impair_seed(const json_t *json, uint64_t *seed, struct error *error)
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
