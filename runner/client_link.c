#include "runner/client_link.h"

#include "base/buffer.h"
#include "base/cjson.h"
#include "base/memory.h"
#include "runner/hub.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* -- Which one --------------------------------------------------------------------------------- */

/* A word that is a link of one topology alone means it, whatever else is kept. */
static int choose_by_link(const struct held_list *list, const char *name, const struct held **held,
                          const char **link, struct error *error)
{
    cleanup_buffer struct buffer cases = {0};
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++) {
        const struct held *item = &list->items[i];

        if (held_link(item, name, link, NULL) < 0)
            continue;
        *held = item;
        buffer_printf(&cases, "%s%s/%s (%d)", count++ ? ", " : "", item->suite, item->case_name,
                      (int)item->pid);
    }
    if (count > 1)
        return error_set(error, EEXIST, "%zu cases have a link \"%s\"; name the case, too: %s",
                         count, name, cases.data);
    return count == 1 ? 0 : error_set(error, ENOENT, "no link \"%s\"", name);
}

static int choose_by_word(const struct held_list *list, const char *word, const struct held **held,
                          const char **link, struct error *error)
{
    int code = choose_by_link(list, word, held, link, error);

    if (code != -ENOENT)
        return code;
    code = held_choose(list, word, held, error);
    if (code == 0)
        return held_link(*held, NULL, link, error);
    if (list->count == 1)
        return held_link(&list->items[0], word, link, error);
    return list->count == 0
               ? code
               : error_context(error, "\"%s\" is neither a link nor a case that is kept", word);
}

int client_choose_link(const struct held_list *list, const char *const words[], size_t count,
                       const struct held **out, const char **out_link, struct error *error)
{
    const struct held *held = NULL;
    const char *link = NULL;
    int code;

    if (count == 1) {
        code = choose_by_word(list, words[0], &held, &link, error);
    } else {
        code = held_choose(list, count == 0 ? NULL : words[0], &held, error);
        if (code == 0)
            code = held_link(held, count == 0 ? NULL : words[1], &link, error);
    }
    if (code < 0)
        return code;
    *out = held;
    *out_link = link;
    return 0;
}

/* -- What the hub says ------------------------------------------------------------------------- */

static int ask(const struct held *held, const char *request, cJSON **answer, struct error *error)
{
    int fd;
    int code = held_open(held, request, &fd, answer, error);

    if (code == 0)
        close(fd);
    return code;
}

int client_ask_links(const struct held *held, cJSON **links, struct error *error)
{
    cJSON *answer;
    int code = ask(held, "{\"open\":\"links\"}", &answer, error);

    if (code < 0)
        return code;
    *links = cJSON_DetachItemFromObjectCaseSensitive(answer, "links");
    cJSON_Delete(answer);
    return *links ? 0 : error_set(error, EPROTO, "the duet that keeps the case is another version");
}

const cJSON *client_link_called(const cJSON *links, const char *name)
{
    const cJSON *link;

    cJSON_ArrayForEach(link, links)
    {
        const char *own = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(link, "name"));

        if (own && strcmp(own, name) == 0)
            return link;
    }
    return NULL;
}

static char *change_request(const char *link, const char *from, const struct impair_round *round)
{
    cJSON *json = xchecked(cJSON_CreateObject());
    cJSON *set;
    char *text;

    cJSON_AddStringToObject(json, "open", "impair");
    cJSON_AddStringToObject(json, "link", link);
    if (from)
        cJSON_AddStringToObject(json, "from", from);
    set = cJSON_AddObjectToObject(json, "set");
    for (size_t i = 0; i < round->count; i++)
        cJSON_AddStringToObject(set, round->items[i].name, round->items[i].text);
    text = xchecked(cJSON_PrintUnformatted(json));
    cJSON_Delete(json);
    return text;
}

int client_change_link(const struct held *held, const char *link, const char *from,
                       const struct impair_round *round, cJSON **answer, struct error *error)
{
    cleanup_free char *request = change_request(link, from, round);
    int code;

    if (strlen(request) + 1 > HUB_LINE_MAX)
        return error_set(error, E2BIG,
                         "%zu bytes of settings, of which a request has %d at most: change some "
                         "first, then the others",
                         strlen(request), HUB_LINE_MAX);
    code = ask(held, request, answer, error);
    if (code == 0)
        cJSON_DeleteItemFromObjectCaseSensitive(*answer, "ok");
    return code;
}

/* -- On standard output ------------------------------------------------------------------------ */

char *client_settings_text(const cJSON *direction)
{
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(direction, "impair");
    const cJSON *setting;
    struct buffer text = {0};

    cJSON_ArrayForEach(setting, settings)
    {
        if (cJSON_IsString(setting))
            buffer_printf(&text, "%s%s %s", text.length ? ", " : "", setting->string,
                          setting->valuestring);
    }
    if (text.length == 0)
        buffer_append_text(&text, settings ? "none" : "-");
    return buffer_steal(&text);
}

int client_print_settings(const cJSON *link, const char *from, struct error *error)
{
    const char *name = cjson_text(link, "name", ""), *trouble = cjson_text(link, "error", "");
    const cJSON *direction;
    size_t printed = 0;

    cJSON_ArrayForEach(direction, cJSON_GetObjectItemCaseSensitive(link, "directions"))
    {
        cleanup_free char *settings = client_settings_text(direction);

        if (from && strcmp(from, cjson_text(direction, "from", "")) != 0)
            continue;
        printf("%s to %s: %s\n", cjson_text(direction, "from", ""), cjson_text(direction, "to", ""),
               settings);
        printed++;
    }
    if (printed > 0)
        return 0;
    if (*trouble)
        return error_set(error, EREMOTEIO, "%s", trouble);
    if (strcmp(cjson_text(link, "carrier", ""), "direct") == 0)
        return error_set(error, ENOENT,
                         "link %s: its machines are joined directly, and nothing can be in force",
                         name);
    return error_set(error, ENOENT, "link %s: \"%s\" is at neither end of it", name,
                     from ? from : "");
}

void client_print_change(const cJSON *answer, const char *what)
{
    const cJSON *nodes = cJSON_GetObjectItemCaseSensitive(answer, "nodes");
    const cJSON *packets = cJSON_GetObjectItemCaseSensitive(answer, "packets");
    const char *before = "from";

    printf("%s %s, ", cjson_text(answer, "link", ""), what);
    for (int i = 0; i < 2; i++) {
        const char *node = cJSON_GetStringValue(cJSON_GetArrayItem(nodes, i));
        const cJSON *packet = cJSON_GetArrayItem(packets, i);

        if (!node || !cJSON_IsNumber(packet))
            continue;
        printf("%s packet %.0f of %s ", before, packet->valuedouble, node);
        before = "and";
    }
    puts("on");
}
