/* Changes of what tc netem does on a link, as SETLINK asks for them. */
#include "base/memory.h"
#include "initrd/init/pod_netem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* That of the link's second end. */
static int set_up(void **state)
{
    json_t *json = json_loads("{\"end\":1,\"seed\":\"7\",\"impair\":{\"delay\":\"5ms\","
                              "\"loss\":\"1%\",\"slot\":\"10ms\"}}",
                              0, NULL);
    struct pod_netem *netem = NULL;
    struct error error = {0};

    assert_int_equal(pod_netem_parse(json, &netem, &error), 0);
    json_decref(json);
    *state = netem;
    return 0;
}

static int tear_down(void **state)
{
    pod_netem_free(*state);
    return 0;
}

static int make_changed(const struct pod_netem *netem, const char *text, struct pod_netem *changed,
                        struct error *error)
{
    json_t *json = json_loads(text, 0, NULL);
    int code = pod_netem_change(json, netem, changed, error);

    json_decref(json);
    return code;
}

/* As where the kernel takes it. */
static int change(struct pod_netem *netem, const char *text, struct error *error)
{
    struct pod_netem changed;
    int code = make_changed(netem, text, &changed, error);

    if (code == 0) {
        impair_config_free(&netem->config);
        *netem = changed;
    }
    return code;
}

static void refused(struct pod_netem *netem, const char *text, const char *message)
{
    struct error error = {0};

    assert_int_equal(change(netem, text, &error), -EINVAL);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" has no \"%s\"", error.message, message);
    assert_int_equal(netem->changes, 0);
    assert_int_equal(netem->config.settings.delay.mean_ns, 5000000);
    assert_int_equal(netem->config.settings.loss.random.ppb, 10000000);
}

static void what_is_not_named_stays(void **state)
{
    struct pod_netem *netem = *state;
    const struct impair_settings *settings = &netem->config.settings;
    struct error error = {0};

    assert_int_equal(change(netem, "{\"impair\":[null,{\"loss\":\"5%\"}]}", &error), 0);
    assert_int_equal(settings->loss.random.ppb, 50000000);
    assert_int_equal(settings->delay.mean_ns, 5000000);
    assert_int_equal(netem->changes, 1);
    assert_int_equal(
        change(netem, "{\"impair\":[null,{\"delay\":\"none\",\"down\":\"true\"}]}", &error), 0);
    assert_int_equal(settings->delay.mean_ns, 0);
    assert_true(settings->down);
    assert_int_equal(settings->slot.interval.mean_ns, 10000000);
    assert_int_equal(netem->changes, 2);
    assert_int_equal(change(netem, "{\"impair\":[null,null]}", &error), 0);
    assert_int_equal(netem->changes, 2);
}

static void what_the_kernel_refuses_is_not_in_the_next(void **state)
{
    struct pod_netem *netem = *state, refused;
    struct error error = {0};

    assert_int_equal(make_changed(netem, "{\"impair\":[null,{\"loss\":\"5%\"}]}", &refused, &error),
                     0);
    assert_int_equal(refused.config.settings.loss.random.ppb, 50000000);
    assert_int_equal(refused.changes, 1);
    impair_config_free(&refused.config);
    assert_int_equal(change(netem, "{\"impair\":[null,{\"delay\":\"9ms\"}]}", &error), 0);
    assert_int_equal(netem->config.settings.loss.random.ppb, 10000000);
    assert_int_equal(netem->config.settings.delay.mean_ns, 9000000);
    assert_int_equal(netem->changes, 1);
    assert_int_equal(netem->end, 1);
    assert_int_equal(netem->seed, 7);
}

static void what_cannot_be_changes_nothing(void **state)
{
    refused(*state, "{\"impair\":[null,{\"loss\":\"120%\"}]}", "\"impair\"[1]: ");
    refused(*state, "{\"impair\":[null,{\"jitter\":\"6ms\"}]}", "expected at most delay");
    refused(*state, "{\"impair\":[null,{\"delay\":\"9ms\",\"mtu\":\"1400\"}]}",
            "\"impair\"[1]: mtu: tc netem has nothing like it");
    refused(*state, "{\"impair\":[null,7]}", "is an integer");
    refused(*state, "{\"impair\":[{\"loss\":\"5%\"},null]}",
            "\"impair\"[0] is of what the other end sends");
    refused(*state, "{\"impair\":[null]}", "no array of two");
    refused(*state, "{\"impair\":[null,null,null]}", "no array of two");
    refused(*state, "{\"impair\":{\"loss\":\"5%\"}}", "no array of two");
    refused(*state, "{}", "no array of two");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_not_named_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_the_kernel_refuses_is_not_in_the_next, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_changes_nothing, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
