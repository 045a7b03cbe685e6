/* docs/scenario.md and the loader's table of keys say the same, and every example loads. */
#include "runner/suite_reader.h"

#include "base/base.h"
#include "tests/unit/source_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define KEYS_START "<!-- keys: "

static void the_reference_has_every_key_and_no_other(void **state)
{
    cleanup_free char *path = source_tree_path("docs/scenario.md");
    cleanup_buffer struct buffer document = {0};
    cleanup_buffer struct buffer described = {0};
    struct error error = {0};
    char *at, *expected;
    unsigned line = 1;

    (void)state;
    if (fs_read(path, 1 << 20, &document, &error))
        fail_msg("%s", error.message);
    suite_describe_keys(&described);
    at = strstr(document.data, KEYS_START);
    assert_non_null(at);
    at = strstr(at, "\n\n");
    assert_non_null(at);
    at += 2;
    for (char *before = document.data; before < at; before++)
        line += *before == '\n';
    expected = described.data;
    while (*at || *expected) {
        size_t found_length = strcspn(at, "\n");
        size_t expected_length = strcspn(expected, "\n");

        if (found_length != expected_length || memcmp(at, expected, found_length))
            fail_msg("%s:%u:\nfound:    %.*s\nexpected: %.*s", path, line, (int)found_length, at,
                     (int)expected_length, expected);
        at += found_length + (at[found_length] == '\n');
        expected += expected_length + (expected[expected_length] == '\n');
        line++;
    }
}

/* A suite around the example of a key of `section`; %s is the key and its example. */
static const char *frame(enum section section, const char *key)
{
#define NODES "nodes: {exit: , entry: {run: x}}\n"
#define LINKS "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24}]\n"
    switch (section) {
    case IN_SUITE:
        if (!strcmp(key, "nodes"))
            return "%s\n" LINKS;
        return strcmp(key, "links") ? "%s\n" NODES LINKS : "%s\n" NODES;
    case IN_CASE:
        if (!strcmp(key, "nodes"))
            return "nodes: {exit: , entry: }\n" LINKS "cases: {one: {%s}}\n";
        return strcmp(key, "links") ? NODES LINKS "cases: {one: {%s}}\n"
                                    : NODES "cases: {one: {%s}}\n";
    case IN_MATRIX:
        return NODES LINKS "matrix: {transport: [tcp, udp], %s}\n";
    case IN_NODE:
        return "nodes: {exit: {run: x}, entry: {%s}}\n" LINKS;
    case IN_STEP:
        return strcmp(key, "run") ? "nodes: {exit: , entry: {steps: [{run: x, %s}]}}\n" LINKS
                                  : "nodes: {exit: , entry: {steps: [{%s}]}}\n" LINKS;
    case IN_EXPECT:
        return "nodes: {exit: , entry: {steps: [{run: x, expect: {%s}}]}}\n" LINKS;
    case IN_BACKGROUND:
        if (!strcmp(key, "run"))
            return "nodes: {exit: {background: [{name: x, %s}]}, entry: {run: x}}\n" LINKS;
        if (!strcmp(key, "name"))
            return "nodes: {exit: {background: [{run: x, %s}]}, entry: {run: x}}\n" LINKS;
        return "nodes: {exit: {background: [{name: x, run: x, %s}]}, entry: {run: x}}\n" LINKS;
    case IN_READY:
        return "nodes: {exit: {background: [{name: x, run: x, ready: {%s}}]}, entry: {run: "
               "x}}\n" LINKS;
    case IN_FILE:
        if (!strcmp(key, "from"))
            return "nodes: {exit: {files: [{to: /x, %s}]}, entry: {run: x}}\n" LINKS;
        if (!strcmp(key, "to"))
            return "nodes: {exit: {files: [{content: x, %s}]}, entry: {run: x}}\n" LINKS;
        if (!strcmp(key, "optional"))
            return "nodes: {exit: {files: [{from: /none, %s}]}, entry: {run: x}}\n" LINKS;
        return strcmp(key, "content")
                   ? "nodes: {exit: {files: [{to: /x, content: x, %s}]}, entry: {run: x}}\n" LINKS
                   : "nodes: {exit: {files: [{to: /x, %s}]}, entry: {run: x}}\n" LINKS;
    case IN_ROUTE:
        return strcmp(key, "to")
                   ? "nodes: {exit: , entry: {run: x, routes: [{to: default, %s}]}}\n" LINKS
                   : "nodes: {exit: , entry: {run: x, routes: [{via: 10.0.0.2, %s}]}}\n" LINKS;
    case IN_LINK:
        return strcmp(key, "nodes") ? NODES "links: [{nodes: [entry, exit], %s}]\n"
                                    : NODES "links: [{%s}]\n";
    case IN_IMPAIR:
        return NODES "links: [{nodes: [entry, exit], impair: {%s}}]\n";
    case IN_STEP_IMPAIR:
        return "nodes: {exit: , entry: {steps: [{run: x, impair: {entry-exit: {%s}}}]}}\n" LINKS;
    case IN_CHANGE:
        if (!strcmp(key, "of"))
            return NODES "links: [{nodes: [entry, exit], impair: {changes: [{down: true, at: 1, "
                         "%s}]}}]\n";
        return strcmp(key, "from") ? NODES "links: [{nodes: [entry, exit], impair: {changes: "
                                           "[{down: true, %s}]}}]\n"
                                   : NODES "links: [{nodes: [entry, exit], impair: {changes: "
                                           "[{at: 1, %s}]}}]\n";
    case IN_RULE: /* has no keys of the table; test_net_impair_field takes its examples */
        return NULL;
    case IN_INIT:
        if (!strcmp(key, "raw"))
            return "nodes: {exit: , entry: {init: {directory: guest, run: /init, %s}}}\n" LINKS;
        return strcmp(key, "run")
                   ? "nodes: {exit: , entry: {init: {run: /init, %s}}}\n" LINKS
                   : "nodes: {exit: , entry: {init: {directory: guest, %s}}}\n" LINKS;
    case IN_TOKENS:
        return NODES LINKS "tokens: {%s}\n";
    case IN_NETWORK:
        return NODES LINKS "network: {%s}\n";
    case IN_SHRUNK:
        if (!strcmp(key, "suite"))
            return "shrunk: {case: base, %s}\n";
        return strcmp(key, "case") ? "shrunk: {suite: base.yaml, case: base, %s}\n"
                                   : "shrunk: {suite: base.yaml, %s}\n";
    case IN_METRIC:
        return NODES LINKS "metrics: {latency: {%s}}\n";
    }
#undef NODES
#undef LINKS
    return NULL;
}

static const char base_text[] = "nodes: {exit: , entry: {run: x}}\n"
                                "links: [{nodes: [entry, exit], subnet: 10.0.0.0/24, "
                                "impair: {loss: 30%}}]\n";

static char *make_directory(void)
{
    char *directory = xstrdup("/tmp/duet-test-doc-XXXXXX");
    cleanup_free char *guest = NULL;
    cleanup_free char *init = NULL;
    cleanup_free char *base = NULL;

    assert_non_null(mkdtemp(directory));
    guest = xasprintf("%s/guest", directory);
    init = xasprintf("%s/init", guest);
    assert_int_equal(mkdir(guest, 0700), 0);
    assert_int_equal(fs_write(init, "#!/bin/sh\n", 10, 0755, NULL), 0);
    base = xasprintf("%s/base.yaml", directory);
    assert_int_equal(fs_write(base, base_text, strlen(base_text), 0644, NULL), 0);
    return directory;
}

static void load_example(const char *directory, enum section section, const struct suite_key *key)
{
    const char *around = frame(section, key->name);
    const char *hole = strstr(around, "%s");
    cleanup_free char *text =
        xasprintf("%.*s%s: %s%s", (int)(hole - around), around, key->name, key->example, hole + 2);
    struct suite *suite = NULL;
    struct error error = {0};

    if (suite_load_text("example", directory, text, strlen(text), &suite, &error))
        fail_msg("%s\n%s", error.message, text);
    assert_true(suite->case_count > 0);
    suite_free(suite);
}

static void every_example_loads(void **state)
{
    cleanup_free char *directory = make_directory();
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (unsigned section = IN_SUITE; section <= IN_SHRUNK; section <<= 1)
            if (keys[i].where & section)
                load_example(directory, (enum section)section, &keys[i]);
    assert_int_equal(fs_remove_tree(directory, NULL), 0);
}

static void a_key_is_in_the_table_once(void **state)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        assert_true(keys[i].where && keys[i].type && keys[i].example && keys[i].summary);
        for (size_t j = 0; j < i; j++)
            if ((keys[i].where & keys[j].where) && !strcmp(keys[i].name, keys[j].name))
                fail_msg("\"%s\" is there twice", keys[i].name);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reference_has_every_key_and_no_other),
        cmocka_unit_test(every_example_loads),
        cmocka_unit_test(a_key_is_in_the_table_once),
    };

    /* What docs/scenario.md should say, to be put there. */
    if (argc == 2 && !strcmp(argv[1], "--describe")) {
        cleanup_buffer struct buffer described = {0};

        suite_describe_keys(&described);
        return fwrite(described.data, 1, described.length, stdout) == described.length ? 0 : 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
