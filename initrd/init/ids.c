#include "initrd/init/ids.h"

#include "base/memory.h"

#include <string.h>

/* Of the first that is not below `id`. */
static size_t place_of(const struct ids *ids, uint64_t id)
{
    size_t low = 0, high = ids->count;

    if (high > 0 && ids->items[high - 1] < id)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ids->items[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ids_have(const struct ids *ids, uint64_t id)
{
    size_t place = place_of(ids, id);

    return place < ids->count && ids->items[place] == id;
}

void ids_add(struct ids *ids, uint64_t id)
{
    size_t place = place_of(ids, id);

    if (place < ids->count && ids->items[place] == id)
        return;
    if (ids->count == ids->capacity) {
        ids->capacity = ids->capacity ? 2 * ids->capacity : 64;
        ids->items = xreallocarray(ids->items, ids->capacity, sizeof *ids->items);
    }
    memmove(ids->items + place + 1, ids->items + place, (ids->count - place) * sizeof *ids->items);
    ids->items[place] = id;
    ids->count++;
}

void ids_free(struct ids *ids)
{
    free(ids->items);
    *ids = (struct ids){0};
}
