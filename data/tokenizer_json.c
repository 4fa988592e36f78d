#include "data/tokenizer_json.h"
#include "pipeline/base/json.h"

#include <string.h>

static enum status append_merge(struct text *out, const struct json *merge, struct error *e) {
    if (merge->kind == JSON_TEXT) {
        text_printf(out, "\n%s", merge->text);
        return STATUS_OK;
    }
    if (merge->kind != JSON_LIST || merge->n != 2 || merge->first->kind != JSON_TEXT ||
        merge->first->next->kind != JSON_TEXT)
        return json_fail(merge, e, STATUS_BAD_DATA, "expected \"left right\" or [left, right]");
    text_printf(out, "\n%s %s", merge->first->text, merge->first->next->text);
    return STATUS_OK;
}

enum status tokenizer_json_merges(struct text *out, const char *bytes, size_t n, const char *source,
                                  struct error *e) {
    enum status rc;
    struct json_document *d = NULL;
    TRY(json_parse(&d, bytes, n, source, e));
    const struct json *merges = json_find(json_find(json_root(d), "model"), "merges");
    if (!merges || merges->kind != JSON_LIST) {
        rc = fail(e, STATUS_BAD_DATA,
                  "%s: no list model.merges; expected merges.txt, tokenizer.json or "
                  "bpe_simple_vocab_16e6.txt.gz (a vocab.json has ids only; take the merges.txt "
                  "beside it)",
                  source);
        goto done;
    }
    text_append(out, "#version: 0.2");
    for (const struct json *m = merges->first; m; m = m->next) TRY(append_merge(out, m, e));
    TRY(text_check(out, e));
done:
    json_destroy(&d);
    return rc;
}
