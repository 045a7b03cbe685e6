/* Templates: of each shape of machine that cases need, one is booted, saved when its guest is
 * ready, and forked from ever after.
 *
 * A shape is all that a guest can see of its machine before STARTPOD tells it who it is: kernel,
 * initrd, command line, memory, CPUs, number of NICs, accelerator, QEMU. */
#ifndef DUET_RUNNER_TEMPLATE_H
#define DUET_RUNNER_TEMPLATE_H

#include "results/results.h"
#include "runner/plan.h"
#include "runner/session.h"
#include "runner/suite.h"

struct templates;
struct node_template;

enum template_state {
    TEMPLATE_BOOTING, /* it is not known yet: `known` will be called */
    TEMPLATE_READY,   /* nodes are forked from its snapshot */
    TEMPLATE_FAILED,  /* its guest did not get ready, in NODE_BOOT_NS at most, as a node's own would
                         not: verdict and reason */
    TEMPLATE_REFUSED, /* it cannot be saved or forked from here: nodes boot instead; the reason */
};

struct templates_options {
    struct session *session; /* its host is open */
    bool reuse;              /* those of earlier runs are taken, and left for later ones */
    const char *root;        /* as in capacity_read; NULL: "" */
};

struct templates *templates_new(const struct templates_options *options);
/* Ends what boots; `idle` is called, from the loop or at once, when nothing goes on any more. */
void templates_stop(struct templates *templates, void (*idle)(void *context), void *context);
/* The same while the loop does not run: runs it until then, and frees them. NULL is fine. */
void templates_end(struct templates *templates);
/* Every template must have been released, and templates_stop have come to its end. NULL is fine. */
void templates_free(struct templates *templates);

struct template_request {
    const struct vm_spec *machine; /* the node's, planned with plan_options.forked */
    const char *kernel_digest;
    const struct suite_case *suite_case; /* for its tokens */
    const char *run_directory;           /* evidence goes to templates/NUMBER there; absolute */
};

/* The template of the node's shape, booted where this is the first to ask. While it is BOOTING,
 * `known` is called from the loop, once, when it is not any more, unless template_release comes
 * before. The caller releases it when it needs neither its snapshot nor its words. */
struct node_template *template_take(struct templates *templates,
                                    const struct template_request *request,
                                    void (*known)(void *context), void *context);
void template_release(struct node_template *template, void *context);
/* A node could not be forked from it: the nodes of its shape that come now are booted, and the user
 * is told why, once where others end with the same words. */
void template_refuse(struct node_template *template, const char *reason);

enum template_state template_state(const struct node_template *template);
/* Of a READY one. */
const struct vm_snapshot *template_snapshot(const struct node_template *template);
/* Of a FAILED one; the reason of a REFUSED one, too. */
enum verdict template_verdict(const struct node_template *template);
const char *template_reason(const struct node_template *template);
/* The end of the console of a FAILED one, and where all of it is, from the run's directory. */
const struct buffer *template_console(const struct node_template *template);
const char *template_directory(const struct node_template *template);
/* True the first time: the others that fail with it need not show the same again. */
bool template_is_news(struct node_template *template);
/* Calls `use` with the path of the image of each: QEMU reads it when a fork starts, too. */
void templates_images(const struct templates *templates,
                      void (*use)(void *context, const char *path), void *context);

#endif
