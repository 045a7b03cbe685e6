#include "results/model.h"

#include "base/memory.h"

#include <string.h>

/* The array with one more element, of zeroes. */
static void *grow(void *array, size_t *count, size_t size)
{
    char *grown = xreallocarray(array, *count + 1, size);

    memset(grown + *count * size, 0, size);
    ++*count;
    return grown;
}

struct case_result *run_result_add_case(struct run_result *run)
{
    run->cases = grow(run->cases, &run->case_count, sizeof *run->cases);
    return &run->cases[run->case_count - 1];
}

struct node_result *case_result_add_node(struct case_result *result)
{
    result->nodes = grow(result->nodes, &result->node_count, sizeof *result->nodes);
    return &result->nodes[result->node_count - 1];
}

struct link_result *case_result_add_link(struct case_result *result)
{
    result->links = grow(result->links, &result->link_count, sizeof *result->links);
    return &result->links[result->link_count - 1];
}

struct stall_result *case_result_add_stall(struct case_result *result)
{
    result->stalls = grow(result->stalls, &result->stall_count, sizeof *result->stalls);
    return &result->stalls[result->stall_count - 1];
}

struct share_result *measured_result_add_share(struct measured_result *measured)
{
    measured->shares = grow(measured->shares, &measured->share_count, sizeof *measured->shares);
    return &measured->shares[measured->share_count - 1];
}

struct step_result *node_result_add_step(struct node_result *node)
{
    node->steps = grow(node->steps, &node->step_count, sizeof *node->steps);
    return &node->steps[node->step_count - 1];
}

void way_result_add_cause(struct way_result *way, const char *name, uint64_t packets)
{
    if (packets == 0)
        return;
    way->causes = grow(way->causes, &way->cause_count, sizeof *way->causes);
    way->causes[way->cause_count - 1] =
        (struct cause_result){.name = xstrdup(name), .packets = packets};
}

void way_result_add_setting(struct way_result *way, const char *name, const char *text)
{
    way->impair = grow(way->impair, &way->impair_count, sizeof *way->impair);
    way->impair[way->impair_count - 1] =
        (struct setting_result){.name = xstrdup(name), .text = xstrdup(text)};
}

void node_result_add_token(struct node_result *node, struct result_token *token)
{
    node->tokens = grow(node->tokens, &node->token_count, sizeof *node->tokens);
    node->tokens[node->token_count - 1] = *token;
    *token = (struct result_token){0};
}

static void step_result_free(struct step_result *step)
{
    free(step->name);
    free(step->reason);
    free(step->standard_output.path);
    free(step->times);
    free(step->standard_error.path);
    free(step->expected);
    free(step->found);
}

void node_result_free(struct node_result *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->step_count; i++)
        step_result_free(&node->steps[i]);
    for (size_t i = 0; i < node->token_count; i++)
        result_token_free(&node->tokens[i]);
    free(node->steps);
    free(node->tokens);
    metrics_free(&node->metrics);
    free(node->name);
    free(node->reason);
    free(node->console.path);
    *node = (struct node_result){0};
}

void way_result_free(struct way_result *way)
{
    for (size_t i = 0; i < way->cause_count; i++)
        free(way->causes[i].name);
    for (size_t i = 0; i < way->impair_count; i++) {
        free(way->impair[i].name);
        free(way->impair[i].text);
    }
    free(way->causes);
    free(way->impair);
    free(way->verdicts);
    free(way->measured.fault);
    free(way->measured.shares);
}

static void link_result_free(struct link_result *link)
{
    for (size_t i = 0; i < array_size(link->ways); i++)
        way_result_free(&link->ways[i]);
    free(link->name);
    free(link->nodes[0]);
    free(link->nodes[1]);
    free(link->subnet);
    free(link->capture);
}

static void kernel_info_free(struct kernel_info *kernel)
{
    free(kernel->name);
    free(kernel->release);
    free(kernel->digest);
}

void case_result_free(struct case_result *result)
{
    if (!result)
        return;
    for (size_t i = 0; i < result->node_count; i++)
        node_result_free(&result->nodes[i]);
    for (size_t i = 0; i < result->link_count; i++)
        link_result_free(&result->links[i]);
    for (size_t i = 0; i < result->stall_count; i++)
        free(result->stalls[i].node);
    free(result->stalls);
    metrics_free(&result->metrics);
    free(result->nodes);
    free(result->links);
    free(result->name);
    free(result->slug);
    kernel_info_free(&result->kernel);
    free(result->reason);
    free(result->directory);
    *result = (struct case_result){0};
}

void host_info_free(struct host_info *host)
{
    free(host->duet);
    free(host->kernel);
    free(host->cpu_model);
    free(host->qemu);
    free(host->libvirt);
    free(host->accel);
    kernel_info_free(&host->guest_kernel);
}

void run_result_free(struct run_result *run)
{
    if (!run)
        return;
    for (size_t i = 0; i < run->case_count; i++)
        case_result_free(&run->cases[i]);
    free(run->cases);
    free(run->suite);
    free(run->file.path);
    free(run->file.digest);
    free(run->file.kernels);
    free(run->started);
    host_info_free(&run->host);
    *run = (struct run_result){0};
}

int run_result_exit_status(const struct run_result *run)
{
    bool bad = false;
    bool passed = false;

    for (size_t i = 0; i < run->case_count; i++) {
        enum verdict verdict = run->cases[i].verdict;

        if (verdict == VERDICT_ERROR || verdict == VERDICT_INVALID)
            return 3;
        bad = bad || verdict_is_bad(verdict);
        passed = passed || verdict == VERDICT_PASSED;
    }
    return bad ? 1 : passed ? 0 : 4;
}
