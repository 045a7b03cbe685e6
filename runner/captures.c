#include "runner/captures.h"

#include "base/memory.h"
#include "runner/suggest.h"

#include <errno.h>
#include <string.h>

/* Returns how many there are of that name; NULL is any. */
static size_t mark(struct suite *const suites[], size_t count, const char *name)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < suites[i]->case_count; j++)
            for (size_t k = 0; k < suites[i]->cases[j].link_count; k++) {
                struct suite_link *link = &suites[i]->cases[j].links[k];

                if (name && strcmp(link->name, name) != 0)
                    continue;
                link->captured = true;
                if (link->carrier != SUITE_CARRIER_NETEM)
                    link->carrier = SUITE_CARRIER_HOST;
                found++;
            }
    return found;
}

/* The caller frees the array, but not the names. */
static const char **names_of(struct suite *const suites[], size_t count, size_t *name_count)
{
    const char **names = NULL;

    *name_count = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < suites[i]->case_count; j++)
            for (size_t k = 0; k < suites[i]->cases[j].link_count; k++) {
                names = xreallocarray(names, *name_count + 1, sizeof *names);
                names[(*name_count)++] = suites[i]->cases[j].links[k].name;
            }
    return names;
}

static int unknown(struct suite *const suites[], size_t count, const char *name,
                   struct error *error)
{
    char suggestion[128];
    size_t name_count;
    cleanup_free const char **names = names_of(suites, count, &name_count);

    if (name_count == 0)
        return error_set(error, ENOENT, "--capture: no case has a link");
    return error_set(error, ENOENT, "--capture: no case has a link \"%s\"%s", name,
                     suggest_text(name, names, name_count, suggestion, sizeof suggestion));
}

int captures_choose(struct suite *const suites[], size_t count, const char *names,
                    struct error *error)
{
    cleanup_free char *list = names ? xstrdup(names) : NULL;
    char *rest = list, *name;

    if (!names)
        return mark(suites, count, NULL) > 0 ? 0 : unknown(suites, count, "", error);
    while ((name = strsep(&rest, ",")))
        if (mark(suites, count, name) == 0)
            return unknown(suites, count, name, error);
    return 0;
}
