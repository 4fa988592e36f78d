/* sapwood tokenize: prints the ids of a text, as a model sees them. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/texts/tokenizer.h"
#include "pipeline/base/text.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"

enum { CONTEXT_MAX = 65536 };

static void print_ids(const struct tokenizer *t, const int32_t *ids, int n, bool parts) {
    for (int i = 0; i < n; i++) {
        char text[256];
        if (!parts) {
            printf("%s%d", i ? " " : "", ids[i]);
            continue;
        }
        tokenizer_decode(t, &ids[i], 1, text, sizeof text);
        if (ids[i] == tokenizer_start(t)) snprintf(text, sizeof text, "start");
        if (ids[i] == tokenizer_end(t)) snprintf(text, sizeof text, "end");
        printf("%s%d\t%s", i ? "\n" : "", ids[i], text);
    }
    printf("\n");
}

enum status command_tokenize(int argc, char **argv, struct error *e) {
    enum status rc;
    const char *vocabulary = NULL;
    int64_t context = 77;
    bool parts = false;
    struct option_list words = {0};
    const struct option table[] = {
        {"TEXT", OPTION_REST, &words, .required = true, .help = "the text; words are joined"},
        {"vocab", OPTION_TEXT, &vocabulary, .argument = "FILE", .required = true,
         .help = "vocabulary: bpe_simple_vocab_16e6.txt.gz, merges.txt, tokenizer.json, "
                 "SigLIP's spiece.model, or a file "
                 "of `sapwood tokenizer train`"},
        {"context", OPTION_INT, &context, .min = 2, .max = CONTEXT_MAX,
         .help = "longest row of ids; a longer text is cut and ends with the end id"},
        {"parts", OPTION_FLAG, &parts, .help = "one id per line, with its text"},
    };
    struct tokenizer *t = NULL;
    struct text text = {0};
    int32_t *ids = NULL;
    int length, n_replaced;
    TRY(options_parse(&(struct options){.command = "tokenize",
                                        .summary = "Prints the ids of a text, from the start id "
                                                   "to the end id, without padding.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(tokenizer_open(&t, vocabulary, e));
    for (int i = 0; i < words.n; i++) {
        if (i) text_append_char(&text, ' ');
        text_append(&text, words.item[i]);
    }
    TRY(text_check(&text, e));
    ids = malloc((size_t)context * sizeof *ids);
    if (!ids) {
        rc = fail(e, STATUS_NO_MEMORY, "tokenize: no memory for %d ids", (int)context);
        goto done;
    }
    TRY(tokenizer_encode(t, text_string(&text), text.n, ids, (int)context, &length, &n_replaced,
                         e));
    print_ids(t, ids, length, parts);
    if (n_replaced)
        fprintf(stderr, "tokenize: %d parts of the text are not UTF-8 and were read as U+FFFD\n",
                n_replaced);
done:
    free(ids);
    text_release(&text);
    tokenizer_close(&t);
    return rc;
}
