/* A set of ids, most of which come in ascending order. Zero-initialised is empty. Pure. */
#ifndef DUET_INIT_IDS_H
#define DUET_INIT_IDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ids {
    uint64_t *items; /* ascending */
    size_t count, capacity;
};

bool ids_have(const struct ids *ids, uint64_t id);
void ids_add(struct ids *ids, uint64_t id);
void ids_free(struct ids *ids);

#endif
