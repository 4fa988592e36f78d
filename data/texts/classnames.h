/* classnames: the names of classes by number, and texts made from them. */
#ifndef DATA_TEXTS_CLASSNAMES_H
#define DATA_TEXTS_CLASSNAMES_H

#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Zero-initialised is empty. */
struct classnames {
    int n;
    struct text bytes; /* each name with a NUL after it */
    size_t *start;     /* (n) places in bytes */
};

/* Takes the n_given names or, if there are none, the lines of classnames.txt (CLIP_benchmark) in
 * the folder of the first shard; shards: as for shard_list_expand. Release it after failure too.
 * Errors: NOT_FOUND (no such file), BAD_DATA (an empty file), those of shard_list_expand. */
enum status classnames_read(struct classnames *out, const char *const *given, int n_given,
                            const char *shards, struct error *e);
void classnames_release(struct classnames *names);
const char *classnames_get(const struct classnames *names, int64_t number);

/* Sets out to the template with every {} (open_clip) or {c} (CLIP_benchmark) replaced by the name.
 * Errors: BAD_ARG when the template has neither; NO_MEMORY. */
enum status classnames_fill(struct text *out, const char *template, const char *name,
                            struct error *e);

#endif
