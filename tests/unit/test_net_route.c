/* Routes by longest prefix: chosen tables, and random ones against a list that is searched whole.
 */
#include "net/route.h"

#include "tests/unit/net_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct route_prefix prefix_of(const char *text)
{
    struct route_prefix prefix = {.network = strchr(text, ':') ? PACKET_NETWORK_IPV6
                                                               : PACKET_NETWORK_IPV4};
    char address[64];
    int length;

    assert_int_equal(sscanf(text, "%63[^/]/%d", address, &length), 2);
    assert_int_equal(inet_pton(prefix.network == PACKET_NETWORK_IPV6 ? AF_INET6 : AF_INET, address,
                               prefix.address),
                     1);
    prefix.length = (uint8_t)length;
    return prefix;
}

static uint32_t look(const struct route_table *table, const char *text)
{
    char with_length[64];
    struct route_prefix prefix;

    snprintf(with_length, sizeof with_length, "%s/0", text);
    prefix = prefix_of(with_length);
    return route_lookup(table, prefix.network, prefix.address);
}

static int insert(struct route_table *table, const char *text, uint32_t target, struct error *error)
{
    struct route_prefix prefix = prefix_of(text);

    return route_insert(table, &prefix, target, error);
}

static void an_empty_table_leads_nowhere(void **state)
{
    struct route_table table;
    struct route_prefix prefix = prefix_of("10.0.0.0/8");
    struct error error = {0};
    (void)state;

    route_table_init(&table);
    assert_int_equal(look(&table, "10.0.0.1"), ROUTE_NONE);
    assert_int_equal(look(&table, "fd00::1"), ROUTE_NONE);
    assert_int_equal(route_remove(&table, &prefix, &error), -ENOENT);
    route_table_free(&table);
}

static void the_longest_prefix_wins(void **state)
{
    static const char *const prefixes[] = {
        "0.0.0.0/0",   "10.0.0.0/8",  "10.0.0.0/16", "10.0.0.0/24",   "10.0.0.0/32",
        "10.1.0.0/16", "10.1.2.0/23", "::/0",        "fd00::/8",      "fd00::/64",
        "fd00::1/128", "fd00:1::/33", "fe80::/10",   "10.0.0.128/25",
    };
    struct route_table table;
    struct error error = {0};
    (void)state;

    route_table_init(&table);
    for (size_t i = 0; i < array_size(prefixes); i++)
        assert_int_equal(insert(&table, prefixes[i], (uint32_t)i, &error), 0);
    assert_int_equal(look(&table, "11.0.0.1"), 0);
    assert_int_equal(look(&table, "10.200.0.1"), 1);
    assert_int_equal(look(&table, "10.0.200.1"), 2);
    assert_int_equal(look(&table, "10.0.0.1"), 3);
    assert_int_equal(look(&table, "10.0.0.0"), 4);
    assert_int_equal(look(&table, "10.0.0.129"), 13);
    assert_int_equal(look(&table, "10.1.4.0"), 5);
    assert_int_equal(look(&table, "10.1.3.255"), 6);
    assert_int_equal(look(&table, "2001:db8::1"), 7);
    assert_int_equal(look(&table, "fd01::"), 8);
    assert_int_equal(look(&table, "fd00::2"), 9);
    assert_int_equal(look(&table, "fd00::1"), 10);
    assert_int_equal(look(&table, "fd00:1:7fff::"), 11);
    assert_int_equal(look(&table, "fd00:1:8000::"), 8);
    assert_int_equal(look(&table, "febf::1"), 12);
    route_table_free(&table);
}

static void mistakes_are_errors_that_name_the_route(void **state)
{
    struct route_table table;
    struct route_prefix prefix = prefix_of("10.0.0.0/8");
    struct error error = {0};
    (void)state;

    route_table_init(&table);
    assert_int_equal(route_insert(&table, &prefix, 1, &error), 0);
    assert_int_equal(route_insert(&table, &prefix, 2, &error), -EEXIST);
    assert_non_null(strstr(error.message, "10.0.0.0/8"));
    assert_int_equal(look(&table, "10.0.0.1"), 1);
    assert_int_equal(insert(&table, "10.0.0.1/8", 1, &error), -EINVAL);
    assert_int_equal(insert(&table, "10.0.0.0/33", 1, &error), -EINVAL);
    assert_int_equal(insert(&table, "fd00::/129", 1, &error), -EINVAL);
    assert_int_equal(insert(&table, "11.0.0.0/8", ROUTE_NONE, &error), -EINVAL);
    prefix.network = PACKET_NETWORK_ARP;
    assert_int_equal(route_insert(&table, &prefix, 1, &error), -EINVAL);
    prefix = prefix_of("10.0.0.0/9");
    assert_int_equal(route_remove(&table, &prefix, &error), -ENOENT);
    assert_non_null(strstr(error.message, "10.0.0.0/9"));
    route_table_free(&table);
}

/* -- Against a list ---------------------------------------------------------------------------- */

enum { LIST_MAX = 400 };

struct list {
    struct route_prefix prefixes[LIST_MAX];
    uint32_t targets[LIST_MAX];
    size_t count;
};

static bool covers(const struct route_prefix *prefix, const uint8_t *address)
{
    for (unsigned int bit = 0; bit < prefix->length; bit++)
        if ((prefix->address[bit / 8] ^ address[bit / 8]) & 0x80 >> bit % 8)
            return false;
    return true;
}

static uint32_t list_lookup(const struct list *list, enum packet_network network,
                            const uint8_t *address)
{
    size_t best = LIST_MAX;

    for (size_t i = 0; i < list->count; i++)
        if (list->prefixes[i].network == network && covers(&list->prefixes[i], address) &&
            (best == LIST_MAX || list->prefixes[i].length > list->prefixes[best].length))
            best = i;
    return best == LIST_MAX ? ROUTE_NONE : list->targets[best];
}

static bool list_has(const struct list *list, const struct route_prefix *prefix)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->prefixes[i].network == prefix->network &&
            list->prefixes[i].length == prefix->length &&
            memcmp(list->prefixes[i].address, prefix->address, sizeof prefix->address) == 0)
            return true;
    return false;
}

/* Few different bytes, so that prefixes nest, share parts and come back. */
static void random_address(uint64_t *random, uint8_t address[static PACKET_ADDRESS_MAX])
{
    static const uint8_t bytes[] = {0, 1, 0x0f, 0x10, 0x80, 0xff};

    for (size_t i = 0; i < PACKET_ADDRESS_MAX; i++)
        address[i] = fixture_below(random, 8) == 0 ? (uint8_t)fixture_random(random)
                                                   : bytes[fixture_below(random, i < 3 ? 2 : 6)];
}

static struct route_prefix random_prefix(uint64_t *random)
{
    struct route_prefix prefix;
    unsigned int bits;

    prefix.network = fixture_below(random, 2) ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6;
    bits = prefix.network == PACKET_NETWORK_IPV4 ? 32 : 128;
    prefix.length = (uint8_t)fixture_below(random, bits + 1);
    random_address(random, prefix.address);
    for (unsigned int bit = prefix.length; bit < PACKET_ADDRESS_MAX * 8; bit++)
        prefix.address[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    return prefix;
}

static void change_both(struct route_table *table, struct list *list, uint64_t *random)
{
    struct route_prefix prefix = random_prefix(random);
    bool shrinks = list->count == LIST_MAX || fixture_below(random, 5) < 2;
    size_t victim = fixture_below(random, list->count + 1);
    uint32_t target = (uint32_t)fixture_random(random) >> 1;
    struct error error = {0};

    if (shrinks && victim < list->count) {
        assert_int_equal(route_remove(table, &list->prefixes[victim], &error), 0);
        list->prefixes[victim] = list->prefixes[--list->count];
        list->targets[victim] = list->targets[list->count];
    } else if (list_has(list, &prefix)) {
        assert_int_equal(route_insert(table, &prefix, target, &error), -EEXIST);
    } else if (list->count < LIST_MAX) {
        assert_int_equal(route_insert(table, &prefix, target, &error), 0);
        list->prefixes[list->count] = prefix;
        list->targets[list->count++] = target;
    }
}

/* Addresses at random, and at the edges of what is there. */
static void compare_both(const struct route_table *table, const struct list *list, uint64_t *random)
{
    for (int i = 0; i < 8; i++) {
        enum packet_network network = i % 2 ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6;
        uint8_t address[PACKET_ADDRESS_MAX];

        random_address(random, address);
        if (i >= 4 && list->count > 0) {
            const struct route_prefix *near = &list->prefixes[fixture_below(random, list->count)];
            size_t bit = fixture_below(random, near->network == PACKET_NETWORK_IPV4 ? 32 : 128);

            network = near->network;
            memcpy(address, near->address, sizeof address);
            address[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
        }
        assert_int_equal(route_lookup(table, network, address),
                         list_lookup(list, network, address));
    }
}

static void any_changes_leave_what_a_list_would_say(void **state)
{
    struct list list = {.count = 0};
    struct route_table table;
    uint64_t random = 1;
    (void)state;

    route_table_init(&table);
    for (int i = 0; i < 30000; i++) {
        change_both(&table, &list, &random);
        compare_both(&table, &list, &random);
    }
    assert_true(list.count > LIST_MAX / 4);
    while (list.count > 0)
        assert_int_equal(route_remove(&table, &list.prefixes[--list.count], &(struct error){0}), 0);
    assert_int_equal(look(&table, "0.0.0.0"), ROUTE_NONE);
    assert_int_equal(look(&table, "::"), ROUTE_NONE);
    route_table_free(&table);
}

/* What was removed makes room for what is inserted. */
static void a_table_that_changes_for_ever_does_not_grow_for_ever(void **state)
{
    struct route_table table;
    struct error error = {0};
    uint64_t random = 2;
    (void)state;

    route_table_init(&table);
    for (int i = 0; i < 20000; i++) {
        struct route_prefix prefixes[4];
        int codes[4];

        for (size_t j = 0; j < 4; j++) {
            prefixes[j] = random_prefix(&random);
            codes[j] = route_insert(&table, &prefixes[j], 1, &error);
        }
        for (size_t j = 0; j < 4; j++)
            if (codes[j] == 0)
                assert_int_equal(route_remove(&table, &prefixes[j], &error), 0);
    }
    assert_in_range(table.ipv4.route_capacity, 1, 16);
    assert_in_range(table.ipv6.node_capacity, 1, 16);
    route_table_free(&table);
}

/* -- Vectors and size -------------------------------------------------------------------------- */

static void many_addresses_are_looked_up_as_each_is(void **state)
{
    enum { COUNT = 61 };
    static uint8_t bytes[COUNT][PACKET_ADDRESS_MAX];
    const uint8_t *addresses[COUNT];
    uint32_t targets[COUNT];
    struct route_table table;
    uint64_t random = 3;
    (void)state;

    route_table_init(&table);
    for (int i = 0; i < 200; i++) {
        enum packet_network network = i % 2 ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6;

        for (size_t j = 0; j < COUNT; j++) {
            random_address(&random, bytes[j]);
            addresses[j] = bytes[j];
        }
        route_lookup_all(&table, network, addresses, COUNT, targets);
        for (size_t j = 0; j < COUNT; j++)
            assert_int_equal(targets[j], route_lookup(&table, network, bytes[j]));
        if (i >= 2) {
            struct route_prefix prefix = random_prefix(&random);

            route_insert(&table, &prefix, (uint32_t)i, &(struct error){0});
        }
    }
    route_table_free(&table);
}

static void a_hundred_thousand_routes_take_few_levels(void **state)
{
    struct route_table table;
    struct error error = {0};
    uint64_t random = 4;
    (void)state;

    route_table_init(&table);
    for (uint32_t i = 0; i < 100000; i++) {
        struct route_prefix prefix = {.network = PACKET_NETWORK_IPV4, .length = 24};

        bytes_store32(prefix.address, (i * 2654435761u) << 8);
        assert_int_equal(route_insert(&table, &prefix, i, &error), 0);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t address[4];

        bytes_store32(address, (i * 2654435761u) << 8 | (uint32_t)fixture_below(&random, 256));
        assert_int_equal(route_lookup(&table, PACKET_NETWORK_IPV4, address), i);
    }
    /* A trie that branches by 16 has at most a node for each route that it tells apart. */
    assert_in_range(table.ipv4.node_count, 100000 / 15, 100000);
    route_table_free(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_leads_nowhere),
        cmocka_unit_test(the_longest_prefix_wins),
        cmocka_unit_test(mistakes_are_errors_that_name_the_route),
        cmocka_unit_test(any_changes_leave_what_a_list_would_say),
        cmocka_unit_test(a_table_that_changes_for_ever_does_not_grow_for_ever),
        cmocka_unit_test(many_addresses_are_looked_up_as_each_is),
        cmocka_unit_test(a_hundred_thousand_routes_take_few_levels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
