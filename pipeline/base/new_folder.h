/* new_folder: a folder that appears complete or not at all.
 *
 * Put files into `temporary`, a hidden folder beside path; commit syncs it and renames it to path.
 * The next begin for the same path removes what a killed process left. An existing folder or file
 * is never touched. */
#ifndef PIPELINE_BASE_NEW_FOLDER_H
#define PIPELINE_BASE_NEW_FOLDER_H

#include "pipeline/base/file.h"

/* Zero-initialised: nothing begun. */
struct new_folder {
    char path[FILE_PATH_MAX], temporary[FILE_PATH_MAX];
};

/* Also creates missing parents. BAD_ARG when path exists; STORAGE. */
enum status new_folder_begin(struct new_folder *f, const char *path, struct error *e);
/* The caller must have synced the files. */
enum status new_folder_commit(struct new_folder *f, struct error *e);
/* Removes what was not committed; does nothing after a commit. */
void new_folder_abandon(struct new_folder *f);

#endif
