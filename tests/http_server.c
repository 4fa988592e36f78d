#include "tests/http_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int http_server_start(const char *folder, const char *log, const char *certificate,
                      const char *key) {
    int in[2], out[2], port = 0;
    if (pipe(in) || pipe(out)) return 0;
    const pid_t child = fork();
    if (child == 0) {
        dup2(in[0], 0);
        dup2(out[1], 1);
        close(in[1]);
        close(out[0]);
        execlp("python3", "python3", SAPWOOD_SOURCE_DIR "/tests/http_server.py", folder, log,
               certificate, key, (char *)NULL);
        _exit(127);
    }
    close(in[0]); /* in[1] stays open: the server lives as long as this program */
    close(out[1]);
    FILE *said = fdopen(out[0], "r");
    if (!said || child < 0 || fscanf(said, "%d", &port) != 1) port = 0;
    if (said) fclose(said);
    return port;
}

const char *http_server_url(int port, const char *fault, const char *name) {
    static char text[4][256];
    static int next;
    char *out = text[next++ % 4];
    snprintf(out, sizeof text[0], "http://127.0.0.1:%d/%s/%s", port, fault, name);
    return out;
}
