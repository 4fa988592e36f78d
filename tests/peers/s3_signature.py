"""Whether requests to S3 are signed as botocore signs them, with and without the token of temporary keys.

    s3_signature.py SAPWOOD FOLDER

A server on 127.0.0.1 takes what the program asks for; botocore signs the same request at the same time. Host and all
headers of S3, the token among them, must be part of the signature. FOLDER gets the program's cache.
"""
import http.server
import os
import re
import subprocess
import sys
import threading

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

KEY, SECRET, REGION = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "eu-central-1"
TOKEN = "IQoJb3JpZ2luX2VjEHoaDGV1+/=" * 40  # of the length and the characters that real ones have
OBJECT = "data/a b+c~.tar"
seen = []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append((self.command, self.path, dict(self.headers)))
        self.send_response(403)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass


def authorization(token, method, path, headers):
    """Of botocore, for a request that was seen."""
    signer = S3SigV4Auth(Credentials(KEY, SECRET, token), "s3", REGION)
    own = {name: value for name, value in headers.items() if name.lower().startswith("x-amz-")}
    request = AWSRequest(method=method, url=f"http://{headers['Host']}{path}", headers=own)
    request.context["timestamp"] = headers["X-Amz-Date"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    names = signer.signed_headers(signer.headers_to_sign(request))
    return names, signer.signature(text, request)


def main():
    program, folder = sys.argv[1:3]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    passed = failed = 0
    for token in (None, TOKEN):
        seen.clear()
        environment = dict(os.environ, AWS_ACCESS_KEY_ID=KEY, AWS_SECRET_ACCESS_KEY=SECRET, AWS_REGION=REGION,
                           AWS_ENDPOINT_URL=f"http://127.0.0.1:{server.server_port}")
        if token:
            environment["AWS_SESSION_TOKEN"] = token
        subprocess.run([program, "shards", "index", f"s3://bucket/{OBJECT}", "--cache", folder], env=environment,
                       capture_output=True)
        method, path, headers = seen[0]
        found = re.search(r"SignedHeaders=([^,]*), ?Signature=(\w+)", headers["Authorization"]).groups()
        given = headers.get("X-Amz-Security-Token")
        expected = authorization(token, method, path, headers)
        good = found == expected and given == token and ("x-amz-security-token" in found[0]) == bool(token)
        passed += good
        failed += not good
        if not good:
            print(f"with token {token}: sent {given}, signed {found}, botocore {expected}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
