"""An existing API to stand behind the proxy: plain HTTP, a WebSocket echo, and answers that are wrong in every way. Python's standard library alone.

Prints its port. GET /counted?n=N answers N known bytes, POST /echo gives its body back in chunks, /headers shows what came, /ws is a WebSocket echo.
"""
import base64
import hashlib
import http.server
import json
import struct
import sys
import urllib.parse


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Upstream"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/ws":
            self.echo_messages()
        elif url.path == "/counted":
            self.answer(200, bytes(i * 7 % 256 for i in range(int(query["n"]))), "application/octet-stream")
        elif url.path == "/headers":
            self.answer(200, json.dumps(self.headers.items()).encode(), "application/json")
        elif url.path == "/events":
            self.events()
        elif url.path == "/missing":
            self.answer(404, b"no such thing", "text/plain")
        else:
            self.answer(200, f"{self.command} {self.path}".encode(), "text/plain")

    def do_POST(self):
        body = self.body()
        if self.path == "/echo":
            self.send_response(201)
            self.send_header("Content-Type", self.headers.get("Content-Type", "application/octet-stream"))
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("X-Body-Length", str(len(body)))
            self.end_headers()
            for start in range(0, len(body), 10_000):
                part = body[start:start + 10_000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.answer(200, f"{self.command} {self.path} {hashlib.sha256(body).hexdigest()}".encode(), "text/plain")

    do_PUT = do_DELETE = do_PATCH = do_POST

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while length := int(self.rfile.readline().split(b";")[0], 16):
            body += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def answer(self, status, body, content_type):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "one=1")
        self.send_header("Set-Cookie", "two=2; Path=/")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET

    def events(self):
        """Server-sent events, each only after the client has said on another request that it has the one before."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for i in range(3):
            event = b"data: %d\n\n" % i
            self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def echo_messages(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        while True:
            first, second = self.rfile.read(2)
            length = second & 0x7F
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.rfile.read(8))[0]
            mask = self.rfile.read(4)
            data = self.rfile.read(length)
            data = bytes(b ^ mask[i % 4] for i, b in enumerate(data)) if length < 100_000 else unmask(data, mask)
            head = bytes([first]) + (bytes([length]) if length < 126 else struct.pack(">BH", 126, length) if length < 65536 else struct.pack(">BQ", 127, length))
            self.wfile.write(head + data)
            self.wfile.flush()
            if first & 0x0F == 8:
                return

    def log_message(self, *arguments):
        pass


def unmask(data, mask):
    whole = mask * (len(data) // 4 + 1)
    return (int.from_bytes(data, "big") ^ int.from_bytes(whole[:len(data)], "big")).to_bytes(len(data), "big")


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
server.daemon_threads = True
print(server.server_port, flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    sys.exit(0)
