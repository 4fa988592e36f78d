#include "pipeline/eval/evaluation_table.h"

#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/eval/evaluation.h"
#include "pipeline/eval/retention.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_BYTES_MAX = 256 << 20, NAMES_MAX = 4096, CELL = 64 };

/* Distinct texts in order of first occurrence. */
struct names {
    char *item[NAMES_MAX];
    int n;
};

/* One number of a line. */
struct entry {
    int moment, set;
    double value;
    double flux;     /* the number for FoMo-in-Flux: acc1, or recall@5 */
    bool is_trained; /* on data of the set's name, in the stage just ended */
};

struct table {
    struct names moments; /* "start" and stages */
    struct names sets;
    struct names metrics; /* that lines have, for messages */
    struct entry *entry;
    int n, capacity;
    double scale; /* 100: percent */
};

static enum status names_add(struct names *names, const char *text, int *number, struct error *e) {
    for (*number = 0; *number < names->n; ++*number)
        if (!strcmp(names->item[*number], text)) return STATUS_OK;
    if (names->n == NAMES_MAX)
        return fail(e, STATUS_BAD_DATA, "more than %d stages, sets or metrics", NAMES_MAX);
    names->item[names->n] = text_copy(text);
    if (!names->item[names->n]) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    names->n++;
    return STATUS_OK;
}

static void names_release(struct names *names) {
    while (names->n > 0) free(names->item[--names->n]);
}

static enum status add_entry(struct table *t, struct entry entry, struct error *e) {
    if (t->n == t->capacity) {
        const int capacity = t->capacity ? 2 * t->capacity : 64;
        struct entry *grown = realloc(t->entry, (size_t)capacity * sizeof *grown);
        if (!grown) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
        t->entry = grown;
        t->capacity = capacity;
    }
    t->entry[t->n++] = entry;
    return STATUS_OK;
}

/* Whether a number of a line is not a metric. */
static bool is_count(const char *name) {
    return !strcmp(name, "step") || !strcmp(name, "num_samples") || !strcmp(name, "unusable");
}

static double number_or(const struct json *line, const char *name, double otherwise) {
    const struct json *value = json_find(line, name);
    return value && value->kind == JSON_NUMBER ? value->number : otherwise;
}

static double flux_of(const struct json *line, double score) {
    const double recall = (number_or(line, "image_to_text_R@5", (double)NAN) +
                           number_or(line, "text_to_image_R@5", (double)NAN)) /
                          2;
    return number_or(line, "acc1", isnan(recall) ? score : recall);
}

/* Whether the set was already measured at this moment. The lines of a moment follow each other, so
 * look for a moment that comes back, or for the set among the last lines. */
static bool is_second(const struct table *t, const struct entry *entry) {
    if (entry->moment < t->moments.n - 1) return true;
    for (int i = t->n - 1; i >= 0 && t->entry[i].moment == entry->moment; i--)
        if (t->entry[i].set == entry->set) return true;
    return false;
}

static enum status read_line(struct table *t, const struct json *line, const char *metric,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct entry entry;
    const char *after, *set;
    int ignored;
    TRY(json_expect(line, JSON_OBJECT, e));
    TRY(json_text(line, "after", &after, e));
    TRY(json_text(line, "set", &set, e));
    TRY(names_add(&t->moments, after, &entry.moment, e));
    for (const struct json *m = line->first; m; m = m->next)
        if (m->kind == JSON_NUMBER && !is_count(m->name))
            TRY(names_add(&t->metrics, m->name, &ignored, e));
    const struct json *value = json_find(line, metric);
    if (!value) goto done; /* a retrieval set has no acc1 */
    TRY(names_add(&t->sets, set, &entry.set, e));
    TRY(json_as_double(value, -1e300, 1e300, &entry.value, e));
    if (is_second(t, &entry))
        TRY(json_fail(line, e, STATUS_BAD_DATA,
                      "a second result of set %s after %s; expected one: two stages or two sets of "
                      "the run have one name, so their results cannot be told apart; name the "
                      "second one %s-2 in these lines",
                      set, after, entry.moment < t->moments.n - 1 ? after : set));
    entry.flux = flux_of(line, entry.value);
    entry.is_trained = entry.moment > 0 && json_find(line, "trained") != NULL;
    TRY(add_entry(t, entry, e));
done:
    return rc;
}

static enum status read_lines(struct table *t, const char *path, const char *metric,
                              struct error *e) {
    enum status rc = STATUS_OK;
    struct json_document *document = NULL;
    char *bytes = NULL;
    size_t n;
    int number = 0;
    TRY(file_read_all(&bytes, &n, path, FILE_BYTES_MAX, e));
    for (const char *line = bytes, *end; (end = memchr(line, '\n', n - (size_t)(line - bytes)));
         line = end + 1) {
        char place[FILE_PATH_MAX + 16];
        snprintf(place, sizeof place, "%s line %d", path, ++number);
        TRY(json_parse(&document, line, (size_t)(end - line), place, e));
        TRY(read_line(t, json_root(document), metric, e));
        json_destroy(&document);
    }
done:
    json_destroy(&document);
    free(bytes);
    return rc;
}

/* --- Sets and stages --- */

/* The stages of a set, from 1; 0: none. Most sets have one, and first is last. */
struct stages {
    int *first, *last; /* per set */
};

/* The stage, from 1, that has the name of a set, or 0. */
static int stage_of(const struct table *t, const char *set) {
    int found = 0;
    for (int s = 1; s < t->moments.n; s++)
        if (evaluation_set_belongs(set, t->moments.item[s]) &&
            (found == 0 || strlen(t->moments.item[s]) > strlen(t->moments.item[found])))
            found = s;
    return found;
}

static void stages_release(struct stages *s) {
    free(s->first);
    free(s->last);
}

static enum status find_stages(struct stages *s, const struct table *t, struct error *e) {
    const int n = t->sets.n;
    *s = (struct stages){calloc((size_t)n, sizeof(int)), calloc((size_t)n, sizeof(int))};
    if (!s->first || !s->last) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    for (int i = 0; i < t->n; i++) { /* moments come in their order */
        const struct entry *entry = &t->entry[i];
        if (!entry->is_trained) continue;
        if (s->first[entry->set] == 0) s->first[entry->set] = entry->moment;
        s->last[entry->set] = entry->moment;
    }
    for (int set = 0; set < n; set++) {
        const int named = stage_of(t, t->sets.item[set]);
        if (named > 0) s->first[set] = s->last[set] = named;
    }
    return STATUS_OK;
}

/* --- Writing --- */

static void write_cell(struct text *out, int width, double value, double scale) {
    if (isnan(value))
        text_printf(out, "  %*s", width, "-");
    else
        text_printf(out, "  %*.1f", width, value == 0 ? 0.0 : scale * value);
}

static int set_width(const struct table *t, int set) {
    const int n = (int)strlen(t->sets.item[set]);
    return n < 5 ? 5 : n;
}

static void write_row(struct text *out, const struct table *t, int first_width, const char *name,
                      const double *values, double mean) {
    text_printf(out, "%-*s", first_width, name);
    for (int s = 0; s < t->sets.n; s++) write_cell(out, set_width(t, s), values[s], t->scale);
    write_cell(out, 5, mean, t->scale);
    text_append_char(out, '\n');
}

static double mean_of(const double *values, int n) {
    double sum = 0;
    int found = 0;
    for (int i = 0; i < n; i++)
        if (!isnan(values[i])) {
            sum += values[i];
            found++;
        }
    return found ? sum / found : (double)NAN;
}

/* Writes the three rows below the moments. score has no empty cell. */
static enum status write_retention(struct text *out, const struct table *t, int first_width,
                                   const double *score, const struct stages *stages,
                                   struct error *e) {
    const int n = t->sets.n, *taught_in = stages->last;
    double *rows = calloc((size_t)n * 3, sizeof *rows);
    if (!rows) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    const struct retention_table table = {score, taught_in, t->moments.n - 1, n, stages->first};
    for (int s = 0; s < n; s++) {
        const struct retention r = retention_domain(&table, s);
        const bool is_exposed = taught_in[s] < table.n_stages;
        rows[s] = taught_in[s] > 0 ? r.gained : (double)NAN;
        rows[n + s] = is_exposed ? r.forgotten : (double)NAN;
        rows[2 * n + s] = is_exposed ? r.retained : (double)NAN;
    }
    const struct retention mean = retention_mean(&table);
    write_row(out, t, first_width, "gained", rows,
              isnan(mean_of(rows, n)) ? (double)NAN : mean.gained);
    write_row(out, t, first_width, "forgotten", rows + n,
              isnan(mean_of(rows + n, n)) ? (double)NAN : mean.forgotten);
    write_row(out, t, first_width, "retained", rows + 2 * n,
              isnan(mean_of(rows + 2 * n, n)) ? (double)NAN : mean.retained);
    free(rows);
    return STATUS_OK;
}

/* Writes MTIL's line, if at least two stages each have a set that no other stage trains on. */
static enum status write_mtil(struct text *out, const struct table *t, const double *score,
                              const struct stages *stages, struct error *e) {
    enum status rc = STATUS_OK;
    const int n = t->moments.n - 1, n_sets = t->sets.n, *taught_in = stages->last;
    int *set_of = malloc((size_t)n * sizeof *set_of + 1);
    double *matrix = malloc((size_t)n * (size_t)n * sizeof *matrix + 1);
    if (!set_of || !matrix) TRY(fail(e, STATUS_NO_MEMORY, "no memory for a table"));
    bool is_square = n > 1;
    for (int s = 0; s < n; s++) set_of[s] = -1;
    for (int i = 0; i < n_sets; i++) {
        if (taught_in[i] == 0) continue;
        is_square = is_square && set_of[taught_in[i] - 1] < 0 && stages->first[i] == taught_in[i];
        set_of[taught_in[i] - 1] = i;
    }
    for (int s = 0; s < n; s++) is_square = is_square && set_of[s] >= 0;
    if (!is_square) goto done;
    for (int after = 0; after < n; after++)
        for (int s = 0; s < n; s++)
            matrix[after * n + s] = score[(after + 1) * n_sets + set_of[s]];
    const struct retention_mtil m = retention_mtil(matrix, n);
    text_printf(out, "MTIL            transfer %4.1f  average %4.1f  last %4.1f\n",
                100 * m.transfer, 100 * m.average, 100 * m.last);
done:
    free(set_of);
    free(matrix);
    return rc;
}

/* Writes the line of FoMo-in-Flux, if there are sets to learn and sets to keep. */
static enum status write_flux(struct text *out, const struct table *t, const int *taught_in,
                              struct error *e) {
    const int n = t->sets.n, last = t->moments.n - 1;
    double *value = malloc(2 * (size_t)n * sizeof *value);
    if (!value) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    for (int i = 0; i < t->n; i++) {
        const struct entry *entry = &t->entry[i];
        if (entry->moment == 0) value[entry->set] = entry->flux;
        if (entry->moment == last) value[n + entry->set] = entry->flux;
    }
    const struct retention_flux start = retention_flux(value, taught_in, n);
    const struct retention_flux end = retention_flux(value + n, taught_in, n);
    if (!isnan(end.both))
        text_printf(out,
                    "FoMo-in-Flux    KA %4.1f  ZS %4.1f  GM %4.1f  (start: KA %4.1f  ZS %4.1f  "
                    "GM %4.1f)\n",
                    100 * end.accumulated, 100 * end.zero_shot, 100 * end.both,
                    100 * start.accumulated, 100 * start.zero_shot, 100 * start.both);
    free(value);
    return STATUS_OK;
}

/* If no set belonged to a stage, all sets would count as knowledge to keep, even those that the run
 * teaches. */
static void write_no_stage(struct text *out, const struct table *t) {
    text_append(out,
                "\nno set is named like a stage: what was gained, forgotten and retained is not "
                "known; stages are");
    for (int i = 1; i < t->moments.n; i++)
        text_printf(out, "%s %s", i > 1 ? "," : "", t->moments.item[i]);
    text_printf(out,
                "; name a set of evaluation.sets as the stage that teaches it: %s, or %s-test\n",
                t->moments.item[1], t->moments.item[1]);
}

/* Writes the lines below the moments, for a table of shares without empty cells. */
static enum status write_measures(struct text *out, const struct table *t, int first_width,
                                  const double *score, bool is_score, struct error *e) {
    enum status rc = STATUS_OK;
    struct stages stages;
    bool has_stage = false;
    TRY(find_stages(&stages, t, e));
    for (int s = 0; s < t->sets.n; s++) has_stage = has_stage || stages.last[s] > 0;
    if (!has_stage) {
        write_no_stage(out, t);
        goto done;
    }
    TRY(write_retention(out, t, first_width, score, &stages, e));
    if (!is_score) goto done;
    const size_t before = out->n;
    text_append_char(out, '\n');
    TRY(write_mtil(out, t, score, &stages, e));
    TRY(write_flux(out, t, stages.last, e));
    if (out->n == before + 1) out->bytes[--out->n] = 0; /* neither */
done:
    stages_release(&stages);
    return rc;
}

static enum status write_table(struct text *out, const struct table *t, const char *metric,
                               struct error *e) {
    const int n = t->sets.n, n_moments = t->moments.n;
    const int cells = n * n_moments;
    char name[CELL * 2];
    int first_width = 16;
    double *score = malloc((size_t)cells * sizeof *score);
    bool is_whole = n_moments > 1 && !strcmp(t->moments.item[0], EVALUATION_START);
    enum status rc = STATUS_OK;
    if (!score) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    for (int i = 0; i < cells; i++) score[i] = (double)NAN;
    for (int i = 0; i < t->n; i++)
        score[t->entry[i].moment * n + t->entry[i].set] = t->entry[i].value;
    for (int i = 0; i < cells; i++) is_whole = is_whole && !isnan(score[i]);
    const bool is_share = evaluation_is_share(metric);
    snprintf(name, sizeof name, "%.*s%s", CELL, metric, is_share ? ", percent" : "");
    if ((int)strlen(name) > first_width) first_width = (int)strlen(name);
    for (int m = 0; m < n_moments; m++) {
        const int width = (int)strlen(t->moments.item[m]) + 6;
        if (width > first_width && width < CELL) first_width = width;
    }
    text_printf(out, "%-*s", first_width, name);
    for (int s = 0; s < n; s++) text_printf(out, "  %*s", set_width(t, s), t->sets.item[s]);
    text_printf(out, "  %5s\n", "mean");
    for (int m = 0; m < n_moments; m++) {
        const char *moment = t->moments.item[m];
        snprintf(name, sizeof name, "%s%.*s", strcmp(moment, EVALUATION_START) ? "after " : "",
                 CELL, moment);
        write_row(out, t, first_width, name, score + m * n, mean_of(score + m * n, n));
    }
    if (is_whole && is_share)
        rc = write_measures(out, t, first_width, score, !strcmp(metric, "score"), e);
    free(score);
    return rc == STATUS_OK ? text_check(out, e) : rc;
}

/* No line has the metric. */
static enum status unknown_metric(const struct table *t, const char *path, const char *metric,
                                  struct error *e) {
    struct text list = {0};
    for (int i = 0; i < t->metrics.n; i++)
        text_printf(&list, "%s%s", i ? ", " : "", t->metrics.item[i]);
    const enum status rc = fail(e, STATUS_BAD_ARG, "%s: no metric %s; expected one of: %s", path,
                                metric, text_string(&list));
    text_release(&list);
    return rc;
}

enum status evaluation_table(struct text *out, const char *path, const char *metric,
                             struct error *e) {
    enum status rc = STATUS_OK;
    struct table *t = calloc(1, sizeof *t);
    if (!t) return fail(e, STATUS_NO_MEMORY, "no memory for a table");
    if (!metric) metric = "score";
    t->scale = evaluation_is_share(metric) ? 100 : 1;
    TRY(read_lines(t, path, metric, e));
    if (t->moments.n == 0)
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: no evaluation yet; does the recipe have "
                 "evaluation.sets?",
                 path));
    if (t->n == 0) TRY(unknown_metric(t, path, metric, e));
    TRY(write_table(out, t, metric, e));
done:
    names_release(&t->moments);
    names_release(&t->sets);
    names_release(&t->metrics);
    free(t->entry);
    free(t);
    return rc;
}
