/* remote: files on HTTP(S) and S3 servers. The only user of libcurl.
 *
 * Nothing here waits without a deadline: connecting takes at most 20 s, a transfer below 1 KiB/s
 * for 30 s is given up, all tries together end after four hours. What may pass (no answer, early
 * end, 408, 429, 500, 502, 503, 504) is tried again up to five times in a row, from the byte that
 * was reached if the server can and ETag, Last-Modified and length are as before, after 0.5, 1, 2,
 * 4 s or what Retry-After says (at most a minute); a try that brought a MiB more starts the count
 * anew. What will not pass (403, 404, a certificate that is not trusted) fails at once. Redirects:
 * up to five, for http(s) addresses, never from https to http. Certificates are checked against the
 * system's, or the file that SSL_CERT_FILE names.
 *
 * Addresses may carry a secret in their query (presigned ones do): messages show them without it.
 */
#ifndef DATA_SHARDS_REMOTE_H
#define DATA_SHARDS_REMOTE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"
#include "pipeline/base/text.h"

enum { REMOTE_HEAD_BYTES = 72 };

/* http://, https://, s3:// */
bool remote_is_url(const char *path);
/* The address as it may be shown: without user, password, query and fragment. A local path stays
 * what it is. */
void remote_show(char *out, size_t n, const char *path);

/* The last part of its path, as a local copy would be named. */
void remote_base_name(char *out, size_t n, const char *url);

/* A connection to servers; one per thread. */
struct remote;
enum status remote_open(struct remote **out, struct error *e);
void remote_close(struct remote **r);

/* Zero fields mean the defaults above; tests have less patience. */
struct remote_patience {
    int tries;
    double first_wait_s, slow_s, total_s;
};

struct remote_request {
    const char *url;
    uint64_t bytes;            /* that the file has; 0: not known */
    uint64_t bytes_max;        /* that it may have when they are not known; 0: no limit */
    /* NULL, or says of remote_read, by the first REMOTE_HEAD_BYTES that came, the limit. */
    size_t (*limit)(const void *bytes, size_t n);
    bool may_be_absent;        /* 401 and 403 are NOT_FOUND too: S3 says so of what is not there */
    const atomic_bool *cancel; /* NULL, or given up when true (STOPPED) */
    struct remote_patience patience;
};

/* Downloads into a new file being written, whole as far as the server tells; without a length it
 * cannot be told, so the content must be looked at. A file that is longer than the request says, or
 * than its limit, is given up as soon as that shows. content_type (64): what the server says that
 * it is, "" if nothing. Errors: NOT_FOUND (404, 410), REMOTE, BAD_ARG (address, credentials),
 * STORAGE of the file, STOPPED. */
enum status remote_download(struct remote *r, const struct remote_request *request, struct file *to,
                            char content_type[64], struct error *e);
/* The same into memory; BAD_DATA when there are more than limit bytes. */
enum status remote_read(struct remote *r, const struct remote_request *request, struct text *to,
                        size_t limit, struct error *e);

/* Bytes that this process has received: while it grows, a wait is not a stall. */
uint64_t remote_received(void);

#endif
