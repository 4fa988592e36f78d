#include "pipeline/base/address.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

struct sink {
    char *out;
    size_t n, used;
};

static void put(struct sink *s, const char *from, const char *end) {
    const size_t room = s->n - 1 - s->used, wanted = (size_t)(end - from),
                 n = wanted < room ? wanted : room;
    memcpy(s->out + s->used, from, n);
    s->used += n;
    s->out[s->used] = '\0';
}

static void put_word(struct sink *s, const char *word) {
    put(s, word, word + strlen(word));
}

static bool begins_address(const char *at) {
    size_t n = 0;
    while (isalnum((unsigned char)at[n]) || (at[n] && strchr("+-.", at[n]))) n++;
    return n && strncmp(at + n, "://", 3) == 0;
}

/* The end of the address whose host starts at begin. In a message more text follows, perhaps after
 * a punctuation mark. */
static const char *end_of(const char *begin, bool in_message) {
    const char *end = begin;
    for (; *end && !(end[0] == ':' && end[1] == ':' && begins_address(end + 2)); end++)
        if (in_message && (isspace((unsigned char)*end) || strchr("'\"`", *end))) break;
    while (in_message && end > begin && strchr(":;,.)", end[-1])) end--;
    return end;
}

static const char *last_at_sign(const char *from, const char *end) {
    while (end > from && end[-1] != '@') end--;
    return end > from ? end - 1 : NULL;
}

/* Whether the host, or what looks like it, is followed by a colon that starts no port. */
static bool has_password(const char *host, const char *end) {
    const char *colon = *host == '[' ? memchr(host, ']', (size_t)(end - host)) : host;
    if (colon) colon = memchr(colon, ':', (size_t)(end - colon));
    if (!colon) return false;
    while (++colon < end)
        if (!isdigit((unsigned char)*colon)) return true;
    return false;
}

/* host: just after "://". Returns where the text continues. */
static const char *show_one(struct sink *s, const char *host, bool in_message) {
    const char *end = end_of(host, in_message), *query = host, *name = host, *from = host;
    while (query < end && *query != '?' && *query != '#') query++;
    while (name < query && *name != '/') name++;
    if (last_at_sign(host, name) || has_password(host, name)) {
        const char *at = last_at_sign(host, end);
        put_word(s, !at ? "..." : at > query ? "...@..." : "...@");
        if (!at || at > query) return end;
        from = at + 1;
    }
    put(s, from, query);
    if (query == end) return end;
    put_word(s, "?...");
    return in_message && strncmp(query, "?...", 4) == 0 ? query + 4 : end;
}

static void show(char *out, size_t n, const char *text, bool in_message) {
    struct sink s = {.out = out, .n = n};
    out[0] = '\0';
    for (const char *host; (host = strstr(text, "://")); text = show_one(&s, host, in_message)) {
        host += 3;
        put(&s, text, host);
    }
    put_word(&s, text);
}

void address_show(char *out, size_t n, const char *address) {
    show(out, n, address, false);
}

void address_hide(char *out, size_t n, const char *message) {
    show(out, n, message, true);
}
