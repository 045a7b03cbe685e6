/* Options of a kernel as text: what is one, and which of those asked for kconfig dropped. */
#include "kernel/kconfig.h"
#include "kernel/kernel.h"
#include "tests/unit/kernel_fixture.h"

#include <errno.h>

static void assert_dropped(const char *asked, const char *got, size_t count, const char *told)
{
    cleanup_buffer struct buffer out = {0};

    assert_int_equal(kconfig_dropped(asked, got, &out), count);
    assert_string_equal(out.data ? out.data : "", told);
}

static void test_all_taken(void **state)
{
    (void)state;
    assert_dropped("", "", 0, "");
    assert_dropped("# text\nCONFIG_A=y\nCONFIG_B=\"x y\"\n", "CONFIG_B=\"x y\"\nCONFIG_A=y\n", 0,
                   "");
}

static void test_not_set_is_the_same_as_not_there(void **state)
{
    (void)state;
    assert_dropped("# CONFIG_A is not set\n", "", 0, "");
    assert_dropped("CONFIG_A=n\n", "# CONFIG_A is not set\n", 0, "");
    assert_dropped("# CONFIG_A is not set\n", "CONFIG_A=y", 1, "CONFIG_A=n is y");
}

static void test_dropped_ones_are_named(void **state)
{
    (void)state;
    assert_dropped("CONFIG_A=y\nCONFIG_B=y\nCONFIG_C=5\n",
                   "# CONFIG_A is not set\nCONFIG_AB=y\nCONFIG_C=50\n", 3,
                   "CONFIG_A=y is n; CONFIG_B=y is not there; CONFIG_C=5 is 50");
}

static void test_the_last_word_counts(void **state)
{
    (void)state;
    assert_dropped("CONFIG_A=y\n# CONFIG_A is not set\n", "", 0, "");
    assert_dropped("# CONFIG_A is not set\nCONFIG_A=y\n", "", 1, "CONFIG_A=y is not there");
    assert_dropped("CONFIG_A=y\n", "CONFIG_A=n\nCONFIG_A=y\n", 0, "");
}

static void test_many_are_cut(void **state)
{
    cleanup_buffer struct buffer asked = {0};
    cleanup_buffer struct buffer out = {0};

    (void)state;
    for (int i = 0; i < 45; i++)
        buffer_printf(&asked, "CONFIG_N%d=y\n", i);
    assert_int_equal(kconfig_dropped(asked.data, "", &out), 45);
    assert_non_null(strstr(out.data, "CONFIG_N39=y is not there; and 5 more"));
    assert_null(strstr(out.data, "CONFIG_N40="));
}

static void test_what_is_no_option(void **state)
{
    static const char *const wrong[] = {"FOO=y",        "CONFIG_FOO", "CONFIG_=y",
                                        "CONFIG_A B=y", "CONFIG_A=",  " CONFIG_A=y"};
    struct error error;

    (void)state;
    assert_int_equal(kconfig_check("", "f", &error), 0);
    assert_int_equal(
        kconfig_check("\n# CONFIG_A is not set\r\n#x\nCONFIG_A=\"\"\nCONFIG_B=m", "f", &error), 0);
    for (size_t i = 0; i < array_size(wrong); i++) {
        cleanup_free char *text = xasprintf("# first\n%s\nCONFIG_Z=y\n", wrong[i]);

        assert_int_equal(kconfig_check(text, "some/file", &error), -EINVAL);
        assert_says(&error, "some/file:2: ");
    }
}

static void test_duets_own_options(void **state)
{
    static const char needed[] =
        "CONFIG_64BIT=y\nCONFIG_PVH=y\nCONFIG_KVM_GUEST=y\nCONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y\n"
        "CONFIG_VIRTIO_NET=y\nCONFIG_VIRTIO_CONSOLE=y\nCONFIG_HW_RANDOM_VIRTIO=y\nCONFIG_RD_GZIP="
        "y\n"
        "CONFIG_VIRTIO_VSOCKETS=y\nCONFIG_TUN=y\nCONFIG_VETH=y\nCONFIG_BRIDGE=y\nCONFIG_NET_NS=y\n"
        "CONFIG_NET_SCH_NETEM=y\nCONFIG_NET_SCH_TBF=y\nCONFIG_NET_SCH_FQ=y\nCONFIG_NET_SCH_HTB=y\n"
        "CONFIG_NF_TABLES=y\nCONFIG_NFT_NAT=y\nCONFIG_NF_CONNTRACK=y\nCONFIG_WIREGUARD=y\n"
        "CONFIG_INET_ESP=y\nCONFIG_MPTCP=y\nCONFIG_BPF_SYSCALL=y\nCONFIG_PACKET=y\n"
        "CONFIG_MAGIC_SYSRQ=y\nCONFIG_HIGH_RES_TIMERS=y\nCONFIG_PRINTK_TIME=y\n"
        "# CONFIG_PCI is not set\n# CONFIG_ACPI is not set\n# CONFIG_MODULES is not set\n";
    size_t size;
    const char *text = kernel_small_config(&size);
    cleanup_buffer struct buffer out = {0};
    struct error error;

    (void)state;
    assert_int_equal(strlen(text), size);
    assert_int_equal(kconfig_check(text, "small.config", &error), 0);
    if (kconfig_dropped(needed, text, &out) > 0)
        fail_msg("%s", out.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_taken),
        cmocka_unit_test(test_not_set_is_the_same_as_not_there),
        cmocka_unit_test(test_dropped_ones_are_named),
        cmocka_unit_test(test_the_last_word_counts),
        cmocka_unit_test(test_many_are_cut),
        cmocka_unit_test(test_what_is_no_option),
        cmocka_unit_test(test_duets_own_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
