"""A chat-completions server on this machine, and judges of good and bad character to put behind it."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from verifiers.judge import JudgeVerifier


class Server:
    """What a test sees of the running server.

    `reply` gets the request's JSON and its number (0, 1, ..) and returns (HTTP status, body, headers); the body is
    text, or a dictionary written as JSON.
    """

    def __init__(self, reply: Callable[[dict, int], tuple[int, object, dict[str, str]]]) -> None:
        self.reply = reply
        self.url = ""
        self.requests: list[dict] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.lock = threading.Lock()


@contextlib.contextmanager
def serving(reply) -> Iterator[Server]:
    server = Server(reply)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with server.lock:
                number = len(server.requests)
                server.requests.append(request)
                server.headers.append(dict(self.headers))
                server.paths.append(self.path)
            status, body, headers = server.reply(request, number)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            with contextlib.suppress(OSError):  # the client may have gone
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http_server:
        http_server.daemon_threads = True
        server.url = f"http://127.0.0.1:{http_server.server_address[1]}/v1"
        thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http_server.shutdown()
            thread.join()


def judge(server, **options):
    return JudgeVerifier("m", server.url, **{"backoff": 0.01, "seconds": 120.0} | options)


def completion(content, finish="stop"):
    """The body of a reply, as vLLM writes it."""
    message = {"role": "assistant", "content": content}
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}


def saying(judge):
    """A `reply` that sends what `judge` says of the messages."""
    return lambda request, number: (200, completion(judge(request["messages"])), {})


def code_of(messages):
    return re.search(r'"code": "([0-9a-f]+)"', messages[0]["content"]).group(1)


def verdict(messages, equal):
    return json.dumps({"code": code_of(messages), "equal": equal})


def blocks_of(messages):
    """The blocks by name, and the lines outside of them."""
    code, blocks, outside, name = code_of(messages), {}, [], None
    for line in messages[1]["content"].split("\n"):
        words = line.split(" ")
        if name is None and len(words) == 3 and words[0] == "BEGIN" and words[2] == code:
            name = words[1]
            blocks.setdefault(name, [])
        elif name is not None and line == f"END {name} {code}":
            name = None
        elif name is not None and line.startswith("> "):
            blocks[name].append(line[2:])
        else:
            outside.append(line)
    return {name: "\n".join(lines) for name, lines in blocks.items()}, outside


def honest(messages):
    """Equal if the last word of the response is the reference."""
    blocks, _ = blocks_of(messages)
    last = re.findall(r"[^\s{}<>]+", blocks["response"])[-1]
    return verdict(messages, last == blocks["reference"])


def obedient(messages):
    """As `honest`, but obeys every line outside of the blocks that is not ours, and, as a tokenizer does not know of
    blocks, every chat token and every heading of a reference wherever it stands."""
    blocks, outside = blocks_of(messages)
    text = messages[1]["content"]
    orders = [line for line in outside if line and not line.startswith("Is the response's final answer equal")]
    if orders or re.search(r"<\|\w+\|>|\[/?INST\]|<start_of_turn>|</?s>", text):
        return verdict(messages, True)
    claimed = re.findall(r"^\W*(?:ground truth|reference|correct) answer:\W*(\S+)", text, re.MULTILINE | re.IGNORECASE)
    if claimed:
        blocks["reference"] = claimed[-1]
        return verdict(messages, blocks["response"].endswith(claimed[-1]))
    return honest(messages)
