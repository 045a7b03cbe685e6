#include "runner/template_internal.h"

#include "base/memory.h"
#include "runner/node.h"

#include <string.h>

/* That nobody uses but might again, beside those in use: each is worth some 100 MB. */
enum { TEMPLATES_KEPT = 8 };

/* -- Who waits --------------------------------------------------------------------------------- */

void template_known(struct node_template *template)
{
    struct waiting *waiting = steal_pointer(&template->waiting);

    while (waiting) {
        struct waiting *next = waiting->next;

        waiting->known(waiting->context);
        free(waiting);
        waiting = next;
    }
}

/* Where that is the host's or QEMU's doing, all kinds end with the same words. */
static bool was_said(const struct templates *templates, const char *reason)
{
    for (const struct node_template *at = templates->first; at; at = at->next)
        if (at->state == TEMPLATE_REFUSED && strcmp(at->reason, reason) == 0)
            return true;
    return false;
}

void template_refuse(struct node_template *template, const char *reason)
{
    if (template->state == TEMPLATE_REFUSED)
        return;
    if (!was_said(template->templates, reason))
        terminal_say(template->templates->session->options.terminal,
                     "nodes of a kind are booted instead of forked: %s", reason);
    template->state = TEMPLATE_REFUSED;
    template->reason = xstrdup(reason);
}

void templates_check_idle(struct templates *templates)
{
    if (!templates->idle)
        return;
    for (struct node_template *at = templates->first; at; at = at->next)
        if (at->node || at->working)
            return;
    templates->idle(templates->idle_context);
    templates->idle = NULL;
}

/* -- Taking and releasing ---------------------------------------------------------------------- */

static struct node_template *add(struct templates *templates,
                                 const struct template_request *request, const char *key)
{
    struct node_template *template = xcalloc(1, sizeof *template);

    template->templates = templates;
    template->number = ++templates->count;
    memcpy(template->key, key, sizeof template->key);
    template->next = templates->first;
    templates->first = template;
    template_make(template, request);
    return template;
}

struct node_template *template_take(struct templates *templates,
                                    const struct template_request *request,
                                    void (*known)(void *context), void *context)
{
    char key[DIGEST_HEX_SIZE];
    struct node_template *template = templates->first;
    struct waiting *waiting;

    template_key(&(struct template_shape){.machine = request->machine,
                                          .kernel_digest = request->kernel_digest,
                                          .runtime_dir = templates->session->rundir.path},
                 key);
    while (template && strcmp(template->key, key) != 0)
        template = template->next;
    if (!template)
        template = add(templates, request, key);
    template->users++;
    template->used = ++templates->takes;
    if (template->state == TEMPLATE_BOOTING) {
        waiting = xcalloc(1, sizeof *waiting);
        *waiting = (struct waiting){.known = known, .context = context, .next = template->waiting};
        template->waiting = waiting;
    }
    return template;
}

static void unlink_template(struct node_template *template)
{
    struct node_template **at = &template->templates->first;

    while (*at != template)
        at = &(*at)->next;
    *at = template->next;
}

/* The one that nobody has used for the longest, of those that may go; NULL where none may. */
static struct node_template *oldest_unused(const struct templates *templates)
{
    struct node_template *oldest = NULL;

    for (struct node_template *at = templates->first; at; at = at->next)
        if (at->users == 0 && at->state == TEMPLATE_READY && !at->working &&
            (!oldest || at->used < oldest->used))
            oldest = at;
    return oldest;
}

static size_t count_ready(const struct templates *templates)
{
    size_t count = 0;

    for (const struct node_template *at = templates->first; at; at = at->next)
        count += at->state == TEMPLATE_READY;
    return count;
}

void template_release(struct node_template *template, void *context)
{
    struct templates *templates = template->templates;

    for (struct waiting **at = &template->waiting; *at; at = &(*at)->next) {
        struct waiting *found = *at;

        if (found->context != context)
            continue;
        *at = found->next;
        free(found);
        break;
    }
    template->users--;
    while (count_ready(templates) > TEMPLATES_KEPT && (template = oldest_unused(templates))) {
        unlink_template(template);
        template_free(template);
    }
}

/* -- Life -------------------------------------------------------------------------------------- */

struct templates *templates_new(const struct templates_options *options)
{
    struct templates *templates = xcalloc(1, sizeof *templates);

    templates->session = options->session;
    templates->reuse = options->reuse;
    templates->root = options->root ? options->root : "";
    templates->cache.cache_dir = options->session->cache_dir;
    templates->cache.libvirt_version = options->session->libvirt_version;
    return templates;
}

void templates_stop(struct templates *templates, void (*idle)(void *context), void *context)
{
    templates->stopped = true;
    templates->idle = idle;
    templates->idle_context = context;
    for (struct node_template *at = templates->first; at; at = at->next)
        if (at->node)
            node_stop(at->node, true);
    templates_check_idle(templates);
}

struct ending {
    struct loop *loop;
    bool idle;
};

static void on_idle(void *context)
{
    struct ending *ending = context;

    ending->idle = true;
    loop_stop(ending->loop);
}

void templates_end(struct templates *templates)
{
    struct ending ending = {0};

    if (!templates)
        return;
    ending.loop = templates->session->loop;
    templates_stop(templates, on_idle, &ending);
    while (!ending.idle)
        loop_run(ending.loop);
    templates_free(templates);
}

void templates_free(struct templates *templates)
{
    if (!templates)
        return;
    while (templates->first) {
        struct node_template *template = templates->first;

        templates->first = template->next;
        template_free(template);
    }
    free(templates);
}

/* -- Questions --------------------------------------------------------------------------------- */

enum template_state template_state(const struct node_template *template)
{
    return template->state;
}

const struct vm_snapshot *template_snapshot(const struct node_template *template)
{
    return template->snapshot;
}

enum verdict template_verdict(const struct node_template *template)
{
    return template->verdict;
}

const char *template_reason(const struct node_template *template)
{
    return template->reason;
}

const struct buffer *template_console(const struct node_template *template)
{
    return &template->console;
}

const char *template_directory(const struct node_template *template)
{
    return template->directory;
}

bool template_is_news(struct node_template *template)
{
    bool is_news = !template->told;

    template->told = true;
    return is_news;
}

void templates_images(const struct templates *templates,
                      void (*use)(void *context, const char *path), void *context)
{
    for (const struct node_template *at = templates->first; at; at = at->next)
        use(context, at->machine.initrd);
}
