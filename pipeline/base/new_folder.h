/* new_folder: a folder that appears complete or not at all.
 *
 * Files are put into `temporary`, a hidden folder beside the place; commit writes all through to
 * the disk and gives it its name. What a killed process left is removed by the next begin for the
 * same path. An existing folder or file is never touched. */
#ifndef PIPELINE_BASE_NEW_FOLDER_H
#define PIPELINE_BASE_NEW_FOLDER_H

#include "pipeline/base/file.h"

/* Zero-initialised: nothing begun. */
struct new_folder {
    char path[FILE_PATH_MAX], temporary[FILE_PATH_MAX];
};

/* BAD_ARG when path exists; STORAGE. Folders above it are made. */
enum status new_folder_begin(struct new_folder *f, const char *path, struct error *e);
/* Files must have been synced by those who wrote them. */
enum status new_folder_commit(struct new_folder *f, struct error *e);
/* Takes away what was not committed; nothing happens after a commit. */
void new_folder_abandon(struct new_folder *f);

#endif
