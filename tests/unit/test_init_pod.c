/* STARTPOD as init reads it: every field, and what each refuses. */
#include "base/memory.h"
#include "base/wire.h"
#include "initrd/init/request.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define ENTROPY "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F" /* 32 bytes */

static int parse(const char *json, struct request **request, struct error *error)
{
    uint64_t id;

    return request_parse(WIRE_STARTPOD, json, strlen(json), &id, request, error);
}

static struct request *accepts_text(const char *json)
{
    struct request *request = NULL;
    struct error error = {0};

    if (parse(json, &request, &error) != 0)
        fail_msg("%s", error.message);
    return request;
}

static void refuses_text(const char *json, const char *message)
{
    struct request *request = NULL;
    struct error error = {0};

    assert_int_equal(parse(json, &request, &error), -EINVAL);
    assert_null(request);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" has no \"%s\"", error.message, message);
}

/* A payload with `fields` beside the ones that must be there. */
static char *with(const char *fields)
{
    return xasprintf("{\"id\":1,\"hostname\":\"entry\",\"time_ns\":\"1792000000123456789\","
                     "\"entropy\":\"" ENTROPY "\"%s%s}",
                     fields[0] ? "," : "", fields);
}

static struct request *accepts(const char *fields)
{
    cleanup_free char *json = with(fields);

    return accepts_text(json);
}

static void refuses(const char *fields, const char *message)
{
    cleanup_free char *json = with(fields);

    refuses_text(json, message);
}

static void the_least_is_a_name_a_time_and_entropy(void **state)
{
    struct request *request = accepts("");
    const struct pod *pod = &request->pod;

    (void)state;
    assert_int_equal(request->id, 1);
    assert_string_equal(pod->hostname, "entry");
    assert_true(pod->time_ns == 1792000000123456789);
    assert_int_equal(pod->entropy_size, 32);
    for (int i = 0; i < 32; i++)
        assert_int_equal(pod->entropy[i], i);
    assert_false(pod->has_machine_id);
    assert_int_equal(pod->interface_count + pod->route_count + pod->host_count + pod->sysctl_count,
                     0);
    request_free(request);
}

static void a_name_a_time_and_entropy_are_needed(void **state)
{
    (void)state;
    refuses_text("{\"id\":1}", "\"hostname\" is missing");
    refuses_text("{\"id\":1,\"hostname\":\"n\"}", "\"time_ns\" is missing");
    refuses_text("{\"id\":1,\"hostname\":\"n\",\"time_ns\":\"0\"}", "\"entropy\" is missing");
    refuses_text("{\"id\":1,\"hostname\":\"a b\"}", "\"a b\" is not a host name");
    refuses_text("{\"id\":1,\"hostname\":\"\"}", "\"hostname\" is empty");
    refuses_text("{\"id\":1,\"hostname\":\"n\",\"time_ns\":0}", "expected a string");
    refuses_text("{\"id\":1,\"hostname\":\"n\",\"time_ns\":\"-1\"}", "\"time_ns\" is \"-1\"");
    refuses_text("{\"id\":1,\"hostname\":\"n\",\"time_ns\":\"10000000000000000000\"}",
                 "\"time_ns\"");
    refuses("\"x\":1", "unknown field \"x\"");
}

static void try_entropy(const char *entropy)
{
    cleanup_free char *json =
        xasprintf("{\"id\":1,\"hostname\":\"n\",\"time_ns\":\"0\",\"entropy\":\"%s\"}", entropy);

    refuses_text(json, "\"entropy\" is not 32 to 64 bytes in hexadecimal digits");
}

static void entropy_is_enough_and_not_too_much(void **state)
{
    struct request *request = accepts_text(
        "{\"id\":1,\"hostname\":\"n\",\"time_ns\":\"0\",\"entropy\":\"" ENTROPY ENTROPY "\"}");

    (void)state;
    assert_int_equal(request->pod.entropy_size, 64);
    assert_int_equal(request->pod.entropy[63], 31);
    request_free(request);
    try_entropy("00");
    try_entropy(ENTROPY "0");
    try_entropy(ENTROPY ENTROPY "00");
    try_entropy(ENTROPY "0g");
}

static void a_machine_id_is_32_digits(void **state)
{
    struct request *request = accepts("\"machine_id\":\"00112233445566778899aabbccddeeFF\"");

    (void)state;
    assert_true(request->pod.has_machine_id);
    assert_int_equal(request->pod.machine_id[15], 0xff);
    request_free(request);
    refuses("\"machine_id\":\"0011\"", "\"machine_id\" is \"0011\"; expected 32");
    refuses("\"machine_id\":\"0011223344556677-8899aabbccddee\"", "expected 32");
}

/* -- The network ------------------------------------------------------------------------------- */

#define DEVICE "\"device\":\"02:64:75:65:74:00\""
#define MAC    "\"mac\":\"52:54:00:00:aB:01\""

static void an_interface_has_its_device_mac_name_mtu_and_addresses(void **state)
{
    static const uint8_t device[] = {0x02, 0x64, 0x75, 0x65, 0x74, 0};
    static const uint8_t mac[] = {0x52, 0x54, 0, 0, 0xab, 1};
    static const uint8_t v4[] = {10, 0, 0, 1};
    static const uint8_t v6[16] = {0xfd, [15] = 1};
    struct request *request =
        accepts("\"interfaces\":[{" DEVICE "," MAC ",\"name\":\"eth0\",\"mtu\":1400,"
                "\"addresses\":[\"10.0.0.1/24\",\"fd00::1/64\",\"10.0.0.3\"]},"
                "{\"device\":\"00:00:00:00:00:02\",\"mac\":\"00:00:00:00:00:02\",\"name\":\"b\"}]");
    const struct pod_interface *interface = &request->pod.interfaces[0];

    (void)state;
    assert_int_equal(request->pod.interface_count, 2);
    assert_memory_equal(interface->device, device, sizeof device);
    assert_memory_equal(interface->mac, mac, sizeof mac);
    assert_string_equal(interface->name, "eth0");
    assert_int_equal(interface->mtu, 1400);
    assert_int_equal(interface->addresses.count, 3);
    assert_int_equal(interface->addresses.items[0].family, AF_INET);
    assert_memory_equal(interface->addresses.items[0].bytes, v4, sizeof v4);
    assert_int_equal(interface->addresses.items[0].prefix, 24);
    assert_int_equal(interface->addresses.items[1].family, AF_INET6);
    assert_memory_equal(interface->addresses.items[1].bytes, v6, sizeof v6);
    assert_int_equal(interface->addresses.items[1].prefix, 64);
    assert_int_equal(interface->addresses.items[2].prefix, 32);
    assert_int_equal(interface[1].mtu, 0);
    assert_int_equal(interface[1].addresses.count, 0);
    request_free(request);
}

static void an_interface_may_have_netem(void **state)
{
    struct request *request =
        accepts("\"interfaces\":[{" DEVICE "," MAC ",\"name\":\"eth0\",\"netem\":{"
                "\"end\":1,\"seed\":\"18446744073709551615\",\"impair\":{\"delay\":\"25ms\","
                "\"jitter\":\"5ms\",\"distribution\":\"normal\",\"loss\":\"2%\"}}},"
                "{\"device\":\"00:00:00:00:00:02\",\"mac\":\"00:00:00:00:00:02\",\"name\":\"b\"}]");
    const struct pod_interface *interface = &request->pod.interfaces[0];
    const struct impair_settings *settings = &interface->netem->config.settings;

    (void)state;
    assert_int_equal(interface->netem->end, 1);
    assert_true(interface->netem->seed == UINT64_MAX);
    assert_int_equal(settings->delay.mean_ns, 25000000);
    assert_int_equal(settings->delay.jitter_ns, 5000000);
    assert_int_equal(settings->delay.distribution, IMPAIR_NORMAL);
    assert_int_equal(settings->loss.random.ppb, 20000000);
    assert_null(interface[1].netem);
    request_free(request);
}

static void netem_that_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *netem, *message;
    } wrong[] = {
        {"7", "\"netem\": it is an integer; expected an object"},
        {"{\"seed\":\"1\",\"impair\":{}}", "\"end\" is missing"},
        {"{\"end\":2,\"seed\":\"1\",\"impair\":{}}", "0 to 1 are possible"},
        {"{\"end\":0,\"impair\":{}}", "\"netem\": \"seed\" is missing"},
        {"{\"end\":0,\"seed\":1,\"impair\":{}}", "\"seed\" is an integer"},
        {"{\"end\":0,\"seed\":\"-1\",\"impair\":{}}",
         "\"seed\" is \"-1\"; expected a decimal number"},
        {"{\"end\":0,\"seed\":\"18446744073709551616\",\"impair\":{}}", "below 2^64"},
        {"{\"end\":0,\"seed\":\"1\"}", "\"impair\" is missing"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":[]}", "\"impair\" is an array"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{},\"link\":1}", "unknown field \"link\""},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{\"delay\":5}}", "\"delay\" is an integer"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{\"speed\":\"5ms\"}}", "speed"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{\"loss\":\"120%\"}}", "120%"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{\"jitter\":\"5ms\"}}", "expected at most delay"},
        {"{\"end\":0,\"seed\":\"1\",\"impair\":{\"mtu\":\"1400\"}}",
         "\"netem\": mtu: tc netem has nothing"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(wrong); i++) {
        cleanup_free char *fields = xasprintf(
            "\"interfaces\":[{" DEVICE "," MAC ",\"name\":\"a\",\"netem\":%s}]", wrong[i].netem);

        refuses(fields, wrong[i].message);
    }
}

static void a_node_may_be_a_router(void **state)
{
    struct request *request = accepts("\"interfaces\":[{" DEVICE "," MAC
                                      ",\"name\":\"a\",\"mtu\":1500}],\"router\":true");

    (void)state;
    assert_true(request->pod.is_router);
    request_free(request);
    request = accepts("\"router\":false");
    assert_false(request->pod.is_router);
    request_free(request);
    refuses("\"router\":1", "\"router\" is an integer");
    refuses("\"router\":true", "a router without \"interfaces\"");
    refuses("\"interfaces\":[{" DEVICE "," MAC ",\"name\":\"a\"}],\"router\":true",
            "the interface a of a router needs an \"mtu\"");
    refuses("\"interfaces\":[{" DEVICE "," MAC ",\"name\":\"a\",\"mtu\":1500,\"netem\":{\"end\":0,"
            "\"seed\":\"1\",\"impair\":{}}}],\"router\":true",
            "the interface a of a router has \"netem\"");
}

static void interfaces_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *interface, *message;
    } wrong[] = {
        {"7", "\"interfaces\"[0]: it is an integer; expected an object"},
        {"{" MAC ",\"name\":\"a\"}", "\"interfaces\"[0]: \"device\" is missing"},
        {"{" DEVICE ",\"name\":\"a\"}", "\"mac\" is missing"},
        {"{" DEVICE "," MAC "}", "\"name\" is missing"},
        {"{" DEVICE ",\"mac\":\"52:54:00:00:00\",\"name\":\"a\"}", "MAC"},
        {"{" DEVICE ",\"mac\":\"52:54:00:00:00:01:02\",\"name\":\"a\"}", "MAC"},
        {"{" DEVICE ",\"mac\":\"52:54:00:00:00:0g\",\"name\":\"a\"}", "MAC"},
        {"{" DEVICE "," MAC ",\"name\":\"a/b\"}", "a/b"},
        {"{" DEVICE "," MAC ",\"name\":\"sixteencharacter\"}", "15"},
        {"{" DEVICE "," MAC ",\"name\":\"..\"}", "cannot name a link"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"mtu\":67}", "68"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"mtu\":65536}", "65536"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"mtu\":\"1500\"}", "\"mtu\" is a string"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":\"10.0.0.1/8\"}", "expected an array"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":[1]}",
         "\"interfaces\"[0]: \"addresses\"[0]: it is an integer; expected a string"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":[\"10.0.0.1/8\",\"10.0.0.1/33\"]}",
         "\"addresses\"[1]: \"10.0.0.1/33\": \"33\" is not a prefix from 0 to 32"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":[\"fd00::1/129\"]}", "128"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":[\"10.0.0.1/\"]}", "prefix"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"addresses\":[\"10.0.0.256\"]}", "10.0.0.256"},
        {"{" DEVICE "," MAC ",\"name\":\"a\",\"speed\":1}", "unknown field \"speed\""},
        {"{" DEVICE "," MAC ",\"name\":\"a\"},"
         "{\"device\":\"00:00:00:00:00:02\",\"mac\":\"00:00:00:00:00:02\",\"name\":\"a\"}",
         "\"interfaces\"[1]: two interfaces are named a"},
        {"{" DEVICE "," MAC ",\"name\":\"a\"},"
         "{" DEVICE ",\"mac\":\"00:00:00:00:00:02\",\"name\":\"b\"}",
         "a and b are the same device"},
        {"{" DEVICE "," MAC ",\"name\":\"a\"},"
         "{\"device\":\"00:00:00:00:00:02\"," MAC ",\"name\":\"b\"}",
         "a and b have the same MAC address"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(wrong); i++) {
        cleanup_free char *fields = xasprintf("\"interfaces\":[%s]", wrong[i].interface);

        refuses(fields, wrong[i].message);
    }
    refuses("\"interfaces\":{}", "\"interfaces\" is an object; expected an array");
}

static void routes_are_of_either_family_and_may_be_the_default(void **state)
{
    struct request *request =
        accepts("\"routes\":[{\"to\":\"10.1.0.0/16\",\"via\":\"10.0.0.2\"},"
                "{\"to\":\"default\",\"via\":\"fd00::2\",\"device\":\"eth0\"},"
                "{\"to\":\"default\",\"device\":\"eth1\"}]");
    const struct pod_route *routes = request->pod.routes;

    (void)state;
    assert_int_equal(request->pod.route_count, 3);
    assert_int_equal(routes[0].to.prefix, 16);
    assert_int_equal(routes[0].via.family, AF_INET);
    assert_string_equal(routes[0].device, "");
    assert_int_equal(routes[1].to.family, AF_INET6);
    assert_int_equal(routes[1].to.prefix, 0);
    assert_string_equal(routes[1].device, "eth0");
    assert_int_equal(routes[2].to.family, AF_INET);
    assert_int_equal(routes[2].via.family, 0);
    request_free(request);
    refuses("\"routes\":[{\"to\":\"10.1.0.0/16\"}]", "a route needs \"via\" or \"device\"");
    refuses("\"routes\":[{\"to\":\"10.1.0.0/16\",\"via\":\"fd00::1\"}]", "family");
    refuses("\"routes\":[{\"to\":\"10.1.0.0/16\",\"via\":\"10.0.0.1/24\"}]", "has a prefix");
    refuses("\"routes\":[{\"to\":\"10.1.0.0/16\",\"device\":\"a b\"}]", "a b");
    refuses("\"routes\":[{\"via\":\"10.0.0.1\"}]", "\"to\" is missing");
    refuses("\"routes\":[{\"to\":\"nowhere\",\"via\":\"10.0.0.1\"}]", "nowhere");
    refuses("\"routes\":[{\"to\":\"10.1.0.0/16\",\"via\":\"10.0.0.1\",\"metric\":1}]", "metric");
}

static void hosts_have_one_name_and_some_addresses(void **state)
{
    struct request *request =
        accepts("\"hosts\":[{\"name\":\"exit\",\"addresses\":[\"10.0.0.2\",\"fd00::2\"]},"
                "{\"name\":\"mid\",\"addresses\":[\"10.0.1.1\"]}]");
    const struct pod_host *hosts = request->pod.hosts;

    (void)state;
    assert_int_equal(request->pod.host_count, 2);
    assert_string_equal(hosts[0].name, "exit");
    assert_int_equal(hosts[0].addresses.count, 2);
    assert_int_equal(hosts[0].addresses.items[1].family, AF_INET6);
    assert_string_equal(hosts[1].name, "mid");
    request_free(request);
    refuses("\"hosts\":[{\"addresses\":[]}]", "\"name\" is missing");
    refuses("\"hosts\":[{\"name\":\"exit\",\"addresses\":[\"nowhere\"]}]", "nowhere");
    refuses("\"hosts\":[{\"name\":\"exit\",\"addresses\":[\"10.0.0.2/24\"]}]", "has a prefix");
    refuses("\"hosts\":[{\"name\":\"a\\tb\",\"addresses\":[]}]", "is not a host name");
    refuses("\"hosts\":[{\"name\":\"a\",\"aliases\":[]}]", "aliases");
}

static void sysctls_become_paths(void **state)
{
    struct request *request =
        accepts("\"sysctls\":[{\"key\":\"net.ipv4.ip_forward\",\"value\":\"1\"},"
                "{\"key\":\"net/ipv4/conf/eth0.1/rp_filter\",\"value\":\"0\"},"
                "{\"key\":\"net.ipv4.conf.eth0/1.rp_filter\",\"value\":\"\"},"
                "{\"key\":\"net.ipv4.tcp_rmem\",\"value\":\"4096 87380 6291456\"}]");
    const struct pod_sysctl *sysctls = request->pod.sysctls;

    (void)state;
    assert_int_equal(request->pod.sysctl_count, 4);
    assert_string_equal(sysctls[0].key, "net/ipv4/ip_forward");
    assert_string_equal(sysctls[1].key, "net/ipv4/conf/eth0.1/rp_filter");
    assert_string_equal(sysctls[2].key, "net/ipv4/conf/eth0.1/rp_filter");
    assert_string_equal(sysctls[2].value, "");
    assert_string_equal(sysctls[3].value, "4096 87380 6291456");
    request_free(request);
    refuses("\"sysctls\":[{\"key\":\"net.ipv4.ip_forward\"}]", "\"value\" is missing");
    refuses("\"sysctls\":[{\"key\":\"net.ipv4.ip_forward\",\"value\":1}]",
            "\"value\" is an integer");
    refuses("\"sysctls\":[{\"key\":\"../sys/x\",\"value\":\"1\"}]", "sysctl");
    refuses("\"sysctls\":[{\"key\":\"net/../../etc/passwd\",\"value\":\"1\"}]", "sysctl");
    refuses("\"sysctls\":[{\"key\":\".net\",\"value\":\"1\"}]", "sysctl");
    refuses("\"sysctls\":[{\"key\":\"net\",\"value\":\"1\"}]", "sysctl");
    refuses("\"sysctls\":[{\"key\":\"\",\"value\":\"1\"}]", "\"key\" is empty");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_least_is_a_name_a_time_and_entropy),
        cmocka_unit_test(a_name_a_time_and_entropy_are_needed),
        cmocka_unit_test(entropy_is_enough_and_not_too_much),
        cmocka_unit_test(a_machine_id_is_32_digits),
        cmocka_unit_test(an_interface_has_its_device_mac_name_mtu_and_addresses),
        cmocka_unit_test(an_interface_may_have_netem),
        cmocka_unit_test(a_node_may_be_a_router),
        cmocka_unit_test(netem_that_cannot_be_is_refused),
        cmocka_unit_test(interfaces_that_cannot_be_are_refused),
        cmocka_unit_test(routes_are_of_either_family_and_may_be_the_default),
        cmocka_unit_test(hosts_have_one_name_and_some_addresses),
        cmocka_unit_test(sysctls_become_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
