"""What people may see of a configuration."""

from __future__ import annotations

import json
from ipaddress import IPv4Address

from supervisor.decisions.show import show
from supervisor.values.router import Metadata, Password, RouterConfig
from supervisor.values.secret import Secret

A = IPv4Address("10.1.1.21")


def said(
    key: bytes = b"k", password: str = "s3cret", offer: str = "0f" * 32, user_data: bytes = b"token: t0ken"
) -> str:
    metadata = Metadata(A, user_data, (("tier", "web"),))
    router = RouterConfig(metadata=(metadata,), passwords=(Password(A, Secret(password), offer),))
    return json.dumps(show(router, key))


def test_neither_passwords_nor_their_offers_nor_user_data_are_shown() -> None:
    for hidden in ("s3cret", "0f0f", "t0ken"):
        assert hidden not in said()
    assert '"tier", "web"' in said()


def test_a_new_offer_and_other_user_data_are_seen_to_differ() -> None:
    assert said() == said()
    assert len({said(), said(offer="1e" * 32), said(user_data=b"token: t1ken")}) == 3


def test_marks_cannot_be_tried_without_the_key() -> None:
    assert said(b"k") != said(b"l")
