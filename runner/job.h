/* One case from its plan to its result, beside others: plan, images, templates, machines. */
#ifndef DUET_RUNNER_JOB_H
#define DUET_RUNNER_JOB_H

#include "results/results.h"
#include "runner/case_run.h"
#include "runner/session.h"
#include "runner/suite.h"
#include "runner/template.h"

struct job;

struct job_options {
    struct session *session;
    const struct suite_case *suite_case;
    const struct kernel *kernel;
    struct templates *templates; /* that its nodes are forked from; NULL: they are booted */
    const char *run_directory;   /* absolute */
    const char *case_directory;  /* from the run's directory */
    uint64_t seed;
    bool keep; /* each node's initrd, with the results */
    /* What it is at, whenever that may have changed. */
    void (*activity)(void *context, const char *text);
    /* Its images are made, and no other job's are being made: the moment to drop what is unused;
     * NULL where nothing can be. */
    void (*imaged)(void *context);
    enum case_hold hold;
    void (*held)(void *context); /* as in struct case_run_options; NULL where that is never */
    /* Nothing is left to wait for: once, from the loop; may free the job. */
    void (*ended)(void *context);
    void *context;
};

struct job *job_new(const struct job_options *options);
/* Brings it to where case_run_start would follow. Trouble on the way is kept until job_start. */
void job_prepare(struct job *job);
/* The case's time begins as soon as its machines may start, not while a template boots, which has
 * its own bound; `ended` follows. */
void job_start(struct job *job);
/* Ends it soon: prepared or started, `ended` follows. */
void job_cancel(struct job *job);
/* Its machines, while they are held. */
struct case_run *job_case_run(struct job *job);
bool job_is_prepared(const struct job *job);
/* Calls `use` with the path of each image that its machines have. */
void job_images(const struct job *job, void (*use)(void *context, const char *path), void *context);
/* Fills `result` (but for name, slug, directory and kernel), once, when it has ended. */
void job_result(struct job *job, struct case_result *result);
/* As case_run_console_tail. */
const char *job_console_tail(const struct job *job, size_t lines, struct buffer *out);
/* When it has ended. NULL is fine. */
void job_free(struct job *job);

#endif
