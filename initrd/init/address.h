/* Addresses as text: IPv4, IPv6, Ethernet. Pure. */
#ifndef DUET_INIT_ADDRESS_H
#define DUET_INIT_ADDRESS_H

#include "base/error.h"

#include <netinet/in.h>
#include <stdint.h>

enum { MAC_SIZE = 6 };

struct address {
    int family;        /* AF_INET or AF_INET6; 0 where there is none */
    uint8_t bytes[16]; /* network order; the first 4 for AF_INET */
    uint8_t prefix;    /* bits */
};

/* `10.0.0.1/24`, or without a prefix the whole length. */
int address_parse(const char *text, struct address *address, struct error *error);
/* As address_parse, of a text that may not have a prefix. */
int address_parse_host(const char *text, struct address *address, struct error *error);
/* Without the prefix, in `text`, which is returned. */
const char *address_text(const struct address *address, char text[static INET6_ADDRSTRLEN]);
/* `52:54:00:00:00:01` */
int address_parse_mac(const char *text, uint8_t mac[static MAC_SIZE], struct error *error);

#endif
