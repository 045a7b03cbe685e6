#include "runner/argument.h"

#include "base/units.h"

uint64_t argument_number(const char *option, const char *argument, uint64_t least, uint64_t most,
                         struct argp_state *state)
{
    struct error error;
    uint64_t number = 0;

    if (units_count(argument, &number, &error) < 0)
        argp_error(state, "--%s: %s", option, error.message);
    else if (number < least || number > most)
        argp_error(state, "--%s is %s; expected a number from %llu to %llu", option, argument,
                   (unsigned long long)least, (unsigned long long)most);
    return number;
}
