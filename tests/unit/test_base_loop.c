/* The event loop: what runs, in which order, and what a callback may do to it. */
#include "base/loop.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

enum { THREADS = 4, POSTS = 500 };

/* A loop and a log of what ran, one letter each. */
struct fixture {
    struct loop *loop;
    char log[64];
    size_t length;
    size_t stop_after; /* letters */
    int ends[2];       /* a pipe */
    struct watch *watch, *other;
    struct timer *timer;
};

struct letter {
    struct fixture *fixture;
    char letter;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    struct error error = {0};

    assert_int_equal(loop_new(&fixture->loop, &error), 0);
    assert_int_equal(pipe2(fixture->ends, O_CLOEXEC | O_NONBLOCK), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    loop_free(fixture->loop);
    close(fixture->ends[0]);
    close(fixture->ends[1]);
    free(fixture);
    return 0;
}

static void note(struct fixture *fixture, char letter)
{
    assert_true(fixture->length < sizeof fixture->log - 1);
    fixture->log[fixture->length++] = letter;
    if (fixture->length == fixture->stop_after)
        loop_stop(fixture->loop);
}

static void note_letter(void *context)
{
    const struct letter *letter = context;

    note(letter->fixture, letter->letter);
}

static void run_for(struct fixture *fixture, size_t letters)
{
    fixture->stop_after = fixture->length + letters;
    loop_run(fixture->loop);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    struct fixture *fixture = *state;
    struct letter letters[] = {{fixture, 'a'}, {fixture, 'b'}, {fixture, 'c'}};
    struct timer *timers[3];
    uint64_t start = clock_ns();

    for (int i = 0; i < 3; i++)
        timers[i] = loop_timer(fixture->loop, note_letter, &letters[i]);
    timer_start(timers[0], 30 * NS_PER_MS);
    timer_start(timers[1], 10 * NS_PER_MS);
    timer_start(timers[2], 20 * NS_PER_MS);
    run_for(fixture, 3);
    assert_string_equal(fixture->log, "bca");
    assert_true(clock_ns() - start >= 30 * NS_PER_MS);
    for (int i = 0; i < 3; i++)
        timer_free(timers[i]);
}

static void a_timer_that_is_set_again_or_stopped(void **state)
{
    struct fixture *fixture = *state;
    struct letter letters[] = {{fixture, 'a'}, {fixture, 'b'}, {fixture, 'c'}};
    struct timer *timers[3];

    for (int i = 0; i < 3; i++)
        timers[i] = loop_timer(fixture->loop, note_letter, &letters[i]);
    timer_start(timers[0], 1 * NS_PER_MS);
    timer_start(timers[1], 5 * NS_PER_MS);
    timer_start(timers[2], 10 * NS_PER_MS);
    timer_start(timers[0], 20 * NS_PER_MS); /* later than it was */
    timer_stop(timers[1]);
    timer_stop(timers[1]);
    run_for(fixture, 2);
    assert_string_equal(fixture->log, "ca");
    timer_start(timers[0], 0); /* one that has fired */
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "caa");
    for (int i = 0; i < 3; i++)
        timer_free(timers[i]);
}

/* Each is the first, and not the one that the loop went to sleep for before. */
static void timers_of_less_than_a_millisecond(void **state)
{
    struct fixture *fixture = *state;
    struct letter letters[] = {{fixture, 'a'}, {fixture, 'b'}, {fixture, 'c'}};
    struct timer *timers[3];
    uint64_t start = clock_ns();

    for (int i = 0; i < 3; i++)
        timers[i] = loop_timer(fixture->loop, note_letter, &letters[i]);
    timer_start_at(timers[0], start + 900000);
    timer_start_at(timers[1], start + 300000);
    run_for(fixture, 1);
    assert_true(clock_ns() >= start + 300000);
    timer_stop(timers[0]);
    timer_start_at(timers[2], start + 1200000);
    run_for(fixture, 1);
    assert_true(clock_ns() >= start + 1200000);
    timer_start_at(timers[0], 0); /* long ago */
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "bca");
    for (int i = 0; i < 3; i++)
        timer_free(timers[i]);
}

static void post_and_start_again(void *context)
{
    struct letter *letter = context;

    loop_post(letter->fixture->loop, note_letter, letter);
    timer_start_at(letter->fixture->timer, 0);
}

static void a_timer_that_is_always_due_leaves_the_loop_to_others(void **state)
{
    struct fixture *fixture = *state;
    struct letter letter = {fixture, 'p'};

    fixture->timer = loop_timer(fixture->loop, post_and_start_again, &letter);
    timer_start_at(fixture->timer, 0);
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "p");
    timer_free(fixture->timer);
}

static void free_own_timer(void *context)
{
    struct fixture *fixture = context;

    timer_free(fixture->timer);
    fixture->timer = NULL;
    note(fixture, 't');
}

static void a_timer_frees_itself(void **state)
{
    struct fixture *fixture = *state;

    fixture->timer = loop_timer(fixture->loop, free_own_timer, fixture);
    timer_start(fixture->timer, 0);
    run_for(fixture, 1);
    assert_null(fixture->timer);
}

static void read_letter(void *context, uint32_t events)
{
    struct fixture *fixture = context;
    char letter = events & EPOLLHUP ? '!' : '?';

    if (events & EPOLLIN)
        assert_int_equal(read(fixture->ends[0], &letter, 1), 1);
    note(fixture, letter);
}

static void a_watch_sees_data_and_the_end(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};

    assert_int_equal(loop_watch(fixture->loop, fixture->ends[0], EPOLLIN, read_letter, fixture,
                                &fixture->watch, &error),
                     0);
    assert_int_equal(write(fixture->ends[1], "xy", 2), 2);
    run_for(fixture, 2);
    assert_string_equal(fixture->log, "xy");
    close(fixture->ends[1]);
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "xy!");
    watch_free(fixture->watch);
    fixture->ends[1] = dup(fixture->ends[0]);
}

static void a_watch_that_is_told_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct letter letter = {fixture, 'p'};
    struct timer *timer = loop_timer(fixture->loop, note_letter, &letter);
    struct error error = {0};

    assert_int_equal(loop_watch(fixture->loop, fixture->ends[0], 0, read_letter, fixture,
                                &fixture->watch, &error),
                     0);
    assert_int_equal(write(fixture->ends[1], "x", 1), 1);
    timer_start(timer, 5 * NS_PER_MS);
    run_for(fixture, 1);
    watch_events(fixture->watch, EPOLLIN);
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "px");
    watch_free(fixture->watch);
    timer_free(timer);
}

static void a_watch_of_no_descriptor_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    struct watch *untouched = NULL;
    struct error error = {0};

    assert_int_equal(
        loop_watch(fixture->loop, -1, EPOLLIN, read_letter, fixture, &untouched, &error), -EBADF);
    assert_null(untouched);
    assert_non_null(strstr(error.message, "-1"));
}

/* Both ends are ready in one round; whichever runs first frees both. */
static void free_both_watches(void *context, uint32_t events)
{
    struct fixture *fixture = context;

    (void)events;
    watch_free(fixture->watch);
    watch_free(fixture->other);
    watch_free(fixture->other);
    note(fixture, 'f');
}

static void a_callback_frees_its_own_watch_and_another(void **state)
{
    struct fixture *fixture = *state;
    struct letter letter = {fixture, 'p'};
    struct timer *timer = loop_timer(fixture->loop, note_letter, &letter);
    struct error error = {0};

    assert_int_equal(write(fixture->ends[1], "x", 1), 1);
    assert_int_equal(loop_watch(fixture->loop, fixture->ends[0], EPOLLIN, free_both_watches,
                                fixture, &fixture->watch, &error),
                     0);
    assert_int_equal(loop_watch(fixture->loop, fixture->ends[1], EPOLLOUT, free_both_watches,
                                fixture, &fixture->other, &error),
                     0);
    timer_start(timer, 5 * NS_PER_MS);
    run_for(fixture, 2);
    assert_string_equal(fixture->log, "fp");
    timer_free(timer);
}

struct poster {
    struct fixture *fixture;
    size_t *total;
    unsigned next; /* what this thread's next post must carry */
};

struct message {
    struct poster *poster;
    unsigned number;
};

static void receive(void *context)
{
    struct message *message = context;
    struct poster *poster = message->poster;

    assert_int_equal(message->number, poster->next);
    poster->next++;
    if (++*poster->total == (size_t)THREADS * POSTS)
        loop_stop(poster->fixture->loop);
    free(message);
}

static void *post_all(void *context)
{
    struct poster *poster = context;

    for (unsigned i = 0; i < POSTS; i++) {
        struct message *message = xmalloc(sizeof *message);

        *message = (struct message){poster, i};
        loop_post(poster->fixture->loop, receive, message);
    }
    return NULL;
}

static void posts_of_threads_arrive_in_each_threads_order(void **state)
{
    struct fixture *fixture = *state;
    struct poster posters[THREADS];
    pthread_t threads[THREADS];
    size_t total = 0;

    for (size_t i = 0; i < THREADS; i++) {
        posters[i] = (struct poster){.fixture = fixture, .total = &total};
        assert_int_equal(pthread_create(&threads[i], NULL, post_all, &posters[i]), 0);
    }
    loop_run(fixture->loop);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(posters[i].next, POSTS);
    }
}

static void post_again(void *context)
{
    struct letter *letter = context;

    note(letter->fixture, letter->letter);
    if (letter->letter++ < 'c')
        loop_post(letter->fixture->loop, post_again, letter);
}

static void a_post_may_post(void **state)
{
    struct fixture *fixture = *state;
    struct letter letter = {fixture, 'a'};

    loop_post(fixture->loop, post_again, &letter);
    run_for(fixture, 3);
    assert_string_equal(fixture->log, "abc");
}

static void posts_that_never_ran_are_dropped(void **state)
{
    struct fixture *fixture = *state;
    struct letter letter = {fixture, 'x'};

    loop_post(fixture->loop, note_letter, &letter);
    loop_post(fixture->loop, note_letter, &letter);
    assert_int_equal(fixture->length, 0); /* the sanitizer sees whether their memory was freed */
}

static void note_signal(void *context, int number)
{
    note(context, number == SIGUSR1 ? '1' : number == SIGUSR2 ? '2' : '?');
}

static void signals_arrive_as_calls(void **state)
{
    struct fixture *fixture = *state;
    struct error error = {0};
    sigset_t set;

    assert_int_equal(loop_signal(fixture->loop, SIGUSR1, note_signal, fixture, &error), 0);
    assert_int_equal(loop_signal(fixture->loop, SIGUSR2, note_signal, fixture, &error), 0);
    raise(SIGUSR2);
    run_for(fixture, 1);
    raise(SIGUSR1);
    run_for(fixture, 1);
    assert_string_equal(fixture->log, "21");
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

static void freeing_nothing_is_fine(void **state)
{
    (void)state;
    loop_free(NULL);
    watch_free(NULL);
    timer_free(NULL);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_LOOP(timers_fire_in_the_order_of_their_deadlines),
        WITH_LOOP(a_timer_that_is_set_again_or_stopped),
        WITH_LOOP(timers_of_less_than_a_millisecond),
        WITH_LOOP(a_timer_that_is_always_due_leaves_the_loop_to_others),
        WITH_LOOP(a_timer_frees_itself),
        WITH_LOOP(a_watch_sees_data_and_the_end),
        WITH_LOOP(a_watch_that_is_told_to_wait),
        WITH_LOOP(a_watch_of_no_descriptor_is_an_error),
        WITH_LOOP(a_callback_frees_its_own_watch_and_another),
        WITH_LOOP(posts_of_threads_arrive_in_each_threads_order),
        WITH_LOOP(a_post_may_post),
        WITH_LOOP(posts_that_never_ran_are_dropped),
        WITH_LOOP(signals_arrive_as_calls),
        cmocka_unit_test(freeing_nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
