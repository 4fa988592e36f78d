/* embed_source: what a user wants features of, piece by piece, so that memory does not grow with
 * its size.
 *
 * Pictures: shards as a recipe names them; a folder of picture files (with those in its folders, in
 * byte order; a folder with *.tar in it is one of shards); a picture file; or a .txt file with the
 * path of a picture on each line, relative to that file.
 * Texts: a .txt file with a text on each line, or the captions of shards.
 *
 * A key goes with every row: of a shard the sample's key (once for each of its captions), of
 * picture files the path, of a .txt of texts the text itself.
 *
 * The pieces are always the same, whoever asks and however often: same input, same pieces. A text
 * line always has a row, an empty one too; a sample without a usable caption has one unusable row.
 * Errors that end the input: NOT_FOUND for a file or shard that is not there, and STORAGE. */
#ifndef PIPELINE_FEATURES_EMBED_SOURCE_H
#define PIPELINE_FEATURES_EMBED_SOURCE_H

#include "pipeline/features/embed.h"

struct embed_source_params {
    const char *place;
    bool is_texts;
    struct image_rule rule;
    const char *cache;         /* folder of shard indices, or NULL */
    enum caption_use captions; /* of shards */
    const char *caption_field; /* of shards, or NULL */
};

struct embed_source;

/* Errors: those of shard_list_expand; NOT_FOUND for a place that is not there, and for a shard,
 * before the first is read. */
enum status embed_source_open(struct embed_source **out, const struct embed_source_params *params,
                              struct error *e);
void embed_source_close(struct embed_source **s);

/* One piece. The source owns it; it is valid until the next. */
struct embed_piece {
    int64_t n_items; /* samples, files or lines */
    int64_t n_rows;
    struct text keys; /* n_rows lines */
    uint64_t digest;  /* of all items up to and with this piece */
};

/* END after the last one. */
enum status embed_source_next(struct embed_source *s, const struct embed_piece **piece,
                              struct error *e);
/* Features (n_rows, width) of the piece that embed_source_next gave last; those that are not
 * usable are NaN, *n_unusable of them. tokenizer: for texts. */
enum status embed_source_features(struct embed_source *s, struct embedder *m,
                                  const struct tokenizer *tokenizer, float *features,
                                  int64_t *n_unusable, struct error *e);
/* Whether a name ends like that of a picture file. */
bool embed_source_is_picture(const char *name);
/* The most rows of any piece. */
int64_t embed_source_rows_max(const struct embed_source *s);

#endif
