#include "runner/suggest.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { WORD_MAX = 64 }; /* longer words get no suggestion */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[WORD_MAX + 1][WORD_MAX + 1];

    for (size_t i = 0; i <= a_length; i++)
        rows[i][0] = i;
    for (size_t j = 0; j <= b_length; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        for (size_t j = 1; j <= b_length; j++) {
            int left = tolower((unsigned char)a[i - 1]);
            int right = tolower((unsigned char)b[j - 1]);
            size_t best = rows[i - 1][j - 1] + (left != right);

            best = least(best, least(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && left == tolower((unsigned char)b[j - 2]) &&
                tolower((unsigned char)a[i - 2]) == right)
                best = least(best, rows[i - 2][j - 2] + 1);
            rows[i][j] = best;
        }
    }
    return rows[a_length][b_length];
}

const char *suggest_nearest(const char *word, const char *const known[], size_t count)
{
    const char *nearest = NULL;
    size_t length = strlen(word);
    size_t best = (length < 6 ? 1 : length / 3) + 1;

    if (length > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t known_length = known[i] ? strlen(known[i]) : WORD_MAX + 1;
        size_t edits;

        if (known_length > WORD_MAX)
            continue;
        edits = distance(word, length, known[i], known_length);
        /* Everything replaced is no resemblance. */
        if (edits < best && edits < length) {
            best = edits;
            nearest = known[i];
        }
    }
    return nearest;
}

const char *suggest_text(const char *word, const char *const known[], size_t count, char *text,
                         size_t size)
{
    const char *nearest = suggest_nearest(word, known, count);

    if (nearest)
        snprintf(text, size, "; did you mean \"%s\"?", nearest);
    else
        text[0] = '\0';
    return text;
}
