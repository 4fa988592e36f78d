#include "models/weights/peft_config.h"

#include "pipeline/base/json.h"
#include "pipeline/base/json_write.h"

#include <ctype.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <string.h>

enum { CONFIG_MAX = 16 << 20, PATTERN_MAX = 512 };

/* --- Reading --- */

/* null, false, "", [] or {}: a field that is not used. */
static bool is_off(const struct json *v) {
    switch (v->kind) {
    case JSON_NULL:
        return true;
    case JSON_BOOL:
        return !v->boolean;
    case JSON_TEXT:
        return !v->text[0];
    case JSON_LIST:
    case JSON_OBJECT:
        return v->n == 0;
    default:
        return false;
    }
}

/* Refuses fields that change the meaning of the tensors or need tensors that we cannot hold. */
static enum status check_off(const struct json *root, struct error *e) {
    static const char *const names[] = {
        "modules_to_save", "fan_in_fan_out",          "lora_bias",         "layer_replication",
        "megatron_config", "trainable_token_indices", "target_parameters", "use_qalora",
        "use_bdlora",      "alora_invocation_tokens", "monteclora_config"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct json *v = json_find(root, names[i]);
        if (v && !is_off(v))
            return json_fail(v, e, STATUS_BAD_DATA,
                             "is set, which is not supported; expected null or false: LoRA or DoRA "
                             "of linear layers and nothing else");
    }
    return STATUS_OK;
}

static enum status check_bias(const struct json *root, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *bias = json_find(root, "bias");
    const char *word = "none";
    if (bias) TRY(json_as_text(bias, &word, e));
    if (strcmp(word, "none"))
        rc = json_fail(bias, e, STATUS_BAD_DATA,
                       "expected \"none\", found \"%s\"; trained biases are not supported", word);
done:
    return rc;
}

/* Some initialisations subtract the adapter from the base weights. Such an adapter fits only those
 * changed weights. */
static enum status check_start(const struct json *root, struct error *e) {
    const struct json *v = json_find(root, "init_lora_weights");
    static const char *const harmless[] = {"gaussian", "eva", "orthogonal"};
    if (!v || v->kind == JSON_BOOL || v->kind == JSON_NULL) return STATUS_OK;
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (v->kind == JSON_TEXT && !strcmp(v->text, harmless[i])) return STATUS_OK;
    return json_fail(
        v, e, STATUS_BAD_DATA,
        "expected true, false, \"gaussian\", \"eva\" or \"orthogonal\", found %s; such "
        "an adapter goes with a changed base; save it with PEFT's "
        "path_initial_model_for_weight_conversion",
        v->kind == JSON_TEXT ? v->text : json_kind_name(v->kind));
}

static enum status optional_bool(const struct json *root, const char *name, bool *out,
                                 struct error *e) {
    const struct json *v = json_find(root, name);
    return v ? json_as_bool(v, out, e) : STATUS_OK;
}

static enum status read_fields(struct peft_config *c, const struct json *root, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *v;
    const char *type;
    TRY(json_expect(root, JSON_OBJECT, e));
    TRY(json_text(root, "peft_type", &type, e));
    if (strcmp(type, "LORA"))
        TRY(json_fail(json_find(root, "peft_type"), e, STATUS_BAD_DATA,
                      "expected \"LORA\", found \"%s\"; other adapters cannot be merged here",
                      type));
    TRY(check_bias(root, e));
    TRY(check_off(root, e));
    TRY(check_start(root, e));
    c->r = 8;
    c->alpha = 8;
    if ((v = json_find(root, "r"))) TRY(json_as_int(v, 1, 1 << 20, &c->r, e));
    if ((v = json_find(root, "lora_alpha"))) TRY(json_as_double(v, -1e9, 1e9, &c->alpha, e));
    TRY(optional_bool(root, "use_rslora", &c->use_rslora, e));
    TRY(optional_bool(root, "use_dora", &c->use_dora, e));
done:
    return rc;
}

enum status peft_config_read(struct peft_config *c, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    *c = (struct peft_config){0};
    TRY(json_read(&c->document, path, CONFIG_MAX, e));
    TRY(read_fields(c, json_root(c->document), e));
done:
    if (rc != STATUS_OK) peft_config_release(c);
    return rc;
}

void peft_config_release(struct peft_config *c) {
    json_destroy(&c->document);
    *c = (struct peft_config){0};
}

/* --- Patterns --- */

/* Translates a Python regular expression to POSIX extended. False: POSIX has no equivalent. */
static bool translate(const char *python, char out[PATTERN_MAX]) {
    struct text t = {0};
    bool fits = strlen(python) < PATTERN_MAX / 8, in_set = false;
    text_append(&t, "^(.*\\.)?(");
    for (const char *p = python; *p && fits; p++) {
        const char next = p[1];
        if (*p == '\\' && (next == 'd' || next == 'w') && !in_set) {
            text_append(&t, next == 'd' ? "[0-9]" : "[A-Za-z0-9_]");
            p++;
        } else if (*p == '\\') {
            fits = !in_set && next && ispunct((unsigned char)next);
            text_append_bytes(&t, p, 2);
            p++;
        } else if (*p == '(' && next == '?' && !in_set) {
            fits = p[2] == ':';
            text_append_char(&t, '(');
            p += 2;
        } else if (*p == '?' && p > python && strchr("*+?", p[-1]) && !in_set) {
            continue; /* lazy or not, the same paths match */
        } else {
            fits = *p != '{' || in_set;
            if (*p == '[') in_set = true;
            if (*p == ']') in_set = false;
            text_append_char(&t, *p);
        }
    }
    text_append(&t, ")$");
    fits = fits && !t.failed && t.n < PATTERN_MAX;
    if (fits) memcpy(out, t.bytes, t.n + 1);
    text_release(&t);
    return fits;
}

static enum status pattern_fits(const struct json *key, const char *layer, bool *fits,
                                struct error *e) {
    char pattern[PATTERN_MAX];
    regex_t expression;
    if (!translate(key->name, pattern) || regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB))
        return json_fail(key, e, STATUS_BAD_DATA,
                         "the key is no regular expression of the kind that is supported; expected "
                         "names with . * + ? | ( ) [ ] \\d \\w");
    *fits = regexec(&expression, layer, 0, NULL, 0) == 0;
    regfree(&expression);
    return STATUS_OK;
}

/* The first member of a pattern object whose key matches, or NULL. */
static enum status find_pattern(const struct peft_config *c, const char *name, const char *layer,
                                const struct json **out, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *patterns = json_find(json_root(c->document), name);
    *out = NULL;
    if (!patterns || is_off(patterns)) goto done;
    TRY(json_expect(patterns, JSON_OBJECT, e));
    for (const struct json *key = patterns->first; key && !*out; key = key->next) {
        bool fits = false;
        TRY(pattern_fits(key, layer, &fits, e));
        if (fits) *out = key;
    }
done:
    return rc;
}

enum status peft_config_layer(const struct peft_config *c, const char *layer, int64_t *rank,
                              double *alpha, struct error *e) {
    enum status rc = STATUS_OK;
    const struct json *v;
    *rank = c->r;
    *alpha = c->alpha;
    TRY(find_pattern(c, "rank_pattern", layer, &v, e));
    if (v) TRY(json_as_int(v, 1, 1 << 20, rank, e));
    TRY(find_pattern(c, "alpha_pattern", layer, &v, e));
    if (v) TRY(json_as_double(v, -1e9, 1e9, alpha, e));
done:
    return rc;
}

/* --- Writing --- */

static void write_nulls(struct json_writer *w, const char *const *names, int n) {
    for (int i = 0; i < n; i++) {
        json_write_name(w, names[i]);
        json_write_null(w);
    }
}

static void write_empty(struct json_writer *w, const char *name) {
    json_write_name(w, name);
    json_write_object_begin(w);
    json_write_object_end(w);
}

enum status peft_config_write(const struct peft_config_content *c, struct text *out,
                              struct error *e) {
    static const char *const nulls[] = {"auto_mapping",        "revision",
                                        "task_type",           "modules_to_save",
                                        "layers_to_transform", "layers_pattern"};
    struct json_writer w = {.indent = 2};
    json_write_object_begin(&w);
    json_write_name(&w, "peft_type");
    json_write_text(&w, "LORA");
    json_write_name(&w, "base_model_name_or_path");
    json_write_text(&w, c->base);
    json_write_name(&w, "r");
    json_write_int(&w, c->r);
    json_write_name(&w, "lora_alpha");
    json_write_float(&w, c->alpha);
    json_write_name(&w, "lora_dropout");
    json_write_double(&w, 0);
    json_write_name(&w, "bias");
    json_write_text(&w, "none");
    json_write_name(&w, "fan_in_fan_out");
    json_write_bool(&w, false);
    json_write_name(&w, "use_rslora");
    json_write_bool(&w, false);
    json_write_name(&w, "use_dora");
    json_write_bool(&w, false);
    json_write_name(&w, "init_lora_weights");
    json_write_bool(&w, true);
    json_write_name(&w, "inference_mode");
    json_write_bool(&w, true);
    write_nulls(&w, nulls, (int)(sizeof nulls / sizeof nulls[0]));
    write_empty(&w, "rank_pattern");
    write_empty(&w, "alpha_pattern");
    json_write_name(&w, "target_modules");
    json_write_list_begin(&w);
    for (int i = 0; i < c->n_layers; i++) json_write_text(&w, c->layer[i]);
    json_write_list_end(&w);
    json_write_object_end(&w);
    text_append(out, text_string(&w.text));
    text_append_char(out, '\n');
    const enum status rc = text_check(&w.text, e);
    text_release(&w.text);
    return rc == STATUS_OK ? text_check(out, e) : rc;
}
