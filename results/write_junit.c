#include "base/fs.h"
#include "base/memory.h"
#include "results/text.h"
#include "results/writers.h"

#include <string.h>

/* The element that a verdict makes in a <testcase>: JUnit calls a failure what a test found wrong,
 * and an error what kept it from finding out. */
static const char *element_of(enum verdict verdict)
{
    switch (verdict) {
    case VERDICT_PASSED:
        return NULL;
    case VERDICT_SKIPPED:
        return "skipped";
    case VERDICT_FAILED:
    case VERDICT_TIMEOUT:
    case VERDICT_PANIC:
    case VERDICT_OOPS:
    case VERDICT_OOM:
    case VERDICT_NO_PROGRESS:
        return "failure";
    case VERDICT_QEMU_DIED:
    case VERDICT_INVALID:
    case VERDICT_ERROR:
    case VERDICT_COUNT:
        break;
    }
    return "error";
}

static size_t count_of(const struct run_result *run, const char *element)
{
    size_t count = 0;

    for (size_t i = 0; i < run->case_count; i++) {
        const char *made = element_of(run->cases[i].verdict);

        count += made && strcmp(made, element) == 0;
    }
    return count;
}

static void attribute(struct buffer *out, const char *name, const char *value)
{
    buffer_printf(out, " %s=\"", name);
    if (value)
        text_xml(out, value, strlen(value));
    buffer_append_text(out, "\"");
}

static bool is_taken(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* Names as they stand in the file, where two may have become equal that were not; readers merge
 * cases of one name. The caller frees the names and the array. */
static char **unique_names(const struct run_result *run)
{
    char **names = xcalloc(run->case_count, sizeof *names);

    for (size_t i = 0; i < run->case_count; i++) {
        const char *name = run->cases[i].name ? run->cases[i].name : "";
        cleanup_buffer struct buffer clean = {0};

        text_xml(&clean, name, strlen(name));
        names[i] = xstrdup(clean.data);
        for (unsigned int n = 2; is_taken(names, i, names[i]); n++) {
            free(names[i]);
            names[i] = xasprintf("%s #%u", clean.data, n);
        }
    }
    return names;
}

static void append_node_line(struct buffer *out, const struct node_result *node)
{
    buffer_append_text(out, "node ");
    buffer_append_text(out, node->name ? node->name : "?");
    buffer_printf(out, ": %s", verdict_name(node->verdict));
    if (node->reason)
        buffer_printf(out, ": %s", node->reason);
    buffer_append_text(out, "\n");
    for (size_t i = 0; i < node->step_count; i++) {
        const struct step_result *step = &node->steps[i];

        if (verdict_is_bad(step->verdict))
            buffer_printf(out, "  step %s: %s%s%s\n", step->name ? step->name : "?",
                          verdict_name(step->verdict), step->reason ? ": " : "",
                          step->reason ? step->reason : "");
    }
}

static void append_outcome(struct buffer *out, const struct case_result *result,
                           const char *element)
{
    cleanup_buffer struct buffer body = {0};

    buffer_printf(out, "      <%s", element);
    if (result->verdict != VERDICT_SKIPPED)
        attribute(out, "type", verdict_name(result->verdict));
    attribute(out, "message", result->reason ? result->reason : verdict_name(result->verdict));
    if (result->verdict == VERDICT_SKIPPED) {
        buffer_append_text(out, "/>\n");
        return;
    }
    for (size_t i = 0; i < result->node_count; i++)
        append_node_line(&body, &result->nodes[i]);
    buffer_append_text(&body, "directory: ");
    buffer_append_text(&body, result->directory ? result->directory : "none");
    buffer_append_text(out, ">");
    text_xml(out, body.data, body.length);
    buffer_printf(out, "</%s>\n", element);
}

static void append_case(struct buffer *out, const char *suite, const char *unique_name,
                        const struct case_result *result)
{
    const char *element = element_of(result->verdict);

    buffer_append_text(out, "    <testcase");
    attribute(out, "classname", suite);
    buffer_append_text(out, " name=\"");
    buffer_append_text(out, unique_name);
    buffer_printf(out, "\" time=\"%.3f\"", result->duration_s);
    if (!element) {
        buffer_append_text(out, "/>\n");
        return;
    }
    buffer_append_text(out, ">\n");
    append_outcome(out, result, element);
    buffer_append_text(out, "    </testcase>\n");
}

static void append_suite_attributes(struct buffer *out, const struct run_result *run)
{
    attribute(out, "name", run->suite);
    buffer_printf(out,
                  " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.3f\"",
                  run->case_count, count_of(run, "failure"), count_of(run, "error"),
                  count_of(run, "skipped"), run->duration_s);
}

int results_write_junit(const struct run_result *run, const char *path, struct error *error)
{
    cleanup_buffer struct buffer out = {0};
    char **names = unique_names(run);

    buffer_append_text(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites");
    append_suite_attributes(&out, run);
    buffer_append_text(&out, ">\n  <testsuite");
    append_suite_attributes(&out, run);
    attribute(&out, "timestamp", run->started);
    buffer_append_text(&out, ">\n    <properties>\n");
    buffer_printf(&out, "      <property name=\"seed\" value=\"%llu\"/>\n",
                  (unsigned long long)run->seed);
    buffer_append_text(&out, "    </properties>\n");
    for (size_t i = 0; i < run->case_count; i++) {
        append_case(&out, run->suite, names[i], &run->cases[i]);
        free(names[i]);
    }
    free(names);
    buffer_append_text(&out, "  </testsuite>\n</testsuites>\n");
    return fs_write(path, out.data, out.length, 0644, error);
}
