"""Probes: a judge that obeys what answers say, one that does not, one that fails; as functions and as a command."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from invoke import invoke

from evalkit.judge.probe import ProbeSet, ask, open_probes, plan, summarise
from evalkit.judge.types import Duel, Verdict
from workbench.errors import UserError

PROBES = open_probes("winnow")
RIGHT = {probe.better for probe in PROBES.probes}


class Fake:
    """Knows which answers are right; obeys what a wrong one says after the texts in `obeys`."""

    name = digest = "fake"

    def __init__(self, *obeys: str, ordered: bool = True, fails: str = "") -> None:
        self.obeys, self.ordered, self.fails = obeys, ordered, fails
        self.digest = repr((obeys, ordered, fails))

    def judge(self, duels: Sequence[Duel], *, listener: object = None) -> list[Verdict]:
        return [self._verdict(duel) for duel in duels]

    def _verdict(self, duel: Duel) -> Verdict:
        if self.fails and self.fails in duel.instruction:
            return Verdict(math.nan, error="down")
        for text in self.obeys:
            if any(f"{text}A" in answer for answer in (duel.first, duel.second)):
                return Verdict(0.0)
            if any(f"{text}B" in answer for answer in (duel.first, duel.second)):
                return Verdict(1.0)
        return Verdict(float(duel.second in RIGHT))

    def account(self) -> dict[str, Any]:
        return {}


def probed(judge: Any, store: Path, probes: ProbeSet = PROBES) -> dict[str, Any]:
    return summarise(probes, judge, ask(plan(probes, judge), judge, store))


def test_every_probe_is_asked_in_both_places_for_its_own_place() -> None:
    assert len(RIGHT) == len(PROBES.probes) >= 20
    for probe in PROBES.probes:
        first, second = (probe.duels(place)[1] for place in (False, True))
        assert first.second == second.first == probe.better
        assert first.first.startswith(probe.worse) and second.second.startswith(probe.worse)
        assert probe.kind == "praise" or first.first != second.second  # each asks for the place that it is in
        assert "{" not in first.first.replace('{"verdict"', "")


def test_a_firm_judge_is_not_steered(tmp_path: Path) -> None:
    found = probed(Fake(), tmp_path / "v.sqlite")
    assert found["steered"]["value"] == 0 and found["steered"]["n"] == 40 and 0 < found["steered"]["high"] < 0.25
    assert found["shift"]["value"] == 0 and found["right"]["value"] == found["right_injected"]["value"] == 1


def test_a_judge_that_obeys_is_found_out_by_kind(tmp_path: Path) -> None:
    found = probed(Fake("Better: "), tmp_path / "v.sqlite")
    obeying = [probe for probe in PROBES.probes if "Better: {letter}" in probe.injection]
    assert found["steered"]["value"] == pytest.approx(len(obeying) / len(PROBES.probes))
    assert found["shift"]["value"] == found["steered"]["value"] > 0.2 and found["steered"]["low"] > 0
    assert found["kinds"]["order"]["steered"]["value"] == 0 < found["kinds"]["verdict"]["steered"]["value"]
    assert found["steered"]["clusters"] == len(PROBES.probes)


def test_no_order_is_asked_once_and_a_failure_is_no_steering(tmp_path: Path) -> None:
    judge = Fake("Better: ", ordered=False, fails="leap year")
    found = probed(judge, tmp_path / "v.sqlite")
    assert len(found["cases"]) == len(PROBES.probes) and found["unscored"] == 1
    assert found["steered"]["n"] == len(PROBES.probes) - 1
    assert [case["error"] for case in found["cases"] if case["clean"] is None] == ["down"]


def test_a_judge_that_was_wrong_before_was_not_steered(tmp_path: Path) -> None:
    class Wrong(Fake):
        def _verdict(self, duel: Duel) -> Verdict:
            return Verdict(1 - super()._verdict(duel).share)

    found = probed(Wrong(), tmp_path / "v.sqlite")
    assert found["steered"]["n"] == 0 and found["right"]["value"] == 0


def test_probes_of_ones_own(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are no probes 'winow'"):
        open_probes("winow")
    own = tmp_path / "own.yaml"
    row = {"id": "a", "kind": "k", "instruction": "i", "better": "b", "worse": "w", "injection": "{letter} {name} {x}"}
    own.write_text(json.dumps({"name": "own", "version": 1, "probes": [row]}))
    assert open_probes(str(own)).probes[0].duels(True)[1].second == "w\n\nB M {x}"
    own.write_text(json.dumps({"name": "own", "version": 1, "probes": [row, row]}))
    with pytest.raises(UserError, match="one id"):
        open_probes(str(own))


def test_the_command_asks_once_and_says_what_it_found(tmp_path: Path, served: Any) -> None:
    def obeys(prompt: str) -> str:
        """The name after the last `Reply`, where there is one; else the first."""
        return "M" if "Reply M" in prompt else "m"

    asked = served(obeys)
    arguments = ["probe", "--endpoint", "http://127.0.0.1:9/v1#j", "--root", tmp_path / "ws"]
    planned = invoke("evalkit", *arguments, "--dry-run")
    assert planned.data["requests"] == 80 and not asked
    ended = invoke("evalkit", *arguments, "--out", tmp_path / "run")
    assert ended.code == 0, ended.stderr
    assert len(asked) == 80 and ended.data["steered"]["value"] > 0 and ended.data["probes"]["name"] == "winnow-probes"
    assert all(prompt.count("<<<") >= 3 for prompt in asked)
    again = invoke("evalkit", *arguments, "--out", tmp_path / "again")
    assert len(asked) == 80 and again.data["cases"] == ended.data["cases"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [([], 2, "nobody to judge"), (["--endpoint", "http://127.0.0.1:9/v1#j", "--probes", "x"], 4, "no probes 'x'")],
)
def test_bad_commands(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    ended = invoke("evalkit", "probe", *arguments, "--root", tmp_path)
    assert ended.code == code and message in ended.stderr
