#!/usr/bin/env python3
"""Sends the held-out handwritten digits to a running server, many at once, and says how it did.

    python3 config/samples/classify_digits.py --repeat 20

Needs Python 3.8 or newer and nothing else. Prints accuracy, throughput, latency and the average size of the
batches the server formed. Exits with 1 when a request failed or the accuracy is too low, 2 on a wrong argument.
"""

import argparse
import concurrent.futures
import http.client
import itertools
import json
import pathlib
import re
import struct
import sys
import threading
import time

HELD_OUT = pathlib.Path(__file__).resolve().parent / "digits-heldout.bin"
PIXELS = 64
RECORD = PIXELS + 1  # 64 brightnesses of 0 to 16, row by row, then the digit
PROGRESS_SECONDS = 2.0


class Failure(Exception):
    """An answer that is not the one asked for; the text goes to the user."""


def whole(least):
    """An argument type: a whole number, no smaller than the given one."""

    def parse(text):
        value = int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"{value} is less than {least}")
        return value

    parse.__name__ = "whole number"
    return parse


def address(text):
    """An argument type: host:port, as a pair; a leading http:// is allowed."""
    match = re.fullmatch(r"(?:http://)?(\[[^\]]+\]|[^:/\[\]]+):(\d{1,5})/?", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"'{text}' is not host:port")
    return match[1].strip("[]"), int(match[2])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", type=address, default="localhost:8000", help="the server's HTTP port (%(default)s)")
    parser.add_argument("--metrics-url", type=address, default="localhost:8002", help="its metrics port (%(default)s)")
    parser.add_argument("--connections", type=whole(1), default=32, help="requests in flight (%(default)s)")
    parser.add_argument("--repeat", type=whole(1), default=1, help="times to send the whole set (%(default)s)")
    parser.add_argument("--json", action="store_true", help="send and receive tensors as JSON, not as bytes")
    parser.add_argument("--min-accuracy", type=float, default=0.98, help="fail below this share (%(default)s)")
    parser.add_argument("--timeout", type=float, default=30, help="seconds to wait for one answer (%(default)s)")
    return parser.parse_args()


def held_out():
    """The images, each 64 brightnesses, and their digits."""
    data = HELD_OUT.read_bytes()
    if not data or len(data) % RECORD:
        raise Failure(f"{HELD_OUT}: {len(data)} bytes, not a multiple of {RECORD}")
    records = [data[i : i + RECORD] for i in range(0, len(data), RECORD)]
    return [r[:PIXELS] for r in records], [r[PIXELS] for r in records]


def request(image, as_json):
    """The body of one inference request, and its headers."""
    tensor = {"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32"}
    output = {"name": "class"}
    if as_json:
        tensor["data"] = list(image)
        body = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
        return body, {"Content-Type": "application/json"}
    # Binary tensor extension: the JSON, then the tensors' bytes; the header says where the JSON ends.
    values = struct.pack(f"<{PIXELS}f", *image)
    tensor["parameters"] = {"binary_data_size": len(values)}
    output["parameters"] = {"binary_data": True}
    head = json.dumps({"inputs": [tensor], "outputs": [output]}).encode()
    return head + values, {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(head)),
    }


def answered_class(response, body):
    """The digit an answer names."""
    if response.status != 200:
        raise Failure(f"HTTP {response.status}: {body.decode(errors='replace').strip()[:500]}")
    split = int(response.getheader("Inference-Header-Content-Length", len(body)))
    try:
        (output,) = json.loads(body[:split])["outputs"]
        if (output["name"], output["datatype"], output["shape"]) != ("class", "INT64", [1, 1]):
            raise ValueError("not one INT64 named class")
        return output["data"][0] if "data" in output else struct.unpack("<q", body[split:])[0]
    except (ValueError, KeyError, TypeError, IndexError, struct.error) as error:
        raise Failure(f"unexpected answer ({error}): {body[:500]!r}") from error


class Run:
    """Sends every request once, over a fixed number of connections. Results are lists by request number."""

    def __init__(self, options, bodies):
        self.options, self.bodies = options, bodies
        self.total = len(bodies) * options.repeat
        self.classes = [None] * self.total
        self.seconds = [None] * self.total
        self.failures = []
        self.stopped = threading.Event()
        # Handing out numbers is atomic: count() advances in one step of the interpreter.
        self.numbers = itertools.count()

    def send(self):
        """One connection: takes the next request until none is left. A broken connection ends it."""
        connection = http.client.HTTPConnection(*self.options.url, timeout=self.options.timeout)
        try:
            while not self.stopped.is_set():
                number = next(self.numbers)
                if number >= self.total:
                    return
                body, headers = self.bodies[number % len(self.bodies)]
                start = time.perf_counter()
                try:
                    connection.request("POST", "/v2/models/digits/infer", body, headers)
                    response = connection.getresponse()
                    answer = response.read()
                    self.seconds[number] = time.perf_counter() - start
                    self.classes[number] = answered_class(response, answer)
                except Failure as failure:
                    self.failures.append(str(failure))
        except (OSError, http.client.HTTPException) as error:
            host, port = self.options.url
            self.failures.append(f"connection to {host}:{port}: {error or type(error).__name__}")
        finally:
            connection.close()

    def all(self):
        """Sends everything; returns the seconds it took."""
        start = time.perf_counter()
        with concurrent.futures.ThreadPoolExecutor(self.options.connections) as pool:
            pending = {pool.submit(self.send) for _ in range(min(self.options.connections, self.total))}
            try:
                while pending:
                    done, pending = concurrent.futures.wait(pending, timeout=PROGRESS_SECONDS)
                    for worker in done:
                        worker.result()
                    if pending:
                        answered = sum(s is not None for s in self.seconds)
                        print(f"{answered}/{self.total} answered", file=sys.stderr)
            finally:
                self.stopped.set()
        return time.perf_counter() - start


def counters(options):
    """How many images and how many batches the model has run so far, by the server's metrics."""
    connection = http.client.HTTPConnection(*options.metrics_url, timeout=options.timeout)
    try:
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError) as error:
        raise Failure(f"metrics: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != 200:
        raise Failure(f"metrics: HTTP {response.status}")
    totals = {"nv_inference_count": 0.0, "nv_inference_exec_count": 0.0}
    for name, labels, value in re.findall(r"^(\w+)\{([^}]*)\}\s+(\S+)", text, re.MULTILINE):
        if name in totals and 'model="digits"' in labels:
            totals[name] += float(value)
    return tuple(totals.values())


def batch_size(before, after):
    """The average over this run; other clients of the model count too."""
    images, batches = (b - a for a, b in zip(before, after))
    return f"{images / batches:.2f} ({images:.0f} images in {batches:.0f} batches)" if batches else "no batch counted"


def percentile(ordered, share):
    """The nearest-rank percentile of an ordered list."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)]


def main():
    options = arguments()
    try:
        images, digits = held_out()
    except (OSError, Failure) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    run = Run(options, [request(image, options.json) for image in images])
    try:
        before = counters(options)
    except Failure as failure:
        before, no_metrics = None, str(failure)
    seconds = run.all()
    if before is not None:
        try:
            batches = batch_size(before, counters(options))
        except Failure as failure:
            before, no_metrics = None, str(failure)
    answered = [(number, guess) for number, guess in enumerate(run.classes) if guess is not None]

    accuracy = 0.0
    if answered:
        right = sum(guess == digits[number % len(digits)] for number, guess in answered)
        accuracy = right / len(answered)
        ordered = sorted(run.seconds[number] for number, _ in answered)
        print(f"accuracy     {accuracy:.2%} ({right} of {len(answered)} images)")
        print(f"throughput   {len(answered) / seconds:.0f} images/s over {options.connections} connections")
        print(f"latency      p50 {percentile(ordered, 50) * 1e3:.2f} ms, p99 {percentile(ordered, 99) * 1e3:.2f} ms")
        print(f"batch size   {batches if before is not None else 'unknown: ' + no_metrics}")

    failed = run.total - len(answered)
    if failed:
        print(f"error: {failed} of {run.total} requests failed; first: {run.failures[0]}", file=sys.stderr)
        return 1
    if accuracy < options.min_accuracy:
        print(f"error: accuracy {accuracy:.2%} is below {options.min_accuracy:.2%}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
