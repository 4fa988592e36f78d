/* sapwood shards make | index | check | ls */
#include "pipeline/cli/cmd_shards.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/shards/cache.h"
#include "data/shards/index.h"
#include "data/shards/shard.h"
#include "data/shards/shard_list.h"
#include "data/shards/shard_make.h"
#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"
#include "pipeline/cli/signals.h"

enum status cmd_shards_expand(struct shard_list *list, const struct option_list *words,
                              struct error *e) {
    enum status rc = STATUS_OK;
    for (int i = 0; i < words->n && rc == STATUS_OK; i++)
        rc = shard_list_expand(list, words->item[i], e);
    return rc;
}

static enum status make(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    struct shard_make params = {.max_count = 10000, .max_bytes = 3000000000};
    struct shard_made made;
    struct option_list from = {0}, templates = {0}, captions = {0};
    const char *separator = NULL;
#define MAKE_CLASSES_WORD(name, text) text,
    static const char *const uses[] = {MAKE_CLASSES_LIST(MAKE_CLASSES_WORD) NULL};
#undef MAKE_CLASSES_WORD
    const char *classes = uses[MAKE_CLASSES_AUTO];
    const struct option table[] = {
        {"FROM", OPTION_REST, &from, .required = true,
         .help = "folder of pictures with captions beside them (1.jpg, 1.txt), or of a folder per "
                 "class; a tar or zip of such a folder, in any order, compressed or not; or a "
                 "list: NAME.csv, NAME.tsv or NAME.jsonl; with several, keys begin with the "
                 "name of theirs"},
        {"TO", OPTION_PLACE, &params.to, .required = true,
         .help = "folder, a pattern as shards/name-%06d.tar, or name.tar for one shard of all"},
        {"classes", OPTION_CHOICE, &classes, .choices = uses,
         .help = "whether folders are classes, as cat/1.jpg: their numbers go into .cls, their "
                 "names into classnames.txt; auto: where all pictures are in folders and none has "
                 "a caption"},
        {"classnames", OPTION_TEXT, &params.classnames, .argument = "FILE",
         .help = "classes in the order of their numbers, one per line, as the classnames.txt of "
                 "other shards"},
        {"template", OPTION_LIST, &templates, .argument = "TEXT",
         .help = "caption of every class, with {} for its name"},
        {"picture-field", OPTION_TEXT, &params.picture_field, .argument = "NAME",
         .help = "column of a table, or field of JSON, that names the picture; without it image, "
                 "file_name, filepath, path, filename, image_path or file"},
        {"caption-field", OPTION_LIST, &captions, .argument = "NAME",
         .help = "that has a caption or a list of captions; without it caption and captions, or "
                 "text, or title"},
        {"key-field", OPTION_TEXT, &params.key_field, .argument = "NAME",
         .help = "that has the key of the sample; without it key; where there is none, keys are "
                 "made of the pictures' paths"},
        {"separator", OPTION_TEXT, &separator, .argument = "CHAR",
         .help = "between the columns of a table, or tab; without it what the first line has"},
        {"root", OPTION_TEXT, &params.root, .argument = "DIR",
         .help = "folder that the paths of a list start from; without it the folder of the list"},
        {"skip-missing", OPTION_FLAG, &params.skip_missing,
         .help = "leave out pictures of a list that are not there"},
        {"max-count", OPTION_INT, &params.max_count, .min = 1, .max = 1e9,
         .help = "samples per shard"},
        {"max-bytes", OPTION_INT, &params.max_bytes, .min = 1, .max = 1e15,
         .help = "bytes of files per shard"},
    };
    TRY(options_parse(&(struct options){.command = "shards make",
                                        .summary = "Writes tar shards, as webdataset does.",
                                        OPTIONS(table)},
                      argc, argv, e));
    params.from = from.item;
    params.n_from = from.n;
    params.templates = templates.item;
    params.n_templates = templates.n;
    params.caption_fields = captions.item;
    params.n_caption_fields = captions.n;
    if (separator && (!strcmp(separator, "tab") || !strcmp(separator, "\\t"))) separator = "\t";
    if (separator && strlen(separator) != 1)
        TRY(fail(e, STATUS_BAD_ARG,
                 "shards make: --separator: expected one character or tab, found '%s'", separator));
    if (separator) params.separator = *separator;
    while (uses[params.classes] != classes) params.classes++;
    signals_catch();
    rc = shard_make(&made, &params, e);
    if (rc == STATUS_STOPPED) {
        fprintf(stderr, "sapwood: %s\n", e->text);
        signals_end(); /* nothing is saved, so not the exit code that says so */
    }
    if (rc != STATUS_OK) goto done;
    printf("%" PRId64 " sample%s in %d shard%s from %s\n", made.samples, text_plural(made.samples),
           made.shards, text_plural(made.shards), made.first);
    if (made.without_picture)
        printf("%" PRId64 " left out: no picture (jpg, jpeg, png, webp, bmp); the first: %s\n",
               made.without_picture, made.first_left_out);
    for (int i = 0; made.other[i].format; i++)
        printf("%" PRId64 " left out, the first is %s: %s\n", made.other[i].n, made.other[i].first,
               made.other[i].format);
    if (made.links)
        printf("%" PRId64 " link%s left out, to folders or out of the folder; to pack what they "
               "point to, copy it there (cp -rL); the first: %s\n",
               made.links, text_plural(made.links), made.first_link);
    if (made.renamed)
        printf("%" PRId64 " have a key with _ for the dots of their name\n", made.renamed);
    if (made.joined)
        printf("%" PRId64 " row%s of a picture that has one already: its captions are with them\n",
               made.joined, text_plural(made.joined));
    if (made.several_captions)
        printf("%" PRId64 " have several captions, a line each: \"captions\": \"lines\" in the "
               "source of a recipe draws one of them\n",
               made.several_captions);
    if (made.missing)
        printf("%" PRId64 " picture%s left out, not there; the first: %s\n", made.missing,
               text_plural(made.missing), made.first_missing);
    if (made.classes)
        printf("%d class%s by their folders, named in %s\n", made.classes,
               made.classes == 1 ? "" : "es", made.classnames);
    if (made.without_caption && made.classes)
        printf("captions come from \"templates\" of the source in a recipe, as "
               "[\"a photo of a {}.\"]; or write them here: --template 'a photo of a {}.'\n");
    else if (made.without_caption && made.fields[0])
        printf("%" PRId64 " have no caption: of %s none is caption, captions, text or title; "
               "choose one: --caption-field NAME\n",
               made.without_caption, made.fields);
    else if (made.without_caption)
        printf("%" PRId64 " have no caption (txt); training on pairs passes over them\n",
               made.without_caption);
done:
    return rc;
}

/* A list of shards, local and remote, and their indices one after another. */
struct walk {
    struct shard_list list;
    struct cache *remote;
};

static enum status walk_begin(struct walk *w, const struct option_list *shards, const char *folder,
                              bool renew, struct error *e) {
    enum status rc = cmd_shards_expand(&w->list, shards, e);
    if (rc != STATUS_OK) return rc;
    const struct cache_config config = {
        .folder = folder, .renew = renew, .path = w->list.path, .n = w->list.n};
    return cache_open(&w->remote, &config, e);
}

static enum status walk_index(const struct walk *w, int i, const char *folder, bool renew,
                              struct index *index, struct error *e) {
    const char *path = w->list.path[i];
    if (remote_is_url(path)) return cache_index(w->remote, i, index, e);
    return renew ? index_rebuild(index, path, folder, e) : index_open(index, path, folder, e);
}

static void walk_end(struct walk *w) {
    cache_close(&w->remote);
    shard_list_release(&w->list);
}

static enum status make_index(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *cache = NULL;
    struct option_list shards = {0};
    bool force = false;
    struct walk walk = {0};
    const struct shard_list *list = &walk.list;
    uint64_t samples = 0;
    int built = 0, unkept = 0, bad = 0;
    const struct option table[] = {
        {"SHARDS", OPTION_REST, &shards, .required = true, .help = SHARDS_HELP},
        {"cache", OPTION_TEXT, &cache, .argument = "DIR",
         .help = "folder of remote shards, and of indices where a shard's own cannot be written"},
        {"force", OPTION_FLAG, &force, .help = "build all of them anew"},
    };
    TRY(options_parse(&(struct options){.command = "shards index",
                                        .summary = "Builds SHARD.index beside each shard. Training "
                                                   "does so by itself; this is to do it "
                                                   "beforehand.",
                                        OPTIONS(table)},
                      argc, argv, e));
    TRY(walk_begin(&walk, &shards, cache, force, e));
    for (int i = 0; i < list->n; i++) {
        struct index index = {0};
        struct error why;
        rc = walk_index(&walk, i, cache, force, &index, &why);
        if (rc == STATUS_STOPPED && e) *e = why;
        if (rc == STATUS_STOPPED) goto done;
        if (rc != STATUS_OK) {
            bad++;
            printf("%s\n", why.text);
            continue;
        }
        samples += index.n_samples;
        built += index.built && !index.is_unkept;
        unkept += index.is_unkept;
        index_release(&index);
    }
    printf("%d shard%s: %d indexed, %d up to date, %d unusable; %" PRIu64 " sample%s\n", list->n,
           text_plural(list->n), built, list->n - built - unkept - bad, bad, samples,
           text_plural((int64_t)samples));
    rc = STATUS_OK;
    if (unkept)
        rc = fail(e, STATUS_STORAGE, "%d of %d indices could be written nowhere; give %s", unkept,
                  list->n,
                  cache ? "a folder that can be written as --cache DIR"
                        : "--cache DIR to keep them elsewhere; data.cache tells train of it");
    if (bad) rc = fail(e, STATUS_BAD_DATA, "%d of %d shard%s cannot be used", bad, list->n,
                       text_plural(list->n));
done:
    walk_end(&walk);
    return rc;
}

/* "jpg json txt": the different extensions, in the order in which they come. */
static void list_extensions(const struct index *index, struct text *out) {
    const uint64_t look = index->n_members < 4096 ? index->n_members : 4096;
    uint32_t seen[16];
    int n = 0;
    for (uint64_t i = 0; i < look; i++) {
        uint32_t extension = index->member[i].extension;
        int j = 0;
        while (j < n && seen[j] != extension) j++;
        if (j < n || n == 16) continue;
        seen[n++] = extension;
        if (n > 1) text_append_char(out, ' ');
        text_append_printable(out, index->strings + extension);
    }
}

static void print_shard(const char *path, const struct index *index, int64_t n_keys) {
    struct text extensions = {0};
    char name[FILE_PATH_MAX];
    uint64_t damaged = 0;
    remote_base_name(name, sizeof name, path);
    for (uint64_t i = 0; i < index->n_samples; i++)
        damaged += index->sample[i].damage != INDEX_DAMAGE_NONE;
    list_extensions(index, &extensions);
    printf("%-40s %9" PRIu64 " %10.1f  %s", name, index->n_samples,
           (double)index->shard_size / 1048576.0, text_string(&extensions));
    if (damaged) printf("  (%" PRIu64 " unusable)", damaged);
    printf("\n");
    for (uint64_t i = 0; i < index->n_samples && i < (uint64_t)n_keys; i++) {
        const struct index_sample *s = &index->sample[i];
        char key[SHARD_NAME_MAX];
        text_printable(key, sizeof key, index_key(index, i));
        printf("    %s:", key);
        for (uint32_t j = 0; j < s->n_members; j++) {
            const struct index_member *m = &index->member[s->member + j];
            char extension[SHARD_NAME_MAX];
            text_printable(extension, sizeof extension, index->strings + m->extension);
            printf(" %s %" PRIu64, extension, m->size);
        }
        if (s->damage) printf("  (%s)", index_damage_text((enum index_damage)s->damage));
        printf("\n");
    }
    text_release(&extensions);
}

static enum status list_shards(int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    const char *cache = NULL, *steps = NULL;
    struct option_list shards = {0};
    int64_t n_keys = 0;
    struct walk walk = {0};
    const struct shard_list *list = &walk.list;
    uint64_t samples = 0, bytes = 0;
    int bad = 0;
    const struct option table[] = {
        {"SHARDS|RECIPE", OPTION_REST, &shards, .required = true,
         .help = SHARDS_HELP "; or a recipe (.json)"},
        {"steps", OPTION_TEXT, &steps, .argument = "A..B",
         .help = "of a recipe: show what these steps are made of, counted from 1"},
        {"keys", OPTION_INT, &n_keys, .min = 0, .max = 1e9,
         .help = "show this many first samples of each shard, members with their bytes"},
        {"cache", OPTION_TEXT, &cache, .argument = "DIR",
         .help = "folder of remote shards, and of indices where a shard's own cannot be written"},
    };
    TRY(options_parse(&(struct options){.command = "shards ls",
                                        .summary = "Shows samples, size and members of each shard; "
                                                   "or what steps of a recipe are made of, without "
                                                   "training.",
                                        OPTIONS(table)},
                      argc, argv, e));
    if (steps || text_ends_with(shards.item[0], ".json")) {
        if (shards.n > 1)
            TRY(fail(e, STATUS_BAD_ARG, "shards ls: unexpected word '%s'; expected one recipe",
                     shards.item[1]));
        TRY(cmd_shards_steps(shards.item[0], steps, cache, e));
        goto done;
    }
    TRY(walk_begin(&walk, &shards, cache, false, e));
    printf("%-40s %9s %10s  %s\n", "shard", "samples", "MiB", "members");
    for (int i = 0; i < list->n; i++) {
        struct index index = {0};
        struct error why;
        if (walk_index(&walk, i, cache, false, &index, &why) != STATUS_OK) {
            bad++;
            printf("%s\n", why.text);
            continue;
        }
        print_shard(list->path[i], &index, n_keys);
        samples += index.n_samples;
        bytes += index.shard_size;
        index_release(&index);
    }
    if (list->n > 1)
        printf("%-40s %9" PRIu64 " %10.1f\n", "all", samples, (double)bytes / 1048576.0);
    if (bad) rc = fail(e, STATUS_BAD_DATA, "%d of %d shard%s cannot be used", bad, list->n,
                       text_plural(list->n));
done:
    walk_end(&walk);
    return rc;
}

enum status command_shards(int argc, char **argv, struct error *e) {
    static const char *const names[] = {"make", "index", "check", "ls", NULL};
    static const char *const help[] = {
        "write shards from a folder or a list of pictures and captions",
        "build the index of each shard",
        "read everything and name what cannot be used",
        "show samples, size and members of each shard",
        NULL,
    };
    static enum status (*const run[])(int, char **, struct error *) = {
        make, make_index, cmd_shards_check, list_shards};
    int chosen;
    enum status rc =
        options_choose("shards", "Tar shards of samples.", names, help, argc, argv, &chosen, e);
    if (rc != STATUS_OK) return rc;
    return run[chosen](argc - 1, argv + 1, e);
}
