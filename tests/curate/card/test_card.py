"""`curate card`: what stands in the card, what does not, and the check of open blanks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from whole_run import Ended, curate

from workbench.runs import Run

from .conftest import ANSWERS, HOSTILE


def card(run: Path, folder: Path, text: str = "", *more: str | Path) -> Ended:
    (folder / "answers.yaml").write_text(text)
    return curate("card", run, "--root", folder, "--answers", folder / "answers.yaml", *more)


@pytest.fixture(scope="module")
def written(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("card")
    licences = "licences: [{host: '*.gov.uk', licence: OGL-UK-3.0, url: https://o.example/l}]\n"
    extra = licences + "citation: '@misc{small}'\nlimitations: [Only five.]\n"
    ended = card(small, folder, ANSWERS + extra, "--to", folder / "card")
    assert ended.code == 0, ended.stderr
    return folder / "card"


def front(text: str) -> dict[str, Any]:
    _, head, _ = text.split("---\n", 2)
    values: dict[str, Any] = yaml.safe_load(head)
    return values


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_front_matter(written: Path) -> None:
    values = front((written / "README.md").read_text())
    assert values["pretty_name"] == "Small crawl"
    assert values["license"] == "odc-by"
    assert values["language"] == ["de", "en"]
    assert values["size_categories"] == ["n<1K"]
    assert values["configs"][0]["data_files"] == [{"split": "train", "path": "documents/*.parquet"}]


def test_counts_and_removal_by_step(written: Path) -> None:
    text = (written / "README.md").read_text()
    assert "- documents: 5\n- tokens (estimate): 150\n" in text
    assert "| `read` | 10 | 3 | 1 | 6 | 40.0 % |" in text
    assert "10 records = 5 kept + 4 dropped + 1 failed." in text
    assert "| `read.mime` | 3 |" in text


def test_personal_data_licences_and_gaps(written: Path) -> None:
    text = (written / "README.md").read_text()
    assert "| `email` | `replace` | 2 | 3 |" in section(text, "Personal data")
    assert "| `host *.gov.uk` | `OGL-UK-3.0 https://o.example/l` | 2 | 30 |" in section(text, "Licences and rights")
    assert "| `unknown` | `unknown` | 3 | 120 |" in section(text, "Licences and rights")
    gaps = section(text, "Known gaps")
    for said in (
        "host x.example lost 95 % of its pages",
        "missing: 1 of 10.",
        "limit on their size: 1.",
        "language is not known: 1.",
        "For 60.0 % of the documents the licence",
        "Tokens are estimated",
        "names of people",
        "items of benchmarks",
        "Only five.",
    ):
        assert said in gaps


def test_hostile_names_are_nothing_but_text(written: Path) -> None:
    text = (written / "README.md").read_text()
    (line,) = [line for line in text.splitlines() if "evil.example" in line]
    assert line.startswith("| `a\\|b'](http://evil.example)<script>.example` | 1 | 40 |")
    assert HOSTILE not in (written / "croissant.json").read_text()


def test_nothing_tells_of_time_or_machine(written: Path, small: Path) -> None:
    manifest = json.loads((small / "manifest.json").read_text())
    whole = "".join(path.read_text() for path in written.iterdir())
    for secret in (manifest["created"][:10], manifest["environment"]["platform"], str(small.parent), "/home/ada"):
        assert secret not in whole
    assert "one.warc" in whole


def test_open_blanks_are_named_and_fail_the_check(small: Path, tmp_path: Path) -> None:
    ended = card(small, tmp_path, "name: Small\npurpose: TODO\n", "--to", tmp_path / "card")
    assert ended.code == 0
    text = (tmp_path / "card/README.md").read_text()
    assert set(re.findall(r"Blank for people to fill in\*\* \(`(\w+)`\)", text)) == {
        "description",
        "licence",
        "creators",
        "contact",
        "purpose",
        "rights",
        "personal_data",
    }
    assert "license" not in front(text)
    checked = card(small, tmp_path, "name: Small\npurpose: TODO\n", "--check", "--to", tmp_path / "none")
    assert checked.code == 1
    assert len(checked.envelope["errors"]) == 7
    assert not (tmp_path / "none").exists()
    assert card(small, tmp_path, ANSWERS, "--check").code == 0


def test_another_licence_is_named_for_the_hub(small: Path, tmp_path: Path) -> None:
    card(small, tmp_path, "licence: Our Own 2.0\nlicence_url: https://small.example/l\n", "--to", tmp_path / "card")
    values = front((tmp_path / "card/README.md").read_text())
    assert (values["license"], values["license_name"]) == ("other", "our-own-2.0")
    assert values["license_link"] == "https://small.example/l"


def test_card_and_answers_lie_beside_the_run(small: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(small, tmp_path / "run")
    (tmp_path / "run.card.yaml").write_text(ANSWERS)
    ended = curate("card", tmp_path / "run", "--root", tmp_path)
    assert ended.data["card"] == str(tmp_path / "run.card")
    assert "# Small crawl" in (tmp_path / "run.card/README.md").read_text()
    assert curate("verify", tmp_path / "run", "--root", tmp_path).data["checks"][0]["ok"]


def test_an_export_has_the_card_that_is_written_of_it_later(small: Path, tmp_path: Path) -> None:
    (tmp_path / "out.card.yaml").write_text(ANSWERS)
    options = ["--format", "datasets", "--splits", "train=0.6,test=0.4", "--root", tmp_path, "--force"]
    assert curate("export", small, "--to", tmp_path / "out", *options).code == 0
    assert curate("card", tmp_path / "out", "--to", tmp_path / "card", "--root", tmp_path).code == 0
    for name in ("README.md", "croissant.json"):
        assert (tmp_path / "card" / name).read_text() == (tmp_path / "out" / name).read_text()
    values = front((tmp_path / "out/README.md").read_text())
    assert [part["split"] for part in values["configs"][0]["data_files"]] == ["train", "test"]
    assert "| `train` | " in (tmp_path / "out/README.md").read_text()


def test_what_classifiers_said_is_shown(small: Path, tmp_path: Path) -> None:
    text = card_text(small, tmp_path)
    assert "| `science` | 2 | 30 | 20.0 % |\n| `unknown` | 1 | 0 | 0.0 % |" in section(text, "By domain.topic")
    assert "Classifiers gave each document `domain.topic`, `quality.edu`." in text
    assert "judged the quality" not in text and "toxic" in section(text, "Known gaps")


def card_text(run: Path, folder: Path) -> str:
    assert card(run, folder, ANSWERS, "--to", folder / "card").code == 0
    return (folder / "card/README.md").read_text()


def test_a_report_on_the_documents_of_another_run_describes_those(small: Path, tmp_path: Path) -> None:
    parent = Run.open(small, tmp_path)
    with Run.create(tmp_path / "report", "curate.decontaminate", "x\n", root=tmp_path, parents=[parent]) as run:
        run.finish(counts={"items_contaminated": 7})
    text = card_text(tmp_path / "report", tmp_path)
    assert "- files: 1\n" in text
    assert "not removed: 7." in section(text, "Known gaps")
    assert "x.example lost" in text


def test_a_mix_counts_copies(small: Path, tmp_path: Path) -> None:
    (tmp_path / "mix.yaml").write_text("by: [lang]\ntokens: 300\n")
    mixed = curate("mix", small, tmp_path / "mix.yaml", "--root", tmp_path, "--out", tmp_path / "mix")
    assert mixed.code == 0, mixed.stderr
    ended = card(tmp_path / "mix", tmp_path, ANSWERS, "--to", tmp_path / "card")
    assert ended.code == 0, ended.stderr
    text = (tmp_path / "card/README.md").read_text()
    tokens, copies = (mixed.data["counts"][name] for name in ("tokens_taken", "copies"))
    assert f"- rows (documents with their copies): {copies:,}\n- tokens (estimate): {tokens:,}\n" in text
    assert "`mix`: How often each document is read" in text
