/* dataset: one named source of samples: shards, their indices, and reads of single samples.
 *
 * Sample i is the i-th of all shards in the order of the list. Its id is a hash of (source name,
 * base name of the shard, key): stable when shards are added or moved, and different for shards
 * that count their keys from zero each, also for shards of one name in several folders. A dataset is read-only after dataset_open, so threads may
 * share it; each brings its own dataset_memory.
 *
 * Errors of reads: BAD_DATA is about content (missing member, wrong CRC, no picture) and costs the
 * sample; STORAGE comes after five tries and must stop the run, never the sample; so must REMOTE,
 * NOT_FOUND and STOPPED of remote shards. */
#ifndef DATA_SHARDS_DATASET_H
#define DATA_SHARDS_DATASET_H

#include <stdint.h>

#include "data/images/image.h"
#include "data/images/resize.h"
#include "data/shards/index.h"
#include "data/texts/caption.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

enum { DATASET_CAPTIONS_MAX = 128, DATASET_MIX_MAX = 16 };

/* One of several kinds of caption that the samples of a source have. */
struct dataset_mix {
    const char *field; /* of the .json member, a text or list of texts; "": the .txt member */
    double probability;
};

/* What a recipe says of a source. Texts are copied. */
struct dataset_source {
    const char *name;
    const char *shards;        /* as shard_list_expand reads it */
    const char *cache;         /* folder for indices (NULL: beside the shards or not at all) and
                                  for remote shards (NULL: as cache.h says) */
    uint64_t cache_bytes;      /* limit of remote shards in it; 0: as cache.h says */
    bool look_only;            /* write no index */
    struct image_rule rule;    /* how pictures with more than RGB are read */
    double jpeg_gap;           /* resize_shift's, for JPEGs that are read to be resized */
    enum caption_use captions; /* of the .txt member */
    const char *caption_field; /* of the .json member, a text or list of texts; NULL: use .txt */
    const struct dataset_mix *mix; /* (n_mix) instead of caption_field */
    int n_mix;                     /* at most DATASET_MIX_MAX; 0: caption_field alone */
    const char *label_field;       /* of the .json member, an integer; NULL: use .cls */
    /* Captions made of the names of the samples' classes instead: one per template, with {} or {c}
     * where the name stands. No names: the lines of classnames.txt beside the first shard. Without
     * templates the names are for dataset_class alone. */
    const char *const *templates, *const *classnames;
    int n_templates, n_classnames;
};

struct dataset;

/* Opens, indexing what is not indexed. Errors: those of shard_list_expand, index_open and
 * shard_sizes_check; NOT_FOUND counts the missing shards and names the first. */
enum status dataset_open(struct dataset **out, const struct dataset_source *source,
                         struct error *e);
void dataset_close(struct dataset **d);

struct dataset_counts {
    int64_t samples;  /* all, damaged ones too */
    int64_t pictures; /* samples with a member jpg, jpeg, png, webp or bmp */
    int64_t captions; /* samples with a member that captions are made of */
    int64_t labels;   /* samples with a member cls, or json with a label_field */
    int64_t damaged;  /* samples that the index marks */
    int shards;
};
struct dataset_counts dataset_counts(const struct dataset *d);
const char *dataset_name(const struct dataset *d);
/* Hash of base name and content of all shards in order and of how they are read: equal digests,
 * equal samples, wherever the shards are. */
uint64_t dataset_digest(const struct dataset *d);
/* For messages: the extensions of the first samples, "png txt json", and a hint when dots in names
 * went into them. */
void dataset_extensions(const struct dataset *d, struct text *out);

struct dataset_sample {
    uint64_t id;
    const char *key, *shard; /* valid while d is open; shard is its path, or its address as it may
                                be shown */
    int shard_index;
    enum index_damage damage;
};
struct dataset_sample dataset_sample(const struct dataset *d, int64_t i);
int64_t dataset_shard_size(const struct dataset *d, int shard);
const struct index *dataset_index(const struct dataset *d, int shard);
/* Limit of the cache that keeps its remote shards; 0 when it has none. */
uint64_t dataset_cache_bytes(const struct dataset *d);
/* The shards that will be read next, soonest first. Without it the next one of the list is. */
void dataset_want(const struct dataset *d, const int *shards, int n);

/* Memory of one thread, reused from call to call. Zero-initialised is empty. */
struct dataset_memory {
    struct text bytes;
    struct image picture;
    struct resize_memory resize;
};
void dataset_memory_release(struct dataset_memory *memory);

/* The bytes of a member into memory->bytes, checked against the index. */
enum status dataset_member(const struct dataset *d, int64_t i, const char *extension,
                           struct dataset_memory *memory, struct error *e);
/* The bytes of the member that is the picture, as dataset_member. */
enum status dataset_picture_bytes(const struct dataset *d, int64_t i,
                                  struct dataset_memory *memory, struct error *e);
/* The same, and what image_check says of them: a caller sees the size and chooses what to decode. */
enum status dataset_picture_info(struct image_info *info, const struct dataset *d, int64_t i,
                                 struct dataset_memory *memory, struct error *e);
/* Decodes what dataset_picture_info has read of the same sample into memory->picture; only the
 * pixels of the box are defined (image_decode_part). The same holds. */
enum status dataset_picture_part(const struct dataset *d, int64_t i, const struct image_info *info,
                                 const struct image_part *part, struct dataset_memory *memory,
                                 struct error *e);
/* Both, for all of the picture and without a shift. The caller is done with the picture before it
 * waits for anything (image_done). */
enum status dataset_picture(const struct dataset *d, int64_t i, struct dataset_memory *memory,
                            struct error *e);
double dataset_jpeg_gap(const struct dataset *d);
/* The evaluation transform, with the source's jpeg_gap: out (size, size, 3). */
enum status dataset_pixels(uint8_t *out, int size, const struct dataset *d, int64_t i,
                           struct dataset_memory *memory, struct error *e);
/* The evaluation transform of a file that is in no shard: NOT_FOUND when it is not there. */
enum status dataset_file_pixels(uint8_t *out, int size, const char *path, struct image_rule rule,
                                struct dataset_memory *memory, struct error *e);
enum status dataset_label(int64_t *out, const struct dataset *d, int64_t i,
                          struct dataset_memory *memory, struct error *e);

/* The name of a sample's class: the text of label_field, or the name that classnames gives its
 * number, or without these the number as it is. BAD_DATA when there is neither. */
enum status dataset_class(struct text *out, const struct dataset *d, int64_t i,
                          struct dataset_memory *memory, struct error *e);

/* Captions of a sample, at least one after success; more than DATASET_CAPTIONS_MAX are left out.
 * They live in bytes. The captions of one kind share its probability among them; where a sample has
 * no caption of a kind, the others take its share. Zero-initialised is empty. */
struct dataset_captions {
    struct text bytes;
    int n;
    struct {
        size_t start, n;
        double weight; /* probabilities, but for their sum */
    } caption[DATASET_CAPTIONS_MAX];
};
/* BAD_DATA: no text, only white space, a zero byte inside, more than CAPTION_BYTES_MAX, a label that
 * has no class name. */
enum status dataset_captions(struct dataset_captions *out, const struct dataset *d, int64_t i,
                             struct dataset_memory *memory, struct error *e);
void dataset_captions_release(struct dataset_captions *captions);

#endif
