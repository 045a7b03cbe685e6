/* Kernel modules: all that is needed, in the order to load it, from a package that depmod has not
 * seen; and the base layer. The modules are the smallest ELF files that have a .modinfo. */
#include "initrd/initrd.h"
#include "tests/unit/archive_fixture.h"
#include "tests/unit/newc.h"

#include <elf.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static char *saved_path; /* of the tests that change PATH */

/* The path of a file of the tree; its directory is made. */
static const char *tree_path(struct fixture *f, const char *relative)
{
    char parent[PATH_MAX];

    snprintf(parent, sizeof parent, "%s/lib/modules/%s/%s", f->directory, f->release, relative);
    strcpy(f->path, parent);
    *strrchr(parent, '/') = '\0';
    assert_done(fs_mkdirs(parent, 0755, &f->error), f);
    return f->path;
}

/* An ELF file whose section .modinfo holds `info`, lines ending in '\n' instead of NUL. */
static struct buffer module_bytes(const char *info)
{
    static const char names[] = "\0.modinfo\0.shstrtab";
    size_t info_size = strlen(info), at = sizeof(Elf64_Ehdr);
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = ET_REL,
                         .e_machine = EM_X86_64,
                         .e_version = EV_CURRENT,
                         .e_ehsize = sizeof(Elf64_Ehdr),
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = 3,
                         .e_shstrndx = 2};
    Elf64_Shdr sections[3] = {
        {0},
        {.sh_name = 1, .sh_type = SHT_PROGBITS, .sh_offset = at, .sh_size = info_size},
        {.sh_name = 10,
         .sh_type = SHT_STRTAB,
         .sh_offset = at + info_size,
         .sh_size = sizeof names},
    };
    struct buffer bytes = {0};

    header.e_shoff = (at + info_size + sizeof names + 7) & ~(size_t)7;
    buffer_append(&bytes, &header, sizeof header);
    buffer_append(&bytes, info, info_size);
    for (size_t i = at; i < bytes.length; i++)
        if (bytes.data[i] == '\n')
            bytes.data[i] = '\0';
    buffer_append(&bytes, names, sizeof names);
    while (bytes.length < header.e_shoff)
        buffer_append(&bytes, "", 1);
    buffer_append(&bytes, sections, sizeof sections);
    return bytes;
}

static void make_module(struct fixture *f, const char *relative, const char *info)
{
    struct buffer bytes = module_bytes(info);
    const char *path = tree_path(f, relative);

    if (strstr(relative, ".gz")) {
        gzFile file = gzopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(gzwrite(file, bytes.data, (unsigned int)bytes.length), bytes.length);
        assert_int_equal(gzclose(file), Z_OK);
    } else {
        assert_done(fs_write(path, bytes.data, bytes.length, 0644, &f->error), f);
    }
    buffer_free(&bytes);
}

static void make_text(struct fixture *f, const char *relative, const char *text)
{
    assert_done(fs_write(tree_path(f, relative), text, strlen(text), 0644, &f->error), f);
}

static int setup_tree(void **state)
{
    struct fixture *f;
    struct utsname host;

    assert_int_equal(setup(state), 0);
    f = *state;
    /* This machine's, so that its busybox looks there. */
    assert_int_equal(uname(&host), 0);
    strcpy(f->release, host.release);
    make_module(f, "kernel/a/ring.ko", "license=GPL\ndepends=\n");
    make_module(f, "kernel/a/bus.ko", "depends=ring\nalias=of:*mmio*\n");
    make_module(f, "kernel/b/over.ko", "depends=\n");
    make_module(f, "kernel/b/net-card.ko.gz",
                "depends=bus,over,inside\nsoftdep=pre: helper absent post: later\nalias=card*\n");
    make_module(f, "kernel/b/helper.ko", "");
    make_module(f, "kernel/b/later.ko", "");
    make_text(f, "modules.builtin", "kernel/core/inside.ko\nkernel/core/other-one.ko\n");
    return 0;
}

static int add(struct fixture *f, const char *name)
{
    const char *const names[] = {name};

    return initrd_add_modules(f->initrd, f->directory, f->release, names, 1, &f->error);
}

static struct newc write_and_read(struct fixture *f)
{
    struct newc newc = {0};

    assert_done(initrd_write(f->initrd, in(f, "out"), 1, &f->error), f);
    assert_true(newc_load(in(f, "out"), &newc));
    return newc;
}

static const struct newc_entry *guest_file(struct fixture *f, const struct newc *newc,
                                           const char *relative)
{
    snprintf(f->path, sizeof f->path, "usr/lib/modules/%s/%s", f->release, relative);
    return newc_find(newc, f->path);
}

/* /etc/duet/modules as names, between blanks. */
static char *order(const struct newc *newc)
{
    const struct newc_entry *list = newc_find(newc, "etc/duet/modules");
    struct buffer names = {0};
    char *copy, *state = NULL;

    assert_non_null(list);
    copy = xstrdup(list->bytes);
    for (char *line = strtok_r(copy, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
        assert_memory_equal(line, "/lib/modules/", 13);
        assert_string_equal(line + strlen(line) - 3, ".ko");
        line[strlen(line) - 3] = '\0';
        buffer_printf(&names, "%s%s", names.length ? " " : "", strrchr(line, '/') + 1);
    }
    free(copy);
    buffer_append(&names, "", 0);
    return buffer_steal(&names);
}

#define assert_order(newc, text)                                                                   \
    do {                                                                                           \
        char *order_ = order(newc);                                                                \
        assert_string_equal(order_, text);                                                         \
        free(order_);                                                                              \
    } while (0)

static void dependencies_come_first(void **state)
{
    struct fixture *f = *state;
    struct buffer unpacked = module_bytes(
        "depends=bus,over,inside\nsoftdep=pre: helper absent post: later\nalias=card*\n");
    const struct newc_entry *card;
    struct newc newc;

    assert_done(add(f, "net_card"), f);
    newc = write_and_read(f);
    assert_order(&newc, "ring bus over helper net-card");
    card = guest_file(f, &newc, "kernel/b/net-card.ko");
    assert_non_null(card);
    assert_int_equal(card->size, unpacked.length);
    assert_memory_equal(card->bytes, unpacked.data, unpacked.length);
    assert_string_equal(
        guest_file(f, &newc, "modules.dep")->bytes,
        "kernel/a/ring.ko:\n"
        "kernel/a/bus.ko: kernel/a/ring.ko\n"
        "kernel/b/over.ko:\n"
        "kernel/b/helper.ko:\n"
        "kernel/b/net-card.ko: kernel/b/over.ko kernel/a/bus.ko kernel/a/ring.ko\n");
    assert_string_equal(guest_file(f, &newc, "modules.alias")->bytes,
                        "alias of:*mmio* bus\nalias card* net_card\n");
    assert_null(guest_file(f, &newc, "kernel/b/later.ko"));
    newc_free(&newc);
    buffer_free(&unpacked);
}

static void lists_grow_and_nothing_is_there_twice(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(add(f, "bus"), f);
    assert_done(add(f, "ring"), f);
    assert_done(add(f, "helper"), f);
    newc = write_and_read(f);
    assert_order(&newc, "ring bus helper");
    newc_free(&newc);
}

static void a_builtin_module_is_there_already(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    assert_done(add(f, "inside"), f);
    assert_done(add(f, "other_one"), f);
    newc = write_and_read(f);
    assert_order(&newc, "");
    newc_free(&newc);
}

static void an_unknown_module_is_an_error_with_a_suggestion(void **state)
{
    static const char *const optional[] = {"absent", "over"};
    struct fixture *f = *state;
    struct newc newc;

    assert_error(add(f, "net-kard"), ENOENT, f, "did you mean \"net_card\"?");
    assert_error(add(f, "completely-different"), ENOENT, f,
                 "no kernel module \"completely_different\"");
    assert_null(strstr(f->error.message, "did you mean"));
    make_module(f, "kernel/c/lost.ko", "depends=nowhere\n");
    assert_error(add(f, "lost"), ENOENT, f, "lost needs it: no kernel module \"nowhere\"");
    assert_error(add(f, ""), EINVAL, f, "not a module's name");
    assert_done(
        initrd_add_optional_modules(f->initrd, f->directory, f->release, optional, 2, &f->error),
        f);
    newc = write_and_read(f);
    assert_order(&newc, "over");
    newc_free(&newc);
}

static void an_unknown_kernel_is_an_error(void **state)
{
    struct fixture *f = *state;

    strcpy(f->release, "0.0.0");
    assert_error(add(f, "ring"), ENOENT, f, "no modules of kernel 0.0.0 in /tmp/duet-test-initrd");
    strcpy(f->release, "../x");
    assert_error(add(f, "ring"), EINVAL, f, "not a kernel release");
}

static void damaged_and_odd_modules_are_errors(void **state)
{
    struct fixture *f = *state;
    struct buffer bytes = module_bytes("depends=\n");

    make_text(f, "kernel/c/text.ko", "not an ELF file");
    assert_error(add(f, "text"), ENOEXEC, f, "kernel/c/text.ko");
    make_text(f, "kernel/c/bad.ko.gz", "not a gzip file");
    assert_error(add(f, "bad"), EBADMSG, f, "kernel/c/bad.ko.gz");
    make_text(f, "kernel/c/packed.ko.xz", "");
    assert_error(add(f, "packed"), ENOTSUP, f, "packed in a way (.xz)");
    make_text(f, "kernel/c/other.ko.zst", "");
    assert_error(add(f, "other"), ENOTSUP, f, "unzstd");
    assert_done(
        fs_write(tree_path(f, "kernel/c/cut.ko"), bytes.data, bytes.length - 70, 0644, &f->error),
        f);
    assert_error(add(f, "cut"), ENOEXEC, f, "kernel/c/cut.ko");
    make_module(f, "kernel/c/yin.ko", "depends=yang\n");
    make_module(f, "kernel/c/yang.ko", "depends=yin\n");
    assert_error(add(f, "yin"), ELOOP, f, "need each other");
    buffer_free(&bytes);
}

static void updates_go_before_what_came_with_the_kernel(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    make_module(f, "updates/dkms/ring.ko", "");
    assert_done(add(f, "ring"), f);
    newc = write_and_read(f);
    assert_non_null(guest_file(f, &newc, "updates/dkms/ring.ko"));
    assert_null(guest_file(f, &newc, "kernel/a/ring.ko"));
    newc_free(&newc);
}

static void base_layer(struct fixture *f, char **path, char *hex)
{
    static const char *const modules[] = {"bus"}, *const optional[] = {"absent"};
    char cache[PATH_MAX];
    struct initrd_base_options options = {.module_root = f->directory,
                                          .release = f->release,
                                          .modules = modules,
                                          .module_count = 1,
                                          .optional_modules = optional,
                                          .optional_module_count = 1,
                                          .cache_dir = strcpy(cache, in(f, "cache")),
                                          .level = 1};
    char *busybox = fs_find_program("busybox");

    if (!busybox)
        skip();
    free(busybox);
    assert_done(initrd_base(&options, path, hex, &f->error), f);
}

static void the_base_layer_has_what_a_guest_needs(void **state)
{
    static const struct {
        const char *path;
        uint32_t mode;
    } expected[] = {
        {"init", S_IFREG | 0755},        {"usr/sbin/init", S_IFLNK | 0777},
        {"bin", S_IFLNK | 0777},         {"sbin", S_IFLNK | 0777},
        {"lib", S_IFLNK | 0777},         {"lib64", S_IFLNK | 0777},
        {"tmp", S_IFDIR | 01777},        {"root", S_IFDIR | 0700},
        {"proc", S_IFDIR | 0755},        {"sys", S_IFDIR | 0755},
        {"run", S_IFDIR | 0755},         {"var/run", S_IFLNK | 0777},
        {"dev/console", S_IFCHR | 0600}, {"dev/null", S_IFCHR | 0666},
        {"etc/passwd", S_IFREG | 0644},  {"etc/group", S_IFREG | 0644},
        {"etc/hosts", S_IFREG | 0644},   {"etc/nsswitch.conf", S_IFREG | 0644},
        {"usr/bin/sh", S_IFLNK | 0777},  {"usr/bin/busybox", S_IFREG | 0755},
    };
    struct fixture *f = *state;
    char *path = NULL, hex[DIGEST_HEX_SIZE];
    struct newc newc = {0};
    size_t size;
    const void *image = initrd_init_image(&size);

    base_layer(f, &path, hex);
    assert_non_null(strstr(path, hex));
    assert_true(newc_load(path, &newc));
    for (size_t i = 0; i < array_size(expected); i++) {
        const struct newc_entry *entry = newc_find(&newc, expected[i].path);

        if (!entry || entry->mode != expected[i].mode)
            fail_msg("%s is %s", expected[i].path, entry ? "of another mode" : "not there");
    }
    assert_int_equal(newc_find(&newc, "init")->size, size);
    assert_memory_equal(newc_find(&newc, "init")->bytes, image, size);
    assert_memory_equal(image, "\177ELF", 4);
    assert_order(&newc, "ring bus");
    newc_free(&newc);
    free(path);
}

static void the_base_layer_comes_from_the_cache(void **state)
{
    struct fixture *f = *state;
    char *first = NULL, *second = NULL, *third = NULL;
    struct stat before, after;

    base_layer(f, &first, NULL);
    assert_int_equal(stat(first, &before), 0);
    base_layer(f, &second, NULL);
    assert_string_equal(first, second);
    assert_int_equal(stat(first, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_mtim.tv_nsec, after.st_mtim.tv_nsec);
    make_module(f, "kernel/a/ring.ko", "depends=\nalias=new\n");
    base_layer(f, &third, NULL);
    assert_string_not_equal(first, third);
    free(first);
    free(second);
    free(third);
}

static void busybox_modprobe_understands_the_lists(void **state)
{
    struct fixture *f = *state;
    char root[PATH_MAX], wanted[PATH_MAX], *base = NULL;
    const char *bus;
    const char *const probe[] = {"unshare", "-r", "chroot", "/", "/bin/true", NULL};
    const char *const argv[] = {"unshare",  "-r", "chroot",   root, "/bin/busybox",
                                "modprobe", "-D", "of:ammio", NULL};
    struct buffer out = {0};
    int code = process_run(probe, NULL, &out, NULL);

    buffer_free(&out);
    if (code < 0)
        skip();
    base_layer(f, &base, NULL);
    assert_int_equal(mkdir(strcpy(root, in(f, "root")), 0755), 0);
    assert_true(newc_unpack(base, root));
    assert_done(process_run(argv, NULL, &out, &f->error), f);
    snprintf(wanted, sizeof wanted, "insmod /lib/modules/%s/kernel/a/", f->release);
    bus = out.data ? strstr(out.data, "bus.ko") : NULL;
    assert_non_null(bus);
    assert_memory_equal(out.data, wanted, strlen(wanted));
    assert_memory_equal(out.data + strlen(wanted), "ring.ko", 7);
    assert_true(bus > out.data + strlen(wanted));
    buffer_free(&out);
    free(base);
}

/* Wherever a name is looked up in PATH, and by the path that busybox has it at. */
static void a_program_replaces_the_applet_of_its_name(void **state)
{
    struct fixture *f = *state;
    struct newc newc = {0};

    make_file(f, "busybox/busybox",
              "#!/bin/sh\n"
              "[ \"$1\" != env ] || exit 127\n"
              "printf '%s\\n' usr/bin/busybox usr/sbin/ip usr/bin/ping usr/bin/cat\n",
              0755);
    setenv("PATH", in(f, "busybox"), 1);
    assert_done(initrd_add_bytes(f->initrd, "/bin/ip", "mine", 4, 0755, &f->error), f);
    assert_done(initrd_add_bytes(f->initrd, "/usr/local/bin/ping", "mine", 4, 0755, &f->error), f);
    assert_done(initrd_replace_applets(f->initrd, &f->error), f);
    assert_done(initrd_write(f->initrd, in(f, "layer"), 0, &f->error), f);
    assert_true(newc_load(in(f, "layer"), &newc));
    assert_string_equal(newc_find(&newc, "usr/sbin/ip")->bytes, "/usr/bin/ip");
    assert_string_equal(newc_find(&newc, "usr/bin/ping")->bytes, "/usr/local/bin/ping");
    assert_null(newc_find(&newc, "usr/bin/cat"));
    newc_free(&newc);
}

static void a_busybox_that_prefers_its_applets_is_refused(void **state)
{
    struct fixture *f = *state;
    struct initrd_base_options options = {.cache_dir = "/nonexistent"};
    char *path = NULL;

    make_file(f, "busybox/busybox",
              "#!/bin/sh\n"
              "[ \"$1\" = env ] || echo usr/bin/cat\n",
              0755);
    setenv("PATH", in(f, "busybox"), 1);
    assert_error(initrd_base(&options, &path, NULL, &f->error), ENOTSUP, f,
                 "instead of busybox-static");
    assert_null(path);
}

static int setup_path(void **state)
{
    saved_path = xstrdup(getenv("PATH"));
    return setup(state);
}

static int teardown_path(void **state)
{
    setenv("PATH", saved_path, 1);
    free(saved_path);
    return teardown(state);
}

#define test_with_path(name) cmocka_unit_test_setup_teardown(name, setup_path, teardown_path)
#define test(name)           cmocka_unit_test_setup_teardown(name, setup_tree, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(dependencies_come_first),
        test(lists_grow_and_nothing_is_there_twice),
        test(a_builtin_module_is_there_already),
        test(an_unknown_module_is_an_error_with_a_suggestion),
        test(an_unknown_kernel_is_an_error),
        test(damaged_and_odd_modules_are_errors),
        test(updates_go_before_what_came_with_the_kernel),
        test(the_base_layer_has_what_a_guest_needs),
        test(the_base_layer_comes_from_the_cache),
        test(busybox_modprobe_understands_the_lists),
        test_with_path(a_program_replaces_the_applet_of_its_name),
        test_with_path(a_busybox_that_prefers_its_applets_is_refused),
    };

    return cmocka_run_group_tests_name("initrd modules", tests, NULL, NULL);
}
