#include "runner/tty.h"

#include "base/memory.h"
#include "runner/flow.h"
#include "runner/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

struct tty {
    struct loop *loop;
    int in;
    int out; /* that never blocks: what cannot be switched off is left; -1: no terminal */
    struct termios usual, raw;
    struct screen screen;
    void (*resized)(void *context);
    void *context;

    pid_t watcher;
    int lifeline;       /* the watcher sees it close when duet ends, however it ends */
    struct buffer told; /* what the watcher would write */
};

bool tty_size(int fd, unsigned *rows, unsigned *columns)
{
    struct winsize size;

    if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_row == 0 || size.ws_col == 0)
        return false;
    *rows = size.ws_row;
    *columns = size.ws_col;
    return true;
}

/* -- The watcher ------------------------------------------------------------------------------- */

static bool is_same(const struct termios *a, const struct termios *b)
{
    return a->c_iflag == b->c_iflag && a->c_oflag == b->c_oflag && a->c_cflag == b->c_cflag &&
           a->c_lflag == b->c_lflag && memcmp(a->c_cc, b->c_cc, sizeof a->c_cc) == 0;
}

/* A shell may have its settings back already. Only what may be called after fork(2) in a process
 * with threads. */
static void restore(const struct tty *tty, int in, int out, const char *undo, size_t count)
{
    struct termios now;

    if (tcgetattr(in, &now) == 0 && is_same(&now, &tty->raw))
        tcsetattr(in, TCSANOW, &tty->usual);
    if (count > 0 && out >= 0 && write(out, undo, count) < 0)
        return;
}

/* It keeps nothing open but the terminal and its lifeline. */
static void watch_over(const struct tty *tty, int lifeline)
{
    char undo[SCREEN_UNDO_MAX], next[SCREEN_UNDO_MAX];
    int in = fcntl(tty->in, F_DUPFD, 3);
    size_t count = 0;
    ssize_t n;

    /* Of another session than the terminal's, it may set it from the background. */
    setsid();
    prctl(PR_SET_NAME, "terminal-keeper");
    dup2(in, 0);
    dup2(lifeline, 1);
    dup2(tty->out, 2);
    syscall(SYS_close_range, tty->out < 0 ? 2 : 3, ~0u, 0);
    while ((n = recv(1, next, sizeof next, 0)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            memcpy(undo, next, (size_t)n);
        count = n > 0 ? (size_t)n : count;
    }
    restore(tty, 0, 2, undo, count);
    _exit(0);
}

static int start_watcher(struct tty *tty, struct error *error)
{
    sigset_t all, before;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return error_errno(error, "cannot make a socket for the terminal's keeper");
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    tty->watcher = fork();
    if (tty->watcher == 0)
        watch_over(tty, ends[1]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    tty->lifeline = ends[0];
    return tty->watcher < 0 ? error_errno(error, "cannot start the terminal's keeper") : 0;
}

/* A watcher that does not read will be told the next time. */
static void tell_watcher(struct tty *tty)
{
    cleanup_buffer struct buffer undo = {0};
    struct screen screen = tty->screen;

    screen.mid_line = false; /* the shell prints its prompt meanwhile */
    screen_undo(&screen, &undo);
    if (undo.length == 0)
        buffer_append_text(&undo, "\r");
    if (undo.length == tty->told.length && memcmp(undo.data, tty->told.data, undo.length) == 0)
        return;
    if (send(tty->lifeline, undo.data, undo.length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
    buffer_clear(&tty->told);
    buffer_append(&tty->told, undo.data, undo.length);
}

static void end_watcher(struct tty *tty)
{
    if (tty->watcher > 0) {
        kill(tty->watcher, SIGKILL);
        while (waitpid(tty->watcher, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (tty->lifeline >= 0)
        close(tty->lifeline);
}

/* -- The loan ---------------------------------------------------------------------------------- */

static void on_resized(void *context, int signal_number)
{
    const struct tty *tty = context;

    (void)signal_number;
    tty->resized(tty->context);
}

static bool is_in_background(const struct tty *tty)
{
    pid_t foreground = tcgetpgrp(tty->in);

    return foreground >= 0 && foreground != getpgrp();
}

/* Whoever stopped duet, the user's shell has made the terminal its own meanwhile. In the background
 * it still is the shell's. */
static void on_continued(void *context, int signal_number)
{
    const struct tty *tty = context;

    if (is_in_background(tty))
        return;
    tcsetattr(tty->in, TCSANOW, &tty->raw);
    on_resized(context, signal_number);
}

static void on_nobodys_signal(void *context, int signal_number)
{
    (void)context;
    (void)signal_number;
}

static int lend(struct tty *tty, struct error *error)
{
    if (tcgetattr(tty->in, &tty->usual) < 0)
        return error_errno(error, "cannot read the terminal's settings");
    tty->raw = tty->usual;
    cfmakeraw(&tty->raw);
    return 0;
}

/* What the loop has of it goes, too. */
static void free_tty(struct tty *tty)
{
    struct error error;

    loop_signal(tty->loop, SIGWINCH, on_nobodys_signal, NULL, &error);
    loop_signal(tty->loop, SIGCONT, on_nobodys_signal, NULL, &error);
    end_watcher(tty);
    if (tty->out >= 0)
        close(tty->out);
    buffer_free(&tty->told);
    free(tty);
}

int tty_take(struct loop *loop, int in, int out, void (*resized)(void *context), void *context,
             struct tty **taken, struct error *error)
{
    struct tty *tty = xcalloc(1, sizeof *tty);
    int code;

    *tty = (struct tty){.loop = loop,
                        .in = in,
                        .out = isatty(out) ? flow_reopen(out, O_WRONLY) : -1,
                        .lifeline = -1,
                        .resized = resized,
                        .context = context};
    code = lend(tty, error);
    if (code == 0)
        code = start_watcher(tty, error);
    if (code == 0)
        code = loop_signal(loop, SIGWINCH, on_resized, tty, error);
    if (code == 0)
        code = loop_signal(loop, SIGCONT, on_continued, tty, error);
    if (code == 0 && tcsetattr(in, TCSANOW, &tty->raw) < 0)
        code = error_errno(error, "cannot change the terminal's settings");
    if (code < 0) {
        free_tty(tty);
        return code;
    }
    *taken = tty;
    return 0;
}

void tty_shown(struct tty *tty, const char *bytes, size_t count)
{
    screen_take(&tty->screen, bytes, count);
    tell_watcher(tty);
}

static void switch_off(const struct tty *tty)
{
    cleanup_buffer struct buffer undo = {0};

    screen_undo(&tty->screen, &undo);
    buffer_append_text(&undo, "\r");
    if (tty->out >= 0 && write(tty->out, undo.data, undo.length) < 0)
        return;
}

void tty_give_back(struct tty *tty, bool clean)
{
    if (!tty)
        return;
    if (!clean)
        switch_off(tty);
    tcsetattr(tty->in, TCSANOW, &tty->usual);
    free_tty(tty);
}
