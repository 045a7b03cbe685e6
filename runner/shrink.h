/* The smallest impairment with which a case still fails, by trying lesser ones.
 *
 * First whole settings are dropped, one after another and in either direction alone; then values
 * are lessened by bisection; then, of the packets that the loss model takes, all but the first so
 * many are let through (`loss.limit`). Who runs the case is the caller's business. */
#ifndef DUET_RUNNER_SHRINK_H
#define DUET_RUNNER_SHRINK_H

#include "base/units.h"
#include "runner/suite.h"

/* One setting, as net/impair_field.h has its name and text. */
struct shrink_setting {
    size_t link;
    unsigned ways; /* bits: the directions it holds for; none of them: it was dropped */
    char *name, *text;
};

/* All that a case asks of its links. */
struct shrink_settings {
    struct shrink_setting *items;
    size_t count;
    bool *changes; /* of each link: whether its `changes` are kept */
    size_t link_count;
};

/* What a run of the case came to. */
struct shrink_outcome {
    bool fails;
    bool unknown; /* that says nothing: duet could not run it, or its network was not as asked */
    uint64_t (*lost)[2]; /* packets that the loss model took: of each link, in each direction */
};

struct shrink_options {
    const struct suite_case *suite_case;
    size_t runs; /* at most */
    /* Runs the case with other settings on its links, in their order. `what` says what is tried.
     * Of a run whose outcome is `unknown`, `error` is the reason; it is made once more. A negative
     * errno ends the search. `outcome->lost` has room. */
    int (*attempt)(void *context, const struct suite_link *links, const char *what,
                   struct shrink_outcome *outcome, struct error *error);
    void *context;
};

struct shrunk {
    struct shrink_settings settings; /* the least that failed */
    size_t runs;                     /* that it took */
    bool fails;                      /* there is such: also where an error has ended the search */
    bool complete;                   /* all that was to be tried was */
    bool fails_without;              /* it fails with no impairment at all */
};

/* The caller frees *shrunk with shrunk_free in any case. EINVAL: the case does not fail as it is;
 * EIO: what runs come to is not to be found out, of the case as it is or, after some attempts, of
 * the least that failed; what `attempt` returns. */
int shrink(const struct shrink_options *options, struct shrunk *shrunk, struct error *error);
void shrunk_free(struct shrunk *shrunk);

/* Appends it in a line: "link a-b: loss 12%, a to b: delay 5ms". */
void shrink_describe(const struct shrink_settings *settings, const struct suite_case *suite_case,
                     struct buffer *out);
/* Appends a scenario that is the case of the suite at `path`, with these settings and that seed. */
void shrink_write(const struct shrink_settings *settings, const struct suite *suite,
                  const struct suite_case *suite_case, const char *path, uint64_t seed,
                  struct buffer *out);

/* -- Of shrink_settings.c, for shrink.c -------------------------------------------------------- */

/* What the case asks for. */
void shrink_settings_of(const struct suite_case *suite_case, struct shrink_settings *settings);
void shrink_settings_copy(const struct shrink_settings *from, struct shrink_settings *to);
void shrink_settings_free(struct shrink_settings *settings);
/* Whether the two settings come and go together: the same rule's, or that of one head. */
bool shrink_is_one_unit(const struct shrink_setting *a, const struct shrink_setting *b);
/* Gives `text` to a setting of one direction or both; one that is not there is added. */
void shrink_settings_set(struct shrink_settings *settings, size_t link, unsigned ways,
                         const char *name, const char *text);

/* Links as the case's, but with these settings; the rest is the case's own. */
struct shrink_links {
    struct suite_link *items;
    struct impair_config *configs; /* two of each */
    size_t count;
};
/* The caller frees *links with shrink_links_free in any case. An error says that these settings do
 * not go together. */
int shrink_links_make(const struct shrink_settings *settings, const struct suite_case *suite_case,
                      struct shrink_links *links, struct error *error);
/* Appends all that they ask for: equal texts are equal links. */
void shrink_links_text(const struct shrink_links *links, struct buffer *out);
void shrink_links_free(struct shrink_links *links);

/* -- Of shrink_number.c, likewise -------------------------------------------------------------- */

enum shrink_number_kind { SHRINK_TIME, SHRINK_SHARE, SHRINK_RATE, SHRINK_BYTES };

struct shrink_number {
    const char *name; /* of the setting; NULL behind the last one */
    enum shrink_number_kind kind;
    bool up; /* a larger number does less */
};
extern const struct shrink_number shrink_numbers[];

/* False: it is no number of that kind. */
bool shrink_number_read(enum shrink_number_kind kind, const char *text, uint64_t *number);
/* Returns `text`. */
const char *shrink_number_write(enum shrink_number_kind kind, uint64_t number,
                                char text[static UNITS_TEXT_MAX]);
/* Down to two digits that are not 0, as people write numbers. */
uint64_t shrink_number_round(uint64_t number);

#endif
