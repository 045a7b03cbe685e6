#include "initrd/init/console.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <termios.h>
#include <unistd.h>

int console_open(struct error *error)
{
    int fd = open("/dev/console", O_RDWR | O_NOCTTY);

    /* A kernel without a console=: init still works, with nobody to talk to. */
    if (fd < 0 && errno == ENODEV)
        fd = open("/dev/null", O_RDWR);
    if (fd < 0)
        return error_errno(error, "cannot open /dev/console");
    for (int standard = 0; standard <= 2; standard++)
        if (fd != standard && dup2(fd, standard) < 0)
            return error_errno(error, "cannot make /dev/console file descriptor %d", standard);
    if (fd > 2)
        close(fd);
    return 0;
}

void console_write(const char *text)
{
    size_t left = strlen(text);

    while (left > 0) {
        ssize_t n = write(STDOUT_FILENO, text, left);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        text += n;
        left -= (size_t)n;
    }
    console_drain();
}

void console_drain(void)
{
    while (tcdrain(STDOUT_FILENO) < 0 && errno == EINTR)
        ;
}

/* Without a way to switch the power the kernel would halt in RB_POWER_OFF and QEMU would stay;
 * a restart ends QEMU where it has -no-reboot. */
void power_off(void)
{
    sync();
    console_drain();
    if (access("/sys/firmware/acpi/tables", F_OK) == 0)
        reboot(RB_POWER_OFF);
    reboot(RB_AUTOBOOT);
    _exit(1); /* the kernel panics, which is the last way left to end */
}
