/* index: lists where every sample of a shard is, so that any sample is one read at an offset.
 *
 * An index is built by one strict scan of the shard and kept beside it as SHARD.index, or in a
 * cache folder when the shard's folder cannot be written. It is reused while the shard has the same
 * size and modification time. It is a cache in this machine's byte order: a damaged or foreign one
 * is built again with a warning and is never an error. The same goes for one whose digest does not
 * match its body, because checkpoints identify data by that digest. An index of a newer version of
 * this program is neither used nor overwritten.
 *
 * File: header (INDEX_HEADER bytes: magic, version, CRC32C of all that follows, shard size and
 * time, counts, digest), samples, members, strings (NUL after each). Fixed-width fields. */
#ifndef DATA_SHARDS_INDEX_H
#define DATA_SHARDS_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/status.h"

enum {
    INDEX_MEMBERS_MAX = 16, /* of one sample */
    INDEX_HEADER = 72,      /* bytes */
};

/* Why a sample of a usable shard cannot be used. */
#define INDEX_DAMAGE_LIST(X)                                                                       \
    X(NONE, "none")                                                                                \
    X(TWICE, "two members with the same extension")                                                \
    X(MEMBER, "a member with a damaged or unreadable header")                                      \
    X(MEMBERS, "more than 16 members")                                                             \
    X(KEY, "its key is in the shard twice; members of a sample must follow each other")

#define INDEX_DAMAGE_ENUM(name, text) INDEX_DAMAGE_##name,
enum index_damage { INDEX_DAMAGE_LIST(INDEX_DAMAGE_ENUM) INDEX_DAMAGE_COUNT };
#undef INDEX_DAMAGE_ENUM
const char *index_damage_text(enum index_damage damage);

struct index_member {
    uint64_t offset, size; /* of its bytes in the shard */
    uint32_t crc;          /* CRC32C of its bytes */
    uint32_t extension;    /* place in strings; lower case */
};

struct index_sample {
    uint32_t key;    /* place in strings */
    uint32_t member; /* its first member; the others follow */
    uint32_t n_members;
    uint32_t damage; /* enum index_damage */
};

struct index {
    uint64_t shard_size;
    int64_t shard_time; /* nanoseconds since 1970 */
    uint64_t n_samples, n_members, n_strings;
    uint64_t digest; /* XXH3-64 of samples, members and strings: the content of the shard */
    const struct index_sample *sample;
    const struct index_member *member;
    const char *strings;
    void *block;    /* owns the three above */
    bool built;     /* built by this call, not read from a file */
    bool is_unkept; /* built, but could not be written anywhere; a warning said why */
};

/* Opens or builds the index of the shard at path. cache: folder for the index when the shard's
 * folder cannot be written; NULL: it is then built each time. *out must be zero. Errors: those of
 * shard_scan. */
enum status index_open(struct index *out, const char *path, const char *cache, struct error *e);
/* The same, but writes nothing. */
enum status index_look(struct index *out, const char *path, const char *cache, struct error *e);
/* Builds the index; reads and writes no index file. */
enum status index_build(struct index *out, const char *path, struct error *e);
/* Builds and writes the index even if a good one exists. */
enum status index_rebuild(struct index *out, const char *path, const char *cache, struct error *e);
/* Reads the existing index even if the shard has changed since: it tells what a damaged shard has
 * lost. NOT_FOUND when there is no intact index. */
enum status index_kept(struct index *out, const char *path, const char *cache, struct error *e);
/* Parse, load and save an index without looking at its shard. On success index_parse takes over
 * bytes (from malloc). BAD_DATA when the bytes are not an index, damaged or changed; UNSUPPORTED
 * when a newer version of this program wrote them. index_save is UNSUPPORTED when the file is of a
 * newer version. */
enum status index_parse(struct index *out, char *bytes, size_t n, struct error *e);
/* Size of an index, from its first n >= INDEX_HEADER bytes. SIZE_MAX: not an index of this version.
 * 0: it claims more entries than a shard of its size can have. */
size_t index_bytes(const void *bytes, size_t n);
enum status index_load(struct index *out, const char *file, struct error *e);
enum status index_save(const struct index *index, const char *file, struct error *e);
void index_release(struct index *index);

const char *index_key(const struct index *index, uint64_t sample);
/* The sample's member with this extension (complete, lower case), or NULL. */
const struct index_member *index_find(const struct index *index, uint64_t sample,
                                      const char *extension);

#endif
