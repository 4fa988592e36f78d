/* weight_files: the weight files of other programs as one collection of tensors.
 *
 * A path is one of
 *     a safetensors file
 *     an index, FILE.index.json, that names the file of each tensor
 *     a folder with model.safetensors, model.safetensors.index.json or
 *       open_clip_model.safetensors: the first that exists
 * Opening reads the headers; weight_files_read reads numbers straight into place.
 *
 * The prefixes "module." (data parallel) and "_orig_mod." (compiled) are removed if all names have
 * them. Tensors that an index does not name are ignored.
 *
 * Pickles (.pt, .pth, .bin) are refused, with the command that converts one to safetensors: reading
 * a pickle runs the code in it. */
#ifndef MODELS_WEIGHTS_WEIGHT_FILES_H
#define MODELS_WEIGHTS_WEIGHT_FILES_H

#include "models/weights/safetensors.h"
#include "models/weights/weight_layout.h"

struct weight_files;

/* Errors: those of safetensors_open; UNSUPPORTED for a pickle; NOT_FOUND when a folder holds no
 * weights; BAD_DATA for an index that does not fit its files. */
enum status weight_files_open(struct weight_files **out, const char *path, struct error *e);
void weight_files_destroy(struct weight_files **f);

/* The path given to weight_files_open. */
const char *weight_files_path(const struct weight_files *f);
int weight_files_count(const struct weight_files *f);
/* In the order of the names. */
const struct safetensors_tensor *weight_files_at(const struct weight_files *f, int i);
/* Index of the tensor of that name, or -1. */
int weight_files_find(const struct weight_files *f, const char *name);

/* The layout under which most parameters have their tensors here; the first layout if none has
 * any. */
const struct weight_layout *weight_files_layout(const struct weight_files *f,
                                                const struct parameters *p);

/* Reads a whole parameter, joined from its parts. The tensors must exist and have the shape of
 * place->part. BAD_DATA for a number that is not finite (the text names its tensor) and for a type
 * that is not a float. */
enum status weight_files_read(const struct weight_files *f, const struct weight_place *place,
                              float *values, struct error *e);

#endif
