/* Names, shapes and numbers of every layout. The expected names are those of transformers'
 * CLIPModel and open_clip's CustomTextCLIP, of which tests/peers loads whole files. */
#include "models/clip/towers.h"
#include "models/weights/weight_layout.h"
#include "tests/check.h"

#include <stdlib.h>
#include <string.h>

static struct parameters parameters;

static const struct parameter *named(const char *name) {
    const int i = parameters_find(&parameters, name);
    CHECK_TRUE(i >= 0);
    return &parameters.list[i < 0 ? 0 : i];
}

struct expected {
    const char *layout, *parameter;
    int n_parts;
    const char *first, *last; /* names of parts */
    int rank;
    int64_t shape[4];
};

static void test_names(void) {
    static const struct expected list[] = {
        {"open_clip", "logit_scale", 1, "logit_scale", "logit_scale", 0, {1, 1, 1, 1}},
        {"open_clip", "transformer.resblocks.11.attn.in_proj_weight", 1,
         "transformer.resblocks.11.attn.in_proj_weight",
         "transformer.resblocks.11.attn.in_proj_weight", 2, {1536, 512, 1, 1}},
        {"open_clip_custom_text", "transformer.resblocks.11.ln_1.bias", 1,
         "text.transformer.resblocks.11.ln_1.bias", "text.transformer.resblocks.11.ln_1.bias", 1,
         {512, 1, 1, 1}},
        {"open_clip_custom_text", "text_projection", 1, "text.text_projection",
         "text.text_projection", 2, {512, 512, 1, 1}},
        {"open_clip_custom_text", "visual.transformer.resblocks.3.ln_1.bias", 1,
         "visual.transformer.resblocks.3.ln_1.bias", "visual.transformer.resblocks.3.ln_1.bias", 1,
         {768, 1, 1, 1}},
        {"hugging_face_clip", "transformer.resblocks.10.attn.in_proj_weight", 3,
         "text_model.encoder.layers.10.self_attn.q_proj.weight",
         "text_model.encoder.layers.10.self_attn.v_proj.weight", 2, {512, 512, 1, 1}},
        {"hugging_face_clip", "visual.transformer.resblocks.0.attn.in_proj_bias", 3,
         "vision_model.encoder.layers.0.self_attn.q_proj.bias",
         "vision_model.encoder.layers.0.self_attn.v_proj.bias", 1, {768, 1, 1, 1}},
        {"hugging_face_clip", "visual.transformer.resblocks.0.mlp.c_proj.weight", 1,
         "vision_model.encoder.layers.0.mlp.fc2.weight",
         "vision_model.encoder.layers.0.mlp.fc2.weight", 2, {768, 3072, 1, 1}},
        {"hugging_face_clip", "visual.proj", 1, "visual_projection.weight",
         "visual_projection.weight", 2, {512, 768, 1, 1}},
        {"hugging_face_clip", "visual.conv1.weight", 1,
         "vision_model.embeddings.patch_embedding.weight",
         "vision_model.embeddings.patch_embedding.weight", 4, {768, 3, 32, 32}},
        {"hugging_face_clip", "visual.ln_pre.bias", 1, "vision_model.pre_layrnorm.bias",
         "vision_model.pre_layrnorm.bias", 1, {768, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        const struct weight_layout *layout = weight_layout_find(list[i].layout);
        struct weight_place place;
        CHECK_TRUE(layout != NULL);
        if (!layout || !CHECK_TRUE(weight_layout_place(layout, named(list[i].parameter), &place)))
            continue;
        CHECK_EQUAL(place.n_parts, list[i].n_parts);
        CHECK_TEXT(place.name[0], list[i].first);
        CHECK_TEXT(place.name[place.n_parts - 1], list[i].last);
        CHECK_EQUAL(place.part.rank, list[i].rank);
        CHECK_TRUE(!memcmp(place.part.shape, list[i].shape, sizeof list[i].shape));
    }
    CHECK_TRUE(!weight_layout_find("open_clap"));
    const struct weight_layout *hf = &weight_layout_hugging_face_clip;
    CHECK_TRUE(weight_layout_ignores(hf, "text_model.embeddings.position_ids"));
    CHECK_TRUE(!weight_layout_ignores(hf, "text_model.embeddings.token_embedding.weight"));
}

static int compare(const void *a, const void *b) {
    return strcmp(a, b);
}

/* Every parameter has a place, no two the same; the tensors are as many and hold as many numbers as
 * those of the other programs. */
static void test_counts(const char *layout_name, int n_tensors, int64_t n_numbers) {
    static char name[512][WEIGHT_NAME_MAX];
    const struct weight_layout *layout = weight_layout_find(layout_name);
    int64_t numbers = 0;
    int n = 0;
    for (int i = 0; i < parameters.n; i++) {
        struct weight_place place;
        if (!CHECK_TRUE(weight_layout_place(layout, &parameters.list[i], &place))) return;
        for (int k = 0; k < place.n_parts; k++, n++) {
            memcpy(name[n], place.name[k], sizeof name[n]);
            numbers += tensor_elements(&place.part);
        }
    }
    CHECK_EQUAL(n, n_tensors);
    CHECK_EQUAL(numbers, n_numbers);
    qsort(name, (size_t)n, sizeof name[0], compare);
    for (int i = 1; i < n; i++) CHECK_TRUE(strcmp(name[i - 1], name[i]) != 0);
}

static void test_numbers(void) {
    const struct tensor shape = tensor_make(TENSOR_F32, 2, (int64_t[]){6, 2});
    const struct parameter packed = {.name = "transformer.resblocks.0.attn.in_proj_weight",
                                     .kind = PARAMETER_WEIGHT,
                                     .tensor = shape};
    const struct parameter projection = {
        .name = "visual.proj", .kind = PARAMETER_PROJECTION, .tensor = shape};
    const float values[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    const float turned[12] = {0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11};
    float part[12], back[12];
    struct weight_place place;
    CHECK_TRUE(weight_layout_place(&weight_layout_hugging_face_clip, &packed, &place));
    for (int k = 0; k < 3; k++) {
        weight_place_split(&place, k, values, part);
        CHECK_TRUE(!memcmp(part, values + 4 * k, 4 * sizeof *part));
        weight_place_join(&place, k, part, back);
    }
    CHECK_TRUE(!memcmp(values, back, sizeof values));
    CHECK_TRUE(weight_layout_place(&weight_layout_hugging_face_clip, &projection, &place));
    weight_place_split(&place, 0, values, part);
    CHECK_TRUE(!memcmp(part, turned, sizeof turned));
    memset(back, 0, sizeof back);
    weight_place_join(&place, 0, part, back);
    CHECK_TRUE(!memcmp(values, back, sizeof values));
}

/* An adapter keeps its name in every layout, although a rule would fit it. */
static void test_adapters(void) {
    const struct parameter w = {.name = "transformer.resblocks.0.attn.out_proj.lora_a",
                                .kind = PARAMETER_ADAPTER,
                                .tensor = tensor_make(TENSOR_F32, 2, (int64_t[]){8, 512})};
    struct weight_place place;
    CHECK_TRUE(weight_layout_place(&weight_layout_hugging_face_clip, &w, &place));
    CHECK_TEXT(place.name[0], w.name);
    CHECK_EQUAL(place.part.shape[0], 8);
}

static void declare(const char *architecture) {
    struct architecture a;
    struct error e = {0};
    parameters_release(&parameters);
    parameters_init(&parameters);
    CHECK_EQUAL(architecture_find(&a, architecture, &e), STATUS_OK);
    CHECK_EQUAL(towers_declare(&parameters, &a, &e), STATUS_OK);
}

/* Counts of transformers' models without what is ignored, and of facebookresearch's. */
static void test_other_families(void) {
    declare("ViT-B-16-SigLIP");
    test_counts("hugging_face_siglip", 408, 203155970);
    declare("dino_vits16");
    test_counts("hugging_face_vit", 198, 21813504 - 147840); /* the pooler */
    test_counts("dino", 150, 21665664);
    declare("dinov2_vits14");
    test_counts("hugging_face_dinov2", 222, 22056576 - 384); /* the mask token */
    test_counts("dino", 174, 22056192);
    declare("dinov2_vits14_reg");
    test_counts("dino", 175, 22057728);
    const struct weight_layout *dino = weight_layout_find("dino");
    struct weight_place place;
    CHECK_TRUE(weight_layout_place(dino, named("visual.register_tokens"), &place));
    CHECK_TEXT(place.name[0], "register_tokens");
    CHECK_TRUE(place.part.rank == 3 && place.part.shape[0] == 1 && place.part.shape[1] == 4);
    CHECK_TRUE(weight_layout_ignores(dino, "mask_token"));
    CHECK_TRUE(!weight_layout_ignores(dino, "cls_token"));
}

int main(void) {
    declare("ViT-B-32");
    test_names();
    test_counts("open_clip", 302, 151277313);
    test_counts("open_clip_custom_text", 302, 151277313);
    test_counts("hugging_face_clip", 398, 151277313);
    test_numbers();
    test_adapters();
    test_other_families();
    parameters_release(&parameters);
    return check_report();
}
