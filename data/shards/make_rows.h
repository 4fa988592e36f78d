/* make_rows: the rows of a list of pictures, one by one, as JSON objects.
 *
 *   NAME.jsonl   an object per line
 *   NAME.csv     a table as RFC 4180 has it: the first line names the columns; a field with the
 *                separator, a quote or a line end in it stands in quotes, "" is a quote. The
 *                separator is that of the first line: tab, comma, semicolon or |
 *   NAME.tsv     the same with tabs if the first line names a column of pictures; else, without
 *                quotes, key TAB picture [TAB caption]..., read as key, image and captions
 *
 * Of a table, whole numbers become numbers, everything else texts; an empty field is left out. */
#ifndef DATA_SHARDS_MAKE_ROWS_H
#define DATA_SHARDS_MAKE_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "data/shards/file_tree.h"
#include "pipeline/base/json.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

enum make_rows_kind { MAKE_ROWS_JSON, MAKE_ROWS_TABLE, MAKE_ROWS_PLAIN };

struct make_rows {
    /* The caller's, set before make_rows_open: */
    const struct file_tree *tree;
    const char *path;               /* in the tree */
    const char *name;               /* of the file in messages */
    char separator;                 /* 0: to be found */
    const char *picture;            /* the column of pictures; NULL: any of these */
    const char *const *picture_names; /* ends with NULL */
    /* Set by it: */
    enum make_rows_kind kind;
    char **column; /* (n_columns) of a table */
    int n_columns;
    struct text bytes; /* all of the file */
    size_t at;         /* of the next row */
    long line;         /* of that, from 1 */
};

/* A row: its place in the file. */
struct make_row {
    size_t at;
    long line;
};

/* Reads the file, and of a table the names of its columns. Errors: BAD_DATA (no column of pictures,
 * UTF-16), NOT_FOUND, those of file_tree_read. */
enum status make_rows_open(struct make_rows *rows, struct error *e);
/* The next row that is not empty; END after the last. Errors begin with file and line. */
enum status make_rows_next(struct make_rows *rows, struct make_row *row, struct error *e);
/* What a row says; *out is to be destroyed. */
enum status make_rows_parse(struct json_document **out, const struct make_rows *rows,
                            const struct make_row *row, struct error *e);
void make_rows_release(struct make_rows *rows);

#endif
