/* Machines that were copied from one another are the same in all that they remember. What no two
 * nodes may share is made anew here, before a program of the user's runs. boot_id is not among it,
 * because the kernel makes that when it is first read (drivers/char/random.c), and nothing in init
 * reads it. */
#include "initrd/init/identity.h"

#include "base/loop.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MACHINE_ID "/etc/machine-id"

/* random(4): the first call mixes the bytes in and credits them, the second has every generator of
 * the kernel draw a new key from the pool at once instead of within minutes. */
static int reseed(struct pod *pod, struct error *error)
{
    size_t size = sizeof(struct rand_pool_info) + pod->entropy_size;
    cleanup_free struct rand_pool_info *info = xcalloc(1, size);
    cleanup_fd int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
    int code = 0;

    info->entropy_count = (int)pod->entropy_size * 8;
    info->buf_size = (int)pod->entropy_size;
    memcpy(info->buf, pod->entropy, pod->entropy_size);
    if (fd < 0)
        code = error_errno(error, "cannot open /dev/urandom");
    else if (ioctl(fd, RNDADDENTROPY, info) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0)
        code = error_errno(error, "cannot give the kernel new entropy");
    explicit_bzero(info, size);
    explicit_bzero(pod->entropy, sizeof pod->entropy);
    return code;
}

static int set_clock(uint64_t time_ns, struct error *error)
{
    const struct timespec now = {.tv_sec = (time_t)(time_ns / NS_PER_S),
                                 .tv_nsec = (long)(time_ns % NS_PER_S)};

    if (clock_settime(CLOCK_REALTIME, &now) < 0)
        return error_errno(error, "cannot set the clock to %lld s", (long long)now.tv_sec);
    return 0;
}

static int set_host_name(const char *name, struct error *error)
{
    if (sethostname(name, strlen(name)) < 0)
        return error_errno(error, "cannot set the host name");
    return 0;
}

/* As machine-id(5) makes them: a random UUID of version 4. */
static int draw_machine_id(uint8_t id[static POD_MACHINE_ID_SIZE], struct error *error)
{
    if (getrandom(id, POD_MACHINE_ID_SIZE, 0) != POD_MACHINE_ID_SIZE)
        return error_errno(error, "cannot draw a machine id");
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    return 0;
}

/* An image that comes with an id of its own keeps it. */
static bool has_machine_id(void)
{
    struct stat info;

    return lstat(MACHINE_ID, &info) == 0 && (!S_ISREG(info.st_mode) || info.st_size > 0);
}

static int make_machine_id(struct pod *pod, struct error *error)
{
    char text[2 * POD_MACHINE_ID_SIZE + 2];
    cleanup_fd int fd = -1;
    int code;

    if (has_machine_id())
        return 0;
    code = pod->has_machine_id ? 0 : draw_machine_id(pod->machine_id, error);
    if (code < 0)
        return code;
    for (size_t i = 0; i < POD_MACHINE_ID_SIZE; i++)
        snprintf(text + 2 * i, 4, "%02x\n", pod->machine_id[i]);
    if (mkdir("/etc", 0755) < 0 && errno != EEXIST)
        return error_errno(error, "cannot make /etc");
    fd = open(MACHINE_ID, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0 || write(fd, text, sizeof text - 1) != sizeof text - 1)
        return error_errno(error, "cannot write " MACHINE_ID);
    return 0;
}

int identity_assume(struct pod *pod, struct error *error)
{
    int code = reseed(pod, error);

    if (code == 0)
        code = set_clock(pod->time_ns, error);
    if (code == 0)
        code = set_host_name(pod->hostname, error);
    return code < 0 ? code : make_machine_id(pod, error);
}
