"""``python -m spec.model``: explore everything, print states, properties and counterexamples."""

import argparse
import sys
from pathlib import Path

from spec.model.draw import as_text
from spec.model.explore import Found, explore
from spec.model.page import PAGE, drawn_anew
from spec.model.rule import Rule
from spec.model.scene import PROPERTIES
from spec.model.scenes import DEEP, REFUTED, SCENES, Refuted, refute


def main(arguments: list[str]) -> int:
    """Explore, print, and return 0 when the rule holds and every variant is refuted."""
    parser = argparse.ArgumentParser(
        prog="python -m spec.model", description="The refresh protocol, every interleaving."
    )
    parser.add_argument("--deep", action="store_true", help="explore the largest scenes too, for some minutes")
    parser.add_argument("--write", action="store_true", help="only draw the pictures of docs/protocol.md anew")
    asked = parser.parse_args(arguments)
    if asked.write:
        page = Path(PAGE)
        page.write_text(drawn_anew(page.read_text(encoding="utf-8")), encoding="utf-8")
        return 0
    holds = [_told(explore(scene, Rule())) for scene in (*SCENES, *(DEEP if asked.deep else ()))]
    refuted = [_told_refuted(each) for each in REFUTED]
    return 0 if all(holds + refuted) else 1


def _told(found: Found) -> bool:
    print(f"{found.scene.name}: {found.states:,} states, {found.moves:,} moves", flush=True)
    for name in PROPERTIES:
        print(f"    {'BROKEN' if name in found.broken else 'holds '}  {name}")
        if name in found.broken:
            print(as_text(found.broken[name]))
    return found.complete and not found.broken


def _told_refuted(refuted: Refuted) -> bool:
    print(f"\nvariant: {refuted.variant.name} ({refuted.variant.explanation})")
    try:
        trace = refute(refuted)
    except LookupError as error:
        print(f"    NOT REFUTED: {error}")
        return False
    print(f"    refuted: {refuted.breaks} does not hold")
    print(as_text(trace), flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
