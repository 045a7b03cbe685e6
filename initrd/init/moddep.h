/* modules.dep (modules.dep(5)): `path: dependency dependency …`, paths relative to the directory of
 * the file, the nearest dependency first. Pure: takes the text. */
#ifndef DUET_INIT_MODDEP_H
#define DUET_INIT_MODDEP_H

#include <stdbool.h>

/* Calls `each` for the paths to load for module `name` ('-' and '_' are the same), in load order:
 * dependencies first, the module last. A negative return of `each` ends it and is
 * returned. Otherwise 1, or 0 where the text has no such module. */
typedef int (*moddep_fn)(void *context, const char *path);
int moddep_each(const char *text, const char *name, moddep_fn each, void *context);

/* Whether `text`, a list of paths one per line (modules.builtin), names the module. */
bool moddep_builtin(const char *text, const char *name);

#endif
