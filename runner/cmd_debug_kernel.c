/* duet debug-kernel */
#include "runner/client.h"
#include "runner/commands.h"

#include "base/cjson.h"
#include "base/fs.h"
#include "base/memory.h"
#include "kernel/kernel.h"

#include <argp.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct debug_options {
    const char *words[2];
    size_t word_count;
    bool halt, json;
};

static const struct argp_option options[] = {
    {"halt", 'H', NULL, 0, "Stop the node's processors; gdb's `continue` lets them go on", 0},
    {"json", 'j', NULL, 0, "One JSON document", 0},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct debug_options *debug = state->input;

    switch (key) {
    case 'H':
        debug->halt = true;
        return 0;
    case 'j':
        debug->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (debug->word_count == array_size(debug->words))
            return ARGP_ERR_UNKNOWN;
        debug->words[debug->word_count++] = argument;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* -- Symbols ----------------------------------------------------------------------------------- */

static bool is_elf(const char *path)
{
    char head[4] = {0};
    cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd >= 0 && read(fd, head, sizeof head) == sizeof head &&
           memcmp(head, ELFMAG, SELFMAG) == 0;
}

/* What the image itself has, or the file that Debian's packages of debugging symbols install. NULL
 * where there is neither; then `hint` says what would have them. */
static char *find_symbols(const char *image, char **hint)
{
    struct kernel kernel = {0};
    char *path = NULL;

    if (is_elf(image))
        return xstrdup(image);
    if (kernel_get(image, &(struct kernel_options){0}, &kernel, NULL) < 0 || !kernel.release) {
        *hint = xasprintf("%s has no symbols; give gdb the vmlinux of that build", image);
        kernel_free(&kernel);
        return NULL;
    }
    path = xasprintf("/usr/lib/debug/boot/vmlinux-%s", kernel.release);
    if (!fs_exists(path)) {
        *hint = xasprintf(
            "%s has no symbols. Debian's are in the package linux-image-%s-dbg (1.8 GB, once "
            "installed), which makes %s",
            image, kernel.release, path);
        free(path);
        path = NULL;
    }
    kernel_free(&kernel);
    return path;
}

/* -- Output ------------------------------------------------------------------------------------ */

/* As one word of a shell. */
static void append_word(struct buffer *out, const char *text)
{
    if (!strpbrk(text, " \t\n'\"\\$`&|;<>()*?[]#~!{}")) {
        buffer_append_text(out, text);
        return;
    }
    buffer_append_text(out, "'");
    for (; *text; text++)
        buffer_printf(out, *text == '\'' ? "'\\''" : "%c", *text);
    buffer_append_text(out, "'");
}

static char *describe_command(const char *socket, const char *symbols)
{
    cleanup_free char *target = xasprintf("target remote %s", socket);
    struct buffer command = {0};

    buffer_append_text(&command, "gdb ");
    if (symbols) {
        append_word(&command, symbols);
        buffer_append_text(&command, " ");
    }
    buffer_append_text(&command, "-ex ");
    append_word(&command, target);
    return buffer_steal(&command);
}

static void print_json(const cJSON *answer, const char *symbols, const char *command)
{
    cJSON *json = xchecked(cJSON_CreateObject());

    cJSON_AddStringToObject(json, "socket", cjson_text(answer, "socket", ""));
    cJSON_AddStringToObject(json, "kernel", cjson_text(answer, "kernel", ""));
    if (symbols)
        cJSON_AddStringToObject(json, "symbols", symbols);
    else
        cJSON_AddNullToObject(json, "symbols");
    cJSON_AddStringToObject(json, "command", command);
    cjson_print(json, stdout);
    cJSON_Delete(json);
}

/* The command stands alone on standard output. */
static void print(const struct debug_options *debug, const cJSON *answer)
{
    const char *image = cjson_text(answer, "kernel", "");
    cleanup_free char *hint = NULL;
    cleanup_free char *symbols = find_symbols(image, &hint);
    cleanup_free char *command = describe_command(cjson_text(answer, "socket", ""), symbols);

    if (debug->json) {
        print_json(answer, symbols, command);
        return;
    }
    puts(command);
    fflush(stdout);
    if (hint)
        fprintf(stderr, "duet: %s\n", hint);
    if (!is_elf(image))
        fputs("duet: its addresses are those of the symbols where the suite has `cmdline: "
              "nokaslr`\n",
              stderr);
    fprintf(stderr, "duet: the node stands %s; `detach` in gdb lets it go on\n",
            debug->halt ? "still" : "still while gdb is attached and has not said `continue`");
}

static int open_stub(struct client *client, const struct debug_options *debug, cJSON **answer,
                     struct error *error)
{
    int code = client_find(client, debug->words, debug->word_count, error);
    cleanup_free char *request = NULL;
    cleanup_fd int fd = -1;

    if (code < 0)
        return code;
    request = held_request("debug", client->node->name, debug->halt ? "\"halt\":true" : NULL);
    return held_open(client->held, request, &fd, answer, error);
}

int cmd_debug_kernel(int argc, char **argv)
{
    static const struct argp argp = {
        .options = options,
        .parser = parse,
        .args_doc = "[CASE] NODE",
        .doc = "Open QEMU's gdb stub of a node that is kept up, and print the command that "
               "attaches gdb to its kernel. The stub is there as long as the node is."};
    struct debug_options debug = {0};
    struct client client = {0};
    cJSON *answer = NULL;
    struct error error;
    int code;

    if (argp_parse(&argp, argc, argv, 0, NULL, &debug) != 0)
        return EXIT_USAGE;
    code = open_stub(&client, &debug, &answer, &error);
    if (code == 0)
        print(&debug, answer);
    else
        fprintf(stderr, "duet: %s\n", error.message);
    cJSON_Delete(answer);
    client_free(&client);
    return code < 0 ? client_exit_status(code) : EXIT_PASSED;
}
