/* Scenario files: any bytes are a suite or an error with a place, and nothing else. */
#include "runner/suite.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_case(const struct suite *suite, const struct suite_case *built)
{
    if (!built->kernel || !*built->kernel || !*built->name || !*built->slug ||
        strchr(built->slug, '/') || built->slug[0] == '.' || strlen(built->slug) > 100 ||
        !built->node_count || !built->timeout_ns)
        abort();
    for (size_t i = 0; i < built->link_count; i++)
        for (size_t j = 0; j < 2; j++)
            if (built->links[i].ends[j].node >= built->node_count)
                abort();
    for (size_t i = 0; i < built->node_count; i++)
        for (size_t j = 0; j < built->nodes[i].after_count; j++)
            if (built->nodes[i].after[j] >= built->node_count)
                abort();
    if (built < suite->cases || built >= suite->cases + suite->case_count)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct suite *suite = NULL;
    struct error error = {0};
    int status =
        suite_load_text("fuzz.yaml", "/nonexistent", (const char *)data, size, &suite, &error);

    if (status) {
        if (suite || status != -error.code || strncmp(error.message, "fuzz.yaml:", 10))
            abort();
        return 0;
    }
    for (size_t i = 0; i < suite->case_count; i++)
        check_case(suite, &suite->cases[i]);
    suite_free(suite);
    return 0;
}
