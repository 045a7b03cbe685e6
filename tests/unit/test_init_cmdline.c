#include "initrd/init/cmdline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void parses(const char *cmdline, struct config *config)
{
    struct error error = {0};

    config_init(config);
    if (cmdline_parse(cmdline, config, &error) != 0)
        fail_msg("%s", error.message);
}

/* The message of the refusal has `word`, so that its reader knows where to look. */
static void refuses(const char *cmdline, const char *word)
{
    struct error error = {0};
    struct config config;

    config_init(&config);
    assert_int_equal(cmdline_parse(cmdline, &config, &error), -EINVAL);
    config_free(&config);
    assert_int_equal(error.code, EINVAL);
    if (!strstr(error.message, word))
        fail_msg("\"%s\" has no \"%s\"", error.message, word);
}

static void an_empty_line_gives_the_defaults(void **state)
{
    struct config config;

    (void)state;
    parses("", &config);
    assert_string_equal(config.result_prefix, "DUET_RESULT: ");
    assert_string_equal(config.ready_prefix, "DUET_READY: ");
    assert_null(config.exec);
    config_free(&config);
}

static void words_of_the_kernel_are_skipped(void **state)
{
    struct config config;

    (void)state;
    parses("console=ttyS0 quiet duetto=1 x.duet.exec=no dyndbg=\"file a duet.nope=1\" "
           "duet.exec=/entry\n",
           &config);
    assert_string_equal(config.exec, "/entry");
    config_free(&config);
}

static void values_are_percent_decoded(void **state)
{
    struct config config;

    (void)state;
    parses("duet.result=MY%3a%20 duet.ready=%52%45ADY", &config);
    assert_string_equal(config.result_prefix, "MY: ");
    assert_string_equal(config.ready_prefix, "READY");
    config_free(&config);
    refuses("duet.result=a%", "%");
    refuses("duet.result=a%4", "%");
    refuses("duet.result=a%zz", "%zz");
    refuses("duet.result=a%00b", "%00");
    refuses("duet.result=a%0ab", "one line");
    refuses("duet.result=", "empty");
}

static void modules_and_exec(void **state)
{
    struct config config;

    (void)state;
    parses("duet.modules=wireguard,tun duet.exec=/sbin/init", &config);
    assert_int_equal(config.module_count, 2);
    assert_string_equal(config.modules[1], "tun");
    assert_string_equal(config.exec, "/sbin/init");
    config_free(&config);
    refuses("duet.modules=a,,b", "module");
    refuses("duet.modules=../evil", "../evil");
    refuses("duet.exec=init", "absolute");
}

static void unknown_and_repeated_keys_are_refused(void **state)
{
    (void)state;
    refuses("duet.nope=1", "duet.nope=1");
    refuses("duet.exec", "KEY=VALUE");
    refuses("duet.", "KEY=VALUE");
    refuses("duet.exec=/a duet.exec=/b", "twice");
    refuses("duet.node=entry", "unknown key");
}

static void what_came_before_a_mistake_is_kept(void **state)
{
    struct config config;
    struct error error = {0};

    (void)state;
    config_init(&config);
    assert_int_equal(cmdline_parse("duet.result=R: duet.nope=1 duet.ready=no", &config, &error),
                     -EINVAL);
    assert_string_equal(config.result_prefix, "R:");
    assert_string_equal(config.ready_prefix, "DUET_READY: ");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_line_gives_the_defaults),
        cmocka_unit_test(words_of_the_kernel_are_skipped),
        cmocka_unit_test(values_are_percent_decoded),
        cmocka_unit_test(modules_and_exec),
        cmocka_unit_test(unknown_and_repeated_keys_are_refused),
        cmocka_unit_test(what_came_before_a_mistake_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
