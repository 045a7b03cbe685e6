/* How names are found: /etc/hosts and /etc/resolv.conf, as STARTPOD says. */
#ifndef DUET_INIT_NAMES_H
#define DUET_INIT_NAMES_H

#include "initrd/init/pod.h"

int names_set_up(const struct pod *pod, struct error *error);

#endif
