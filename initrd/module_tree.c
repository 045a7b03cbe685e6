#include "initrd/module_tree.h"

#include "base/fs.h"
#include "base/memory.h"

#include <errno.h>
#include <fts.h>
#include <string.h>
#include <zlib.h>

enum { MODULE_BYTES_MAX = 256 << 20, BUILTIN_BYTES_MAX = 16 << 20, NEAR = 3 };

bool module_name(const char *path, char name[static MODULE_NAME_BYTES])
{
    const char *slash = strrchr(path, '/');
    const char *base = slash ? slash + 1 : path;
    const char *suffix = strstr(base, ".ko");
    size_t length = suffix ? (size_t)(suffix - base) : strlen(base);

    if (length == 0 || length >= MODULE_NAME_BYTES)
        return false;
    memcpy(name, base, length);
    for (size_t i = 0; i < length; i++)
        if (name[i] == '-')
            name[i] = '_';
    name[length] = '\0';
    return true;
}

static bool is_module(const char *name)
{
    static const char *const suffixes[] = {".ko", ".ko.gz", ".ko.xz", ".ko.zst"};
    size_t length = strlen(name);

    for (size_t i = 0; i < array_size(suffixes); i++) {
        size_t tail = strlen(suffixes[i]);

        if (length > tail && strcmp(name + length - tail, suffixes[i]) == 0)
            return true;
    }
    return false;
}

static int by_entry_name(const FTSENT **a, const FTSENT **b)
{
    return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* By name; of one name what depmod takes first, which is what is in updates/. */
static int by_module_name(const void *a, const void *b)
{
    const struct module_file *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    bool left_updates = strncmp(left->path, "updates/", 8) == 0;
    bool right_updates = strncmp(right->path, "updates/", 8) == 0;

    if (order == 0)
        order = right_updates - left_updates;
    return order ? order : strcmp(left->path, right->path);
}

static void close_fts(FTS **fts)
{
    if (*fts)
        fts_close(*fts);
}

static void take_file(struct module_tree *tree, const char *path)
{
    struct module_file file = {0};

    if (!module_name(path, file.name))
        return;
    if ((tree->count & (tree->count - 1)) == 0)
        tree->files =
            xreallocarray(tree->files, tree->count ? 2 * tree->count : 1, sizeof *tree->files);
    file.path = xstrdup(path);
    tree->files[tree->count++] = file;
}

static int scan(struct module_tree *tree, struct error *error)
{
    char *const roots[] = {tree->directory, NULL};
    __attribute__((cleanup(close_fts))) FTS *fts =
        fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW | FTS_NOSTAT, by_entry_name);
    size_t skip = strlen(tree->directory) + 1;
    FTSENT *found;

    while (fts && (found = fts_read(fts)) != NULL) {
        if (found->fts_info == FTS_DNR || found->fts_info == FTS_ERR) {
            errno = found->fts_errno;
            return error_errno(error, "cannot read %s", found->fts_path);
        }
        if (found->fts_info != FTS_D && found->fts_info != FTS_DP && is_module(found->fts_name))
            take_file(tree, found->fts_path + skip);
    }
    if (!fts || errno)
        return error_errno(error, "cannot read %s", tree->directory);
    if (tree->count > 0)
        qsort(tree->files, tree->count, sizeof *tree->files, by_module_name);
    return 0;
}

/* modules.builtin is one path per line; a kernel that has everything in modules may lack it. */
static int read_builtin(struct module_tree *tree, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/modules.builtin", tree->directory);
    cleanup_buffer struct buffer text = {0};
    char *state = NULL;
    int code;

    if (!fs_exists(path))
        return 0;
    code = fs_read(path, BUILTIN_BYTES_MAX, &text, error);
    if (code < 0)
        return code;
    for (char *line = strtok_r(text.data, "\n", &state); line;
         line = strtok_r(NULL, "\n", &state)) {
        tree->builtin =
            xreallocarray(tree->builtin, tree->builtin_count + 1, sizeof *tree->builtin);
        if (module_name(line, tree->builtin[tree->builtin_count]))
            tree->builtin_count++;
    }
    return 0;
}

int module_tree_open(const char *module_root, const char *release, struct module_tree *tree,
                     struct error *error)
{
    __attribute__((cleanup(module_tree_free))) struct module_tree made = {0};
    int code;

    if (release[0] == '\0' || release[0] == '.' || strchr(release, '/'))
        return error_set(error, EINVAL, "\"%s\" is not a kernel release", release);
    made.directory = xasprintf("%s/lib/modules/%s", module_root, release);
    if (!fs_exists(made.directory)) {
        free(made.directory);
        made.directory = xasprintf("%s/usr/lib/modules/%s", module_root, release);
    }
    if (!fs_exists(made.directory))
        return error_set(error, ENOENT, "no modules of kernel %s in %s/{lib,usr/lib}/modules",
                         release, module_root);
    errno = 0;
    code = scan(&made, error);
    if (code == 0)
        code = read_builtin(&made, error);
    if (code < 0)
        return code;
    *tree = made;
    made = (struct module_tree){0};
    return 0;
}

void module_tree_free(struct module_tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->files[i].path);
    free(tree->files);
    free(tree->builtin);
    free(tree->directory);
    *tree = (struct module_tree){0};
}

const struct module_file *module_tree_find(const struct module_tree *tree, const char *name)
{
    size_t low = 0, high = tree->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(tree->files[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < tree->count && strcmp(tree->files[low].name, name) == 0 ? &tree->files[low] : NULL;
}

bool module_tree_builtin(const struct module_tree *tree, const char *name)
{
    for (size_t i = 0; i < tree->builtin_count; i++)
        if (strcmp(tree->builtin[i], name) == 0)
            return true;
    return false;
}

/* Levenshtein's distance: insertions, deletions and replacements. */
static size_t distance(const char *a, const char *b)
{
    size_t row[MODULE_NAME_BYTES + 1];
    size_t width = strlen(b);

    for (size_t j = 0; j <= width; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[width];
}

const char *module_tree_nearest(const struct module_tree *tree, const char *name)
{
    const char *nearest = NULL;
    size_t best = NEAR + 1;

    for (size_t i = 0; i < tree->count; i++) {
        size_t far = distance(name, tree->files[i].name);

        if (far < best && far < strlen(name)) {
            best = far;
            nearest = tree->files[i].name;
        }
    }
    return nearest;
}

static void end_inflate(z_stream *stream)
{
    inflateEnd(stream);
}

static int gunzip(const struct buffer *packed, struct buffer *out, struct error *error)
{
    __attribute__((cleanup(end_inflate))) z_stream stream = {0};
    int status = inflateInit2(&stream, MAX_WBITS + 16);

    stream.next_in = (unsigned char *)packed->data;
    stream.avail_in = (uInt)packed->length;
    while (status == Z_OK) {
        buffer_reserve(out, 1 << 16);
        stream.next_out = (unsigned char *)out->data + out->length;
        stream.avail_out = 1 << 16;
        status = inflate(&stream, Z_NO_FLUSH);
        out->length += (1 << 16) - stream.avail_out;
        if (out->length > MODULE_BYTES_MAX)
            return error_set(error, EFBIG, "unpacks to more than %d bytes", MODULE_BYTES_MAX);
    }
    if (status != Z_STREAM_END)
        return error_set(error, EBADMSG, "damaged gzip file: %s",
                         stream.msg ? stream.msg : "it ends too early");
    return 0;
}

int module_tree_read(const struct module_tree *tree, const struct module_file *file,
                     struct buffer *out, struct error *error)
{
    cleanup_free char *path = xasprintf("%s/%s", tree->directory, file->path);
    cleanup_buffer struct buffer packed = {0};
    const char *suffix = strstr(file->path, ".ko") + 3;
    int code;

    if (strcmp(suffix, ".xz") == 0 || strcmp(suffix, ".zst") == 0)
        return error_set(error, ENOTSUP,
                         "%s is packed in a way (%s) that duet cannot unpack: use "
                         "%s on a copy of the modules",
                         path, suffix, suffix[1] == 'x' ? "unxz" : "unzstd");
    if (strcmp(suffix, ".gz") != 0)
        return fs_read(path, MODULE_BYTES_MAX, out, error);
    code = fs_read(path, MODULE_BYTES_MAX, &packed, error);
    if (code < 0)
        return code;
    code = gunzip(&packed, out, error);
    return code < 0 ? error_context(error, "%s", path) : 0;
}
