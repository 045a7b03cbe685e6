/* The guest's directories. Internal to initrd/. */
#ifndef DUET_INITRD_LAYOUT_H
#define DUET_INITRD_LAYOUT_H

#include <sys/types.h>

struct initrd;

/* Where the link of the layout at `path` (without leading '/') leads, or NULL. */
const char *layout_link(const char *path);
/* Permission bits of a directory that nobody gave a mode. */
mode_t layout_mode(const char *path);
/* Adds the directories and links that every guest has. */
void layout_add(struct initrd *initrd);

#endif
