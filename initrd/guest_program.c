#include "initrd/guest_program.h"

#include "base/fs.h"
#include "base/memory.h"
#include "initrd/archive.h"
#include "initrd/ld_search.h"
#include "initrd/shebang.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum kind {
    KIND_DATA,
    KIND_ELF, /* that can be loaded */
    KIND_SCRIPT,
};

/* A file of the host that was looked into. */
struct program {
    int fd;
    struct stat info;
    enum kind kind;
    struct elf_object elf;
    struct shebang shebang;
};

/* A program as the loader puts it together; objects[0] is the program. */
struct link_map {
    struct initrd *initrd;
    struct ld_object *objects;
    size_t count;
    struct ld_conf conf;
};

static void program_close(struct program *program)
{
    cleanup_close_fd(&program->fd);
    elf_object_free(&program->elf);
}

static void link_map_free(struct link_map *map)
{
    for (size_t i = 0; i < map->count; i++) {
        free(map->objects[i].name);
        free(map->objects[i].host_path);
        free(map->objects[i].host_origin);
        free(map->objects[i].guest_origin);
        elf_object_free(&map->objects[i].elf);
    }
    free(map->objects);
    ld_conf_free(&map->conf);
}

#define cleanup_program __attribute__((cleanup(program_close)))

static int program_open(const char *host_path, struct program *program, struct error *error)
{
    char head[SHEBANG_MAX];
    ssize_t n;
    int code = archive_open(host_path, &program->fd, &program->info, error);

    if (code < 0)
        return code;
    n = pread(program->fd, head, sizeof head, 0);
    if (n < 0)
        return error_errno(error, "cannot read %s", host_path);
    if (n >= 4 && memcmp(head, "\177ELF", 4) == 0) {
        code = elf_inspect(program->fd, &program->elf, error);
        program->kind = program->elf.loadable ? KIND_ELF : KIND_DATA;
    } else {
        code = shebang_parse(head, (size_t)n, &program->shebang, error);
        program->kind = code > 0 ? KIND_SCRIPT : KIND_DATA;
    }
    return code < 0 ? error_context(error, "%s", host_path) : 0;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup("/");
}

/* Takes `elf` over. */
static int map_add(struct link_map *map, const char *name, const char *host_path,
                   const char *guest_path, size_t loader, struct elf_object *elf,
                   struct error *error)
{
    cleanup_free char *real = NULL, *resolved = NULL, *guest = NULL;
    struct ld_object *object;
    int code = fs_realpath(host_path, &real, error);

    if (code == 0)
        code = archive_resolve(map->initrd, guest_path, true, &resolved, error);
    if (code < 0)
        return code;
    guest = xasprintf("/%s", resolved);
    map->objects = xreallocarray(map->objects, map->count + 1, sizeof *map->objects);
    object = &map->objects[map->count++];
    *object = (struct ld_object){.name = xstrdup(elf->soname ? elf->soname : name),
                                 .host_path = xstrdup(host_path),
                                 .host_origin = directory_of(real),
                                 .guest_origin = directory_of(guest),
                                 .elf = *elf,
                                 .loader = loader};
    *elf = (struct elf_object){0};
    return 0;
}

/* Puts a library into the archive and into the map. */
static int map_load(struct link_map *map, const char *name, const char *host_path,
                    const char *guest_path, size_t loader, struct program *library,
                    struct error *error)
{
    int code = archive_insert_file(map->initrd, host_path, &library->info, guest_path, true, error);

    return code < 0 ? code
                    : map_add(map, name, host_path, guest_path, loader, &library->elf, error);
}

static bool map_has(const struct link_map *map, const char *name)
{
    for (size_t i = 0; i < map->count; i++)
        if (strcmp(map->objects[i].name, name) == 0)
            return true;
    return false;
}

/* 1 where `directory` has the library, 0 where not; `seen` tells why for a message. */
static int try_directory(struct link_map *map, const char *name, size_t needed_by,
                         const struct ld_directory *directory, struct buffer *seen,
                         struct error *error)
{
    cleanup_free char *host = xasprintf("%s/%s", directory->host, name);
    cleanup_free char *guest = xasprintf("%s/%s", directory->guest, name);
    cleanup_program struct program library = {.fd = -1};
    struct error why = {0};
    int code;

    if (program_open(host, &library, &why) < 0 && why.code == ENOENT) {
        buffer_printf(seen, "%s%s", seen->length ? ", " : "", directory->host);
        return 0;
    }
    if (why.code || library.kind != KIND_ELF || elf_check_machine(&library.elf, &why) < 0) {
        buffer_printf(seen, "%s%s (%s)", seen->length ? ", " : "", directory->host,
                      why.code ? why.message : "not a library");
        return 0;
    }
    code = map_load(map, name, host, guest, needed_by, &library, error);
    return code < 0 ? code : 1;
}

static int load_by_path(struct link_map *map, const char *path, size_t needed_by,
                        struct error *error)
{
    cleanup_program struct program library = {.fd = -1};
    struct error why = {0};

    if (path[0] != '/')
        return error_set(error, ELIBACC, "%s needs \"%s\", a path relative to where it is started",
                         map->objects[needed_by].host_path, path);
    if (program_open(path, &library, &why) < 0)
        return error_set(error, ELIBACC, "%s needs it, but %s", map->objects[needed_by].host_path,
                         why.message);
    if (library.kind != KIND_ELF)
        return error_set(error, ENOEXEC, "%s needs %s, which is not a library",
                         map->objects[needed_by].host_path, path);
    if (elf_check_machine(&library.elf, error) < 0)
        return error_context(error, "%s needs %s, which", map->objects[needed_by].host_path, path);
    return map_load(map, path, path, path, needed_by, &library, error);
}

static int load_by_name(struct link_map *map, const char *name, size_t needed_by, bool optional,
                        struct error *error)
{
    __attribute__((cleanup(ld_directories_free))) struct ld_directories directories = {0};
    cleanup_buffer struct buffer seen = {0};
    int code = 0;

    ld_directories_of(map->objects, needed_by, &map->conf, &directories);
    for (size_t i = 0; code == 0 && i < directories.count; i++)
        code = try_directory(map, name, needed_by, &directories.list[i], &seen, error);
    if (code == 0 && !optional)
        return error_set(error, ELIBACC, "%s needs the library %s, which is not in %s",
                         map->objects[needed_by].host_path, name, seen.data ? seen.data : "");
    return code < 0 ? code : 0;
}

static int load_needed(struct link_map *map, size_t of, struct error *error)
{
    for (size_t i = 0; i < map->objects[of].elf.needed_count; i++) {
        const char *name = map->objects[of].elf.needed[i];
        int code = 0;

        if (!map_has(map, name))
            code = strchr(name, '/') ? load_by_path(map, name, of, error)
                                     : load_by_name(map, name, of, false, error);
        if (code < 0)
            return code;
    }
    /* libc names these functions because it has them. */
    if (map->objects[of].elf.ends_threads && strncmp(map->objects[of].name, "libc.so", 7) != 0 &&
        !map_has(map, "libgcc_s.so.1"))
        return load_by_name(map, "libgcc_s.so.1", of, true, error);
    return 0;
}

static int bring_libraries(struct initrd *initrd, const char *host_path, const char *guest_path,
                           struct elf_object *elf, struct error *error)
{
    __attribute__((cleanup(link_map_free))) struct link_map map = {.initrd = initrd};
    cleanup_free char *interpreter = elf->interpreter ? xstrdup(elf->interpreter) : NULL;
    int code;

    ld_conf_read(initrd->ld_conf, &map.conf);
    code = map_add(&map, host_path, host_path, guest_path, 0, elf, error);
    if (code == 0 && interpreter)
        code = load_by_path(&map, interpreter, 0, error);
    /* Breadth first, as the loader does: the map grows while it is walked. */
    for (size_t i = 0; code == 0 && i < map.count; i++)
        code = load_needed(&map, i, error);
    return code;
}

static int add_program(struct initrd *initrd, const char *host_path, const char *guest_path,
                       int depth, struct error *error);

/* Brings `path` of the host to the same path, unless the guest has it. */
static int bring_interpreter(struct initrd *initrd, const char *script, const char *path, int depth,
                             struct error *error)
{
    int code;

    if (archive_has(initrd, path))
        return 0;
    if (depth >= SHEBANG_DEPTH)
        return error_set(error, ELOOP,
                         "%s: its interpreter %s is one script too many, the kernel "
                         "follows %d",
                         script, path, SHEBANG_DEPTH);
    if (!fs_exists(path))
        return error_set(error, ELIBACC, "%s needs its interpreter %s, which is not there", script,
                         path);
    code = add_program(initrd, path, path, depth + 1, error);
    return code < 0 ? error_context(error, "the interpreter of %s", script) : 0;
}

/* What env(1) would start, from the directories that the guest's PATH has. */
static int bring_from_env(struct initrd *initrd, const char *script, const char *argument,
                          int depth, struct error *error)
{
    static const char *const directories[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                              "/usr/bin",        "/sbin",          "/bin"};
    char program[SHEBANG_MAX];

    shebang_env_program(argument, program);
    if (program[0] == '\0')
        return error_set(error, ENOEXEC, "%s: its first line has env start nothing", script);
    if (strchr(program, '/'))
        return bring_interpreter(initrd, script, program, depth, error);
    for (int host = 0; host <= 1; host++)
        for (size_t i = 0; i < array_size(directories); i++) {
            cleanup_free char *path = xasprintf("%s/%s", directories[i], program);

            if (host ? access(path, X_OK) == 0 : archive_has(initrd, path))
                return bring_interpreter(initrd, script, path, depth, error);
        }
    return error_set(error, ELIBACC,
                     "%s needs its interpreter %s, which is not in /usr/local/sbin, "
                     "/usr/local/bin, /usr/sbin, /usr/bin, /sbin or /bin",
                     script, program);
}

static int bring_needs(struct initrd *initrd, const char *host_path, const char *guest_path,
                       struct program *program, int depth, struct error *error)
{
    const struct shebang *shebang = &program->shebang;
    const char *base;
    int code;

    if (program->kind == KIND_ELF)
        return bring_libraries(initrd, host_path, guest_path, &program->elf, error);
    if (program->kind != KIND_SCRIPT)
        return 0;
    code = bring_interpreter(initrd, host_path, shebang->interpreter, depth, error);
    base = strrchr(shebang->interpreter, '/') + 1;
    if (code == 0 && strcmp(base, "env") == 0)
        code = bring_from_env(initrd, host_path, shebang->argument, depth, error);
    return code;
}

static int add_program(struct initrd *initrd, const char *host_path, const char *guest_path,
                       int depth, struct error *error)
{
    cleanup_program struct program program = {.fd = -1};
    int code = program_open(host_path, &program, error);

    if (code == 0 && program.kind == KIND_ELF && elf_check_machine(&program.elf, error) < 0)
        return error_context(error, "%s", host_path);
    if (code == 0)
        code = archive_insert_file(initrd, host_path, &program.info, guest_path, false, error);
    return code < 0 ? code : bring_needs(initrd, host_path, guest_path, &program, depth, error);
}

int initrd_add_program(struct initrd *initrd, const char *host_path, const char *guest_path,
                       struct error *error)
{
    return add_program(initrd, host_path, guest_path, 0, error);
}

/* A tree holds more than its user looks at: what looks like a program may be test data, be for
 * another machine, or want an interpreter that nobody here has. Whoever starts it in the guest is
 * told there. */
int program_bring_needs(struct initrd *initrd, const char *host_path, const char *guest_path,
                        struct error *error)
{
    cleanup_program struct program program = {.fd = -1};
    int code = program_open(host_path, &program, error);

    if (code == 0 && program.kind == KIND_ELF && elf_check_machine(&program.elf, NULL) < 0)
        return 0;
    if (code == 0)
        code = bring_needs(initrd, host_path, guest_path, &program, 0, error);
    return code == -ENOEXEC || code == -ELIBACC ? 0 : code;
}
