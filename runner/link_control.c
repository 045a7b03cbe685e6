/* Theory of operation
 *
 * A question of a link that duet carries is answered at once, and told by a timer. One of a link
 * that guests carry is sent to each init that has a part in it, and told when all have answered.
 *
 * A guest says of its settings only how many of the link's planned changes it has made. Together
 * with the order of its answers that is all there is to know: settings change by these, each of
 * which has complete ones, and by the rounds that are sent from here. So each answer brings what is
 * known of the guest's settings to where the guest was when it gave it. */
#include "runner/link_control.h"

#include "base/memory.h"
#include "vm/carrier.h"
#include "vm/control.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* A guest's part in a question: some directions. */
struct part {
    struct question *question;
    unsigned directions; /* bits */
};

/* Something that was asked. */
struct question {
    struct question *next;
    struct link_control *control;
    size_t link;
    bool is_change;
    link_changed_fn changed; /* of a change; or … */
    link_told_fn told;       /* … this. NULL: nobody waits any more */
    void *context;
    struct impair_round rounds[2]; /* of a change; they own their texts */
    struct part parts[2];          /* of the inits at the link's ends */
    unsigned open;                 /* of these, how many have not answered */
    struct timer *deadline;
    bool is_done;
    uint64_t numbers[2];
    struct link_state state;
    struct error error; /* code 0: there is none */
};

/* What guests have in force. */
struct shadow {
    struct impair_config configs[2];
    uint64_t steps[2]; /* planned changes that are in there */
};

struct link_control {
    struct link_control_options options;
    struct shadow *shadows;     /* as the case's links */
    struct question *questions; /* the oldest first */
    struct timer *tell;
};

static const struct suite_link *spec_of(const struct link_control *control, size_t link)
{
    return &control->options.suite_case->links[link];
}

/* -- Answers ----------------------------------------------------------------------------------- */

static void round_free(struct impair_round *round)
{
    struct impair_named *items = (struct impair_named *)round->items;

    for (size_t i = 0; i < round->count; i++) {
        free((void *)items[i].name);
        free((void *)items[i].text);
    }
    free(items);
    *round = (struct impair_round){0};
}

static void question_free(struct question *question)
{
    timer_free(question->deadline);
    for (unsigned i = 0; i < 2; i++) {
        round_free(&question->rounds[i]);
        impair_config_free(&question->state.directions[i].impair);
        way_result_free(&question->state.directions[i].counters);
    }
    free(question);
}

/* Once. */
static void tell(struct question *question, const struct error *error)
{
    link_changed_fn changed = steal_pointer(&question->changed);
    link_told_fn told = steal_pointer(&question->told);

    if (changed)
        changed(question->context, question->numbers, error);
    else if (told)
        told(question->context, error ? NULL : &question->state, error);
}

/* Nobody waits any more, but what the guest may still do has to be known. */
static void on_deadline(void *context)
{
    struct question *question = context;
    struct error error;

    error_set(&error, ETIMEDOUT, "link %s: its guest does not answer%s",
              spec_of(question->control, question->link)->name,
              question->is_change ? ", and may yet make the change" : "");
    tell(question, &error);
}

/* The first that is done, taken out. */
static struct question *take_done(struct link_control *control)
{
    struct question **at = &control->questions;
    struct question *found;

    while (*at && !(*at)->is_done)
        at = &(*at)->next;
    found = *at;
    if (found)
        *at = found->next;
    return found;
}

static void on_tell(void *context)
{
    struct link_control *control = context;
    struct question *question;

    while ((question = take_done(control))) {
        tell(question, question->error.code ? &question->error : NULL);
        question_free(question);
    }
}

static void done(struct question *question)
{
    if (question->error.code)
        error_context(&question->error, "link %s",
                      spec_of(question->control, question->link)->name);
    question->is_done = true;
    timer_stop(question->deadline);
    timer_start(question->control->tell, 0);
}

void link_control_forget(struct link_control *control, const void *context)
{
    for (struct question *question = control->questions; question; question = question->next)
        if (question->context == context) {
            question->changed = NULL;
            question->told = NULL;
        }
}

/* -- Links that duet carries ------------------------------------------------------------------- */

static void ask_carrier(struct question *question)
{
    const struct case_links *links = question->control->options.links;
    struct carrier *carrier = case_links_carrier(links, question->link);
    struct link_state *state = &question->state;

    if (!carrier) {
        error_set(&question->error, ESHUTDOWN, "its case has ended");
    } else if (question->is_change) {
        carrier_change(carrier, question->rounds, question->numbers, &question->error);
    } else {
        state->carried = true;
        for (unsigned i = 0; i < 2; i++) {
            impair_config_copy(&state->directions[i].impair, carrier_settings(carrier, i));
            case_links_count(links, question->link, i, &state->directions[i].counters);
        }
    }
    done(question);
}

/* -- Links that guests carry ------------------------------------------------------------------- */

/* The planned changes that the guest has made since. */
static void follow_steps(struct shadow *shadow, const struct impair_plan *plan, unsigned direction,
                         uint64_t steps)
{
    for (; shadow->steps[direction] < steps; shadow->steps[direction]++) {
        const struct impair_settings *settings =
            plan->steps[shadow->steps[direction]].settings[direction];

        if (settings)
            impair_config_copy(&shadow->configs[direction], settings);
    }
}

static int follow_change(struct question *question, struct shadow *shadow, unsigned direction)
{
    const struct suite_link *spec = spec_of(question->control, question->link);
    const struct impair_round *round = &question->rounds[direction];
    struct impair_config next = {0};
    int code;

    if (round->count == 0)
        return 0;
    code =
        impair_round_make(&shadow->configs[direction], round, spec->mtu, &next, &question->error);
    if (code < 0)
        return error_context(&question->error, "its guest has made the change, which cannot be");
    impair_config_free(&shadow->configs[direction]);
    shadow->configs[direction] = next;
    return 0;
}

static void take_direction(struct question *question, unsigned direction,
                           const struct control_answer *answer)
{
    struct shadow *shadow = &question->control->shadows[question->link];
    const struct impair_plan *plan = &spec_of(question->control, question->link)->changes;
    struct link_direction *found = &question->state.directions[direction];

    if (answer->steps > plan->count) {
        error_set(&question->error, EREMOTEIO,
                  "its guest has made %" PRIu64 " planned changes, where there are %zu",
                  answer->steps, plan->count);
        return;
    }
    follow_steps(shadow, plan, direction, answer->steps);
    if (follow_change(question, shadow, direction) < 0)
        return;
    question->numbers[direction] = answer->ways[direction].next;
    if (question->is_change && question->rounds[direction].count > 0)
        case_links_changed(question->control->options.links, question->link, direction,
                           answer->ways[direction].next, &shadow->configs[direction].settings);
    impair_config_copy(&found->impair, &shadow->configs[direction].settings);
    case_links_count_guest(&answer->ways[direction], &found->counters);
}

static void on_answer(void *context, const struct control_answer *answer)
{
    const struct part *part = context;
    struct question *question = part->question;

    if (answer->code < 0 && !question->error.code)
        error_set(&question->error, EREMOTEIO, "%s", answer->reason);
    for (unsigned i = 0; i < 2 && answer->code == 0; i++)
        if (part->directions >> i & 1)
            take_direction(question, i, answer);
    if (--question->open == 0)
        done(question);
}

static void add_round(cJSON *list, const struct impair_round *round)
{
    cJSON *object = xchecked(round->count ? cJSON_CreateObject() : cJSON_CreateNull());

    cJSON_AddItemToArray(list, object);
    for (size_t i = 0; i < round->count; i++)
        cJSON_AddStringToObject(object, round->items[i].name, round->items[i].text);
}

/* The fields of the request. The caller frees it. */
static char *describe(const struct question *question, unsigned end, unsigned directions)
{
    const struct suite_link *spec = spec_of(question->control, question->link);
    const struct impair_round none = {0};
    cleanup_free char *interface = control_escape(spec->ends[end].interface);
    cleanup_free char *rounds = NULL;
    cJSON *list;

    if (!question->is_change)
        return xasprintf("\"interface\":%s", interface);
    list = xchecked(cJSON_CreateArray());
    for (unsigned i = 0; i < 2; i++)
        add_round(list, directions >> i & 1 ? &question->rounds[i] : &none);
    rounds = xchecked(cJSON_PrintUnformatted(list));
    cJSON_Delete(list);
    return xasprintf("\"interface\":%s,\"impair\":%s", interface, rounds);
}

/* Asks the init at `end` for its part. */
static void ask_guest(struct question *question, unsigned end, unsigned directions)
{
    size_t index = spec_of(question->control, question->link)->ends[end].node;
    struct node *node = question->control->options.nodes[index];
    struct control *control = node ? node_control(node) : NULL;
    cleanup_free char *fields = describe(question, end, directions);
    struct part *part = &question->parts[end];

    *part = (struct part){question, directions};
    if (!control)
        error_set(&question->error, EREMOTEIO, "%s, whose init carries it, does not serve%s",
                  question->control->options.suite_case->nodes[index].name,
                  node && node_state(node) == NODE_GONE ? " any more" : "");
    else if (control_request(control, question->is_change ? WIRE_SETLINK : WIRE_LINKSTATE, fields,
                             0, on_answer, part, &question->error) == 0)
        question->open++;
}

/* Whether that direction is part of what is asked. */
static bool is_asked(const struct question *question, unsigned direction)
{
    return !question->is_change || question->rounds[direction].count > 0;
}

/* One init carries both directions; of netem, each those packets that it sends itself. */
static void ask_guests(struct question *question, uint64_t deadline_ns)
{
    const struct suite_link *spec = spec_of(question->control, question->link);

    question->state.carried = true;
    if (deadline_ns > 0)
        timer_start(question->deadline, deadline_ns);
    if (spec->carrier == SUITE_CARRIER_GUEST)
        ask_guest(question, spec->carrier_end, 3);
    for (unsigned i = 0; i < 2 && spec->carrier == SUITE_CARRIER_NETEM; i++)
        if (is_asked(question, i) && !question->error.code)
            ask_guest(question, i, 1u << i);
    if (question->open == 0)
        done(question);
}

/* -- Questions --------------------------------------------------------------------------------- */

static void ask_nobody(struct question *question)
{
    if (question->is_change)
        error_set(&question->error, ENOTSUP,
                  "its machines are joined directly, and what they send cannot be impaired: write "
                  "`impair: {}` or `carrier: guest` on the link in the scenario, and bring the "
                  "case up anew");
    done(question);
}

static void ask(struct link_control *control, struct question *question, uint64_t deadline_ns)
{
    struct question **at = &control->questions;

    while (*at)
        at = &(*at)->next;
    *at = question;
    question->control = control;
    question->deadline = loop_timer(control->options.loop, on_deadline, question);
    switch (spec_of(control, question->link)->carrier) {
    case SUITE_CARRIER_DIRECT:
        ask_nobody(question);
        break;
    case SUITE_CARRIER_HOST:
        ask_carrier(question);
        break;
    case SUITE_CARRIER_GUEST:
    case SUITE_CARRIER_NETEM:
        ask_guests(question, deadline_ns);
        break;
    }
}

static struct impair_round round_copy(const struct impair_round *round)
{
    struct impair_named *items = xcalloc(round->count + 1, sizeof *items);

    for (size_t i = 0; i < round->count; i++)
        items[i] =
            (struct impair_named){xstrdup(round->items[i].name), xstrdup(round->items[i].text)};
    return (struct impair_round){items, round->count};
}

void link_control_change(struct link_control *control, const struct link_change *change,
                         link_changed_fn changed, void *context)
{
    struct question *question = xcalloc(1, sizeof *question);

    question->link = change->link;
    question->is_change = true;
    question->changed = changed;
    question->context = context;
    for (unsigned i = 0; i < 2; i++)
        question->rounds[i] = round_copy(&change->rounds[i]);
    ask(control, question, change->deadline_ns);
}

void link_control_ask(struct link_control *control, size_t link, uint64_t deadline_ns,
                      link_told_fn told, void *context)
{
    struct question *question = xcalloc(1, sizeof *question);

    question->link = link;
    question->told = told;
    question->context = context;
    ask(control, question, deadline_ns);
}

const char *link_state_name(const struct link_state *state)
{
    bool down[2] = {state->directions[0].impair.settings.down,
                    state->directions[1].impair.settings.down};

    if (down[0] && down[1])
        return "down";
    return down[0] || down[1] ? "one way" : "up";
}

/* -- Life -------------------------------------------------------------------------------------- */

struct link_control *link_control_new(const struct link_control_options *options)
{
    const struct suite_case *suite_case = options->suite_case;
    struct link_control *control = xcalloc(1, sizeof *control);

    control->options = *options;
    control->tell = loop_timer(options->loop, on_tell, control);
    control->shadows = xcalloc(suite_case->link_count + 1, sizeof *control->shadows);
    for (size_t i = 0; i < suite_case->link_count; i++)
        for (unsigned way = 0; way < 2; way++)
            impair_config_copy(&control->shadows[i].configs[way],
                               &suite_case->links[i].impair[way]);
    return control;
}

void link_control_free(struct link_control *control)
{
    if (!control)
        return;
    while (control->questions) {
        struct question *next = control->questions->next;

        question_free(control->questions);
        control->questions = next;
    }
    for (size_t i = 0; i < control->options.suite_case->link_count; i++)
        for (unsigned way = 0; way < 2; way++)
            impair_config_free(&control->shadows[i].configs[way]);
    free(control->shadows);
    timer_free(control->tell);
    free(control);
}
