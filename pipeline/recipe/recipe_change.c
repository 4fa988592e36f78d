#include "pipeline/recipe/recipe_change.h"

#include <string.h>

enum { DEPTH_MAX = 32 };

/* One line: its depth, its name (n_name 0: an item of a list) and its value without the comma. */
struct line {
    int depth;
    const char *name, *value, *next;
    int n_name, n_value;
};

static struct line read_line(const char *at) {
    struct line l = {.name = ""};
    const size_t n = strcspn(at, "\n");
    const char *end = at + n;
    l.next = *end ? end + 1 : end;
    while (at + 1 < end && at[0] == ' ' && at[1] == ' ') {
        l.depth++;
        at += 2;
    }
    if (*at == '"') {
        const char *close = at + 1;
        while (close < end && *close != '"') close += *close == '\\' && close + 1 < end ? 2 : 1;
        if (close + 2 < end && close[1] == ':' && close[2] == ' ') {
            l.name = at + 1;
            l.n_name = (int)(close - l.name);
            at = close + 3;
        }
    }
    if (end > at && end[-1] == ',') end--;
    l.value = at;
    l.n_value = (int)(end - at);
    return l;
}

static bool is_equal(const struct line *a, const struct line *b) {
    return a->depth == b->depth && a->n_name == b->n_name && a->n_value == b->n_value &&
           !memcmp(a->name, b->name, (size_t)a->n_name) &&
           !memcmp(a->value, b->value, (size_t)a->n_value);
}

static bool is_closing(const struct line *l) {
    return l->n_value > 0 && (l->value[0] == '}' || l->value[0] == ']');
}

static void add_value(struct text *out, const struct line *l) {
    const bool opens = l->n_value == 1 && (l->value[0] == '{' || l->value[0] == '[');
    if (is_closing(l) || l->n_value == 0)
        text_append(out, "nothing");
    else
        text_printf(out, "%.*s%s", l->n_value, l->value,
                    !opens ? "" : l->value[0] == '{' ? "...}" : "...]");
}

bool recipe_change_find(struct recipe_change *change, const char *old, const char *young) {
    struct line above[DEPTH_MAX + 1] = {0};
    int item[DEPTH_MAX + 1] = {0}; /* number in its list of the line above */
    *change = (struct recipe_change){0};
    while (*old || *young) {
        const struct line a = read_line(old), b = read_line(young);
        const struct line *from = is_closing(&a) ? &b : &a; /* a list may have grown */
        const int depth = from->depth < DEPTH_MAX ? from->depth : DEPTH_MAX;
        if (!is_closing(from)) item[depth]++;
        if (depth < DEPTH_MAX) item[depth + 1] = -1;
        above[depth] = *from;
        if (!is_equal(&a, &b)) {
            for (int d = 1; d <= depth; d++) {
                if (above[d].n_name == 0)
                    text_printf(&change->place, "[%d]", item[d]);
                else
                    text_printf(&change->place, "%s%.*s", d > 1 ? "." : "", above[d].n_name,
                                above[d].name);
            }
            add_value(&change->old, &a);
            add_value(&change->young, &b);
            return true;
        }
        old = a.next;
        young = b.next;
    }
    return false;
}

void recipe_change_release(struct recipe_change *change) {
    text_release(&change->place);
    text_release(&change->old);
    text_release(&change->young);
}
