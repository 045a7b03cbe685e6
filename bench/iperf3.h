/* What iperf3 (-J, on the client) says it measured. */
#ifndef DUET_BENCH_IPERF3_H
#define DUET_BENCH_IPERF3_H

#include "results/metric.h"

#include <stddef.h>

/* Reads the JSON document of one test and adds what it measured to `metrics`, all of it or nothing,
 * each by the name `prefix`.NAME:
 *
 *   throughput          Mbit/s, higher   what the receiver got (--bidir: of the client's stream)
 *   throughput_reverse  Mbit/s, higher   --bidir alone: of the server's stream
 *   retransmits         segments, lower  TCP alone: both ways together
 *   loss                %, lower         UDP alone, as the next two
 *   jitter              ms, lower
 *   out_of_order        packets, lower
 *
 * Where `bytes` is not NULL it gets how many arrived, both ways together; above 0.
 *
 * Errors, none of which is ever a value of 0: EBADMSG for what is no such document, for an iperf3
 * other than 3.7 or later, for a field that is missing or no number, and for an interval in which
 * nothing was sent; EIO for a test that ended with an error of its own, or too early. `prefix` is
 * fit for a name. */
int iperf3_read(const char *text, size_t length, const char *prefix, struct metrics *metrics,
                double *bytes, struct error *error);

#endif
