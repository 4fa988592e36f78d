#!/usr/bin/env python3
"""A server on 127.0.0.1 for tests, with the faults that servers have.

    http_server.py FOLDER LOG [CERTIFICATE KEY]

Prints its port, then serves FOLDER as /FAULT/NAME until its input closes, at most ten minutes. A
fault named once-X shows at the first request of each path only, then-X at all others; those of
CUT_ONCE are cut at the first request. LOG gets a line per request: fault, name, range, what was
answered.
"""
import http.server
import os
import ssl
import sys
import threading
import time

FOLDER, LOG = sys.argv[1:3]
CUT_ONCE = ("dated", "replaced", "bare", "grown")
seen = set()
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each body waits 40 ms for the head to be acknowledged

    def log_message(self, *_):
        pass

    def note(self, answer):
        with lock, open(LOG, "a") as log:
            log.write(f"{self.fault} {self.name} {self.headers.get('Range', '-')} {answer}\n")

    def head(self, code, length=None, **fields):
        self.note(code)
        self.send_response(code)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if length is None:
            self.send_header("Connection", "close")
            self.close_connection = True
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def answer(self, code, body=b"", **fields):
        self.head(code, len(body), **fields)
        self.wfile.write(body)

    def do_GET(self):
        path, _, query = self.path.partition("?")
        _, self.fault, self.name = path.split("/", 2)
        fault = self.fault
        with lock:
            first = path not in seen
            seen.add(path)
        if fault.startswith(("once-", "then-")):
            fault = fault[5:] if first == fault.startswith("once-") else "plain"
        if fault == "lost":  # in the middle, and for good
            fault = "cut" if first else "broken"
        if fault == "noindex" and self.name.endswith(".index"):
            return self.answer(403)  # as S3 does for what is not there
        try:
            with open(os.path.join(FOLDER, self.name), "rb") as file:
                body = file.read()
        except OSError:
            return self.answer(404, b"nothing here")
        if fault == "busy":
            return self.answer(503, b"later", Retry_After="1")
        if fault == "many":
            return self.answer(429, b"too many")
        if fault == "broken":
            return self.answer(500)
        if fault == "forbidden":
            return self.answer(403, b"<Error><Code>AccessDenied</Code></Error>")
        if fault == "key" and query != "signature=open-sesame":
            return self.answer(403)
        if fault == "html":
            return self.answer(200, b"<html>Please log in</html>" * 100, Content_Type="text/html")
        if fault == "redirect":
            return self.answer(302, Location=f"/plain/{self.name}")
        if fault == "onward":  # to the whole address that the query is
            return self.answer(302, Location=query)
        if fault == "loop":
            return self.answer(302, Location=self.path)
        if fault == "elsewhere":
            return self.answer(302, Location="file:///etc/passwd")
        if fault == "empty":
            return self.answer(200)
        if fault == "nolength":
            self.head(200)
            return self.wfile.write(body)
        if fault == "endless":
            self.head(200)
            while True:
                self.wfile.write(body)
        if fault == "boasting":
            self.head(200, 1 << 50)
            return self.wfile.write(body)
        if fault == "early":
            self.head(200)
            return self.wfile.write(body[: len(body) // 2])
        if fault == "garbage":
            body = bytes(255 - b for b in body)
        if fault == "flip":
            body = body[:700] + bytes([body[700] ^ 1]) + body[701:]
        if fault in ("replaced", "grown") and first:  # the file that was there before
            body = bytes(255 - b for b in body[: len(body) - 1000 * (fault == "grown")])
        self.send_file(fault, body, first)

    def send_file(self, fault, body, first):
        start, size = 0, len(body)
        fields = {"ETag": f'"{fault if fault == "changed" else ""}{size}"'}
        if fault in ("dated", "replaced"):
            hour = 9 if fault == "replaced" and not first else 8
            fields = {"Last_Modified": f"Thu, 01 Jan 2026 0{hour}:00:00 GMT"}
        elif fault in ("bare", "grown"):
            fields = {}
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and fault != "norange":
            start = int(wanted[6:].split("-")[0])
            if start >= size:
                return self.answer(416)
            self.head(206, size - start, Content_Range=f"bytes {start}-{size - 1}/{size}", **fields)
        else:
            self.head(200, size, Content_Type="application/x-tar", **fields)
        if fault in ("cut", "changed", "norange") or (first and fault in CUT_ONCE):
            self.wfile.write(body[start : (start + size) // 2])
            self.close_connection = True
        elif fault == "stall":
            self.wfile.write(body[start : start + 1000])
            self.wfile.flush()
            time.sleep(300)
        elif fault == "drip":
            for at in range(start, size, 20):
                self.wfile.write(body[at : at + 20])
                time.sleep(0.1)
        elif fault == "slow":  # half a second for each file, above the limit
            for at in range(start, size, size // 5 + 1):
                self.wfile.write(body[at : at + size // 5 + 1])
                time.sleep(0.1)
        else:
            self.wfile.write(body[start:])


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass  # clients that go away are what is tested


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) > 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[3], sys.argv[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
threading.Timer(600, os._exit, [1]).start()
print(server.server_port, flush=True)
sys.stdin.read()
os._exit(0)
