/* s3: from s3://bucket/key to the address of the object, and what its requests are signed with.
 *
 * Address: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, if one is set, then /bucket/key; else
 * https://bucket.s3.REGION.amazonaws.com/key. Region: AWS_REGION, AWS_DEFAULT_REGION, us-east-1.
 * Credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else the
 * profile AWS_PROFILE ("default") of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials); without any
 * the request is not signed, as public buckets want it. They are read anew for each request, since
 * temporary ones change during a long run, and never shown. */
#ifndef DATA_SHARDS_S3_H
#define DATA_SHARDS_S3_H

#include <stdbool.h>

#include "pipeline/base/file.h"
#include "pipeline/base/status.h"

struct s3_access {
    char url[FILE_PATH_MAX];
    char region[64];
    bool is_signed;
    char key[192], secret[512], token[8192];
};

/* Errors: BAD_ARG for an address that is not s3://bucket/key, for half of a pair of credentials,
 * for a profile that is not in the file. */
enum status s3_resolve(struct s3_access *out, const char *url, struct error *e);
/* Overwrites what is secret. */
void s3_forget(struct s3_access *access);

#endif
