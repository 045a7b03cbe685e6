/* What a fuzz target of an internet begins with: its input as steps, and what it runs. */
#ifndef DUET_TESTS_INTERNET_INPUT_H
#define DUET_TESTS_INTERNET_INPUT_H

#include "net/internet.h"

#include <stdlib.h>

struct input {
    const uint8_t *at;
    size_t left;
};

struct run {
    struct pool pool;
    struct internet *internet;
    uint64_t now_ns;
};

static inline void check(bool holds)
{
    if (!holds)
        abort();
}

/* 0 past the end. */
static inline uint8_t next(struct input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

#endif
