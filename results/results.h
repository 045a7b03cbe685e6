/* results: what a run found, from the bytes on a console to the files that it leaves.
 *
 * A console's bytes go through a scanner (tokens, the kernel's own trouble); a token's JSON through
 * token_parse; the runner puts verdicts into the model; the writers put the model into files.
 * docs/results.md describes tokens, verdicts and files for users. */
#ifndef DUET_RESULTS_H
#define DUET_RESULTS_H

#include "results/capture.h"
#include "results/hexdump.h"
#include "results/metric.h"
#include "results/model.h"
#include "results/scanner.h"
#include "results/text.h"
#include "results/token.h"
#include "results/verdict.h"
#include "results/writers.h"

#endif
