#include "data/stream/loader.h"

#include <string.h>

#include "pipeline/base/hash.h"

void loader_memory_release(struct loader_memory *memory) {
    dataset_memory_release(&memory->dataset);
    augment_release(&memory->augment);
    dataset_captions_release(&memory->captions);
    text_release(&memory->caption);
}

static uint8_t *view_pixels(const struct batch_part *out, int view, int slot) {
    size_t picture = (size_t)out->image_size * (size_t)out->image_size * 3;
    return out->pixels + ((size_t)view * (size_t)out->n + (size_t)slot) * picture;
}

/* The random stream for a view's crop, flip and colours. */
static struct random view_random(const struct stream_config *config,
                                 const struct stream_view *view, uint64_t id, int64_t step) {
    return random_begin(config->seed, RANDOM_AUGMENT, id,
                        (uint64_t)step << 8 | (uint64_t)view->crop);
}

/* Writes the part of a view that its crop number decides. */
static enum status fill_crop(uint8_t *to, int size, const struct stream_view *view,
                             const struct stream_config *config, const struct stream_part *part,
                             uint64_t id, int64_t step, struct loader_memory *memory,
                             struct error *e) {
    const struct image *picture = &memory->dataset.picture;
    if (!view->augment) return resize_center_crop(to, size, picture, &memory->dataset.resize, e);
    struct random random = view_random(config, view, id, step);
    return augment_view(to, size, picture, &part->augment, &random, &memory->augment, e);
}

/* The part of the picture that all views of a place read, at the scale of the smallest crop. */
static struct image_part views_part(int size, const struct stream_config *config,
                                    const struct stream_place *place, uint64_t id,
                                    const struct image_info *info) {
    const struct stream_part *part = &config->part[place->part];
    const double gap = dataset_jpeg_gap(place->dataset);
    struct image_part all = {.shift = IMAGE_SHIFT_MAX};
    for (int v = 0; v < part->n_views; v++) {
        const struct stream_view *view = &part->view[v];
        const struct random random = view_random(config, view, id, place->step);
        const struct image_box box =
            view->augment
                ? augment_box(size, info->width, info->height, &part->augment, &random)
                : resize_center_box(size, info->width, info->height);
        const int shift = resize_shift(gap, size, &box);
        all.box = v ? image_box_around(&all.box, &box) : box;
        if (shift < all.shift) all.shift = shift;
    }
    return all;
}

static enum status fill_views(struct batch_part *out, const struct stream_config *config,
                              const struct stream_part *part, const struct stream_place *place,
                              uint64_t id, struct loader_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    const int size = out->image_size;
    const size_t picture = (size_t)size * (size_t)size * 3;
    /* First all crops, so that a blurred view can be copied from its clean twin. */
    for (int v = 0; v < part->n_views; v++) {
        const struct stream_view *view = &part->view[v];
        int twin = 0;
        while (part->view[twin].crop != view->crop || part->view[twin].augment != view->augment)
            twin++;
        uint8_t *to = view_pixels(out, v, place->slot);
        if (twin < v)
            memcpy(to, view_pixels(out, twin, place->slot), picture);
        else
            TRY(fill_crop(to, size, view, config, part, id, place->step, memory, e));
    }
    for (int v = 0; v < part->n_views; v++) {
        const struct stream_view *view = &part->view[v];
        if (!(view->blur_share > 0)) continue;
        struct random random = random_begin(config->seed, RANDOM_AUGMENT, id,
                                            (uint64_t)place->step << 8 | 128 | (uint64_t)v);
        augment_blur_patches(view_pixels(out, v, place->slot), size, view->blur_patch,
                             view->blur_share, &random);
    }
done:
    return rc;
}

/* Draws among captions by their weights. */
static int choose_caption(const struct dataset_captions *captions, struct random *random) {
    double sum = 0, point;
    for (int i = 0; i < captions->n; i++) sum += captions->caption[i].weight;
    point = sum * (double)random_float(random);
    for (int i = 0; i < captions->n - 1; i++) {
        if (point < captions->caption[i].weight) return i;
        point -= captions->caption[i].weight;
    }
    return captions->n - 1;
}

enum status loader_caption(const struct stream_config *config, const struct stream_place *place,
                           struct loader_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    const struct stream_part *part = &config->part[place->part];
    const struct dataset_captions *captions = &memory->captions;
    const uint64_t id = dataset_sample(place->dataset, place->sample).id;
    TRY(dataset_captions(&memory->captions, place->dataset, place->sample, &memory->dataset, e));
    struct random random = random_begin(config->seed, RANDOM_CAPTION, id, (uint64_t)place->step);
    const int choice = part->first_caption ? 0 : choose_caption(captions, &random);
    text_clear(&memory->caption);
    caption_drop_tags(&memory->caption, captions->bytes.bytes + captions->caption[choice].start,
                      captions->caption[choice].n, part->tag_dropout, &random);
    TRY(text_check(&memory->caption, e));
done:
    return rc;
}

static enum status fill_text(struct batch_part *out, const struct stream_config *config,
                             const struct stream_place *place, struct loader_memory *memory,
                             struct error *e) {
    int length = 0;
    enum status rc = loader_caption(config, place, memory, e);
    if (rc != STATUS_OK) return rc;
    rc = tokenizer_encode(config->tokenizer, memory->caption.bytes, memory->caption.n,
                          out->tokens + (size_t)place->slot * (size_t)out->context, out->context,
                          &length, NULL, e);
    out->length[place->slot] = length;
    if (rc != STATUS_OK) error_context(e, "caption");
    return rc;
}

static void make_hole(struct batch_part *out, const struct stream_config *config, int slot) {
    out->usable[slot] = 0;
    for (int v = 0; v < out->n_views; v++)
        memset(view_pixels(out, v, slot), 0, (size_t)out->image_size * (size_t)out->image_size * 3);
    if (!out->context) return;
    int32_t *ids = out->tokens + (size_t)slot * (size_t)out->context;
    tokenizer_nothing(config->tokenizer, ids, out->context, &out->length[slot]);
}

enum status loader_fill(struct batch_part *out, const struct stream_config *config,
                        const struct stream_part *part, const struct stream_place *place,
                        struct loader_memory *memory, struct error *e) {
    enum status rc = STATUS_OK;
    const uint64_t id = dataset_sample(place->dataset, place->sample).id;
    out->sample_id[place->slot] = id;
    out->usable[place->slot] = 1;
    if (part->with_text) TRY(fill_text(out, config, place, memory, e));
    if (part->n_views) {
        struct image_info info;
        TRY(dataset_picture_info(&info, place->dataset, place->sample, &memory->dataset, e));
        const struct image_part read = views_part(out->image_size, config, place, id, &info);
        TRY(dataset_picture_part(place->dataset, place->sample, &info, &read, &memory->dataset,
                                 e));
        TRY(fill_views(out, config, part, place, id, memory, e));
    }
done:
    image_done(&memory->dataset.picture);
    if (rc == STATUS_BAD_DATA) make_hole(out, config, place->slot);
    return rc;
}

void loader_match_captions(struct batch_part *part) {
    const size_t row = (size_t)part->context * sizeof *part->tokens;
    if (!part->context) return;
    for (int i = 0; i < part->n; i++) {
        const int32_t *mine = part->tokens + (size_t)i * (size_t)part->context;
        part->caption_id[i] = i;
        if (!part->usable[i]) continue;
        for (int j = 0; j < i; j++) {
            /* Compare only with the lowest slot of each caption; most differ in the first few
             * ids. */
            if (!part->usable[j] || part->caption_id[j] != j) continue;
            if (part->length[j] != part->length[i]) continue;
            if (memcmp(part->tokens + (size_t)j * (size_t)part->context, mine, row) != 0) continue;
            part->caption_id[i] = j;
            break;
        }
    }
}
