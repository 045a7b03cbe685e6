#include "net/neighbour.h"

#include "base/memory.h"
#include "net/random.h"

enum { END = UINT32_MAX };

static uint64_t later(uint64_t from_ns, uint64_t by_ns)
{
    uint64_t sum;

    return __builtin_add_overflow(from_ns, by_ns, &sum) ? NEIGHBOUR_NEVER : sum;
}

/* -- The table --------------------------------------------------------------------------------- */

void neighbours_init(struct neighbours *neighbours, uint32_t count)
{
    uint32_t chains = 1;

    if (count == 0)
        count = NEIGHBOURS_DEFAULT;
    while (chains < count)
        chains *= 2;
    *neighbours = (struct neighbours){.items = xcalloc(count, sizeof(struct neighbour)),
                                      .chains = xcalloc(chains, sizeof(uint32_t)),
                                      .count = count,
                                      .mask = chains - 1,
                                      .next_ns = NEIGHBOUR_NEVER};
    memset(neighbours->chains, 0xff, chains * sizeof(uint32_t));
    for (uint32_t i = 0; i < count; i++)
        neighbours->items[i].next = i + 1 < count ? i + 1 : END;
}

void neighbours_free(struct neighbours *neighbours)
{
    free(neighbours->items);
    free(neighbours->chains);
    *neighbours = (struct neighbours){0};
}

static size_t bytes_of(enum packet_network network)
{
    return network == PACKET_NETWORK_IPV6 ? 16 : 4;
}

static uint32_t *chain_of(const struct neighbours *neighbours, uint16_t nic,
                          enum packet_network network, const uint8_t *address)
{
    uint64_t words[2] = {0};

    memcpy(words, address, bytes_of(network));
    words[1] ^= nic;
    return &neighbours->chains[random_mix(words[0] ^ random_mix(words[1])) & neighbours->mask];
}

static bool is_that(const struct neighbour *neighbour, uint16_t nic, enum packet_network network,
                    const uint8_t *address)
{
    return neighbour->nic == nic && neighbour->network == network &&
           memcmp(neighbour->address, address, bytes_of(network)) == 0;
}

struct neighbour *neighbour_find(struct neighbours *neighbours, uint16_t nic,
                                 enum packet_network network, const uint8_t *address)
{
    uint32_t at = *chain_of(neighbours, nic, network, address);

    while (at != END && !is_that(&neighbours->items[at], nic, network, address))
        at = neighbours->items[at].next;
    return at == END ? NULL : &neighbours->items[at];
}

static void unlink_from_chain(struct neighbours *neighbours, uint32_t index)
{
    const struct neighbour *neighbour = &neighbours->items[index];
    uint32_t *at = chain_of(neighbours, neighbour->nic, neighbour->network, neighbour->address);

    while (*at != index)
        at = &neighbours->items[*at].next;
    *at = neighbour->next;
}

static bool was_used_before(const struct neighbours *neighbours, uint32_t a, uint32_t b)
{
    return b == END || neighbours->items[a].used_ns < neighbours->items[b].used_ns;
}

/* Whom a new one may take the place of: one that nobody answered for, else one that is known and
 * was not used for longest, unless half of the table is asked for; or END. */
static uint32_t choose_place(const struct neighbours *neighbours)
{
    uint32_t failed = END, known = END, asked_for = 0;

    for (uint32_t i = 0; i < neighbours->count; i++) {
        uint8_t state = neighbours->items[i].state;

        asked_for += state == NEIGHBOUR_INCOMPLETE;
        if (state == NEIGHBOUR_FAILED && was_used_before(neighbours, i, failed))
            failed = i;
        if (state >= NEIGHBOUR_REACHABLE && was_used_before(neighbours, i, known))
            known = i;
    }
    if (failed != END)
        return failed;
    return asked_for < neighbours->count / 2 ? known : END;
}

/* A place that is in no chain, or END. */
static uint32_t take_place(struct neighbours *neighbours)
{
    uint32_t place = neighbours->free;

    if (place != END) {
        neighbours->free = neighbours->items[place].next;
        return place;
    }
    place = choose_place(neighbours);
    if (place != END)
        unlink_from_chain(neighbours, place);
    return place;
}

struct neighbour *neighbour_add(struct neighbours *neighbours, uint16_t nic,
                                enum packet_network network, const uint8_t *address,
                                uint64_t now_ns)
{
    uint32_t *chain = chain_of(neighbours, nic, network, address);
    uint32_t index = take_place(neighbours);
    struct neighbour *neighbour;

    if (index == END)
        return NULL;
    neighbour = &neighbours->items[index];
    *neighbour = (struct neighbour){.network = (uint8_t)network,
                                    .state = NEIGHBOUR_FAILED,
                                    .nic = nic,
                                    .next = *chain,
                                    .deadline_ns = now_ns,
                                    .used_ns = now_ns};
    memcpy(neighbour->address, address, bytes_of(network));
    *chain = index;
    return neighbour;
}

/* -- States ------------------------------------------------------------------------------------ */

/* Into a state that ends after that time; neighbours_tick sees to those in which somebody is to be
 * asked. */
static void enter(struct neighbours *neighbours, struct neighbour *neighbour,
                  enum neighbour_state state, uint64_t deadline_ns)
{
    if (state == NEIGHBOUR_REACHABLE || state == NEIGHBOUR_STALE)
        neighbour->asked = 0;
    neighbour->state = (uint8_t)state;
    neighbour->deadline_ns = deadline_ns;
    if ((state == NEIGHBOUR_INCOMPLETE || state == NEIGHBOUR_DELAY || state == NEIGHBOUR_PROBE) &&
        deadline_ns < neighbours->next_ns)
        neighbours->next_ns = deadline_ns;
}

enum neighbour_use neighbour_use(struct neighbours *neighbours, struct neighbour *neighbour,
                                 uint64_t now_ns)
{
    neighbour->used_ns = now_ns;
    switch (neighbour->state) {
    case NEIGHBOUR_INCOMPLETE:
        return NEIGHBOUR_WAIT;
    case NEIGHBOUR_FAILED:
        if (now_ns < neighbour->deadline_ns)
            return NEIGHBOUR_UNREACHABLE;
        neighbour->asked = 1;
        enter(neighbours, neighbour, NEIGHBOUR_INCOMPLETE, later(now_ns, NEIGHBOUR_RETRANS_NS));
        return NEIGHBOUR_ASK;
    case NEIGHBOUR_REACHABLE:
        if (now_ns < neighbour->deadline_ns)
            return NEIGHBOUR_SEND;
        /* fall through */
    case NEIGHBOUR_STALE:
        enter(neighbours, neighbour, NEIGHBOUR_DELAY, later(now_ns, NEIGHBOUR_DELAY_NS));
        return NEIGHBOUR_SEND;
    default:
        return NEIGHBOUR_SEND;
    }
}

static bool has_mac(const struct neighbour *neighbour)
{
    return neighbour->state >= NEIGHBOUR_REACHABLE;
}

/* RFC 4861, 7.2.5. */
void neighbour_hear(struct neighbours *neighbours, struct neighbour *neighbour,
                    const struct neighbour_news *news, uint64_t now_ns)
{
    bool was_known = has_mac(neighbour);
    bool is_new = !was_known || memcmp(neighbour->mac, news->mac, sizeof neighbour->mac) != 0;

    if (was_known && is_new && !news->override) {
        if (neighbour->state == NEIGHBOUR_REACHABLE)
            enter(neighbours, neighbour, NEIGHBOUR_STALE, NEIGHBOUR_NEVER);
        return;
    }
    memcpy(neighbour->mac, news->mac, sizeof neighbour->mac);
    if (news->solicited)
        enter(neighbours, neighbour, NEIGHBOUR_REACHABLE, later(now_ns, NEIGHBOUR_REACHABLE_NS));
    else if (is_new)
        enter(neighbours, neighbour, NEIGHBOUR_STALE, NEIGHBOUR_NEVER);
}

/* -- Time -------------------------------------------------------------------------------------- */

static void ask_again(struct neighbours *neighbours, struct neighbour *neighbour, uint64_t now_ns,
                      enum neighbour_want *wanted)
{
    bool is_known = has_mac(neighbour);

    if (neighbour->asked >= NEIGHBOUR_SOLICITS) {
        enter(neighbours, neighbour, NEIGHBOUR_FAILED, later(now_ns, NEIGHBOUR_RETRANS_NS));
        *wanted = NEIGHBOUR_GIVE_UP;
        return;
    }
    neighbour->asked++;
    enter(neighbours, neighbour, is_known ? NEIGHBOUR_PROBE : NEIGHBOUR_INCOMPLETE,
          later(now_ns, NEIGHBOUR_RETRANS_NS));
    *wanted = is_known ? NEIGHBOUR_ASK_IT : NEIGHBOUR_ASK_ALL;
}

static bool has_deadline(const struct neighbour *neighbour)
{
    return neighbour->state == NEIGHBOUR_INCOMPLETE || neighbour->state == NEIGHBOUR_DELAY ||
           neighbour->state == NEIGHBOUR_PROBE;
}

void neighbours_tick(struct neighbours *neighbours, uint64_t now_ns,
                     void (*want)(void *context, struct neighbour *neighbour,
                                  enum neighbour_want want),
                     void *context)
{
    if (now_ns < neighbours->next_ns)
        return;
    neighbours->next_ns = NEIGHBOUR_NEVER;
    for (uint32_t i = 0; i < neighbours->count; i++) {
        struct neighbour *neighbour = &neighbours->items[i];
        enum neighbour_want wanted;

        if (!has_deadline(neighbour))
            continue;
        if (neighbour->deadline_ns <= now_ns) {
            ask_again(neighbours, neighbour, now_ns, &wanted);
            want(context, neighbour, wanted);
        } else if (neighbour->deadline_ns < neighbours->next_ns) {
            neighbours->next_ns = neighbour->deadline_ns;
        }
    }
}

uint64_t neighbours_next_ns(const struct neighbours *neighbours)
{
    return neighbours->next_ns;
}
