"""Records what a client sends: stands between it and a server, and writes what goes to the server as hexadecimal text.

Arguments: the server's host:port; the file; the client's command, in which {address} is where to call. Used to make the sessions that unit tests replay.
"""

import pathlib
import socket
import subprocess
import sys
import threading

server, file, *command = sys.argv[1:]
host, port = server.rsplit(":", 1)
sent = bytearray()


def pump(source, sink, record):
    try:
        while data := source.recv(65536):
            if record is not None:
                record += data
            sink.sendall(data)
    except OSError:
        pass
    finally:
        try:
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


with socket.create_server(("127.0.0.1", 0)) as listener:
    client = subprocess.Popen([part.replace("{address}", f"127.0.0.1:{listener.getsockname()[1]}") for part in command])
    near, _ = listener.accept()
    with near, socket.create_connection((host, int(port))) as far:
        for each in (near, far):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pumps = [threading.Thread(target=pump, args=(near, far, sent)), threading.Thread(target=pump, args=(far, near, None))]
        for each in pumps:
            each.start()
        for each in pumps:
            each.join()
if client.wait() != 0:
    sys.exit("the client has failed")
text = sent.hex().upper()
pathlib.Path(file).write_text("".join(text[at : at + 160] + "\n" for at in range(0, len(text), 160)))
