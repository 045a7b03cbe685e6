/* The words of a line: what docs/mock-agent.md says that a line may have. */
#ifndef DUET_TESTS_MOCK_WORDS_H
#define DUET_TESTS_MOCK_WORDS_H

#include "base/buffer.h"
#include "base/error.h"

#include <stdint.h>

struct mock_words {
    const char *at; /* what is left of the line */
    struct error *error;
};

/* The next word, in place of what `word` has: letters up to a space, "a JSON string" or hex:DIGITS,
 * of any bytes. 1; 0 at the end of the line; -EINVAL. */
int mock_word_next(struct mock_words *words, struct buffer *word);
/* The next one has to be there, and to be of a kind; -EINVAL says what is missing. `what` is for
 * that. */
int mock_word_text(struct mock_words *words, const char *what, struct buffer *text);
int mock_word_number(struct mock_words *words, const char *what, uint64_t least, uint64_t most,
                     uint64_t *number);
/* A request's or an event's, by name or number. */
int mock_word_code(struct mock_words *words, uint32_t *code);
/* There has to be nothing more. */
int mock_word_end(const struct mock_words *words);
/* All that is left, as it is. */
const char *mock_word_rest(const struct mock_words *words);

#endif
