#include "pipeline/train/alpha_facts.h"

#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"

#include <inttypes.h>

struct alpha_facts alpha_facts(const struct dataset *d) {
    struct alpha_facts facts = {0};
    struct dataset_memory memory = {0};
    struct image_info info;
    struct error ignored;
    const int64_t n = dataset_counts(d).samples;
    const int64_t most = n < ALPHA_FACTS_MAX ? n : ALPHA_FACTS_MAX;
    if (dataset_cache_bytes(d) || !dataset_counts(d).pictures) return facts;
    const double began = clock_seconds();
    for (int64_t i = 0; i < most && clock_seconds() - began < ALPHA_FACTS_SECONDS; i++) {
        if (dataset_picture_info(&info, d, i * n / most, &memory, &ignored) != STATUS_OK) continue;
        facts.n_looked_at++;
        facts.n_with_alpha += info.has_alpha;
    }
    dataset_memory_release(&memory);
    return facts;
}

void alpha_facts_rule(struct text *out, struct image_rule rule) {
    if (rule.background)
        text_printf(out, "it is put on the colour #%06" PRIx32, rule.background & 0xFFFFFF);
    else if (rule.rgb == IMAGE_RGB_SHOWN)
        text_append(out, "it is put on white");
    else
        text_append(out, "it is left out, as Pillow does it, and what lies beneath is seen, often "
                         "black; for cut-out pictures: \"data\": {\"background\": \"white\"}");
}

enum status alpha_facts_tell(const struct run_data *data, struct error *e) {
    enum status rc = STATUS_OK;
    const struct image_rule rule = recipe_image_rule(data->recipe);
    struct text line = {0};
    for (int i = 0; i < data->n_datasets; i++) {
        const struct dataset *d = data->opened[i].dataset;
        if (data->opened[i].is_shared) continue;
        const struct alpha_facts facts = alpha_facts(d);
        if (!facts.n_with_alpha) continue;
        text_clear(&line);
        text_printf(&line, "source %s: %d of %d pictures looked at have alpha: ", dataset_name(d),
                    facts.n_with_alpha, facts.n_looked_at);
        alpha_facts_rule(&line, rule);
        TRY(text_check(&line, e));
        if (rule.background || rule.rgb == IMAGE_RGB_SHOWN)
            log_info("%s", text_string(&line));
        else
            log_warning("%s", text_string(&line));
    }
done:
    text_release(&line);
    return rc;
}
