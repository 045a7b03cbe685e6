/* What a node's image needs of the kernel, and what is said where the kernel has it not. */
#include "kernel_fixture.h"

#include "runner/image.h"

#include <errno.h>

static const char builtin[] = "kernel/drivers/virtio/virtio_mmio.ko\n"
                              "kernel/drivers/net/virtio_net.ko\n"
                              "kernel/drivers/char/virtio_console.ko\n";

static char kernel_name[] = "mine", node_name[] = "a", link_name[] = "a-b";

/* A kernel with `drivers` built in, and no module. The caller frees its release. */
static struct kernel make_kernel(char *root, const char *drivers)
{
    cleanup_free char *directory = xasprintf("%s/lib/modules/" RELEASE, root);
    cleanup_free char *path = xasprintf("%s/modules.builtin", directory);
    cleanup_free char *dependencies = xasprintf("%s/modules.dep", directory);

    assert_int_equal(fs_mkdirs(directory, 0755, NULL), 0);
    assert_int_equal(fs_write(path, drivers, strlen(drivers), 0644, NULL), 0);
    assert_int_equal(fs_write(dependencies, "", 0, 0644, NULL), 0);
    return (struct kernel){.name = kernel_name, .release = xstrdup(RELEASE), .module_root = root};
}

static void refused(char *root, const char *drivers, const struct suite_case *suite_case,
                    const char *message)
{
    struct kernel kernel = make_kernel(root, drivers);
    const struct image_options options = {
        .kernel = &kernel, .suite_case = suite_case, .cache_dir = root, .runtime_dir = root};
    struct error error = {0};
    char *path = NULL;

    assert_int_equal(image_make(&options, suite_case->nodes, &path, &error), -ENODEV);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" has no \"%s\"", error.message, message);
    free(kernel.release);
}

static void a_microvm_needs_its_drivers(void **state)
{
    struct suite_node node = {.name = node_name};

    refused(*state, "kernel/fs/ext4.ko\n", &(struct suite_case){.nodes = &node},
            "the kernel mine (" RELEASE ") has no driver virtio_mmio");
}

static void modules_that_are_not_there_are_named(void **state)
{
    static char name[] = "wireguard";
    char *names[] = {name};
    struct suite_node node = {.name = node_name, .modules = {names, 1}};

    refused(*state, builtin, &(struct suite_case){.nodes = &node},
            "node a wants the module wireguard, which the kernel mine");
}

/* A link from the node to another. */
static void refused_with_link(char *root, enum suite_carrier carrier, const char *message)
{
    struct suite_node nodes[2] = {{.name = node_name}, {.name = node_name}};
    struct suite_link link = {
        .name = link_name, .carrier = carrier, .ends = {{.node = 0}, {.node = 1}}};
    const struct suite_case suite_case = {
        .nodes = nodes, .node_count = 2, .links = &link, .link_count = 1};

    refused(root, builtin, &suite_case, message);
}

static void what_links_need_is_named_with_other_carriers(void **state)
{
    refused_with_link(*state, SUITE_CARRIER_GUEST,
                      "node a carries the link a-b in its init, which takes a TAP device, and the "
                      "kernel mine (" RELEASE ") has no driver tun: write `carrier: host`");
    refused_with_link(*state, SUITE_CARRIER_NETEM,
                      "link a-b has `carrier: netem`, and the kernel mine (" RELEASE
                      ") has no sch_netem: write `carrier: guest` or `carrier: host` on the link, "
                      "or use a kernel with CONFIG_NET_SCH_NETEM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_microvm_needs_its_drivers, directory_set_up,
                                        directory_tear_down),
        cmocka_unit_test_setup_teardown(modules_that_are_not_there_are_named, directory_set_up,
                                        directory_tear_down),
        cmocka_unit_test_setup_teardown(what_links_need_is_named_with_other_carriers,
                                        directory_set_up, directory_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
