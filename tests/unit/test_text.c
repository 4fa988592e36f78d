#include "pipeline/base/text.h"

#include <string.h>

#include "tests/check.h"

static void test_building(void) {
    struct text t = {0};
    CHECK_TEXT(text_string(&t), "");
    for (int i = 0; i < 1000; i++) text_printf(&t, "%d,", i);
    text_append_bytes(&t, "a\0b", 3);
    CHECK_EQUAL(t.n, 10 * 2 + 90 * 3 + 900 * 4 + 3);
    CHECK_TRUE(!memcmp(t.bytes, "0,1,2,3,", 8) && !memcmp(t.bytes + t.n - 7, "999,a\0b", 8));
    text_clear(&t);
    text_append(&t, "x");
    text_append_char(&t, 'y');
    CHECK_TEXT(text_string(&t), "xy");
    CHECK_EQUAL(text_check(&t, NULL), STATUS_OK);
    text_release(&t);
    CHECK_TRUE(text_starts_with("shard.tar", "sh") && !text_starts_with("s", "sh"));
    CHECK_TRUE(text_ends_with("shard.tar", ".tar") && !text_ends_with("tar", ".tar"));
}

static void test_nearest(void) {
    /* Distances counted by hand. */
    CHECK_EQUAL(text_distance("", "abc"), 3);
    CHECK_EQUAL(text_distance("kitten", "sitting"), 3);
    CHECK_EQUAL(text_distance("recieve", "receive"), 1);
    CHECK_EQUAL(text_distance("ca", "abc"), 3); /* restricted: unrestricted would be 2 */
    const char *const words[] = {"batch_size", "learning_rate", "steps", "seed"};
    CHECK_EQUAL(text_nearest("batchsize", words, 4), 0);
    CHECK_EQUAL(text_nearest("leraning_rat", words, 4), 1);
    CHECK_EQUAL(text_nearest("sede", words, 4), 3);
    CHECK_EQUAL(text_nearest("colour", words, 4), -1);
    CHECK_EQUAL(text_nearest("x", words, 4), -1);
    CHECK_EQUAL(text_nearest("x", words, 0), -1);
}

static void test_utf8(void) {
    CHECK_EQUAL(text_utf8_length("a", 1), 1);
    CHECK_EQUAL(text_utf8_length("\xc3\xa9", 2), 2);
    CHECK_EQUAL(text_utf8_length("\xe2\x82\xac", 3), 3);
    CHECK_EQUAL(text_utf8_length("\xf0\x9f\x98\x80", 4), 4);
    /* What the Unicode standard, table 3-7, calls ill-formed. */
    CHECK_EQUAL(text_utf8_length("\xc3", 1), 0);
    CHECK_EQUAL(text_utf8_length("\x80", 1), 0);
    CHECK_EQUAL(text_utf8_length("\xc0\x80", 2), 0);
    CHECK_EQUAL(text_utf8_length("\xe0\x80\x80", 3), 0);
    CHECK_EQUAL(text_utf8_length("\xed\xa0\x80", 3), 0);
    CHECK_EQUAL(text_utf8_length("\xf0\x80\x80\x80", 4), 0);
    CHECK_EQUAL(text_utf8_length("\xf4\x90\x80\x80", 4), 0);
    CHECK_EQUAL(text_utf8_length("\xf5\x80\x80\x80", 4), 0);
    CHECK_EQUAL(text_utf8_length("", 0), 0);
}

static void test_printable(void) {
    static const char *const pairs[][2] = {
        {"", ""},
        {"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8C\xB3 C:\\n",
         "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x8C\xB3 C:\\n"},
        {"\033]0;owned\007", "\\x1B]0;owned\\x07"},
        {"a\r\n\tb\x7F", "a\\r\\n\\tb\\x7F"},
        {"\xC2\x9B"
         "31m \xC2\xA0",
         "\\xC2\\x9B"
         "31m \xC2\xA0"}, /* CSI in one character */
        {"\x9B"
         "31m \xC3",
         "\\x9B"
         "31m \\xC3"}, /* bytes that are no UTF-8 */
    };
    char out[64];
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct text t = {0};
        text_append_printable(&t, pairs[i][0]);
        CHECK_TEXT(text_string(&t), pairs[i][1]);
        text_release(&t);
        text_printable(out, sizeof out, pairs[i][0]);
        CHECK_TEXT(out, pairs[i][1]);
        text_append_printable(&t, out);
        CHECK_TEXT(text_string(&t), out);
        text_release(&t);
    }
    text_printable(out, 6, "abcd\xC3\xA9");
    CHECK_TEXT(out, "abcd");
    text_printable(out, 7, "abcd\xC3\xA9");
    CHECK_TEXT(out, "abcd\xC3\xA9");
    text_printable(out, 5, "ab\001");
    CHECK_TEXT(out, "ab");
    struct error e;
    fail(&e, STATUS_BAD_DATA, "key %s", "a\n2026 | INFO | b\033[2J");
    CHECK_TEXT(e.text, "key a\\n2026 | INFO | b\\x1B[2J");
    error_context(&e, "%s", "c\001.tar");
    CHECK_TEXT(e.text, "c\\x01.tar: key a\\n2026 | INFO | b\\x1B[2J");
}

int main(void) {
    test_building();
    test_nearest();
    test_utf8();
    test_printable();
    return check_report();
}
