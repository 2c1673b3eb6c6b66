"""The supervisor is killed before every single change it makes to the world, and another one takes its place.

The twin in memory of the fault campaign: the real loop on fakes that outlive it, in virtual time. Between two changes
nothing can be told apart from outside, so one point before each change, and one at the end, are all there are.
"""

from __future__ import annotations

import pytest

from tests.kit.simulation.kill_points import PHASES, recorded, wrong_after_kill, wrong_after_power_loss
from tests.kit.simulation.scenarios import ALL, Scenario
from tests.unit.loop.conftest import Sample

every_scenario = pytest.mark.parametrize("scenario", ALL, ids=str)


@every_scenario
def test_killed_anywhere_it_converges(scenario: Scenario, sample: Sample) -> None:
    changes = recorded(scenario).changes
    wrong = {}
    for point in sample(range(len(changes) + 1), f"deaths in {scenario}", 6):
        if found := wrong_after_kill(scenario, point):
            wrong[f"{point} before {(*changes, 'the end')[point]}"] = found
    assert not wrong


@every_scenario
def test_killed_anywhere_and_once_more_while_it_comes_back(scenario: Scenario, sample: Sample) -> None:
    changes = recorded(scenario).changes
    points = [(first, second) for first in range(len(changes) + 1) for second in range(0, 16, 3)]
    wrong = {}
    for first, second in sample(points, f"double deaths in {scenario}", 3):
        if found := wrong_after_kill(scenario, first, again=second):
            wrong[f"{first}, {second}"] = found
    assert not wrong


@pytest.mark.parametrize("scenario", [one for one in ALL if one.name == "revert-after-reload"], ids=str)
def test_a_former_that_does_not_run_yet_gets_no_clients_from_a_supervisor_that_comes_back(scenario: Scenario) -> None:
    """The journal calls it the active already: killed there, and killed again while it is started once more."""
    cut = recorded(scenario).changes.index("store.move_active")
    points = [(first, second) for first in range(cut, cut + 4) for second in range(16)]
    wrong = {point: found for point in points if (found := wrong_after_kill(scenario, point[0], again=point[1]))}
    assert wrong == {}


@pytest.mark.parametrize("scenario", [one for one in ALL if one.service == "router"], ids=str)
def test_killed_anywhere_whenever_a_client_changes_the_state(scenario: Scenario, sample: Sample) -> None:
    points = [(phase, n) for phase in PHASES for n in range(len(recorded(scenario, phase).changes) + 1)]
    wrong = {}
    for phase, point in sample(points, f"deaths among leases in {scenario}", 6):
        if found := wrong_after_kill(scenario, point, phase=phase):
            wrong[f"{phase:.3f}, {point} before {(*recorded(scenario, phase).changes, 'the end')[point]}"] = found
    assert not wrong


@every_scenario
def test_without_power_anywhere_one_good_generation_comes_up(scenario: Scenario, sample: Sample) -> None:
    points = [(n, keeps) for n in range(len(recorded(scenario).changes) + 1) for keeps in (False, True)]
    wrong = {}
    for point, keeps in sample(points, f"reboots in {scenario}", 3):
        if found := wrong_after_power_loss(scenario, point, keeps_containers=keeps):
            wrong[f"{point} before {(*recorded(scenario).changes, 'the end')[point]}, containers kept: {keeps}"] = found
    assert not wrong
