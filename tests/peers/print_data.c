/* What data/ makes of pictures and texts, for the scripts beside this file. Requests come on standard
 * input, answers go to standard output, numbers are 32 bits in the order of the machine.
 *
 *   print_data pixels           a request is a line, RULE a number of enum image_rgb:
 *                                 decode RULE PATH
 *                                 center RULE N PATH          the evaluation transform
 *                                 box RULE X Y W H N PATH     the box resized to N x N
 *                               the answer: width, height and height x width x 3 bytes; after a
 *                               refusal 0, the count of bytes of the message, and the message
 *   print_data tokens VOCABULARY CONTEXT
 *                               a request is a count of bytes and the text; the answer: length and
 *                               CONTEXT ids; after a refusal 0, count and message
 *   print_data members SHARD    takes no requests; the regular members of a tar as text */
#include "data/images/image.h"
#include "data/images/resize.h"
#include "data/shards/shard.h"
#include "data/texts/tokenizer.h"
#include "pipeline/base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put_int(int32_t value) {
    fwrite(&value, sizeof value, 1, stdout);
}

static void put_error(const struct error *e) {
    put_int(0);
    put_int((int32_t)strlen(e->text));
    fputs(e->text, stdout);
}

/* The whole picture, or with center > 0 what its evaluation transform at that size reads. */
static enum status read_picture(struct image *out, const char *path, struct image_rule rule, int center,
                                struct error *e) {
    enum status rc;
    char *bytes = NULL;
    size_t n;
    struct image_info info;
    TRY(file_read_all(&bytes, &n, path, IMAGE_BYTES_MAX + 1, e));
    if (center) {
        TRY(image_check(&info, bytes, n, e));
        const struct image_part part = {.box = resize_center_box(center, info.width, info.height)};
        TRY(image_decode_part(out, &info, &part, bytes, n, rule, e));
    } else {
        TRY(image_decode(out, bytes, n, rule, e));
    }
done:
    free(bytes);
    return rc;
}

/* Answers one request about a picture that is decoded already. */
static enum status answer_pixels(const char *what, const int *number, const struct image *picture,
                                 struct resize_memory *memory, struct error *e) {
    if (!strcmp(what, "decode")) {
        put_int(picture->width);
        put_int(picture->height);
        fwrite(picture->pixels, 3, (size_t)picture->width * (size_t)picture->height, stdout);
        return STATUS_OK;
    }
    const bool center = !strcmp(what, "center");
    const int n = number[center ? 0 : 4];
    const struct resize_params params = {.box = {number[0], number[1], number[2], number[3]},
                                         .width = n,
                                         .height = n};
    uint8_t *out = malloc((size_t)n * (size_t)n * 3);
    enum status rc = !out     ? fail(e, STATUS_NO_MEMORY, "no memory")
                     : center ? resize_center_crop(out, n, picture, memory, e)
                              : resize_bicubic(out, picture, &params, memory, e);
    if (rc == STATUS_OK) {
        put_int(n);
        put_int(n);
        fwrite(out, 3, (size_t)n * (size_t)n, stdout);
    }
    free(out);
    return rc;
}

static int print_pixels(void) {
    char line[8192], before[8192] = "";
    struct image picture = {0};
    struct resize_memory memory = {0};
    int rule_before = -1, center_before = 0;
    while (fgets(line, sizeof line, stdin)) {
        char what[16], *at = line;
        int rule, used = 0, number[5] = {0};
        struct error e = {0};
        enum status rc = STATUS_OK;
        line[strcspn(line, "\n")] = 0;
        if (sscanf(at, "%15s %d %n", what, &rule, &used) != 2) return 2;
        at += used;
        const int n_numbers = !strcmp(what, "decode") ? 0 : !strcmp(what, "center") ? 1 : 5;
        for (int i = 0; i < n_numbers; i++) {
            if (sscanf(at, "%d %n", &number[i], &used) != 1) return 2;
            at += used;
        }
        const int center = n_numbers == 1 ? number[0] : 0;
        if (rule != rule_before || center != center_before || strcmp(at, before))
            rc = read_picture(&picture, at, (struct image_rule){(enum image_rgb)rule, 0}, center, &e);
        center_before = center;
        rule_before = rc == STATUS_OK ? rule : -1;
        snprintf(before, sizeof before, "%s", at);
        if (rc == STATUS_OK) rc = answer_pixels(what, number, &picture, &memory, &e);
        if (rc != STATUS_OK) put_error(&e);
        fflush(stdout);
    }
    image_release(&picture);
    resize_release(&memory);
    return 0;
}

static int print_tokens(const char *vocabulary, int context) {
    struct tokenizer *t = NULL;
    struct error e = {0};
    uint32_t n;
    if (tokenizer_open(&t, vocabulary, &e) != STATUS_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    int32_t *ids = malloc((size_t)context * sizeof *ids);
    while (ids && fread(&n, sizeof n, 1, stdin) == 1) {
        char *text = malloc(n + 1);
        int length;
        if (!text || fread(text, 1, n, stdin) != n) return 2;
        if (tokenizer_encode(t, text, n, ids, context, &length, NULL, &e) == STATUS_OK) {
            put_int(length);
            fwrite(ids, sizeof *ids, (size_t)context, stdout);
        } else {
            put_error(&e);
        }
        fflush(stdout);
        free(text);
    }
    free(ids);
    tokenizer_close(&t);
    return 0;
}

/* A line per regular member: "OFFSET SIZE NAME", behind "damaged" when it must not be used. */
static enum status print_member(void *context, const struct shard_member *m, struct error *e) {
    (void)context;
    (void)e;
    printf("%s%llu %llu %s\n", m->damage ? "damaged " : "", (unsigned long long)m->offset,
           (unsigned long long)m->size, m->name);
    return STATUS_OK;
}

static int print_members(const char *path) {
    struct error e;
    const enum status rc = shard_scan(path, print_member, NULL, &e);
    if (rc != STATUS_OK) fprintf(stderr, "%s\n", e.text);
    return status_exit_code(rc);
}

int main(int argc, char **argv) {
    if (argc == 3 && !strcmp(argv[1], "members")) return print_members(argv[2]);
    if (argc == 2 && !strcmp(argv[1], "pixels")) return print_pixels();
    if (argc == 4 && !strcmp(argv[1], "tokens"))
        return print_tokens(argv[2], (int)strtol(argv[3], NULL, 10));
    fprintf(stderr, "print_data: expected pixels, tokens VOCABULARY CONTEXT or members SHARD\n");
    return 2;
}
