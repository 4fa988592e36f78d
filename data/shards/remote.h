/* remote: downloads files from HTTP(S) and S3 servers. The only user of libcurl.
 *
 * Every wait has a deadline: connecting takes at most 20 s, a transfer below 1 KiB/s for 30 s is
 * given up, and all tries together end after four hours. Temporary failures (no answer, early end,
 * 408, 429, 500, 502, 503, 504) are retried up to five times in a row, after 0.5, 1, 2, 4 s or the
 * time in Retry-After (at most a minute). A try that brought another MiB restarts the count. A
 * retry continues at the byte reached, if the server supports it and ETag, Last-Modified and length
 * are unchanged. Permanent failures (403, 404, an untrusted certificate) fail at once. Up to five
 * redirects between http(s) addresses are followed, never from https to http. Certificates are
 * checked against the system's, or the file named by SSL_CERT_FILE.
 *
 * An address may carry a secret in its query (presigned ones do), so messages leave the query
 * out. */
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
/* The address without its secrets: user, password, query and fragment. A local path is
 * unchanged. */
void remote_show(char *out, size_t n, const char *path);

/* The last part of the path, as a local copy would be named. */
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
    uint64_t bytes;            /* size of the file; 0: unknown */
    uint64_t bytes_max;        /* limit if the size is unknown; 0: none */
    /* NULL, or gives remote_read its limit, from the first REMOTE_HEAD_BYTES received. */
    size_t (*limit)(const void *bytes, size_t n);
    bool may_be_absent;        /* 401 and 403 are NOT_FOUND too: S3 answers so for missing files */
    const atomic_bool *cancel; /* NULL, or ends with STOPPED when true */
    struct remote_patience patience;
};

/* Downloads into a new file that is being written. Checks that it is complete if the server gives a
 * length; otherwise the caller must check the content. A file longer than the request or its limit
 * says is given up as soon as that shows. content_type (64): the server's word for it, or "".
 * Errors: NOT_FOUND (404, 410), REMOTE, BAD_ARG (address, credentials), STORAGE of the file,
 * STOPPED. */
enum status remote_download(struct remote *r, const struct remote_request *request, struct file *to,
                            char content_type[64], struct error *e);
/* The same into memory; BAD_DATA when there are more than limit bytes. */
enum status remote_read(struct remote *r, const struct remote_request *request, struct text *to,
                        size_t limit, struct error *e);

/* Bytes received by this process. While the number grows, waiting is not a stall. */
uint64_t remote_received(void);

#endif
