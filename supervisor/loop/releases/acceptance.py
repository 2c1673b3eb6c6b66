"""Accepts or refuses a release that a medium offers, as far as trust is concerned, and remembers what it accepted."""

from __future__ import annotations

import logging
from dataclasses import replace

from supervisor.decisions.trust import after, content_of, refuse_offer
from supervisor.loop.generations.doubts import doubt_about
from supervisor.loop.world import World
from supervisor.ports.media import OpenedBundle
from supervisor.values.bundle import BundleIndex
from supervisor.values.names import ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.status import EventRecord
from supervisor.values.trust import Offer

log = logging.getLogger(__name__)


def versions_of(index: BundleIndex) -> tuple[tuple[ServiceName, Version], ...]:
    """Return the versions that a release brings, by the names of their services."""
    return tuple(
        (service.name, Version(index.release, service.version, service.image, service.definition))
        for service in sorted(index.services, key=lambda service: service.name)
    )


def offer_of(bundle: OpenedBundle) -> Offer:
    """Return what a bundle offers."""
    index = bundle.index
    return Offer(index.release, index.created, content_of(versions_of(index)), bundle.judgement, index.minimum_release)


def take_papers(world: World, bundle: OpenedBundle, medium: str) -> None:
    """Take in the root documents and revocations of a medium, whatever becomes of its release. May be repeated."""
    for line in world.origin.trust.keep(bundle.judgement, medium):
        log.warning("trust changed", extra={"reason": line})
        world.store.log_event(EventRecord(world.clock.now(), "", "trust-changed", line))


def refuse_untrusted(world: World, bundle: OpenedBundle, medium: str, *, accepts_clock: bool) -> None:
    """Return if trust allows for the release of a bundle; nothing is changed.

    Raises TrustError: it has expired, is below a floor, not made yet by this clock, or has the number of another one.
    """
    now = world.clock.now()
    state = after(world.origin.trust.state(), bundle.judgement, medium, now)
    releases, policy = world.store.releases(), world.settings.trust_policy
    refuse_offer(offer_of(bundle), state, policy, releases, now, accepts_clock=accepts_clock)


def sign_again(world: World, release: Release, offer: Offer) -> None:
    """Keep who signed a release that is known, if that says more than what is kept: it may come out of doubt so."""
    signing, former = offer.judgement.signing, release.signing
    is_longer = former is not None and (signing.expires or float("inf")) > (former.expires or float("inf"))
    if former is not None and not is_longer and not doubt_about(world, release):
        return
    if former == signing:
        return
    store = world.store
    digests = (version.definition for _, version in release.services)
    definitions = {digest: files for digest in digests if (files := store.definition(digest))}
    store.save_release(replace(release, signing=signing), definitions)
    world.origin.trust.note(offer)
