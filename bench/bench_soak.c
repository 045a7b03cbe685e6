/* A hundred cold pairs, two at a time: how many did not pass. tests/soak boots them, and says on
 * standard error which they were and how long their nodes took to be ready. */
#include "base/base.h"
#include "base/process.h"
#include "bench/bench.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int number(const cJSON *object, const char *key, double *value, struct error *error)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    if (!cJSON_IsNumber(item))
        return error_set(error, EBADMSG, "tests/soak said no number of %s", key);
    *value = item->valuedouble;
    return 0;
}

static int emit(const cJSON *summary, struct error *error)
{
    double pairs = 0, right = 0;
    int code;

    if ((code = number(summary, "pairs", &pairs, error)) < 0 ||
        (code = number(summary, "right", &right, error)) < 0)
        return code;
    bench_emit(&(struct bench_measure){.name = "soak.not_passed",
                                       .value = pairs - right,
                                       .unit = "pairs",
                                       .n = (size_t)pairs,
                                       .better = "lower"});
    return 0;
}

/* Pairs that did not pass make it end with status 1, and are still to be counted: what it wrote
 * tells. */
static int soak(struct error *error)
{
    char path[] = "/tmp/duet-soak-XXXXXX";
    const char *const argv[] = {"tests/soak", "--cold", "--json", path, NULL};
    cleanup_fd int fd = mkostemp(path, O_CLOEXEC);
    cleanup_buffer struct buffer text = {0};
    struct error failed;
    cJSON *summary;
    int code;

    if (fd < 0)
        return error_errno(error, "cannot make a file like %s", path);
    process_run(argv, NULL, NULL, &failed);
    code = fs_read(path, 1 << 20, &text, error);
    unlink(path);
    if (code < 0)
        return code;
    summary = cJSON_Parse(text.data);
    code = summary ? emit(summary, error)
                   : error_set(error, EBADMSG, "tests/soak did not end: %s", failed.message);
    cJSON_Delete(summary);
    return code;
}

int main(int argc, char **argv)
{
    static const struct bench_entry entries[] = {{"soak.not_passed", soak}};

    return bench_main(argc, argv, entries, array_size(entries));
}
