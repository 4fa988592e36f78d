/* Ids of CLIP's vocabulary. Expected values: "openai" rows come from OpenAI's tokenizer,
 * "open_clip" rows from open_clip 2.24 with ftfy 6.1, where OpenAI's gives the same.
 * The fixture is the real vocabulary, made by tests/golden/make_vocabulary.py. */
#include "data/texts/tokenizer.h"
#include "data/texts/tokenizer_bytes.h"
#include "data/texts/tokenizer_export.h"
#include "pipeline/base/file.h"
#include "pipeline/base/json.h"
#include "pipeline/base/text.h"
#include "tests/check.h"
#include "tests/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VOCABULARY SAPWOOD_SOURCE_DIR "/tests/fixtures/bpe_simple_vocab_16e6.txt.gz"

enum { CONTEXT = 77 };

struct golden {
    const char *text;
    int32_t ids[24]; /* without start and end; zeros follow */
};

static const struct golden openai[] = {
    {"a diagram", {320, 22697}},
    {"a dog", {320, 1929}},
    {"a cat", {320, 2368}},
    {"a photo of a cat.", {320, 1125, 539, 320, 2368, 269}},
    {"itap of a pekingese", {529, 2728, 539, 320, 661, 1442, 619, 611}},
    {"Hello World!  It's 2024 &amp;lt;test&gt;",
     {3306, 1002, 256, 585, 568, 273, 271, 273, 275, 283, 1628, 285}},
    {"the number 1234567 -- wow!!!",
     {518, 2842, 272, 273, 274, 275, 276, 277, 278, 2432, 2781, 995}},
    {"a photo of a cat", {320, 1125, 539, 320, 2368}},
    {"Hello, World!", {3306, 267, 1002, 256}},
    {"don't stop -- it's 2024 &amp; fine",
     {847, 713, 1691, 2432, 585, 568, 273, 271, 273, 275, 261, 3797}},
    {"supercalifragilisticexpialidocious", {1642, 2857, 13093, 2076, 5868, 26850, 835, 639, 38466}},
    {"caf\xc3\xa9", {15304}},
    {"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e \xf0\x9f\x90\xb1", {39121, 44353, 34002, 508, 22979}},
    {"na\xc3\xafve fa\xc3\xa7"
     "ade",
     {1097, 35689, 563, 778, 10067, 1928}},
    {"\xf0\x9f\x90\xb6\xf0\x9f\x90\xb1", {14466, 22979}},
};

static const struct golden open_clip[] = {
    {"P&eacute;rez &amp;amp; &notit; &#233;&#x1F431; &#128;",
     {43167, 15192, 261, 126, 361, 585, 282, 4166, 22979, 6309}},
    {"\xe2\x80\x9cit\xe2\x80\x99s\xe2\x80\x9d a\xcc\x81 \xef\xac\x81ne "
     "\xef\xbc\xa1\xef\xbc\xa2\xe3\x80\x80\xef\xbd\xb6\xef\xbe\x9e",
     {257, 585, 568, 257, 22229, 3797, 3937, 3909, 361}},
    {"\xce\x9f\xce\x94\xce\x9f\xce\xa3 \xce\xa3\xce\x91\xce\xa3. \xc4\xb0stanbul \xc7\x85",
     {138, 123, 138, 112, 138, 123,   139,   480, 139, 225, 138,
      109, 139, 480, 269, 328, 16384, 11231, 67,  129, 378}},
    {"x\xc2\xb2\xc2\xbd\xe2\x85\xa7 1234", {343, 41175, 33613, 158, 227, 371, 272, 273, 274, 275}},
    {"<start_of_text>a<end_of_text>b", {49406, 320, 49407, 321}},
    {"a\x1b[31mred\x1b[0m\x07 b\x09"
     "c\x0d\x0a"
     "d\xc2\x85",
     {5369, 321, 322, 323, 959}},
    {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8 \xed\x95\x9c\xea\xb5\xad a\xcc\xa3\xcc\x87",
     {21122, 479, 15197, 250, 31871, 511, 157, 118, 350, 16384}},
    {"'\xc5\xbf 'll'LL don't", {6, 129, 379, 1342, 1342, 847, 713}},
    {"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9\xef\xbb\xbf ok", {25023, 964, 358, 2481}},
    {"<b>&lt;</b> &amp;lt;", {283, 321, 29, 24588, 270, 321, 285, 283}},
    {"Tj&amp;Atilde;&amp;curren;der &EACUTE;&SZLIG;&AMP;", {18890, 10896, 801, 3459, 632, 261}},
    {"\xcb\xaf\xcd\x85\xd6\x8a \xf0\x9b\x84\xb2", {135, 363, 146, 488, 172, 249, 226, 366}},
    /* UTF-8 that was read as Windows-1252: the whole text, A0 made a blank, lost bytes, twice. */
    {"caf\xc3\x83\xc2\xa9 don\xc3\xa2\xe2\x82\xac\xe2\x84\xa2t", {15304, 847, 713}},
    {"\xc3\x83  la carte, voil\xc3\x83  le travail",
     {21259, 1210, 44949, 267, 947, 543, 21259, 579, 752, 21189}},
    {"\xc3\xb0\xc5\xb8\xcb\x9c\xc5\xa0 \xc3\xa2\xe2\x82\xac\xef\xbf\xbd "
     "m\xc3\x83\xc6\x92\xc3\x82\xc2\xa9tal",
     {3020, 39802, 21890, 2066}},
    /* As Windows-1251; parts among good text, one as MacRoman; letters that stand for themselves. */
    {"\xd0\xa0\xd1\x97\xd0\xa1\xd0\x82\xd0\xa0\xd1\x91\xd0\xa0\xd0\x86\xd0\xa0\xc2\xb5\xd0\xa1\xe2"
     "\x80\x9a",
     {26302, 16370, 29503, 110, 22176, 141, 480}},
    {"ein B\xc3\xa4r: f\xc3\x83\xc2\xbcr \xc3\xa2\xe2\x80\x9a\xc2\xac"
     "5, \xe2\x80\x9a\xc3\x84\xc3\xac",
     {24524, 65, 10896, 337, 281, 69, 6522, 337, 6309, 276, 267, 262, 10896, 127, 361}},
    {"\xc3\x85 and \xc3\x83 are letters, 5\xc3\x82\xc2\xb0",
     {35621, 537, 21259, 631, 9181, 267, 276, 6858}},
};

static void test_golden(const struct tokenizer *t, const struct golden *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        int32_t ids[CONTEXT], expected[CONTEXT] = {49406};
        int length = 0, n_expected = 1;
        struct error e = {0};
        for (int k = 0; rows[i].ids[k]; k++) expected[n_expected++] = rows[i].ids[k];
        expected[n_expected++] = 49407;
        if (!CHECK_EQUAL(tokenizer_encode(t, rows[i].text, strlen(rows[i].text), ids, CONTEXT,
                                          &length, NULL, &e),
                         STATUS_OK)) {
            printf("    %s\n", e.text);
            continue;
        }
        if (!CHECK_TRUE(!memcmp(ids, expected, sizeof ids))) {
            printf("    text \"%s\", found", rows[i].text);
            for (int k = 0; k < length; k++) printf(" %d", ids[k]);
            printf("\n");
        }
    }
}

static void test_context(const struct tokenizer *t) {
    int32_t ids[8];
    int length = 0, n_replaced = 0;
    struct error e;
    const char *cats = "cat cat cat cat cat cat cat cat";
    CHECK_EQUAL(tokenizer_encode(t, cats, strlen(cats), ids, 8, &length, NULL, &e), STATUS_OK);
    CHECK_EQUAL(length, 8);
    CHECK_EQUAL(ids[0], 49406);
    for (int i = 1; i < 7; i++) CHECK_EQUAL(ids[i], 2368);
    CHECK_EQUAL(ids[7], 49407); /* cut: the end id is last */
    CHECK_EQUAL(tokenizer_encode(t, cats, 23, ids, 8, &length, NULL, &e), STATUS_OK);
    CHECK_EQUAL(length, 8); /* six words fit exactly */
    CHECK_EQUAL(ids[6], 2368);
    CHECK_EQUAL(tokenizer_encode(t, cats, 3, ids, 8, &length, NULL, &e), STATUS_OK);
    CHECK_EQUAL(length, 3);
    CHECK_EQUAL(ids[2], 49407);
    for (int i = 3; i < 8; i++) CHECK_EQUAL(ids[i], 0);
    /* The features of CLIP are read at the first end id. */
    CHECK_EQUAL(tokenizer_encode(t, "a <end_of_text> b", 17, ids, 8, &length, NULL, &e), STATUS_OK);
    CHECK_EQUAL(length, 3);
    /* C3 cannot be followed by a blank; FF is never valid. */
    CHECK_EQUAL(tokenizer_encode(t, "a \xC3 cat \xFF", 9, ids, 8, &length, &n_replaced, &e),
                STATUS_OK);
    CHECK_EQUAL(n_replaced, 2);
    CHECK_EQUAL(tokenizer_encode(t, "cat\0dog", 7, ids, 8, &length, NULL, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(tokenizer_encode(t, "", 0, ids, 8, &length, NULL, &e), STATUS_BAD_DATA);
    CHECK_EQUAL(tokenizer_encode(t, " \n ", 3, ids, 8, &length, NULL, &e), STATUS_BAD_DATA);
    char *large = malloc(TOKENIZER_TEXT_MAX + 1);
    memset(large, 'x', TOKENIZER_TEXT_MAX + 1);
    CHECK_EQUAL(tokenizer_encode(t, large, TOKENIZER_TEXT_MAX + 1, ids, 8, &length, NULL, &e),
                STATUS_BAD_DATA);
    CHECK_EQUAL(tokenizer_encode(t, large, TOKENIZER_TEXT_MAX, ids, 8, &length, NULL, &e),
                STATUS_OK);
    free(large);
}

static void test_decode(const struct tokenizer *t) {
    char text[64];
    int32_t ids[] = {49406, 320, 1125, 539, 320, 2368, 269, 49407, 0};
    tokenizer_decode(t, ids, 8, text, sizeof text);
    CHECK_TEXT(text, "a photo of a cat . ");
    tokenizer_decode(t, ids, 8, text, 8);
    CHECK_TEXT(text, "a photo");
}

static enum status open_text(const char *text, struct error *e) {
    const char *path = fixture_path(fixture_folder(), "merges.txt");
    struct tokenizer *t = NULL;
    enum status rc = file_write_all(path, text, strlen(text), e);
    if (rc == STATUS_OK) rc = tokenizer_open(&t, path, e);
    if (rc == STATUS_OK) CHECK_EQUAL(tokenizer_size(t), 512 + 2 + 2);
    tokenizer_close(&t);
    file_remove_tree(path, NULL);
    return rc;
}

static void test_files(void) {
    struct error e = {0};
    struct tokenizer *t = NULL;
    CHECK_EQUAL(open_text("#version: 0.2\nc a\nca t</w>", &e), STATUS_OK);
    CHECK_EQUAL(open_text("#version: 0.2\r\nc a\r\nca t</w>\r\n", &e), STATUS_OK);
    CHECK_EQUAL(open_text("{\"model\": {\"merges\": [\"c a\", \"ca t</w>\"]}}", &e), STATUS_OK);
    CHECK_EQUAL(open_text("{\"model\": {\"merges\": [[\"c\", \"a\"], [\"ca\", \"t</w>\"]]}}", &e),
                STATUS_OK);
    CHECK_EQUAL(open_text("{\"model\": {\"merges\": [\"c a\", [\"ca\"]]}}", &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "model.merges[1]") != NULL);
    CHECK_EQUAL(open_text("{\"c\": 66, \"ca\": 512}", &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "merges.txt beside it") != NULL);
    CHECK_EQUAL(open_text("#version: 0.2\nc a\nca\n", &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "merges.txt: line 3:") != NULL);
    CHECK_EQUAL(open_text("#version: 0.2\nc a\nc o w\n", &e), STATUS_BAD_DATA);
    CHECK_EQUAL(open_text("#version: 0.2\nc a\nca ts\n", &e), STATUS_BAD_DATA);
    CHECK_EQUAL(open_text("#version: 0.2\nc a\n\nc o\n", &e), STATUS_BAD_DATA);
    CHECK_EQUAL(open_text("#version: 0.2\na b\nb c\na bc\nab c\n", &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "line 5: makes abc a second time") != NULL);
    CHECK_EQUAL(tokenizer_open(&t, fixture_path(fixture_folder(), "absent.txt"), &e),
                STATUS_NOT_FOUND);
    CHECK_TRUE(t == NULL);
}

/* Names and ids of the vocabulary with the merges "c a" and "ca t</w>", two of them exchanged. */
static void write_ids(struct text *out, int a, int b, int n) {
    text_clear(out);
    for (int id = 0; id < n; id++) {
        char name[TOKENIZER_BYTES_NAME_MAX];
        text_printf(out, "%s\"", id ? ", " : "{");
        if (id >= 512) {
            const char *const rest[] = {"ca", "cat</w>", "<|startoftext|>", "<|endoftext|>"};
            text_append(out, rest[id - 512]);
        } else {
            const size_t size = tokenizer_bytes_name(name, id);
            if (name[0] == '"' || name[0] == '\\') text_append_char(out, '\\');
            text_append_bytes(out, name, size);
        }
        text_printf(out, "\": %d", id == a ? b : id == b ? a : id);
    }
    text_append_char(out, '}');
}

/* A vocab.json beside merges.txt, and the same inside a tokenizer.json. */
static void ids_are(int a, int b, int n, enum status expected, const char *message) {
    static const char merges[] = "#version: 0.2\nc a\nca t</w>\n";
    char folder[FIXTURE_PATH_MAX];
    struct text ids = {0}, json = {0};
    snprintf(folder, sizeof folder, "%s", fixture_folder());
    write_ids(&ids, a, b, n);
    text_printf(&json, "{\"model\": {\"vocab\": %s, \"merges\": [\"c a\", \"ca t</w>\"]}}",
                text_string(&ids));
    fixture_write(fixture_path(folder, "merges.txt"), merges, sizeof merges - 1);
    fixture_write(fixture_path(folder, "vocab.json"), ids.bytes, ids.n);
    fixture_write(fixture_path(folder, "tokenizer.json"), json.bytes, json.n);
    for (int i = 0; i < 2; i++) {
        struct tokenizer *t = NULL;
        struct error e = {0};
        const char *path = fixture_path(folder, i ? "tokenizer.json" : "merges.txt");
        CHECK_EQUAL(tokenizer_open(&t, path, &e), expected);
        if (!CHECK_TRUE(strstr(e.text, message) != NULL)) printf("    message \"%s\"\n", e.text);
        tokenizer_close(&t);
    }
    text_release(&ids);
    text_release(&json);
}

static void test_ids(void) {
    ids_are(0, 0, 516, STATUS_OK, "");
    ids_are(512, 513, 516, STATUS_BAD_DATA, "id 513 is another symbol");
    ids_are(4, 300, 516, STATUS_BAD_DATA, "id 300 is another symbol");
    ids_are(514, 515, 516, STATUS_BAD_DATA, "<|startoftext|>");
    ids_are(0, 0, 515, STATUS_BAD_DATA, "515 names; expected 516");
}

/* The id that a file gives a name; -1: none. */
static int id_in(const struct json *ids, const char *name) {
    int64_t id = -1;
    const struct json *value = json_find(ids, name);
    return value && json_as_int(value, 0, 49407, &id, NULL) == STATUS_OK ? (int)id : -1;
}

/* What transformers loads: the ids of whole words are those of the golden rows above, and the order
 * is that of CLIP's own vocab.json: bytes that can be shown, other bytes, the same at a word's end,
 * merges, start, end. */
static void test_export(const struct tokenizer *t) {
    static const struct {
        const char *name;
        int id;
    } expected[] = {{"!", 0}, {"\"", 1}, {"~", 93}, {"\xc2\xa1", 94}, {"\xc4\x80", 188},
                    {"!</w>", 256}, {"a</w>", 320}, {"in", 512}, {"photo</w>", 1125},
                    {"of</w>", 539}, {"cat</w>", 2368}, {"diagram</w>", 22697},
                    {"caf\xc3\x83\xc2\xa9</w>", 15304}, {"jekyll</w>", 49405},
                    {"<|startoftext|>", 49406}, {"<|endoftext|>", 49407}};
    struct json_document *ids = NULL, *config = NULL;
    struct tokenizer *again = NULL;
    struct error e = {0};
    const char *folder = fixture_folder(), *text = NULL;
    int64_t context = 0;
    CHECK_EQUAL(tokenizer_export(t, CONTEXT, folder, &e), STATUS_OK);
    CHECK_EQUAL(json_read(&ids, fixture_path(folder, "vocab.json"), 1 << 24, &e), STATUS_OK);
    CHECK_EQUAL(json_root(ids)->n, 49408);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        if (!CHECK_EQUAL(id_in(json_root(ids), expected[i].name), expected[i].id))
            printf("    %s\n", expected[i].name);
    /* Opening merges.txt checks the vocab.json beside it, too. */
    CHECK_EQUAL(tokenizer_open(&again, fixture_path(folder, "merges.txt"), &e), STATUS_OK);
    CHECK_TRUE(again && tokenizer_hash(again) == tokenizer_hash(t));
    CHECK_EQUAL(json_read(&config, fixture_path(folder, "tokenizer_config.json"), 1 << 16, &e),
                STATUS_OK);
    CHECK_EQUAL(json_int(json_root(config), "model_max_length", 0, 1000, &context, &e), STATUS_OK);
    CHECK_EQUAL(context, CONTEXT);
    CHECK_EQUAL(json_text(json_root(config), "tokenizer_class", &text, &e), STATUS_OK);
    CHECK_TEXT(text, "CLIPTokenizer");
    CHECK_TRUE(file_exists(fixture_path(folder, "special_tokens_map.json")));
    tokenizer_close(&again);
    json_destroy(&ids);
    json_destroy(&config);
}

int main(void) {
    struct tokenizer *t = NULL;
    struct error e = {0};
    if (!CHECK_EQUAL(tokenizer_open(&t, VOCABULARY, &e), STATUS_OK)) {
        printf("%s\n", e.text);
        return check_report();
    }
    CHECK_EQUAL(tokenizer_size(t), 49408);
    CHECK_EQUAL(tokenizer_start(t), 49406);
    CHECK_EQUAL(tokenizer_end(t), 49407);
    test_golden(t, openai, sizeof openai / sizeof *openai);
    test_golden(t, open_clip, sizeof open_clip / sizeof *open_clip);
    test_context(t);
    test_decode(t);
    test_files();
    test_ids();
    test_export(t);
    tokenizer_close(&t);
    return check_report();
}
