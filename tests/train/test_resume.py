"""A training that was killed ends with the same bytes as one that was not, and every step is in its tables once."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from killing import environment

from train.checkpoint import all_complete
from workbench.console import Terminated
from workbench.errors import UserError

from .toys import digest, trainer

KILLED = Path(__file__).with_name("killed.py")
LONG = {"steps": 40, "save_every": 3, "dropout": 0.1, "micro": 3}


TRAININGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama-adamw": ("moments", {**LONG, "llama": True}),
    "toy-muon": ("moments", {**LONG, "optim": {"optimizer": "muon"}}),
    "while-saving": ("saving", {**LONG, "steps": 4, "save_every": 2}),
}


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, tuple[int, str]]]:
    """Where the trainings are that were killed, and by name how often, and the digest of their weights."""
    out = tmp_path_factory.mktemp("killed")
    done = subprocess.run(
        [sys.executable, str(KILLED), str(out), json.dumps(TRAININGS), "1"],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out, json.loads(done.stdout)


@pytest.mark.parametrize("name", TRAININGS)
def test_kill_9_changes_nothing(tmp_path: Path, killed: tuple[Path, dict[str, tuple[int, str]]], name: str) -> None:
    options = TRAININGS[name][1]
    straight = trainer(tmp_path / "straight", **options)
    straight.train()
    kills, found = killed[1][name]
    assert kills >= 3
    assert found == digest(straight.model)
    folders = [tmp_path / "straight", killed[0] / name]
    tables = [pl.read_parquet(folder / "metrics") for folder in folders]
    assert tables[1]["step"].to_list() == list(range(1, options["steps"] + 1))
    for column in ("loss", "grad_norm", "lr", "weight", "tokens", "accuracy"):
        assert tables[0][column].to_list() == tables[1][column].to_list()
    names = [sorted(path.name for path in folder.rglob("*.tmp-*")) for folder in folders]
    assert names == [[], []]


@pytest.mark.parametrize(("number", "raised"), [(signal.SIGTERM, Terminated), (signal.SIGINT, KeyboardInterrupt)])
def test_a_signal_saves_and_the_next_start_goes_on(tmp_path: Path, number: int, raised: type[BaseException]) -> None:
    straight = trainer(tmp_path / "straight", steps=9)
    straight.train()

    asked = trainer(tmp_path / "asked", steps=9)
    batches = asked.terms[0].source.batches

    def asking(step: int, rank: int, world: int) -> Any:
        if step == 4:
            signal.raise_signal(number)
        return batches(step, rank, world)

    asked.terms[0].source.batches = asking  # type: ignore[method-assign]
    handlers = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    with pytest.raises(raised):
        asked.train()
    assert [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)] == handlers
    assert [path.name for path in all_complete(tmp_path / "asked")] == ["step-00000005"]

    after = trainer(tmp_path / "asked", steps=9)
    after.train()
    assert digest(after.model) == digest(straight.model)
    assert pl.read_parquet(tmp_path / "asked" / "metrics")["step"].to_list() == list(range(1, 10))


def test_until_stops_on_the_way_and_a_finished_training_is_left_alone(tmp_path: Path) -> None:
    straight = trainer(tmp_path / "straight", steps=6)
    straight.train()
    part = trainer(tmp_path / "part", steps=6)
    assert part.train(until=4).ended == "until"
    assert part.train(until=5).step == 5  # goes on in the same process
    whole = trainer(tmp_path / "part", steps=6)
    outcome = whole.train()
    assert (outcome.step, outcome.ended) == (6, "steps")
    assert digest(whole.model) == digest(straight.model)
    before = sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "part").rglob("*.safetensors"))
    again = trainer(tmp_path / "part", steps=6)
    assert again.train() == outcome
    assert digest(again.model) == digest(straight.model)
    assert sorted((path, path.stat().st_mtime_ns) for path in (tmp_path / "part").rglob("*.safetensors")) == before


def test_another_recipe_or_other_data_do_not_go_on(tmp_path: Path) -> None:
    made = trainer(tmp_path, identity={"recipe": "a", "data": "b"})
    made.train()
    with pytest.raises(UserError, match="another data") as caught:
        trainer(tmp_path, identity={"recipe": "a", "data": "c"}).train()
    assert caught.value.code == 4
