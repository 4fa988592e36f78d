/* make_rows: reads the rows of a list of pictures one by one, as JSON objects.
 *
 *   NAME.jsonl   an object per line
 *   NAME.csv     a table by RFC 4180: the first line names the columns; a field with a separator,
 *                quote or line end is in quotes, where "" is a quote. The separator is the one in
 *                the first line: tab, comma, semicolon or |
 *   NAME.tsv     the same with tabs if the first line names a column of pictures; else, without
 *                quotes, key TAB picture [TAB caption]..., read as key, image and captions
 *
 * In tables whole numbers become numbers and other fields texts; empty fields are left out. */
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
    /* Set by the caller before make_rows_open: */
    const struct file_tree *tree;
    const char *path;               /* in the tree */
    const char *name;               /* of the file in messages */
    char separator;                 /* 0: find it */
    const char *picture;            /* the column of pictures; NULL: one of picture_names */
    const char *const *picture_names; /* ends with NULL */
    /* Set by make_rows_open: */
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

/* Reads the file and, for a table, the names of its columns. Errors: BAD_DATA (no column of
 * pictures, UTF-16), NOT_FOUND, those of file_tree_read. */
enum status make_rows_open(struct make_rows *rows, struct error *e);
/* Finds the next row that is not empty; END after the last. Errors begin with file and line. */
enum status make_rows_next(struct make_rows *rows, struct make_row *row, struct error *e);
/* Parses a row; the caller destroys *out. */
enum status make_rows_parse(struct json_document **out, const struct make_rows *rows,
                            const struct make_row *row, struct error *e);
void make_rows_release(struct make_rows *rows);

#endif
