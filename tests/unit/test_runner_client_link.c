/* What `duet impair` and `duet link` make of their command lines: settings, and which link. */
#include "runner/client_link.h"
#include "runner/impair_line.h"
#include "runner/table.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { WORDS_MAX = 16 };

/* -- Settings ---------------------------------------------------------------------------------- */

static const char *const own[] = {"from", "help", NULL};

/* `text` has a blank between its words. Returns "NAME=TEXT,… REST…", or the error. */
static char *take(const char *text)
{
    cleanup_free char *copy = xstrdup(text);
    char *argv[WORDS_MAX + 1], *state = NULL;
    struct buffer found = {0};
    struct impair_line line;
    struct error error;
    int argc = 0;

    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state))
        argv[argc++] = word;
    argv[argc] = NULL;
    if (impair_line_take(&line, &argc, argv, own, &error) < 0) {
        assert_true(error.code == EINVAL || error.code == ERANGE);
        return xstrdup(error.message);
    }
    for (size_t i = 0; i < line.count; i++)
        buffer_printf(&found, "%s%s=%s", i ? "," : "", line.items[i].name, line.items[i].text);
    for (int i = 0; i < argc; i++)
        buffer_printf(&found, " %s", argv[i]);
    assert_null(argv[argc]);
    impair_line_free(&line);
    return buffer_steal(&found);
}

static void expect(const char *text, const char *expected)
{
    cleanup_free char *found = take(text);

    assert_string_equal(found, expected);
}

static void settings_are_taken_and_the_rest_stays(void **state)
{
    (void)state;
    expect("impair", " impair");
    expect("impair link --loss 5%", "loss=5% impair link");
    expect("impair --loss=5% case --delay 20ms --jitter 5ms link",
           "loss=5%,delay=20ms,jitter=5ms impair case link");
    expect("impair --from a -j --loss.gemodel.p 1% --help",
           "loss.gemodel.p=1% impair --from a -j --help");
    expect("impair --rules.0.action drop --rules.0.protocol udp",
           "rules.0.action=drop,rules.0.protocol=udp impair");
    expect("impair --rules none", "rules=none impair");
    expect("impair --rate.overhead -14B", "rate.overhead=-14B impair");
    expect("impair --loss 5% -- --delay 1ms", "loss=5% impair -- --delay 1ms");
}

static void yes_needs_no_word(void **state)
{
    (void)state;
    expect("impair --down", "down=true impair");
    expect("impair --down link", "down=true impair link");
    expect("impair --down false link", "down=false impair link");
    expect("impair --blackhole=no --down --loss 1%", "blackhole=no,down=true,loss=1% impair");
}

static void what_is_none_is_refused(void **state)
{
    (void)state;
    expect("impair --los 5%", "there is no setting \"los\"; did you mean \"loss\"?");
    expect("impair --los=5%", "there is no setting \"los\"; did you mean \"loss\"?");
    expect("impair --form a", "there is no setting \"form\"; did you mean \"from\"?");
    expect("impair --elephants", "there is no setting \"elephants\"");
    expect("impair --rules.7.acton drop",
           "there is no setting \"rules.7.acton\"; did you mean \"rules.7.action\"?");
    expect("impair --rules.64.action drop", "there is no setting \"rules.64.action\"");
    expect("impair --loss", "--loss has no value: as in --loss 0.5%");
    expect("impair --rules", "--rules has no value: as in --rules none");
    expect("impair --loss 1% --delay 1ms --loss 2%", "--loss is given twice");
    expect("impair --loss 120%", "loss: \"120%\" is more than 100%");
    expect("impair --rules.0.action jump",
           "rules.0.action: found \"jump\", expected drop, delay, duplicate, mangle or reset");
}

static void help_has_all_of_them(void **state)
{
    static const struct argp_option options[] = {{"from", 1, "NODE", 0, "x", 0}, {0}};
    cleanup_free struct argp_option *all = impair_line_options(options, 100);
    size_t count = 0, settings = 0;

    (void)state;
    assert_string_equal(all[0].name, "from");
    for (; all[count].name || all[count].doc; count++)
        settings += all[count].key >= 100;
    assert_string_equal(all[count - 1].name, "rules.N.FIELD");
    assert_true(settings > 40);
}

/* -- Which link -------------------------------------------------------------------------------- */

static const char *smoke_links[] = {"entry-exit", "spare"};
static const char *web_links[] = {"entry-exit", "web"};
static const char *bare_links[] = {"wire"};

static struct held kept[] = {
    {.suite = "smoke",
     .case_name = "direct,tcp",
     .path = "",
     .pid = 11,
     .links = smoke_links,
     .link_count = 2},
    {.suite = "web",
     .case_name = "server=1",
     .path = "",
     .pid = 12,
     .links = web_links,
     .link_count = 2},
    {.suite = "bare",
     .case_name = "one",
     .path = "",
     .pid = 13,
     .links = bare_links,
     .link_count = 1},
    {.suite = "alone", .case_name = "node", .path = "", .pid = 14},
};

/* As what `words` mean among `count` from the `first` of `kept` on. */
static void expect_link(size_t first, size_t count, const char *words, const char *expected)
{
    const struct held_list list = {.items = kept + first, .count = count};
    cleanup_free char *copy = xstrdup(words);
    cleanup_free char *found = NULL;
    const struct held *held = NULL;
    const char *items[3] = {0}, *link = NULL;
    struct error error = {0};
    char *state = NULL;
    size_t n = 0;

    for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state))
        items[n++] = word;
    if (client_choose_link(&list, items, n, &held, &link, &error) < 0)
        found = xasprintf("-%d %s", error.code, error.message);
    else
        found = xasprintf("%s/%s", held->suite, link);
    assert_string_equal(found, expected);
}

static void a_link_is_found_by_what_is_clear(void **state)
{
    (void)state;
    expect_link(0, 3, "smoke entry-exit", "smoke/entry-exit");
    expect_link(0, 3, "12 web", "web/web");
    expect_link(0, 3, "spare", "smoke/spare");
    expect_link(0, 3, "web", "web/web"); /* a link goes before a suite */
    expect_link(0, 3, "bare", "bare/wire");
    expect_link(2, 1, "", "bare/wire");
}

static void a_link_that_is_not_clear_is_asked_for(void **state)
{
    (void)state;
    expect_link(
        0, 3, "entry-exit",
        "-17 2 cases have a link \"entry-exit\"; name the case, too: smoke/direct,tcp (11), "
        "web/server=1 (12)");
    expect_link(0, 3, "smoke",
                "-2 smoke/direct,tcp has several links; name one: entry-exit, spare");
    expect_link(0, 3, "smoke web",
                "-2 smoke/direct,tcp has no link \"web\", but entry-exit, spare");
    expect_link(0, 1, "web", "-2 smoke/direct,tcp has no link \"web\", but entry-exit, spare");
    expect_link(3, 1, "", "-2 alone/node has no link");
    expect_link(3, 1, "web", "-2 alone/node has no link \"web\", but none");
    expect_link(0, 0, "web", "-2 no case is kept up: `duet up CASE` keeps one");
    expect_link(0, 2, "wire",
                "-2 \"wire\" is neither a link nor a case that is kept: no case \"wire\" is kept "
                "up, but smoke/direct,tcp (11), web/server=1 (12)");
}

/* -- Output ------------------------------------------------------------------------------------ */

static void columns_are_as_wide_as_they_must_be(void **state)
{
    static const char *const titles[] = {"A", "LONG", "C"};
    struct table table = {.columns = 3};
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);

    (void)state;
    table_add_titles(&table, titles);
    table_add(&table, (char *[]){xstrdup("wide"), xstrdup("x"), xstrdup("the last may be so")});
    table_print(&table, out);
    fclose(out);
    assert_string_equal(text, "A     LONG  C\nwide  x     the last may be so\n");
    free(text);
    table_free(&table);
}

static void settings_stand_in_a_line(void **state)
{
    cJSON *json =
        cJSON_Parse("[{\"impair\":{\"delay\":\"5ms\",\"loss\":\"1%\"}},{\"impair\":{}},{}]");
    static const char *const expected[] = {"delay 5ms, loss 1%", "none", "-"};

    (void)state;
    for (int i = 0; i < 3; i++) {
        cleanup_free char *text = client_settings_text(cJSON_GetArrayItem(json, i));

        assert_string_equal(text, expected[i]);
    }
    cJSON_Delete(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_taken_and_the_rest_stays),
        cmocka_unit_test(yes_needs_no_word),
        cmocka_unit_test(what_is_none_is_refused),
        cmocka_unit_test(help_has_all_of_them),
        cmocka_unit_test(a_link_is_found_by_what_is_clear),
        cmocka_unit_test(a_link_that_is_not_clear_is_asked_for),
        cmocka_unit_test(columns_are_as_wide_as_they_must_be),
        cmocka_unit_test(settings_stand_in_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
