#include "initrd/init/pod_netem.h"

#include "base/memory.h"
#include "initrd/init/field.h"
#include "initrd/init/pod_impair.h"
#include "net/impair_netem.h"

#include <errno.h>
#include <stdlib.h>

int pod_netem_settings(json_t *json, struct impair_config *config, struct error *error)
{
    int code;

    impair_config_free(config);
    code = pod_impair_change(json, UINT16_MAX, config, error);
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
        code = pod_impair_seed(json, &netem->seed, error);
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
