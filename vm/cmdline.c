/* Kernel parameters that make a boot come out the same way each time
 * (Documentation/admin-guide/kernel-parameters.txt). */
#include "vm/vm.h"

#include <inttypes.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* panic=-1 and reboot=t end the machine at once: by a triple fault, which QEMU reports as a
 * reset. printk.time=1 is what tells the kernel's own lines from a program's.
 *
 * Under TCG the calibration of the TSC races against the emulated timer and can hang for ever when
 * the host is busy: the frequency is given instead, and nothing is left to calibrate. And what TCG
 * has translated serves a program that is run again only where it has the same addresses: with
 * norandmaps an exec takes a third of the time. */
void vm_cmdline_base(enum vm_accel accel, uint64_t tsc_khz, struct buffer *cmdline)
{
    buffer_append_text(cmdline, "console=ttyS0 printk.time=1 panic=-1 reboot=t ");
    if (accel == VM_ACCEL_TCG)
        buffer_append_text(cmdline, "norandmaps ");
    if (accel == VM_ACCEL_TCG && tsc_khz > 0)
        buffer_printf(cmdline, "tsc_early_khz=%" PRIu64 " tsc=reliable no_timer_check ", tsc_khz);
}

#if defined(__x86_64__)
static uint64_t raw_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* The two clocks are read close together: of some tries the one that took least counts. */
static void read_both(uint64_t *tsc, uint64_t *ns)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 16; i++) {
        uint64_t before = __rdtsc();
        uint64_t now = raw_ns();
        uint64_t after = __rdtsc();

        if (after - before < best) {
            best = after - before;
            *tsc = before + (after - before) / 2;
            *ns = now;
        }
    }
}

/* Two measurements differ by a kHz or two, and a template is another one's where the command line
 * is. What is rounded off is 20 ppm of 2.5 GHz, less than crystals are good for. */
enum { TSC_STEP_KHZ = 100 };

uint64_t vm_tsc_khz(void)
{
    const struct timespec span = {.tv_nsec = 20 * 1000 * 1000};
    uint64_t tsc0 = 0, ns0 = 0, tsc1 = 0, ns1 = 0;
    double khz;

    read_both(&tsc0, &ns0);
    clock_nanosleep(CLOCK_MONOTONIC, 0, &span, NULL);
    read_both(&tsc1, &ns1);
    if (ns1 <= ns0 || tsc1 <= tsc0)
        return 0;
    khz = (double)(tsc1 - tsc0) * 1e6 / (double)(ns1 - ns0);
    return (uint64_t)(khz / TSC_STEP_KHZ + 0.5) * TSC_STEP_KHZ;
}
#else
uint64_t vm_tsc_khz(void)
{
    return 0;
}
#endif
