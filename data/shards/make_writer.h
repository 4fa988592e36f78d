/* make_writer: samples, one after the other, into shards; what the layouts of shard_make share.
 *
 *     TRY(make_writer_begin(w, "a/1", e));
 *     TRY(make_writer_add_file(w, "jpg", "photos/a/1.jpg", e));
 *     TRY(make_writer_add_bytes(w, "txt", "a chair", 7, e));
 *     TRY(make_writer_end(w, e));
 *
 * Nothing is read before make_writer_end, which writes the members by extension. A sample without a
 * picture is left out there and counted. */
#ifndef DATA_SHARDS_MAKE_WRITER_H
#define DATA_SHARDS_MAKE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/shards/file_tree.h"
#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "data/shards/shard_make.h"
#include "pipeline/base/file.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* A member of the sample at hand: a file still to be read, or bytes. */
struct make_part {
    char *extension; /* lower case */
    char *path;      /* in the tree; NULL: bytes */
    struct text bytes;
};

/* Zero-initialised but for params and made. */
struct make_writer {
    const struct shard_make *params;
    struct shard_made *made;
    const struct file_tree *tree; /* where the files of the samples are */
    struct shard_writer *shard;   /* NULL: none is open */
    char first[FILE_PATH_MAX];    /* path of the first shard */
    int64_t in_shard, bytes_in_shard;
    struct make_part part[INDEX_MEMBERS_MAX];
    int n_parts;
    struct text prefix; /* of all keys of the source at hand, "cats/" or empty */
    struct text key;
    bool is_renamed;   /* the key is not the beginning of the file's name */
    struct text place; /* of the sample in a list, "a.csv:7", for messages; may be empty */
};

/* Sets w->first. Refuses a name of shards that cannot be written, and a first shard that exists. */
enum status make_writer_check(struct make_writer *w, struct error *e);

/* key: what follows the prefix. */
enum status make_writer_begin(struct make_writer *w, const char *key, struct error *e);
/* All are copied. The extension may have capitals. BAD_DATA: more than INDEX_MEMBERS_MAX. */
enum status make_writer_add_file(struct make_writer *w, const char *extension, const char *path,
                                 struct error *e);
enum status make_writer_add_bytes(struct make_writer *w, const char *extension, const void *bytes,
                                  size_t n, struct error *e);
bool make_writer_has_picture(const struct make_writer *w);
bool make_writer_has(const struct make_writer *w, const char *extension);
/* Writes the sample, if there is one, and forgets it. Errors: BAD_DATA (two members of one
 * extension, a file that is too large), NOT_FOUND, BAD_ARG (the next shard exists), STORAGE,
 * STOPPED. Those of the sample begin with its place. */
enum status make_writer_end(struct make_writer *w, struct error *e);

/* Ends the last shard. */
enum status make_writer_finish(struct make_writer *w, struct error *e);
/* Takes away the shards made so far, so that the same command works again. */
void make_writer_remove(struct make_writer *w);
void make_writer_release(struct make_writer *w);

#endif
