/* Kernel modules, through finit_module(2). A module that is there already is fine. */
#ifndef DUET_INIT_MODULES_H
#define DUET_INIT_MODULES_H

#include "base/error.h"

#include <stddef.h>

#define MODULES_LIST "/etc/duet/modules"

/* Loads the files that MODULES_LIST names, one absolute path per line, in load order. Without the
 * file there is nothing to load. */
int modules_load_listed(struct error *error);
/* Loads modules by name, after what they depend on by /lib/modules/RELEASE/modules.dep. */
int modules_load_named(char *const names[], size_t count, struct error *error);

#endif
