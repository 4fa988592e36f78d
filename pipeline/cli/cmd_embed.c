/* sapwood embed: features of any number of pictures or texts. */
#include "pipeline/base/hash.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "pipeline/base/text.h"
#include "pipeline/base/version.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/model_choice.h"
#include "pipeline/cli/options.h"
#include "pipeline/cli/signals.h"
#include "pipeline/features/embed_source.h"
#include "pipeline/features/feature_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAVE_SECONDS = 5 };

struct embed_options {
    struct model_choice model;
    const char *images, *texts, *out, *captions, *caption_field;
    bool raw;
};

/* One call of the command. */
struct embedding {
    const struct embed_options *options;
    struct recipe *recipe;
    struct job job;
    struct embedder *embedder;
    struct embed_source *source;
    struct feature_writer *writer;
    struct feature_progress progress;
    float *rows;
    time_t saved;
};

static const char *const caption_words[] = {
#define CAPTION_WORD(name, word) word,
    CAPTION_USE_LIST(CAPTION_WORD)
#undef CAPTION_WORD
        NULL};

static enum caption_use caption_use_of(const char *word) {
    int use = 0;
    while (strcmp(word, caption_words[use])) use++; /* the option takes no other */
    return (enum caption_use)use;
}

static enum status open_source(struct embedding *m, struct error *e) {
    const struct embed_options *o = m->options;
    const struct embed_source_params params = {
        .place = o->images ? o->images : o->texts,
        .is_texts = o->texts != NULL,
        .cache = m->recipe->data.cache[0] ? m->recipe->data.cache : NULL,
        .rule = recipe_image_rule(m->recipe),
        .captions = caption_use_of(o->captions),
        .caption_field = o->caption_field,
    };
    return embed_source_open(&m->source, &params, e);
}

/* Everything that the numbers depend on, but for the input, whose digest the progress has. */
static enum status open_writer(struct embedding *m, struct error *e) {
    enum status rc = STATUS_OK;
    const struct embed_options *o = m->options;
    const struct job *j = &m->job;
    const struct adapter_config *a = &m->recipe->adapters;
    char model[33], adapters[64], tokenizer[HASH_HEX_64], numbers[96];
    TRY(model_digest(&j->model, MODEL_EVERYTHING, model, e));
    snprintf(adapters, sizeof adapters, "%g %g", (double)a->lora_alpha, (double)a->bottleneck_scale);
    if (o->texts && !j->tokenizer)
        TRY(fail(e, STATUS_BAD_ARG, "--texts: architecture %s has no text tower",
                 j->model.architecture.name));
    if (o->texts) hash_hex_64(tokenizer, tokenizer_hash(j->tokenizer));
    snprintf(numbers, sizeof numbers, "slice %" PRId64 " to_rgb %d%s%.16s", m->recipe->data.slice,
             m->recipe->data.to_rgb, m->recipe->data.background[0] ? " background " : "",
             m->recipe->data.background);
    const struct feature_fact facts[] = {
        {"of", o->images ? "images" : "texts"},
        {"input", o->images ? o->images : o->texts},
        {"captions", o->caption_field ? o->caption_field : o->captions},
        {"length", o->raw ? "raw" : "1"},
        {"architecture", j->model.architecture.name},
        {"model", model},
        {"adapters", adapters},
        {"tokenizer", o->texts ? tokenizer : "-"},
        {"device", j->backend->fingerprint},
        {"numbers", numbers},
        {"version", version_full},
    };
    TRY(feature_writer_open(&m->writer, o->out, embedder_width(m->embedder), facts,
                            (int)(sizeof facts / sizeof *facts), &m->progress, e));
done:
    return rc;
}

/* Passes over what an earlier process has done. */
static enum status skip(struct embedding *m, struct error *e) {
    enum status rc = STATUS_OK;
    const struct embed_piece *piece = NULL;
    const struct feature_progress p = m->progress;
    int64_t items = 0;
    uint64_t digest = 0;
    while (items < p.items) {
        rc = embed_source_next(m->source, &piece, e);
        if (rc == STATUS_END) break;
        if (rc != STATUS_OK) return rc;
        items += piece->n_items;
        digest = piece->digest;
    }
    if (items == p.items && digest == p.digest) return STATUS_OK;
    return fail(e, STATUS_MISMATCH,
                "%s: its first %" PRId64 " samples are not those that %s.partial was begun with; "
                "remove that folder to begin anew",
                m->options->images ? m->options->images : m->options->texts, p.items,
                m->options->out);
}

static enum status save(struct embedding *m, struct error *e) {
    m->saved = time(NULL);
    return feature_writer_save(m->writer, &m->progress, e);
}

static enum status embed_all(struct embedding *m, struct error *e) {
    enum status rc = STATUS_OK;
    struct feature_progress *p = &m->progress;
    const struct embed_piece *piece;
    m->saved = time(NULL);
    while ((rc = embed_source_next(m->source, &piece, e)) == STATUS_OK) {
        int64_t n_unusable;
        rc = embed_source_features(m->source, m->embedder, m->job.tokenizer, m->rows, &n_unusable,
                                   e);
        if (rc == STATUS_STOPPED) {
            struct error ignored;
            const enum status saved = save(m, &ignored);
            return saved == STATUS_OK ? rc : fail(e, saved, "%s", ignored.text);
        }
        if (rc != STATUS_OK) return rc;
        TRY(feature_writer_add(m->writer, m->rows, piece->n_rows, &piece->keys, e));
        p->items += piece->n_items;
        p->rows += piece->n_rows;
        p->unusable += n_unusable;
        p->digest = piece->digest;
        log_progress("%" PRId64 " rows", p->rows);
        if (time(NULL) - m->saved >= SAVE_SECONDS) TRY(save(m, e));
    }
    if (rc == STATUS_END) rc = STATUS_OK;
done:
    return rc;
}

static enum status embed(struct embedding *m, struct error *e) {
    enum status rc = STATUS_OK;
    const struct embed_options *o = m->options;
    struct feature_progress *p = &m->progress;
    char weights[FILE_PATH_MAX];
    TRY(model_choice_open(&o->model, &m->recipe, &m->job, weights, e));
    TRY(open_source(m, e));
    const struct weights_view view = model_view(&m->job.model);
    TRY(embedder_create(&m->embedder, m->job.backend, &view, (int)m->recipe->data.slice,
                        EMBED_SLICES, e));
    if (o->raw) embedder_set_raw(m->embedder);
    rc = open_writer(m, e);
    if (rc == STATUS_END) {
        printf("%s: complete already, %" PRId64 " row%s; remove it to make it anew\n", o->out,
               p->rows, text_plural(p->rows));
        return STATUS_OK;
    }
    if (rc != STATUS_OK) goto done;
    m->rows = malloc((size_t)embed_source_rows_max(m->source) *
                     (size_t)embedder_width(m->embedder) * sizeof *m->rows);
    if (!m->rows) TRY(fail(e, STATUS_NO_MEMORY, "embed: no memory for features"));
    TRY(skip(m, e));
    TRY(embed_all(m, e));
    if (!p->rows)
        TRY(fail(e, STATUS_BAD_DATA, "%s: nothing in it; expected %s",
                 o->images ? o->images : o->texts,
                 o->images ? "shards, pictures (jpg, png, webp, bmp), or a .txt with their paths"
                           : "shards, or a .txt with a text on each line"));
    if (p->unusable == p->rows)
        TRY(fail(e, STATUS_BAD_DATA, "%s: none of %" PRId64 " samples is usable",
                 o->images ? o->images : o->texts, p->rows));
    TRY(feature_writer_finish(m->writer, p, e));
    printf("%s: %" PRId64 " row%s of %d numbers, %s\n", o->out, p->rows,
           text_plural(p->rows), embedder_width(m->embedder), o->raw ? "raw" : "length 1");
    if (p->unusable)
        printf("%" PRId64 " of them could not be used and are NaN\n", p->unusable);
done:
    return rc;
}

enum status command_embed(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct embed_options o = {.captions = caption_words[0]};
    struct embedding m = {.options = &o};
    const struct option table[] = {
        MODEL_CHOICE_PLACE(o.model),
        {"images", OPTION_TEXT, &o.images, .argument = "PLACE",
         .help = "pictures of shards, of a folder, or of a .txt file with a path on each line"},
        {"texts", OPTION_TEXT, &o.texts, .argument = "PLACE",
         .help = "a .txt file with a text on each line, or shards: their captions"},
        {"out", OPTION_TEXT, &o.out, .argument = "FILE", .required = true,
         .help = "a .npy or .safetensors file of float32 (rows, width); the key of each row is on "
                 "a line of FILE.keys.txt"},
        {"raw", OPTION_FLAG, &o.raw,
         .help = "features as the model gives them, like open_clip's encode_image; without it they "
                 "are scaled to length 1"},
        {"captions", OPTION_CHOICE, &o.captions, .choices = caption_words,
         .help = "of shards: how the .txt member becomes captions"},
        {"caption-field", OPTION_TEXT, &o.caption_field, .argument = "NAME",
         .help = "of shards: field of the .json member with the caption or captions"},
        MODEL_CHOICE_OPTIONS(o.model),
    };
    TRY(options_parse(
        &(struct options){.command = "embed",
                          .summary =
                              "Writes the features of pictures or texts, a row for each, in their "
                              "order; what cannot be used is a row of NaN. Run the same command "
                              "again to go on after a stop or a kill: the files get the same "
                              "bytes.",
                          OPTIONS(table)},
        argc, argv, e));
    if (!o.images == !o.texts)
        TRY(fail(e, STATUS_BAD_ARG, "embed: expected one of --images and --texts, found %s",
                 o.images ? "both" : "none"));
    o.model.pictures_only = o.images != NULL;
    signals_catch();
    TRY(embed(&m, e));
done:
    free(m.rows);
    feature_writer_close(&m.writer);
    embed_source_close(&m.source);
    embedder_destroy(&m.embedder);
    job_close(&m.job);
    recipe_destroy(&m.recipe);
    return rc;
}
