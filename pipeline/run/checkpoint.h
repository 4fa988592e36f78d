/* checkpoint: the state of a run on disk, complete or not there at all.
 *
 *     RUN/run.lock                       held while a run works in this folder
 *     RUN/checkpoints/step_00001200/     the name is the commit: what bears it was written through
 *         MANIFEST.json                  written last: step, digest, facts, log sizes, and name,
 *                                        size and CRC32C of every file; ends with its own CRC32C
 *         model.safetensors ...
 *     RUN/checkpoints/.tmp_*             unfinished or half deleted; removed at the next start
 *
 * Order of writing: temporary folder; each file reserved, written, synced, closed; manifest; sync
 * of the folder; rename; sync of its parent. A kill or power cut at any instant leaves either the
 * old set of checkpoints or the new one. Only files that a manifest names are ever read. */
#ifndef PIPELINE_RUN_CHECKPOINT_H
#define PIPELINE_RUN_CHECKPOINT_H

#include <stdint.h>

#include "models/weights/safetensors.h"
#include "pipeline/base/file.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

/* Of the manifest. It rises when an older program could not go on from what is written, be it for
 * one more key; any later one keeps the name of the file, `version` and the CRC at its end. */
enum { CHECKPOINT_VERSION = 1 };

/* --- A run folder --- */

/* Makes RUN and RUN/checkpoints when missing, takes the lock (IN_USE when another process has it)
 * and removes what earlier processes left unfinished. file_destroy gives the lock back. */
enum status checkpoint_lock(struct file **lock, const char *run, struct error *e);

/* --- Writing --- */

struct checkpoint_writer;

struct checkpoint_fact {
    const char *name, *value;
};

/* What the manifest says besides the files. */
struct checkpoint_about {
    uint64_t digest;                    /* of the sample order up to here */
    const struct checkpoint_fact *fact; /* fingerprints, in the order of writing */
    int n_facts;
    const char *const *log; /* files in RUN that grow with the run; synced, their sizes recorded */
    int n_logs;             /* a log that does not exist counts as empty */
    const uint64_t *log_size; /* of each log, the bytes that belong here; NULL: all of it */
    const struct file *lock;  /* looked at before the rename (file_lock_check); NULL: not */
};

struct checkpoint_part {
    const void *bytes;
    size_t n;
};

/* Begins the checkpoint of a step in a temporary folder. Errors: STORAGE. */
enum status checkpoint_begin(struct checkpoint_writer **out, const char *run, int64_t step,
                             struct error *e);
/* Adds a file made of parts; name is a plain file name, each used once. After a failure only
 * checkpoint_abandon is allowed: a sync that failed is not repeated. */
enum status checkpoint_add(struct checkpoint_writer *w, const char *name,
                           const struct checkpoint_part *part, int n_parts, struct error *e);
/* Adds a safetensors file. */
enum status checkpoint_add_tensors(struct checkpoint_writer *w, const char *name,
                                   struct safetensors_content *content, struct error *e);
/* Writes the manifest and gives the folder its name. *w is NULL afterwards in any case; after a
 * failure nothing of it is left. When a valid checkpoint of this step is there already it stays,
 * since the same step of a run has the same bytes; a damaged one is replaced, and one of a newer
 * version is UNSUPPORTED. */
enum status checkpoint_commit(struct checkpoint_writer **w, const struct checkpoint_about *about,
                              struct error *e);
void checkpoint_abandon(struct checkpoint_writer **w);

/* Deletes all but the newest n valid checkpoints (at least 2), what is newer than those, the n_kept
 * steps of kept, and any of a newer version. */
enum status checkpoint_retain(const char *run, int n, const int64_t *kept, int n_kept,
                              struct error *e);
/* Renames checkpoints newer than step to abandoned_*, so that a run that was told to go on from an
 * older one does not come back to them. */
enum status checkpoint_set_aside(const char *run, int64_t step, struct error *e);

/* --- Reading --- */

struct checkpoint;

/* Opens the newest valid checkpoint of a run; every byte was compared with its CRC. For each one
 * that is not valid appends a line to warnings (may be NULL). NOT_FOUND when the run has none,
 * which allows a fresh start; NO_CHECKPOINT when it has some and none is valid, which does not;
 * UNSUPPORTED when one of a newer version comes before a valid one. */
enum status checkpoint_find(struct checkpoint **out, const char *run, struct text *warnings,
                            struct error *e);
/* Opens one folder, checked in the same way. BAD_DATA when it is damaged, UNSUPPORTED when a newer
 * version of this program wrote it. */
enum status checkpoint_open(struct checkpoint **out, const char *folder, struct error *e);
/* The same with a look at the manifest and at the sizes of its files only: for showing. */
enum status checkpoint_look(struct checkpoint **out, const char *folder, struct error *e);
void checkpoint_destroy(struct checkpoint **c);

const char *checkpoint_folder(const struct checkpoint *c);
int64_t checkpoint_step(const struct checkpoint *c);
uint64_t checkpoint_digest(const struct checkpoint *c);
/* Files of the manifest and their bytes. */
int checkpoint_n_files(const struct checkpoint *c);
uint64_t checkpoint_bytes(const struct checkpoint *c);
/* NULL when it was not recorded. */
const char *checkpoint_fact(const struct checkpoint *c, const char *name);
/* Compares with the facts of the present run. MISMATCH names the first that differs, old and new,
 * unless its name is in allowed. */
enum status checkpoint_check_facts(const struct checkpoint *c, const struct checkpoint_fact *fact,
                                   int n_facts, const char *const *allowed, int n_allowed,
                                   struct error *e);
/* Path of a file of the manifest; BAD_DATA when it names no such file. */
enum status checkpoint_file(const struct checkpoint *c, const char *name, char path[FILE_PATH_MAX],
                            struct error *e);
/* Cuts the logs of the manifest to their recorded sizes, so that each step is in them once.
 * BAD_DATA when one is shorter, NOT_FOUND when one is gone. */
enum status checkpoint_cut_logs(const struct checkpoint *c, const char *run, struct error *e);
/* Whether they could be cut: the same errors, nothing is changed. */
enum status checkpoint_check_logs(const struct checkpoint *c, const char *run, struct error *e);

#endif
