/* Files of the host that a node gets: those that are not optional must be there when the suite is
 * loaded. */
#include "runner/suite_reader.h"

#include "base/memory.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Absolute, from the suite's directory. */
static char *host_path(struct reader *reader, const char *path)
{
    if (path[0] == '/')
        return arena_text(reader->memory, path);
    while (!strncmp(path, "./", 2))
        path += 2;
    return arena_printf(reader->memory, "%s/%s", reader->directory, path);
}

static int missing(struct reader *reader, const struct yaml_node *at, const char *key,
                   const char *path)
{
    int code = errno;

    return yaml_fail(reader->file, at, reader->error, code, "%s: cannot read %s: %s", key, path,
                     strerror(code));
}

int read_init(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
              void *field)
{
    struct suite_init init = {0};
    cleanup_buffer struct buffer program = {0};
    struct stat info;
    int status = section_defaults(reader, IN_INIT, &init);

    if (!status)
        status = section_read(reader, IN_INIT, value, &init);
    if (status)
        return status;
    init.directory = host_path(reader, init.directory);
    if (stat(init.directory, &info) < 0)
        return missing(reader, value, key->name, init.directory);
    if (!S_ISDIR(info.st_mode))
        return reader_fail(reader, value, "%s: %s is not a directory", key->name, init.directory);
    /* Not followed: a link in the directory leads to a place in the guest. */
    buffer_printf(&program, "%s%s", init.directory, init.run);
    if (lstat(program.data, &info) < 0)
        return missing(reader, value, key->name, program.data);
    if (!S_ISLNK(info.st_mode) && !(S_ISREG(info.st_mode) && (info.st_mode & 0111)))
        return reader_fail(reader, value, "%s: %s is not a program", key->name, program.data);
    *(struct suite_init *)field = init;
    return 0;
}

static int find_on_host(struct reader *reader, const struct yaml_node *at, struct suite_file *file)
{
    struct stat info;

    if (stat(file->from, &info) < 0)
        return missing(reader, at, "files", file->from);
    if (S_ISDIR(info.st_mode))
        file->kind = SUITE_FILE_TREE;
    else if (S_ISREG(info.st_mode))
        file->kind = info.st_mode & 0111 ? SUITE_FILE_PROGRAM : SUITE_FILE_DATA;
    else
        return reader_fail(reader, at, "files: %s is neither a file nor a directory", file->from);
    if (file->kind == SUITE_FILE_TREE && file->mode != SUITE_MODE_KEPT)
        return reader_fail(reader, at, "mode: %s is a directory, whose files keep their modes",
                           file->from);
    if (file->kind != SUITE_FILE_TREE && !strcmp(file->to, "/"))
        return reader_fail(reader, at, "to: found \"/\", expected the path of a file");
    return 0;
}

/* Without "to", the place in the guest is that of the host. */
static int take_place(struct reader *reader, struct file_build *build)
{
    size_t count;
    const struct suite_key *keys = suite_keys(&count);

    while (!(keys->where & IN_FILE) || strcmp(keys->name, "to"))
        keys++;
    return read_guest_path(reader, keys, build->from, &build->out.to);
}

/* Without a "to" in `file`, it is left out. */
static int read_from(struct reader *reader, const char *from, struct file_build *build,
                     struct suite_file *file)
{
    int status = 0;

    if (!*from)
        return reader_fail(reader, build->from, "from: found \"\", expected a path");
    build->out.from = host_path(reader, from);
    if (!build->out.to)
        status = take_place(reader, build);
    if (status || (build->optional && access(build->out.from, F_OK) < 0 && errno == ENOENT))
        return status;
    status = find_on_host(reader, build->from, &build->out);
    if (!status)
        *file = build->out;
    return status;
}

static int read_file_map(struct reader *reader, const struct suite_key *key,
                         const struct yaml_node *item, struct suite_file *file)
{
    struct file_build build = {.out = *file};
    const char *from = NULL;
    int status = section_read(reader, IN_FILE, item, &build);

    if (!status && build.from)
        status = reader_text(reader, build.from, "from", &from);
    if (status)
        return status;
    if (!from == !build.out.content)
        return reader_fail(reader, item, "%s: expected one of \"from\" and \"content\"", key->name);
    if (!build.out.to && (!from || from[0] != '/'))
        return reader_fail(reader, item,
                           "%s: without the key \"to\": expected the path in the guest", key->name);
    if (from)
        return read_from(reader, from, &build, file);
    if (build.optional)
        return reader_fail(reader, item, "optional: \"content\" is always there");
    if (!strcmp(build.out.to, "/"))
        return reader_fail(reader, item, "to: found \"/\", expected the path of a file");
    build.out.kind = SUITE_FILE_CONTENT;
    if (build.out.mode == SUITE_MODE_KEPT)
        build.out.mode = 0644;
    *file = build.out;
    return 0;
}

static int read_file(struct reader *reader, const struct suite_key *key,
                     const struct yaml_node *item, struct suite_file *file)
{
    int status = reader_resolve(reader, item, &item);

    file->mode = SUITE_MODE_KEPT;
    file->at = position_of(item);
    if (status)
        return status;
    if (item->kind == YAML_MAP)
        return read_file_map(reader, key, item, file);
    if (item->kind == YAML_SCALAR && item->text[0] != '/')
        return reader_expected(reader, key, item,
                               "an absolute path, or {from: PATH, to: PATH IN THE GUEST}");
    status = read_guest_path(reader, key, item, &file->to);
    if (status)
        return status;
    file->from = arena_text(reader->memory, file->to);
    return find_on_host(reader, item, file);
}

int read_files(struct reader *reader, const struct suite_key *key, const struct yaml_node *value,
               void *field)
{
    struct suite_node *node = field;
    struct suite_file *files;
    size_t earlier = node->file_count;
    size_t count = earlier;
    int status = reader_list(reader, value, key->name, "paths or files");

    if (status)
        return status;
    files = arena_array(reader->memory, earlier + value->count, sizeof(*files));
    if (earlier)
        memcpy(files, node->files, earlier * sizeof(*files));
    for (size_t i = 0; i < value->count; i++) {
        struct suite_file file = {0};
        size_t at = 0;

        status = read_file(reader, key, value->items[i], &file);
        if (status)
            return status;
        if (!file.to)
            continue;
        while (at < count && strcmp(files[at].to, file.to))
            at++;
        if (at >= earlier && at < count)
            return reader_fail(reader, value->items[i], "%s: two files for %s in one list",
                               key->name, file.to);
        files[at] = file;
        count += at == count;
    }
    node->files = files;
    node->file_count = count;
    return 0;
}
