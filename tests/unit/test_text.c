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

int main(void) {
    test_building();
    test_nearest();
    test_utf8();
    return check_report();
}
