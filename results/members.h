/* Members that more than one file in JSON has: results.json, and what `duet bench` writes. */
#ifndef DUET_RESULTS_MEMBERS_H
#define DUET_RESULTS_MEMBERS_H

#include "results/metric.h"
#include "results/model.h"

#include <cjson/cJSON.h>

/* As UTF-8, which what a guest has printed need not be; NULL is null. The caller's, to put into
 * something. */
cJSON *members_text(const char *text);
void members_put_text(cJSON *object, const char *key, const char *text);
void members_put_kernel(cJSON *object, const char *key, const struct kernel_info *kernel);
/* As "host". */
void members_put_host(cJSON *object, const struct host_info *host);
/* null where there is none. */
void members_put_bound(cJSON *object, const char *key, const struct metric_bound *bound);

#endif
