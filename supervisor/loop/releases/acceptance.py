"""Accepts or refuses a release that a medium offers, as far as trust is concerned, and remembers what it accepted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

from supervisor.decisions.doubt import doubt
from supervisor.decisions.trust import after, content_of, joined, refuse_offer, sets_floor
from supervisor.loop.world import World
from supervisor.ports.media import OpenedBundle
from supervisor.values.bundle import BundleIndex
from supervisor.values.errors import StateError
from supervisor.values.names import Digest, ServiceName
from supervisor.values.release import Release, Version
from supervisor.values.status import EventRecord
from supervisor.values.trust import Offer, TrustState

log = logging.getLogger(__name__)

Definitions = dict[Digest, Mapping[str, bytes]]
"""The files of services' definitions, by the digests of these."""


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


def trust_with(world: World, bundle: OpenedBundle, medium: str) -> TrustState:
    """Return what is trusted once the papers of a medium are taken in; they may not be yet."""
    return after(world.origin.trust.state(), bundle.judgement, medium, world.clock.now())


def refuse_untrusted(world: World, bundle: OpenedBundle, medium: str, *, accepts_clock: bool) -> None:
    """Return if trust allows for the release of a bundle; nothing is changed.

    Raises TrustError: it has expired, is below a floor, not made yet by this clock, or has the number of another one.
    """
    state, releases = trust_with(world, bundle, medium), world.store.releases()
    policy, now = world.settings.trust_policy, world.clock.now()
    refuse_offer(offer_of(bundle), state, policy, releases, now, accepts_clock=accepts_clock)


def record(world: World, offer: Offer, release: Release, definitions: Definitions) -> None:
    """Remember what a release says about trust, then record it: nothing of it is ever started without its floor.

    Where this is broken off between both, its floor counts already, and the next import of it goes on; where it
    cannot be recorded, it is remembered no more. Raises StateError: nothing has changed.
    """
    trust = world.origin.trust
    known = next((one for one in world.store.releases() if one.name == release.name), None)
    former = known.signing if known and content_of(known.services) == offer.content else None
    signing = joined(former, offer.judgement.signing, trust.state())
    before, release = trust.note(offer), replace(release, signing=signing)
    try:
        world.store.save_release(release, definitions)
    except StateError as error:
        try:
            if release not in world.store.releases():
                trust.withdraw(offer, before)
        except StateError as failure:  # the former error is the one to report
            log.warning("trust changed", extra={"reason": f"{failure}; after: {error}"})
        raise


def sign_again(world: World, bundle: OpenedBundle, medium: str, *, accepts_clock: bool) -> None:
    """Keep what a medium says about a release that is known, if it says more than is kept: who signed, a floor.

    The release may come out of doubt so. Raises TrustError: as `refuse_untrusted`. Raises StateError: as `record`.
    """
    store, offer = world.store, offer_of(bundle)
    release = next((one for one in store.releases() if one.name == offer.name), None)
    if release is None:  # it was removed meanwhile
        return
    signing, former = offer.judgement.signing, release.signing
    is_longer = former is not None and (signing.expires or float("inf")) > (former.expires or float("inf"))
    state = world.origin.trust.state()
    is_better = former is None or is_longer or bool(doubt(release, state))  # no signature helps against a floor
    if not (is_better and former != signing) and not sets_floor(state, offer):
        return
    refuse_untrusted(world, bundle, medium, accepts_clock=accepts_clock)
    digests = (version.definition for _, version in release.services)
    definitions = {digest: files for digest in digests if (files := store.definition(digest))}
    record(world, offer, release, definitions)
