/* The known name that a mistyped one probably meant. */
#include "runner/suggest.h"

#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void the_nearest_name_is_offered(void **state)
{
    static const char *const known[] = {"nodes", NULL, "links", "timeout", "summary", "env"};
    char text[64];

    (void)state;
    assert_string_equal(suggest_nearest("node", known, array_size(known)), "nodes");
    assert_string_equal(suggest_nearest("lniks", known, array_size(known)), "links");
    assert_string_equal(suggest_nearest("Timeout", known, array_size(known)), "timeout");
    assert_string_equal(suggest_nearest("sumary", known, array_size(known)), "summary");
    assert_null(suggest_nearest("frobnicate", known, array_size(known)));
    assert_null(suggest_nearest("", known, array_size(known)));
    assert_null(suggest_nearest("x", known, array_size(known)));
    assert_string_equal(suggest_text("ndoes", known, array_size(known), text, sizeof(text)),
                        "; did you mean \"nodes\"?");
    assert_string_equal(suggest_text("frob", known, array_size(known), text, sizeof(text)), "");
}

static void a_word_of_any_length_may_be_asked_for(void **state)
{
    static const char *const known[] = {"nodes"};
    char word[5000];

    (void)state;
    memset(word, 'n', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    assert_null(suggest_nearest(word, known, array_size(known)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_nearest_name_is_offered),
        cmocka_unit_test(a_word_of_any_length_may_be_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
