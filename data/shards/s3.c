#include "data/shards/s3.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/text.h"

enum { CREDENTIALS_BYTES_MAX = 1 << 20 };

static const char *environment(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

/* Copies a value that may be secret. Messages give its name, never its text. */
static enum status keep(char *out, size_t n, const char *value, const char *name, struct error *e) {
    const size_t length = strlen(value);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)value[i] <= ' ' || (unsigned char)value[i] > '~')
            return fail(e, STATUS_BAD_ARG,
                        "%s has a space or a control character in it; expected one word", name);
    if (length >= n)
        return fail(e, STATUS_BAD_ARG, "%s has %zu characters; expected at most %zu", name, length,
                    n - 1);
    memcpy(out, value, length + 1);
    return STATUS_OK;
}

static char *trim(char *s) {
    while (*s == ' ' || *s == '\t') s++;
    size_t n = strlen(s);
    while (n && strchr(" \t\r", s[n - 1])) s[--n] = '\0';
    return s;
}

/* One line of the profile. */
static enum status take_line(struct s3_access *a, char *line, struct error *e) {
    char *equals = strchr(line, '=');
    if (!equals) return STATUS_OK;
    *equals = '\0';
    const char *name = trim(line), *value = trim(equals + 1);
    if (strcmp(name, "aws_access_key_id") == 0) return keep(a->key, sizeof a->key, value, name, e);
    if (strcmp(name, "aws_secret_access_key") == 0)
        return keep(a->secret, sizeof a->secret, value, name, e);
    if (strcmp(name, "aws_session_token") == 0)
        return keep(a->token, sizeof a->token, value, name, e);
    return STATUS_OK;
}

static enum status read_file(struct s3_access *a, struct error *e) {
    enum status rc = STATUS_OK;
    const char *profile = environment("AWS_PROFILE"), *home = environment("HOME");
    const char *file = environment("AWS_SHARED_CREDENTIALS_FILE");
    char path[FILE_PATH_MAX], *bytes = NULL;
    size_t n = 0;
    bool inside = false, found = false;
    if (file)
        snprintf(path, sizeof path, "%s", file);
    else if (home)
        TRY(file_join(path, home, ".aws/credentials", e));
    else
        goto done;
    rc = file_read_all(&bytes, &n, path, CREDENTIALS_BYTES_MAX, e);
    if (rc == STATUS_NOT_FOUND && !file && !profile) rc = STATUS_OK; /* the file is optional */
    if (rc == STATUS_NOT_FOUND) rc = STATUS_BAD_ARG;
    if (rc != STATUS_OK) goto done;
    for (char *line = bytes, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next) *next++ = '\0';
        line = trim(line);
        if (*line == '[') {
            char *end = strchr(line, ']');
            if (end) *end = '\0';
            inside = strcmp(trim(line + 1), profile ? profile : "default") == 0;
            found = found || inside;
        } else if (inside && *line != '#' && *line != ';') {
            TRY(take_line(a, line, e));
        }
    }
    if (!found && profile)
        rc = fail(e, STATUS_BAD_ARG, "%.300s: no profile %.100s, which AWS_PROFILE names", path,
                  profile);
done:
    if (bytes) explicit_bzero(bytes, n);
    free(bytes);
    return rc;
}

static enum status find_credentials(struct s3_access *a, struct error *e) {
    enum status rc = STATUS_OK;
    const char *key = environment("AWS_ACCESS_KEY_ID");
    const char *secret = environment("AWS_SECRET_ACCESS_KEY");
    const char *token = environment("AWS_SESSION_TOKEN");
    if (key || secret) {
        if (key) TRY(keep(a->key, sizeof a->key, key, "AWS_ACCESS_KEY_ID", e));
        if (secret) TRY(keep(a->secret, sizeof a->secret, secret, "AWS_SECRET_ACCESS_KEY", e));
        if (token) TRY(keep(a->token, sizeof a->token, token, "AWS_SESSION_TOKEN", e));
    } else {
        TRY(read_file(a, e));
    }
    if (!a->key[0] != !a->secret[0])
        rc = fail(e, STATUS_BAD_ARG,
                  "S3 credentials: %s is set and %s is not; expected both, or none for a public "
                  "bucket",
                  a->key[0] ? "the access key id" : "the secret access key",
                  a->key[0] ? "the secret access key" : "the access key id");
    a->is_signed = a->key[0] != '\0';
done:
    return rc;
}

static enum status make_url(struct s3_access *a, const char *url, struct error *e) {
    const char *bucket = url + strlen("s3://"), *key = strchr(bucket, '/');
    const char *endpoint = environment("AWS_ENDPOINT_URL_S3");
    struct text t = {0};
    if (!endpoint) endpoint = environment("AWS_ENDPOINT_URL");
    if (!key || key == bucket || !key[1])
        return fail(e, STATUS_BAD_ARG, "%.300s: expected s3://bucket/key", url);
    const int n = (int)(key - bucket);
    if (strspn(bucket, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") <
        (size_t)n)
        return fail(e, STATUS_BAD_ARG,
                    "%.300s: not a name of a bucket; expected letters, digits, dots and dashes",
                    url);
    if (endpoint) {
        if (!text_starts_with(endpoint, "http://") && !text_starts_with(endpoint, "https://"))
            return fail(e, STATUS_BAD_ARG, "AWS_ENDPOINT_URL: expected http://... or https://...");
        const size_t length = strlen(endpoint);
        text_append_bytes(&t, endpoint, endpoint[length - 1] == '/' ? length - 1 : length);
        text_printf(&t, "/%.*s", n, bucket);
    } else if (memchr(bucket, '.', (size_t)n)) { /* certificates do not cover buckets with dots */
        text_printf(&t, "https://s3.%s.amazonaws.com/%.*s", a->region, n, bucket);
    } else {
        text_printf(&t, "https://%.*s.s3.%s.amazonaws.com", n, bucket, a->region);
    }
    /* Encode as the signature requires: letters, digits and -._~/ stay. */
    for (const char *p = key; *p; p++) {
        const unsigned char c = (unsigned char)*p;
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || strchr("-._~/", c);
        if (plain)
            text_append_char(&t, *p);
        else
            text_printf(&t, "%%%02X", c);
    }
    enum status rc = text_check(&t, e);
    if (rc == STATUS_OK && t.n >= sizeof a->url)
        rc = fail(e, STATUS_BAD_ARG, "%.300s: the address is too long", url);
    if (rc == STATUS_OK) memcpy(a->url, t.bytes, t.n + 1);
    text_release(&t);
    return rc;
}

enum status s3_resolve(struct s3_access *out, const char *url, struct error *e) {
    enum status rc = STATUS_OK;
    const char *region = environment("AWS_REGION");
    *out = (struct s3_access){0};
    CHECK(text_starts_with(url, "s3://"));
    if (!region) region = environment("AWS_DEFAULT_REGION");
    if (!region) region = "us-east-1";
    TRY(keep(out->region, sizeof out->region, region, "AWS_REGION", e));
    TRY(make_url(out, url, e));
    TRY(find_credentials(out, e));
done:
    if (rc != STATUS_OK) s3_forget(out);
    return rc;
}

void s3_forget(struct s3_access *a) {
    explicit_bzero(a->key, sizeof a->key);
    explicit_bzero(a->secret, sizeof a->secret);
    explicit_bzero(a->token, sizeof a->token);
}
