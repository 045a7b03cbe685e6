/* What template.c (the collection) and template_make.c (making one) share. */
#ifndef DUET_RUNNER_TEMPLATE_INTERNAL_H
#define DUET_RUNNER_TEMPLATE_INTERNAL_H

#include "runner/template.h"
#include "runner/template_cache.h"

struct waiting {
    void (*known)(void *context);
    void *context;
    struct waiting *next;
};

struct node_template {
    struct templates *templates;
    struct node_template *next;
    char key[DIGEST_HEX_SIZE];
    enum template_state state;
    size_t number, users;
    uint64_t used; /* when it was last taken, by `takes` of the templates */
    struct waiting *waiting;

    struct suite_case suite_case; /* nothing of it but the tokens */
    struct suite_node spec;
    struct vm_spec machine;
    struct vm_nic *nics;
    char *kernel_digest;
    char *run_directory, *directory; /* of its evidence; the latter from the former */
    struct node *node;               /* while its machine is there */
    struct timer *look;              /* fires at once: outside of the node's own calls */
    bool working;                    /* on a thread, for the cache */

    struct vm_snapshot *snapshot;
    const char *ram_directory; /* of the snapshot, as in vm_snapshot_new */
    enum verdict verdict;
    char *reason;
    struct buffer console;
    bool told; /* to the user */
};

struct templates {
    struct session *session;
    bool reuse, stopped;
    const char *root;
    struct template_cache cache; /* for the thread that works */
    struct node_template *first;
    size_t count; /* ever */
    uint64_t takes;
    void (*idle)(void *context);
    void *idle_context;
};

/* template_make.c: loads or boots one whose `key`, `number` and `templates` are set; what comes of
 * it is told by template_known. */
void template_make(struct node_template *template, const struct template_request *request);
/* Its machine is gone and nothing works on it. */
void template_free(struct node_template *template);
/* template.c: tells those that wait for it. */
void template_known(struct node_template *template);
/* One more machine or work has come to its end. */
void templates_check_idle(struct templates *templates);

#endif
