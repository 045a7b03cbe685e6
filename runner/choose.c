#include "runner/choose.h"

#include "base/memory.h"
#include "runner/find.h"
#include "runner/run.h"
#include "vm/control.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <unistd.h>

/* -- The suite --------------------------------------------------------------------------------- */

/* JSON's strings are YAML's, too. */
static int load_bare_node(const char *kernel, struct suite **suite, struct error *error)
{
    cleanup_free char *quoted = control_escape(kernel ? kernel : "");
    cleanup_free char *text =
        xasprintf("name: shell\n%s%s\nnodes: {node: {}}\n", kernel ? "kernel: " : "# ", quoted);

    return suite_load_text("--kernel", "/", text, strlen(text), suite, error);
}

static int load(const char *name, const char *kernels, struct suite **suite, struct error *error)
{
    char *names[] = {(char *)name};
    struct found_suites found = {0};
    int code = find_suites(names, 1, &found, error);

    if (code == 0)
        code = suite_load(found.paths[0], kernels, suite, error);
    found_suites_free(&found);
    return code;
}

static bool is_file(const char *name)
{
    return *name == '/' || *name == '.' || fnmatch("*.y*ml", name, 0) == 0 ||
           access(name, F_OK) == 0;
}

/* "smoke/direct,ipv4,tcp" is a suite of that name and a case. */
static char *split(const char *name, const char **only)
{
    const char *slash = is_file(name) ? NULL : strchr(name, '/');

    if (!slash)
        return xstrdup(name);
    *only = slash + 1;
    return xstrndup(name, (size_t)(slash - name));
}

/* -- The case and the node --------------------------------------------------------------------- */

static int choose_among(const char *only, struct chosen *chosen, struct error *error)
{
    const struct suite *suite = chosen->suite;
    size_t count = 0;

    for (size_t i = suite->case_count; i-- > 0;)
        if (run_selects(&suite->cases[i], only)) {
            chosen->suite_case = &suite->cases[i];
            count++;
        }
    if (count == 0)
        return error_set(error, ENOENT, "%s has no case \"%s\" (`duet list %s` shows them)",
                         suite->path, only, suite->path);
    chosen->others = count - 1;
    return 0;
}

/* A shell in a router would find no network, and none of duet's is in a node with another init. */
static bool is_for_shells(const struct suite_node *node)
{
    return !node->init.directory && !node->is_router;
}

static int choose_node(const char *name, struct chosen *chosen, struct error *error)
{
    const struct suite_case *suite_case = chosen->suite_case;
    cleanup_buffer struct buffer names = {0};

    for (size_t i = 0; i < suite_case->node_count; i++) {
        const struct suite_node *node = &suite_case->nodes[i];

        if (name ? strcmp(node->name, name) == 0 : is_for_shells(node)) {
            chosen->node = i;
            return 0;
        }
        buffer_printf(&names, "%s%s", i ? ", " : "", node->name);
    }
    if (!name)
        return error_set(error, ENOENT,
                         "no node of %s has both duet's init and a network: there is no shell",
                         suite_case->name);
    return error_set(error, ENOENT, "%s has no node \"%s\", but %s", suite_case->name, name,
                     names.data);
}

int choose_case(const struct choice *choice, struct chosen *out, struct error *error)
{
    const char *only = choice->only;
    cleanup_free char *name = choice->name ? split(choice->name, &only) : NULL;
    struct chosen chosen = {0};
    int code = name ? load(name, choice->kernels, &chosen.suite, error)
                    : load_bare_node(choice->kernels, &chosen.suite, error);

    if (code < 0)
        return code;
    chosen.suite_case = &chosen.suite->cases[0];
    chosen.others = only ? 0 : chosen.suite->case_count - 1;
    if (only)
        code = choose_among(only, &chosen, error);
    if (code == 0 && choice->wants_node)
        code = choose_node(choice->node, &chosen, error);
    if (code < 0)
        suite_free(chosen.suite);
    else
        *out = chosen;
    return code;
}
