"""Rules between the parts of a manifest, for what a shape alone cannot see.

Each rule yields faults. A value that was refused already is FAULTY here, also inside another value, and rules pass
over it.
"""

from supervisor.edges.catalog.rules.counters import counters_can_be_added, errors_can_be_counted
from supervisor.edges.catalog.rules.draft import Draft, Rule
from supervisor.edges.catalog.rules.files import (
    name_is_the_folders,
    reload_is_said,
    targets_differ,
    targets_stay_below_their_folder,
    templates_render,
)
from supervisor.edges.catalog.rules.folders import (
    folders_have_names,
    mounts_are_apart,
    only_copies_are_replayed,
    only_shared_volumes_list_what_is_spent,
    owners_are_written,
)
from supervisor.edges.catalog.rules.knowledge import (
    awaited_can_be_read,
    knowledge_can_be_told,
    telling_needs_an_overlap,
)
from supervisor.edges.catalog.rules.network import (
    frontends_fit_the_network,
    frontends_have_names,
    gap_port_has_a_condition_that_compiles,
    masquerading_needs_a_namespace,
    ports_can_overlap,
    shares_are_of_connections,
    syncing_needs_a_namespace,
    takeover_is_the_strategy,
)
from supervisor.edges.catalog.rules.probes import (
    cautions_can_be_asked,
    probes_make_sense,
    undertakings_make_sense,
)

__all__ = ["RULES", "Draft"]

RULES: tuple[Rule, ...] = (
    name_is_the_folders,
    templates_render,
    targets_stay_below_their_folder,
    targets_differ,
    reload_is_said,
    frontends_fit_the_network,
    shares_are_of_connections,
    ports_can_overlap,
    masquerading_needs_a_namespace,
    takeover_is_the_strategy,
    gap_port_has_a_condition_that_compiles,
    folders_have_names,
    frontends_have_names,
    mounts_are_apart,
    probes_make_sense,
    only_copies_are_replayed,
    only_shared_volumes_list_what_is_spent,
    owners_are_written,
    errors_can_be_counted,
    undertakings_make_sense,
    cautions_can_be_asked,
    awaited_can_be_read,
    knowledge_can_be_told,
    counters_can_be_added,
    telling_needs_an_overlap,
    syncing_needs_a_namespace,
)
