/* http_server: tests/http_server.py for test programs. */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

/* Starts a server of folder that ends with this program; its requests are logged to the file log.
 * certificate and key: files, or NULL for plain HTTP. Returns the port; 0 without python3, so that
 * the test can skip. */
int http_server_start(const char *folder, const char *log, const char *certificate,
                      const char *key);
/* "SCHEME://127.0.0.1:PORT/FAULT/NAME" in static memory; four results are valid at a time. */
const char *http_server_url(int port, const char *fault, const char *name);

#endif
