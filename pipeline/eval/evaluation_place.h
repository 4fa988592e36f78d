/* evaluation_place: finds the parts of an evaluation set, and the settings in its folder.
 *
 * A folder in CLIP_benchmark's layout:
 *     FOLDER/test/nshards.txt, 0.tar ...       pictures (webp, png, jpg) with cls, npy or txt
 *     FOLDER/train/nshards.txt, 0.tar ...      the same, to learn from; may be missing
 *     FOLDER/classnames.txt                    a class name per line
 *     FOLDER/zeroshot_classification_templates.txt   a prompt with {c} per line
 *     FOLDER/dataset_type.txt                  "retrieval" or "multilabel"; missing: classification
 * Each line of its captions is a caption. For other shards, class names and templates are files
 * beside the first shard. Without templates: "a photo of a {}.".
 * Source: LAION CLIP_benchmark, datasets/builder.py, build_wds_dataset. */
#ifndef PIPELINE_EVAL_EVALUATION_PLACE_H
#define PIPELINE_EVAL_EVALUATION_PLACE_H

#include "pipeline/eval/evaluation.h"

/* Lines of a text, each ended by a zero. */
struct evaluation_lines {
    struct text bytes;
    int64_t n;
};
/* The line after `from`; NULL gives the first one. */
const char *evaluation_lines_next(const struct evaluation_lines *lines, const char *from);

struct evaluation_place {
    enum evaluation_task task;
    enum caption_use captions;
    struct text test, train; /* as shard_list_expand reads them; train may be empty */
    struct evaluation_lines classnames, templates;
};

/* Reads the files that the task needs. Errors: NOT_FOUND for a missing classnames.txt or
 * nshards.txt; BAD_DATA for their content; BAD_ARG. */
enum status evaluation_place_open(struct evaluation_place *p, const struct evaluation_set *set,
                                  struct error *e);
void evaluation_place_release(struct evaluation_place *p);
/* Whether a folder has CLIP_benchmark's layout. */
bool evaluation_place_is_benchmark(const char *folder);

#endif
