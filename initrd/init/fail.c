#include "initrd/init/fail.h"

#include "base/memory.h"
#include "initrd/init/console.h"
#include "initrd/init/reply.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <unistd.h>

static const struct {
    int number;
    const char *name;
} fatal_signals[] = {{SIGSEGV, "SIGSEGV"},
                     {SIGBUS, "SIGBUS"},
                     {SIGILL, "SIGILL"},
                     {SIGFPE, "SIGFPE"},
                     {SIGABRT, "SIGABRT"}};

/* The only mutable state of init outside main(): a signal handler has no argument of its own. Each
 * last word is made beforehand, since a handler may neither allocate nor format. */
static struct {
    char *node; /* NULL: it has no name yet */
    char *result_prefix;
    struct channel *ctl;
    char *last_words[array_size(fatal_signals)];
} fate;

static void make_last_words(void)
{
    for (size_t i = 0; i < array_size(fatal_signals); i++) {
        cleanup_free char *reason = xasprintf("init: killed by %s", fatal_signals[i].name);
        struct buffer line = {0};
        char *old = fate.last_words[i];

        reply_failure_line(&line, fate.result_prefix, fate.node, reason);
        fate.last_words[i] = buffer_steal(&line);
        free(old);
    }
}

void fail_prefix(const char *result_prefix)
{
    free(fate.result_prefix);
    fate.result_prefix = xstrdup(result_prefix);
    make_last_words();
}

void fail_node(const char *node)
{
    free(fate.node);
    fate.node = xstrdup(node);
    make_last_words();
}

void fail_channel(struct channel *ctl)
{
    fate.ctl = ctl;
}

static void on_fatal_signal(int number)
{
    for (size_t i = 0; i < array_size(fatal_signals); i++)
        if (fatal_signals[i].number == number && fate.last_words[i])
            console_write(fate.last_words[i]);
    power_off();
}

int fail_catch_signals(struct error *error)
{
    /* A stack of its own: an overflow of the other one is a SIGSEGV, too. */
    stack_t stack = {.ss_size = 64 * 1024};
    struct sigaction action = {.sa_handler = on_fatal_signal, .sa_flags = SA_ONSTACK};

    stack.ss_sp = xmalloc(stack.ss_size);
    if (sigaltstack(&stack, NULL) < 0)
        return error_errno(error, "cannot set the signal stack");
    sigfillset(&action.sa_mask);
    for (size_t i = 0; i < array_size(fatal_signals); i++)
        if (sigaction(fatal_signals[i].number, &action, NULL) < 0)
            return error_errno(error, "cannot catch %s", fatal_signals[i].name);
    return 0;
}

void fail_release_signals(void)
{
    for (size_t i = 0; i < array_size(fatal_signals); i++)
        signal(fatal_signals[i].number, SIG_DFL);
}

void fail(const struct error *error)
{
    cleanup_free char *reason = xasprintf("init: %s", error->message);
    struct channel *ctl = steal_pointer(&fate.ctl);
    struct buffer line = {0};

    reply_failure_line(&line, fate.result_prefix, fate.node, reason);
    console_write(line.data);
    if (ctl) {
        reply_failed(channel_out(ctl), reason);
        channel_finish(ctl);
    }
    power_off();
}

void must(int code, const struct error *error)
{
    if (code < 0)
        fail(error);
}
