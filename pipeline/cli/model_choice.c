#include "pipeline/cli/model_choice.h"

#include "models/weights/weight_hint.h"
#include "pipeline/base/file.h"
#include "pipeline/base/hash.h"
#include "pipeline/base/text.h"
#include "pipeline/run/checkpoint.h"
#include "pipeline/run/checkpoint_list.h"

#include <string.h>

static bool is_in(const char *folder, const char *name) {
    char path[FILE_PATH_MAX];
    return file_join(path, folder, name, NULL) == STATUS_OK && file_exists(path);
}

enum model_kind model_choice_kind(const struct model_choice *c) {
    if (file_is_folder(c->place))
        return is_in(c->place, "recipe.resolved.json") ? MODEL_OF_RUN : MODEL_OF_WEIGHTS;
    return text_ends_with(c->place, ".json") && !text_ends_with(c->place, ".index.json")
               ? MODEL_OF_RECIPE
               : MODEL_OF_WEIGHTS;
}

enum status model_choice_find(const struct model_choice *c, struct error *e) {
    if (file_exists(c->place)) return STATUS_OK;
    struct text hint = {0};
    weight_hint(&hint, c->place);
    fail(e, STATUS_NOT_FOUND, "%s: not there; expected a recipe, a run folder, or weights%s",
         c->place, text_string(&hint));
    text_release(&hint);
    return STATUS_NOT_FOUND;
}

static bool has_weights(const char *folder) {
    struct file_list names = {0};
    bool found = false;
    if (file_list_read(&names, folder, NULL) != STATUS_OK) return true; /* opening tells why */
    for (int i = 0; i < names.n; i++)
        found = found || text_ends_with(names.name[i], ".safetensors") ||
                text_ends_with(names.name[i], ".bin") || text_ends_with(names.name[i], ".pt");
    file_list_release(&names);
    return found;
}

static enum status refuse(const char *option, const char *what, const struct model_choice *c,
                          struct error *e) {
    return fail(e, STATUS_BAD_ARG, "--%s goes with %s; %s is none", option, what, c->place);
}

/* Finds the weights that a run trained: its last ones, or those of its newest checkpoint. */
static enum status find_trained(char out[FILE_PATH_MAX], const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    char folder[FILE_PATH_MAX];
    TRY(file_join(folder, run, "weights", e));
    TRY(file_join(out, folder, "adapters.safetensors", e));
    if (file_exists(out)) goto done;
    TRY(file_join(out, folder, "model.safetensors", e));
    if (file_exists(out)) goto done;
    TRY(checkpoint_list_read(&list, run, e));
    if (list.n == 0)
        TRY(fail(e, STATUS_NOT_FOUND, "%s: no weights and no checkpoint yet", run));
    TRY(checkpoint_list_path(folder, run, "", list.step[0], e));
    TRY(file_join(out, folder, "model.safetensors", e));
done:
    checkpoint_list_release(&list);
    return rc;
}

/* Opens the newest readable checkpoint of a run; NULL: there is none. */
static enum status look_newest(struct checkpoint **out, const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint_list list = {0};
    struct error ignored;
    char folder[FILE_PATH_MAX];
    *out = NULL;
    TRY(checkpoint_list_read(&list, run, e));
    for (int i = 0; i < list.n && !*out; i++) {
        TRY(checkpoint_list_path(folder, run, "", list.step[i], e));
        if (checkpoint_look(out, folder, &ignored) != STATUS_OK) *out = NULL;
    }
done:
    checkpoint_list_release(&list);
    return rc;
}

static enum status compare(const char *run, const struct checkpoint *c, const char *fact,
                           const char *field, const char *path, const char *found,
                           struct error *e) {
    const char *expected = checkpoint_fact(c, fact);
    if (!expected || !strcmp(expected, found)) return STATUS_OK;
    return fail(e, STATUS_MISMATCH,
                "%s: %s changed since it was trained: %s %s; expected %s, found %s; put back what "
                "it was trained with",
                run, fact, field, path[0] ? path : "(none)", expected, found);
}

enum status model_choice_check_run(const char *run, const struct recipe *r, const struct model *m,
                                   const struct tokenizer *t, struct error *e) {
    enum status rc = STATUS_OK;
    struct checkpoint *c = NULL;
    char base[33], tokenizer[HASH_HEX_64];
    TRY(look_newest(&c, run, e));
    if (!c) goto done;
    if (m && r->model.train == MODEL_TRAIN_ADAPTERS) {
        TRY(model_digest(m, MODEL_BASE, base, e));
        TRY(compare(run, c, "base_weights", "model.weights", r->model.weights, base, e));
    }
    if (t) {
        hash_hex_64(tokenizer, tokenizer_hash(t));
        TRY(compare(run, c, "tokenizer", "model.vocabulary", r->model.vocabulary, tokenizer, e));
    }
done:
    checkpoint_destroy(&c);
    return rc;
}

enum status model_choice_open(const struct model_choice *c, struct recipe **r, struct job *j,
                              char weights[FILE_PATH_MAX], struct error *e) {
    enum status rc = STATUS_OK;
    const enum model_kind kind = model_choice_kind(c);
    char path[FILE_PATH_MAX];
    weights[0] = 0;
    TRY(model_choice_find(c, e));
    if (c->weights && kind != MODEL_OF_RECIPE) TRY(refuse("weights", "a recipe", c, e));
    if (c->architecture && kind != MODEL_OF_WEIGHTS) TRY(refuse("architecture", "weights", c, e));
    if (c->vocabulary && kind != MODEL_OF_WEIGHTS) TRY(refuse("vocabulary", "weights", c, e));
    if (kind == MODEL_OF_WEIGHTS && file_is_folder(c->place) && !has_weights(c->place))
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: expected a run folder (with recipe.resolved.json) or one with weights "
                 "(*.safetensors)",
                 c->place));
    if (kind == MODEL_OF_WEIGHTS) {
        TRY(recipe_of_weights(r, c->place, c->architecture, c->vocabulary, c->settings.item,
                              c->settings.n, e));
    } else {
        TRY(kind == MODEL_OF_RUN ? file_join(path, c->place, "recipe.resolved.json", e)
                                 : file_join(path, "", c->place, e));
        TRY(recipe_read(r, path, c->settings.item, c->settings.n, e));
    }
    if (kind == MODEL_OF_RUN) TRY(find_trained(weights, c->place, e));
    if (c->weights) TRY(file_join(weights, "", c->weights, e));
    TRY(job_open_model(j, *r, !c->pictures_only, e));
    if (kind == MODEL_OF_RUN)
        TRY(model_choice_check_run(c->place, *r, &j->model, j->tokenizer, e));
    if (weights[0]) TRY(model_load_trained(&j->model, weights, e));
done:
    return rc;
}
