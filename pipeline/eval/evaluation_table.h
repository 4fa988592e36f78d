/* evaluation_table: prints the lines of an evaluation.jsonl as a table.
 *
 *   score, percent      emoji  photos  fashion    mean
 *   start                41.2    10.0      9.8    20.3
 *   after photos         38.0    16.0      9.9    21.3
 *   after fashion        30.1    15.0     71.3    38.8
 *   gained                  -     6.0     61.4    33.7
 *   forgotten            11.1     1.0        -     6.1
 *   retained             73.1    93.8        -    83.4
 *
 *   MTIL            transfer  9.9  average 33.2  last 43.2
 *   FoMo-in-Flux    KA 56.2  ZS 48.4  GM 52.2  (start: KA 27.1  ZS 60.2  GM 40.4)
 *
 * A set belongs to the stage whose name it has, alone or followed by one of `-_./` and more
 * ("photos-test" to "photos"); if several fit, to the one with the longest name. If a domain comes
 * back, in a stage "photos-2", "photos-test" still belongs to "photos": gained is what the first
 * stage taught, and forgotten is what is missing at the end, after the second. A set with the name
 * of a source, but of no stage, belongs to all stages that train on that source (lines with
 * "trained"), as in a stream cut from one list of classes; gained is then what the first to the
 * last of them taught. gained, forgotten and retained are those of retention.h. They are left out
 * while there is no line "start" or no stage has ended. They are also left out when no set belongs
 * to a stage; a line below the table then says so. The mean of a moment is over the sets measured.
 *
 * Below the table of the score: MTIL's measures over the sets of stages, if at least two stages
 * each have a set of their own; and those of FoMo-in-Flux, if there are both sets of stages and
 * other sets. Its recall@5 is the mean of both directions. */
#ifndef PIPELINE_EVAL_EVALUATION_TABLE_H
#define PIPELINE_EVAL_EVALUATION_TABLE_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Appends the table of one metric, over the sets that have it; NULL: "score". Errors: those of
 * file_read_all; BAD_DATA names a line that is not an evaluation, or a second one of a set at one
 * moment; BAD_ARG when no line has the metric (the text lists those there are). A last line without
 * its end, as left by a killed run, is ignored. */
enum status evaluation_table(struct text *out, const char *path, const char *metric,
                             struct error *e);

#endif
