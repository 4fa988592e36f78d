#include "pipeline/recipe/recipe_schema.h"

#include "data/shards/dataset.h"
#include "data/stream/order.h"
#include "data/stream/replay.h"
#include "pipeline/recipe/recipe.h"

#include <stddef.h>

#define AT(type, member) offsetof(struct type, member)
/* A run goes on with another value of these: they do not decide its numbers, or they say where
 * something is, of which digests say what it is: of the data with its lists, of the tokenizer, and
 * of the base weights, which covers the architecture. */
#define CHANGES_NO_NUMBER .not_compared = true
#define IS_A_PLACE .not_compared = true

static const char *const caption_words[] = {
#define CAPTION_WORD(name, word) word,
    CAPTION_USE_LIST(CAPTION_WORD)
#undef CAPTION_WORD
        NULL};
static const char *const rgb_words[] = {
#define RGB_WORD(name, word) word,
    IMAGE_RGB_LIST(RGB_WORD)
#undef RGB_WORD
        NULL};
static const char *const task_words[] = {
#define TASK_WORD(name, word, benchmark) word,
    EVALUATION_TASK_LIST(TASK_WORD)
#undef TASK_WORD
        NULL};
static const char *const keep_words[] = {
#define KEEP_WORD(name, word) word,
    REPLAY_KEEP_LIST(KEEP_WORD)
#undef KEEP_WORD
        NULL};
static const char *const train_words[] = {"adapters", "all", NULL};
static const char *const non_finite_words[] = {"stop", "skip", "rewind", NULL};

static const struct schema_field caption_fields[] = {
    {"field", SCHEMA_TEXT, AT(dataset_mix, field), .preset = "\"\"",
     .help = "field of the .json member, a text or a list of texts; empty: the .txt member"},
    {"probability", SCHEMA_DOUBLE, AT(dataset_mix, probability), .min = 1e-6, .max = 1,
     .help = "how often this caption is drawn; all together 1; where a sample has no such caption "
             "the others take its share"},
};
static const struct schema caption_schema = SCHEMA("caption", struct dataset_mix, caption_fields);

static const struct schema_field source_fields[] = {
    {"name", SCHEMA_TEXT, AT(recipe_source, name), .min = 1, .max = 63,
     .help = "name of the source in logs; part of each sample's identity, so what has one name "
             "must be equal but for its ratio"},
    {"shards", SCHEMA_TEXT, AT(recipe_source, shards), .min = 1, .max = 65536,
     .help = "tar shards: paths with braces {000..012}, several joined with ::",
     IS_A_PLACE},
    {"ratio", SCHEMA_DOUBLE, AT(recipe_source, ratio), .max = 1e6, .preset = "0",
     .help = "share of samples (not of shards) among the sources; 0 in all: by their sizes"},
    {"captions", SCHEMA_CHOICE, AT(recipe_source, captions), .choices = caption_words,
     .preset = "\"whole\"", .help = "how the .txt member becomes captions"},
    {"caption_field", SCHEMA_TEXT, AT(recipe_source, caption_field), .preset = "\"\"",
     .help = "field of the .json member with the caption; empty: the .txt member"},
    {"label_field", SCHEMA_TEXT, AT(recipe_source, label_field), .preset = "\"\"",
     .help = "field of the .json member with the class number; empty: the .cls member"},
    {"caption_mix", SCHEMA_OBJECTS, AT(recipe_source, caption_mix), .max = DATASET_MIX_MAX,
     .preset = "[]", .object = &caption_schema,
     .help = "several captions per sample, one drawn each time; instead of caption_field"},
    {"templates", SCHEMA_TEXTS, AT(recipe_source, templates), .max = DATASET_CAPTIONS_MAX,
     .preset = "[]",
     .help = "captions made of the name of the sample's class, which stands for {} or {c}; one is "
             "drawn each time"},
    {"classnames", SCHEMA_TEXTS, AT(recipe_source, classnames), .max = 100000, .preset = "[]",
     .help = "for templates: names of the classes by number; none: classnames.txt beside the "
             "shards"},
};
static const struct schema source_schema = SCHEMA("source", struct recipe_source, source_fields);

#define SHARE(name, text)                                                                          \
    { #name, SCHEMA_DOUBLE, AT(recipe_augment, name), .max = 1, .preset = "0", .help = text }
static const struct schema_field augment_fields[] = {
    {"crop_area_min", SCHEMA_DOUBLE, AT(recipe_augment, crop_area_min), .max = 1, .preset = "0.9",
     .help = "random resized crop: smallest share of the picture; 0: centre crop"},
    {"crop_ratio_max", SCHEMA_DOUBLE, AT(recipe_augment, crop_ratio_max), .min = 1, .max = 4,
     .preset = "1.3333333333333333", .help = "widest width / height of a crop, and its inverse"},
    SHARE(flip, "probability of mirroring left and right"),
    SHARE(jitter, "probability of the colour jitter"),
    SHARE(brightness, "strength of the jitter's brightness"),
    SHARE(contrast, "strength of the jitter's contrast"),
    SHARE(saturation, "strength of the jitter's saturation"),
    {"hue", SCHEMA_DOUBLE, AT(recipe_augment, hue), .max = 0.5, .preset = "0",
     .help = "strength of the jitter's hue"},
    SHARE(grey, "probability of grey"),
    SHARE(blur, "probability of a Gaussian blur"),
    SHARE(tag_dropout,
          "probability of leaving out the label and each tag of a caption \"label: tag, tag\""),
};
#undef SHARE
static const struct schema augment_schema =
    SCHEMA("augment", struct recipe_augment, augment_fields);

#define SLOTS(word, text)                                                                          \
    { word, SCHEMA_INT, AT(recipe_part, n), .min = 1, .max = RECIPE_SLOTS_MAX, .help = text }
#define SOURCES(least, text)                                                                       \
    {                                                                                              \
        "sources", SCHEMA_OBJECTS, AT(recipe_part, sources),                                       \
            .min = least, .max = ORDER_SOURCES_MAX, .preset = "[]", .object = &source_schema,      \
            .help = text                                                                           \
    }
#define AUGMENT                                                                                    \
    {                                                                                              \
        "augment", SCHEMA_OBJECT, AT(recipe_part, augment),                                        \
            .preset = "{}", .object = &augment_schema, .help = "training augmentation"             \
    }
static const struct schema_field update_fields[] = {
    SLOTS("batch_size", "image-text pairs per step, all in one contrastive loss"),
    SOURCES(0, "where the pairs come from, unless a stage says otherwise"),
    AUGMENT,
    {"same_source", SCHEMA_BOOL, AT(recipe_part, same_source), .preset = "false",
     .help = "each step takes its pairs from one source; ratios then deal steps, so samples too"}};
#define SHARE_OF_PAIRS                                                                             \
    {                                                                                              \
        "share", SCHEMA_DOUBLE, AT(recipe_part, share),                                            \
            .min = 1e-6, .max = 0.999999,                                                          \
            .help = "share of update.batch_size that these pairs are"                              \
    }
static const struct schema_field pretrain_fields[] = {
    SHARE_OF_PAIRS, SOURCES(1, "pairs like those that the base model learned from")};
static const struct schema_field buffer_fields[] = {
    SHARE_OF_PAIRS,
    {"keep", SCHEMA_CHOICE, AT(recipe_part, keep), .choices = keep_words, .preset = "\"all\"",
     .help =
         "which samples of the stages before: all that were drawn; reservoir: capacity of them, "
         "drawn evenly; class_balanced: capacity, as nearly the same number of each class (cls "
         "or label_field) as there are"},
    {"capacity", SCHEMA_INT, AT(recipe_part, capacity), .max = 1e12, .preset = "0",
     .help = "samples that the buffer holds; for reservoir and class_balanced"}};
#undef SHARE_OF_PAIRS
static const struct schema pretrain_schema =
    SCHEMA("pretrain", struct recipe_part, pretrain_fields);
static const struct schema buffer_schema = SCHEMA("buffer", struct recipe_part, buffer_fields);
static const struct schema_field reference_fields[] = {SLOTS("n", "samples per step"),
                                                       SOURCES(1, "where the samples come from")};
static const struct schema_field view_fields[] = {
    SLOTS("n", "pictures per step, each in two views"),
    SOURCES(0, "where the pictures come from; none: the sources of the stage or of update"),
    AUGMENT,
    {"blur_share", SCHEMA_DOUBLE, AT(recipe_part, blur_share), .max = 1, .preset = "0.3",
     .help = "share of the patches blurred in the student's views"}};
static const struct schema update_schema = SCHEMA("update", struct recipe_part, update_fields);
static const struct schema reference_schema =
    SCHEMA("reference", struct recipe_part, reference_fields);
static const struct schema view_schema = SCHEMA("view", struct recipe_part, view_fields);
#undef SLOTS
#undef SOURCES
#undef AUGMENT

static const struct schema_field ordering_fields[] = {
    {"list", SCHEMA_TEXT, AT(recipe_ordering, list), .min = 1, .max = 4095,
     .help = "JSON list of texts \"source+++class\", each once",
     IS_A_PLACE},
    {"chunks", SCHEMA_INT, AT(recipe_ordering, chunks), .min = 1, .max = RECIPE_STAGES_MAX,
     .help = "equal pieces that the list is cut into, in its order"},
    {"chunk", SCHEMA_INT, AT(recipe_ordering, chunk), .max = RECIPE_STAGES_MAX, .preset = "0",
     .help = "the piece of this stage, from 1; 0: a stage for each piece, all alike"},
    {"reversed", SCHEMA_BOOL, AT(recipe_ordering, reversed), .help = "from the end of the list"},
};
static const struct schema ordering_schema =
    SCHEMA("ordering", struct recipe_ordering, ordering_fields);

static const struct schema_field stage_fields[] = {
    {"name", SCHEMA_TEXT, AT(recipe_stage, name), .min = 1, .max = 63,
     .help = "name in logs and tables, of this stage alone: where the domain photos comes back, "
             "photos-2"},
    {"steps", SCHEMA_INT, AT(recipe_stage, steps), .max = 1e12, .preset = "0",
     .help = "updates; 0: given by epochs"},
    {"epochs", SCHEMA_DOUBLE, AT(recipe_stage, epochs), .max = 1e6, .preset = "0",
     .help = "instead of steps: passes over the samples of this stage, such as 2.5; a run counts its "
             "steps when it starts, and goes on only with as many samples"},
    {"lr", SCHEMA_DOUBLE, AT(recipe_stage, lr), .max = 10, .preset = "0",
     .help = "peak learning rate; 0: optimizer.lr"},
    {"sources", SCHEMA_OBJECTS, AT(recipe_stage, sources), .max = ORDER_SOURCES_MAX, .preset = "[]",
     .object = &source_schema, .help = "samples of this stage; none: data.update.sources"},
    {"ordering", SCHEMA_OPTIONAL, AT(recipe_stage, ordering), .preset = "null",
     .object = &ordering_schema,
     .help = "only the samples of some classes, in stages cut from one list; reads the class of "
             "every sample at the start"},
};
static const struct schema stage_schema = SCHEMA("stage", struct recipe_stage, stage_fields);

static const struct schema_field set_fields[] = {
    {"name", SCHEMA_TEXT, AT(evaluation_set, name), .min = 1, .max = 63,
     .help = "column of the table, of this set alone; photos-test belongs to a stage photos"},
    {"shards", SCHEMA_TEXT, AT(evaluation_set, shards), .min = 1, .max = 65536,
     .help = "tar shards, or a folder in CLIP_benchmark's layout (test/nshards.txt ...)"},
    {"task", SCHEMA_CHOICE, AT(evaluation_set, task), .choices = task_words, .preset = "\"auto\"",
     .help = "retrieval; classification and multilabel by the texts of class names; linear_probe "
             "and nearest_mean by what \"train\" teaches; auto: what a CLIP_benchmark folder says, "
             "else retrieval"},
    {"train", SCHEMA_TEXT, AT(evaluation_set, train), .max = 65536, .preset = "\"\"",
     .help =
         "of linear_probe and nearest_mean: shards with labels to learn from; empty: train/ of a "
         "CLIP_benchmark folder"},
    {"captions", SCHEMA_CHOICE, AT(evaluation_set, captions), .choices = caption_words,
     .preset = "\"whole\"", .help = "how the .txt member becomes captions"},
    {"caption_field", SCHEMA_TEXT, AT(evaluation_set, caption_field), .preset = "\"\"",
     .help = "field of the .json member with the caption; empty: the .txt member"},
    {"label_field", SCHEMA_TEXT, AT(evaluation_set, label_field), .preset = "\"\"",
     .help = "field of the .json member with the class number; empty: the .cls member"},
    {"templates", SCHEMA_TEXTS, AT(evaluation_set, templates), .max = 1024, .preset = "[]",
     .help = "prompts, {} or {c} stands for the class name; \"imagenet\" and \"imagenet_7\" are "
             "CLIP's 80 and 7; none: zeroshot_classification_templates.txt beside the shards, else "
             "\"a photo of a {}.\""},
    {"classnames", SCHEMA_TEXTS, AT(evaluation_set, classnames), .max = 100000, .preset = "[]",
     .help = "names of the classes by number; none: classnames.txt beside the shards"},
};
static const struct schema set_schema = SCHEMA("set", struct evaluation_set, set_fields);

static const struct schema_field lora_fields[] = {
    {"rank", SCHEMA_INT, AT(recipe_lora, rank), .min = 1, .max = 4096, .preset = "8",
     .help = "rank r"},
    {"alpha", SCHEMA_DOUBLE, AT(recipe_lora, alpha), .min = 0, .max = 1e6, .preset = "16",
     .help = "the product is scaled by alpha / rank"},
    {"layers", SCHEMA_TEXTS, AT(recipe_lora, layers), .min = 1, .max = ADAPTER_LAYERS,
     .preset = "[\"qkv\", \"out\", \"fc1\", \"fc2\"]", .help = "linear layers of a block"},
};
static const struct schema lora_schema = SCHEMA("lora", struct recipe_lora, lora_fields);
static const struct schema_field bottleneck_fields[] = {
    {"width", SCHEMA_INT, AT(recipe_bottleneck, width), .min = 1, .max = 16384, .preset = "64",
     .help = "inner width"},
    {"scale", SCHEMA_DOUBLE, AT(recipe_bottleneck, scale), .min = 0, .max = 100, .preset = "0.1",
     .help = "factor of what it adds"},
};
static const struct schema bottleneck_schema =
    SCHEMA("uniadapter", struct recipe_bottleneck, bottleneck_fields);

static const struct schema_field model_fields[] = {
    {"architecture", SCHEMA_TEXT, AT(recipe, model.architecture), .max = 4095, .preset = "\"\"",
     .help = "built-in name (ViT-B-32, ViT-B-16-SigLIP, dinov2_vits14, ...) or a .json in "
             "open_clip's or Hugging Face's format; empty: the config.json or "
             "open_clip_config.json beside the weights",
     IS_A_PLACE},
    {"vocabulary", SCHEMA_TEXT, AT(recipe, model.vocabulary), .max = 4095, .preset = "\"\"",
     .help = "CLIP's bpe_simple_vocab_16e6.txt.gz, SigLIP's spiece.model, or one from `sapwood "
             "tokenizer train`; empty: what lies beside the weights, or the architecture has no "
             "text tower",
     IS_A_PLACE},
    {"weights", SCHEMA_TEXT, AT(recipe, model.weights), .max = 4095, .preset = "\"\"",
     .help =
         "folder, safetensors file or index to start from, of open_clip or Hugging Face; empty: "
         "random",
     IS_A_PLACE},
    {"adapters", SCHEMA_TEXTS, AT(recipe, model.adapters), .max = 64, .preset = "[]",
     .help =
         "trained adapters that are merged into the weights first, in this order: a run's folder "
         "or weights/adapters.safetensors, or a PEFT folder; uniadapter goes on with that of a "
         "run"},
    {"train", SCHEMA_CHOICE, AT(recipe, model.train), .choices = train_words,
     .preset = "\"adapters\"", .help = "adapters over frozen weights, or all weights"},
    {"train_logit_scale", SCHEMA_BOOL, AT(recipe, model.train_logit_scale), .preset = "false",
     .help = "train the logit scale, and bias; when not given: as true with train \"all\""},
    {"lora", SCHEMA_OPTIONAL, AT(recipe, model.lora), .preset = "null", .object = &lora_schema,
     .help = "low-rank adapters beside linear layers"},
    {"uniadapter", SCHEMA_OPTIONAL, AT(recipe, model.uniadapter), .preset = "null",
     .object = &bottleneck_schema, .help = "bottleneck adapters beside the MLPs"},
    {"towers", SCHEMA_TEXTS, AT(recipe, model.towers), .min = 1, .max = 2,
     .preset = "[\"image\", \"text\"]", .help = "towers that get adapters"},
    {"first_layer", SCHEMA_INT, AT(recipe, model.first_layer), .max = 255, .preset = "0",
     .help = "first block with adapters"},
    {"last_layer", SCHEMA_INT, AT(recipe, model.last_layer), .min = -1, .max = 255, .preset = "-1",
     .help = "last block with adapters; -1: the last one"},
};
/* The inner structs of struct recipe have no names of their own: their fields are offsets from the
 * recipe, so each is read at offset 0. */
static const struct schema model_schema = SCHEMA("model", struct recipe, model_fields);

static const struct schema_field data_fields[] = {
    {"slice", SCHEMA_INT, AT(recipe, data.slice), .max = 65536, .preset = "0",
     .help =
         "samples that are computed together; part of the numbers of a run. 0: a quarter of the "
         "batch (half of one below 16), at most 16, that divides all parts of pictures"},
    {"loader_threads", SCHEMA_INT, AT(recipe, data.loader_threads), .min = 1, .max = 256,
     .preset = "1", .help = "threads that decode pictures; changes no number", CHANGES_NO_NUMBER},
    {"to_rgb", SCHEMA_CHOICE, AT(recipe, data.to_rgb), .choices = rgb_words, .preset = "\"pillow\"",
     .help = "pictures with alpha or 16-bit grey: as Pillow's convert(\"RGB\"), which leaves alpha "
             "out; or as shown on white paper"},
    {"background", SCHEMA_TEXT, AT(recipe, data.background), .max = 16, .preset = "\"\"",
     .help = "colour that pictures with alpha are put on: white, black, grey or #RRGGBB; \"\": as "
             "to_rgb says"},
    {"jpeg_reducing_gap", SCHEMA_DOUBLE, AT(recipe, data.jpeg_reducing_gap), .max = 64,
     .preset = "0",
     .help = "read JPEGs for training at 1/2, 1/4 or 1/8 of their size where that leaves at least "
             "this many times the pixels a side that are wanted: faster, but not the same pixels; "
             "1 or more, 2 is Pillow's; 0: exactly"},
    {"cache", SCHEMA_TEXT, AT(recipe, data.cache), .max = 4000, .preset = "\"\"",
     .help =
         "folder of indices, remote shards and teacher features; empty: cache in the run folder",
     CHANGES_NO_NUMBER},
    {"cache_bytes", SCHEMA_INT, AT(recipe, data.cache_bytes), .min = 65536, .max = 1e18,
     .preset = "68719476736", .help = "limit of the remote shards that are kept there",
     CHANGES_NO_NUMBER},
    {"update", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_UPDATE]), .preset = "null",
     .object = &update_schema,
     .help = "image-text pairs to learn from; may be left out when all losses are over views"},
    {"buffer", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_BUFFER]), .preset = "null",
     .object = &buffer_schema, .help = "pairs of earlier stages, replayed in the same batch"},
    {"pretrain", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_PRETRAIN]), .preset = "null",
     .object = &pretrain_schema, .help = "pairs of the base model's data, in the same batch"},
    {"ref_image", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_REF_IMAGE]), .preset = "null",
     .object = &reference_schema, .help = "images on which the base model is to be matched"},
    {"ref_text", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_REF_TEXT]), .preset = "null",
     .object = &reference_schema, .help = "texts on which the base model is to be matched"},
    {"view", SCHEMA_OPTIONAL, AT(recipe, data.part[BATCH_ROLE_VIEW]), .preset = "null",
     .object = &view_schema, .help = "pictures in several views"},
};
static const struct schema data_schema = SCHEMA("data", struct recipe, data_fields);

static const struct schema_field optimizer_fields[] = {
    {"lr", SCHEMA_DOUBLE, AT(recipe, optimizer.lr), .min = 0, .max = 10, .preset = "1e-4",
     .help = "peak learning rate"},
    PLUG_CHOICES(AT(recipe, plugs)),
    {"grad_clip_norm", SCHEMA_DOUBLE, AT(recipe, optimizer.grad_clip_norm), .max = 1e9,
     .preset = "1", .help = "largest global gradient norm; 0: no clipping"},
    {"accum_freq", SCHEMA_INT, AT(recipe, optimizer.accum_freq), .min = 1, .max = 4096,
     .preset = "1",
     .help = "the contrastive batch is that many times batch_size, as with open_clip's accum-freq; "
             "the same as a batch_size that many times as large"},
};
static const struct schema optimizer_schema = SCHEMA("optimizer", struct recipe, optimizer_fields);

static const struct schema_field checkpoint_fields[] = {
    {"every", SCHEMA_INT, AT(recipe, checkpoint.every), .max = 1e12, .preset = "500",
     .help = "steps between checkpoints; 0: only at the ends of stages"},
    {"keep", SCHEMA_INT, AT(recipe, checkpoint.keep), .min = 2, .max = 1e6, .preset = "3",
     .help = "newest checkpoints to keep; with non_finite \"rewind\" one to three older ones "
             "stay too"},
};
static const struct schema checkpoint_schema =
    SCHEMA("checkpoint", struct recipe, checkpoint_fields);

static const struct schema_field evaluation_fields[] = {
    {"at_start", SCHEMA_BOOL, AT(recipe, evaluation.at_start), .preset = "true",
     .help = "evaluate before the first step too"},
    {"sets", SCHEMA_OBJECTS, AT(recipe, evaluation.sets), .max = 64, .preset = "[]",
     .object = &set_schema, .help = "sets that are evaluated at the end of every stage"},
};
static const struct schema evaluation_schema =
    SCHEMA("evaluation", struct recipe, evaluation_fields);

#define GROUP(word, text)                                                                          \
    #word, SCHEMA_OBJECT, 0, .preset = "{}", .object = &word##_schema, .help = text
static const struct schema_field recipe_fields[] = {
    {"name", SCHEMA_TEXT, AT(recipe, name), .min = 1, .max = 127,
     .help = "name of the run and, without --run, of its folder in runs/; no '/' in it, no '.' at "
             "its start",
     CHANGES_NO_NUMBER},
    {"seed", SCHEMA_INT, AT(recipe, seed), .max = 9007199254740991.0, .preset = "1",
     .help = "of every random choice"},
    {"device", SCHEMA_TEXT, AT(recipe, device), .min = 1, .max = 255, .preset = "\"auto\"",
     .help =
         "cpu, auto, or part of the name of a device that `sapwood devices` lists, or its number "
         "as a text: \"0\"",
     CHANGES_NO_NUMBER},
    {"threads", SCHEMA_INT, AT(recipe, threads), .max = 1024, .preset = "0",
     .help = "CPU threads that compute; 0: all cores; changes no number", CHANGES_NO_NUMBER},
    {"pipeline_cache", SCHEMA_BOOL, AT(recipe, pipeline_cache), .preset = "true",
     .help = "keep what the driver of a Vulkan device compiled in $XDG_CACHE_HOME/sapwood/pipelines "
             "(~/.cache/sapwood/pipelines), for the next start",
     CHANGES_NO_NUMBER},
    {"memory_bytes", SCHEMA_INT, AT(recipe, memory_bytes), .max = 1e18, .preset = "0",
     .help = "most that a step may take on the device; activations that have no room are computed "
             "again, to the same bits; 0: three quarters of the device's memory",
     CHANGES_NO_NUMBER},
    {"model", SCHEMA_OBJECT, 0, .object = &model_schema, .help = "what is trained"},
    {"data", SCHEMA_OBJECT, 0, .object = &data_schema, .help = "what it is trained on"},
    {"stages", SCHEMA_OBJECTS, AT(recipe, stages), .min = 1, .max = RECIPE_STAGES_MAX,
     .object = &stage_schema, .help = "one after the other, each with its own schedule"},
    PLUG_LISTS(AT(recipe, plugs)),
    {GROUP(optimizer, "the optimiser and the course of its learning rate")},
    {GROUP(checkpoint, "when to save"), CHANGES_NO_NUMBER},
    {GROUP(evaluation, "what to measure"), CHANGES_NO_NUMBER},
    {"log_every", SCHEMA_INT, AT(recipe, log_every), .min = 1, .max = 1e9, .preset = "1",
     .help = "steps between lines of metrics.jsonl", CHANGES_NO_NUMBER},
    {"non_finite", SCHEMA_CHOICE, AT(recipe, non_finite), .choices = non_finite_words,
     .preset = "\"rewind\"",
     .help = "when a loss or gradient is not finite, after the step was computed again: stop; skip "
             "the update, at most 3 in a row; rewind: then also go back 100 steps or more to a "
             "checkpoint and pass over the samples since, at most twice"},
    {"self_check", SCHEMA_INT, AT(recipe, self_check), .max = 1e12, .preset = "1000",
     .help = "compute a step twice every so many steps and compare the bits; 0: never",
     CHANGES_NO_NUMBER},
    {"stall_seconds", SCHEMA_DOUBLE, AT(recipe, stall_seconds), .min = 0.1, .max = 1e6,
     .preset = "600", .help = "end the run (exit 9) when nothing moves for so long",
     CHANGES_NO_NUMBER},
};
/* open_clip counts epochs. */
static const struct schema_hint step_hints[] = {
    {"epochs", "each stage has its own: \"stages\": [{\"name\": ..., \"epochs\": 3}]"},
    {NULL, NULL}};
const struct schema recipe_schema =
    SCHEMA_HINTED("recipe", struct recipe, recipe_fields, step_hints);
