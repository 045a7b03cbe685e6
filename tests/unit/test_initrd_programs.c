/* Programs: what they need comes along and they start in the guest; what is missing is named. */
#include "initrd/archive.h"
#include "initrd/elf_object.h"
#include "initrd/initrd.h"
#include "initrd/ld_search.h"
#include "initrd/shebang.h"
#include "tests/unit/archive_fixture.h"
#include "tests/unit/newc.h"

#include <elf.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Compiles `source` to `name` in the fixture's directory; there the compiler is started. */
static void compile(struct fixture *f, const char *source, const char *name, const char *options)
{
    struct buffer command = {0}, out = {0};
    const char *argv[] = {"sh", "-c", NULL, NULL};

    if (system("command -v cc >/dev/null 2>&1") != 0)
        skip();
    make_file(f, "source.c", source, 0600);
    buffer_printf(&command, "mkdir -p \"$(dirname '%s')\" && cc -o '%s' source.c %s", name, name,
                  options);
    argv[2] = command.data;
    assert_done(process_run(argv, f->directory, &out, &f->error), f);
    buffer_free(&command);
    buffer_free(&out);
}

static int add(struct fixture *f, const char *name, const char *guest_path)
{
    return initrd_add_program(f->initrd, in(f, name), guest_path, &f->error);
}

static struct newc write_and_read(struct fixture *f)
{
    struct newc newc = {0};

    assert_done(initrd_write(f->initrd, in(f, "out"), 0, &f->error), f);
    assert_true(newc_load(in(f, "out"), &newc));
    return newc;
}

/* Unpacks below the links that a base layer has, starts `program` there as the guest would, and
 * returns the first line that it prints. */
static char *run_in_guest(struct fixture *f, const char *program)
{
    char root[PATH_MAX];
    const char *const probe[] = {"unshare", "-r", "chroot", "/", "/bin/true", NULL};
    const char *const argv[] = {"unshare", "-r", "chroot", root, program, NULL};
    struct buffer out = {0};

    if (process_run(probe, NULL, &out, NULL) < 0) {
        buffer_free(&out);
        skip();
    }
    assert_done(initrd_write(f->initrd, in(f, "out"), 0, &f->error), f);
    strcpy(root, in(f, "root"));
    assert_int_equal(mkdir(root, 0755), 0);
    assert_int_equal(symlink("usr/bin", in(f, "root/bin")), 0);
    assert_int_equal(symlink("usr/lib", in(f, "root/lib")), 0);
    assert_int_equal(symlink("usr/lib64", in(f, "root/lib64")), 0);
    assert_true(newc_unpack(in(f, "out"), root));
    /* The loader takes $ORIGIN from /proc, which is not mounted here, or else from this. */
    *strrchr(strcpy(f->path, program), '/') = '\0';
    setenv("LD_ORIGIN_PATH", f->path, 1);
    assert_done(process_run(argv, "/", &out, &f->error), f);
    unsetenv("LD_ORIGIN_PATH");
    if (out.data)
        out.data[strcspn(out.data, "\n")] = '\0';
    return buffer_steal(&out);
}

#define assert_prints(f, program, text)                                                            \
    do {                                                                                           \
        char *printed_ = run_in_guest(f, program);                                                 \
        assert_string_equal(printed_, text);                                                       \
        free(printed_);                                                                            \
    } while (0)

#define HELLO "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n"

static void a_program_starts_in_the_guest(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    compile(f, HELLO, "hello", "");
    assert_int_equal(chmod(in(f, "hello"), 04711), 0);
    assert_done(add(f, "hello", "/opt/bin/hello"), f);
    newc = write_and_read(f);
    assert_int_equal(newc_find(&newc, "opt/bin/hello")->mode, S_IFREG | 04711);
    assert_non_null(newc_find(&newc, "usr/" GUEST_LIB "/libc.so.6"));
    newc_free(&newc);
    assert_prints(f, "/opt/bin/hello", "hello");
}

static void a_static_program_brings_nothing(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    compile(f, HELLO, "hello", "-static");
    assert_done(add(f, "hello", "/hello"), f);
    newc = write_and_read(f);
    assert_int_equal(newc.count, 1);
    newc_free(&newc);
    assert_prints(f, "/hello", "hello");
}

static void links_on_the_host_are_followed(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    compile(f, HELLO, "real/hello1.2", "");
    assert_int_equal(symlink("real/hello1.2", in(f, "between")), 0);
    assert_int_equal(symlink("between", in(f, "hello")), 0);
    assert_done(add(f, "hello", "/usr/bin/hello"), f);
    newc = write_and_read(f);
    assert_true(S_ISREG(newc_find(&newc, "usr/bin/hello")->mode));
    newc_free(&newc);
    assert_prints(f, "/bin/hello", "hello");
}

#define CALLS                                                                                      \
    "extern const char *word(void);\n#include <stdio.h>\n"                                         \
    "int main(void) { puts(word()); return 0; }\n"
#define WORD "const char *word(void) { return \"found\"; }\n"

static void libraries_are_found_from_the_origin(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    compile(f, WORD, "app/lib/libword.so.1", "-shared -fPIC -Wl,-soname,libword.so.1");
    compile(f, CALLS, "app/bin/tool", "app/lib/libword.so.1 -Wl,-rpath,'$ORIGIN/../lib'");
    assert_int_equal(symlink("app/bin/tool", in(f, "tool")), 0);
    assert_done(add(f, "tool", "/opt/x/bin/tool"), f);
    newc = write_and_read(f);
    assert_non_null(newc_find(&newc, "opt/x/lib/libword.so.1"));
    newc_free(&newc);
    assert_prints(f, "/opt/x/bin/tool", "found");
}

static void libraries_of_libraries_come_by_rpath(void **state)
{
    struct fixture *f = *state;
    char options[PATH_MAX];

    compile(f, "const char *inner(void) { return \"found\"; }\n", "deep/libinner.so",
            "-shared -fPIC -Wl,-soname,libinner.so");
    compile(f, "extern const char *inner(void);\nconst char *word(void) { return inner(); }\n",
            "deep/libouter.so", "-shared -fPIC -Wl,-soname,libouter.so -Ldeep -linner");
    snprintf(options, sizeof options,
             "-Wl,--disable-new-dtags -Wl,-rpath,%s/deep -Ldeep -louter -Wl,-rpath-link,deep",
             f->directory);
    compile(f, CALLS, "tool", options);
    assert_done(add(f, "tool", "/tool"), f);
    assert_prints(f, "/tool", "found");
}

static void a_directory_of_ld_so_conf_needs_no_ldconfig(void **state)
{
    struct fixture *f = *state;
    struct buffer conf = {0};
    struct newc newc;

    compile(f, WORD, "odd/place/libword.so.1", "-shared -fPIC -Wl,-soname,libword.so.1");
    compile(f, CALLS, "tool", "odd/place/libword.so.1");
    assert_error(add(f, "tool", "/tool"), ELIBACC, f, "needs the library libword.so.1");
    initrd_free(f->initrd);
    f->initrd = initrd_new();
    make_file(f, "conf/ld.so.conf", "# nothing\ninclude more/*.conf\n", 0644);
    buffer_printf(&conf, "/nowhere\n%s/odd/place=libc6 # it\n", f->directory);
    make_file(f, "conf/more/a.conf", conf.data, 0644);
    buffer_free(&conf);
    free(f->initrd->ld_conf);
    f->initrd->ld_conf = xstrdup(in(f, "conf/ld.so.conf"));
    assert_done(add(f, "tool", "/tool"), f);
    newc = write_and_read(f);
    assert_non_null(newc_find(&newc, "usr/" GUEST_LIB "/libword.so.1"));
    newc_free(&newc);
    assert_prints(f, "/tool", "found");
}

/* Overwrites bytes of a file. */
static void patch(struct fixture *f, const char *name, long at, const void *bytes, size_t count)
{
    FILE *file = fopen(in(f, name), "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, count, file), count);
    assert_int_equal(fclose(file), 0);
}

static void candidates_of_another_machine_are_passed_over(void **state)
{
    static const uint16_t machine = EM_S390;
    struct fixture *f = *state;
    char options[2 * PATH_MAX];

    compile(f, WORD, "wrong/libword.so.1", "-shared -fPIC -Wl,-soname,libword.so.1");
    compile(f, WORD, "right/libword.so.1", "-shared -fPIC -Wl,-soname,libword.so.1");
    snprintf(options, sizeof options, "right/libword.so.1 -Wl,-rpath,%s/wrong:%s/right",
             f->directory, f->directory);
    compile(f, CALLS, "tool", options);
    patch(f, "wrong/libword.so.1", offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
    assert_done(add(f, "tool", "/tool"), f);
    assert_prints(f, "/tool", "found");
    assert_int_equal(unlink(in(f, "right/libword.so.1")), 0);
    assert_error(add(f, "tool", "/tool"), ELIBACC, f, "is for s390, the guest is ");
    assert_non_null(strstr(f->error.message, "/tool needs the library libword.so.1"));
}

static void another_machine_is_named(void **state)
{
    static const struct {
        uint16_t machine;
        unsigned char elfclass, encoding;
        const char *text;
    } others[] = {
        {EM_386, ELFCLASS32, ELFDATA2LSB, "is for i386, the guest is "},
        {EM_ARM, ELFCLASS32, ELFDATA2LSB, "is for arm, the guest is "},
        {EM_X86_64, ELFCLASS32, ELFDATA2LSB, "is for x86_64 (x32), the guest is "},
        {EM_RISCV, ELFCLASS64, ELFDATA2LSB, "is for riscv64, the guest is "},
        {EM_PPC64, ELFCLASS64, ELFDATA2MSB, "is for powerpc64 (big-endian), the guest is "},
        {4711, ELFCLASS64, ELFDATA2LSB, "is for a machine with the ELF number 4711"},
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < array_size(others); i++) {
        Elf64_Ehdr header = {
            .e_ident = {0x7f, 'E', 'L', 'F', others[i].elfclass, others[i].encoding, EV_CURRENT}};
        bool big = others[i].encoding == ELFDATA2MSB;
        uint16_t type = ET_EXEC;

        header.e_type = big ? __builtin_bswap16(type) : type;
        header.e_machine = big ? __builtin_bswap16(others[i].machine) : others[i].machine;
        assert_done(fs_write(in(f, "other"), &header, sizeof header, 0755, &f->error), f);
        assert_error(add(f, "other", "/x"), ENOEXEC, f, others[i].text);
        assert_non_null(strstr(f->error.message, f->path));
    }
    assert_int_equal(archive_has(f->initrd, "/x"), false);
}

static void a_cut_off_program_is_an_error_at_every_length(void **state)
{
    struct fixture *f = *state;
    struct buffer whole = {0};
    size_t refused = 0;

    compile(f, HELLO, "hello", "-s");
    assert_done(fs_read(in(f, "hello"), 1 << 24, &whole, &f->error), f);
    for (size_t length = 4; length < whole.length; length += 97) {
        int code;

        assert_done(fs_write(in(f, "cut"), whole.data, length, 0755, &f->error), f);
        code = add(f, "cut", "/cut");
        if (code == 0)
            break; /* what the loader needs is all there */
        assert_int_equal(code, -ENOEXEC);
        assert_non_null(strstr(f->error.message, f->path));
        refused++;
    }
    assert_true(refused > 20);
    buffer_free(&whole);
}

static void objects_and_text_are_data(void **state)
{
    struct fixture *f = *state;
    struct newc newc;

    compile(f, "int x;", "object.o", "-c");
    make_file(f, "notes", "#! is how scripts begin, and", 0644);
    make_file(f, "short", "#", 0755);
    make_file(f, "text", "just text", 0600);
    make_file(f, "empty", "", 0600);
    assert_done(add(f, "object.o", "/object.o"), f);
    assert_done(add(f, "short", "/short"), f);
    assert_done(add(f, "text", "/text"), f);
    assert_done(add(f, "empty", "/empty"), f);
    newc = write_and_read(f);
    assert_int_equal(newc.count, 4);
    newc_free(&newc);
    assert_error(add(f, "notes", "/notes"), ENOEXEC, f, "\"is\" is not an absolute path");
}

static void files_that_are_no_programs_are_refused(void **state)
{
    struct fixture *f = *state;

    assert_error(add(f, "none", "/x"), ENOENT, f, "/none");
    assert_error(add(f, "", "/x"), EISDIR, f, "expected a file");
    assert_int_equal(mkfifo(in(f, "fifo"), 0600), 0);
    assert_error(add(f, "fifo", "/x"), EINVAL, f, "/fifo is not a regular file");
}

static void scripts_bring_their_interpreter(void **state)
{
    struct fixture *f = *state;
    char line[PATH_MAX + 8];

    compile(f, "#include <stdio.h>\nint main(int n, char **v) { printf(\"%d %s\\n\", n, v[1]); }",
            "interpreter", "");
    snprintf(line, sizeof line, "#! %s/interpreter  one two \nrest\n", f->directory);
    make_file(f, "script", line, 0755);
    assert_done(add(f, "script", "/bin/script"), f);
    assert_prints(f, "/bin/script", "3 one two");
}

static void interpreters_may_be_scripts_as_deep_as_the_kernel_goes(void **state)
{
    struct fixture *f = *state;
    char line[PATH_MAX + 8], name[16], last[16];

    make_file(f, "s0", "#!/bin/sh\n", 0755);
    for (int i = 1; i <= SHEBANG_DEPTH; i++) {
        snprintf(line, sizeof line, "#!%s/s%d\n", f->directory, i - 1);
        snprintf(name, sizeof name, "s%d", i);
        make_file(f, name, line, 0755);
    }
    strcpy(last, name);
    snprintf(name, sizeof name, "s%d", SHEBANG_DEPTH - 1);
    assert_done(add(f, name, "/x"), f);
    assert_true(archive_has(f->initrd, in(f, "s0")));
    assert_true(archive_has(f->initrd, "/bin/sh"));
    initrd_free(f->initrd);
    f->initrd = initrd_new();
    assert_error(add(f, last, "/y"), ELOOP, f, "/bin/sh");
}

static void env_brings_what_it_starts(void **state)
{
    struct fixture *f = *state;

    make_file(f, "script", "#!/usr/bin/env -S A=1 sh -e\necho \"$A\"\n", 0755);
    assert_done(add(f, "script", "/script"), f);
    assert_true(archive_has(f->initrd, "/usr/bin/env"));
    assert_prints(f, "/script", "1");
    make_file(f, "bad", "#!/usr/bin/env no-such-program\n", 0755);
    assert_error(add(f, "bad", "/bad"), ELIBACC, f,
                 "needs its interpreter no-such-program, which is not in /usr/local/sbin");
    make_file(f, "nothing", "#!/usr/bin/env -i\n", 0755);
    assert_error(add(f, "nothing", "/nothing"), ENOEXEC, f, "env start nothing");
}

static void what_env_starts_is_read_from_its_argument(void **state)
{
    static const char *const cases[][2] = {
        {"python3", "python3"},
        {"-S python3 -u", "python3"},
        {"-Sperl -w", "perl"},
        {"-i A=b -u C x y", "x"},
        {"--split-string=awk -f", "awk"},
        {"", ""},
        {"-i", ""},
        {"/opt/x", "/opt/x"},
    };
    char program[SHEBANG_MAX];

    (void)state;
    for (size_t i = 0; i < array_size(cases); i++) {
        shebang_env_program(cases[i][0], program);
        assert_string_equal(program, cases[i][1]);
    }
}

static void a_script_without_its_interpreter_is_an_error(void **state)
{
    struct fixture *f = *state;

    make_file(f, "gone", "#!/no/such/interpreter\n", 0755);
    assert_error(add(f, "gone", "/x"), ELIBACC, f,
                 "needs its interpreter /no/such/interpreter, which is not there");
    make_file(f, "dos", "#!/bin/sh\r\necho\r\n", 0755);
    assert_error(add(f, "dos", "/y"), ENOEXEC, f, "CR LF");
    make_file(f, "relative", "#!sh\n", 0755);
    assert_error(add(f, "relative", "/z"), ENOEXEC, f, "not an absolute path");
    make_file(f, "blank", "#! \t\n", 0755);
    assert_error(add(f, "blank", "/b"), ENOEXEC, f, "names no interpreter");
    /* One that somebody put there is as good. */
    assert_done(initrd_add_bytes(f->initrd, "/no/such/interpreter", "", 0, 0755, &f->error), f);
    assert_done(add(f, "gone", "/gone"), f);
}

static void first_lines_are_read_as_the_kernel_does(void **state)
{
    struct shebang shebang;
    char line[SHEBANG_MAX + 8];

    (void)state;
    assert_int_equal(shebang_parse("#", 1, &shebang, NULL), 0);
    assert_int_equal(shebang_parse("text", 4, &shebang, NULL), 0);
    assert_int_equal(shebang_parse("#!/a", 4, &shebang, NULL), 1);
    assert_string_equal(shebang.interpreter, "/a");
    assert_string_equal(shebang.argument, "");
    assert_int_equal(shebang_parse("#!\t/a \t b c \t\nd", 14, &shebang, NULL), 1);
    assert_string_equal(shebang.argument, "b c");
    memset(line, 'x', sizeof line);
    memcpy(line, "#!/", 3);
    assert_int_equal(shebang_parse(line, sizeof line, &shebang, NULL), -ENOEXEC);
    line[100] = ' ';
    assert_int_equal(shebang_parse(line, sizeof line, &shebang, NULL), 1);
    assert_int_equal(strlen(shebang.argument), SHEBANG_MAX - 101);
    assert_int_equal(shebang_parse("#!/a\0b\n", 7, &shebang, NULL), -ENOEXEC);
}

static void a_tree_brings_what_its_programs_need(void **state)
{
    static const uint16_t machine = EM_S390;
    struct fixture *f = *state;
    struct newc newc;

    compile(f, WORD, "tree/lib/libword.so.1.0", "-shared -fPIC -Wl,-soname,libword.so.1");
    assert_int_equal(symlink("libword.so.1.0", in(f, "tree/lib/libword.so.1")), 0);
    compile(f, CALLS, "tree/bin/tool", "tree/lib/libword.so.1 -Wl,-rpath,'$ORIGIN/../lib'");
    compile(f, HELLO, "tree/bin/foreign", "");
    patch(f, "tree/bin/foreign", offsetof(Elf64_Ehdr, e_machine), &machine, sizeof machine);
    make_file(f, "tree/bin/script", "#!/usr/bin/env sh\n", 0755);
    make_file(f, "tree/readme", "#!/not/to/be/started\n", 0644);
    make_file(f, "tree/bin/stray", "#!/not/on/this/machine\n", 0755);
    compile(f, WORD, "elsewhere/libother.so.1", "-shared -fPIC -Wl,-soname,libother.so.1");
    compile(f, CALLS, "tree/plugin.so",
            "-shared -fPIC elsewhere/libother.so.1 -Wl,-rpath,\"$PWD/elsewhere\"");
    assert_int_equal(chmod(in(f, "tree/plugin.so"), 0644), 0);
    assert_done(initrd_add_tree(f->initrd, in(f, "tree"), "/opt", INITRD_TREE_PROGRAMS, &f->error),
                f);
    newc = write_and_read(f);
    assert_true(S_ISLNK(newc_find(&newc, "opt/lib/libword.so.1")->mode));
    assert_non_null(newc_find(&newc, "usr/bin/env"));
    assert_non_null(newc_find(&newc, "opt/bin/foreign"));
    assert_non_null(newc_find(&newc, "opt/bin/stray"));
    assert_non_null(newc_find(&newc, in(f, "elsewhere/libother.so.1") + 1));
    newc_free(&newc);
    assert_prints(f, "/opt/bin/tool", "found");
}

static void paths_collapse(void **state)
{
    static const char *const cases[][2] = {
        {"/usr/bin/../lib", "/usr/lib"},
        {"/..", "/"},
        {"/a/./b//c/", "/a/b/c"},
        {"/a/../../b", "/b"},
        {"/", "/"},
    };

    (void)state;
    for (size_t i = 0; i < array_size(cases); i++) {
        char *collapsed = ld_collapse(cases[i][0]);

        assert_string_equal(collapsed, cases[i][1]);
        free(collapsed);
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(a_program_starts_in_the_guest),
        test(a_static_program_brings_nothing),
        test(links_on_the_host_are_followed),
        test(libraries_are_found_from_the_origin),
        test(libraries_of_libraries_come_by_rpath),
        test(a_directory_of_ld_so_conf_needs_no_ldconfig),
        test(candidates_of_another_machine_are_passed_over),
        test(another_machine_is_named),
        test(a_cut_off_program_is_an_error_at_every_length),
        test(objects_and_text_are_data),
        test(files_that_are_no_programs_are_refused),
        test(scripts_bring_their_interpreter),
        test(interpreters_may_be_scripts_as_deep_as_the_kernel_goes),
        test(env_brings_what_it_starts),
        test(what_env_starts_is_read_from_its_argument),
        test(a_script_without_its_interpreter_is_an_error),
        test(first_lines_are_read_as_the_kernel_does),
        test(a_tree_brings_what_its_programs_need),
        test(paths_collapse),
    };

    return cmocka_run_group_tests_name("initrd programs", tests, NULL, NULL);
}
