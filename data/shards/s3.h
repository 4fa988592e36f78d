/* s3: finds the address of s3://bucket/key and the credentials that sign its requests.
 *
 * Address: AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL, if one is set, then /bucket/key; else
 * https://bucket.s3.REGION.amazonaws.com/key. Region: AWS_REGION, AWS_DEFAULT_REGION, us-east-1.
 * Credentials: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN), else the
 * profile AWS_PROFILE ("default") of AWS_SHARED_CREDENTIALS_FILE (~/.aws/credentials); without
 * credentials the request is not signed, which suits public buckets. Credentials are read again for
 * each request, since temporary ones change during a long run, and are never shown. */
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
 * and for a profile that the file lacks. */
enum status s3_resolve(struct s3_access *out, const char *url, struct error *e);
/* Overwrites the secrets. */
void s3_forget(struct s3_access *access);

#endif
