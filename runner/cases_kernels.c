#include "runner/cases_kernels.h"

#include "base/memory.h"
#include "runner/rundata.h"

#include <errno.h>
#include <string.h>

const struct cases_item *cases_kernel_earlier(const struct cases_item *items, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if ((items[i].kernel || items[i].trouble) &&
            strcmp(items[i].suite_case->kernel, items[index].suite_case->kernel) == 0)
            return &items[i];
    return NULL;
}

static void get_kernel(struct session *session, struct cases_item *items, size_t index)
{
    const struct cases_item *earlier = cases_kernel_earlier(items, index);
    struct cases_item *item = &items[index];
    struct error error;

    if (item->suite_case->skip)
        return;
    if (earlier && earlier->trouble)
        item->trouble = xstrdup(earlier->trouble);
    else if (earlier)
        item->kernel = earlier->kernel;
    else if (session_kernel(session, item->suite_case->kernel, &item->kernel, &error) < 0)
        item->trouble = xstrdup(error.message);
    if (item->kernel)
        rundata_describe_kernel(item->kernel, &item->result->kernel);
}

int cases_get_kernels(struct session *session, struct cases_item *items, size_t count,
                      const struct kernel **first, struct error *error)
{
    const char *trouble = NULL;

    *first = NULL;
    for (size_t i = 0; i < count && !session->cancel_seen; i++) {
        get_kernel(session, items, i);
        if (!*first)
            *first = items[i].kernel;
        if (!trouble)
            trouble = items[i].trouble;
    }
    return *first || !trouble ? 0 : error_set(error, ENOENT, "%s", trouble);
}
