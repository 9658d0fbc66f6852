"""Gunicorn's worker and logger: a worker that explains an endless address, and logs without the secrets of addresses."""

import json
from socket import socket

from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestLine
from gunicorn.workers.gthread import ThreadWorker

from partner_portal import env
from partner_portal.logs import FORMATS, JsonFormatter, MaskingFormatter, masked

_TOO_LONG = json.dumps({"detail": "The address is too long.", "problems": []}).encode()


class Worker(ThreadWorker):
    """Answers a request line beyond `limit_request_line` with the API's 414: its path was not read, and programs send most."""

    def handle_error(self, req: object, client: socket, addr: object, exc: Exception) -> None:
        """Write the answer to a request that could not be read."""
        if not isinstance(exc, LimitRequestLine):
            super().handle_error(req, client, addr, exc)
            return
        head = (
            "HTTP/1.1 414 URI Too Long\r\nConnection: close\r\nContent-Type: application/json\r\n"
            f"Cache-Control: private, no-store\r\nContent-Length: {len(_TOO_LONG)}\r\n\r\n"
        )
        try:
            client.sendall(head.encode("ascii") + _TOO_LONG)
        except OSError:
            self.log.debug("Failed to send the error message.")


class MaskingLogger(Logger):
    """Gunicorn's logs, access log included, without the secrets of addresses."""

    def setup(self, cfg: object) -> None:
        """Add the mask to the handlers that gunicorn makes."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                old = handler.formatter
                as_text = MaskingFormatter(old._fmt if old else None, old.datefmt if old else None)
                handler.setFormatter(JsonFormatter() if env.choice("LOG_FORMAT", *FORMATS) == "json" else as_text)

    def atoms(self, resp: object, req: object, environ: object, request_time: object) -> dict[str, object]:
        """What an access-log line is made of."""
        atoms: dict[str, object] = super().atoms(resp, req, environ, request_time)
        return {name: masked(value) if isinstance(value, str) else value for name, value in atoms.items()}
