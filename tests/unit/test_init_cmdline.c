#include "initrd/init/cmdline.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

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
    assert_string_equal(config.node, "node");
    assert_string_equal(config.result_prefix, "DUET_RESULT: ");
    assert_string_equal(config.ready_prefix, "DUET_READY: ");
    assert_null(config.exec);
    config_free(&config);
}

static void words_of_the_kernel_are_skipped(void **state)
{
    struct config config;

    (void)state;
    parses("console=ttyS0 quiet duetto=1 x.duet.node=no dyndbg=\"file a duet.nope=1\" "
           "duet.node=entry\n",
           &config);
    assert_string_equal(config.node, "entry");
    config_free(&config);
}

static void a_link_has_its_mac_name_mtu_and_addresses(void **state)
{
    static const uint8_t mac[] = {0x52, 0x54, 0, 0, 0xab, 1};
    static const uint8_t v4[] = {10, 0, 0, 1};
    static const uint8_t v6[16] = {0xfd, [15] = 1};
    struct config config;

    (void)state;
    parses("duet.link=mac=52:54:00:00:aB:01,name=eth0,mtu=1400,addr=10.0.0.1/24,addr=fd00::1/64",
           &config);
    assert_int_equal(config.link_count, 1);
    assert_memory_equal(config.links[0].mac, mac, sizeof mac);
    assert_string_equal(config.links[0].name, "eth0");
    assert_int_equal(config.links[0].mtu, 1400);
    assert_int_equal(config.links[0].address_count, 2);
    assert_int_equal(config.links[0].addresses[0].family, AF_INET);
    assert_memory_equal(config.links[0].addresses[0].bytes, v4, sizeof v4);
    assert_int_equal(config.links[0].addresses[0].prefix, 24);
    assert_int_equal(config.links[0].addresses[1].family, AF_INET6);
    assert_memory_equal(config.links[0].addresses[1].bytes, v6, sizeof v6);
    assert_int_equal(config.links[0].addresses[1].prefix, 64);
    config_free(&config);
}

static void links_that_cannot_be_are_refused(void **state)
{
    (void)state;
    refuses("duet.link=name=eth0", "mac=");
    refuses("duet.link=mac=52:54:00:00:00:01", "name=");
    refuses("duet.link=mac=52:54:00:00:00,name=a", "MAC");
    refuses("duet.link=mac=52:54:00:00:00:01:02,name=a", "MAC");
    refuses("duet.link=mac=52:54:00:00:00:0g,name=a", "MAC");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a/b", "a/b");
    refuses("duet.link=mac=52:54:00:00:00:01,name=sixteencharacter", "15");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,mtu=67", "68");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,mtu=-1", "-1");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,mtu=99999999999", "99999999999");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,addr=10.0.0.1/33", "33");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,addr=fd00::1/129", "129");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,addr=10.0.0.256", "10.0.0.256");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,speed=1", "speed");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a,up", "up");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a duet.link=mac=52:54:00:00:00:02,name=a", "a");
    refuses("duet.link=mac=52:54:00:00:00:01,name=a duet.link=mac=52:54:00:00:00:01,name=b", "MAC");
}

static void routes_are_of_either_family_and_may_be_the_default(void **state)
{
    struct config config;

    (void)state;
    parses("duet.route=10.1.0.0/16,via=10.0.0.2 duet.route=default,via=fd00::2,dev=eth0 "
           "duet.route=default,dev=eth1",
           &config);
    assert_int_equal(config.route_count, 3);
    assert_int_equal(config.routes[0].to.prefix, 16);
    assert_int_equal(config.routes[0].via.family, AF_INET);
    assert_string_equal(config.routes[0].name, "");
    assert_int_equal(config.routes[1].to.family, AF_INET6);
    assert_int_equal(config.routes[1].to.prefix, 0);
    assert_string_equal(config.routes[1].name, "eth0");
    assert_int_equal(config.routes[2].to.family, AF_INET);
    assert_int_equal(config.routes[2].via.family, 0);
    config_free(&config);
    refuses("duet.route=10.1.0.0/16", "via=");
    refuses("duet.route=10.1.0.0/16,via=fd00::1", "family");
    refuses("duet.route=10.1.0.0/16,via=10.0.0.1/24", "prefix");
    refuses("duet.route=10.1.0.0/16,metric=1", "metric=1");
}

static void hosts_have_one_name_and_some_addresses(void **state)
{
    struct config config;

    (void)state;
    parses("duet.host=exit,10.0.0.2,fd00::2 duet.host=mid,10.0.1.1", &config);
    assert_int_equal(config.host_count, 2);
    assert_string_equal(config.hosts[0].name, "exit");
    assert_int_equal(config.hosts[0].address_count, 2);
    assert_string_equal(config.hosts[0].addresses[1], "fd00::2");
    config_free(&config);
    refuses("duet.host=exit", "address");
    refuses("duet.host=exit,nowhere", "nowhere");
    refuses("duet.host=exit,10.0.0.2/24", "prefix");
    refuses("duet.host=a\tb,10.0.0.2", "");
}

static void sysctls_become_paths(void **state)
{
    struct config config;

    (void)state;
    parses("duet.sysctl=net.ipv4.ip_forward=1 duet.sysctl=net/ipv4/conf/eth0.1/rp_filter=0 "
           "duet.sysctl=net.ipv4.tcp_rmem=4096%2087380%206291456",
           &config);
    assert_string_equal(config.sysctls[0].key, "net/ipv4/ip_forward");
    assert_string_equal(config.sysctls[1].key, "net/ipv4/conf/eth0.1/rp_filter");
    assert_string_equal(config.sysctls[2].value, "4096 87380 6291456");
    config_free(&config);
    refuses("duet.sysctl=net.ipv4.ip_forward", "KEY=VALUE");
    refuses("duet.sysctl=../sys/x=1", "sysctl");
    refuses("duet.sysctl=net/../../etc/passwd=1", "sysctl");
    refuses("duet.sysctl=.net=1", "sysctl");
    refuses("duet.sysctl==1", "KEY=VALUE");
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
    refuses("duet.node", "KEY=VALUE");
    refuses("duet.", "KEY=VALUE");
    refuses("duet.node=a duet.node=b", "twice");
    refuses("duet.node=a%20b", "a b");
    refuses("duet.node=", "host name");
}

static void what_came_before_a_mistake_is_kept(void **state)
{
    struct config config;
    struct error error = {0};

    (void)state;
    config_init(&config);
    assert_int_equal(cmdline_parse("duet.node=entry duet.result=R: duet.nope=1", &config, &error),
                     -EINVAL);
    assert_string_equal(config.node, "entry");
    assert_string_equal(config.result_prefix, "R:");
    config_free(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_line_gives_the_defaults),
        cmocka_unit_test(words_of_the_kernel_are_skipped),
        cmocka_unit_test(a_link_has_its_mac_name_mtu_and_addresses),
        cmocka_unit_test(links_that_cannot_be_are_refused),
        cmocka_unit_test(routes_are_of_either_family_and_may_be_the_default),
        cmocka_unit_test(hosts_have_one_name_and_some_addresses),
        cmocka_unit_test(sysctls_become_paths),
        cmocka_unit_test(values_are_percent_decoded),
        cmocka_unit_test(modules_and_exec),
        cmocka_unit_test(unknown_and_repeated_keys_are_refused),
        cmocka_unit_test(what_came_before_a_mistake_is_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
