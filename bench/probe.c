/* What runs in the guests of bench_fidelity: sends numbered packets over UDP and says how many
 * came, and how long they were there and back. All times are of the sender's clock.
 *
 *     probe echo PORT                     answers the two others, until it is killed
 *     probe loss ADDRESS PORT PACKETS     prints SENT RECEIVED OVERFLOWED
 *     probe delay COUNT GAP_US PORT ADDRESS…
 *         sends COUNT packets to each address in turn, one every GAP_US or so, and prints a line
 *         INDEX NS for each that came back: of which address, and its time there and back
 *
 * OVERFLOWED is how many the receiver's kernel dropped because its program was slow. */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,   /* packets in one call */
    WINDOW = 256, /* packets between two marks: as many as a NIC's ring has room for */
    ROOM = 32 << 20,
    MARK_MS = 20,   /* a mark without an answer is sent again */
    LINGER_S = 3,   /* how long the last echo is waited for */
    GIVE_UP_S = 60, /* without an answer to a mark */
    ADDRESSES_MAX = 4,
};

#define NS_PER_S UINT64_C(1000000000)

enum kind { DATA, MARK, ECHO };

/* Both ends are the same kind of machine. */
struct message {
    uint32_t kind;
    uint32_t number;
    uint64_t sent_ns;              /* ECHO */
    uint32_t received, overflowed; /* the answer to a MARK */
};

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static unsigned long number(const char *text, unsigned long most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (!*text || *end || value == 0 || value > most)
        errx(2, "\"%s\": expected a number from 1 to %lu", text, most);
    return value;
}

static int open_socket(void)
{
    const int room = ROOM, on = 1;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof on) < 0)
        err(1, "cannot set up a socket");
    return fd;
}

static int connect_to(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)number(port, UINT16_MAX))};
    int fd = open_socket();

    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        errx(2, "\"%s\": expected an IPv4 address", address);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        err(1, "cannot connect to %s", address);
    return fd;
}

/* -- echo -------------------------------------------------------------------------------------- */

struct received {
    struct message messages[BATCH];
    struct sockaddr_in from[BATCH];
    char control[BATCH][CMSG_SPACE(sizeof(uint32_t))];
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH];
};

static void prepare(struct received *in)
{
    for (size_t i = 0; i < BATCH; i++) {
        in->vectors[i] = (struct iovec){&in->messages[i], sizeof in->messages[i]};
        in->headers[i].msg_hdr = (struct msghdr){.msg_name = &in->from[i],
                                                 .msg_namelen = sizeof in->from[i],
                                                 .msg_iov = &in->vectors[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = in->control[i],
                                                 .msg_controllen = sizeof in->control[i]};
    }
}

/* How many the kernel has dropped since the socket is there: socket(7), SO_RXQ_OVFL. */
static void note_overflow(struct msghdr *header, uint32_t *overflowed)
{
    struct cmsghdr *control = CMSG_FIRSTHDR(header);

    if (control && control->cmsg_level == SOL_SOCKET && control->cmsg_type == SO_RXQ_OVFL)
        memcpy(overflowed, CMSG_DATA(control), sizeof *overflowed);
}

static void be_echo(const char *port) __attribute__((noreturn));
static void be_echo(const char *port)
{
    static struct received in;
    struct sockaddr_in any = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)number(port, UINT16_MAX))};
    uint32_t received = 0, overflowed = 0;
    int fd = open_socket();

    if (bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        err(1, "cannot bind to port %s", port);
    for (;;) {
        int count;

        prepare(&in);
        count = recvmmsg(fd, in.headers, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0)
            err(1, "cannot receive");
        for (int i = 0; i < count; i++) {
            struct message *message = &in.messages[i];

            note_overflow(&in.headers[i].msg_hdr, &overflowed);
            if (in.headers[i].msg_len != sizeof *message || message->kind > ECHO)
                continue;
            received += message->kind == DATA;
            message->received = received;
            message->overflowed = overflowed;
            if (message->kind != DATA &&
                sendto(fd, message, sizeof *message, 0, (struct sockaddr *)&in.from[i],
                       sizeof in.from[i]) < 0)
                err(1, "cannot answer");
        }
    }
}

/* -- loss -------------------------------------------------------------------------------------- */

static void send_data(int fd, uint32_t first, uint32_t count)
{
    struct message messages[BATCH] = {0};
    struct iovec vectors[BATCH];
    struct mmsghdr headers[BATCH] = {0};
    uint32_t sent = 0;

    for (uint32_t i = 0; i < count; i++) {
        messages[i] = (struct message){.kind = DATA, .number = first + i};
        vectors[i] = (struct iovec){&messages[i], sizeof messages[i]};
        headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    while (sent < count) {
        int n = sendmmsg(fd, headers + sent, count - sent, 0);

        if (n < 0)
            err(1, "cannot send");
        sent += (uint32_t)n;
    }
}

/* Waits until the receiver has taken all that was sent before, and says so. A mark goes the way of
 * the packets, behind them. */
static struct message mark(int fd, uint32_t number)
{
    const struct message question = {.kind = MARK, .number = number};
    struct pollfd input = {.fd = fd, .events = POLLIN};
    uint64_t started_ns = now_ns();
    struct message answer;

    for (;;) {
        if (send(fd, &question, sizeof question, 0) < 0)
            err(1, "cannot send");
        while (poll(&input, 1, MARK_MS) == 1) {
            ssize_t size = recv(fd, &answer, sizeof answer, 0);

            if (size < 0)
                err(1, "cannot receive");
            if (size == sizeof answer && answer.kind == MARK && answer.number == number)
                return answer;
        }
        if (now_ns() - started_ns > GIVE_UP_S * NS_PER_S)
            errx(1, "the receiver does not answer");
    }
}

static int measure_loss(const char *address, const char *port, const char *packets)
{
    uint32_t count = (uint32_t)number(packets, 100000000), marks = 0;
    int fd = connect_to(address, port);
    struct message start = mark(fd, marks++), end = start;

    for (uint32_t sent = 0; sent < count;) {
        uint32_t part = count - sent < BATCH ? count - sent : BATCH;

        send_data(fd, sent, part);
        sent += part;
        if (sent % WINDOW == 0 || sent == count)
            end = mark(fd, marks++);
    }
    printf("%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", count, end.received - start.received,
           end.overflowed - start.overflowed);
    return 0;
}

/* -- delay ------------------------------------------------------------------------------------- */

struct delay {
    struct pollfd inputs[ADDRESSES_MAX + 1]; /* the last: when the next packet is to be sent */
    nfds_t addresses;
    uint32_t count;  /* for each address */
    nfds_t turn;     /* of the next packet: its address … */
    uint32_t number; /* … and its number there */
    uint32_t awaited;
    uint64_t gap_ns, next_ns;       /* between two packets, and until the next */
    uint64_t random;                /* the state of a generator */
    uint64_t *times[ADDRESSES_MAX]; /* there and back; 0: it has not come */
};

static void receive(struct delay *delay, size_t index)
{
    struct message message;

    while (recv(delay->inputs[index].fd, &message, sizeof message, MSG_DONTWAIT) ==
           sizeof message) {
        if (message.kind != ECHO || message.number >= delay->count ||
            delay->times[index][message.number])
            continue;
        delay->times[index][message.number] = now_ns() - message.sent_ns;
        delay->awaited--;
    }
}

static void send_next(struct delay *delay)
{
    struct message message = {.kind = ECHO, .number = delay->number, .sent_ns = now_ns()};

    if (send(delay->inputs[delay->turn].fd, &message, sizeof message, 0) < 0)
        err(1, "cannot send");
    if (++delay->turn == delay->addresses) {
        delay->turn = 0;
        delay->number++;
    }
    delay->awaited++;
}

/* In half to one and a half gaps, at random: were all the same, each packet would meet the one
 * before at one place of its way, and that meeting would be in every time that is measured. */
static void set_timer(struct delay *delay)
{
    struct itimerspec when = {0};

    delay->random = delay->random * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    delay->next_ns += delay->gap_ns / 2 + (delay->random >> 32) % delay->gap_ns;
    when.it_value.tv_sec = (time_t)(delay->next_ns / NS_PER_S);
    when.it_value.tv_nsec = (long)(delay->next_ns % NS_PER_S);
    if (timerfd_settime(delay->inputs[delay->addresses].fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
        err(1, "cannot set a timer");
}

static void open_timer(struct delay *delay)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    if (fd < 0)
        err(1, "cannot make a timer");
    delay->inputs[delay->addresses] = (struct pollfd){.fd = fd, .events = POLLIN};
    delay->next_ns = now_ns();
    set_timer(delay);
}

static void exchange(struct delay *delay)
{
    struct pollfd *timer = &delay->inputs[delay->addresses];
    uint64_t last_ns = now_ns();
    uint64_t ticks;

    open_timer(delay);
    while (delay->number < delay->count ||
           (delay->awaited > 0 && now_ns() - last_ns < LINGER_S * NS_PER_S)) {
        if (poll(delay->inputs, delay->addresses + 1, 1000) < 0)
            err(1, "cannot wait");
        for (size_t i = 0; i < delay->addresses; i++)
            receive(delay, i);
        if (!(timer->revents & POLLIN) || read(timer->fd, &ticks, sizeof ticks) < 0 ||
            delay->number == delay->count)
            continue;
        send_next(delay);
        set_timer(delay);
        last_ns = now_ns();
    }
}

static int measure_delay(char **arguments, int argument_count)
{
    uint32_t count = (uint32_t)number(arguments[0], 1000000);
    struct delay delay = {.addresses = (nfds_t)(argument_count - 3),
                          .count = count,
                          .gap_ns = number(arguments[1], 10000000) * 1000};

    for (size_t i = 0; i < delay.addresses; i++) {
        delay.inputs[i] =
            (struct pollfd){.fd = connect_to(arguments[3 + i], arguments[2]), .events = POLLIN};
        delay.times[i] = calloc(count, sizeof *delay.times[i]);
        if (!delay.times[i])
            err(1, "no memory");
        mark(delay.inputs[i].fd, 0); /* that neighbours know each other */
    }
    exchange(&delay);
    for (size_t i = 0; i < delay.addresses; i++)
        for (uint32_t n = 0; n < count; n++)
            if (delay.times[i][n])
                printf("%zu %" PRIu64 "\n", i, delay.times[i][n]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "echo"))
        be_echo(argv[2]);
    if (argc == 5 && !strcmp(argv[1], "loss"))
        return measure_loss(argv[2], argv[3], argv[4]);
    if (argc > 5 && argc <= 5 + ADDRESSES_MAX && !strcmp(argv[1], "delay"))
        return measure_delay(argv + 2, argc - 2);
    errx(2,
         "usage: probe echo PORT | loss ADDRESS PORT PACKETS | delay COUNT GAP_US PORT ADDRESS…");
}
