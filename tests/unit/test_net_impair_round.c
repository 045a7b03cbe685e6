/* A round of changes by name: what it names changes, all else stays, and a round that cannot be
 * leaves nothing behind. */
#include "net/impair_field.h"
#include "net/impair_round.h"

#include "base/buffer.h"
#include "base/memory.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROUND(...)                                                                                 \
    (&(struct impair_round){(const struct impair_named[]){__VA_ARGS__},                            \
                            array_size(((const struct impair_named[]){__VA_ARGS__}))})

static void add_text(void *context, const char *name, const char *text)
{
    struct buffer *out = context;

    buffer_printf(out, "%s%s=%s", out->length ? " " : "", name, text);
}

static void assert_config(const struct impair_config *config, const char *expected)
{
    cleanup_buffer struct buffer text = {0};

    impair_field_each(&config->settings, add_text, &text);
    assert_string_equal(text.data ? text.data : "", expected);
}

/* Puts what the round makes into the place of what was in force. */
static void change(struct impair_config *config, const struct impair_round *round,
                   const char *expected)
{
    struct impair_config next = {0};
    struct error error;

    if (impair_round_make(config, round, 1500, &next, &error) < 0)
        fail_msg("%s", error.message);
    impair_config_free(config);
    *config = next;
    assert_config(config, expected);
}

static void refuse(const struct impair_config *config, const struct impair_round *round, int code,
                   const char *message)
{
    struct impair_config next = {0};
    struct error error;

    assert_int_equal(impair_round_make(config, round, 1500, &next, &error), -code);
    assert_string_equal(error.message, message);
    assert_null(next.rules);
    assert_true(impair_is_none(&next.settings));
}

static void what_is_not_named_stays(void **state)
{
    struct impair_config config = {0};

    (void)state;
    change(&config, ROUND({"delay", "20ms"}, {"jitter", "5ms"}), "delay=20ms jitter=5ms");
    change(&config, ROUND({"loss", "5%"}), "delay=20ms jitter=5ms loss=5%");
    change(&config, ROUND({"delay", "none"}), "loss=5%");
    change(&config, &(struct impair_round){0}, "loss=5%");
    change(&config, ROUND({"rules.0.action", "drop"}, {"rules.0.nth", "3"}),
           "loss=5% rules.0.action=drop rules.0.nth=3");
    change(&config, ROUND({"loss", "none"}), "rules.0.action=drop rules.0.nth=3");
    impair_config_free(&config);
}

static void all_goes_first_wherever_it_stands(void **state)
{
    struct impair_config config = {0};

    (void)state;
    change(&config, ROUND({"loss.gemodel.p", "1%"}, {"rate", "2mbit"}, {"down", "true"}),
           "down=true loss.gemodel.p=1% loss.gemodel.r=99% loss.gemodel.1-h=100% "
           "loss.gemodel.1-k=0% rate=2mbit queue.packets=1000");
    change(&config, ROUND({"delay", "1ms"}, {"all", "none"}), "delay=1ms");
    change(&config, ROUND({"all", "none"}), "");
}

static void what_cannot_be_leaves_nothing(void **state)
{
    struct impair_config config = {0};

    (void)state;
    change(&config, ROUND({"delay", "2ms"}), "delay=2ms");
    refuse(&config, ROUND({"los", "2%"}), ENOENT, "unknown setting \"los\"");
    refuse(&config, ROUND({"rules.0.action", "drop"}, {"loss", "120%"}), ERANGE,
           "loss: \"120%\" is more than 100%");
    refuse(&config, ROUND({"jitter", "3ms"}), EINVAL,
           "jitter: found 3000000 ns, expected at most delay, 2000000 ns");
    refuse(&config, ROUND({"all", "0"}), EINVAL, "all: found \"0\", expected none");
    /* Of a link of 1500 bytes. */
    refuse(&config, ROUND({"rate", "1mbit"}, {"queue.bytes", "1000B"}), EINVAL,
           "queue.bytes: found 1000, expected at least 1514, a packet of the MTU with its Ethernet "
           "header, and at most 4294967296");
    assert_config(&config, "delay=2ms");
    impair_config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_named_stays),
        cmocka_unit_test(all_goes_first_wherever_it_stands),
        cmocka_unit_test(what_cannot_be_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
