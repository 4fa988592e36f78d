/* evaluation_table: the lines of an evaluation.jsonl as a table for people.
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
 * A set belongs to the stage whose name it has, alone or in front of one of `-_./` and more
 * ("photos-test" to "photos"); the one with the longest name if several fit. Where a domain comes
 * back, in a stage "photos-2", "photos-test" stays with "photos": gained is what the first of them
 * taught, and forgotten what is missing at the end, after the second. A set that has the name of no
 * stage, but of a source, belongs to all the stages that train on that source (lines with
 * "trained"), as in a stream cut from one list of classes: gained is then what the first to the
 * last of them taught. gained, forgotten and retained are those of retention.h; they are left out
 * while there is no line "start" or no stage has ended, and when no set belongs to a stage, which a
 * line below the table then says. The mean of the moments is over the sets that were measured.
 *
 * Below, of the score: MTIL's measures, over the sets of the stages, when each of at least two
 * stages has one of its own; and those of FoMo-in-Flux, when there are sets of stages and others.
 * Its recall@5 is the mean of both directions. */
#ifndef PIPELINE_EVAL_EVALUATION_TABLE_H
#define PIPELINE_EVAL_EVALUATION_TABLE_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Appends the table of one metric, of the sets that have it; NULL: "score". Errors: those of
 * file_read_all; BAD_DATA with the line that is no evaluation, or the second one of a set at one
 * moment; BAD_ARG when no line has the metric, naming those there are. A last line without its end,
 * as a killed run leaves it, is not read. */
enum status evaluation_table(struct text *out, const char *path, const char *metric,
                             struct error *e);

#endif
