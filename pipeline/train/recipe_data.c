#include "pipeline/train/recipe_data.h"

#include "data/classnames.h"
#include "data/dataset.h"

#include <math.h>

/* --- Sources --- */

static enum status check_mix(const struct recipe_source *s, struct error *e) {
    const struct dataset_mix *mix = s->caption_mix.item;
    double sum = 0;
    if (!s->caption_mix.n) return STATUS_OK;
    if (s->caption_field[0])
        return fail(e, STATUS_BAD_ARG,
                    "caption_field and caption_mix are both given; move the field into "
                    "caption_mix: {\"field\": \"%s\", \"probability\": ...}",
                    s->caption_field);
    for (int i = 0; i < s->caption_mix.n; i++) sum += mix[i].probability;
    if (fabs(sum - 1) > 1e-6)
        return fail(e, STATUS_BAD_ARG,
                    "caption_mix: the probabilities sum to %g; expected 1 in all", sum);
    return STATUS_OK;
}

static enum status check_templates(const struct recipe_source *s, struct error *e) {
    enum status rc = STATUS_OK;
    struct text filled = {0};
    if (s->templates.n && (s->caption_field[0] || s->caption_mix.n))
        TRY(fail(e, STATUS_BAD_ARG,
                 "templates and caption_field or caption_mix are both given; expected one: captions "
                 "made of class names, or captions that are there"));
    if (s->classnames.n && !s->templates.n)
        TRY(fail(e, STATUS_BAD_ARG,
                 "classnames without templates; add \"templates\": [\"a photo of a {}.\"]"));
    for (int i = 0; i < s->templates.n; i++)
        TRY(classnames_fill(&filled, s->templates.item[i], "", e));
done:
    text_release(&filled);
    return rc;
}

static enum status check_sources(const struct schema_objects *sources, struct error *e) {
    enum status rc = STATUS_OK;
    const struct recipe_source *s = sources->item;
    for (int i = 0; i < sources->n; i++) {
        rc = check_mix(&s[i], e);
        if (rc == STATUS_OK) rc = check_templates(&s[i], e);
        if (rc == STATUS_OK) continue;
        error_context(e, "source %s", s[i].name);
        break;
    }
    return rc;
}

enum status recipe_data_check(const struct recipe *r, struct error *e) {
    enum status rc = STATUS_OK;
    for (int role = 0; role < BATCH_ROLE_COUNT; role++)
        if (r->data.part[role]) TRY(check_sources(&r->data.part[role]->sources, e));
    for (int i = 0; i < recipe_n_stages(r); i++) TRY(check_sources(&recipe_stage(r, i)->sources, e));
done:
    return rc;
}
