#include "runner/image.h"

#include "base/fs.h"
#include "base/memory.h"
#include "initrd/initrd.h"
#include "runner/guest_links.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a microvm's devices need; a kernel that has them built in needs no module. */
static const char *const required[] = {"virtio_mmio", "virtio_net", "virtio_console"};
static const char *const optional[] = {"virtio-rng"};

/* What a link that the node carries is made with: a TAP. */
static const char tun[] = "tun";
static const char netem[] = "sch_netem";

/* A link of the node of which `is` holds, at the node's end; or NULL. */
static const struct suite_link *find_link(const struct image_options *options,
                                          const struct suite_node *node,
                                          bool (*is)(const struct suite_link *link, unsigned end))
{
    const struct suite_case *suite_case = options->suite_case;

    for (size_t i = 0; suite_case && i < suite_case->link_count; i++)
        for (unsigned end = 0; end < 2; end++)
            if (is(&suite_case->links[i], end) &&
                &suite_case->nodes[suite_case->links[i].ends[end].node] == node)
                return &suite_case->links[i];
    return NULL;
}

static const struct suite_link *find_carried(const struct image_options *options,
                                             const struct suite_node *node)
{
    return find_link(options, node, guest_links_carries);
}

static bool is_netem(const struct suite_link *link, unsigned end)
{
    (void)end;
    return link->carrier == SUITE_CARRIER_NETEM;
}

static const struct suite_link *find_netem(const struct image_options *options,
                                           const struct suite_node *node)
{
    return find_link(options, node, is_netem);
}

static int check_carried(const struct kernel *kernel, const struct suite_link *carried,
                         const struct suite_node *node, struct error *error)
{
    if (!carried || kernel_find_driver(kernel, tun) != KERNEL_DRIVER_ABSENT)
        return 0;
    return error_set(error, ENODEV,
                     "node %s carries the link %s in its init, which takes a TAP device, and the "
                     "kernel %s (%s) has no driver tun: write `carrier: host` on the link, or use "
                     "a kernel with CONFIG_TUN",
                     node->name, carried->name, kernel->name,
                     kernel->release ? kernel->release : "no release");
}

static int check_netem(const struct kernel *kernel, const struct suite_link *link,
                       struct error *error)
{
    if (!link || kernel_find_driver(kernel, netem) != KERNEL_DRIVER_ABSENT)
        return 0;
    return error_set(error, ENODEV,
                     "link %s has `carrier: netem`, and the kernel %s (%s) has no %s: write "
                     "`carrier: guest` or `carrier: host` on the link, or use a kernel with "
                     "CONFIG_NET_SCH_NETEM",
                     link->name, kernel->name, kernel->release ? kernel->release : "no release",
                     netem);
}

static int check_kernel(const struct kernel *kernel, const struct suite_node *node,
                        struct error *error)
{
    for (size_t i = 0; i < array_size(required); i++)
        if (kernel_find_driver(kernel, required[i]) == KERNEL_DRIVER_ABSENT)
            return error_set(error, ENODEV,
                             "the kernel %s (%s) has no driver %s, neither built in nor as a "
                             "module: it cannot run in a microvm. Build it with "
                             "CONFIG_VIRTIO_MMIO, CONFIG_VIRTIO_NET and CONFIG_VIRTIO_CONSOLE",
                             kernel->name, kernel->release ? kernel->release : "no release",
                             required[i]);
    for (size_t i = 0; i < node->modules.count; i++)
        if (kernel_find_driver(kernel, node->modules.items[i]) == KERNEL_DRIVER_ABSENT)
            return error_set(error, ENODEV,
                             "node %s wants the module %s, which the kernel %s (%s) "
                             "does not have",
                             node->name, node->modules.items[i], kernel->name,
                             kernel->release ? kernel->release : "no release");
    return 0;
}

static int make_base(const struct image_options *options, const struct suite_node *node,
                     char **path, struct error *error)
{
    size_t count = array_size(required);
    cleanup_free const char **modules = xcalloc(count + node->modules.count + 2, sizeof *modules);

    memcpy(modules, required, sizeof required);
    for (size_t i = 0; i < node->modules.count; i++)
        modules[count++] = node->modules.items[i];
    if (find_carried(options, node))
        modules[count++] = tun;
    if (find_netem(options, node))
        modules[count++] = netem;
    return initrd_base(
        &(struct initrd_base_options){
            .module_root = options->kernel->module_root,
            .release = options->kernel->module_root ? options->kernel->release : NULL,
            .modules = modules,
            .module_count = count,
            .optional_modules = optional,
            .optional_module_count = array_size(optional),
            .cache_dir = options->cache_dir,
            .level = INITRD_LEVEL_STORED,
        },
        path, NULL, error);
}

static int add_with_mode(struct initrd *layer, const struct suite_file *file, struct error *error)
{
    cleanup_buffer struct buffer content = {0};
    int code;

    if (file->kind == SUITE_FILE_CONTENT)
        return initrd_add_bytes(layer, file->to, file->content, strlen(file->content),
                                file->mode == SUITE_MODE_KEPT ? 0644 : (mode_t)file->mode, error);
    if (file->mode == SUITE_MODE_KEPT)
        return initrd_add_file(layer, file->from, file->to, error);
    code = fs_read(file->from, 1u << 30, &content, error);
    return code < 0 ? code
                    : initrd_add_bytes(layer, file->to, content.data, content.length,
                                       (mode_t)file->mode, error);
}

static int add_file(struct initrd *layer, const struct suite_file *file, struct error *error)
{
    switch (file->kind) {
    case SUITE_FILE_PROGRAM:
        return initrd_add_program(layer, file->from, file->to, error);
    case SUITE_FILE_TREE:
        return initrd_add_tree(layer, file->from, file->to, INITRD_TREE_PROGRAMS, error);
    case SUITE_FILE_DATA:
    case SUITE_FILE_CONTENT:
        break;
    }
    return add_with_mode(layer, file, error);
}

static int fill_layer(struct initrd *layer, const struct suite_node *node, struct error *error)
{
    int code = 0;

    for (size_t i = 0; i < node->file_count && code == 0; i++)
        code = add_file(layer, &node->files[i], error);
    if (code == 0 && node->init.directory)
        code = initrd_add_tree(layer, node->init.directory, "/", INITRD_TREE_PROGRAMS, error);
    return code < 0 ? code : initrd_replace_applets(layer, error);
}

/* The image's name says what is in it, so that equal nodes have one image. */
static int image_path(const struct image_options *options, const char *base, struct initrd *layer,
                      char **path, struct error *error)
{
    char hex[DIGEST_HEX_SIZE];
    struct digest *digest;
    int code = initrd_digest(layer, hex, error);

    if (code < 0)
        return code;
    digest = digest_new();
    digest_update_field(digest, base);
    digest_update_field(digest, hex);
    digest_finish(digest, hex);
    *path = xasprintf("%s/images/%s", options->runtime_dir, hex);
    return 0;
}

/* The kernel unpacks one archive behind the other. */
static int write_image(const char *base, struct initrd *layer, const char *path,
                       struct error *error)
{
    cleanup_free char *layer_path = xasprintf("%s.layer", path);
    const char *const parts[] = {base, layer_path};
    int code = initrd_write(layer, layer_path, INITRD_LEVEL_STORED, error);

    if (code == 0)
        code = initrd_concatenate(parts, array_size(parts), path, error);
    unlink(layer_path);
    return code;
}

static int make_image(const struct image_options *options, const struct suite_node *node,
                      const char *base, struct initrd *layer, char **out, struct error *error)
{
    cleanup_free char *directory = xasprintf("%s/images", options->runtime_dir);
    cleanup_free char *path = NULL;
    int code;

    if ((code = fill_layer(layer, node, error)) < 0 ||
        (code = fs_mkdirs(directory, 0700, error)) < 0 ||
        (code = image_path(options, base, layer, &path, error)) < 0)
        return code;
    if (!fs_exists(path))
        code = write_image(base, layer, path, error);
    if (code == 0)
        *out = steal_pointer(&path);
    return code;
}

int image_make(const struct image_options *options, const struct suite_node *node, char **path,
               struct error *error)
{
    cleanup_free char *base = NULL;
    struct initrd *layer;
    int code;

    if ((code = check_kernel(options->kernel, node, error)) < 0 ||
        (code = check_carried(options->kernel, find_carried(options, node), node, error)) < 0 ||
        (code = check_netem(options->kernel, find_netem(options, node), error)) < 0 ||
        (code = make_base(options, node, &base, error)) < 0)
        return code;
    if (node->file_count == 0 && !node->init.directory) {
        *path = steal_pointer(&base);
        return 0;
    }
    layer = initrd_new();
    code = make_image(options, node, base, layer, path, error);
    initrd_free(layer);
    return code < 0 ? error_context(error, "node %s", node->name) : 0;
}

static bool is_one_of(const char *path, const char *const paths[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(path, paths[i]) == 0)
            return true;
    return false;
}

void image_keep_only(const char *runtime_dir, const char *const paths[], size_t count)
{
    cleanup_free char *directory = xasprintf("%s/images", runtime_dir);
    DIR *opened = opendir(directory);
    struct dirent *entry;

    if (!opened)
        return;
    while ((entry = readdir(opened))) {
        cleanup_free char *path = xasprintf("%s/%s", directory, entry->d_name);

        if (entry->d_name[0] != '.' && !is_one_of(path, paths, count))
            unlink(path);
    }
    closedir(opened);
}
