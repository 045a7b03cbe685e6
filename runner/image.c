#include "runner/image.h"

#include "base/fs.h"
#include "base/memory.h"
#include "initrd/initrd.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

/* What a microvm's devices need; a kernel that has them built in needs no module. */
static const char *const required[] = {"virtio_mmio", "virtio_net", "virtio_console"};
static const char *const optional[] = {"virtio-rng"};

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
    size_t count = array_size(required) + node->modules.count;
    cleanup_free const char **modules = xcalloc(count, sizeof *modules);

    memcpy(modules, required, sizeof required);
    for (size_t i = 0; i < node->modules.count; i++)
        modules[array_size(required) + i] = node->modules.items[i];
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

static int join(const char *base, const char *layer, const char *runtime_dir, char **out,
                struct error *error)
{
    const char *const parts[] = {base, layer};
    cleanup_free char *key = xasprintf("%s\n%s", base, layer);
    char hex[DIGEST_HEX_SIZE];
    cleanup_free char *path = NULL;
    int code = 0;

    digest_bytes(key, strlen(key), hex);
    path = xasprintf("%s/initrd/image-%s", runtime_dir, hex);
    if (!fs_exists(path))
        code = initrd_concatenate(parts, array_size(parts), path, error);
    if (code == 0)
        *out = steal_pointer(&path);
    return code;
}

int image_make(const struct image_options *options, const struct suite_node *node, char **path,
               struct error *error)
{
    cleanup_free char *base = NULL;
    cleanup_free char *layer_path = NULL;
    struct initrd *layer;
    int code;

    if ((code = check_kernel(options->kernel, node, error)) < 0 ||
        (code = make_base(options, node, &base, error)) < 0)
        return code;
    if (node->file_count == 0 && !node->init.directory) {
        *path = steal_pointer(&base);
        return 0;
    }
    layer = initrd_new();
    code = fill_layer(layer, node, error);
    if (code == 0)
        code = initrd_write_cached(layer, options->runtime_dir, INITRD_LEVEL_STORED, &layer_path,
                                   NULL, error);
    initrd_free(layer);
    if (code < 0)
        return error_context(error, "node %s", node->name);
    return join(base, layer_path, options->runtime_dir, path, error);
}
