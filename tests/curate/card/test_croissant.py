"""Croissant 1.1 as mlcroissant reads it, and its provenance as RDF."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from whole_run import curate

from .conftest import ANSWERS

PROV = "http://www.w3.org/ns/prov#"


@pytest.fixture(scope="module")
def exported(small: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("croissant")
    (folder / "out.card.yaml").write_text(ANSWERS + "date_published: 2026-05-01\ncitation: '@misc{small}'\n")
    options = ["--format", "datasets", "--splits", "train=0.6,test=0.4", "--root", folder, "--force"]
    ended = curate("export", small, "--to", folder / "out", *options)
    assert ended.code == 0, ended.stderr
    return folder / "out"


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "croissant.json").read_text())
    return found


def test_one_activity_for_each_step_in_a_chain(exported: Path) -> None:
    steps = document(exported)["prov:wasGeneratedBy"]
    assert {step["@type"] for step in steps} == {"prov:Activity"}
    labels = [step["prov:label"] for step in steps]
    assert labels[:4] == ["read", "extract", "edit", "url"]
    assert labels[-1] == "export"
    assert steps[0]["prov:used"] == [{"@id": "input/0"}, {"@id": "input/1"}]
    assert [step["prov:wasInformedBy"]["@id"] for step in steps[1:]] == [step["@id"] for step in steps[:-1]]
    read = {one["propertyID"]: one["value"] for one in steps[0]["additionalProperty"]}
    assert read == {"documents_in": 10, "dropped": 3, "failed": 1, "documents_out": 6}


def test_every_file_with_its_hash(exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    hashes = {file["path"]: file["sha256"] for file in manifest["outputs"] if file["path"].startswith("data/")}
    files = [one for one in document(exported)["distribution"] if one["@type"] == "cr:FileObject"]
    assert {file["contentUrl"]: file["sha256"] for file in files} == hashes


@pytest.mark.oracle
def test_mlcroissant_accepts_it_and_reads_the_rows(exported: Path, caplog: pytest.LogCaptureFixture) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    with caplog.at_level(logging.WARNING):
        data = mlcroissant.Dataset(jsonld=str(exported / "croissant.json"))
    assert not data.metadata.ctx.issues.errors and not data.metadata.ctx.issues.warnings
    assert not caplog.records, "the context is that of the specification"
    assert data.metadata.ctx.conforms_to.value == "http://mlcommons.org/croissant/1.1"
    rows = [row for split in ("train", "test") for row in data.records(split)]
    assert len(rows) == 5
    texts = {value for row in rows for name, value in row.items() if name.endswith("/text")}
    assert {"fünf".encode(), b"eins"} <= texts


@pytest.mark.oracle
def test_mlcroissant_accepts_the_card_of_a_run_without_answers(small: Path, tmp_path: Path) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    assert curate("card", small, "--root", tmp_path, "--to", tmp_path / "card").code == 0
    data = mlcroissant.Dataset(jsonld=document(tmp_path / "card"))
    assert not data.metadata.ctx.issues.errors


@pytest.mark.oracle
@pytest.mark.parametrize("format", ["jsonl.zst", "parquet"])
def test_mlcroissant_accepts_other_formats_and_mixes(small: Path, tmp_path: Path, format: str) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    (tmp_path / "mix.yaml").write_text("by: [lang]\ntokens: 300\nphases: {main: {}, end: {}}\n")
    assert curate("mix", small, tmp_path / "mix.yaml", "--root", tmp_path, "--out", tmp_path / "mix").code == 0
    options = ["--format", format, "--splits", "train=0.6,test=0.4", "--root", tmp_path, "--force"]
    assert curate("export", tmp_path / "mix", "--to", tmp_path / "out", *options).code == 0
    assert curate("card", tmp_path / "out", "--root", tmp_path, "--to", tmp_path / "card").code == 0
    found = document(tmp_path / "card")
    assert [one["@id"] for one in found["recordSet"]] == ["main-train", "main-test", "end-train", "end-test"]
    assert not mlcroissant.Dataset(jsonld=found).metadata.ctx.issues.errors


@pytest.mark.oracle
def test_the_provenance_is_rdf(exported: Path) -> None:
    rdflib = pytest.importorskip("rdflib")
    graph = rdflib.Graph().parse(data=json.dumps(document(exported)), format="json-ld", publicID="http://x.example/")
    activity, entity, agent = (rdflib.URIRef(PROV + name) for name in ("Activity", "Entity", "SoftwareAgent"))
    kinds = rdflib.RDF.type
    steps = set(graph.subjects(kinds, activity))
    assert len(steps) == len(document(exported)["prov:wasGeneratedBy"])
    assert len(set(graph.subjects(kinds, entity))) == 2
    (winnow,) = set(graph.subjects(kinds, agent))
    assert set(graph.subjects(rdflib.URIRef(PROV + "wasAssociatedWith"), winnow)) == steps
