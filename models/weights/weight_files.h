/* weight_files: the tensors of a checkpoint as other programs leave it, as one collection.
 *
 * A path is one of
 *     a safetensors file
 *     an index, FILE.index.json: which file of its folder holds which tensor
 *     a folder with model.safetensors, model.safetensors.index.json or
 *       open_clip_model.safetensors: the first of them that is there
 * Headers are read at once, numbers by weight_files_read, straight to their place.
 *
 * Names lose "module." (data parallel) and "_orig_mod." (compiled) when all of them have it.
 * Tensors that an index does not name are left aside.
 *
 * Pickles (.pt, .pth, .bin) are refused with the command that turns one into safetensors: to read a
 * pickle is to run what is in it. */
#ifndef MODELS_WEIGHTS_WEIGHT_FILES_H
#define MODELS_WEIGHTS_WEIGHT_FILES_H

#include "models/weights/safetensors.h"
#include "models/weights/weight_layout.h"

struct weight_files;

/* Errors: those of safetensors_open; UNSUPPORTED for a pickle; NOT_FOUND when a folder holds no
 * weights; BAD_DATA for an index that does not fit its files. */
enum status weight_files_open(struct weight_files **out, const char *path, struct error *e);
void weight_files_destroy(struct weight_files **f);

/* As given to weight_files_open. */
const char *weight_files_path(const struct weight_files *f);
int weight_files_count(const struct weight_files *f);
/* In the order of the names. */
const struct safetensors_tensor *weight_files_at(const struct weight_files *f, int i);
/* Index of the tensor of that name, or -1. */
int weight_files_find(const struct weight_files *f, const char *name);

/* The layout in which most parameters have their tensors here; the first one when none has any. */
const struct weight_layout *weight_files_layout(const struct weight_files *f,
                                                const struct parameters *p);

/* Copies a whole parameter, joined from its parts. The tensors must be there and have the shape of
 * place->part. BAD_DATA for a number that is not finite, with the name of its tensor, and for a
 * type that is no float. */
enum status weight_files_read(const struct weight_files *f, const struct weight_place *place,
                              float *values, struct error *e);

#endif
