/* iperf3's results: all of the metrics, each with a value that can be, or none. */
#include "base/base.h"
#include "bench/iperf3.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct metrics metrics = {0};
    struct error error;
    double bytes = 0;
    int code = iperf3_read((const char *)data, size, "test", &metrics, &bytes, &error);

    if ((code < 0) != (metrics.count == 0) || (code < 0 && !error.message[0]))
        abort();
    if (code == 0) {
        const struct metric *throughput = metrics_find(&metrics, "test.throughput");

        if (!throughput || !(throughput->values[0] > 0) || !(bytes > 0))
            abort();
    }
    for (size_t i = 0; i < metrics.count; i++)
        if (!isfinite(metrics.items[i].values[0]) || metrics.items[i].values[0] < 0)
            abort();
    metrics_free(&metrics);
    return 0;
}
