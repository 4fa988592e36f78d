#include "pipeline/base/wrong_file.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static bool begins(const char *bytes, size_t n, const char *with) {
    return n >= strlen(with) && !strncasecmp(bytes, with, strlen(with));
}

const char *wrong_file(const void *bytes, size_t n) {
    const char *at = bytes;
    if (begins(at, n, "version https://git-lfs"))
        return "a pointer of git-lfs, not the file itself; run `git lfs pull` in its repository, "
               "or "
               "download the file again: curl -L -O ADDRESS";
    if (begins(at, n, "\xef\xbb\xbf")) at += 3, n -= 3;
    while (n && strchr(" \t\r\n", *at)) at++, n--;
    if (begins(at, n, "<!doctype html") || begins(at, n, "<html"))
        return "an HTML page, not the file itself: of a login, an error, or one that shows the "
               "file; "
               "download the file again: curl -L -O ADDRESS, where Hugging Face's addresses have "
               "/resolve/main/ instead of /blob/main/";
    return NULL;
}
