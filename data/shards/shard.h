/* shard: reads tar files of samples strictly and writes them. The only user of libarchive.
 *
 * A tar that was cut at a member's boundary, or whose tail was zeroed, looks complete to most
 * readers. So this reader requires that only zeros follow the last member, at least 1024 of them
 * (two zero blocks). A header with a wrong checksum ends the scan with an error.
 *
 * Grouping (webdataset): the key is the member's path up to the first dot of its base name, the
 * extension is what follows, in lower case: a.b/c.seg.PNG is key a.b/c, extension seg.png.
 * Consecutive members with one key are one sample; a sample never crosses shards. */
#ifndef DATA_SHARDS_SHARD_H
#define DATA_SHARDS_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

enum { SHARD_NAME_MAX = 1024 };

/* A regular member. offset and size are those of its bytes in the shard file. */
struct shard_member {
    const char *name;
    uint64_t offset, size;
    uint32_t crc;       /* CRC32C of its bytes */
    const char *damage; /* NULL, or why the member must not be used */
};

/* Called for every regular member in order. If it fails, the scan ends with its error. */
typedef enum status shard_visit(void *context, const struct shard_member *member, struct error *e);

/* Reads the whole shard once. Errors: NOT_FOUND; BAD_DATA (damaged, cut short, compressed, not a
 * tar, no member; the text says which, and after which member); STORAGE (reading failed; the
 * content may be good); NO_MEMORY; those of visit. */
enum status shard_scan(const char *path, shard_visit *visit, void *context, struct error *e);

/* A link in a tar; target is a path in it, whether the link is hard or symbolic. */
typedef enum status shard_visit_link(void *context, const char *name, const char *target,
                                     struct error *e);

/* The same, and calls visit_link for every link. */
enum status shard_scan_links(const char *path, shard_visit *visit, shard_visit_link *visit_link,
                             void *context, struct error *e);

enum shard_kind { SHARD_PLAIN, SHARD_PACKED, SHARD_OTHER };
/* Whether a file is a plain tar, compressed or a zip, or neither, by its first bytes. Errors:
 * NOT_FOUND, STORAGE. */
enum status shard_look(enum shard_kind *kind, const char *path, struct error *e);

/* Reads a compressed tar (gzip, bzip2, xz, zstd, lz4, compress) or a zip once and writes the bytes
 * of all regular members that belong to samples to `to`, one after the other. visit gets the name
 * of each, and its place there; crc is 0. Errors: BAD_DATA (damaged, cut short, encrypted),
 * STORAGE, NO_MEMORY, STOPPED, and what the visitors return. */
enum status shard_unpack(const char *path, struct file *to, shard_visit *visit,
                         shard_visit_link *visit_link, void *context, struct error *e);

/* Splits a member's name. False for a name that belongs to no sample: its base name has no dot or
 * starts with one, or it is `__...__` metadata. The extension points into name and keeps its
 * case. */
bool shard_split(const char *name, size_t *key_length, const char **extension);

/* Writes a shard like webdataset's writer: USTAR, mode 0444, owner and group bigdata. The time is
 * 0, so equal content gives equal bytes. The shard gets its name when it is complete. */
struct shard_writer;

enum status shard_create(struct shard_writer **out, const char *path, struct error *e);
/* Errors: BAD_ARG when the name does not fit USTAR, STORAGE. */
enum status shard_add(struct shard_writer *w, const char *name, const void *bytes, size_t n,
                      struct error *e);
/* Ends the tar, syncs and renames it. *w is NULL afterwards in any case; after failure nothing is
 * left. */
enum status shard_finish(struct shard_writer **w, struct error *e);
/* Gives up; accepts NULL inside. */
void shard_abandon(struct shard_writer **w);

#endif
