/* main: runs the command, prints its error and turns it into the exit code. */
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/base/file.h"
#include "pipeline/base/text.h"
#include "pipeline/base/version.h"
#include "pipeline/cli/choose_core.h"
#include "pipeline/cli/command_list.h"
#include "pipeline/cli/options.h"

#define COMMAND_ENTRY(name, help) {#name, help, command_##name},
static const struct {
    const char *name, *help;
    enum status (*run)(int argc, char **argv, struct error *e);
} command_table[] = {COMMAND_LIST(COMMAND_ENTRY){NULL, NULL, NULL}};
#undef COMMAND_ENTRY

enum { N_COMMANDS = (int)(sizeof command_table / sizeof command_table[0]) - 1, HELP_WORDS = 2 };

static void print_usage(void) {
    printf("usage: sapwood COMMAND [options]\n\n");
    options_print_folded("Keeps a CLIP model learning from a stream of image-text shards without "
                         "forgetting what it knew.",
                         0, 0);
    printf("\n");
    for (int i = 0; i < N_COMMANDS; i++) {
        printf("  %-12s  ", command_table[i].name);
        options_print_folded(command_table[i].help, 16, 16);
    }
    printf("\n`sapwood COMMAND --help` (or `sapwood help COMMAND`) tells more about a command; "
           "`sapwood --version`\nprints the version.\n\nExit codes:\n");
    int before = -1;
#define STATUS_LINE(name, code, text)                                                              \
    if (code != before)                                                                            \
        printf("%s  %3d  %s", before < 0 ? "" : "\n", code, text);                                 \
    else                                                                                           \
        printf("; %s", text);                                                                      \
    before = code;
    STATUS_LIST(STATUS_LINE)
#undef STATUS_LINE
    printf("\n");
}

static enum status run_command(int argc, char **argv, struct error *e);

/* `sapwood help COMMAND [SUBCOMMAND]` is `sapwood COMMAND [SUBCOMMAND] --help`. */
static enum status run_help(int n_words, char **words, struct error *e) {
    static char program[] = "sapwood", help[] = "--help";
    char *argv[HELP_WORDS + 3] = {program};
    int argc = 1;
    if (n_words > HELP_WORDS)
        return fail(e, STATUS_BAD_ARG, "help: unexpected word '%s'; expected help COMMAND",
                    words[HELP_WORDS]);
    for (int i = 0; i < n_words; i++) argv[argc++] = words[i];
    argv[argc++] = help;
    return run_command(argc, argv, e);
}

static enum status run_command(int argc, char **argv, struct error *e) {
    const char *names[N_COMMANDS + 1];
    for (int i = 0; i < N_COMMANDS; i++) names[i] = command_table[i].name;
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        (!strcmp(argv[1], "help") && argc == 2)) {
        print_usage();
        return argc < 2 ? fail(e, STATUS_BAD_ARG, "no command") : STATUS_OK;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("sapwood %s\n%s\n", SAPWOOD_VERSION, version_code);
        return STATUS_OK;
    }
    if (!strcmp(argv[1], "help")) return run_help(argc - 2, argv + 2, e);
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(argv[1], names[i])) continue;
        const enum status rc = choose_core(argv, e);
        return rc == STATUS_OK ? command_table[i].run(argc - 1, argv + 1, e) : rc;
    }
    int nearest = text_nearest(argv[1], names, N_COMMANDS);
    if (nearest >= 0)
        return fail(e, STATUS_BAD_ARG, "unknown command '%s'; did you mean '%s'?", argv[1],
                    names[nearest]);
    return fail(e, STATUS_BAD_ARG, "unknown command '%s'; `sapwood --help` lists them", argv[1]);
}

/* Whether the reader of standard output has gone: `sapwood shards ls ... | head`. */
static bool reader_is_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP));
}

int main(int argc, char **argv) {
    struct error e = {0};
    file_fill_standard();
    /* Names in archives outside ASCII need it. Not LC_ALL: numbers must stay as in C. */
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A closed pipe and a file size limit become errors of write, like a full disk. A run must not
     * end because the reader of its log goes away. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    enum status rc = run_command(argc, argv, &e);
    if (rc == STATUS_END) rc = STATUS_OK; /* help was printed */
    const bool is_cut = fflush(stdout) || ferror(stdout);
    if (is_cut && rc == STATUS_OK && reader_is_gone()) {
        /* Not an error: end quietly, like every filter whose reader has gone. */
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    if (is_cut && rc == STATUS_OK)
        rc = fail(&e, STATUS_STORAGE, "cannot write to the standard output");
    if (rc != STATUS_OK) fprintf(stderr, "sapwood: %s\n", e.text[0] ? e.text : status_text(rc));
    return status_exit_code(rc);
}
