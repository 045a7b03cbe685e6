#include "initrd/init/terminal.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

int terminal_open(uint16_t rows, uint16_t columns, int *master, int *slave, struct error *error)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};
    cleanup_fd int ours = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    int theirs;

    if (ours < 0)
        return error_errno(error, "this kernel has no pseudoterminals (/dev/ptmx)");
    if (unlockpt(ours) < 0 || ioctl(ours, TIOCSWINSZ, &size) < 0)
        return error_errno(error, "cannot set up a pseudoterminal");
    theirs = ioctl(ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (theirs < 0)
        return error_errno(error, "cannot open a pseudoterminal");
    *master = steal_fd(&ours);
    *slave = theirs;
    return 0;
}

int terminal_resize(int master, uint16_t rows, uint16_t columns, struct error *error)
{
    const struct winsize size = {.ws_row = rows, .ws_col = columns};

    if (ioctl(master, TIOCSWINSZ, &size) < 0)
        return error_errno(error, "cannot resize the terminal");
    return 0;
}

int terminal_take(int slave)
{
    return ioctl(slave, TIOCSCTTY, 0);
}

/* The attributes of the master are the slave's. */
void terminal_end(int master, char last, struct buffer *out)
{
    struct termios attributes;
    char character;

    if (tcgetattr(master, &attributes) < 0 || attributes.c_cc[VEOF] == _POSIX_VDISABLE)
        return;
    character = (char)attributes.c_cc[VEOF];
    if (attributes.c_lflag & ICANON && last != '\n' && last != '\r')
        buffer_append(out, &character, 1);
    buffer_append(out, &character, 1);
}
