#include "runner/hub_line.h"

#include "base/memory.h"
#include "vm/control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

enum need { NEVER, MAY, MUST };

static const struct kind {
    const char *name;
    enum hub_open open;
    enum need node, client, follow, halt, change;
} kinds[] = {
    {"status", HUB_OPEN_STATUS, NEVER, NEVER, NEVER, NEVER, NEVER},
    {"ctl", HUB_OPEN_CTL, MUST, NEVER, NEVER, NEVER, NEVER},
    {"io", HUB_OPEN_IO, NEVER, MUST, NEVER, NEVER, NEVER},
    {"console", HUB_OPEN_CONSOLE, MUST, NEVER, NEVER, NEVER, NEVER},
    {"logs", HUB_OPEN_LOGS, MAY, NEVER, MAY, NEVER, NEVER},
    {"debug", HUB_OPEN_DEBUG, MUST, NEVER, NEVER, MAY, NEVER},
    {"links", HUB_OPEN_LINKS, NEVER, NEVER, NEVER, NEVER, NEVER},
    {"impair", HUB_OPEN_IMPAIR, NEVER, NEVER, NEVER, NEVER, MUST},
    {"down", HUB_OPEN_DOWN, NEVER, NEVER, NEVER, NEVER, NEVER},
};

struct reading {
    const cJSON *json;
    const struct kind *kind;
    size_t known; /* fields that were found */
    struct error *error;
};

static int wrong(const struct reading *reading, const char *key, const char *expected)
{
    return error_set(reading->error, EINVAL, "the hub: \"%s\" of \"%s\" is %s", key,
                     reading->kind->name, expected);
}

/* 1: it is there; 0: it is not, and need not be. */
static int find(struct reading *reading, const char *key, enum need need, const cJSON **item)
{
    *item = cJSON_GetObjectItemCaseSensitive(reading->json, key);
    if (*item && need == NEVER)
        return wrong(reading, key, "not known");
    if (!*item && need == MUST)
        return wrong(reading, key, "missing");
    reading->known += *item != NULL;
    return *item != NULL;
}

static int read_text(struct reading *reading, const char *key, enum need need, char **text)
{
    const cJSON *item;
    int found = find(reading, key, need, &item);

    if (found <= 0)
        return found;
    if (!cJSON_IsString(item))
        return wrong(reading, key, "no text");
    *text = xstrdup(item->valuestring);
    return 0;
}

static int read_client(struct reading *reading, const char *key, enum need need, uint64_t *number)
{
    const cJSON *item;
    int found = find(reading, key, need, &item);

    if (found <= 0)
        return found;
    if (!cJSON_IsNumber(item) || item->valuedouble < 1 ||
        item->valuedouble > (double)CONTROL_BASE_MAX ||
        item->valuedouble != (double)(uint64_t)item->valuedouble)
        return wrong(reading, key, "no number of a client");
    *number = (uint64_t)item->valuedouble;
    return 0;
}

static int read_flag(struct reading *reading, const char *key, enum need need, bool *flag)
{
    const cJSON *item;
    int found = find(reading, key, need, &item);

    if (found <= 0)
        return found;
    if (!cJSON_IsBool(item))
        return wrong(reading, key, "neither true nor false");
    *flag = cJSON_IsTrue(item);
    return 0;
}

static int read_settings(struct reading *reading, enum need need, struct hub_line *line)
{
    const cJSON *item, *setting;
    int found = find(reading, "set", need, &item);

    if (found <= 0)
        return found;
    if (!cJSON_IsObject(item) || !item->child)
        return wrong(reading, "set", "no object of settings");
    line->set = xcalloc((size_t)cJSON_GetArraySize(item), sizeof *line->set);
    cJSON_ArrayForEach(setting, item)
    {
        if (!cJSON_IsString(setting))
            return wrong(reading, "set", "an object with something that is no text");
        line->set[line->set_count++] = (struct impair_named){.name = xstrdup(setting->string),
                                                             .text = xstrdup(setting->valuestring)};
    }
    return 0;
}

static int read_change(struct reading *reading, struct hub_line *line)
{
    enum need need = reading->kind->change;
    int code = read_text(reading, "link", need, &line->link);

    if (code == 0)
        code = read_text(reading, "from", need == NEVER ? NEVER : MAY, &line->from);
    return code == 0 ? read_settings(reading, need, line) : code;
}

static int read_kind(struct reading *reading)
{
    const char *name =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reading->json, "open"));

    for (size_t i = 0; i < array_size(kinds) && name; i++)
        if (strcmp(kinds[i].name, name) == 0) {
            reading->kind = &kinds[i];
            reading->known++;
            return 0;
        }
    if (!name)
        return error_set(reading->error, EINVAL,
                         "the hub: a request is a line with a JSON object "
                         "that says what to \"open\"");
    return error_set(reading->error, EINVAL, "the hub: there is no \"%.64s\" to open", name);
}

static int read_fields(struct reading *reading, struct hub_line *line)
{
    int code = read_kind(reading);

    if (code == 0) {
        line->open = reading->kind->open;
        line->follow = true;
        code = read_text(reading, "node", reading->kind->node, &line->node);
    }
    if (code == 0)
        code = read_client(reading, "client", reading->kind->client, &line->client);
    if (code == 0)
        code = read_flag(reading, "follow", reading->kind->follow, &line->follow);
    if (code == 0)
        code = read_flag(reading, "halt", reading->kind->halt, &line->halt);
    if (code == 0)
        code = read_change(reading, line);
    if (code == 0 && (size_t)cJSON_GetArraySize(reading->json) != reading->known)
        code = error_set(reading->error, EINVAL,
                         "the hub: a field of \"%s\" is not known, or given twice",
                         reading->kind->name);
    return code;
}

int hub_line_read(const char *text, size_t count, struct hub_line *out, struct error *error)
{
    cJSON *json = cJSON_ParseWithLength(text, count);
    struct reading reading = {.json = json, .error = error};
    struct hub_line line = {0};
    int code = read_fields(&reading, &line);

    cJSON_Delete(json);
    if (code < 0)
        hub_line_free(&line);
    else
        *out = line;
    return code;
}

void hub_line_free(struct hub_line *line)
{
    for (size_t i = 0; i < line->set_count; i++) {
        free((void *)line->set[i].name);
        free((void *)line->set[i].text);
    }
    line->set_count = 0;
    free(steal_pointer(&line->set));
    free(steal_pointer(&line->link));
    free(steal_pointer(&line->from));
    free(steal_pointer(&line->node));
}
