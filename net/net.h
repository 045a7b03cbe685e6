/* net: duet's packet core. Pure: no I/O, no clock, no globals; time in ns and the state of
 * generators are arguments. Nothing is allocated for a packet. The same source is in duet and in
 * the guest's init. docs/packet-core.md says how the parts fit. */
#ifndef DUET_NET_H
#define DUET_NET_H

#include "net/build.h"
#include "net/checksum.h"
#include "net/fragment.h"
#include "net/headers.h"
#include "net/icmp_error.h"
#include "net/impair.h"
#include "net/impair_field.h"
#include "net/impair_netem.h"
#include "net/impair_plan.h"
#include "net/internet.h"
#include "net/mac_header.h"
#include "net/neighbour.h"
#include "net/neighbour_message.h"
#include "net/offload.h"
#include "net/packet.h"
#include "net/packet_flow.h"
#include "net/pcapng.h"
#include "net/pool.h"
#include "net/route.h"
#include "net/scope.h"
#include "net/segment.h"
#include "net/verdict_log.h"
#include "net/verdict_text.h"

#endif
