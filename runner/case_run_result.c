#include "base/memory.h"
#include "runner/case_links.h"
#include "runner/case_metrics.h"
#include "runner/case_network.h"
#include "runner/case_run_internal.h"

static bool decides_before(const struct node *a, const struct node *b)
{
    enum verdict verdict = node_verdict(a);

    if (verdict != node_verdict(b))
        return verdict_worse(verdict, node_verdict(b)) == verdict;
    return node_fault_ns(a) < node_fault_ns(b);
}

/* Green only where every node is; otherwise the node whose verdict comes first decides. Of equals
 * it is the one that was first to have it: what the others met may come of that. */
size_t case_run_decides(const struct case_run *run)
{
    size_t decides = 0;

    for (size_t i = 1; i < run->node_count; i++)
        if (decides_before(run->nodes[i], run->nodes[decides]))
            decides = i;
    return decides;
}

void case_run_result(struct case_run *run, struct case_result *result)
{
    const struct node_result *decides;

    for (size_t i = 0; i < run->node_count; i++)
        node_result(run->nodes[i], case_result_add_node(result));
    case_links_result(run->links, result);
    if (run->started)
        result->duration_s = (double)(run->ended_ns - run->started_ns) / NS_PER_S;
    decides = &result->nodes[case_run_decides(run)];
    result->verdict = decides->verdict;
    if (run->cancelled) {
        result->verdict = VERDICT_ERROR;
        result->reason = xstrdup("interrupted");
    } else if (run->trouble.code) {
        result->verdict = VERDICT_ERROR;
        result->reason = xstrdup(run->trouble.message);
    } else if (decides->verdict != VERDICT_PASSED) {
        result->reason = xasprintf("%s: %s", decides->name, decides->reason);
    }
    case_metrics_judge(run->options.suite_case, result);
    if (run->network)
        case_network_result(run->network, case_links_need_host(run->links), result);
}

/* What the others met came of the first fault. */
const char *case_run_refusal(const struct case_run *run, size_t *node)
{
    size_t first = 0;

    for (size_t i = 1; i < run->node_count; i++)
        if (node_fault_ns(run->nodes[i]) < node_fault_ns(run->nodes[first]))
            first = i;
    if (node)
        *node = first;
    return node_refusal(run->nodes[first]);
}

const char *case_run_console_tail(const struct case_run *run, size_t lines, struct buffer *out)
{
    const struct node *decides = run->nodes[case_run_decides(run)];

    if (!verdict_is_bad(node_verdict(decides)))
        return NULL;
    node_console_tail(decides, lines, out);
    return node_name(decides);
}
