"""The page about the protocol shows what the model draws, and says what the code says."""

import subprocess
import sys
from pathlib import Path

import pytest

from sealring.policy import SessionPolicy
from sealring.sessions import Outcome
from spec.model.draw import as_diagram, as_text
from spec.model.page import PAGE, drawn_anew
from spec.model.scenes import STORIES, Story, tell

ROOT = Path(__file__).parents[2]
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_drawing_of_the_page_is_the_one_that_the_model_makes() -> None:
    assert drawn_anew(TEXT) == TEXT, "run: python -m spec.model --write"


def test_a_page_that_lacks_a_drawing_is_noticed() -> None:
    with pytest.raises(LookupError):
        drawn_anew(TEXT.replace("<!-- model: rotation -->", ""))


def test_the_page_names_every_outcome_that_gives_tokens_and_the_numbers_of_the_policy() -> None:
    table = TEXT.split("## The idea")[1].split("## When all is well")[0]
    assert {outcome for outcome in Outcome if f"`{outcome}`" in table} >= {o for o in Outcome if o.gives_tokens}
    assert f"{SessionPolicy().grace.total_seconds():g} seconds" in table
    assert f"up to {SessionPolicy().rollback_tolerance} generations ahead" in table


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_counts_its_generations_from_the_login(story: Story) -> None:
    trace = tell(story)
    assert "token 1" in as_text(trace) or "generation 1" in as_text(trace)
    assert as_diagram(trace).startswith("sequenceDiagram\n    participant")


def test_the_command_refuses_what_it_does_not_know_and_explains_itself() -> None:
    command = [sys.executable, "-m", "spec.model", "--help"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert "--deep" in result.stdout
