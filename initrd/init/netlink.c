#include "initrd/init/netlink.h"

#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MAX = 32768 }; /* what the kernel puts into one part of a dump */

int netlink_open(int protocol, uint32_t groups, int *out, struct error *error)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = groups};
    const int on = 1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);

    if (fd < 0)
        return error_errno(error, "cannot open a netlink socket");
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on) < 0) {
        int code = error_errno(error, "cannot set up a netlink socket");

        close(fd);
        return code;
    }
    *out = fd;
    return 0;
}

void netlink_begin(struct netlink_message *message, uint16_t type, uint16_t flags,
                   const void *fixed, size_t size)
{
    memset(message, 0, sizeof *message);
    message->header.nlmsg_type = type;
    message->header.nlmsg_flags = NLM_F_REQUEST | flags;
    message->header.nlmsg_len = (uint32_t)NLMSG_LENGTH(size);
    assert(message->header.nlmsg_len <= sizeof message->bytes);
    memcpy(NLMSG_DATA(&message->header), fixed, size);
}

void netlink_add(struct netlink_message *message, uint16_t type, const void *data, size_t size)
{
    size_t at = NLMSG_ALIGN(message->header.nlmsg_len);
    struct rtattr attribute = {.rta_type = type, .rta_len = (uint16_t)RTA_LENGTH(size)};

    assert(at + RTA_SPACE(size) <= sizeof message->bytes);
    memcpy(message->bytes + at, &attribute, sizeof attribute);
    memcpy(message->bytes + at + RTA_LENGTH(0), data, size);
    message->header.nlmsg_len = (uint32_t)(at + RTA_LENGTH(size));
}

const void *netlink_nested(const void *attributes, size_t length, uint16_t type, size_t *size)
{
    size_t at = 0;

    while (at + sizeof(struct rtattr) <= length) {
        const struct rtattr *attribute = (const void *)((const char *)attributes + at);

        if (attribute->rta_len < sizeof *attribute || attribute->rta_len > length - at)
            return NULL;
        if ((attribute->rta_type & NLA_TYPE_MASK) == type) {
            *size = RTA_PAYLOAD(attribute);
            return RTA_DATA(attribute);
        }
        at += RTA_ALIGN(attribute->rta_len);
    }
    return NULL;
}

const void *netlink_attribute(const struct nlmsghdr *header, size_t fixed, uint16_t type,
                              size_t *size)
{
    size_t start = NLMSG_SPACE(fixed);

    if (header->nlmsg_len < start)
        return NULL;
    return netlink_nested((const char *)header + start, header->nlmsg_len - start, type, size);
}

static int send_message(int fd, const struct nlmsghdr *header, struct error *error)
{
    if (send(fd, header, header->nlmsg_len, 0) < 0)
        return error_errno(error, "cannot send a netlink request");
    return 0;
}

/* The kernel's own words (NLMSGERR_ATTR_MSG) stand behind the request that the answer repeats, of
 * which a kernel that knows NETLINK_CAP_ACK sends the header only. */
static int error_of(const struct nlmsghdr *header, struct error *error)
{
    const struct nlmsgerr *answer = NLMSG_DATA(header);
    const char *words = NULL;
    size_t size = 0;

    if (header->nlmsg_len < NLMSG_LENGTH(sizeof *answer))
        return error_set(error, EBADMSG, "the kernel's answer is too short");
    if (answer->error == 0)
        return 0;
    if (header->nlmsg_flags & NLM_F_ACK_TLVS) {
        size_t echoed =
            header->nlmsg_flags & NLM_F_CAPPED ? 0 : answer->msg.nlmsg_len - NLMSG_HDRLEN;

        words = netlink_attribute(header, sizeof *answer + echoed, NLMSGERR_ATTR_MSG, &size);
    }
    errno = -answer->error;
    if (words && size > 1)
        return error_errno(error, "%.*s", (int)size - 1, words);
    return error_set(error, -answer->error, "%s", strerror(-answer->error));
}

/* One message of an answer. 1: more to come, 0: that was the last. */
static int take_message(const struct nlmsghdr *header, netlink_fn each, void *context, int *result,
                        struct error *error)
{
    if (header->nlmsg_type == NLMSG_ERROR)
        return error_of(header, error);
    if (header->nlmsg_type == NLMSG_DONE)
        return 0;
    if (each && *result == 0)
        *result = each(context, header);
    return 1;
}

/* Reads answers until the one that ends them. */
static int read_answers(int fd, netlink_fn each, void *context, struct error *error)
{
    _Alignas(struct nlmsghdr) char bytes[ANSWER_MAX];
    int more = 1;
    int result = 0;

    while (more > 0) {
        ssize_t n = recv(fd, bytes, sizeof bytes, 0);
        const struct nlmsghdr *header = (const void *)bytes;
        size_t left = n < 0 ? 0 : (size_t)n;

        if (n < 0 && errno != EINTR)
            return error_errno(error, "cannot read the kernel's answer");
        for (; more > 0 && NLMSG_OK(header, left); header = NLMSG_NEXT(header, left))
            more = take_message(header, each, context, &result, error);
    }
    return more < 0 ? more : result;
}

int netlink_ask(int fd, struct nlmsghdr *header, struct error *error)
{
    int code;

    header->nlmsg_flags |= NLM_F_ACK;
    code = send_message(fd, header, error);
    return code < 0 ? code : read_answers(fd, NULL, NULL, error);
}

int netlink_request(int fd, struct netlink_message *message, struct error *error)
{
    return netlink_ask(fd, &message->header, error);
}

int netlink_dump(int fd, struct netlink_message *message, netlink_fn each, void *context,
                 struct error *error)
{
    int code;

    message->header.nlmsg_flags |= NLM_F_DUMP;
    code = send_message(fd, &message->header, error);
    return code < 0 ? code : read_answers(fd, each, context, error);
}

bool netlink_wait(int fd, uint64_t deadline_ns)
{
    uint64_t now = clock_ns();
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    char dropped[8192];

    if (now >= deadline_ns ||
        poll(&poll_fd, 1, (int)((deadline_ns - now + NS_PER_MS - 1) / NS_PER_MS)) != 1)
        return false;
    while (recv(fd, dropped, sizeof dropped, MSG_DONTWAIT) > 0)
        continue;
    return true;
}
