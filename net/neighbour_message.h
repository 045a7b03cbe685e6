/* What neighbours say to each other: ARP (RFC 826, RFC 5227) and neighbour discovery's
 * solicitations and advertisements (RFC 4861, 4.3 and 4.4), as one thing. */
#ifndef DUET_NET_NEIGHBOUR_MESSAGE_H
#define DUET_NET_NEIGHBOUR_MESSAGE_H

#include "net/packet.h"

enum { NEIGHBOUR_MESSAGE_BYTES = 14 + 40 + 24 + 8 }; /* of the longest that is built */

struct neighbour_message {
    uint8_t network; /* enum packet_network: of the addresses, PACKET_NETWORK_IPV4 or …_IPV6 */
    bool is_question;
    bool solicited;  /* an answer to this very router, which asked */
    bool override;   /* the mac counts, whatever was known */
    bool has_sender; /* else it asks whether the address is free */
    bool has_mac;
    uint8_t sender[PACKET_ADDRESS_MAX]; /* whose mac it is: of an answer, the target */
    uint8_t mac[PACKET_MAC_BYTES];
    uint8_t target[PACKET_ADDRESS_MAX]; /* that is asked for; of an answer, the same as sender */
};

/* Whether the packet, an Ethernet frame that was parsed, is a message, and one that may be heeded:
 * of discovery (RFC 4861, 7.1.1 and 7.1.2) from this very link, unharmed, and with what belongs to
 * it. */
bool neighbour_message_read(const struct packet *packet, struct neighbour_message *message);

/* One of the router's. */
struct neighbour_own {
    uint8_t mac[PACKET_MAC_BYTES];
    uint8_t network; /* enum packet_network */
    const uint8_t *address;
};

/* Each builds a frame into `packet`, which has room for NEIGHBOUR_MESSAGE_BYTES, and parses it. */

/* Asks for `target`: all, or where `mac` is not NULL, the one that has it. */
void neighbour_ask_build(struct packet *packet, const struct neighbour_own *own,
                         const uint8_t *target, const uint8_t *mac);
/* Answers that `own` has the address that `question`, which came in `frame`, asked for. */
void neighbour_answer_build(struct packet *packet, const struct neighbour_own *own,
                            const struct neighbour_message *question, const struct packet *frame);

#endif
