#include "data/texts/tokenizer.h"
#include "data/texts/tokenizer_json.h"

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

enum status tokenizer_json_merges(struct text *out, const struct json *root, struct error *e) {
    enum status rc;
    const struct json *merges = json_find(json_find(root, "model"), "merges");
    if (!merges || merges->kind != JSON_LIST)
        return json_fail(root, e, STATUS_BAD_DATA,
                         "no list model.merges; expected merges.txt, tokenizer.json or "
                         "bpe_simple_vocab_16e6.txt.gz (a vocab.json has ids only; take the "
                         "merges.txt beside it)");
    text_append(out, "#version: 0.2");
    for (const struct json *m = merges->first; m; m = m->next) TRY(append_merge(out, m, e));
    TRY(text_check(out, e));
done:
    return rc;
}

static bool is_name(const struct tokenizer *t, int id, const char *name) {
    const int start = tokenizer_start(t), end = tokenizer_end(t);
    if (id == start) return !strcmp(name, "<|startoftext|>") || !strcmp(name, "<start_of_text>");
    if (id == end) return !strcmp(name, "<|endoftext|>") || !strcmp(name, "<end_of_text>");
    return tokenizer_is_name(t, id, name);
}

enum status tokenizer_json_check_ids(const struct tokenizer *t, const struct json *ids,
                                     struct error *e) {
    enum status rc;
    TRY(json_expect(ids, JSON_OBJECT, e));
    for (const struct json *id = ids->first; id; id = id->next) {
        int64_t number;
        TRY(json_as_int(id, 0, tokenizer_size(t) - 1, &number, e));
        if (!is_name(t, (int)number, id->name))
            TRY(json_fail(id, e, STATUS_BAD_DATA,
                          "id %d is another symbol by the order of the merges; take merges and ids "
                          "of one vocabulary",
                          (int)number));
    }
    if (ids->n != tokenizer_size(t))
        TRY(json_fail(ids, e, STATUS_BAD_DATA, "%d names; expected %d, as many as the merges make",
                      ids->n, tokenizer_size(t)));
done:
    return rc;
}
