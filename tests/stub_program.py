"""Stands for one of our programs where only its start and its end are the matter: `stub_program.py NAME`.

It answers 200 on its port, and writes its settings to $STUB_DIRECTORY/NAME.json.
"""

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main(name: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    settings = {key: value for key, value in os.environ.items() if key.startswith("DESKPULSE_")}
    (Path(os.environ["STUB_DIRECTORY"]) / f"{name}.json").write_text(json.dumps(settings))
    if name == "simulate":
        print("simulator runs", flush=True)
        signal.pause()
    program = "notifier" if name == "notify" else name
    with HTTPServer(("127.0.0.1", int(settings[f"DESKPULSE_{program.upper()}_PORT"])), Answer) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
