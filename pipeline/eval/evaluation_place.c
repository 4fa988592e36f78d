#include "pipeline/eval/evaluation_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/shard_list.h"
#include "pipeline/base/file.h"
#include "pipeline/eval/template_list.h"

enum { LINES_BYTES_MAX = 16 << 20, WORD_BYTES_MAX = 4096 };

static const char default_template[] = "a photo of a {}.";

const char *evaluation_lines_next(const struct evaluation_lines *lines, const char *from) {
    if (!from) return lines->n ? text_string(&lines->bytes) : NULL;
    from += strlen(from) + 1;
    return from < lines->bytes.bytes + lines->bytes.n ? from : NULL;
}

static void add_line(struct evaluation_lines *lines, const char *line, size_t n) {
    text_append_bytes(&lines->bytes, line, n);
    text_append_char(&lines->bytes, 0);
    lines->n++;
}

static void add_texts(struct evaluation_lines *lines, const struct schema_texts *texts) {
    for (int i = 0; i < texts->n; i++) add_line(lines, texts->item[i], strlen(texts->item[i]));
}

/* Reads the lines of folder/name that are not empty, trimmed; none if there is no such file. */
static enum status read_lines(struct evaluation_lines *lines, const char *folder, const char *name,
                              struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], *bytes = NULL;
    const char *line;
    size_t size, n;
    TRY(file_join(path, folder, name, e));
    if (!file_exists(path)) goto done;
    TRY(file_read_all(&bytes, &size, path, LINES_BYTES_MAX, e));
    for (const char *from = bytes; caption_next(&from, bytes + size, CAPTION_LINES, &line, &n);)
        add_line(lines, line, n);
    TRY(text_check(&lines->bytes, e));
done:
    free(bytes);
    return rc;
}

/* FOLDER/split/{0..n-1}.tar, n from nshards.txt. */
static enum status read_split(struct text *out, const char *folder, const char *split,
                              struct error *e) {
    enum status rc = STATUS_OK;
    char place[FILE_PATH_MAX], path[FILE_PATH_MAX], *bytes = NULL, *end;
    size_t size;
    TRY(file_join(place, folder, split, e));
    TRY(file_join(path, place, "nshards.txt", e));
    TRY(file_read_all(&bytes, &size, path, WORD_BYTES_MAX, e));
    const long n = strtol(bytes, &end, 10);
    if (end == bytes || n < 1 || n > SHARD_LIST_MAX)
        TRY(fail(e, STATUS_BAD_DATA, "%s: expected a number of shards, found %.20s", path, bytes));
    text_printf(out, n > 1 ? "%s/{0..%ld}.tar" : "%s/%ld.tar", place, n - 1);
    TRY(text_check(out, e));
done:
    free(bytes);
    return rc;
}

bool evaluation_place_is_benchmark(const char *folder) {
    char path[FILE_PATH_MAX];
    return file_is_folder(folder) &&
           file_join(path, folder, "test/nshards.txt", NULL) == STATUS_OK && file_exists(path);
}

/* The task that dataset_type.txt names. */
static enum status read_type(enum evaluation_task *task, const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct evaluation_lines lines = {{0}, 0};
    TRY(read_lines(&lines, folder, "dataset_type.txt", e));
    const char *word = lines.n ? text_string(&lines.bytes) : "classification";
    if (!strcmp(word, "retrieval"))
        *task = EVALUATION_RETRIEVAL;
    else if (!strcmp(word, "multilabel"))
        *task = EVALUATION_MULTILABEL;
    else if (!strcmp(word, "classification"))
        *task = EVALUATION_CLASSIFICATION;
    else
        rc = fail(e, STATUS_BAD_DATA,
                  "%s/dataset_type.txt: expected retrieval, multilabel or classification, found "
                  "%.60s",
                  folder, word);
done:
    text_release(&lines.bytes);
    return rc;
}

static enum status open_benchmark(struct evaluation_place *p, const struct evaluation_set *set,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    p->captions = CAPTION_LINES;
    if (p->task == EVALUATION_AUTO) TRY(read_type(&p->task, set->shards, e));
    TRY(read_split(&p->test, set->shards, "test", e));
    TRY(file_join(path, set->shards, "train/nshards.txt", e));
    if (p->train.n == 0 && file_exists(path)) TRY(read_split(&p->train, set->shards, "train", e));
done:
    return rc;
}

/* Finds the folder of class names and templates. */
static enum status find_folder(char out[FILE_PATH_MAX], const struct evaluation_set *set,
                               bool is_benchmark, struct error *e) {
    struct shard_list shards = {0};
    if (is_benchmark) return file_join(out, "", set->shards, e);
    enum status rc = shard_list_expand(&shards, set->shards, e);
    if (rc == STATUS_OK) rc = file_parent(out, shards.path[0], e);
    shard_list_release(&shards);
    return rc;
}

static enum status find_templates(struct evaluation_place *p, const struct evaluation_set *set,
                                  const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    struct schema_texts list;
    for (int i = 0; i < set->templates.n; i++) {
        if (template_list_find(&list, set->templates.item[i]))
            add_texts(&p->templates, &list);
        else
            add_line(&p->templates, set->templates.item[i], strlen(set->templates.item[i]));
    }
    if (p->templates.n == 0)
        TRY(read_lines(&p->templates, folder, "zeroshot_classification_templates.txt", e));
    if (p->templates.n == 0) add_line(&p->templates, default_template, strlen(default_template));
    TRY(text_check(&p->templates.bytes, e));
done:
    return rc;
}

static enum status find_classnames(struct evaluation_place *p, const struct evaluation_set *set,
                                   const char *folder, struct error *e) {
    enum status rc = STATUS_OK;
    add_texts(&p->classnames, &set->classnames);
    if (p->classnames.n == 0) TRY(read_lines(&p->classnames, folder, "classnames.txt", e));
    if (p->classnames.n == 0)
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s/classnames.txt: not there or empty; expected a class name per line, or "
                 "\"classnames\" in the recipe",
                 folder));
    TRY(text_check(&p->classnames.bytes, e));
done:
    return rc;
}

enum status evaluation_place_open(struct evaluation_place *p, const struct evaluation_set *set,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    char folder[FILE_PATH_MAX];
    const bool is_benchmark = evaluation_place_is_benchmark(set->shards);
    *p = (struct evaluation_place){.task = (enum evaluation_task)set->task,
                                   .captions = set->captions};
    if (set->train) text_append(&p->train, set->train);
    if (is_benchmark)
        TRY(open_benchmark(p, set, e));
    else
        text_append(&p->test, set->shards);
    if (p->task == EVALUATION_AUTO) p->task = EVALUATION_RETRIEVAL;
    if (p->task == EVALUATION_CLASSIFICATION || p->task == EVALUATION_MULTILABEL) {
        TRY(find_folder(folder, set, is_benchmark, e));
        TRY(find_classnames(p, set, folder, e));
        TRY(find_templates(p, set, folder, e));
    }
    const bool learns = p->task == EVALUATION_LINEAR_PROBE || p->task == EVALUATION_NEAREST_MEAN;
    if (learns && p->train.n == 0)
        TRY(fail(e, STATUS_BAD_ARG, "nothing to learn from; give \"train\": shards with labels"));
    TRY(text_check(&p->test, e));
    TRY(text_check(&p->train, e));
done:
    return rc;
}

void evaluation_place_release(struct evaluation_place *p) {
    text_release(&p->test);
    text_release(&p->train);
    text_release(&p->classnames.bytes);
    text_release(&p->templates.bytes);
}
