/* index: where every sample of a shard is, so that any sample is one read at an offset.
 *
 * Built by one strict scan of the shard, then kept beside it as SHARD.index (or in a cache folder
 * when the shard's folder cannot be written). It is used again while the shard has the same size
 * and modification time, else built anew. It is a cache in the byte order of this machine: a
 * damaged or foreign one is named in a warning and built anew, never an error. So is one whose
 * digest is not that of its own body: the digest goes into checkpoints as what the data is. One of
 * a newer version of this program is not used and not written over.
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

/* Why a sample cannot be used although the shard can. */
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
    uint32_t member; /* its first one; the others follow */
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
    bool built;     /* by this call, as opposed to read */
    bool is_unkept; /* built, but it could be written nowhere; a warning has said why */
};

/* Index of the shard at path. cache is a folder for the index when the shard's folder cannot be
 * written; NULL: then it is built again each time. A zero *out is expected. Errors: those of
 * shard_scan. */
enum status index_open(struct index *out, const char *path, const char *cache, struct error *e);
/* The same, but writes nothing. */
enum status index_look(struct index *out, const char *path, const char *cache, struct error *e);
/* Builds it without looking at or writing a file. */
enum status index_build(struct index *out, const char *path, struct error *e);
/* Builds and writes it whatever is there. */
enum status index_rebuild(struct index *out, const char *path, const char *cache, struct error *e);
/* The index that is there, whatever has become of the shard since it was written: it says what a
 * damaged shard has lost. NOT_FOUND when there is none that is whole. */
enum status index_kept(struct index *out, const char *path, const char *cache, struct error *e);
/* An index without a look at its shard. parse takes bytes (from malloc) over when it succeeds.
 * BAD_DATA when it is not one, or damaged, or changed, UNSUPPORTED when a newer version of this
 * program made it. save is UNSUPPORTED when such a one is in its place. */
enum status index_parse(struct index *out, char *bytes, size_t n, struct error *e);
/* Bytes of the index that begins with these (n, at least INDEX_HEADER), before the rest is there.
 * SIZE_MAX: not an index of this version. 0: it has more entries than a shard of its size can. */
size_t index_bytes(const void *bytes, size_t n);
enum status index_load(struct index *out, const char *file, struct error *e);
enum status index_save(const struct index *index, const char *file, struct error *e);
void index_release(struct index *index);

const char *index_key(const struct index *index, uint64_t sample);
/* The sample's member with this extension (whole, lower case); NULL when it has none. */
const struct index_member *index_find(const struct index *index, uint64_t sample,
                                      const char *extension);

#endif
