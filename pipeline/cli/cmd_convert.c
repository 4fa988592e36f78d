/* sapwood convert: weights and adapters for open_clip, transformers and PEFT. */
#include "data/texts/tokenizer_export.h"
#include "models/weights/model_export.h"
#include "models/weights/peft.h"
#include "models/weights/weight_files.h"
#include "pipeline/base/new_folder.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/model_choice.h"
#include "pipeline/cli/options.h"
#include "pipeline/train/adapter_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const format_words[] = {"open_clip", "hugging_face", "peft", NULL};
static const char *const type_words[] = {"fp32", "fp16", "bf16", NULL};
static const enum safetensors_type types[] = {SAFETENSORS_F32, SAFETENSORS_F16, SAFETENSORS_BF16};

struct convert_options {
    const char *in, *out, *to, *dtype, *architecture, *vocabulary;
    struct option_list adapters;
};

/* State of one call of the command. */
struct conversion {
    const struct convert_options *options;
    enum model_kind kind;
    struct recipe *recipe; /* of a run; NULL: IN is weights */
    const char *weights;   /* path of the base weights; NULL: a run from a random start */
    struct backend *backend;
    struct model model;
    struct tokenizer *tokenizer; /* to write beside the weights; NULL: none is known */
    int n_merged;
    struct new_folder out;
};

static int index_of(const char *const *words, const char *word) {
    int i = 0;
    while (words[i] && strcmp(words[i], word)) i++;
    return i;
}

/* --- Merged models --- */

static enum status merge(struct conversion *c, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    struct adapter_set adapters = {0};
    TRY(adapter_source_read(&adapters, path, &c->model.parameters, e));
    rc = model_merge(&c->model, &adapters, e);
    if (rc != STATUS_OK) error_context(e, "%s", path);
    c->n_merged += rc == STATUS_OK;
done:
    adapter_set_release(&adapters);
    return rc;
}

/* Opens the weights of IN, or those that a run started from. */
static enum status open_base(struct conversion *c, const struct architecture *a, struct error *e) {
    enum status rc = STATUS_OK;
    const struct backend_options device = {.device = "cpu", .threads = 1};
    const struct model_config m = {.architecture = *a, .training = MODEL_TRAIN_ALL};
    const struct recipe *r = c->recipe;
    TRY(model_declare(&c->model, &m, e));
    TRY(backend_create(&c->backend, &device, e));
    TRY(model_allocate(&c->model, c->backend, r ? (uint64_t)r->seed : 0, c->weights, e));
    if (!r || r->model.train == MODEL_TRAIN_ALL) goto done;
    for (int i = 0; i < r->model.adapters.n; i++) TRY(merge(c, r->model.adapters.item[i], e));
    TRY(model_choice_check_run(c->options->in, r, &c->model, NULL, e));
done:
    return rc;
}

/* Loads the result of a run: all weights, or its adapters over its base weights. */
static enum status load_run(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe *r = c->recipe;
    char path[FILE_PATH_MAX];
    if (r->model.train == MODEL_TRAIN_ALL) {
        TRY(file_join(path, c->options->in, "weights/model.safetensors", e));
        if (!file_exists(path))
            TRY(fail(e, STATUS_NOT_FOUND,
                     "%s: not there; expected it at the end of a run; let the run continue to its "
                     "end",
                     path));
        TRY(model_load(&c->model, path, e));
        goto done;
    }
    TRY(merge(c, c->options->in, e));
done:
    return rc;
}

static enum status open_model(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct convert_options *o = c->options;
    struct architecture a;
    const char *asked = c->recipe ? c->recipe->model.architecture : o->architecture;
    TRY(architecture_choose(&a, asked ? asked : "", c->weights ? c->weights : "", e));
    TRY(model_export_check(&a, e));
    TRY(open_base(c, &a, e));
    if (c->recipe) TRY(load_run(c, e));
    for (int i = 0; i < o->adapters.n; i++) TRY(merge(c, o->adapters.item[i], e));
done:
    return rc;
}

/* The type of a parameter in the files, if all its parts have the same 16-bit type. */
static enum safetensors_type type_in_files(const struct weight_files *f,
                                           const struct weight_place *place) {
    enum safetensors_type type = SAFETENSORS_F32;
    for (int k = 0; k < place->n_parts; k++) {
        const int i = weight_files_find(f, place->name[k]);
        const enum safetensors_type t = i < 0 ? SAFETENSORS_F32 : weight_files_at(f, i)->type;
        if ((t != SAFETENSORS_F16 && t != SAFETENSORS_BF16) || (k > 0 && t != type))
            return SAFETENSORS_F32;
        type = t;
    }
    return type;
}

static enum status types_of_files(const struct conversion *c, enum safetensors_type *type,
                                  struct error *e) {
    enum status rc = STATUS_OK;
    struct weight_files *f = NULL;
    struct weight_place place;
    TRY(weight_files_open(&f, c->weights, e));
    const struct weight_layout *layout = weight_files_layout(f, &c->model.parameters);
    for (int i = 0; i < c->model.parameters.n; i++)
        if (weight_layout_place(layout, &c->model.parameters.list[i], &place))
            type[i] = type_in_files(f, &place);
done:
    weight_files_destroy(&f);
    return rc;
}

/* Opens the vocabulary: from the option, from the run, or beside the weights. Without one only
 * weights are written, with a note. */
static enum status open_vocabulary(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct convert_options *o = c->options;
    const struct architecture *a = &c->model.architecture;
    const char *path = o->vocabulary;
    char beside[FILE_PATH_MAX] = "";
    struct error why;
    if (!path && c->recipe && c->recipe->model.vocabulary[0]) path = c->recipe->model.vocabulary;
    if (!path && c->weights) TRY(tokenizer_find(beside, c->weights, e));
    if (!path && beside[0]) path = beside;
    if (!path) {
        printf("no vocabulary: OUT has no files of a tokenizer; with --vocabulary FILE it gets "
               "them\n");
        goto done;
    }
    rc = tokenizer_open(&c->tokenizer, path, &why);
    if (rc == STATUS_NOT_FOUND && !o->vocabulary) {
        printf(
            "no vocabulary (%s): OUT has no files of a tokenizer; with --vocabulary FILE it gets "
            "them\n",
            why.text);
        rc = STATUS_OK;
        goto done;
    }
    if (rc != STATUS_OK && e) *e = why;
    TRY(rc);
    const bool fits =
        tokenizer_size(c->tokenizer) == a->vocabulary && tokenizer_start(c->tokenizer) >= 0;
    if (!fits && path == beside) {
        printf("no vocabulary (%s has %d entries, the model %d): OUT has no files of a tokenizer; "
               "with --vocabulary FILE it gets them\n",
               path, tokenizer_size(c->tokenizer), a->vocabulary);
        tokenizer_close(&c->tokenizer);
        goto done;
    }
    if (!fits)
        TRY(fail(
            e, STATUS_BAD_ARG,
            "%s: %d entries%s; expected a vocabulary of byte pairs with %d, as architecture %s "
            "says; name the one that the weights were trained with: --vocabulary FILE",
            path, tokenizer_size(c->tokenizer),
            tokenizer_start(c->tokenizer) < 0 ? " of SentencePiece" : "", a->vocabulary, a->name));
    if (c->recipe) TRY(model_choice_check_run(o->in, c->recipe, NULL, c->tokenizer, e));
done:
    return rc;
}

static enum status write_vocabulary(const struct conversion *c, enum export_format format,
                                    struct error *e) {
    if (!c->tokenizer) return STATUS_OK;
    return format == EXPORT_HUGGING_FACE
               ? tokenizer_export(c->tokenizer, c->model.architecture.context, c->out.temporary, e)
               : tokenizer_export_merges(c->tokenizer, c->out.temporary, e);
}

static enum status convert_model(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct convert_options *o = c->options;
    const char *word = o->dtype;
    int n = 0;
    enum safetensors_type *type = NULL;
    const enum export_format format = (enum export_format)index_of(format_words, o->to);
    TRY(open_model(c, e));
    TRY(open_vocabulary(c, e));
    type = malloc((size_t)c->model.parameters.n * sizeof *type);
    if (!type) TRY(fail(e, STATUS_NO_MEMORY, "convert: no memory"));
    for (int i = 0; i < c->model.parameters.n; i++)
        type[i] = word ? types[index_of(type_words, word)] : SAFETENSORS_F32;
    const bool as_they_are = !word && c->kind == MODEL_OF_WEIGHTS && c->n_merged == 0;
    if (as_they_are) TRY(types_of_files(c, type, e));
    TRY(new_folder_begin(&c->out, o->out, e));
    TRY(model_export(&c->model, format, type, c->out.temporary, &n, e));
    TRY(write_vocabulary(c, format, e));
    TRY(new_folder_commit(&c->out, e));
    printf("%s: %s, %d tensors, %s", o->out, o->to, n,
           as_they_are ? "numbers as they were"
           : word      ? word
                       : "fp32");
    if (c->n_merged) printf(", %d merged adapter%s", c->n_merged, text_plural(c->n_merged));
    printf("\n");
done:
    free(type);
    return rc;
}

/* --- Adapters for PEFT --- */

/* Writes what a user must know to put the adapters on a base model. */
static void write_note(const struct conversion *c, const struct adapter_set *s, struct text *out) {
    const struct recipe *r = c->recipe;
    if (r && r->model.adapters.n > 0)
        text_printf(out,
                    "They belong to that base with %d earlier adapter%s merged into it: make it "
                    "with\n\n    sapwood convert BASE OUT --to hugging_face",
                    r->model.adapters.n, text_plural(r->model.adapters.n));
    for (int i = 0; r && i < r->model.adapters.n; i++)
        text_printf(out, " --adapters %s", r->model.adapters.item[i]);
    if (out->n > 0) text_append(out, "\n\n");
    if (s->has_logit_scale)
        text_printf(out,
                    "The logit scale was trained too, which PEFT has no place for; set "
                    "model.logit_scale to %.9g.\n",
                    (double)s->logit_scale);
}

static enum status convert_adapters(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct convert_options *o = c->options;
    struct adapter_set adapters = {0};
    struct parameters none = {0};
    struct text note = {0};
    struct architecture a;
    if (o->adapters.n > 0 || o->architecture || o->vocabulary)
        TRY(fail(
            e, STATUS_BAD_ARG,
            "--%s does not go with --to peft, which writes the adapters of IN and nothing else",
            o->architecture ? "architecture" : o->vocabulary ? "vocabulary" : "adapters"));
    if (c->recipe) {
        TRY(architecture_choose(&a, c->recipe->model.architecture, c->weights ? c->weights : "",
                                e));
        if (!architecture_has_text(&a))
            TRY(fail(e, STATUS_UNSUPPORTED,
                     "architecture %s: PEFT folders are for CLIPModel and SiglipModel; expected a "
                     "model with a text tower",
                     a.name));
    }
    if (peft_is_folder(o->in)) TRY(fail(e, STATUS_BAD_ARG, "%s: is a PEFT folder already", o->in));
    TRY(adapter_source_read(&adapters, o->in, &none, e));
    TRY(adapter_set_check_low_rank(&adapters, e));
    /* The folder names its base model, which must be the one that the adapters were trained on. */
    if (c->recipe && (!c->weights || file_exists(c->weights))) TRY(open_base(c, &a, e));
    write_note(c, &adapters, &note);
    TRY(text_check(&note, e));
    const struct peft_about about = {.base = c->recipe ? c->weights : NULL,
                                     .type = types[o->dtype ? index_of(type_words, o->dtype) : 0],
                                     .note = text_string(&note)};
    TRY(new_folder_begin(&c->out, o->out, e));
    TRY(peft_write(&adapters, c->out.temporary, &about, e));
    TRY(new_folder_commit(&c->out, e));
    printf("%s: peft, adapters of %d layers, rank %d\n%s", o->out, adapters.n,
           (int)adapters.item[0].rank, text_string(&note));
done:
    adapter_set_release(&adapters);
    text_release(&note);
    return rc;
}

/* --- Command --- */

static enum status open_input(struct conversion *c, struct error *e) {
    enum status rc = STATUS_OK;
    const struct convert_options *o = c->options;
    char path[FILE_PATH_MAX];
    const struct model_choice in = {.place = o->in};
    TRY(model_choice_find(&in, e));
    c->kind = model_choice_kind(&in);
    c->weights = o->in;
    if (c->kind == MODEL_OF_RECIPE)
        TRY(fail(e, STATUS_BAD_ARG,
                 "%s: is a recipe; expected the folder of a run, or weights (a file or a folder)",
                 o->in));
    if (c->kind == MODEL_OF_RUN) {
        if (o->architecture)
            TRY(fail(e, STATUS_BAD_ARG, "--architecture goes with weights; %s is a run", o->in));
        TRY(file_join(path, o->in, "recipe.resolved.json", e));
        TRY(recipe_read(&c->recipe, path, NULL, 0, e));
        c->weights = c->recipe->model.weights[0] ? c->recipe->model.weights : NULL;
    }
done:
    return rc;
}

enum status command_convert(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct convert_options o = {0};
    struct conversion c = {.options = &o};
    const struct option table[] = {
        {"IN", OPTION_PLACE, &o.in, .required = true,
         .help = "the folder of a run, or weights: a file, an index or a folder, of open_clip or "
                 "Hugging Face"},
        {"OUT", OPTION_PLACE, &o.out, .required = true,
         .help = "folder to create; it must not exist yet"},
        {"to", OPTION_CHOICE, &o.to, .choices = format_words, .required = true,
         .help = "open_clip, hugging_face: the whole model with all adapters merged into its "
                 "weights; peft: the adapters that IN trained"},
        {"adapters", OPTION_LIST, &o.adapters, .argument = "PATH",
         .help = "more adapters to merge, in this order: a PEFT folder, a run, or its "
                 "weights/adapters.safetensors"},
        {"architecture", OPTION_TEXT, &o.architecture, .argument = "NAME",
         .help = "of weights without a config.json or open_clip_config.json beside them: as "
                 "model.architecture of a recipe"},
        {"vocabulary", OPTION_TEXT, &o.vocabulary, .argument = "FILE",
         .help = "for the files of a tokenizer in OUT; without it that of the run, or what lies "
                 "beside weights"},
        {"dtype", OPTION_CHOICE, &o.dtype, .choices = type_words,
         .help = "of the numbers; without it weights of IN stay as they are, and what adapters are "
                 "merged into is fp32"},
    };
    TRY(options_parse(&(struct options){.command = "convert",
                                        .summary =
                                            "Writes a model as the folder that open_clip or "
                                            "transformers loads, or the adapters of a run "
                                            "as one that PEFT loads. Nothing is overwritten.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(open_input(&c, e));
    TRY(!strcmp(o.to, "peft") ? convert_adapters(&c, e) : convert_model(&c, e));
done:
    new_folder_abandon(&c.out);
    tokenizer_close(&c.tokenizer);
    model_release(&c.model);
    backend_destroy(&c.backend);
    recipe_destroy(&c.recipe);
    return rc;
}
