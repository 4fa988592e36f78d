/* sapwood tokenizer: trains a small vocabulary from captions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/dataset.h"
#include "data/texts/tokenizer_train.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"

enum { TEXT_FILE_MAX = 1 << 30 };

/* Counts of captions read and of unusable ones. */
struct tally {
    int64_t captions, unusable;
    struct error first; /* why the first unusable caption was left out */
};

static enum status count_failure(struct tally *tally, enum status rc, const struct error *why,
                                 struct error *e) {
    if (rc != STATUS_BAD_DATA) {
        *e = *why;
        return rc;
    }
    if (!tally->unusable++) tally->first = *why;
    return STATUS_OK;
}

static enum status add_caption(struct tokenizer_train *train, struct tally *tally,
                               const char *caption, size_t n, struct error *e) {
    struct error why;
    enum status rc = tokenizer_train_add(train, caption, n, &why);
    if (rc != STATUS_OK) return count_failure(tally, rc, &why, e);
    tally->captions++;
    return STATUS_OK;
}

/* Adds a file with one caption per line. */
static enum status add_text_file(struct tokenizer_train *train, struct tally *tally,
                                 const char *path, struct error *e) {
    char *bytes = NULL;
    size_t n, length;
    const char *caption;
    enum status rc = file_read_all(&bytes, &n, path, TEXT_FILE_MAX, e);
    for (const char *at = bytes;
         rc == STATUS_OK && caption_next(&at, bytes + n, CAPTION_LINES, &caption, &length);)
        rc = add_caption(train, tally, caption, length, e);
    free(bytes);
    return rc;
}

static enum status add_shards(struct tokenizer_train *train, struct tally *tally,
                              const struct dataset_source *source, struct error *e) {
    enum status rc;
    struct dataset *d = NULL;
    struct dataset_memory memory = {0};
    struct dataset_captions captions = {0};
    TRY(dataset_open(&d, source, e));
    for (int64_t i = 0; i < dataset_counts(d).samples; i++) {
        struct error why;
        rc = dataset_captions(&captions, d, i, &memory, &why);
        if (rc != STATUS_OK) {
            TRY(count_failure(tally, rc, &why, e));
            continue;
        }
        for (int k = 0; k < captions.n; k++)
            TRY(add_caption(train, tally, captions.bytes.bytes + captions.caption[k].start,
                            captions.caption[k].n, e));
    }
done:
    dataset_captions_release(&captions);
    dataset_memory_release(&memory);
    dataset_close(&d);
    return rc;
}

static enum status train_command(int argc, char **argv, struct error *e) {
    enum status rc;
    int64_t size = 2048;
    const char *out = NULL, *use_name = "whole", *field = NULL;
    struct option_list inputs = {0};
#define USE_NAME(name, text) text,
    static const char *const use_names[] = {CAPTION_USE_LIST(USE_NAME) NULL};
#undef USE_NAME
    const struct option table[] = {
        {"INPUT", OPTION_REST, &inputs, .required = true,
         .help = "shards (a tar, braces, a folder), or a text file FILE.txt with a caption on "
                 "every line"},
        {"out", OPTION_TEXT, &out, .argument = "FILE", .required = true,
         .help = "vocabulary file to write"},
        {"size", OPTION_INT, &size, .min = TOKENIZER_TRAIN_SIZE_MIN,
         .max = TOKENIZER_TRAIN_SIZE_MAX,
         .help = "entries: 512 for bytes, the merges, start and end"},
        {"captions", OPTION_CHOICE, &use_name, .choices = use_names,
         .help = "how the .txt member of a sample becomes captions"},
        {"caption-field", OPTION_TEXT, &field, .argument = "NAME",
         .help = "take captions from this field of the .json member"},
    };
    struct tokenizer_train *train = NULL;
    struct tally tally = {0};
    TRY(options_parse(&(struct options){.command = "tokenizer train",
                                        .summary = "Trains a byte-pair vocabulary from captions, "
                                                   "in the format of CLIP's.",
                                        OPTIONS(table)},
                      argc, argv, e));
    if (file_exists(out))
        TRY(fail(e, STATUS_BAD_ARG, "%.300s: exists already; remove it or choose another name", out));
    TRY(tokenizer_train_create(&train, e));
    for (int i = 0; i < inputs.n; i++) {
        struct dataset_source source = {
            .name = "captions", .shards = inputs.item[i], .caption_field = field};
        while (strcmp(use_names[source.captions], use_name)) source.captions++;
        if (text_ends_with(inputs.item[i], ".txt"))
            TRY(add_text_file(train, &tally, inputs.item[i], e));
        else
            TRY(add_shards(train, &tally, &source, e));
    }
    if (tally.unusable)
        fprintf(stderr, "tokenizer: %" PRId64 " captions left out; the first: %s\n", tally.unusable,
                tally.first.text);
    TRY(tokenizer_train_write(train, (int)size, out, e));
    int64_t n_different, n_words = tokenizer_train_words(train, &n_different);
    printf("%s: %d entries from %" PRId64 " captions, %" PRId64 " words, %" PRId64 " different\n",
           out, (int)size, tally.captions, n_words, n_different);
done:
    tokenizer_train_destroy(&train);
    return rc;
}

enum status command_tokenizer(int argc, char **argv, struct error *e) {
    static const char *const names[] = {"train", NULL};
    static const char *const help[] = {"a small vocabulary from captions"};
    int chosen;
    enum status rc =
        options_choose("tokenizer", "Makes vocabularies.", names, help, argc, argv, &chosen, e);
    return rc == STATUS_OK ? train_command(argc - 1, argv + 1, e) : rc;
}
