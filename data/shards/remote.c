#include "data/shards/remote.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "data/shards/s3.h"
#include "pipeline/base/address.h"
#include "pipeline/base/clock.h"
#include "pipeline/base/log.h"
#include "pipeline/base/stop.h"

enum {
    TRIES = 5,
    REDIRECTS_MAX = 5,
    CONNECT_S = 20,
    SLOW_BYTES_PER_S = 1024,
    SLOW_S = 30,
    TOTAL_S = 4 * 3600,
    RETRY_AFTER_S_MAX = 60,
    PROGRESS_BYTES = 1 << 20, /* received bytes that make a failed try count as progress */
    BUFFER_BYTES = 1 << 18,
    SHOWN_MAX = 320,
    REASON_MAX = 320,
};

struct remote {
    CURL *curl;
    bool is_spoilt; /* a transfer failed: its handle is not used again */
    char message[CURL_ERROR_SIZE];
};

/* One download, through all its tries. */
struct transfer {
    struct remote *remote;
    const struct remote_request *request;
    char shown[SHOWN_MAX];
    struct s3_access s3;
    bool is_s3;
    struct file *file; /* one of the two receives the bytes */
    struct text *text;
    size_t limit;      /* of text */
    bool is_limited;   /* request->limit was asked, too */
    uint64_t received; /* in file or text */
    uint64_t total;    /* bytes of the whole file; 0: unknown */
    char etag[128], modified[64], content_type[64];
    double begin, deadline; /* seconds */

    /* State of the current try. */
    bool is_judged;     /* the answer was checked */
    bool is_good;       /* and its body is the file */
    enum status status; /* why the callback refused the body */
    struct error error;
    char body[512]; /* start of an error's body */
    size_t n_body;
};

static _Atomic uint64_t n_received;

uint64_t remote_received(void) {
    return n_received;
}

bool remote_is_url(const char *path) {
    return text_starts_with(path, "http://") || text_starts_with(path, "https://") ||
           text_starts_with(path, "s3://");
}

void remote_show(char *out, size_t n, const char *path) {
    address_show(out, n, path);
}

void remote_base_name(char *out, size_t n, const char *url) {
    const char *path = strstr(url, "://");
    path = path ? path + 3 : url;
    const bool is_s3 = text_starts_with(url, "s3://");
    const char *end = is_s3 ? path + strlen(path) : path + strcspn(path, "?#"), *base = end;
    while (base > path && base[-1] != '/') base--;
    size_t used = 0;
    for (; base < end && used + 1 < n; base++) {
        unsigned value;
        if (!is_s3 && *base == '%' && sscanf(base + 1, "%2x", &value) == 1 && end - base > 2 &&
            value >= ' ') {
            out[used++] = (char)value;
            base += 2;
        } else {
            out[used++] = *base;
        }
    }
    out[used] = '\0';
}

/* --- The handle --- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void start_library(void) {
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum status remote_open(struct remote **out, struct error *e) {
    struct remote *r = calloc(1, sizeof *r);
    *out = NULL;
    pthread_once(&once, start_library);
    if (r && !global_code) r->curl = curl_easy_init();
    if (!r || !r->curl) {
        free(r);
        return fail(e, STATUS_NO_MEMORY, "remote shards: cannot start libcurl");
    }
    *out = r;
    return STATUS_OK;
}

void remote_close(struct remote **r) {
    if (!*r) return;
    curl_easy_cleanup((*r)->curl);
    free(*r);
    *r = NULL;
}

/* --- Answers --- */

static const char *header_of(const struct transfer *t, const char *name) {
    struct curl_header *h;
    if (curl_easy_header(t->remote->curl, name, 0, CURLH_HEADER, -1, &h) != CURLHE_OK) return "";
    return h->value;
}

static void copy_header(char *out, size_t n, const struct transfer *t, const char *name) {
    snprintf(out, n, "%s", header_of(t, name));
}

static enum status refuse(struct transfer *t, enum status status, const char *what) {
    t->status = fail(&t->error, status, "%s", what);
    return status;
}

static bool is_too_long(const struct transfer *t, uint64_t bytes) {
    return !t->request->bytes && t->request->bytes_max && bytes > t->request->bytes_max;
}

static enum status refuse_size(struct transfer *t, const char *what) {
    char text[REASON_MAX];
    snprintf(text, sizeof text,
             "%s; the cache may have %" PRIu64 " bytes in all; check the address, or raise "
             "data.cache_bytes",
             what, t->request->bytes_max);
    return refuse(t, STATUS_REMOTE, text);
}

static enum status start_over(struct transfer *t) {
    t->received = 0;
    if (t->text) text_clear(t->text);
    return t->file ? file_empty(t->file, &t->error) : STATUS_OK;
}

/* A whole file, from its first byte. */
static enum status judge_whole(struct transfer *t) {
    char what[REASON_MAX];
    curl_off_t length = -1;
    if (t->received) t->status = start_over(t);
    if (t->status != STATUS_OK) return t->status;
    curl_easy_getinfo(t->remote->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->total = t->request->bytes;
    if (length < 0) return STATUS_OK;
    if (t->request->bytes && (uint64_t)length != t->request->bytes) {
        snprintf(what, sizeof what,
                 "has %" PRId64 " bytes on the server; expected %" PRIu64
                 " as its index says; it was changed, or this is not it (%s)",
                 (int64_t)length, t->request->bytes, t->content_type);
        return refuse(t, STATUS_REMOTE, what);
    }
    t->total = (uint64_t)length;
    if (!is_too_long(t, t->total)) return STATUS_OK;
    snprintf(what, sizeof what, "has %" PRIu64 " bytes on the server", t->total);
    return refuse_size(t, what);
}

/* Whether the header is the same as in the first answer, if it had one. */
static bool is_same(const struct transfer *t, const char *name, const char *before) {
    return !before[0] || strcmp(header_of(t, name), before) == 0;
}

/* Accepts the rest of a file. END: the file has changed, so start over. Without ETag and
 * Last-Modified only the length tells that a file was replaced. */
static enum status judge_rest(struct transfer *t) {
    uint64_t first = 0, last = 0, all = 0;
    const char *range = header_of(t, "content-range");
    const int n = sscanf(range, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &first, &last, &all);
    const bool has_length = n == 3 && t->total,
               fits = n >= 2 && first == t->received &&
                      (has_length ? all == t->total : t->etag[0] || t->modified[0]) &&
                      is_same(t, "etag", t->etag) && is_same(t, "last-modified", t->modified);
    if (fits) return STATUS_OK;
    t->status = start_over(t);
    if (t->status != STATUS_OK) return t->status;
    return refuse(t, STATUS_END, "the rest that the server sent is of another file");
}

static enum status judge(struct transfer *t) {
    long code = 0;
    enum status rc = STATUS_OK;
    t->is_judged = true;
    curl_easy_getinfo(t->remote->curl, CURLINFO_RESPONSE_CODE, &code);
    if (code != 200 && code != 206) return STATUS_OK;
    copy_header(t->content_type, sizeof t->content_type, t, "content-type");
    rc = code == 200 ? judge_whole(t) : judge_rest(t);
    copy_header(t->etag, sizeof t->etag, t, "etag");
    copy_header(t->modified, sizeof t->modified, t, "last-modified");
    t->is_good = rc == STATUS_OK;
    return rc;
}

static void append_limited(struct transfer *t, const char *bytes, size_t n) {
    static const char reason[] = "is too large to be what it should be";
    if (n > t->limit - t->text->n) {
        refuse(t, STATUS_BAD_DATA, reason);
        return;
    }
    text_append_bytes(t->text, bytes, n);
    t->status = text_check(t->text, &t->error);
    if (t->status != STATUS_OK || !t->request->limit || t->is_limited ||
        t->text->n < REMOTE_HEAD_BYTES)
        return;
    const size_t limit = t->request->limit(t->text->bytes, t->text->n);
    t->is_limited = true;
    if (limit < t->limit) t->limit = limit;
    if (t->text->n > t->limit) refuse(t, STATUS_BAD_DATA, reason);
}

static size_t take_bytes(char *bytes, size_t one, size_t n, void *context) {
    struct transfer *t = context;
    (void)one;
    if (!t->is_judged && judge(t) != STATUS_OK) return CURL_WRITEFUNC_ERROR;
    n_received += n;
    if (!t->is_good) {
        const size_t room = sizeof t->body - 1 - t->n_body, kept = n < room ? n : room;
        memcpy(t->body + t->n_body, bytes, kept);
        t->n_body += kept;
        return n;
    }
    if (t->total && n > t->total - t->received) {
        refuse(t, STATUS_REMOTE, "is longer than its index says; it was changed");
        return CURL_WRITEFUNC_ERROR;
    }
    if (is_too_long(t, t->received + n)) {
        refuse_size(t, "is too long, or does not end");
        return CURL_WRITEFUNC_ERROR;
    }
    if (t->text) {
        append_limited(t, bytes, n);
    } else {
        t->status = file_write(t->file, bytes, n, &t->error);
    }
    if (t->status != STATUS_OK) return CURL_WRITEFUNC_ERROR;
    t->received += n;
    return n;
}

static bool is_cancelled(const struct transfer *t) {
    return stop_is_requested() || (t->request->cancel && *t->request->cancel);
}

static int look_up(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
    (void)a, (void)b, (void)c, (void)d;
    return is_cancelled(context);
}

/* --- One try --- */

static CURLcode set_options(struct transfer *t, struct curl_slist **headers) {
    CURL *c = t->remote->curl;
    const struct remote_patience *p = &t->request->patience;
    const double left = t->deadline - clock_seconds();
    const char *trusted = getenv("SSL_CERT_FILE");
    const char *url = t->is_s3 ? t->s3.url : t->request->url;
    CURLcode code = CURLE_OK;
    char word[8300];
    curl_easy_reset(c);
#define SET(option, value)                                                                         \
    if (!code) code = curl_easy_setopt(c, option, value)
    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, "sapwood/" SAPWOOD_VERSION);
    SET(CURLOPT_ERRORBUFFER, t->remote->message);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, text_starts_with(url, "https:") ? "https" : "http,https");
    SET(CURLOPT_FOLLOWLOCATION, t->is_s3 ? 0L : 1L);
    SET(CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES_PER_S);
    SET(CURLOPT_LOW_SPEED_TIME, (long)(p->slow_s > 0 ? p->slow_s : SLOW_S));
    SET(CURLOPT_TIMEOUT_MS, (long)(left > 0.001 ? left * 1e3 : 1));
    SET(CURLOPT_BUFFERSIZE, (long)BUFFER_BYTES);
    SET(CURLOPT_WRITEFUNCTION, take_bytes);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look_up);
    SET(CURLOPT_XFERINFODATA, t);
    if (trusted && *trusted) SET(CURLOPT_CAINFO, trusted);
    if (t->received) {
        snprintf(word, sizeof word, "%" PRIu64 "-", t->received);
        SET(CURLOPT_RANGE, word);
    }
    if (t->is_s3 && t->s3.is_signed) {
        snprintf(word, sizeof word, "aws:amz:%s:s3", t->s3.region);
        SET(CURLOPT_AWS_SIGV4, word);
        SET(CURLOPT_USERNAME, t->s3.key);
        SET(CURLOPT_PASSWORD, t->s3.secret);
        /* S3 requires the SHA-256 of the request's body, which is empty. */
        *headers = curl_slist_append(NULL, "x-amz-content-sha256: "
                                           "e3b0c44298fc1c149afbf4c8996fb924"
                                           "27ae41e4649b934ca495991b7852b855");
        if (*headers && t->s3.token[0]) {
            snprintf(word, sizeof word, "X-Amz-Security-Token: %s", t->s3.token);
            struct curl_slist *both = curl_slist_append(*headers, word);
            explicit_bzero(word, sizeof word);
            if (!both) code = CURLE_OUT_OF_MEMORY;
        }
        if (!*headers) code = CURLE_OUT_OF_MEMORY;
        SET(CURLOPT_HTTPHEADER, *headers);
    }
#undef SET
    return code;
}

/* Finds S3's code for the reason, for a message: ", NoSuchKey", or "". */
static void find_code(const struct transfer *t, char out[64]) {
    const char *at = strstr(t->body, "<Code>");
    if (at) at += strlen("<Code>");
    const size_t n = at ? strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") : 0;
    snprintf(out, 64, "%s%.*s", n ? ", " : "", (int)(n < 40 ? n : 40), n ? at : "");
}

/* True when the server refuses the credentials. S3 answers 400 for expired temporary credentials
 * and for a wrong region. */
static bool is_refusal(const struct transfer *t, long code, const char *why) {
    return code == 401 || code == 403 ||
           (code == 400 && t->is_s3 && (strstr(why, "Token") || strstr(why, "Authorization")));
}

/* Judges an answer without a file. END: worth another try. */
static enum status judge_answer(struct transfer *t, long code, struct error *e) {
    char why[64];
    find_code(t, why);
    if (is_refusal(t, code, why))
        return fail(e, t->request->may_be_absent ? STATUS_NOT_FOUND : STATUS_REMOTE,
                    "%s: refused (HTTP %ld%s); %s", t->shown, code, why,
                    !t->is_s3 ? "check the address; one that was signed may have expired"
                    : t->s3.is_signed
                        ? "check the credentials, AWS_REGION and what they may read"
                        : "no credentials found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
                          "or write ~/.aws/credentials");
    switch (code) {
    case 404:
    case 410:
        return fail(e, STATUS_NOT_FOUND,
                    "%s: not there (HTTP %ld%s); check the address and the braces", t->shown, code,
                    why);
    case 301:
    case 302:
    case 307:
    case 308:
        if (!t->is_s3) break;
        return fail(e, STATUS_REMOTE,
                    "%s: the bucket is elsewhere (HTTP %ld, region %.40s); set AWS_REGION",
                    t->shown, code, header_of(t, "x-amz-bucket-region"));
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return fail(e, STATUS_END, "the server answers HTTP %ld%s", code, why);
    case 416:
        if (!t->received) break;
        if (start_over(t) != STATUS_OK) {
            if (e) *e = t->error;
            return t->error.status;
        }
        return fail(e, STATUS_END, "the server has fewer bytes than it sent before");
    default:
        break;
    }
    return fail(e, STATUS_REMOTE,
                "%s: expected a file, found an answer HTTP %ld%s; check the address", t->shown,
                code, why);
}

/* Judges a failure below HTTP. END: worth another try. */
static enum status judge_trouble(struct transfer *t, CURLcode code, struct error *e) {
    const char *text = t->remote->message[0] ? t->remote->message : curl_easy_strerror(code);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        return fail(e, STATUS_REMOTE,
                    "%s: the server's certificate is not trusted (%.200s); have it signed by an "
                    "authority that this system trusts, or name the authority's file in "
                    "SSL_CERT_FILE",
                    t->shown, text);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return fail(e, STATUS_REMOTE,
                    "%s: address not understood, or redirected to one that is not http(s) (%.200s)",
                    t->shown, text);
    case CURLE_TOO_MANY_REDIRECTS:
        return fail(e, STATUS_REMOTE, "%s: redirected more than %d "
                                      "times; check the address", t->shown,
                    REDIRECTS_MAX);
    case CURLE_OUT_OF_MEMORY:
        return fail(e, STATUS_NO_MEMORY, "%s: no memory for a download", t->shown);
    default:
        return fail(e, STATUS_END, "%.280s", text);
    }
}

/* After a failed transfer libcurl 7.88 answers some later ones with "bad argument". */
static CURLcode renew_handle(struct remote *r) {
    if (!r->is_spoilt) return CURLE_OK;
    curl_easy_cleanup(r->curl);
    r->curl = curl_easy_init();
    return r->curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* END: failed, worth another try; e has the reason. */
static enum status try_once(struct transfer *t, struct error *e) {
    struct curl_slist *headers = NULL;
    long code = 0;
    t->is_judged = t->is_good = false;
    t->status = STATUS_OK;
    t->n_body = 0;
    t->remote->message[0] = '\0';
    if (t->is_s3) {
        const enum status rc = s3_resolve(&t->s3, t->request->url, e);
        if (rc != STATUS_OK) return rc;
    }
    CURLcode trouble = renew_handle(t->remote);
    if (!trouble) trouble = set_options(t, &headers);
    if (!trouble) trouble = curl_easy_perform(t->remote->curl);
    curl_slist_free_all(headers);
    t->body[t->n_body] = '\0';
    t->remote->is_spoilt = trouble != CURLE_OK;
    if (!trouble && !t->is_judged && judge(t) != STATUS_OK) trouble = CURLE_WRITE_ERROR;
    if (t->status == STATUS_END || t->status == STATUS_REMOTE)
        return fail(e, t->status, t->status == STATUS_END ? "%s%s" : "%s: %s",
                    t->status == STATUS_END ? "" : t->shown, t->error.text);
    if (t->status != STATUS_OK) {
        if (e) *e = t->error;
        return t->status;
    }
    if (trouble == CURLE_ABORTED_BY_CALLBACK)
        return fail(e, STATUS_STOPPED, "%s: stopped before its end; run the same command again",
                    t->shown);
    curl_easy_getinfo(t->remote->curl, CURLINFO_RESPONSE_CODE, &code);
    if (trouble) return judge_trouble(t, trouble, e);
    if (!t->is_good) return judge_answer(t, code, e);
    if (t->total && t->received < t->total)
        return fail(e, STATUS_END, "ended after %" PRIu64 " of %" PRIu64 " bytes", t->received,
                    t->total);
    return STATUS_OK;
}

/* --- All tries --- */

static enum status wait_before(struct transfer *t, double s, struct error *e) {
    const double end = clock_seconds() + s;
    while (clock_seconds() < end) {
        if (is_cancelled(t))
            return fail(e, STATUS_STOPPED, "%s: stopped before its end; run the same command again",
                        t->shown);
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    }
    return STATUS_OK;
}

/* Adds up to a quarter, so that many runs do not retry at the same moment. */
static double with_jitter(double s) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return s * (1 + (double)(t.tv_nsec / 1000 % 1000) / 4000);
}

static double pause_of(const struct transfer *t, int failures) {
    curl_off_t asked = 0;
    const double first = t->request->patience.first_wait_s;
    if (!t->remote->is_spoilt) curl_easy_getinfo(t->remote->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > 0) return asked < RETRY_AFTER_S_MAX ? (double)asked : RETRY_AFTER_S_MAX;
    return with_jitter((first > 0 ? first : 0.5) * (double)(1 << (failures - 1)));
}

static enum status transfer_run(struct transfer *t, struct error *e) {
    const struct remote_patience *p = &t->request->patience;
    const int tries = p->tries ? p->tries : TRIES;
    uint64_t reached = 0;
    int failures = 0;
    t->begin = clock_seconds();
    t->deadline = t->begin + (p->total_s > 0 ? p->total_s : TOTAL_S);
    remote_show(t->shown, sizeof t->shown, t->request->url);
    t->is_s3 = text_starts_with(t->request->url, "s3://");
    if (strstr(t->shown, "://...@"))
        return fail(e, STATUS_BAD_ARG,
                    "%s: user and password in an address are not used; give one without them",
                    t->shown);
    for (;;) {
        struct error why = {0};
        enum status rc = is_cancelled(t) ? wait_before(t, 1, &why) : try_once(t, &why);
        s3_forget(&t->s3);
        if (rc != STATUS_END) {
            if (rc != STATUS_OK && e) *e = why;
            return rc;
        }
        failures = t->received >= reached + PROGRESS_BYTES ? 1 : failures + 1;
        if (t->received > reached) reached = t->received;
        const double pause = pause_of(t, failures);
        if (failures >= tries || clock_seconds() + pause >= t->deadline)
            return fail(e, STATUS_REMOTE,
                        "%s: %.300s; tried %d times in a row, %.0f s; check the "
                        "server and the network, then run the same command again",
                        t->shown, why.text, failures, clock_seconds() - t->begin);
        log_warning("%s: %s; try %d of %d in %.1f s", t->shown, why.text, failures + 1, tries,
                    pause);
        rc = wait_before(t, pause, e);
        if (rc != STATUS_OK) return rc;
    }
}

enum status remote_download(struct remote *r, const struct remote_request *request, struct file *to,
                            char content_type[64], struct error *e) {
    struct transfer t = {.remote = r, .request = request, .file = to};
    const enum status rc = transfer_run(&t, e);
    memcpy(content_type, t.content_type, sizeof t.content_type);
    return rc;
}

enum status remote_read(struct remote *r, const struct remote_request *request, struct text *to,
                        size_t limit, struct error *e) {
    struct transfer t = {.remote = r, .request = request, .text = to, .limit = limit};
    text_clear(to);
    return transfer_run(&t, e);
}
