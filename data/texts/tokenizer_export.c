#include "data/texts/tokenizer_export.h"

#include "pipeline/base/file.h"
#include "pipeline/base/json_write.h"

static const char start_name[] = "<|startoftext|>", end_name[] = "<|endoftext|>";

static enum status write_file(const char *folder, const char *name, struct text *content,
                              struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX];
    text_append_char(content, '\n');
    TRY(text_check(content, e));
    TRY(file_join(path, folder, name, e));
    TRY(file_write_all(path, content->bytes, content->n, e));
done:
    return rc;
}

enum status tokenizer_export_merges(const struct tokenizer *t, const char *folder,
                                    struct error *e) {
    struct text out = {0};
    int left, right;
    if (tokenizer_start(t) < 0)
        return fail(e, STATUS_UNSUPPORTED, "%s: a SentencePiece model has no merges", folder);
    text_append(&out, "#version: 0.2");
    for (int id = 0; id < tokenizer_start(t); id++) {
        if (!tokenizer_parts(t, id, &left, &right)) continue;
        text_append_char(&out, '\n');
        tokenizer_name(t, left, &out);
        text_append_char(&out, ' ');
        tokenizer_name(t, right, &out);
    }
    const enum status rc = write_file(folder, "merges.txt", &out, e);
    text_release(&out);
    return rc;
}

static enum status write_ids(const struct tokenizer *t, const char *folder, struct error *e) {
    struct json_writer w = {0};
    struct text name = {0};
    json_write_object_begin(&w);
    for (int id = 0; id < tokenizer_start(t); id++) {
        text_clear(&name);
        tokenizer_name(t, id, &name);
        if (name.failed) w.text.failed = true;
        json_write_name(&w, text_string(&name));
        json_write_int(&w, id);
    }
    json_write_name(&w, start_name);
    json_write_int(&w, tokenizer_start(t));
    json_write_name(&w, end_name);
    json_write_int(&w, tokenizer_end(t));
    json_write_object_end(&w);
    const enum status rc = write_file(folder, "vocab.json", &w.text, e);
    text_release(&name);
    text_release(&w.text);
    return rc;
}

/* context 0: the special names alone. */
static enum status write_config(int context, const char *folder, const char *file,
                                struct error *e) {
    static const char *const names[][2] = {{"bos_token", start_name},
                                           {"eos_token", end_name},
                                           {"unk_token", end_name},
                                           {"pad_token", end_name}};
    struct json_writer w = {.indent = 2};
    json_write_object_begin(&w);
    for (int i = 0; i < 4; i++) {
        json_write_name(&w, names[i][0]);
        json_write_text(&w, names[i][1]);
    }
    if (context > 0) {
        json_write_name(&w, "tokenizer_class");
        json_write_text(&w, "CLIPTokenizer");
        json_write_name(&w, "add_prefix_space");
        json_write_bool(&w, false);
        json_write_name(&w, "do_lower_case");
        json_write_bool(&w, true);
        json_write_name(&w, "errors");
        json_write_text(&w, "replace");
        json_write_name(&w, "model_max_length");
        json_write_int(&w, context);
    }
    json_write_object_end(&w);
    const enum status rc = write_file(folder, file, &w.text, e);
    text_release(&w.text);
    return rc;
}

enum status tokenizer_export(const struct tokenizer *t, int context, const char *folder,
                             struct error *e) {
    enum status rc = STATUS_OK;
    TRY(tokenizer_export_merges(t, folder, e));
    TRY(write_ids(t, folder, e));
    TRY(write_config(context, folder, "tokenizer_config.json", e));
    TRY(write_config(0, folder, "special_tokens_map.json", e));
done:
    return rc;
}
