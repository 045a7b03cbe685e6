/* Verdict logs: what is written is read, a cut end costs the cut record alone, bad bytes are
 * refused, and two logs are compared by what may not differ. */
#include "net/verdict_text.h"

#include "tests/unit/net_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct verdict_log_header header = {
    .seed = UINT64_C(0xfedcba9876543210), .link = 3, .direction = 1, .base_ns = 5000000000};

static const struct packet_flow dns = {.source = {10, 0, 0, 1},
                                       .destination = {10, 0, 0, 2},
                                       .source_port = 40000,
                                       .destination_port = 53,
                                       .network = PACKET_NETWORK_IPV4,
                                       .protocol = IPPROTO_UDP};

/* A log in memory, as its writer makes it. */
struct written {
    struct verdict_log log;
    struct buffer bytes;
};

static void begin(struct written *written)
{
    uint8_t bytes[VERDICT_LOG_HEADER];

    memset(written, 0, sizeof *written);
    verdict_log_begin(&written->log, &header, bytes);
    buffer_append(&written->bytes, bytes, sizeof bytes);
}

static void put(struct written *written, const struct impair_verdict *verdict,
                const struct packet_flow *flow)
{
    uint8_t bytes[VERDICT_LOG_RECORD_MAX];
    size_t count = verdict_log_write(&written->log, verdict, flow, bytes);

    assert_in_range(count, 1, VERDICT_LOG_RECORD_MAX);
    buffer_append(&written->bytes, bytes, count);
}

static struct impair_verdict random_verdict(uint64_t *random, uint64_t number)
{
    bool odd = fixture_below(random, 20) == 0; /* anything at all */
    struct impair_verdict verdict = {
        .number = odd ? fixture_random(random) : number,
        .in_ns = odd ? fixture_random(random) : header.base_ns + number * 1000,
        .length = odd ? (uint32_t)fixture_random(random) : 1500,
        .why = fixture_below(random, 4) ? 0 : (uint32_t)fixture_random(random) & IMPAIR_WHY_ALL,
        .copy = (uint8_t)(fixture_below(random, 10) ? 0 : fixture_random(random)),
        .rule = (uint8_t)(fixture_below(random, 10) ? 0 : fixture_random(random)),
        .back = fixture_below(random, 10) == 0,
    };

    verdict.due_ns = odd ? fixture_random(random) : verdict.in_ns + fixture_below(random, 1u << 30);
    verdict.out_ns = odd ? fixture_random(random) : verdict.due_ns + fixture_below(random, 100000);
    return verdict;
}

static struct packet_flow random_flow(uint64_t *random)
{
    struct packet_flow flow = {0};
    size_t bytes;

    flow.network = fixture_below(random, 2) ? PACKET_NETWORK_IPV4 : PACKET_NETWORK_IPV6;
    bytes = flow.network == PACKET_NETWORK_IPV4 ? 4 : 16;
    flow.source[bytes - 1] = (uint8_t)fixture_below(random, 4);
    flow.destination[0] = (uint8_t)fixture_below(random, 4);
    flow.source_port = (uint16_t)fixture_below(random, 200);
    flow.protocol = (uint8_t)fixture_below(random, 256);
    return flow;
}

static void assert_verdict_equal(const struct impair_verdict *a, const struct impair_verdict *b)
{
    assert_true(a->number == b->number && a->copy == b->copy && a->in_ns == b->in_ns &&
                a->due_ns == b->due_ns && a->out_ns == b->out_ns && a->why == b->why &&
                a->length == b->length && a->rule == b->rule && a->back == b->back);
}

static void what_is_written_is_read(void **state)
{
    enum { RECORDS = 20000 };
    struct impair_verdict *verdicts = xcalloc(RECORDS, sizeof *verdicts);
    struct packet_flow *flows = xcalloc(RECORDS, sizeof *flows);
    struct verdict_reader reader;
    struct verdict_log_entry entry;
    struct written written;
    uint64_t random = 1;
    (void)state;

    begin(&written);
    for (size_t i = 0; i < RECORDS; i++) {
        verdicts[i] = random_verdict(&random, i);
        if (fixture_below(&random, 4))
            flows[i] = random_flow(&random);
        put(&written, &verdicts[i], flows[i].network ? &flows[i] : NULL);
    }
    assert_int_equal(verdict_log_open(&reader, written.bytes.data, written.bytes.length, NULL), 0);
    assert_memory_equal(&reader.header, &header, sizeof header);
    for (size_t i = 0; i < RECORDS; i++) {
        assert_int_equal(verdict_log_next(&reader, &entry, NULL), 1);
        assert_verdict_equal(&entry.verdict, &verdicts[i]);
        assert_int_equal(entry.has_flow, flows[i].network != 0);
        assert_true(packet_flow_equal(&entry.flow, &flows[i]));
    }
    assert_int_equal(verdict_log_next(&reader, &entry, NULL), 0);
    assert_false(reader.cut);
    assert_int_equal(reader.missing, 0);
    buffer_free(&written.bytes);
    free(verdicts);
    free(flows);
}

/* The bytes of the format, so that a reader of this version goes on reading them. */
static void a_log_has_the_bytes_of_the_format(void **state)
{
    static const uint8_t expected[] = {
        'd',  'u',  'e',  't',  'v',  'l',  'o',  'g',  2,    0,    48,   0,  1, 0, 0, 0,    0x10,
        0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 3,    0,    0,    0,    0,  0, 0, 0, 0x00, 0xf2,
        0x05, 0x2a, 1,    0,    0,    0,    0,    0,    0,    0,    0,    0,  0, 0, 1, 0,    2,
        17,   10,   0,    0,    1,    10,   0,    0,    2,    0x40, 0x9c, 53, 0, /* flow 0 */
        0x40, 2,    6,    0,    64,   0,                                         /* packet 0 */
        0x3c, 1,    1,    0,    0,    6,    64,   0x80, 0x80, 4,    2,  /* its copy, by rule 2 */
        0x13, 0,    0,    0,    42,   32,   0x03, 0,    0,    0,    42, /* upkeep 0, lost, and 1 */
        0x00, 0,    0,    0,    64,                                     /* packet 1 */
    };
    struct impair_verdict verdict = {.in_ns = header.base_ns + 1,
                                     .due_ns = header.base_ns + 4,
                                     .out_ns = header.base_ns + 4,
                                     .length = 64};
    struct written written;
    uint8_t *bytes;
    (void)state;

    begin(&written);
    put(&written, &verdict, &dns);
    verdict.copy = 1;
    verdict.why = IMPAIR_WHY(IMPAIR_COPY);
    verdict.rule = 2;
    verdict.due_ns = verdict.in_ns;
    verdict.out_ns = verdict.in_ns + 3;
    put(&written, &verdict, NULL);
    verdict = (struct impair_verdict){.in_ns = verdict.in_ns,
                                      .due_ns = verdict.in_ns,
                                      .out_ns = verdict.in_ns,
                                      .why = IMPAIR_WHY(IMPAIR_UPKEEP) | IMPAIR_WHY(IMPAIR_LOSS),
                                      .length = 42};
    put(&written, &verdict, NULL);
    verdict.number = 1;
    verdict.why = IMPAIR_WHY(IMPAIR_UPKEEP);
    put(&written, &verdict, NULL);
    verdict.why = 0;
    verdict.length = 64;
    put(&written, &verdict, NULL);
    bytes = (uint8_t *)written.bytes.data;
    /* Which number a flow gets is nobody's business. */
    assert_int_equal(bytes[VERDICT_LOG_HEADER + 1], bytes[VERDICT_LOG_HEADER + 21]);
    bytes[VERDICT_LOG_HEADER + 1] = bytes[VERDICT_LOG_HEADER + 21] = 0;
    assert_int_equal(written.bytes.length, sizeof expected);
    assert_memory_equal(bytes, expected, sizeof expected);
    buffer_free(&written.bytes);
}

static void a_cut_end_costs_the_cut_record_alone(void **state)
{
    struct verdict_reader reader;
    struct verdict_log_entry entry;
    struct written written;
    uint64_t random = 2;
    size_t ends[20];
    (void)state;

    begin(&written);
    for (size_t i = 0; i < array_size(ends); i++) {
        struct impair_verdict verdict = random_verdict(&random, i);
        struct packet_flow flow = random_flow(&random);

        put(&written, &verdict, &flow);
        ends[i] = written.bytes.length;
    }
    for (size_t length = VERDICT_LOG_HEADER; length <= written.bytes.length; length++) {
        /* A copy of its own lets AddressSanitizer see a read beyond the end. */
        cleanup_free uint8_t *bytes = xmalloc(length);
        size_t count = 0, whole = 0;
        int status;

        memcpy(bytes, written.bytes.data, length);
        assert_int_equal(verdict_log_open(&reader, bytes, length, NULL), 0);
        while ((status = verdict_log_next(&reader, &entry, NULL)) > 0)
            count++;
        assert_int_equal(status, 0);
        while (whole < array_size(ends) && ends[whole] <= length)
            whole++;
        assert_int_equal(count, whole);
        if (length == written.bytes.length)
            assert_false(reader.cut);
    }
    buffer_free(&written.bytes);
}

static void missing_records_are_told_of(void **state)
{
    struct impair_verdict verdict = {.in_ns = header.base_ns};
    struct verdict_entries entries;
    struct written written;
    (void)state;

    begin(&written);
    put(&written, &verdict, NULL);
    for (int i = 0; i < 300; i++)
        verdict_log_skip(&written.log);
    verdict.number = 301;
    put(&written, &verdict, NULL);
    verdict.number = 302;
    put(&written, &verdict, NULL);
    assert_int_equal(verdict_entries_read(&entries, written.bytes.data, written.bytes.length, NULL),
                     0);
    assert_int_equal(entries.count, 3);
    assert_int_equal(entries.missing, 300);
    assert_int_equal(entries.items[1].verdict.number, 301);
    verdict_entries_free(&entries);
    buffer_free(&written.bytes);
}

static void refused(const void *bytes, size_t length, const char *message)
{
    struct verdict_entries entries;
    struct error error = {0};

    assert_int_equal(verdict_entries_read(&entries, bytes, length, &error), -EBADMSG);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" is not in \"%s\"", message, error.message);
}

static void bad_bytes_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[16];
        size_t count;
    } records[] = {
        {{0x40, 0, 0, 0, 0, 5}, 6},                      /* a flow nobody told of */
        {{0x10, 0, 0, 0, 0, 0x80, 0x10}, 7},             /* no such cause */
        {{0x10, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x04}, 9}, /* data that says it is upkeep */
        {{0x13, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x04}, 9}, /* upkeep that says so twice */
        {{0x20, 0, 0, 0, 0, 0x80, 0x02}, 7},             /* rule 256 */
        {{0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}, 11},    /* 65 bits */
        {{0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x81}, 11}, /* no end */
        {{0x00, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x10}, 9}, /* a length of 33 bits */
        {{0x01, 0, 9, 0}, 4},                               /* no such network */
    };
    struct written written;
    (void)state;

    begin(&written);
    for (size_t i = 0; i < array_size(records); i++) {
        written.bytes.length = VERDICT_LOG_HEADER;
        buffer_append(&written.bytes, records[i].bytes, records[i].count);
        refused(written.bytes.data, written.bytes.length, "byte 48 of the verdict log");
    }
    written.bytes.length = VERDICT_LOG_HEADER;
    refused(written.bytes.data, VERDICT_LOG_HEADER - 1, "is no verdict log");
    refused("", 0, "is no verdict log");
    written.bytes.data[10] = 47;
    refused(written.bytes.data, written.bytes.length, "a header of 47 bytes");
    written.bytes.data[10] = 49;
    refused(written.bytes.data, written.bytes.length, "expected 48 to 48");
    written.bytes.data[8] = 1;
    refused(written.bytes.data, written.bytes.length, "version 1, expected version 2");
    written.bytes.data[0] = 'D';
    refused(written.bytes.data, written.bytes.length, "is no verdict log");
    buffer_free(&written.bytes);
}

/* Packets 10 µs apart, 25 ms on the wire, one flow. */
static void a_usual_record_is_small(void **state)
{
    enum { RECORDS = 10000 };
    struct written written;
    (void)state;

    begin(&written);
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct impair_verdict verdict = {
            .number = i, .in_ns = header.base_ns + i * 10007, .length = 1500};

        verdict.due_ns = verdict.in_ns + 25000000;
        verdict.out_ns = verdict.due_ns + 20000;
        put(&written, &verdict, &dns);
    }
    assert_true(written.bytes.length < 16 * RECORDS);
    buffer_free(&written.bytes);
}

/* -- Texts ------------------------------------------------------------------------------------- */

static struct verdict_log_entry example(void)
{
    return (struct verdict_log_entry){
        .verdict = {.number = 41,
                    .copy = 1,
                    .in_ns = header.base_ns + 1250000000,
                    .due_ns = header.base_ns + 1275000000,
                    .out_ns = header.base_ns + 1275040000,
                    .length = 84,
                    .rule = 2,
                    .why = IMPAIR_WHY(IMPAIR_COPY) | IMPAIR_WHY(IMPAIR_CORRUPTED)},
        .has_flow = true,
        .flow = dns};
}

static void a_line_for_people(void **state)
{
    struct verdict_log_entry entry = example();
    cleanup_buffer struct buffer out = {0};
    (void)state;

    verdict_text(&out, &header, &entry);
    assert_string_equal(
        out.data, "      41       1.250000000     84 bytes  udp 10.0.0.1:40000 > 10.0.0.2:53  "
                  "delivered after 25.040 ms: copy 1, corrupted, by rule 2\n");
    buffer_clear(&out);
    entry.verdict = (struct impair_verdict){
        .number = 2, .in_ns = header.base_ns, .why = IMPAIR_WHY(IMPAIR_LOSS), .length = 60};
    entry.flow = (struct packet_flow){.source = {0xfd},
                                      .destination = {0xfe},
                                      .source_port = 1,
                                      .destination_port = 2,
                                      .network = PACKET_NETWORK_IPV6,
                                      .protocol = IPPROTO_TCP};
    verdict_text(&out, &header, &entry);
    assert_string_equal(
        out.data,
        "       2       0.000000000     60 bytes  tcp [fd00::]:1 > [fe00::]:2  lost: loss\n");
    buffer_clear(&out);
    entry.has_flow = false;
    entry.verdict.why |= IMPAIR_WHY(IMPAIR_UPKEEP);
    verdict_text(&out, &header, &entry);
    assert_string_equal(out.data, "      2u       0.000000000     60 bytes  lost: loss, upkeep\n");
}

static void a_line_for_programs(void **state)
{
    struct verdict_log_entry entry = example();
    cleanup_buffer struct buffer out = {0};
    (void)state;

    verdict_json(&out, &entry);
    assert_string_equal(
        out.data, "{\"number\":41,\"copy\":1,\"in_ns\":6250000000,\"due_ns\":6275000000,"
                  "\"out_ns\":6275040000,\"length\":84,\"verdict\":\"delivered\","
                  "\"why\":[\"copy\",\"corrupted\"],\"rule\":2,\"flow\":{\"protocol\":\"udp\","
                  "\"source\":\"10.0.0.1\",\"source_port\":40000,\"destination\":\"10.0.0.2\","
                  "\"destination_port\":53}}\n");
    buffer_clear(&out);
    entry = (struct verdict_log_entry){.verdict = {.back = true}};
    verdict_json(&out, &entry);
    assert_string_equal(out.data, "{\"number\":0,\"copy\":0,\"in_ns\":0,\"due_ns\":0,\"out_ns\":0,"
                                  "\"length\":0,\"verdict\":\"sent back\",\"why\":[]}\n");
}

static void every_cause_has_a_name_of_its_own(void **state)
{
    (void)state;

    for (unsigned i = 0; i < IMPAIR_CAUSES; i++) {
        const char *name = impair_cause_name(i);

        assert_int_equal(name != NULL, (IMPAIR_WHY(i) & IMPAIR_WHY_ALL) != 0);
        for (unsigned j = 0; name && j < i; j++)
            assert_true(!impair_cause_name(j) || strcmp(name, impair_cause_name(j)) != 0);
    }
    assert_null(impair_cause_name(IMPAIR_CAUSES));
}

/* -- Comparing --------------------------------------------------------------------------------- */

static void read_all(struct written *written, struct verdict_entries *entries)
{
    assert_int_equal(
        verdict_entries_read(entries, written->bytes.data, written->bytes.length, NULL), 0);
    buffer_free(&written->bytes);
}

/* `order` is that in which the verdicts became final; `late` how long each took. */
static void log_of(struct verdict_entries *entries, const uint64_t *order, size_t count,
                   uint64_t late_ns, uint64_t lost)
{
    struct written written;

    begin(&written);
    for (size_t i = 0; i < count; i++) {
        struct impair_verdict verdict = {
            .number = order[i], .in_ns = order[i] * 1000 + late_ns, .length = 100};

        verdict.due_ns = verdict.in_ns + 50;
        verdict.out_ns = verdict.due_ns + late_ns;
        verdict.why = order[i] == lost ? IMPAIR_WHY(IMPAIR_LOSS) : 0;
        put(&written, &verdict, &dns);
    }
    read_all(&written, entries);
}

struct found {
    uint64_t number;
    bool in_one, in_other;
};

static void remember(void *context, const struct verdict_log_entry *one,
                     const struct verdict_log_entry *other)
{
    struct found *found = context;

    *found = (struct found){(one ? one : other)->verdict.number, one != NULL, other != NULL};
}

static void order_and_times_do_not_count(void **state)
{
    static const uint64_t one_order[] = {0, 1, 2, 3, 4}, other_order[] = {4, 1, 0, 3, 2};
    struct verdict_entries one, other;
    (void)state;

    log_of(&one, one_order, 5, 0, 3);
    log_of(&other, other_order, 5, 77, 3);
    assert_int_equal(verdict_entries_compare(
                         &one, &other, VERDICT_DEFAULT | VERDICT_DELAY | VERDICT_FLOW, NULL, NULL),
                     0);
    verdict_entries_free(&one);
    verdict_entries_free(&other);
}

/* A kernel asked for its neighbour in one run, and twice in the other. */
static void upkeep_counts_where_it_is_asked_for(void **state)
{
    struct verdict_entries entries[2];
    (void)state;

    for (uint64_t i = 0; i < 2; i++) {
        struct impair_verdict data = {.length = 100};
        struct impair_verdict upkeep = {.why = IMPAIR_WHY(IMPAIR_UPKEEP), .length = 42};
        struct written written;

        begin(&written);
        for (; upkeep.number <= i; upkeep.number++)
            put(&written, &upkeep, NULL);
        for (; data.number < 3; data.number++)
            put(&written, &data, &dns);
        put(&written, &upkeep, NULL);
        read_all(&written, &entries[i]);
        assert_int_equal(entries[i].count, 5 + i);
        for (size_t j = 0; j < entries[i].count; j++) {
            const struct impair_verdict *verdict = &entries[i].items[j].verdict;

            assert_int_equal(impair_class(verdict), j < 3 ? IMPAIR_DATA : IMPAIR_OWN);
            assert_int_equal(verdict->number, j < 3 ? j : j - 3);
        }
    }
    assert_int_equal(verdict_entries_compare(&entries[0], &entries[1], VERDICT_DEFAULT, NULL, NULL),
                     0);
    assert_int_equal(verdict_entries_compare(&entries[0], &entries[1],
                                             VERDICT_DEFAULT | VERDICT_UPKEEP, NULL, NULL),
                     1);
    verdict_entries_free(&entries[0]);
    verdict_entries_free(&entries[1]);
}

static void what_differs_is_found(void **state)
{
    static const uint64_t order[] = {0, 1, 2, 3, 4, 5};
    struct verdict_entries one, other;
    struct found found;
    (void)state;

    log_of(&one, order, 5, 0, 3);
    log_of(&other, order, 5, 0, 9);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_DEFAULT, remember, &found), 1);
    assert_true(found.number == 3 && found.in_one && found.in_other);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_LENGTH, NULL, NULL), 0);
    verdict_entries_free(&other);
    log_of(&other, order, 6, 0, 3);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_DEFAULT, remember, &found), 1);
    assert_true(found.number == 5 && !found.in_one && found.in_other);
    assert_int_equal(verdict_entries_compare(&other, &one, VERDICT_DEFAULT, remember, &found), 1);
    assert_true(found.number == 5 && found.in_one && !found.in_other);
    other.items[0].verdict.length = 1;
    other.items[1].verdict.due_ns = 1;
    other.items[2].flow.source_port = 1;
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_WHY, NULL, NULL), 1);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_LENGTH, NULL, NULL), 2);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_DELAY, NULL, NULL), 2);
    assert_int_equal(verdict_entries_compare(&one, &other, VERDICT_FLOW, NULL, NULL), 2);
    verdict_entries_free(&one);
    verdict_entries_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_log_has_the_bytes_of_the_format),
        cmocka_unit_test(a_cut_end_costs_the_cut_record_alone),
        cmocka_unit_test(missing_records_are_told_of),
        cmocka_unit_test(bad_bytes_are_refused),
        cmocka_unit_test(a_usual_record_is_small),
        cmocka_unit_test(a_line_for_people),
        cmocka_unit_test(a_line_for_programs),
        cmocka_unit_test(every_cause_has_a_name_of_its_own),
        cmocka_unit_test(order_and_times_do_not_count),
        cmocka_unit_test(upkeep_counts_where_it_is_asked_for),
        cmocka_unit_test(what_differs_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
