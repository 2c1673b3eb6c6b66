"""`python -m tests.kit.forgery`: the campaign."""

from __future__ import annotations

from tests.kit.forgery.campaign import main

if __name__ == "__main__":
    raise SystemExit(main())
