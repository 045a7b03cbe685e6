#include "results/token.h"

#include "base/memory.h"
#include "results/token_json.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <string.h>

static int check_name(const cJSON *object, const char *key, const char *expected,
                      struct error *error)
{
    const char *said = NULL;
    int code = token_json_text(object, key, &said, error);

    if (code < 0 || !said || !expected || strcmp(said, expected) == 0)
        return code;
    return error_set(error, EBADMSG, "the token says %s \"%.128s\", this is %s \"%s\"", key, said,
                     key, expected);
}

static int read_verdict(const cJSON *object, enum verdict *verdict, const char **reason,
                        struct error *error)
{
    const char *name = NULL;
    int code = token_json_text(object, "verdict", &name, error);

    if (code == 0)
        code = token_json_text(object, "reason", reason, error);
    if (code < 0)
        return code;
    if (!name)
        return error_set(error, EBADMSG, "the token has no \"verdict\"");
    if (!verdict_from_name(name, verdict) ||
        (*verdict != VERDICT_PASSED && *verdict != VERDICT_FAILED && *verdict != VERDICT_SKIPPED &&
         *verdict != VERDICT_ERROR))
        return error_set(error, EBADMSG,
                         "the token's verdict is \"%.64s\"; a guest may say passed, failed, "
                         "skipped or error",
                         name);
    if (*verdict == VERDICT_ERROR && (!*reason || !**reason))
        return error_set(error, EBADMSG, "the token's verdict is \"error\" and it gives no reason");
    return 0;
}

static int read_object(cJSON *object, const char *case_name, const char *node_name,
                       struct result_token *token, struct error *error)
{
    enum verdict verdict = VERDICT_ERROR;
    const char *reason = NULL;
    int code = check_name(object, "case", case_name, error);

    if (code == 0)
        code = check_name(object, "node", node_name, error);
    if (code == 0)
        code = read_verdict(object, &verdict, &reason, error);
    if (code < 0)
        return code;
    *token = (struct result_token){
        .verdict = verdict,
        .reason = reason ? xstrdup(reason) : NULL,
        .details = cJSON_DetachItemFromObjectCaseSensitive(object, "details"),
    };
    return 0;
}

int token_parse(const char *text, size_t length, const char *case_name, const char *node_name,
                struct result_token *token, struct error *error)
{
    cJSON *object = NULL;
    int code = token_json_read(text, length, &object, error);

    if (code < 0)
        return code;
    code = read_object(object, case_name, node_name, token, error);
    cJSON_Delete(object);
    return code;
}

void result_token_free(struct result_token *token)
{
    if (!token)
        return;
    free(token->reason);
    cJSON_Delete(token->details);
    *token = (struct result_token){0};
}
