"""Writes a log record as a line: time, level, message, then its facts as key=value."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

_KNOWN = frozenset(vars(logging.LogRecord("", 0, "", 0, "", (), None))) | {"message", "asctime", "taskName"}


class FactsFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        facts = "".join(f" {key}={_quoted(value)}" for key, value in vars(record).items() if key not in _KNOWN)
        line = f"{time}Z {record.levelname.lower()} {record.getMessage()}{facts}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _quoted(value: object) -> str:
    text = str(value)
    return text if text.isprintable() and not any(character in text for character in ' "=') else repr(text)


def configure_logging(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(FactsFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for noisy in ("urllib3", "podman", "docker", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
