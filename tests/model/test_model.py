"""The refresh protocol holds in every state that the model reaches, and fails with any of its parts taken away."""

import pytest

from sealring.sessions import decide
from spec.model import rule as rules
from spec.model.draw import as_text
from spec.model.explore import explore
from spec.model.rule import Rule
from spec.model.scene import PROPERTIES, Scene
from spec.model.scenes import REFUTED, SCENES, TABS, Refuted, refute


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_every_property_holds_in_every_state(scene: Scene) -> None:
    found = explore(scene, Rule())
    assert {name: as_text(trace) for name, trace in found.broken.items()} == {}
    assert found.complete
    assert found.states > 3_000, "the scene has shrunk to nothing"


@pytest.mark.parametrize("refuted", REFUTED, ids=lambda refuted: refuted.variant.name)
def test_the_rule_with_one_part_taken_away_is_refuted_by_a_trace(refuted: Refuted) -> None:
    trace = refute(refuted)
    assert trace[-1].move.breaks == refuted.breaks
    assert len(as_text(trace).splitlines()) >= 5


def test_every_property_is_one_that_some_variant_breaks() -> None:
    assert {refuted.breaks for refuted in REFUTED} == set(PROPERTIES)


def test_every_variant_is_refuted_somewhere() -> None:
    variants = {each for each in vars(rules).values() if isinstance(each, type) and issubclass(each, Rule)} - {Rule}
    assert {refuted.variant for refuted in REFUTED} == variants


def test_the_rule_of_the_model_is_the_one_that_the_library_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scene reaches every decision but that after a failover, and each is made by the library's function."""
    asked: list[str] = []

    def watched(*arguments: object) -> object:
        decision = decide(*arguments)  # type: ignore[arg-type]
        asked.append(decision.outcome)
        return decision

    monkeypatch.setattr(rules, "decide", watched)
    assert explore(
        Scene("one tab, a thief, a logout", requests=1, tabs=("A",), thief=True, logout=True), Rule()
    ).complete
    assert set(asked) == {"rotated", "unchanged", "replayed", "reused", "revoked"}


def test_a_scene_is_the_same_whichever_tab_is_called_first() -> None:
    """States that differ only in the names of the tabs count as one."""
    small = Scene("two tabs", requests=2)
    exchanged = Scene("two tabs", requests=2, tabs=("B", "A"))
    assert explore(small, Rule()).states == explore(exchanged, Rule()).states < explore(TABS, Rule()).states
