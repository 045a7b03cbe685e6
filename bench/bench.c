#include "bench/bench.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare_doubles);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static void put(cJSON *object, const char *key, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, key, xchecked(value)))
        xchecked(NULL);
}

/* Four significant digits: the rest of a measure is noise. */
static cJSON *number(double value)
{
    char text[32];

    snprintf(text, sizeof text, "%.4g", value);
    return cJSON_CreateNumber(strtod(text, NULL));
}

void bench_emit(const struct bench_measure *measure)
{
    cJSON *object = xchecked(cJSON_CreateObject());
    bool compared = measure->baseline != NULL;
    char *line;

    put(object, "name", cJSON_CreateString(measure->name));
    put(object, "value", number(measure->value));
    put(object, "unit", cJSON_CreateString(measure->unit));
    put(object, "n", cJSON_CreateNumber((double)measure->n));
    put(object, "baseline", compared ? cJSON_CreateString(measure->baseline) : cJSON_CreateNull());
    put(object, "baseline_value", compared ? number(measure->baseline_value) : cJSON_CreateNull());
    put(object, "ratio", compared ? number(measure->ratio) : cJSON_CreateNull());
    put(object, "better", cJSON_CreateString(measure->better));
    line = xchecked(cJSON_PrintUnformatted(object));
    puts(line);
    fflush(stdout);
    cJSON_free(line);
    cJSON_Delete(object);
}

static int run_matching(const regex_t *regex, const struct bench_entry *entries, size_t count)
{
    int status = 0;

    for (size_t i = 0; i < count; i++) {
        struct error error;

        if (regexec(regex, entries[i].name, 0, NULL, 0) != 0)
            continue;
        if (entries[i].run(&error) < 0) {
            fprintf(stderr, "%s: %s\n", entries[i].name, error.message);
            status = 1;
        }
    }
    return status;
}

int bench_main(int argc, char **argv, const struct bench_entry *entries, size_t count)
{
    const char *pattern = argc > 1 ? argv[1] : "";
    regex_t regex;
    int status;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (size_t i = 0; i < count; i++)
            puts(entries[i].name);
        return 0;
    }
    if (argc > 2 || regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
        fprintf(stderr, "usage: %s [--list | REGEX]\n", argv[0]);
        return 2;
    }
    status = run_matching(&regex, entries, count);
    regfree(&regex);
    return status;
}
