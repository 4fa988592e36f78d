/* shard_make: shards from files on disk, so that a user needs no other tool to begin.
 *
 * From a folder or an archive (a tar in any order, also a compressed one, or a zip): files that
 * share a stem are a sample (a/1.jpg, a/1.txt: key a/1); sub-folders are read too. A key has no
 * dots: IMG.1.jpg and IMG.1.txt are sample IMG_1, while a.seg.png beside a.png is a member of
 * sample a unless it has its own a.seg.txt.
 *
 * From a list of pictures and captions: NAME.csv, NAME.tsv or NAME.jsonl (make_rows.h,
 * make_list.h), or a folder with a metadata.jsonl or metadata.csv as Hugging Face's ImageFolder has
 * it.
 *
 * From a folder of folders that are classes (cat/1.jpg) samples have a cls member, and their names
 * are in classnames.txt beside the shards (make_classes.h).
 *
 * Samples are written in the order of their keys (folder) or of the list, members by extension.
 * Samples without a picture are left out and counted. A key that comes twice in a list, and files
 * that would be the same member, are refused. */
#ifndef DATA_SHARDS_SHARD_MAKE_H
#define DATA_SHARDS_SHARD_MAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "pipeline/base/status.h"

/* Whether folders are classes, cat/1.jpg. */
#define MAKE_CLASSES_LIST(X)                                                                       \
    X(AUTO, "auto")       /* if all pictures lie in folders and none has a caption */              \
    X(FOLDERS, "folders") /* they are */                                                           \
    X(NONE, "none")       /* they are not */

#define MAKE_CLASSES_ENUM(name, text) MAKE_CLASSES_##name,
enum make_classes_use { MAKE_CLASSES_LIST(MAKE_CLASSES_ENUM) MAKE_CLASSES_COUNT };
#undef MAKE_CLASSES_ENUM

struct shard_make {
    const char *const *from; /* (n_from) each a folder, a list or an archive */
    int n_from;              /* with several, keys begin with the name of theirs: cats/1 */
    const char *to;          /* folder/name-%06d.tar, or a folder: then %06d.tar in it, or
                                name.tar: then one shard of all samples */
    int64_t max_count;       /* samples per shard; 0: 10000 */
    int64_t max_bytes;       /* of members per shard; 0: 3e9 */
    enum make_classes_use classes;
    const char *classnames;       /* a file that numbers the classes; NULL: as make_classes_read */
    const char *const *templates; /* (n_templates) captions of the classes, {} for the name */
    int n_templates;
    /* Of a list; NULL and 0: by the names that make_list.h says. */
    const char *picture_field, *key_field;
    const char *const *caption_fields; /* (n_caption_fields) */
    int n_caption_fields;
    char separator;    /* of the columns of a table */
    const char *root;  /* folder that its paths are relative to; NULL: that of the list */
    bool skip_missing; /* leaves out pictures that are not there */
};

enum { SHARD_MADE_OTHERS = 16 };

struct shard_made {
    int64_t samples;
    int64_t without_picture; /* left out */
    int64_t without_caption; /* written all the same */
    int64_t renamed;         /* written under a key with _ for the dots of the name */
    int shards;
    int archives;  /* that lie in the source; none of them is looked into */
    int64_t links; /* left out: to folders, and to files outside the folder */
    char first_link[512]; /* path of the first of them in the folder */
    char first[512];          /* path of the first shard */
    char first_left_out[512]; /* key of the first sample without a picture */
    /* Left out for a picture of a format that is not read; ends with NULL. */
    struct {
        const char *format; /* and what to do about it: image_names_other */
        int64_t n;
        char first[256]; /* key */
    } other[SHARD_MADE_OTHERS];
    int64_t several_captions; /* samples with more than one */
    int64_t joined;           /* rows of a list that are further captions of a picture */
    char fields[256];         /* of a list that has none for captions */
    int64_t missing;          /* pictures of a list that are not there */
    char first_missing[512];  /* line and path of the first of them */
    int classes;              /* that folders became */
    char classnames[512];     /* the file of their names */
};

/* Links of a folder are followed to files in the folder only: what is packed is given away, and a
 * link may lead to a secret, or in a circle. Keys of a list become paths in the tar, so they may
 * neither begin with / nor have parts "..".
 *
 * Errors: BAD_ARG (pattern, a shard that exists already, a key with a dot), NOT_FOUND, BAD_DATA (a
 * line of the list), STORAGE, STOPPED. After a failure the shards of this call are removed again; a
 * folder that was made stays, empty. */
enum status shard_make(struct shard_made *made, const struct shard_make *params, struct error *e);

#endif
