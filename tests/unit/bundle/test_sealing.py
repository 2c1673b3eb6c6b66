"""Release makers at a terminal: an ISO is built, signed by one after the other, and read with a root document."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from supervisor.edges.bundle.medium import Medium
from supervisor.edges.bundle.reader import Bundle
from supervisor.edges.trust.store import TrustStore
from supervisor.surface.assembly import TrustedMedia
from supervisor.surface.daemon import cli
from supervisor.values.errors import TooFewSignaturesError, UnlistedFileError, UnsignedBundleError, UntrustedRootError
from tests.unit.bundle.bundle_workshop import Sources, Workshop

pytestmark = pytest.mark.programs  # xorriso writes the bundles

PEOPLE = ("alice", "bob", "carol")


class Terminal:
    """Runs `vr-supervisor` in the folder of a workshop; FOLDER/ stands for that folder."""

    def __init__(self, workshop: Workshop) -> None:
        self.workshop, self.folder = workshop, workshop.folder

    def ask(self, line: str) -> Result:
        return CliRunner().invoke(cli, [word.replace("./", f"{self.folder}/") for word in line.split()])

    def run(self, line: str) -> str:
        result = self.ask(line)
        assert result.exit_code == 0, result.output
        return result.output

    def refused(self, line: str) -> str:
        result = self.ask(line)
        assert result.exit_code != 0
        assert not result.exception or isinstance(result.exception, SystemExit)
        return result.output


@pytest.fixture
def terminal(workshop: Workshop) -> Terminal:
    """Three people with keys, and a root that asks for two of them; the folder ./anchor has it for routers."""
    made = Terminal(workshop)
    for name in PEOPLE:
        made.run(f"bundle keygen ./{name}.key ./{name}.pub")
    roles = " ".join(f"--{role}-key ./{name}.pub" for role in ("root", "release") for name in PEOPLE)
    (made.folder / "roots").mkdir()
    (made.folder / "anchor").mkdir()
    made.run(f"trust root ./roots/1.json {roles} --root-threshold 2 --release-threshold 2 --expires 2040-01-01")
    made.run("trust sign ./roots/1.json --key ./alice.key")
    assert "signed by alice, bob" in made.run("trust sign ./roots/1.json --key ./bob.key")
    shutil.copy(made.folder / "roots/1.json", made.folder / "anchor/root.json")
    made.run(
        "bundle build --images ./images --services ./services --release 1.0 --key ./alice.key --created 2025-01-01 "
        "--expires 2035-01-01 --root-documents ./roots --minimum-release 0.9 --output ./1.0.iso"
    )
    return made


def opened(terminal: Terminal, anchor: str = "anchor") -> Bundle:
    return Bundle.open(terminal.folder / "1.0.iso", terminal.folder / anchor)


def test_people_sign_one_iso_one_after_the_other(terminal: Terminal) -> None:
    with pytest.raises(TooFewSignaturesError, match=r"1 of 2 signatures that root 1 asks for .*\(good: alice\)"):
        opened(terminal)
    terminal.run("bundle sign ./1.0.iso --key ./carol.key")
    with opened(terminal) as bundle:
        bundle.verify_all()
        assert bundle.signer == "alice, carol"
        assert (bundle.judgement.signing.needed, bundle.index.minimum_release) == (2, "0.9")
    said = terminal.run("bundle verify ./1.0.iso --trusted-keys ./anchor")
    assert "signed by alice, carol" in said


def test_a_router_reads_it_with_its_own_trust_and_remembers(terminal: Terminal) -> None:
    """The store's own trust, on a real ISO: opened, kept, and opened by the next supervisor without the folder."""
    terminal.run("bundle sign ./1.0.iso --key ./carol.key")
    store = TrustStore(terminal.folder / "anchor", terminal.folder / "state", lambda: 0.0)
    opened = TrustedMedia(store, terminal.folder).open(str(terminal.folder / "1.0.iso"), Sources({}))
    assert store.keep(opened.judgement, "1.0.iso") == (), "root 1 is trusted already"
    opened.close()
    (terminal.folder / "anchor/root.json").unlink()
    again = TrustStore(terminal.folder / "anchor", terminal.folder / "state", lambda: 0.0)
    TrustedMedia(again, terminal.folder).open(str(terminal.folder / "1.0.iso"), Sources({})).close()
    assert again.state().root.version == 1


def test_only_the_papers_of_an_iso_change(terminal: Terminal) -> None:
    def content() -> dict[str, bytes]:
        with Medium(terminal.folder / "1.0.iso") as medium:
            return {name: medium.read(name) for name in medium.files()}

    before = content()
    terminal.run("bundle sign ./1.0.iso --key ./bob.key")
    now = content()
    assert {name for name in now if now[name] != before.get(name)} == {"targets.json"}
    assert set(now) == set(before)


def test_a_statement_travels_without_the_iso(terminal: Terminal) -> None:
    terminal.run("bundle statement ./1.0.iso ./statement.json")
    terminal.run("trust sign ./statement.json --key ./bob.key")
    terminal.run("bundle attach ./1.0.iso --statement ./statement.json")
    with opened(terminal) as bundle:
        assert bundle.signer == "alice, bob"


def test_a_statement_about_another_iso_is_not_attached(terminal: Terminal) -> None:
    terminal.workshop.build(release="2.0", output="2.0.iso")
    terminal.run("bundle statement ./2.0.iso ./other.json --expires 2035-01-01")
    said = terminal.refused("bundle attach ./1.0.iso --statement ./other.json")
    assert "cannot attach the statement" in said
    assert "another index" in said or "an index of" in said


def test_a_plain_router_reads_the_same_iso_by_its_one_key(terminal: Terminal) -> None:
    """The statement has a signature of alice, whose plain key is enough for root 0; a root that she signed leads on."""
    (terminal.folder / "plain").mkdir()
    shutil.copy(terminal.folder / "alice.pub", terminal.folder / "plain/alice.pub")
    terminal.run("bundle sign ./1.0.iso --key ./bob.key")
    with opened(terminal, "plain") as bundle:
        assert [version for version, _ in bundle.judgement.documents] == [1]
        assert bundle.signer == "alice, bob"
    (terminal.folder / "plain/alice.pub").unlink()
    shutil.copy(terminal.folder / "trusted/lab.pub", terminal.folder / "plain/lab.pub")
    with pytest.raises(UntrustedRootError, match="0 of 1 signatures that root 0 asks for"):
        opened(terminal, "plain")


def test_roots_and_revocations_are_attached_to_an_iso_that_is_made(terminal: Terminal) -> None:
    terminal.run("trust root ./roots/2.json --from ./roots/1.json --release-key ./bob.pub --release-key ./carol.pub "
                 "--expires 2041-01-01")  # fmt: skip
    terminal.run("trust sign ./roots/2.json --key ./bob.key --key ./carol.key")
    terminal.run("trust revocations ./revoked.json ./alice.pub --reason stolen")
    terminal.run("trust sign ./revoked.json --key ./bob.key --key ./carol.key")
    terminal.run("bundle sign ./1.0.iso --key ./bob.key --key ./carol.key")
    terminal.run("bundle attach ./1.0.iso --root-documents ./roots --revocations ./revoked.json")
    with opened(terminal) as bundle:
        assert bundle.judgement.root.version == 2
        assert [(key.name, reason) for key, reason in bundle.judgement.revoked] == [("alice", "stolen")]
        assert bundle.signer == "bob, carol"


def test_a_root_that_was_not_signed_enough_is_refused(terminal: Terminal) -> None:
    terminal.run("trust root ./roots/2.json --from ./roots/1.json --expires 2041-01-01")
    terminal.run("trust sign ./roots/2.json --key ./bob.key")
    terminal.run("bundle sign ./1.0.iso --key ./bob.key")
    terminal.run("bundle attach ./1.0.iso --root-documents ./roots")
    with pytest.raises(UntrustedRootError, match=r"root/2\.json on .*: 1 of 2 signatures that root 1 asks for"):
        opened(terminal)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("trust root ./2.json --root-key ./alice.pub --expires 2040-01-01", "role targets has 0 keys"),
        ("trust root ./2.json --root-key ./alice.key --expires 2040-01-01", "as a public key"),
        ("trust root ./2.json --from ./alice.pub --expires 2040-01-01", "it is no root document"),
        (
            "trust root ./2.json --from ./roots/1.json --root-threshold 4 --expires 2040-01-01",
            "3 keys, and 4 must sign",
        ),
        ("trust root ./2.json --from ./roots/1.json --expires tomorrow", "is not a time such as"),
        ("trust root ./2.json --from ./roots/1.json --expires 9999-12-31T23:00:00-10:00", "is not a time such as"),
        ("trust sign ./alice.pub --key ./alice.key", "it is no document of TUF"),
        ("bundle attach /dev/null --root-documents ./roots", "cannot put anything on /dev/null: it is no file"),
        ("trust sign ./roots/1.json --key ./alice.pub", "it is not an unencrypted private key"),
        ("trust show ./alice.pub", "it is no document of TUF"),
        ("bundle sign ./1.0.iso --key ./alice.key --expires 2030-01-01", "carries a statement already"),
        ("bundle sign ./roots/1.json --key ./alice.key", "it is not an ISO 9660 medium"),
        ("bundle attach ./1.0.iso", "nothing to attach"),
        ("bundle attach ./1.0.iso --root-documents ./services", "there is no root document N.json in it"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_and_changes_nothing(terminal: Terminal, line: str, says: str) -> None:
    before = {path: path.read_bytes() for path in terminal.folder.rglob("*") if path.is_file()}
    assert says in terminal.refused(line)
    assert {path: path.read_bytes() for path in terminal.folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "name", ["root/01.json", "root/1.json.bak", "root/0.json", "root/x/1.json", "targets.json.sig"]
)
def test_a_file_that_is_no_paper_is_still_one_that_nobody_signed_for(terminal: Terminal, name: str) -> None:
    terminal.run("bundle sign ./1.0.iso --key ./bob.key")
    with pytest.raises(UnlistedFileError):
        Bundle.open(terminal.workshop.variant({name: b"{}"}), terminal.workshop.trusted)


def test_papers_have_a_bound(terminal: Terminal) -> None:
    for name, error in (("targets.json", UnsignedBundleError), ("root/1.json", UntrustedRootError)):
        with pytest.raises(error, match="has 600000 bytes, more than 512000"):
            Bundle.open(terminal.workshop.variant({name: b" " * 600_000}), terminal.workshop.trusted)
        shutil.rmtree(terminal.folder / "variant")


def test_the_tools_need_no_secret_of_others(terminal: Terminal) -> None:
    for path in Path(terminal.folder).glob("*.key"):
        assert path.stat().st_mode & 0o777 == 0o600
