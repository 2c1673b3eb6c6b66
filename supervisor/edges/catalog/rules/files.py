"""Rules for the files of a service: templates, their targets and what their changes ask for."""

from __future__ import annotations

from collections.abc import Iterator

from supervisor.documents import FAULTY
from supervisor.edges.catalog.rules.draft import (
    Draft,
    item_faults,
    problem_at,
    repeated,
    template_faults,
)
from supervisor.edges.templating import COMPONENT, ITEM_NAMES, NAMES, RAW_SUFFIX, expression_fault, template_fault
from supervisor.values.errors import Fault
from supervisor.values.manifest import (
    OnChange,
)


def name_is_the_folders(draft: Draft) -> Iterator[Fault]:
    """The name of a service is that of its folder."""
    name = draft.value("name")
    if name and name != draft.folder:
        yield Fault("name", f"is {name}, but the folder is {draft.folder}")


def templates_render(draft: Draft) -> Iterator[Fault]:
    """Templates exist and are templates; so are targets, and conditions are expressions."""
    for at, item in draft.items("config"):
        names = ITEM_NAMES if item.each else NAMES
        text = draft.templates.get(item.template)
        if item.template is FAULTY:
            pass
        elif text is None:
            yield Fault(f"{at}.template", f"there is no file templates/{item.template}")
        else:
            fault_of = expression_fault if item.template.endswith(RAW_SUFFIX) else template_fault
            problem = fault_of(text, names, item.is_secret is not False)
            yield from problem_at(f"{at}.template", problem and f"{item.template}: {problem}")
        yield from template_faults(f"{at}.target", item.target, names)
        yield from item_faults(at, item, names)


def targets_stay_below_their_folder(draft: Draft) -> Iterator[Fault]:
    """A target that is no template is a plain path; of one that is, the renderer sees to it."""
    for at, item in draft.items("config"):
        target = item.target
        if target is FAULTY or "{" in target or all(COMPONENT.fullmatch(part) for part in target.split("/")):
            continue
        yield Fault(f"{at}.target", f"{target!r:.80} is not a path of letters, digits and ._@:+-")


def targets_differ(draft: Draft) -> Iterator[Fault]:
    """No two files that are always there have one target."""
    always = [(at, item.target) for at, item in draft.items("config") if item.when is None]
    for at, target in repeated([(at, target) for at, target in always if target is FAULTY or "{" not in target]):
        yield Fault(f"{at}.target", f"{target} is the target of another entry")


def reload_is_said(draft: Draft) -> Iterator[Fault]:
    """A manifest that asks for a reload declares how it is done."""
    if draft.is_given("reload"):
        return
    for at, item in draft.items("config"):
        for key in ("on_add", "on_change", "on_remove"):
            if getattr(item, key) is OnChange.RELOAD:
                yield Fault(f"{at}.{key}", "asks for a reload, but the manifest has no `reload`")
