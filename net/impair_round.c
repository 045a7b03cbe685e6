#include "net/impair_round.h"
#include "net/impair_field.h"

#include <errno.h>
#include <string.h>

static bool is_all(const struct impair_named *named)
{
    return strcmp(named->name, IMPAIR_ROUND_ALL) == 0;
}

static int begin(const struct impair_config *now, const struct impair_round *round,
                 struct impair_config *next, struct error *error)
{
    const struct impair_settings *start = &now->settings;
    const struct impair_settings none = {0};

    for (size_t i = 0; i < round->count; i++) {
        if (!is_all(&round->items[i]))
            continue;
        if (strcmp(round->items[i].text, "none") != 0)
            return error_set(error, EINVAL, "%s: found \"%.60s\", expected none", IMPAIR_ROUND_ALL,
                             round->items[i].text);
        start = &none;
    }
    impair_config_copy(next, start);
    return 0;
}

int impair_round_make(const struct impair_config *now, const struct impair_round *round,
                      uint32_t mtu, struct impair_config *next, struct error *error)
{
    int code = begin(now, round, next, error);

    for (size_t i = 0; i < round->count && code == 0; i++)
        if (!is_all(&round->items[i]))
            code = impair_field_set(next, round->items[i].name, round->items[i].text, error);
    if (code == 0)
        code = impair_config_end(next, mtu, NULL, error);
    if (code < 0)
        impair_config_free(next);
    return code;
}
