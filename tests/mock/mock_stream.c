#include "tests/mock/mock_internal.h"

#include "base/memory.h"

enum {
    PIECE_MAX = 16384,       /* bytes of one frame */
    BACKLOG_MAX = 256 << 10, /* bytes on io above which no more is put there */
    GRANT = WIRE_WINDOW / 2, /* bytes: room is given back in steps as large */
};

struct mock_stream *mock_stream_new(struct mock_agent *mock, uint64_t number, bool to_host,
                                    struct mock_job *job)
{
    struct mock_stream *stream = xcalloc(1, sizeof *stream);

    stream->number = number;
    stream->to_host = to_host;
    stream->job = job;
    stream->room = to_host ? WIRE_WINDOW : 0;
    stream->next = mock->streams;
    mock->streams = stream;
    return stream;
}

static void unlink_stream(struct mock_agent *mock, const struct mock_stream *stream)
{
    struct mock_stream **at = &mock->streams;

    while (*at != stream)
        at = &(*at)->next;
    *at = stream->next;
}

void mock_stream_free(struct mock_agent *mock, struct mock_stream *stream)
{
    unlink_stream(mock, stream);
    buffer_free(&stream->queue);
    free(stream);
}

struct mock_stream *mock_stream_find(const struct mock_agent *mock, uint64_t number, bool to_host)
{
    struct mock_stream *stream = mock->streams;

    while (stream && (stream->number != number || stream->to_host != to_host))
        stream = stream->next;
    return stream;
}

/* -- To the host ------------------------------------------------------------------------------- */

uint64_t mock_stream_pending(const struct mock_stream *stream)
{
    return stream->queue.length - stream->at + stream->zeros;
}

void mock_stream_append(struct mock_stream *stream, const void *bytes, size_t count)
{
    buffer_append(&stream->queue, bytes, count);
}

static void refill(struct mock_stream *stream)
{
    static const char zeros[PIECE_MAX];
    size_t count = stream->zeros < sizeof zeros ? (size_t)stream->zeros : sizeof zeros;

    buffer_clear(&stream->queue);
    stream->at = 0;
    buffer_append(&stream->queue, zeros, count);
    stream->zeros -= count;
}

static uint64_t sendable(const struct mock_stream *stream)
{
    uint64_t pending = mock_stream_pending(stream);

    return stream->floods || pending < stream->room ? pending : stream->room;
}

static void send_piece(struct mock_agent *mock, struct mock_stream *stream)
{
    uint64_t count = sendable(stream);

    if (stream->at == stream->queue.length)
        refill(stream);
    if (count > stream->queue.length - stream->at)
        count = stream->queue.length - stream->at;
    if (count > PIECE_MAX)
        count = PIECE_MAX;
    wire_io_write(&mock->io.out, stream->number, stream->queue.data + stream->at, count, NULL);
    stream->at += count;
    stream->moved += count;
    stream->room -= count < stream->room ? count : stream->room;
    mock_job_sent(stream->job, count);
}

/* The longest waiting of those that can go on, which is the last from now on. */
static struct mock_stream *next_in_turn(struct mock_agent *mock)
{
    struct mock_stream *stream = mock->streams;
    struct mock_stream **end = &mock->streams;

    while (stream && (!stream->to_host || sendable(stream) == 0))
        stream = stream->next;
    if (!stream)
        return NULL;
    unlink_stream(mock, stream);
    while (*end)
        end = &(*end)->next;
    *end = stream;
    stream->next = NULL;
    return stream;
}

void mock_streams_pump(struct mock_agent *mock)
{
    struct mock_stream *stream;

    while (mock_port_backlog(&mock->io) < BACKLOG_MAX && (stream = next_in_turn(mock)))
        send_piece(mock, stream);
}

/* Of a stream that is over it does nothing. */
void mock_take_room(struct mock_agent *mock, const struct request *request)
{
    struct mock_stream *stream = mock_stream_find(mock, request->stream, true);

    if (stream)
        stream->room += request->bytes < WIRE_ID_MAX - stream->room ? request->bytes
                                                                    : WIRE_ID_MAX - stream->room;
}

/* -- From the host ----------------------------------------------------------------------------- */

void mock_stream_grant(struct mock_agent *mock, struct mock_stream *stream, uint64_t bytes)
{
    stream->room += bytes;
    reply_next(&mock->ctl.out, stream->number, bytes);
}

void mock_stream_taken(struct mock_agent *mock, struct mock_stream *stream, uint64_t bytes)
{
    stream->taken += bytes;
    if (stream->taken < GRANT)
        return;
    mock_stream_grant(mock, stream, stream->taken);
    stream->taken = 0;
}

void mock_stream_refuse(struct mock_agent *mock, uint64_t number, const char *reason)
{
    struct mock_stream *stream = mock_stream_find(mock, number, false);

    reply_stream_error(&mock->ctl.out, number, reason);
    if (stream && stream->job)
        mock_job_refuse_input(stream->job, reason);
}

static void take_end(struct mock_agent *mock, struct mock_stream *stream)
{
    if (stream->job)
        mock_job_input(stream->job, NULL, 0);
    mock_stream_free(mock, stream);
}

static void take_bytes(struct mock_stream *stream, const struct wire_io *frame)
{
    stream->room -= frame->length;
    stream->moved += frame->length;
    mock_job_input(stream->job, frame->data, frame->length);
}

/* What comes for one that is over is dropped. */
void mock_take_io(struct mock_agent *mock, const struct wire_io *frame)
{
    struct mock_stream *stream = mock_stream_find(mock, frame->stream, false);

    if (!mock->options.forgetful)
        mock_record_add(&mock->record, true, frame->stream, frame->length, frame->data);
    if (!stream)
        mock_stream_refuse(mock, frame->stream, "there is no such stream to the guest");
    else if (frame->length == 0)
        take_end(mock, stream);
    else if (stream->job && frame->length > stream->room)
        mock_stream_refuse(mock, frame->stream, "more bytes came than there is room for");
    else if (stream->job)
        take_bytes(stream, frame);
}
