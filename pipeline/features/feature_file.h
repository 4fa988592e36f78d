/* feature_file: features on disk, one row per sample or text, in order.
 *
 *   NAME.npy           numpy's format 1.0: float32, C order, (n, width); its header has 128 bytes
 *   NAME.safetensors   one tensor "features", F32 (n, width); its header has 512 bytes
 *   FILE.keys.txt      beside either: the key of each row, a line each
 *   FILE.json          beside either: "rows", "width", "unusable" and the facts of its making
 *
 * An unusable input is a row of NaN: it keeps its place and cannot be taken for a feature. */
#ifndef PIPELINE_FEATURES_FEATURE_FILE_H
#define PIPELINE_FEATURES_FEATURE_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* --- Writing ---
 *
 * Until the end everything is in the folder FILE.partial: rows, keys, and how far both are saved.
 * After a kill the next process continues from that folder, so that the finished files have the
 * bytes of an uninterrupted process. The file itself appears last, and complete. */

struct feature_fact {
    const char *name, *value;
};

/* Progress of a file. */
struct feature_progress {
    int64_t items;    /* samples, lines or pictures taken from the input */
    int64_t rows;     /* written for them */
    int64_t unusable; /* rows of NaN among them */
    uint64_t digest;  /* of those items; on continuing, the input must begin with the same items */
};

struct feature_writer;

/* facts: everything that the numbers depend on. *progress: where to continue; all zero for a new
 * file. END: the finished file exists already, made with the same facts. Errors: BAD_ARG for
 * another extension, or when something else made a file of this name; MISMATCH when FILE.partial
 * was begun with other facts; IN_USE while another process writes it. */
enum status feature_writer_open(struct feature_writer **out, const char *path, int width,
                                const struct feature_fact *facts, int n_facts,
                                struct feature_progress *progress, struct error *e);
/* Adds rows (n, width) and their keys, each with a line end. */
enum status feature_writer_add(struct feature_writer *w, const float *rows, int64_t n,
                               const struct text *keys, struct error *e);
/* Syncs everything added so far and records progress for it. */
enum status feature_writer_save(struct feature_writer *w, const struct feature_progress *progress,
                                struct error *e);
/* Saves and gives the files their names. */
enum status feature_writer_finish(struct feature_writer *w, const struct feature_progress *progress,
                                  struct error *e);
/* Closes the writer. Unfinished work stays in FILE.partial. */
void feature_writer_close(struct feature_writer **w);

/* --- Reading --- */

struct feature_file;

/* A .npy (version 1 or 2; 2 dimensions, C order, <f2 <f4 <f8), or a .safetensors with a tensor
 * "features" or only one. Reads keys if FILE.keys.txt exists. Errors: those of file_map_open;
 * BAD_DATA: neither format, or the number of keys is not that of rows. */
enum status feature_file_open(struct feature_file **out, const char *path, struct error *e);
void feature_file_close(struct feature_file **f);
int64_t feature_file_rows(const struct feature_file *f);
int64_t feature_file_width(const struct feature_file *f);
/* Copies rows [first, first + n) to out (n, width). */
enum status feature_file_read(const struct feature_file *f, int64_t first, int64_t n, float *out,
                              struct error *e);
/* A fact in FILE.json, or NULL. */
const char *feature_file_fact(const struct feature_file *f, const char *name);
/* The key of a row: *n bytes without a NUL. Without keys it is the row's number, written to
 * room. */
const char *feature_file_key(const struct feature_file *f, int64_t row, char room[24], size_t *n);

#endif
