#include "pipeline/cli/options.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/base/text.h"

enum { FOLD = 80, HELP_COLUMN = 26 };

static bool is_word(const struct option *option) {
    return option->kind == OPTION_PLACE || option->kind == OPTION_REST;
}

static bool has_range(const struct option *option) {
    return option->min != 0 || option->max != 0;
}

/* What the help calls the value of an option. */
static const char *argument_name(const struct option *option) {
    if (option->argument) return option->argument;
    return option->kind == OPTION_INT      ? "N"
           : option->kind == OPTION_DOUBLE ? "X"
           : option->kind == OPTION_CHOICE ? "WORD"
                                           : "TEXT";
}

void options_print_folded(const char *text, int at, int indent) {
    while (*text) {
        size_t n = strcspn(text, " \n");
        if (at > indent && at + 1 + (int)n > FOLD) {
            printf("\n%*s", indent, "");
            at = indent;
        } else if (at > indent) {
            printf(" ");
            at++;
        }
        printf("%.*s", (int)n, text);
        at += (int)n;
        text += n;
        if (*text == '\n') {
            printf("\n%*s", indent, "");
            at = indent;
        }
        if (*text) text++;
    }
    printf("\n");
}

/* "help text (0 to 256; default 4)" */
static void help_text(const struct option *option, struct text *out) {
    struct text extra = {0};
    text_append(out, option->help ? option->help : "");
    if (option->kind == OPTION_CHOICE) {
        for (const char *const *c = option->choices; *c; c++)
            text_printf(&extra, "%s%s", c == option->choices ? "" : ", ", *c);
    } else if (has_range(option) && !isinf(option->max)) {
        text_printf(&extra, "%.10g to %.10g", option->min, option->max);
    } else if (has_range(option)) {
        text_printf(&extra, "at least %.10g", option->min);
    }
    const char *separator = extra.n ? "; " : "";
    if (option->required) {
        if (!is_word(option)) text_printf(&extra, "%srequired", separator);
    } else if (option->kind == OPTION_INT) {
        text_printf(&extra, "%sdefault %" PRId64, separator, *(const int64_t *)option->value);
    } else if (option->kind == OPTION_DOUBLE) {
        text_printf(&extra, "%sdefault %g", separator, *(const double *)option->value);
    } else if (option->kind == OPTION_TEXT || option->kind == OPTION_CHOICE) {
        const char *value = *(const char *const *)option->value;
        if (value) text_printf(&extra, "%sdefault %s", separator, value);
    } else if (option->kind == OPTION_LIST) {
        text_printf(&extra, "%smay be repeated", separator);
    }
    if (extra.n) text_printf(out, " (%s)", text_string(&extra));
    text_release(&extra);
}

void options_print_help(const struct options *o) {
    bool has_options = false;
    for (int i = 0; i < o->n; i++) has_options |= !is_word(&o->table[i]);
    printf("usage: sapwood %s", o->command);
    for (int i = 0; i < o->n; i++) {
        const struct option *option = &o->table[i];
        if (option->kind == OPTION_PLACE)
            printf(option->required ? " %s" : " [%s]", option->name);
        else if (option->kind == OPTION_REST)
            printf(option->required ? " %s..." : " [%s...]", option->name);
        else if (option->required)
            printf(" --%s %s", option->name, argument_name(option));
    }
    printf("%s\n\n", has_options ? " [options]" : "");
    options_print_folded(o->summary, 0, 0);
    printf("\n");
    for (int i = 0; i < o->n; i++) {
        const struct option *option = &o->table[i];
        struct text name = {0}, help = {0};
        text_printf(&name, "  %s%s", is_word(option) ? "" : "--", option->name);
        if (option->kind != OPTION_FLAG && !is_word(option))
            text_printf(&name, " %s", argument_name(option));
        help_text(option, &help);
        printf("%s", text_string(&name));
        int at = (int)name.n;
        if (at + 2 > HELP_COLUMN) {
            printf("\n");
            at = 0;
        }
        printf("%*s", HELP_COLUMN - at, "");
        options_print_folded(text_string(&help), HELP_COLUMN, HELP_COLUMN);
        text_release(&name);
        text_release(&help);
    }
    printf("  --help\n");
}

static enum status bad_value(const struct options *o, const struct option *option,
                             const char *value, struct error *e) {
    struct text allowed = {0};
    if (option->kind == OPTION_CHOICE) {
        text_append(&allowed, "one of ");
        for (const char *const *c = option->choices; *c; c++)
            text_printf(&allowed, "%s%s", c == option->choices ? "" : ", ", *c);
    } else {
        text_append(&allowed, option->kind == OPTION_INT ? "a whole number" : "a number");
        if (has_range(option) && isinf(option->max))
            text_printf(&allowed, " of at least %.10g", option->min);
        else if (has_range(option))
            text_printf(&allowed, " from %.10g to %.10g", option->min, option->max);
    }
    fail(e, STATUS_BAD_ARG, "%s: --%s: wrong value; expected %s, found '%s'", o->command,
         option->name, text_string(&allowed), value);
    text_release(&allowed);
    return STATUS_BAD_ARG;
}

static bool in_range(const struct option *option, double value) {
    return !has_range(option) || (value >= option->min && value <= option->max);
}

static enum status list_add(const struct options *o, const struct option *option, const char *value,
                            struct error *e) {
    struct option_list *list = option->value;
    if (list->n == OPTION_LIST_MAX)
        return fail(e, STATUS_BAD_ARG, "%s: %s: too many; expected at most %d", o->command,
                    option->name, OPTION_LIST_MAX);
    list->item[list->n++] = value;
    return STATUS_OK;
}

static enum status value_set(const struct options *o, const struct option *option,
                             const char *value, struct error *e) {
    char *end = NULL;
    errno = 0;
    switch (option->kind) {
    case OPTION_INT: {
        long long number = strtoll(value, &end, 10);
        if (!*value || *end || errno || !in_range(option, (double)number))
            return bad_value(o, option, value, e);
        *(int64_t *)option->value = number;
        return STATUS_OK;
    }
    case OPTION_DOUBLE: {
        double number = strtod(value, &end);
        if (!*value || *end || !isfinite(number) || !in_range(option, number))
            return bad_value(o, option, value, e);
        *(double *)option->value = number;
        return STATUS_OK;
    }
    case OPTION_CHOICE:
        for (const char *const *c = option->choices; *c; c++) {
            if (strcmp(*c, value)) continue;
            *(const char **)option->value = *c;
            return STATUS_OK;
        }
        return bad_value(o, option, value, e);
    case OPTION_LIST:
    case OPTION_REST:
        return list_add(o, option, value, e);
    default:
        *(const char **)option->value = value;
        return STATUS_OK;
    }
}

static enum status unknown_option(const struct options *o, const char *word, struct error *e) {
    const char *names[128];
    int n = 0;
    for (int i = 0; i < o->n && n < 128; i++)
        if (!is_word(&o->table[i])) names[n++] = o->table[i].name;
    int nearest = text_nearest(word, names, n);
    if (nearest >= 0)
        return fail(e, STATUS_BAD_ARG, "%s: --%s: unknown option; did you mean --%s?", o->command,
                    word, names[nearest]);
    return fail(e, STATUS_BAD_ARG, "%s: --%s: unknown option; `sapwood %s --help` lists them",
                o->command, word, o->command);
}

/* Parses the option at argv[*at] with its value; *at is then its last word. */
static enum status option_parse(const struct options *o, int argc, char **argv, int *at,
                                bool *given, struct error *e) {
    char name[64];
    const char *word = argv[*at] + 2, *equals = strchr(word, '=');
    size_t n = equals ? (size_t)(equals - word) : strlen(word);
    if (n >= sizeof name)
        return fail(e, STATUS_BAD_ARG, "%s: --%s: unknown option", o->command, word);
    memcpy(name, word, n);
    name[n] = 0;
    int i = 0;
    while (i < o->n && (is_word(&o->table[i]) || strcmp(o->table[i].name, name))) i++;
    if (i == o->n) return unknown_option(o, name, e);
    const struct option *option = &o->table[i];
    given[i] = true;
    if (option->kind == OPTION_FLAG) {
        if (equals)
            return fail(e, STATUS_BAD_ARG, "%s: --%s: takes no value, found '%s'", o->command, name,
                        equals + 1);
        *(bool *)option->value = true;
        return STATUS_OK;
    }
    if (equals) return value_set(o, option, equals + 1, e);
    if (*at + 1 >= argc)
        return fail(e, STATUS_BAD_ARG, "%s: --%s: value missing; expected --%s %s", o->command,
                    name, name, argument_name(option));
    return value_set(o, option, argv[++*at], e);
}

/* Stores a word without --: in the next free place, or in the rest. */
static enum status word_parse(const struct options *o, const char *word, bool *given,
                              struct error *e) {
    for (int i = 0; i < o->n; i++) {
        const struct option *option = &o->table[i];
        bool is_free = option->kind == OPTION_REST || (option->kind == OPTION_PLACE && !given[i]);
        if (!is_free) continue;
        given[i] = true;
        return value_set(o, option, word, e);
    }
    return fail(e, STATUS_BAD_ARG, "%s: unexpected word '%s'; `sapwood %s --help` shows the usage",
                o->command, word, o->command);
}

/* A place after the rest takes the last word, like the target of `cp A... B`. */
static void take_last_word(const struct options *o, bool *given) {
    struct option_list *rest = NULL;
    for (int i = 0; i < o->n; i++) {
        const struct option *option = &o->table[i];
        if (option->kind == OPTION_REST) rest = option->value;
        if (option->kind != OPTION_PLACE || given[i] || !rest || rest->n < 2) continue;
        *(const char **)option->value = rest->item[--rest->n];
        given[i] = true;
    }
}

enum status options_parse(const struct options *o, int argc, char **argv, struct error *e) {
    enum status rc = STATUS_OK;
    bool given[128] = {0}, only_words = false;
    CHECK(o->n <= 128);
    for (int i = 1; i < argc && strcmp(argv[i], "--"); i++) {
        if (strcmp(argv[i], "--help") && strcmp(argv[i], "-h")) continue;
        options_print_help(o);
        return STATUS_END;
    }
    for (int i = 1; i < argc; i++) {
        if (!only_words && !strcmp(argv[i], "--"))
            only_words = true;
        else if (!only_words && text_starts_with(argv[i], "--"))
            TRY(option_parse(o, argc, argv, &i, given, e));
        else
            TRY(word_parse(o, argv[i], given, e));
    }
    take_last_word(o, given);
    for (int i = 0; i < o->n; i++) {
        if (!o->table[i].required || given[i]) continue;
        rc = fail(e, STATUS_BAD_ARG, "%s: %s%s is missing; `sapwood %s --help` shows the usage",
                  o->command, is_word(&o->table[i]) ? "" : "--", o->table[i].name, o->command);
        goto done;
    }
done:
    return rc;
}

enum status options_choose(const char *command, const char *summary, const char *const *names,
                           const char *const *help, int argc, char **argv, int *chosen,
                           struct error *e) {
    int n = 0;
    while (names[n]) n++;
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        printf("usage: sapwood %s WORD [options]\n\n", command);
        options_print_folded(summary, 0, 0);
        printf("\n");
        for (int i = 0; i < n; i++) {
            printf("  %-22s  ", names[i]);
            options_print_folded(help[i], HELP_COLUMN, HELP_COLUMN);
        }
        printf("\n`sapwood %s WORD --help` tells more.\n", command);
        return STATUS_END;
    }
    for (*chosen = 0; *chosen < n; ++*chosen)
        if (!strcmp(argv[1], names[*chosen])) return STATUS_OK;
    int nearest = text_nearest(argv[1], names, n);
    if (nearest >= 0)
        return fail(e, STATUS_BAD_ARG, "%s: unknown word '%s'; did you mean '%s'?", command,
                    argv[1], names[nearest]);
    return fail(e, STATUS_BAD_ARG, "%s: unknown word '%s'; `sapwood %s --help` lists them", command,
                argv[1], command);
}
