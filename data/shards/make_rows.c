#include "data/shards/make_rows.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"

enum { LIST_BYTES_MAX = 1 << 30, DIGITS_MAX = 15 };

static enum status fail_at(const struct make_rows *rows, long line, struct error *e,
                           const char *what) {
    return fail(e, STATUS_BAD_DATA, "%.300s:%ld: %s", rows->name, line, what);
}

/* Reads the field at *at, unquoted, into out, and moves *at past its separator or line end.
 * is_last: it was the last of its row. */
static enum status read_field(struct text *out, bool *is_last, const struct make_rows *rows,
                              size_t *at, long *line, struct error *e) {
    const char *bytes = rows->bytes.bytes;
    const size_t n = rows->bytes.n;
    const bool quotes = rows->kind == MAKE_ROWS_TABLE && *at < n && bytes[*at] == '"';
    const long first_line = *line;
    text_clear(out);
    for (*at += quotes; quotes; ++*at) {
        if (*at >= n)
            return fail_at(rows, first_line, e,
                           "a quote that nothing ends; expected \" at the end of a field, and \"\" "
                           "for a quote in it");
        if (bytes[*at] == '"' && (*at + 1 >= n || bytes[*at + 1] != '"')) break;
        if (bytes[*at] == '"') ++*at;
        *line += bytes[*at] == '\n';
        text_append_char(out, bytes[*at]);
    }
    *at += quotes;
    if (quotes && *at < n && bytes[*at] != rows->separator && bytes[*at] != '\n' &&
        bytes[*at] != '\r')
        return fail_at(rows, *line, e,
                       "text behind a closing quote; expected a separator; write \"\" for a quote "
                       "inside a field");
    while (*at < n && bytes[*at] != rows->separator && bytes[*at] != '\n')
        text_append_char(out, bytes[(*at)++]);
    *is_last = *at >= n || bytes[*at] == '\n';
    if (*is_last && out->n && out->bytes[out->n - 1] == '\r') out->bytes[--out->n] = '\0';
    *line += *at < n && bytes[*at] == '\n';
    *at += *at < n;
    return text_check(out, e);
}

/* The separator that is most frequent in the first line. */
static char find_separator(const struct make_rows *rows) {
    static const char separators[] = "\t,;|";
    size_t most = 0;
    char found = ',';
    for (const char *s = separators; *s; s++) {
        size_t n = 0;
        bool quoted = false;
        for (const char *c = text_string(&rows->bytes); *c && (quoted || *c != '\n'); c++) {
            quoted = quoted != (*c == '"');
            n += !quoted && *c == *s;
        }
        if (n > most) found = *s;
        if (n > most) most = n;
    }
    return found;
}

static enum status add_column(struct make_rows *rows, const char *name, struct error *e) {
    char **grown = realloc(rows->column, (size_t)(rows->n_columns + 1) * sizeof *grown);
    if (!grown) return fail(e, STATUS_NO_MEMORY, "no memory for the columns");
    rows->column = grown;
    rows->column[rows->n_columns] = text_copy(name);
    if (!rows->column[rows->n_columns]) return fail(e, STATUS_NO_MEMORY, "no memory for a column");
    for (int i = 0; i < rows->n_columns; i++)
        if (!strcmp(rows->column[i], name)) {
            rows->n_columns++;
            return fail(e, STATUS_BAD_DATA, "%.300s:1: two columns are called '%.100s'; rename one",
                        rows->name, name);
        }
    rows->n_columns++;
    return STATUS_OK;
}

static enum status read_header(struct make_rows *rows, struct error *e) {
    enum status rc = STATUS_OK;
    struct text field = {0};
    bool is_last = false;
    while (!is_last) {
        TRY(read_field(&field, &is_last, rows, &rows->at, &rows->line, e));
        TRY(add_column(rows, text_string(&field), e));
    }
done:
    text_release(&field);
    return rc;
}

static bool has_picture(const struct make_rows *rows) {
    for (int i = 0; i < rows->n_columns; i++) {
        if (rows->picture && !strcmp(rows->column[i], rows->picture)) return true;
        for (const char *const *name = rows->picture_names; !rows->picture && *name; name++)
            if (!strcmp(rows->column[i], *name)) return true;
    }
    return false;
}

static enum status refuse_columns(const struct make_rows *rows, struct error *e) {
    const char *const *names = rows->picture_names, *picture = rows->picture;
    struct text expected = {0}, found = {0};
    for (const char *const *name = names; !picture && *name; name++)
        text_printf(&expected, "%s%s", name == names ? "" : name[1] ? ", " : " or ", *name);
    for (int i = 0; i < rows->n_columns; i++)
        text_printf(&found, "%s%s", i ? ", " : "", rows->column[i]);
    fail(e, STATUS_BAD_DATA,
         "%.300s:1: no column of pictures; expected %.200s, found %.300s; the first line names the "
         "columns%s",
         rows->name, picture ? picture : text_string(&expected), text_string(&found),
         picture ? "" : "; name another: --picture-field NAME");
    text_release(&expected);
    text_release(&found);
    return STATUS_BAD_DATA;
}

static void close_header(struct make_rows *rows) {
    for (int i = 0; i < rows->n_columns; i++) free(rows->column[i]);
    free(rows->column);
    rows->column = NULL;
    rows->n_columns = 0;
}

enum status make_rows_open(struct make_rows *rows, struct error *e) {
    enum status rc = STATUS_OK;
    const bool is_tsv = text_ends_with(rows->path, ".tsv");
    rows->line = 1;
    TRY(file_tree_read(&rows->bytes, rows->tree, rows->path, LIST_BYTES_MAX, e));
    const char *bytes = text_string(&rows->bytes);
    if (!strncmp(bytes, "\xff\xfe", 2) || !strncmp(bytes, "\xfe\xff", 2))
        TRY(fail(e, STATUS_BAD_DATA,
                 "%.300s: UTF-16; expected UTF-8; run: iconv -f utf-16 -t utf-8 %.300s > "
                 "utf8-%.200s",
                 rows->name, rows->name, file_base_name(rows->path)));
    if (!strncmp(bytes, "\xef\xbb\xbf", 3)) rows->at = 3;
    if (text_ends_with(rows->path, ".jsonl")) goto done;
    rows->kind = MAKE_ROWS_TABLE;
    if (!rows->separator) rows->separator = is_tsv ? '\t' : find_separator(rows);
    const size_t first = rows->at;
    TRY(read_header(rows, e));
    if (has_picture(rows)) goto done;
    if (!is_tsv || rows->picture) TRY(refuse_columns(rows, e));
    close_header(rows);
    rows->kind = MAKE_ROWS_PLAIN;
    rows->at = first;
    rows->line = 1;
done:
    return rc;
}

void make_rows_release(struct make_rows *rows) {
    close_header(rows);
    text_release(&rows->bytes);
}

enum status make_rows_next(struct make_rows *rows, struct make_row *row, struct error *e) {
    enum status rc = STATUS_OK;
    const char *bytes = rows->bytes.bytes;
    struct text field = {0};
    bool is_last = false;
    while (rows->at < rows->bytes.n && strchr("\r\n", bytes[rows->at]))
        rows->line += bytes[rows->at++] == '\n';
    *row = (struct make_row){.at = rows->at, .line = rows->line};
    if (rows->at >= rows->bytes.n) return STATUS_END;
    if (rows->kind == MAKE_ROWS_TABLE) {
        while (!is_last) TRY(read_field(&field, &is_last, rows, &rows->at, &rows->line, e));
        goto done;
    }
    const char *end = memchr(bytes + rows->at, '\n', rows->bytes.n - rows->at);
    rows->at = end ? (size_t)(end - bytes) + 1 : rows->bytes.n;
    rows->line++;
done:
    text_release(&field);
    return rc;
}

/* Writes a field; one that is a whole number becomes a number. */
static void write_field(struct json_writer *w, const char *field) {
    const size_t n = strlen(field), sign = *field == '-';
    const bool is_number = n > sign && n <= DIGITS_MAX &&
                           strspn(field + sign, "0123456789") == n - sign &&
                           (field[sign] != '0' || (n == 1 && !sign));
    if (is_number)
        json_write_raw(w, field);
    else
        json_write_text(w, field);
}

static bool is_utf8(const char *s) {
    for (size_t n = strlen(s); n;) {
        const int length = text_utf8_length(s, n);
        if (!length) return false;
        s += length;
        n -= (size_t)length;
    }
    return true;
}

/* Writes a row of a table, or of key, picture and captions, as JSON. */
static enum status write_row(struct json_writer *w, const struct make_rows *rows,
                             const struct make_row *row, struct error *e) {
    enum status rc = STATUS_OK;
    struct text field = {0};
    size_t at = row->at;
    long line = row->line;
    int n = 0;
    static const char *const plain[] = {"key", "image"};
    const bool is_plain = rows->kind == MAKE_ROWS_PLAIN;
    json_write_object_begin(w);
    for (bool is_last = false; !is_last; n++) {
        TRY(read_field(&field, &is_last, rows, &at, &line, e));
        const char *s = text_string(&field);
        if (!is_utf8(s))
            TRY(fail_at(rows, row->line, e,
                        "not UTF-8; save the table as UTF-8, or convert it: iconv -f latin1 -t "
                        "utf-8"));
        if (is_plain && n == 2) {
            json_write_name(w, "captions");
            json_write_list_begin(w);
        }
        if (n < (is_plain ? 2 : rows->n_columns) && *s) {
            json_write_name(w, is_plain ? plain[n] : rows->column[n]);
            if (is_plain)
                json_write_text(w, s);
            else
                write_field(w, s);
        } else if (is_plain && *s) {
            json_write_text(w, s);
        }
    }
    if (is_plain && n > 2) json_write_list_end(w);
    json_write_object_end(w);
    if (is_plain && n < 2)
        TRY(fail_at(rows, row->line, e, "expected key, tab, picture, tab, caption"));
    if (!is_plain && n != rows->n_columns)
        TRY(fail(e, STATUS_BAD_DATA,
                 "%.300s:%ld: expected %d fields, found %d; a field with the separator in it "
                 "stands in quotes",
                 rows->name, row->line, rows->n_columns, n));
    TRY(text_check(&w->text, e));
done:
    text_release(&field);
    return rc;
}

enum status make_rows_parse(struct json_document **out, const struct make_rows *rows,
                            const struct make_row *row, struct error *e) {
    enum status rc = STATUS_OK;
    struct json_writer w = {0};
    const char *from = rows->bytes.bytes + row->at;
    *out = NULL;
    if (rows->kind == MAKE_ROWS_JSON) {
        const char *end = memchr(from, '\n', rows->bytes.n - row->at);
        size_t n = end ? (size_t)(end - from) : rows->bytes.n - row->at;
        if (n && from[n - 1] == '\r') n--;
        rc = json_parse(out, from, n, "JSON", e);
        if (rc == STATUS_OK) rc = json_expect(json_root(*out), JSON_OBJECT, e);
        if (rc != STATUS_OK) error_context(e, "%.300s:%ld", rows->name, row->line);
        goto done;
    }
    TRY(write_row(&w, rows, row, e));
    TRY(json_parse(out, w.text.bytes, w.text.n, "row", e));
done:
    text_release(&w.text);
    if (rc != STATUS_OK) json_destroy(out);
    return rc;
}
