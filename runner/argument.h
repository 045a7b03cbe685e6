/* Numbers on the command line. */
#ifndef DUET_RUNNER_ARGUMENT_H
#define DUET_RUNNER_ARGUMENT_H

#include <argp.h>
#include <stdint.h>

/* The whole number that `argument` of --`option` is, from `least` to `most`; else argp_error says
 * what was found and expected, and ends the program. */
uint64_t argument_number(const char *option, const char *argument, uint64_t least, uint64_t most,
                         struct argp_state *state);

#endif
