"""The option of commands that read the settings file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def settings_option(text: str) -> Callable[[Command], Command]:
    """Return the option `--config`, with `text` as its help: the settings file, given as the parameter `path`."""
    return click.option(
        "--config",
        "path",
        type=click.Path(path_type=Path, dir_okay=False),
        default=Path("/etc/vr-supervisor/supervisor.yaml"),
        show_default=True,
        help=text,
    )
