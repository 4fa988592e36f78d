#include "data/stream/ordering.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/json.h"
#include "pipeline/base/log.h"

enum { LIST_BYTES_MAX = 256 << 20 };

struct entry {
    const char *text; /* "source+++class", in the document */
    int number;       /* place in the list */
    int64_t samples;
};

struct ordering {
    struct json_document *document;
    struct entry *entry; /* (n) in the order of their texts */
    int n;
    int n_datasets;
    const struct dataset **dataset;
    int **number; /* (n_datasets) per sample: place of its class in the list, or -1 */
};

static int compare_entries(const void *a, const void *b) {
    return strcmp(((const struct entry *)a)->text, ((const struct entry *)b)->text);
}

static enum status check_entry(const struct ordering *o, const struct json *item, struct error *e) {
    const char *separator = strstr(item->text, "+++");
    if (!separator)
        return json_fail(item, e, STATUS_BAD_ARG, "expected \"source+++class\", found \"%s\"",
                         item->text);
    const size_t n = (size_t)(separator - item->text);
    for (int d = 0; d < o->n_datasets; d++) {
        const char *name = dataset_name(o->dataset[d]);
        if (strlen(name) == n && !strncmp(name, item->text, n)) return STATUS_OK;
    }
    return json_fail(item, e, STATUS_BAD_ARG, "\"%s\": no source of that name in the stage",
                     item->text);
}

static enum status read_list(struct ordering *o, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    TRY(json_read(&o->document, path, LIST_BYTES_MAX, e));
    const struct json *list = json_root(o->document);
    TRY(json_expect(list, JSON_LIST, e));
    o->entry = calloc((size_t)list->n + 1, sizeof *o->entry);
    if (!o->entry) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory", path));
    for (const struct json *item = list->first; item; item = item->next) {
        struct entry *entry = &o->entry[o->n];
        entry->number = o->n++;
        TRY(json_as_text(item, &entry->text, e));
        TRY(check_entry(o, item, e));
    }
    qsort(o->entry, (size_t)o->n, sizeof *o->entry, compare_entries);
    for (int i = 1; i < o->n; i++)
        if (!strcmp(o->entry[i].text, o->entry[i - 1].text))
            TRY(fail(e, STATUS_BAD_ARG, "%s: \"%s\" occurs twice; expected each class once", path,
                     o->entry[i].text));
done:
    return rc;
}

static enum status place_samples(struct ordering *o, int dataset, struct error *e) {
    enum status rc = STATUS_OK;
    const struct dataset *d = o->dataset[dataset];
    const int64_t n = dataset_counts(d).samples;
    struct dataset_memory memory = {0};
    struct text text = {0}, class = {0};
    int64_t n_out = 0;
    int *number = o->number[dataset] = malloc((size_t)n * sizeof *number);
    if (!number) return fail(e, STATUS_NO_MEMORY, "%s: no memory for its classes", dataset_name(d));
    for (int64_t i = 0; i < n; i++) {
        number[i] = -1;
        rc = dataset_class(&class, d, i, &memory, e);
        if (rc != STATUS_OK && rc != STATUS_BAD_DATA) goto done;
        text_clear(&text);
        text_printf(&text, "%s+++%s", dataset_name(d), text_string(&class));
        struct entry *found = NULL;
        const struct entry key = {.text = text_string(&text)};
        if (rc == STATUS_OK)
            found = bsearch(&key, o->entry, (size_t)o->n, sizeof key, compare_entries);
        n_out += !found;
        if (!found) continue;
        number[i] = found->number;
        found->samples++;
    }
    rc = text_check(&text, e);
    if (n_out)
        log_warning("%s: %lld of %lld samples are of no class in the list; they are left out",
                    dataset_name(d), (long long)n_out, (long long)n);
done:
    text_release(&text);
    text_release(&class);
    dataset_memory_release(&memory);
    return rc;
}

enum status ordering_open(struct ordering **out, const char *path,
                          const struct dataset *const *datasets, int n_datasets, struct error *e) {
    enum status rc = STATUS_OK;
    struct ordering *o = calloc(1, sizeof *o);
    *out = NULL;
    if (!o) return fail(e, STATUS_NO_MEMORY, "%s: no memory", path);
    o->n_datasets = n_datasets;
    o->dataset = calloc((size_t)n_datasets + 1, sizeof *o->dataset);
    o->number = calloc((size_t)n_datasets + 1, sizeof *o->number);
    if (!o->dataset || !o->number) TRY(fail(e, STATUS_NO_MEMORY, "%s: no memory", path));
    memcpy(o->dataset, datasets, (size_t)n_datasets * sizeof *datasets);
    TRY(read_list(o, path, e));
    for (int d = 0; d < n_datasets; d++) TRY(place_samples(o, d, e));
    for (int i = 0; i < o->n; i++)
        if (!o->entry[i].samples)
            TRY(fail(
                e, STATUS_BAD_ARG,
                "%s: \"%s\": its source has no sample of this class; expected a number in cls, "
                "named by classnames, or a text in label_field",
                path, o->entry[i].text));
done:
    if (rc != STATUS_OK) ordering_close(&o);
    *out = o;
    return rc;
}

void ordering_close(struct ordering **ordering) {
    struct ordering *o = *ordering;
    if (!o) return;
    for (int d = 0; o->number && d < o->n_datasets; d++) free(o->number[d]);
    free(o->number);
    free(o->dataset);
    free(o->entry);
    json_destroy(&o->document);
    free(o);
    *ordering = NULL;
}

enum status ordering_digest(uint64_t *digest, const char *path, struct error *e) {
    char *bytes = NULL;
    size_t n = 0;
    const enum status rc = file_read_all(&bytes, &n, path, LIST_BYTES_MAX, e);
    if (rc == STATUS_OK) *digest = hash_64(bytes, n, 0);
    free(bytes);
    return rc;
}

enum status ordering_chunk(struct selection **out, const struct ordering *o, int chunk,
                           int n_chunks, bool reversed, struct error *e) {
    enum status rc = STATUS_OK;
    struct selection *s = NULL;
    const int first = (int)((int64_t)(chunk - 1) * o->n / n_chunks);
    const int end = (int)((int64_t)chunk * o->n / n_chunks);
    *out = NULL;
    if (first == end)
        TRY(fail(e, STATUS_BAD_ARG, "ordering: %d chunks of %d classes; expected at most one each",
                 n_chunks, o->n));
    TRY(selection_create(&s, "ordering", o->dataset, o->n_datasets, e));
    for (int d = 0; d < o->n_datasets; d++)
        for (int64_t i = 0; i < dataset_counts(o->dataset[d]).samples; i++) {
            int at = o->number[d][i];
            if (at >= 0 && reversed) at = o->n - 1 - at;
            if (at >= first && at < end) selection_add(s, d, i);
        }
    TRY(selection_seal(s, e));
done:
    if (rc != STATUS_OK) selection_destroy(&s);
    *out = s;
    return rc;
}
