#include "runner/shrink.h"

#include "base/memory.h"
#include "base/units.h"
#include "net/impair_field.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    NEAR_PER_CENT = 10, /* a value that fails is as small as one that does not, to so much */
    RAISES_MAX = 4,     /* how often a rate is raised tenfold, to find one that does no harm */
    TRIES_MAX = 2,      /* runs of the same, where they say nothing */
    SILENT_MAX = 3, /* attempts in a row that say nothing, before that may be no fault of theirs */
};

/* What was tried already, by its links' text. */
struct tried {
    char *text;
    bool fails;
};

struct search {
    const struct shrink_options *options;
    struct shrunk *shrunk;        /* the least so far */
    struct shrink_outcome latest; /* of the least so far */
    struct shrink_outcome outcome;
    struct tried *tried;
    size_t tried_count;
    size_t silent; /* attempts in a row that said nothing */
    bool spent;    /* no run is left */
    int code;      /* of an attempt that ended the search */
    struct error *error;
};

/* -- One attempt ------------------------------------------------------------------------------- */

static const struct tried *find_tried(const struct search *search, const char *text)
{
    for (size_t i = 0; i < search->tried_count; i++)
        if (strcmp(search->tried[i].text, text) == 0)
            return &search->tried[i];
    return NULL;
}

static void remember(struct search *search, char *text, bool fails)
{
    search->tried = xreallocarray(search->tried, search->tried_count + 1, sizeof *search->tried);
    search->tried[search->tried_count++] = (struct tried){.text = text, .fails = fails};
}

static void swap_outcomes(struct search *search)
{
    struct shrink_outcome outcome = search->latest;

    search->latest = search->outcome;
    search->outcome = outcome;
}

/* Whether what they come to was to be found out: `outcome` has it. */
static bool find_out(struct search *search, const struct shrink_links *links, const char *what)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        if (search->shrunk->runs == search->options->runs) {
            search->spent = true;
            return false;
        }
        search->shrunk->runs++;
        search->outcome.unknown = false;
        search->code = search->options->attempt(search->options->context, links->items, what,
                                                &search->outcome, search->error);
        if (search->code < 0 || !search->outcome.unknown)
            return search->code == 0;
    }
    return false;
}

/* What was tried may be what cannot be run; but the least that has failed can be. */
static void run_least_again(struct search *search)
{
    struct shrink_links links;

    search->silent = 0;
    if (shrink_links_make(&search->shrunk->settings, search->options->suite_case, &links,
                          search->error) == 0 &&
        !find_out(search, &links, "what failed, again") && search->code == 0 && !search->spent)
        search->code = -EIO;
    shrink_links_free(&links);
}

/* Whether the links make the case fail. Not so, too, where that was not to be found out. */
static bool run_links(struct search *search, const struct shrink_links *links, const char *what)
{
    cleanup_buffer struct buffer text = {0};
    const struct tried *tried;
    bool known, fails;

    shrink_links_text(links, &text);
    tried = find_tried(search, text.data ? text.data : "");
    if (tried)
        return tried->fails;
    known = find_out(search, links, what);
    if (search->code < 0 || search->spent)
        return false;
    fails = known && search->outcome.fails;
    remember(search, xstrdup(text.data ? text.data : ""), fails);
    search->silent = known ? 0 : search->silent + 1;
    if (fails)
        swap_outcomes(search);
    if (search->silent == SILENT_MAX)
        run_least_again(search);
    return fails;
}

/* Takes `candidate` over, which becomes the least that failed if it does. */
static bool try(struct search *search, struct shrink_settings *candidate, const char *what)
{
    struct shrink_links links;
    struct error error;
    bool fails = false;

    if (!search->spent && search->code == 0 &&
        shrink_links_make(candidate, search->options->suite_case, &links, &error) == 0)
        fails = run_links(search, &links, what);
    shrink_links_free(&links);
    if (fails) {
        shrink_settings_free(&search->shrunk->settings);
        search->shrunk->settings = *candidate;
    } else {
        shrink_settings_free(candidate);
    }
    return fails;
}

static void copy_least(const struct search *search, struct shrink_settings *candidate)
{
    shrink_settings_copy(&search->shrunk->settings, candidate);
}

static bool goes_on(const struct search *search)
{
    return search->code == 0 && !search->spent;
}

/* "a-b", with the direction where it is one. */
static void name_place(const struct search *search, size_t link, unsigned ways, struct buffer *out)
{
    const struct suite_case *suite_case = search->options->suite_case;
    const struct suite_link *of = &suite_case->links[link];
    unsigned from = ways == 2;

    buffer_printf(out, "%s", of->name);
    if (ways != 3)
        buffer_printf(out, ", %s to %s", suite_case->nodes[of->ends[from].node].name,
                      suite_case->nodes[of->ends[1 - from].node].name);
}

/* -- Dropping ---------------------------------------------------------------------------------- */

/* Takes the directions from the setting, and with `unit` from all that belong to it. */
static bool try_without(struct search *search, size_t index, unsigned ways, bool unit)
{
    cleanup_buffer struct buffer what = {0};
    struct shrink_settings candidate;
    struct shrink_setting dropped;

    copy_least(search, &candidate);
    dropped = candidate.items[index];
    dropped.ways &= ways;
    buffer_printf(&what, "without %s on ", dropped.name);
    name_place(search, dropped.link, dropped.ways, &what);
    for (size_t i = 0; i < candidate.count; i++)
        if (i == index || (unit && shrink_is_one_unit(&candidate.items[i], &dropped)))
            candidate.items[i].ways &= ~ways;
    return try(search, &candidate, what.data);
}

static bool drop_all(struct search *search)
{
    struct shrink_settings candidate;

    copy_least(search, &candidate);
    for (size_t i = 0; i < candidate.count; i++)
        candidate.items[i].ways = 0;
    for (size_t i = 0; i < candidate.link_count; i++)
        candidate.changes[i] = false;
    return try(search, &candidate, "without any impairment");
}

static void drop_changes(struct search *search)
{
    for (size_t i = 0; i < search->shrunk->settings.link_count && goes_on(search); i++) {
        cleanup_buffer struct buffer what = {0};
        struct shrink_settings candidate;

        if (!search->shrunk->settings.changes[i])
            continue;
        copy_least(search, &candidate);
        candidate.changes[i] = false;
        buffer_append_text(&what, "without the changes of ");
        name_place(search, i, 3, &what);
        try(search, &candidate, what.data);
    }
}

/* Each by all its directions, then by one of two. A setting may be needed only while another is
 * there, so that what one round has dropped is reason for another. */
static void drop_units(struct search *search, bool unit)
{
    bool dropped = true;

    while (dropped && goes_on(search)) {
        dropped = false;
        for (size_t i = 0; i < search->shrunk->settings.count && goes_on(search); i++) {
            static const unsigned choices[] = {3, 1, 2};

            for (size_t k = 0; k < array_size(choices) && goes_on(search); k++) {
                unsigned ways = search->shrunk->settings.items[i].ways;

                if ((ways & choices[k]) && (k == 0 || ways == 3))
                    dropped = try_without(search, i, choices[k], unit) || dropped;
            }
        }
    }
}

/* -- Lessening --------------------------------------------------------------------------------- */

static bool try_value(struct search *search, const struct shrink_number *lessening, size_t index,
                      uint64_t number)
{
    cleanup_buffer struct buffer what = {0};
    struct shrink_settings candidate;
    char text[UNITS_TEXT_MAX];
    struct shrink_setting *item;

    copy_least(search, &candidate);
    item = &candidate.items[index];
    free(item->text);
    item->text = xstrdup(shrink_number_write(lessening->kind, number, text));
    buffer_printf(&what, "%s %s on ", item->name, item->text);
    name_place(search, item->link, item->ways, &what);
    return try(search, &candidate, what.data);
}

/* `fails` does, `good` does not; the setting that is left is near to both. */
static void bisect(struct search *search, const struct shrink_number *lessening, size_t index,
                   uint64_t fails, uint64_t good)
{
    while (goes_on(search)) {
        uint64_t apart = fails > good ? fails - good : good - fails;
        uint64_t larger = fails > good ? fails : good;
        uint64_t middle = shrink_number_round(fails / 2 + good / 2 + (fails & good & 1));

        if (apart <= larger / 100 * NEAR_PER_CENT || middle == fails || middle == good ||
            (middle > fails) == (middle > good))
            return;
        if (try_value(search, lessening, index, middle))
            fails = middle;
        else
            good = middle;
    }
}

/* A number that does no harm, where less of the setting is more of it: by raising it tenfold. */
static void raise(struct search *search, const struct shrink_number *lessening, size_t index,
                  uint64_t number)
{
    for (int i = 0; i < RAISES_MAX && goes_on(search); i++) {
        uint64_t more = 10 * number;

        if (!try_value(search, lessening, index, more)) {
            bisect(search, lessening, index, number, more);
            return;
        }
        number = more;
    }
}

static void lessen_one(struct search *search, const struct shrink_number *lessening, size_t index)
{
    const struct shrink_setting *item = &search->shrunk->settings.items[index];
    uint64_t number;

    if (!item->ways || strcmp(item->name, lessening->name) != 0 ||
        !shrink_number_read(lessening->kind, item->text, &number))
        return;
    if (lessening->kind == SHRINK_RATE)
        raise(search, lessening, index, number);
    else if (lessening->kind == SHRINK_BYTES)
        bisect(search, lessening, index, number,
               search->options->suite_case->links[item->link].mtu);
    else
        bisect(search, lessening, index, number, lessening->up ? 1000000000 : 0);
}

static void lessen_values(struct search *search)
{
    for (const struct shrink_number *number = shrink_numbers; number->name; number++)
        for (size_t i = 0; i < search->shrunk->settings.count && goes_on(search); i++)
            lessen_one(search, number, i);
}

/* -- The shortest prefix of drops -------------------------------------------------------------- */

static bool try_limit(struct search *search, size_t link, unsigned way, uint64_t limit)
{
    cleanup_buffer struct buffer what = {0};
    struct shrink_settings candidate;
    char text[UNITS_TEXT_MAX];

    copy_least(search, &candidate);
    snprintf(text, sizeof text, "%llu", (unsigned long long)limit);
    shrink_settings_set(&candidate, link, 1u << way, "loss.limit", text);
    buffer_printf(&what, "the first %llu losses alone on ", (unsigned long long)limit);
    name_place(search, link, 1u << way, &what);
    return try(search, &candidate, what.data);
}

/* Exactly: which drop it takes is what the user wants to know. */
static void limit_way(struct search *search, size_t link, unsigned way)
{
    uint64_t fails = search->latest.lost[link][way], good = 0;

    if (fails == 0)
        return;
    while (fails - good > 1 && goes_on(search)) {
        uint64_t middle = good + (fails - good) / 2;

        if (try_limit(search, link, way, middle))
            fails = middle;
        else
            good = middle;
    }
}

static bool has_loss(const struct search *search, size_t link, unsigned way)
{
    const struct shrink_settings *settings = &search->shrunk->settings;

    for (size_t i = 0; i < settings->count; i++)
        if (settings->items[i].link == link && (settings->items[i].ways & 1u << way) &&
            strncmp(settings->items[i].name, "loss", strlen("loss")) == 0)
            return true;
    return false;
}

static void limit_losses(struct search *search)
{
    for (size_t i = 0; i < search->shrunk->settings.link_count; i++)
        for (unsigned way = 0; way < 2 && goes_on(search); way++)
            if (has_loss(search, i, way) &&
                search->options->suite_case->links[i].carrier != SUITE_CARRIER_NETEM)
                limit_way(search, i, way);
}

/* -- The search -------------------------------------------------------------------------------- */

static int begin(struct search *search)
{
    struct shrink_settings all;

    shrink_settings_of(search->options->suite_case, &all);
    shrink_settings_copy(&all, &search->shrunk->settings);
    search->shrunk->fails = try(search, &all, "as it is");
    if (search->shrunk->fails || search->code < 0)
        return search->code;
    if (search->outcome.unknown)
        return -EIO;
    return error_set(search->error, EINVAL,
                     "the case does not fail as it is, so there is nothing to shrink: with another "
                     "seed it may (--seed; results.json has that of a run that failed)");
}

int shrink(const struct shrink_options *options, struct shrunk *shrunk, struct error *error)
{
    size_t count = options->suite_case->link_count;
    struct search search = {.options = options,
                            .shrunk = shrunk,
                            .latest.lost = xcalloc(count, sizeof *search.latest.lost),
                            .outcome.lost = xcalloc(count, sizeof *search.outcome.lost),
                            .error = error};
    int code;

    *shrunk = (struct shrunk){0};
    code = begin(&search);
    if (code == 0)
        shrunk->fails_without = drop_all(&search);
    if (code == 0 && !shrunk->fails_without) {
        drop_changes(&search);
        drop_units(&search, true);
        drop_units(&search, false);
        lessen_values(&search);
        limit_losses(&search);
    }
    shrunk->complete = code == 0 && goes_on(&search);
    for (size_t i = 0; i < search.tried_count; i++)
        free(search.tried[i].text);
    free(search.tried);
    free(search.latest.lost);
    free(search.outcome.lost);
    return code == 0 ? search.code : code;
}

void shrunk_free(struct shrunk *shrunk)
{
    shrink_settings_free(&shrunk->settings);
}
