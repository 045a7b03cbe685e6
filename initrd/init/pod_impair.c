#include "initrd/init/pod_impair.h"

#include "base/memory.h"
#include "initrd/init/field.h"
#include "net/impair_round.h"

#include <errno.h>
#include <stdlib.h>

/* *round has as many items as the object has members at most. */
static int read_round(json_t *json, struct impair_named *items, struct impair_round *round,
                      struct error *error)
{
    const char *name;
    json_t *value;

    *round = (struct impair_round){.items = items};
    json_object_foreach(json, name, value)
    {
        if (!json_is_string(value))
            return field_wrong(name, value, "a string", error);
        items[round->count++] = (struct impair_named){name, json_string_value(value)};
    }
    return 0;
}

int pod_impair_change(json_t *json, uint32_t mtu, struct impair_config *config, struct error *error)
{
    cleanup_free struct impair_named *items = NULL;
    struct impair_config next = {0};
    struct impair_round round;
    struct error found;
    int code;

    if (!json_is_object(json))
        return field_wrong("impair", json, "an object", error);
    items = xcalloc(json_object_size(json) + 1, sizeof *items);
    code = read_round(json, items, &round, error);
    if (code < 0)
        return code;
    if (impair_round_make(config, &round, mtu, &next, &found) < 0)
        return error_set(error, EINVAL, "%s", found.message);
    impair_config_free(config);
    *config = next;
    return 0;
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
