#include "results/members.h"

#include "base/cjson.h"
#include "results/text.h"

#include <string.h>

cJSON *members_text(const char *text)
{
    cleanup_buffer struct buffer clean = {0};

    if (!text)
        return cJSON_CreateNull();
    text_utf8(&clean, text, strlen(text));
    return cJSON_CreateString(clean.data);
}

void members_put_text(cJSON *object, const char *key, const char *text)
{
    cjson_put(object, key, members_text(text));
}

void members_put_kernel(cJSON *object, const char *key, const struct kernel_info *kernel)
{
    cJSON *made = cjson_put_object(object, key);

    members_put_text(made, "name", kernel->name);
    members_put_text(made, "release", kernel->release);
    members_put_text(made, "digest", kernel->digest);
}

void members_put_host(cJSON *object, const struct host_info *host)
{
    cJSON *made = cjson_put_object(object, "host");

    members_put_text(made, "duet", host->duet);
    members_put_text(made, "kernel", host->kernel);
    members_put_text(made, "cpu_model", host->cpu_model);
    cjson_put_number(made, "cpus", host->cpus);
    cjson_put_number(made, "memory_bytes", (double)host->memory_bytes);
    members_put_text(made, "qemu", host->qemu);
    members_put_text(made, "libvirt", host->libvirt);
    members_put_text(made, "accel", host->accel);
    members_put_kernel(made, "guest_kernel", &host->guest_kernel);
}

void members_put_bound(cJSON *object, const char *key, const struct metric_bound *bound)
{
    cJSON *made;

    if (!bound->given) {
        cjson_put(object, key, cJSON_CreateNull());
        return;
    }
    made = cjson_put_object(object, key);
    cjson_put_number(made, "value", bound->value);
    cjson_put(made, "relative", cJSON_CreateBool(bound->relative));
}
