/* checkpoint_list: the checkpoint folders of a run; shared by reader and writer. */
#ifndef PIPELINE_RUN_CHECKPOINT_LIST_H
#define PIPELINE_RUN_CHECKPOINT_LIST_H

#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

#define CHECKPOINT_LIST_MANIFEST "MANIFEST.json"

/* Steps in RUN/checkpoints, the newest first. */
struct checkpoint_list {
    int64_t *step;
    int n;
};

enum status checkpoint_list_read(struct checkpoint_list *list, const char *run, struct error *e);
void checkpoint_list_release(struct checkpoint_list *list);

/* out = RUN/checkpoints */
enum status checkpoint_list_folder(char out[FILE_PATH_MAX], const char *run, struct error *e);
/* out = RUN/checkpoints/PREFIXstep_00001200 */
enum status checkpoint_list_path(char out[FILE_PATH_MAX], const char *run, const char *prefix,
                                 int64_t step, struct error *e);
/* Whether a name stays inside its folder: not empty, no slash, no leading dot. */
bool checkpoint_list_is_plain(const char *name);

#endif
