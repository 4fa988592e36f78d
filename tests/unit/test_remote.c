/* Downloads from a server with every fault: the bytes come whole, or an error in bounded time. */
#include "data/shards/remote.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"
#include "tests/check.h"
#include "tests/fixture.h"
#include "tests/http_server.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZE = 50000 };
static int port, tries = 3;
static uint8_t bytes[SIZE];
static const char *folder;
static struct remote *remote;
static char content_type[64];

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Downloads and compares: OK means that the bytes are those of the server. */
static enum status get_url(const char *url, uint64_t size, struct error *e) {
    const char *path = fixture_path(folder, "copy");
    const struct remote_request request = {
        .url = url,
        .bytes = size,
        .patience = {.tries = tries, .first_wait_s = 0.05, .slow_s = 1, .total_s = 20},
    };
    struct file *file = NULL;
    struct error ignored;
    char *copy = NULL;
    size_t n = 0;
    *e = (struct error){0};
    file_remove(path, &ignored);
    CHECK_EQUAL(file_create(&file, path, e), STATUS_OK);
    const enum status rc = remote_download(remote, &request, file, content_type, e);
    file_close(&file, &ignored);
    if (rc != STATUS_OK) return rc;
    CHECK_EQUAL(file_read_all(&copy, &n, path, 1 << 20, e), STATUS_OK);
    CHECK_EQUAL(n, SIZE);
    CHECK_TRUE(n == SIZE && memcmp(copy, bytes, n) == 0);
    free(copy);
    return rc;
}

static enum status get(const char *fault, uint64_t size, struct error *e) {
    return get_url(http_server_url(port, fault, "data"), size, e);
}

/* Lines of the log with this fault. */
static int requests(const char *fault) {
    char *log, word[64];
    size_t n;
    int found = 0;
    if (file_read_all(&log, &n, fixture_path(folder, "log"), 1 << 20, NULL) != STATUS_OK) return 0;
    snprintf(word, sizeof word, "%s data ", fault);
    for (const char *at = log; (at = strstr(at, word)); at++) found++;
    free(log);
    return found;
}

static void test_whole(void) {
    struct error e;
    CHECK_EQUAL(get("plain", 0, &e), STATUS_OK);
    CHECK_EQUAL(get("plain", SIZE, &e), STATUS_OK);
    CHECK_TEXT(content_type, "application/x-tar");
    CHECK_EQUAL(get("nolength", 0, &e), STATUS_OK);
    CHECK_EQUAL(get("nolength", SIZE, &e), STATUS_OK);
    CHECK_EQUAL(get("redirect", SIZE, &e), STATUS_OK);
}

/* Trouble that passes. */
static void test_again(void) {
    static const struct {
        const char *fault;
        int requests;
    } cases[] = {
        {"once-busy", 2},    {"once-many", 2},  {"once-broken", 2}, {"once-cut", 2},
        {"once-norange", 2}, {"once-stall", 2}, {"once-drip", 2},   {"once-changed", 3},
        {"dated", 2},        {"bare", 2},  /* the rest is of the same file as far as it tells */
        {"replaced", 3},     {"grown", 3}, /* it is of another one */
    };
    struct error e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double begin = seconds();
        if (!CHECK_EQUAL(get(cases[i].fault, 0, &e), STATUS_OK))
            fprintf(stderr, "    %s: %s\n", cases[i].fault, e.text);
        CHECK_EQUAL(requests(cases[i].fault), cases[i].requests);
        CHECK_TRUE(seconds() - begin < 5);
        if (i == 0) CHECK_TRUE(seconds() - begin >= 1); /* Retry-After */
    }
    /* A known size finds what the server does not tell. */
    CHECK_EQUAL(get("once-early", SIZE, &e), STATUS_OK);
    CHECK_EQUAL(requests("once-early"), 2);
    /* The second request of a cut file asks for the rest. */
    char *log;
    size_t n;
    CHECK_EQUAL(file_read_all(&log, &n, fixture_path(folder, "log"), 1 << 20, &e), STATUS_OK);
    CHECK_TRUE(strstr(log, "once-cut data bytes=25000- 206"));
    free(log);
}

/* Trouble that stays. */
static void test_failures(void) {
    static const struct {
        const char *fault;
        uint64_t size;
        enum status status;
        const char *text;
        int requests;
    } cases[] = {
        {"forbidden", 0, STATUS_REMOTE, "refused (HTTP 403, AccessDenied)", 1},
        {"key", 0, STATUS_REMOTE, "refused (HTTP 403)", 1},
        {"loop", 0, STATUS_REMOTE, "redirected more than 5 times", 6},
        {"elsewhere", 0, STATUS_REMOTE, "not http(s)", 1},
        {"html", SIZE, STATUS_REMOTE, "has 2600 bytes on the server; expected 50000", 1},
        {"empty", SIZE, STATUS_REMOTE, "has 0 bytes", 1},
        {"plain", SIZE - 1, STATUS_REMOTE, "expected 49999", -1},
        {"nolength", SIZE - 1, STATUS_REMOTE, "is longer than its index says", -1},
        {"early", SIZE, STATUS_REMOTE, "ended after 25000 of 50000 bytes; tried 3 times", 3},
        {"norange", 0, STATUS_REMOTE, "tried 3 times", 3},
        {"broken", 0, STATUS_REMOTE, "HTTP 500; tried 3 times", 3},
        {"busy", 0, STATUS_REMOTE, "HTTP 503", 3},
        {"stall", 0, STATUS_REMOTE, "tried 3 times", 3},
        {"drip", 0, STATUS_REMOTE, "tried 3 times", 3},
    };
    struct error e;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int before = requests(cases[i].fault);
        const double begin = seconds();
        if (!CHECK_EQUAL(get(cases[i].fault, cases[i].size, &e), cases[i].status) ||
            !CHECK_TRUE(strstr(e.text, cases[i].text)))
            fprintf(stderr, "    %s: %s\n", cases[i].fault, e.text);
        if (cases[i].requests >= 0)
            CHECK_EQUAL(requests(cases[i].fault) - before, cases[i].requests);
        CHECK_TRUE(seconds() - begin < 15);
        CHECK_EQUAL(status_exit_code(e.status), 3);
    }
    CHECK_EQUAL(get_url(http_server_url(port, "plain", "none"), 0, &e), STATUS_NOT_FOUND);
    CHECK_TRUE(strstr(e.text, "not there (HTTP 404)"));
    CHECK_EQUAL(get_url("http://127.0.0.1:1/plain/data", 0, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "tried 3 times"));
    tries = 0; /* the default */
    CHECK_EQUAL(get("broken", 0, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "tried 5 times"));
    /* What came before a failure does not count as progress of the tries after it. */
    const char *large = fixture_path(folder, "large"), *at = fixture_path(folder, "copy");
    char *zeros = calloc(3, 1 << 20);
    struct file *file = NULL;
    CHECK(zeros);
    fixture_write(large, zeros, 3 << 20);
    free(zeros);
    const struct remote_request lost = {
        .url = http_server_url(port, "lost", "large"),
        .patience = {.tries = 3, .first_wait_s = 0.05, .slow_s = 1, .total_s = 20}};
    CHECK_EQUAL(file_remove(at, &e), STATUS_OK);
    CHECK_EQUAL(file_create(&file, at, &e), STATUS_OK);
    CHECK_EQUAL(remote_download(remote, &lost, file, content_type, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "tried 3 times"));
    file_destroy(&file);
    /* All tries together have an end too. */
    const struct remote_request request = {.url = http_server_url(port, "busy", "data"),
                                           .patience = {.tries = 100, .total_s = 2}};
    struct text text = {0};
    const double begin = seconds();
    CHECK_EQUAL(remote_read(remote, &request, &text, SIZE, &e), STATUS_REMOTE);
    CHECK_TRUE(seconds() - begin < 4);
    text_release(&text);
}

static size_t said;
static size_t said_limit(const void *first, size_t n) {
    CHECK_TRUE(n >= REMOTE_HEAD_BYTES && memcmp(first, bytes, REMOTE_HEAD_BYTES) == 0);
    return said;
}

/* What nobody knows the size of is given up where it may not go on. */
static void test_endless(void) {
    static const char *const faults[] = {"endless", "nolength", "boasting"};
    for (int i = 0; i < 3; i++) {
        const char *path = fixture_path(folder, "endless");
        const struct remote_request request = {.url = http_server_url(port, faults[i], "data"),
                                               .bytes_max = SIZE - 1,
                                               .patience = {.tries = 2, .first_wait_s = 0.05}};
        struct file *file = NULL;
        struct error e = {0};
        uint64_t size = 0;
        const int before = requests(faults[i]);
        CHECK_EQUAL(file_create(&file, path, &e), STATUS_OK);
        CHECK_EQUAL(remote_download(remote, &request, file, content_type, &e), STATUS_REMOTE);
        if (!CHECK_TRUE(strstr(e.text, "raise data.cache_bytes")))
            fprintf(stderr, "    %s\n", e.text);
        CHECK_EQUAL(file_size(file, &size, &e), STATUS_OK);
        CHECK_TRUE(size < SIZE);
        CHECK_EQUAL(requests(faults[i]) - before, 1);
        file_destroy(&file);
        CHECK_EQUAL(file_remove(path, &e), STATUS_OK);
    }
}

static void test_memory(void) {
    struct error e = {0};
    struct text text = {0};
    struct remote_request request = {.url = http_server_url(port, "plain", "data")};
    CHECK_EQUAL(remote_read(remote, &request, &text, SIZE, &e), STATUS_OK);
    CHECK_TRUE(text.n == SIZE && memcmp(text.bytes, bytes, SIZE) == 0);
    CHECK_EQUAL(remote_read(remote, &request, &text, SIZE - 1, &e), STATUS_BAD_DATA);
    CHECK_TRUE(strstr(e.text, "too large"));
    /* The first bytes may say less than the caller allows. */
    said = SIZE;
    request.limit = said_limit;
    CHECK_EQUAL(remote_read(remote, &request, &text, 2 * SIZE, &e), STATUS_OK);
    said = SIZE - 1;
    CHECK_EQUAL(remote_read(remote, &request, &text, 2 * SIZE, &e), STATUS_BAD_DATA);
    text_release(&text);
}

static void test_secrets(void) {
    struct error e;
    char url[300], shown[300];
    snprintf(url, sizeof url, "%s?signature=open-sesame", http_server_url(port, "key", "data"));
    CHECK_EQUAL(get_url(url, SIZE, &e), STATUS_OK);
    snprintf(url, sizeof url, "%s?signature=guessed-word", http_server_url(port, "key", "data"));
    CHECK_EQUAL(get_url(url, SIZE, &e), STATUS_REMOTE);
    CHECK_TRUE(strstr(e.text, "/key/data?..."));
    CHECK_TRUE(!strstr(e.text, "guessed-word"));
    CHECK_EQUAL(get_url("https://ann:pass@127.0.0.1/x.tar", 0, &e), STATUS_BAD_ARG);
    CHECK_TRUE(!strstr(e.text, "pass@") && !strstr(e.text, "ann"));
    static const char *const cases[][2] = {
        {"https://h/a/b.tar?X-Amz-Signature=1", "https://h/a/b.tar?..."},
        {"https://h/a/b.tar#part", "https://h/a/b.tar?..."},
        {"https://h/a/b.tar", "https://h/a/b.tar"},
        {"https://h:8080/a@b.tar?x@y", "https://h:8080/a@b.tar?..."},
        {"https://u:p@h/a@b.tar?x", "https://...@b.tar?..."},
        {"HTTP://u:p@h/a?x", "HTTP://...@h/a?..."},
        {"http://u:p/q@h/a", "http://...@h/a"},
        {"http://u:p?q@h/a", "http://...@..."},
        {"http://u:p/q", "http://..."},
        {"http://[::1]:80/a?x", "http://[::1]:80/a?..."},
        {"a.tar::http://h/a?x y::http://u:p@h/b", "a.tar::http://h/a?...::http://...@h/b"},
        {"https://u:p@q@h/a", "https://...@h/a"},
        {"s3://bucket/a.tar", "s3://bucket/a.tar"},
        {"/home/me/what?.tar", "/home/me/what?.tar"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        remote_show(shown, sizeof shown, cases[i][0]);
        CHECK_TEXT(shown, cases[i][1]);
    }
    remote_show(shown, 12, "https://u:p@h/a");
    CHECK_TEXT(shown, "https://...");
    /* Any error, whoever makes it; also one that had been shown before. */
    fail(&e, STATUS_REMOTE, "%s: not there; found '%s', %s", "http://h/a?x", "s3://u:p@h/b",
         "http://h:80/c#d, http://");
    error_context(&e, "--set a=%s", "HTTP://u:p/q@h/d?e");
    CHECK_TEXT(e.text, "--set a=HTTP://...@h/d?...: http://h/a?...: not there; found "
                       "'s3://...@h/b', http://h:80/c?..., http://");
}

static void *stop_soon(void *argument) {
    nanosleep(&(struct timespec){.tv_nsec = 300000000}, NULL);
    if (argument)
        *(atomic_bool *)argument = true;
    else
        stop_request();
    return NULL;
}

static void test_stop(void) {
    struct error e = {0};
    struct text text = {0};
    pthread_t thread;
    atomic_bool cancel = false;
    for (int way = 0; way < 2; way++) {
        const struct remote_request request = {.url = http_server_url(port, "stall", "data"),
                                               .cancel = way ? &cancel : NULL};
        const double begin = seconds();
        pthread_create(&thread, NULL, stop_soon, way ? &cancel : NULL);
        CHECK_EQUAL(remote_read(remote, &request, &text, SIZE, &e), STATUS_STOPPED);
        CHECK_TRUE(seconds() - begin < 2);
        pthread_join(thread, NULL);
        stop_clear();
    }
    text_release(&text);
}

static void test_certificate(void) {
    struct error e;
    char command[600], url[64];
    const char *key = fixture_path(folder, "key.pem"), *certificate = fixture_path(folder, "c.pem");
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext "
             "subjectAltName=IP:127.0.0.1 -keyout %s -out %s 2>&1 | tail -n 1",
             key, certificate);
    CHECK_EQUAL(system(command), 0);
    const int secure = http_server_start(folder, fixture_path(folder, "log"), certificate, key);
    CHECK_TRUE(secure > 0);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/plain/data", secure);
    CHECK_EQUAL(get_url(url, SIZE, &e), STATUS_REMOTE);
    if (!CHECK_TRUE(strstr(e.text, "certificate is not trusted") &&
                    strstr(e.text, "SSL_CERT_FILE")))
        fprintf(stderr, "    %s\n", e.text);
    setenv("SSL_CERT_FILE", certificate, 1);
    CHECK_EQUAL(get_url(url, SIZE, &e), STATUS_OK);
    /* Sent on: never from https to http, where anyone on the way could change the bytes. */
    const char *const plain = http_server_url(port, "plain", "data");
    char onward[300];
    snprintf(onward, sizeof onward, "https://127.0.0.1:%d/onward/data?%s", secure, plain);
    CHECK_EQUAL(get_url(onward, SIZE, &e), STATUS_REMOTE);
    if (!CHECK_TRUE(strstr(e.text, "not http(s)"))) fprintf(stderr, "    %s\n", e.text);
    snprintf(onward, sizeof onward, "https://127.0.0.1:%d/onward/data?%s", secure, url);
    CHECK_EQUAL(get_url(onward, SIZE, &e), STATUS_OK);
    snprintf(onward, sizeof onward, "%s?%s", http_server_url(port, "onward", "data"), url);
    CHECK_EQUAL(get_url(onward, SIZE, &e), STATUS_OK);
    snprintf(onward, sizeof onward, "%s?%s", http_server_url(port, "onward", "data"), plain);
    CHECK_EQUAL(get_url(onward, SIZE, &e), STATUS_OK);
    unsetenv("SSL_CERT_FILE");
}

int main(void) {
    struct error e;
    unsetenv("http_proxy");
    unsetenv("https_proxy");
    unsetenv("all_proxy");
    log_set_level(LOG_ERROR);
    folder = fixture_folder();
    for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 7 + i / 256);
    fixture_write(fixture_path(folder, "data"), bytes, SIZE);
    port = http_server_start(folder, fixture_path(folder, "log"), NULL, NULL);
    if (!port) {
        printf("skipped: no python3\n");
        return 77;
    }
    CHECK_EQUAL(remote_open(&remote, &e), STATUS_OK);
    test_whole();
    test_again();
    test_failures();
    test_endless();
    test_memory();
    test_secrets();
    test_stop();
    test_certificate();
    remote_close(&remote);
    return check_report();
}
