/* What is left of an impairment, for people and as a scenario. */
#include "runner/shrink.h"

#include "base/memory.h"
#include "net/impair_field.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *end_name(const struct suite_case *suite_case, size_t link, unsigned end)
{
    return suite_case->nodes[suite_case->links[link].ends[end].node].name;
}

static bool has_any(const struct shrink_settings *settings, size_t link, unsigned ways)
{
    for (size_t i = 0; i < settings->count; i++)
        if (settings->items[i].link == link && settings->items[i].ways == ways)
            return true;
    return false;
}

/* -- For people -------------------------------------------------------------------------------- */

static void describe_ways(const struct shrink_settings *settings, size_t link, unsigned ways,
                          struct buffer *out)
{
    const char *between = " ";

    for (size_t i = 0; i < settings->count; i++) {
        const struct shrink_setting *item = &settings->items[i];

        if (item->link != link || item->ways != ways)
            continue;
        buffer_printf(out, "%s%s %s", between, item->name, item->text);
        between = ", ";
    }
}

void shrink_describe(const struct shrink_settings *settings, const struct suite_case *suite_case,
                     struct buffer *out)
{
    const char *between = "";

    for (size_t link = 0; link < settings->link_count; link++)
        for (unsigned ways = 4; ways-- > 1;) {
            bool changes = ways == 3 && settings->changes[link];

            if (!has_any(settings, link, ways) && !changes)
                continue;
            buffer_printf(out, "%slink %s", between, suite_case->links[link].name);
            if (ways != 3)
                buffer_printf(out, ", %s to %s", end_name(suite_case, link, ways == 2),
                              end_name(suite_case, link, ways != 2));
            buffer_append_text(out, ":");
            describe_ways(settings, link, ways, out);
            if (changes)
                buffer_append_text(out, " with its changes");
            between = "; ";
        }
    if (!*between)
        buffer_append_text(out, "no impairment");
}

/* -- As a scenario ----------------------------------------------------------------------------- */

/* A YAML text in double quotes. */
static void put_quoted(struct buffer *out, const char *text)
{
    buffer_append_text(out, "\"");
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        if (*at == '"' || *at == '\\')
            buffer_printf(out, "\\%c", *at);
        else if (*at < ' ')
            buffer_printf(out, "\\x%02x", *at);
        else
            buffer_append(out, at, 1);
    }
    buffer_append_text(out, "\"");
}

/* Which rule a setting is of; IMPAIR_RULES_MAX: of none. */
static size_t rule_of(const struct shrink_setting *item)
{
    size_t rule = IMPAIR_RULES_MAX;

    return impair_field_find(item->name, &rule) ? rule : IMPAIR_RULES_MAX;
}

static void put_rules(const struct shrink_settings *settings, size_t link, unsigned ways,
                      const char *indent, struct buffer *out)
{
    size_t last = IMPAIR_RULES_MAX;

    for (size_t i = 0; i < settings->count; i++) {
        const struct shrink_setting *item = &settings->items[i];
        size_t rule = rule_of(item);

        if (item->link != link || item->ways != ways || rule == IMPAIR_RULES_MAX)
            continue;
        if (last == IMPAIR_RULES_MAX)
            buffer_printf(out, "%srules:\n", indent);
        buffer_printf(out, "%s  %s%s: ", indent, rule == last ? "  " : "- ",
                      strchr(strchr(item->name, '.') + 1, '.') + 1);
        put_quoted(out, item->text);
        buffer_append_text(out, "\n");
        last = rule;
    }
}

static void put_settings(const struct shrink_settings *settings, size_t link, unsigned ways,
                         const char *indent, struct buffer *out)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct shrink_setting *item = &settings->items[i];

        if (item->link != link || item->ways != ways || rule_of(item) != IMPAIR_RULES_MAX)
            continue;
        buffer_printf(out, "%s%s: ", indent, item->name);
        put_quoted(out, item->text);
        buffer_append_text(out, "\n");
    }
    put_rules(settings, link, ways, indent, out);
}

static void put_link(const struct shrink_settings *settings, const struct suite_case *suite_case,
                     size_t link, struct buffer *out)
{
    buffer_append_text(out, "    ");
    put_quoted(out, suite_case->links[link].name);
    if (!has_any(settings, link, 1) && !has_any(settings, link, 2) && !has_any(settings, link, 3) &&
        settings->changes[link] == (suite_case->links[link].changes.count > 0)) {
        buffer_append_text(out, ": {}\n");
        return;
    }
    buffer_append_text(out, ":\n");
    put_settings(settings, link, 3, "      ", out);
    if (!settings->changes[link] && suite_case->links[link].changes.count > 0)
        buffer_append_text(out, "      changes: []\n");
    if (!has_any(settings, link, 1) && !has_any(settings, link, 2))
        return;
    buffer_append_text(out, "      from:\n");
    for (unsigned end = 0; end < 2; end++) {
        if (!has_any(settings, link, 1u << end))
            continue;
        buffer_append_text(out, "        ");
        put_quoted(out, end_name(suite_case, link, end));
        buffer_append_text(out, ":\n");
        put_settings(settings, link, 1u << end, "          ", out);
    }
}

/* Whether the suite asks anything of the link: else there is nothing to replace. */
static bool is_asked(const struct suite_link *link)
{
    return !impair_is_none(&link->impair[0]) || !impair_is_none(&link->impair[1]) ||
           link->changes.count > 0;
}

void shrink_write(const struct shrink_settings *settings, const struct suite *suite,
                  const struct suite_case *suite_case, const char *path, uint64_t seed,
                  struct buffer *out)
{
    bool any = false;

    buffer_printf(out,
                  "# A case of %s that fails, with the least impairment that it still fails "
                  "with: `duet shrink`\n# has found it.\nname: %.50s-shrunk\nshrunk:\n  "
                  "suite: ",
                  suite->name, suite->name);
    put_quoted(out, path);
    buffer_append_text(out, "\n  case: ");
    put_quoted(out, suite_case->name);
    buffer_append_text(out, "\n");
    if (suite->kernels) {
        buffer_append_text(out, "  kernels: ");
        put_quoted(out, suite->kernels);
        buffer_append_text(out, "\n");
    }
    buffer_printf(out, "  seed: %" PRIu64 "\n", seed);
    for (size_t i = 0; i < settings->link_count && !any; i++)
        any = is_asked(&suite_case->links[i]);
    if (any)
        buffer_append_text(out, "  impair:\n");
    for (size_t i = 0; i < settings->link_count; i++)
        if (is_asked(&suite_case->links[i]))
            put_link(settings, suite_case, i, out);
}
