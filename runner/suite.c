/* The ways to have a suite loaded from its file, which suite_load.c reads. */
#include "runner/suite_reader.h"

int suite_load(const char *path, const char *kernels, struct suite **suite, struct error *error)
{
    return suite_load_how(path, &(struct suite_how){.kernels = kernels}, suite, error);
}

int suite_load_unnamed(const char *path, const char *kernels, struct suite **suite,
                       struct error *error)
{
    return suite_load_how(path, &(struct suite_how){.kernels = kernels, .unnamed = true}, suite,
                          error);
}

int suite_load_set(const char *path, const char *kernels, const struct suite_pairs *set,
                   struct suite **suite, struct error *error)
{
    return suite_load_how(path, &(struct suite_how){.kernels = kernels, .set = set}, suite, error);
}

void suite_free(struct suite *suite)
{
    if (suite)
        arena_free(suite->memory);
}
