#include "vm/verdict_file.h"

#include "base/memory.h"
#include "base/writer.h"

enum {
    RING = 1 << 20,  /* bytes: some 70,000 verdicts */
    CHUNK = 1 << 14, /* that are handed to the writer at once */
};

struct verdict_file {
    struct writer *writer;
    struct verdict_log log;
    uint8_t *chunk; /* of the writer's ring; NULL: it had no room */
    size_t length;  /* of the chunk, so far */
    size_t left;    /* bytes that the file may have beyond those of the chunk */
};

int verdict_file_new(const char *path, const struct verdict_log_header *header, size_t most,
                     struct verdict_file **out, struct error *error)
{
    struct verdict_file *file = xcalloc(1, sizeof *file);
    int code = writer_open(path, RING, &file->writer, error);

    if (code < 0) {
        free(file);
        return code;
    }
    file->chunk = writer_reserve(file->writer, CHUNK);
    verdict_log_begin(&file->log, header, file->chunk);
    file->length = VERDICT_LOG_HEADER;
    file->left = most - VERDICT_LOG_HEADER;
    *out = file;
    return 0;
}

static void hand_over(struct verdict_file *file)
{
    if (file->length > 0)
        writer_publish(file->writer, file->length);
    file->length = 0;
}

/* The last record of all may have to say what is missing. */
static bool is_full(const struct verdict_file *file)
{
    return file->left < 2 * VERDICT_LOG_RECORD_MAX;
}

void verdict_file_add(struct verdict_file *file, const struct impair_verdict *verdict,
                      const struct packet *packet)
{
    struct packet_flow flow;
    size_t count;

    if (is_full(file)) {
        verdict_log_skip(&file->log);
        return;
    }
    if (!file->chunk || CHUNK - file->length < VERDICT_LOG_RECORD_MAX) {
        hand_over(file);
        file->chunk = writer_reserve(file->writer, CHUNK);
    }
    if (!file->chunk) {
        verdict_log_skip(&file->log);
        return;
    }
    packet_flow(packet, &flow);
    count = verdict_log_write(&file->log, verdict, &flow, file->chunk + file->length);
    file->length += count;
    file->left -= count;
}

int verdict_file_close(struct verdict_file *file, struct error *error)
{
    uint8_t last[VERDICT_LOG_RECORD_MAX];
    int code;

    if (!file)
        return 0;
    hand_over(file);
    code = writer_close(file->writer, last, verdict_log_end(&file->log, last), error);
    free(file);
    return code;
}
