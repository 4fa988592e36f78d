/* feature_file: features on disk, a row for each sample or text, in their order.
 *
 *   NAME.npy           numpy's format 1.0: float32, C order, (n, width); its header has 128 bytes
 *   NAME.safetensors   one tensor "features", F32 (n, width); its header has 512 bytes
 *   FILE.keys.txt      beside either: a line for each row, its key
 *   FILE.json          beside either: "rows", "width", "unusable" and what made the file
 *
 * What could not be used is a row of NaN: it keeps its place and cannot be taken for a feature. */
#ifndef PIPELINE_FEATURES_FEATURE_FILE_H
#define PIPELINE_FEATURES_FEATURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* --- Writing ---
 *
 * Until the end everything is in the folder FILE.partial: rows, keys, and how far both were saved.
 * A process that is killed leaves a folder from which the next one goes on, so that the finished
 * files have the bytes of a process that never stopped. The file itself appears last and whole. */

struct feature_fact {
    const char *name, *value;
};

/* How far a file has come. */
struct feature_progress {
    int64_t items;    /* samples, lines or pictures that were taken from the input */
    int64_t rows;     /* written for them */
    int64_t unusable; /* rows of NaN among them */
    uint64_t digest;  /* of those items: the input must begin with the same when it goes on */
};

struct feature_writer;

/* facts: what the numbers depend on; progress is set to where to go on, all zero for a new file.
 * END: the finished file is there already, made with the same facts. Errors: BAD_ARG for another
 * ending, or when a file that something else made has this name; MISMATCH when FILE.partial was
 * begun with other facts; IN_USE while another process writes it. */
enum status feature_writer_open(struct feature_writer **out, const char *path, int width,
                                const struct feature_fact *facts, int n_facts,
                                struct feature_progress *progress, struct error *e);
/* n rows (n, width), and their keys, each with a line end. */
enum status feature_writer_add(struct feature_writer *w, const float *rows, int64_t n,
                               const struct text *keys, struct error *e);
/* Everything added so far is on the disk and belongs to progress. */
enum status feature_writer_save(struct feature_writer *w, const struct feature_progress *progress,
                                struct error *e);
/* Saves, and gives the files their names. */
enum status feature_writer_finish(struct feature_writer *w, const struct feature_progress *progress,
                                  struct error *e);
/* What was not finished stays in FILE.partial. */
void feature_writer_close(struct feature_writer **w);

/* --- Reading --- */

struct feature_file;

/* A .npy (version 1 or 2; 2 dimensions, C order, <f2 <f4 <f8), or a .safetensors with a tensor
 * "features" or only one. Keys are read when FILE.keys.txt is there. Errors: those of
 * file_map_open; BAD_DATA: neither format, another number of keys than rows. */
enum status feature_file_open(struct feature_file **out, const char *path, struct error *e);
void feature_file_close(struct feature_file **f);
int64_t feature_file_rows(const struct feature_file *f);
int64_t feature_file_width(const struct feature_file *f);
/* Rows [first, first + n) into out (n, width). */
enum status feature_file_read(const struct feature_file *f, int64_t first, int64_t n, float *out,
                              struct error *e);
/* What FILE.json says of a fact; NULL when it does not. */
const char *feature_file_fact(const struct feature_file *f, const char *name);
/* The key of a row, not ended by a zero: *n bytes; without keys its number, written to room. */
const char *feature_file_key(const struct feature_file *f, int64_t row, char room[24], size_t *n);

#endif
