#include "runner/yaml.h"

#include "base/memory.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

enum { FOUND_MAX = 48 }; /* bytes of a text that a message quotes */

struct anchor {
    const char *name;
    struct yaml_node *node;
};

struct parse {
    yaml_parser_t parser;
    yaml_event_t event; /* the one being looked at */
    const char *file;
    const unsigned char *bytes;
    size_t length;
    struct arena *arena;
    struct anchor *anchors;
    size_t anchor_count;
    size_t nodes;
    struct error *error;
};

static int fail_at(const char *file, size_t line, size_t column, struct error *error, int code,
                   const char *format, va_list arguments)
{
    char message[ERROR_MESSAGE_MAX];

    vsnprintf(message, sizeof(message), format, arguments);
    yaml_printable(message);
    return error_set(error, code, "%s:%zu:%zu: %s", file, line, column, message);
}

int yaml_fail(const char *file, const struct yaml_node *at, struct error *error, int code,
              const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    code = fail_at(file, at->line, at->column, error, code, format, arguments);
    va_end(arguments);
    return code;
}

__attribute__((format(printf, 2, 3))) static int event_fail(struct parse *parse, const char *format,
                                                            ...)
{
    yaml_mark_t mark = parse->event.start_mark;
    va_list arguments;
    int status;

    va_start(arguments, format);
    status = fail_at(parse->file, mark.line + 1, mark.column + 1, parse->error, EINVAL, format,
                     arguments);
    va_end(arguments);
    return status;
}

/* libyaml marks the place of every mistake but those of the encoding, which have an offset. */
static int parser_fail(struct parse *parse)
{
    const yaml_parser_t *parser = &parse->parser;
    size_t line = parser->problem_mark.line + 1;
    size_t column = parser->problem_mark.column + 1;

    if (parser->error == YAML_READER_ERROR) {
        line = column = 1;
        for (size_t i = 0; i < parser->problem_offset && i < parse->length; i++) {
            column = parse->bytes[i] == '\n' ? 1 : column + ((parse->bytes[i] & 0xc0) != 0x80);
            line += parse->bytes[i] == '\n';
        }
        return error_set(parse->error, EINVAL, "%s:%zu:%zu: %s: expected UTF-8 text", parse->file,
                         line, column, parser->problem);
    }
    return error_set(parse->error, EINVAL, "%s:%zu:%zu: this is not YAML: %s%s%s", parse->file,
                     line, column, parser->problem ? parser->problem : "out of memory",
                     parser->context ? ", " : "", parser->context ? parser->context : "");
}

static int next_event(struct parse *parse)
{
    yaml_event_delete(&parse->event);
    if (!yaml_parser_parse(&parse->parser, &parse->event))
        return parser_fail(parse);
    return 0;
}

static int count_nodes(struct parse *parse, size_t more)
{
    parse->nodes += more;
    if (parse->nodes > YAML_MAX_NODES)
        return event_fail(parse, "more than %d values, aliases followed: split the file",
                          YAML_MAX_NODES);
    return 0;
}

static int check_depth(struct parse *parse, unsigned depth)
{
    if (depth > YAML_MAX_DEPTH)
        return event_fail(parse, "nested more than %d deep", YAML_MAX_DEPTH);
    return 0;
}

static int new_node(struct parse *parse, enum yaml_kind kind, struct yaml_node **out)
{
    struct yaml_node *node;
    int status = count_nodes(parse, 1);

    if (status)
        return status;
    node = arena_alloc(parse->arena, sizeof(*node));
    node->kind = kind;
    node->line = (unsigned)parse->event.start_mark.line + 1;
    node->column = (unsigned)parse->event.start_mark.column + 1;
    node->weight = 1;
    node->height = 1;
    *out = node;
    return 0;
}

static void adopt(struct yaml_node *parent, const struct yaml_node *child)
{
    parent->weight += child->weight;
    if (parent->height <= child->height)
        parent->height = child->height + 1;
}

static int parse_value(struct parse *parse, unsigned depth, struct yaml_node **out);

static int parse_alias(struct parse *parse, unsigned depth, struct yaml_node **out)
{
    const char *name = (const char *)parse->event.data.alias.anchor;

    for (size_t i = parse->anchor_count; i-- > 0;) {
        struct yaml_node *node = parse->anchors[i].node;
        int status;

        if (strcmp(parse->anchors[i].name, name))
            continue;
        status = check_depth(parse, depth + node->height - 1);
        if (!status)
            status = count_nodes(parse, node->weight);
        if (!status)
            *out = node;
        return status;
    }
    return event_fail(parse, "the alias \"*%.60s\" has no anchor that ends before it", name);
}

static int parse_scalar(struct parse *parse, struct yaml_node **out)
{
    const char *text = (const char *)parse->event.data.scalar.value;
    size_t length = parse->event.data.scalar.length;
    int status;

    if (memchr(text, '\0', length))
        return event_fail(parse, "a NUL byte in a value");
    status = new_node(parse, YAML_SCALAR, out);
    if (status)
        return status;
    (*out)->text = arena_copy(parse->arena, text, length);
    (*out)->plain = parse->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return 0;
}

static int parse_list(struct parse *parse, unsigned depth, struct yaml_node **out)
{
    cleanup_free struct yaml_node **items = NULL;
    struct yaml_node *list;
    size_t count = 0;
    size_t room = 0;
    int status = new_node(parse, YAML_LIST, &list);

    if (status)
        return status;
    for (;;) {
        status = next_event(parse);
        if (status)
            return status;
        if (parse->event.type == YAML_SEQUENCE_END_EVENT)
            break;
        if (count == room)
            items = xreallocarray(items, room = room ? 2 * room : 8, sizeof(struct yaml_node *));
        status = parse_value(parse, depth + 1, &items[count]);
        if (status)
            return status;
        adopt(list, items[count++]);
    }
    list->count = count;
    list->items = arena_array(parse->arena, count, sizeof(struct yaml_node *));
    if (count)
        memcpy(list->items, items, count * sizeof(struct yaml_node *));
    *out = list;
    return 0;
}

static int check_key(struct parse *parse, const struct yaml_node *key,
                     const struct yaml_pair *pairs, size_t count)
{
    char found[80];

    if (key->kind != YAML_SCALAR)
        return yaml_fail(parse->file, key, parse->error, EINVAL, "%s as a key: expected text",
                         yaml_found(key, found, sizeof(found)));
    if (count == YAML_MAX_KEYS)
        return yaml_fail(parse->file, key, parse->error, EINVAL, "more than %d keys in one mapping",
                         YAML_MAX_KEYS);
    for (size_t i = 0; i < count; i++)
        if (!strcmp(pairs[i].key->text, key->text))
            return yaml_fail(parse->file, key, parse->error, EINVAL,
                             "the key %s is here twice: it was given in line %u",
                             yaml_found(key, found, sizeof(found)), pairs[i].key->line);
    return 0;
}

static int parse_map(struct parse *parse, unsigned depth, struct yaml_node **out)
{
    cleanup_free struct yaml_pair *pairs = NULL;
    struct yaml_node *map;
    size_t count = 0;
    size_t room = 0;
    int status = new_node(parse, YAML_MAP, &map);

    if (status)
        return status;
    for (;;) {
        struct yaml_pair pair;

        status = next_event(parse);
        if (status)
            return status;
        if (parse->event.type == YAML_MAPPING_END_EVENT)
            break;
        status = parse_value(parse, depth + 1, &pair.key);
        if (!status)
            status = check_key(parse, pair.key, pairs, count);
        if (!status)
            status = next_event(parse);
        if (!status)
            status = parse_value(parse, depth + 1, &pair.value);
        if (status)
            return status;
        if (count == room)
            pairs = xreallocarray(pairs, room = room ? 2 * room : 8, sizeof(*pairs));
        adopt(map, pair.key);
        adopt(map, pair.value);
        pairs[count++] = pair;
    }
    map->count = count;
    map->pairs = arena_array(parse->arena, count, sizeof(*pairs));
    if (count)
        memcpy(map->pairs, pairs, count * sizeof(*pairs));
    *out = map;
    return 0;
}

static void add_anchor(struct parse *parse, const char *name, struct yaml_node *node)
{
    if ((parse->anchor_count & (parse->anchor_count - 1)) == 0)
        parse->anchors =
            xreallocarray(parse->anchors, parse->anchor_count ? 2 * parse->anchor_count : 1,
                          sizeof(*parse->anchors));
    parse->anchors[parse->anchor_count++] = (struct anchor){name, node};
}

static int parse_value(struct parse *parse, unsigned depth, struct yaml_node **out)
{
    const yaml_char_t *anchor = NULL;
    const yaml_char_t *tag = NULL;
    const char *name;
    int status = check_depth(parse, depth);

    if (status)
        return status;
    if (parse->event.type == YAML_ALIAS_EVENT)
        return parse_alias(parse, depth, out);
    /* Only the three kinds of nodes can start here: the parser's grammar sees to it. */
    if (parse->event.type == YAML_SCALAR_EVENT) {
        anchor = parse->event.data.scalar.anchor;
        tag = parse->event.data.scalar.tag;
    } else if (parse->event.type == YAML_SEQUENCE_START_EVENT) {
        anchor = parse->event.data.sequence_start.anchor;
        tag = parse->event.data.sequence_start.tag;
    } else {
        anchor = parse->event.data.mapping_start.anchor;
        tag = parse->event.data.mapping_start.tag;
    }
    if (tag)
        return event_fail(parse, "the tag \"%.60s\": values have no tags here", (const char *)tag);
    name = anchor ? arena_text(parse->arena, (const char *)anchor) : NULL;
    if (parse->event.type == YAML_SCALAR_EVENT)
        status = parse_scalar(parse, out);
    else if (parse->event.type == YAML_SEQUENCE_START_EVENT)
        status = parse_list(parse, depth, out);
    else
        status = parse_map(parse, depth, out);
    if (!status && name)
        add_anchor(parse, name, *out);
    return status;
}

static int parse_document(struct parse *parse, struct yaml_node **out)
{
    int status = next_event(parse); /* the stream's start */

    if (!status)
        status = next_event(parse);
    if (status)
        return status;
    if (parse->event.type == YAML_STREAM_END_EVENT)
        return event_fail(parse, "the file is empty: expected a mapping of keys");
    status = next_event(parse);
    if (!status)
        status = parse_value(parse, 1, out);
    if (!status)
        status = next_event(parse); /* the document's end */
    if (!status)
        status = next_event(parse);
    if (!status && parse->event.type != YAML_STREAM_END_EVENT)
        return event_fail(parse, "a second document: expected one a file");
    return status;
}

int yaml_parse(const char *file, const void *bytes, size_t length, struct arena *arena,
               struct yaml_node **root, struct error *error)
{
    struct parse parse = {
        .file = file, .bytes = bytes, .length = length, .arena = arena, .error = error};
    struct yaml_node *node = NULL;
    int status;

    if (length > YAML_MAX_BYTES)
        return error_set(error, EFBIG, "%s: %zu bytes are too many for a scenario: the limit is %d",
                         file, length, YAML_MAX_BYTES);
    if (!yaml_parser_initialize(&parse.parser))
        return error_set(error, ENOMEM, "%s: no memory for the YAML parser", file);
    yaml_parser_set_encoding(&parse.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parse.parser, bytes, length);
    status = parse_document(&parse, &node);
    yaml_event_delete(&parse.event);
    yaml_parser_delete(&parse.parser);
    free(parse.anchors);
    if (!status)
        *root = node;
    return status;
}

struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        if (!strcmp(map->pairs[i].key->text, key))
            return map->pairs[i].value;
    return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
    return node->kind == YAML_SCALAR && node->plain &&
           (!*node->text || !strcmp(node->text, "~") || !strcmp(node->text, "null"));
}

void yaml_printable(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = ' ';
}

const char *yaml_found(const struct yaml_node *node, char *text, size_t size)
{
    size_t length = node->kind == YAML_SCALAR ? strlen(node->text) : 0;

    if (node->kind != YAML_SCALAR || yaml_is_null(node)) {
        snprintf(text, size, "%s",
                 node->kind == YAML_LIST  ? "a list"
                 : node->kind == YAML_MAP ? "a mapping"
                                          : "nothing");
        return text;
    }
    if (length > FOUND_MAX) {
        length = FOUND_MAX;
        while ((node->text[length] & 0xc0) == 0x80)
            length--;
    }
    snprintf(text, size, "\"%.*s%s\"", (int)length, node->text, node->text[length] ? "…" : "");
    yaml_printable(text);
    return text;
}
