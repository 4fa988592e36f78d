#include "pipeline/train/adapter_source.h"

#include "models/weights/peft.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"

#include <math.h>

static const char recipe_name[] = "recipe.resolved.json";

/* Reads model.lora.alpha and model.uniadapter.scale of the run whose folder has the file; leaves
 * them unchanged if there is no run. */
static enum status run_numbers(const char *file, double *alpha, double *scale, struct error *e) {
    enum status rc = STATUS_OK;
    char weights[FILE_PATH_MAX], run[FILE_PATH_MAX], path[FILE_PATH_MAX];
    struct json_document *d = NULL;
    TRY(file_absolute(path, file, e));
    TRY(file_parent(weights, path, e));
    TRY(file_parent(run, weights, e));
    TRY(file_join(path, run, recipe_name, e));
    if (!file_exists(path)) goto done;
    TRY(json_read(&d, path, 0, e));
    const struct json *lora = json_find(json_find(json_root(d), "model"), "lora");
    if (lora && lora->kind == JSON_OBJECT) TRY(json_double(lora, "alpha", -1e9, 1e9, alpha, e));
    const struct json *bottleneck = json_find(json_find(json_root(d), "model"), "uniadapter");
    if (bottleneck && bottleneck->kind == JSON_OBJECT)
        TRY(json_double(bottleneck, "scale", -1e9, 1e9, scale, e));
done:
    json_destroy(&d);
    return rc;
}

static enum status read_file(struct adapter_set *s, const char *path, struct error *e) {
    enum status rc = STATUS_OK;
    double alpha = 0, scale = NAN;
    TRY(run_numbers(path, &alpha, &scale, e));
    TRY(adapter_set_read(s, path, alpha, e));
    if (s->has_bottleneck_scale || isnan(scale)) goto done;
    s->has_bottleneck_scale = true;
    s->bottleneck_scale = (float)scale;
done:
    return rc;
}

static enum status read_run(struct adapter_set *s, const char *run, struct error *e) {
    enum status rc = STATUS_OK;
    char path[FILE_PATH_MAX], model[FILE_PATH_MAX];
    TRY(file_join(path, run, "weights/adapters.safetensors", e));
    TRY(file_join(model, run, "weights/model.safetensors", e));
    if (file_exists(model) && !file_exists(path))
        TRY(fail(e, STATUS_BAD_ARG,
                 "%s: this run trained all weights and has no adapters; expected a run with "
                 "model.train \"adapters\"; use %s as weights",
                 run, model));
    if (!file_exists(path))
        TRY(fail(e, STATUS_NOT_FOUND,
                 "%s: not there; expected it at the end of a run; let the run continue to its end",
                 path));
    TRY(read_file(s, path, e));
done:
    return rc;
}

enum status adapter_source_read(struct adapter_set *s, const char *path, const struct parameters *p,
                                struct error *e) {
    char recipe[FILE_PATH_MAX];
    *s = (struct adapter_set){0};
    if (!file_exists(path)) return fail(e, STATUS_NOT_FOUND, "%s: not there", path);
    if (!file_is_folder(path)) return read_file(s, path, e);
    if (peft_is_folder(path)) return peft_read(s, path, p, e);
    const enum status rc = file_join(recipe, path, recipe_name, e);
    if (rc != STATUS_OK) return rc;
    if (file_exists(recipe)) return read_run(s, path, e);
    return fail(e, STATUS_BAD_ARG,
                "%s: no adapters; expected a folder with adapter_config.json (PEFT) or %s (a run), "
                "or a file weights/adapters.safetensors of a run",
                path, recipe_name);
}
