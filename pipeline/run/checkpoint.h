/* checkpoint: the state of a run on disk, complete or not there at all.
 *
 *     RUN/run.lock                       held while a run works in this folder
 *     RUN/checkpoints/step_00001200/     the name is the commit: a folder of this name is complete
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

/* Version of the manifest. It rises with every change that an older program could not resume from,
 * even one more key. Every later version keeps the file's name, `version` and the CRC at the
 * end. */
enum { CHECKPOINT_VERSION = 1 };

/* --- A run folder --- */

/* Creates RUN and RUN/checkpoints when missing, takes the lock (IN_USE when another process has it)
 * and removes what earlier processes left unfinished. file_destroy releases the lock. */
enum status checkpoint_lock(struct file **lock, const char *run, struct error *e);

/* --- Writing --- */

struct checkpoint_writer;

struct checkpoint_fact {
    const char *name, *value;
};

/* What the manifest records besides the files. */
struct checkpoint_about {
    uint64_t digest;                    /* of the sample order up to here */
    const struct checkpoint_fact *fact; /* fingerprints, in the order of writing */
    int n_facts;
    const char *const *log; /* files in RUN that grow with the run; synced, their sizes recorded */
    int n_logs;             /* a log that does not exist counts as empty */
    const uint64_t *log_size; /* of each log, the bytes that belong here; NULL: all of it */
    const struct file *lock;  /* checked before the rename (file_lock_check); NULL: not checked */
};

struct checkpoint_part {
    const void *bytes;
    size_t n;
};

/* Begins the checkpoint of a step in a temporary folder. Errors: STORAGE. */
enum status checkpoint_begin(struct checkpoint_writer **out, const char *run, int64_t step,
                             struct error *e);
/* Adds a file made of parts. name: a plain file name, used once. After a failure only
 * checkpoint_abandon is allowed, because a failed sync is not repeated. */
enum status checkpoint_add(struct checkpoint_writer *w, const char *name,
                           const struct checkpoint_part *part, int n_parts, struct error *e);
/* Adds a safetensors file. */
enum status checkpoint_add_tensors(struct checkpoint_writer *w, const char *name,
                                   struct safetensors_content *content, struct error *e);
/* Writes the manifest and renames the folder. *w is NULL afterwards in any case; after a failure
 * nothing is left on disk. A valid checkpoint of this step that already exists stays, since the
 * same step of a run has the same bytes. A damaged one is replaced; one of a newer version is
 * UNSUPPORTED. */
enum status checkpoint_commit(struct checkpoint_writer **w, const struct checkpoint_about *about,
                              struct error *e);
void checkpoint_abandon(struct checkpoint_writer **w);

/* Deletes old checkpoints. Keeps the newest n valid ones (at least 2), everything newer than those,
 * the n_kept steps in `kept`, and any of a newer version. */
enum status checkpoint_retain(const char *run, int n, const int64_t *kept, int n_kept,
                              struct error *e);
/* Renames checkpoints newer than step to abandoned_*, so that a run resumed from an older one never
 * returns to them. */
enum status checkpoint_set_aside(const char *run, int64_t step, struct error *e);

/* --- Reading --- */

struct checkpoint;

/* Opens the newest valid checkpoint of a run and checks every byte against its CRC. Appends a line
 * to warnings (may be NULL) for each invalid one. NOT_FOUND when the run has none: a fresh start is
 * allowed. NO_CHECKPOINT when it has some but none is valid: a fresh start is not allowed.
 * UNSUPPORTED when the newest readable one is of a newer version. */
enum status checkpoint_find(struct checkpoint **out, const char *run, struct text *warnings,
                            struct error *e);
/* Opens one folder, checked in the same way. BAD_DATA when it is damaged; UNSUPPORTED when a newer
 * version of this program wrote it. */
enum status checkpoint_open(struct checkpoint **out, const char *folder, struct error *e);
/* The same, but checks only the manifest and the sizes of its files; for display. */
enum status checkpoint_look(struct checkpoint **out, const char *folder, struct error *e);
void checkpoint_destroy(struct checkpoint **c);

const char *checkpoint_folder(const struct checkpoint *c);
int64_t checkpoint_step(const struct checkpoint *c);
uint64_t checkpoint_digest(const struct checkpoint *c);
/* Number of files in the manifest, and the sum of their bytes. */
int checkpoint_n_files(const struct checkpoint *c);
uint64_t checkpoint_bytes(const struct checkpoint *c);
/* NULL when it was not recorded. */
const char *checkpoint_fact(const struct checkpoint *c, const char *name);
/* Compares the facts with those of the present run. MISMATCH names the first one that differs, with
 * both values, unless it is in `allowed`. */
enum status checkpoint_check_facts(const struct checkpoint *c, const struct checkpoint_fact *fact,
                                   int n_facts, const char *const *allowed, int n_allowed,
                                   struct error *e);
/* Path of a file in the manifest; BAD_DATA when the manifest does not name it. */
enum status checkpoint_file(const struct checkpoint *c, const char *name, char path[FILE_PATH_MAX],
                            struct error *e);
/* Truncates the logs to the sizes in the manifest, so that each step is in them once. BAD_DATA when
 * one is shorter, NOT_FOUND when one is missing. */
enum status checkpoint_cut_logs(const struct checkpoint *c, const char *run, struct error *e);
/* Gives the errors that checkpoint_cut_logs would give, and changes nothing. */
enum status checkpoint_check_logs(const struct checkpoint *c, const char *run, struct error *e);

#endif
