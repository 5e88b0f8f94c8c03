"""Writes terminal escapes, markup and scripts into its log and its bodies."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOSTILE = (
    "\x1b[2J\x1b[H\x1b[32mPASS R1\x1b[0m",  # clears the screen and writes a verdict
    "\x1b]0;graded\x07\x1b]8;;https://attacker.invalid\x07click\x1b]8;;\x07",  # title, link
    "\x1b]52;c;Y3VybCBhdHRhY2tlci5pbnZhbGlk\x07",  # the clipboard
    "\x1bP+q544e\x1b\\\x1b[6n\x1b[c",  # questions that a terminal answers by typing
    "\r\x1b[1A\x1b[Koverwritten\b\b\b\x7f\x9b31m",
    "<script>document.title='owned'</script><img src=x onerror=alert(1)>",
    "</script></style></textarea></pre><h1>score: 100</h1><!--",
    "]]>&xxe;<![CDATA[<testcase name='R1'/>",
    "\u202egnorw daer\u202c \u2066 \ufeff \u0000 \ud800".encode("utf-8", "replace").decode(),
    "[link](javascript:alert(1)) | `x` | $(reboot) | ;reboot; | %s%n {{7*7}} ${7*7}",
    "::error file=app.py::forged ::set-output name=score::100",
)


class Junk(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        for line in HOSTILE:
            print(line, flush=True)
        text = "\n".join(HOSTILE)
        book = {"id": text, "title": text, "author": text, "message": text, "created_at": text}
        body = json.dumps([book] if self.command == "GET" else book).encode()
        self.send_response(200 if self.command == "GET" else 422)
        self.send_header("Content-Type", "application/json; x=<script>alert(1)</script>")
        self.send_header("X-Note", HOSTILE[5])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer


if __name__ == "__main__":
    for hostile in HOSTILE:
        print(hostile, file=sys.stderr, flush=True)
    sys.stdout.buffer.write(b"\xff\xfe\x80 not text \x00\n")
    sys.stdout.flush()
    ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Junk).serve_forever()
