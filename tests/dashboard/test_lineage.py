"""Lineage: families of runs, one focused picture, cards, reports and schedules, and all that can be wrong with them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from dashboard_app import page
from dashboard_runs import write_run
from overview_runs import crawl, evaluated, report, told, trained
from starlette.applications import Starlette
from starlette.testclient import TestClient

from dashboard import cardtext, routes, security
from dashboard.charts.lineage import height, spec
from dashboard.panels import lineage_path
from dashboard.queries import cards, lineage, paths, reports
from dashboard.queries.paths import Node
from dashboard.source import Source, open_database
from dashboard.workspace import RunRef, scan
from evalkit.report import acknowledged
from workbench import manifest
from workbench.errors import UserError
from workbench.runs import Run

pytest.importorskip("streamlit")
NOW = datetime(2026, 11, 12, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> {b} [x](javascript:y) ‮"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs that do not ask git for the commit: there are many of them."""
    monkeypatch.setattr(manifest, "_git", lambda *_: None)


def whole(root: Path) -> Run:
    """A crawl, a mix and an export of it, tokens, a model, what it learnt next, and evaluations."""
    first = crawl(root)
    ids = [f"{number:032x}" for number in range(3)]
    mix = pl.DataFrame({"id": ids[:2], "copies": [1, 2], "phase": ["main", "anneal"]})
    mixed = write_run(root, "mixed", "curate.mix", {"mixture": mix}, parents=[first])
    write_run(root, "export", "curate.export", {"data": pl.DataFrame({"id": ids[:1]})}, parents=[first])
    rows = pl.DataFrame({"id": ids[:1], "split": ["train"], "tokens": [11]})
    tokens = write_run(root, "tokens", "train.tokens", {"documents": rows}, parents=[mixed, first])
    base = trained(root, "base", tokens)
    evaluated(root, "scored", base)
    evaluated(root, "scored-chat", trained(root, "chat", base, kind="train.sft"))
    return first


def test_a_family_is_found_by_digests_in_both_directions(tmp_path: Path) -> None:
    whole(tmp_path)
    found = lineage.family(scan(tmp_path))
    assert found.ancestors("scored-chat") == ["chat", "base", "tokens", "mixed", "crawl"]
    assert set(found.descendants("mixed")) == {"tokens", "base", "scored", "chat", "scored-chat"}
    assert found.lost(found.runs) == []


def test_parents_that_changed_or_are_gone_are_said(tmp_path: Path) -> None:
    whole(tmp_path)
    path = tmp_path / "mixed/manifest.json"
    path.write_text(path.read_text().replace('"counts": {}', '"counts": {"documents": 5}'))
    shutil.rmtree(tmp_path / "base")
    found = lineage.family(scan(tmp_path))
    assert {(child, link.name, link.state) for child, link in found.lost(found.runs)} == {
        ("tokens", "mixed", "changed"),
        ("scored", "base", "gone"),
        ("chat", "base", "gone"),
    }
    drawn = paths.picture(found, "scored", found.descendants("scored"))
    assert [(node.title, node.state) for node in drawn.nodes] == [("base", "gone"), ("scored", "focus")]
    assert drawn.edges == (("gone", "run scored"),)
    tokens = paths.picture(found, "tokens", [])
    assert {node.title: node.state for node in tokens.nodes}["tokens"] == "focus"


def test_a_circle_of_pointers_is_walked_once(tmp_path: Path) -> None:
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a"), ("d", "d")):
        run = write_run(tmp_path, name, "curate.decide")
        content = json.loads((run.path / "manifest.json").read_text())
        content["parents"] = [{"id": parent, "path": f"../{parent}", "digest": "0" * 64}]
        (run.path / "manifest.json").write_text(json.dumps(content))
    found = lineage.family(scan(tmp_path))
    assert found.ancestors("a") == ["b", "c"] and set(found.descendants("a")) == {"b", "c"}
    drawn = paths.picture(found, "a", found.descendants("a"))
    assert {node.title for node in drawn.nodes} == {"a", "b", "c"} and len(drawn.edges) == 3
    assert found.ancestors("d") == [] and len(paths.picture(found, "d", []).nodes) == 1


def test_a_picture_has_25_nodes_at_most(tmp_path: Path) -> None:
    parents = {"base": ""}
    for number in range(12):
        parents[f"stage-{number:02}"] = "base"
        parents |= {f"eval-{number:02}-{each}": f"stage-{number:02}" for each in range(3)}

    def kind(name: str) -> str:
        return "eval" if name.startswith("eval") else f"train.kind{int(name[-1]) % 4}" if name[-1].isdigit() else "x"

    runs = {name: RunRef(name, tmp_path, kind(name), "finished", name) for name in parents}
    links = {name: (lineage.Link(above, runs[above], "same"),) for name, above in parents.items() if above}
    down = {name: tuple(child for child, above in parents.items() if above == name) for name in parents}
    found = lineage.Family(runs, links, down)
    drawn = paths.picture(found, "base", found.descendants("base"))
    assert len(drawn.nodes) <= paths.MOST and drawn.hidden == 0
    assert sum(len(node.runs) for node in drawn.nodes) == 49
    assert "36 × eval" in {node.title for node in drawn.nodes}
    many = [Node(f"n{number}", "x", "y", "step") for number in range(24)]
    tight = paths.picture(found, "base", found.descendants("base"), (), many)
    assert len(tight.nodes) <= paths.MOST and tight.hidden > 0


def test_checkpoints_stand_between_and_scores_below(tmp_path: Path) -> None:
    whole(tmp_path)
    found = lineage.family(scan(tmp_path))
    assert (
        lineage.checkpoints(found.runs["base"]) == ["step-00000007"] and lineage.checkpoints(found.runs["crawl"]) == []
    )
    drawn = paths.picture(found, "base", found.descendants("base"))
    more = paths.between(drawn, "base", Node("c", "step", "", "checkpoint"))
    assert {edge for edge in more.edges if "c" in edge} == {
        ("run base", "c"),
        ("c", "run scored"),
        ("c", "run chat"),
    }
    assert paths.between(drawn, "scored", Node("c", "", "", "checkpoint")) == drawn
    assert paths.below(drawn, "scored", Node("s", "", "", "scores")).edges[-1] == ("run scored", "s")
    assert paths.below(drawn, "nowhere", Node("s", "", "", "scores")) == drawn


def test_where_a_document_and_a_host_went(tmp_path: Path) -> None:
    whole(tmp_path)
    here = scan(tmp_path)
    found, database = lineage.family(here), open_database(here.directories)

    def places(key: str) -> dict[str, lineage.Place | None]:
        return {run.id: lineage.document(Source(database, run), key) for run in here.runs if run.readable}

    first = places(f"{0:032x}")
    assert first["crawl"] == lineage.Place(True, "kept") and first["mixed"] == lineage.Place(True, "copies: 1 in main")
    assert first["export"] == lineage.Place(True, "exported")
    assert first["tokens"] == lineage.Place(True, "11 tokens, for training") and first["base"] is None
    assert lineage.reached(found, "crawl", first) == set(found.runs)
    second = places(f"{1:032x}")
    assert second["tokens"] == lineage.Place(False, "not among the tokens")
    assert lineage.reached(found, "crawl", second) == {"crawl", "mixed"}
    short = places(f"{5:032x}")
    assert short["crawl"] == lineage.Place(False, "dropped: gopher.words_min")
    assert lineage.reached(found, "crawl", short) == set()
    run = here.get("crawl")
    assert run is not None
    assert lineage.host(Source(database, run), "h0.example") == lineage.Place(True, "2 documents, 40 tokens")
    assert lineage.host(Source(database, run), "' OR 1=1") == lineage.Place(False, "nothing kept of it")


def test_names_are_no_templates_in_the_picture(tmp_path: Path) -> None:
    drawn = paths.Picture((Node("k", HOSTILE + "|", "{title|x}", "run", "gone"),), ())
    box = spec(drawn, dark=True)["series"][1]["data"][0]
    assert box["label"]["formatter"].count("{") == 2 and box["label"]["formatter"].count("|") == 2
    assert "{" not in box["name"] and "‮" not in box["name"] and height(drawn) == 86


def test_the_page_of_a_run_a_document_and_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole(tmp_path)
    app = page("lineage", tmp_path, run="base")
    assert not app.exception
    said = told(app)
    assert "base: made from 3 runs; made from it: 3 runs" in said and "✓ 2 as they were" in said
    assert "0.500 [0.400, 0.600] n=40" in said and len(app.get("echarts_chart")) == 1
    with monkeypatch.context() as fewer:
        app = page("lineage", tmp_path, run="scored-chat", id=f"{1:032x}")
        assert not app.exception
        assert "2 of 6 runs hold the document" in told(app) and "not among the tokens" in told(app)
        assert "were asked" not in told(app)
        fewer.setattr(lineage_path, "_TABLES", 2)
        assert "The 2 nearest of 3 runs with documents were asked" in told(app.run())
    app = page("lineage", tmp_path, run="crawl", host="h0.example")
    assert "8 of 8 runs hold the host h0.example" in told(app)
    evaluated(tmp_path, "alone")
    app = page("lineage", tmp_path, run="alone", host="h0.example")
    assert "made from no run that counts documents by host" in told(app) and "runs hold" not in told(app)
    app = page("lineage", tmp_path, run="crawl", id="<b>'; DROP")
    assert not app.exception and "No document &#x27;&lt;b&gt;" in told(app)


def test_files_are_verified_on_demand(tmp_path: Path) -> None:
    whole(tmp_path)
    (tmp_path / "mixed/mixture/part-00000.parquet").write_bytes(b"x")
    app = page("lineage", tmp_path, run="tokens")
    assert "files are what the manifest says" not in told(app)
    app = app.button(key="l-verify").click().run()
    assert not app.exception
    said = told(app)
    assert "✓ 7 files are what the manifest says" in said and "✕ mixture/part-00000.parquet has 1 bytes" in said


def test_damaged_and_hostile_workspaces_are_cards(tmp_path: Path) -> None:
    name = HOSTILE.replace("/", "∕")
    half = Run.create(tmp_path / "half", "curate.run", "x: 1\n", root=tmp_path)
    half.close()
    parent = write_run(tmp_path, name, "curate.decide")
    crawl(tmp_path, "child", parents=(parent,))
    shutil.rmtree(tmp_path / "child/decisions")
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer/manifest.json").write_text('{"schema": "workbench.manifest/9"}')
    lines = ({"run": name}, {"run": "half"}, {"run": "newer"}, {"run": "child", "id": "0" * 32})
    for query in (*({"tab": "Lineage", **each} for each in lines), {"tab": "Cards", "run": "?"}):
        app = page("lineage", tmp_path, **query)
        assert not app.exception
        assert "<script>" not in "".join(each.proto.body for each in app.get("html"))
    for tab in ("Lineage", "Cards", "Reports", "Schedules", "<b>"):
        app = page("lineage", tmp_path / "nowhere", tab=tab)
        assert not app.exception


CARD = f"""---
license: cc0
---
# A {HOSTILE}

- one `x|y`
1. two

| a | b |
|---|--:|
| `c` | {HOSTILE} | more |
| d\\|e |

> **Blank for people to fill in** (`who`): Who?

![pic](http://evil.example/x.png) <img src=x onerror=y> line\\_break
"""


def test_a_card_is_shown_without_its_markup() -> None:
    shown = cardtext.render(CARD)
    for mark in ("<script", "<img", "<a ", "‮", "javascript:y)</"):
        assert mark not in shown
    assert "<h4>A &lt;script&gt;" in shown and "<li>one <code>x|y</code></li>" in shown and "<ol><li>two" in shown
    assert "<td>d|e</td><td></td>" in shown and "<strong>Blank for people to fill in</strong>" in shown
    assert "line_break" in shown and "<pre>license: cc0</pre>" in shown
    assert "10 characters more are not shown" in cardtext.render("x" * (cardtext.LONGEST + 10))
    assert cardtext.render("---") == '<div class="card" dir="auto"><hr></div>'
    assert cardtext.render("```\n<b>") == '<div class="card" dir="auto"><pre>&lt;b&gt;</pre></div>'


def test_cards_are_found_beside_a_run_and_in_it(tmp_path: Path) -> None:
    crawl(tmp_path)
    write_run(
        tmp_path,
        "model",
        "train.sft",
        files={"README.md": "# model\n*(to be filled in by whoever publishes the model)*"},
    )
    here = scan(tmp_path)
    run, model = here.get("crawl"), here.get("model")
    assert run is not None and model is not None
    assert cards.card(run) is None
    (tmp_path / "crawl.card").mkdir()
    (tmp_path / "crawl.card/README.md").write_text(CARD)
    (tmp_path / "crawl.card/croissant.json").symlink_to("/etc/hostname")
    found = cards.card(run)
    assert found is not None and found.croissant is None
    assert cards.blanks(cards.text(found.path)) == ["> **Blank for people to fill in** (`who`): Who?"]
    assert len(cards.blanks(cards.text(model.path / "README.md"))) == 1
    lines = cards.difference("a\nb\n", "a\nc\n")
    assert lines == [("@", ""), (" ", "a"), ("-", "b"), ("+", "c")]
    with pytest.raises(UserError, match="not compared"):
        cards.difference("x\n" * 5000, "")
    app = page("lineage", tmp_path, tab="Cards", run="crawl", vs="model")
    assert not app.exception
    assert "One blank is still open" in told(app) and "crawl has" in told(app) and "<script" not in told(app)


def test_plans_and_reports_are_read_whatever_is_torn(tmp_path: Path) -> None:
    assert reports.seen(tmp_path) == []
    report(tmp_path, "nightly", "2026-11-09T0600Z", "first", cadence={"every": "day"})
    report(tmp_path, "nightly", "2026-11-10T0600Z", "regressed", alarms=1, cadence={"every": "day", "at": "06:00"})
    home = tmp_path / "reports/nightly"
    for file in ("ledger.jsonl", "alarms.jsonl"):
        with (home / file).open("a") as lines:
            lines.write('{"plan": "nightly", "window": 7}\n[]\n"x"\n{"torn')
    (tmp_path / "reports/nightly/2026-11-11T0600Z").mkdir()
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans/bad.yaml").write_text("name: [")
    (tmp_path / "plans/new.yaml").write_text("name: new\nwatch: [{name: m, model: x}]\ntasks: [t]\n")
    found = {plan.name: plan for plan in reports.seen(tmp_path, NOW)}
    assert set(found) == {"nightly", "new", "bad.yaml"}
    assert "cannot be read" in found["bad.yaml"].problem
    assert found["new"].standing is not None and found["new"].standing.late_h == 6.0
    nightly = found["nightly"]
    assert [one.window for one in nightly.reports] == ["2026-11-11T0600Z", "2026-11-10T0600Z", "2026-11-09T0600Z"]
    assert nightly.reports[0].verdict == "not entered" and nightly.reports[1].code == 1
    shutil.rmtree(home / "2026-11-11T0600Z")
    nightly = next(plan for plan in reports.seen(tmp_path, NOW) if plan.name == "nightly")
    assert [alarm.about for alarm in nightly.loud] == ["chat: task 0"]
    assert nightly.standing is not None and nightly.standing.late_h == 6.0
    acknowledged.acknowledge(home, "chat: task 0", datetime(2026, 11, 13, tzinfo=UTC), "ann")
    nightly = next(plan for plan in reports.seen(tmp_path, NOW) if plan.name == "nightly")
    assert not nightly.loud and nightly.alarms[0].until == "2026-11-13T0000Z"


def test_a_ledger_with_a_window_that_is_none_is_a_problem(tmp_path: Path) -> None:
    report(tmp_path, "p", "2026-11-09T0600Z", "fine", cadence={"every": "day"})
    line = {"plan": "p", "window": "never", "verdict": "", "code": 0, "missed": 0, "time": ""}
    (tmp_path / "reports/p/ledger.jsonl").write_text(json.dumps(line) + "\n")
    [plan] = reports.seen(tmp_path, NOW)
    assert "no report" in plan.problem and plan.standing is None and len(plan.reports) == 1


def client(root: Path) -> TestClient:
    served = Starlette(routes=routes.routes(root), middleware=security.middleware("127.0.0.1", 8501))
    return TestClient(served, base_url="http://127.0.0.1:8501")


def test_a_report_is_sent_in_a_sandbox_and_nothing_else_is(tmp_path: Path) -> None:
    folder = report(tmp_path, "nightly", "2026-11-10T0600Z", "fine")
    (tmp_path / "secret.html").write_text("secret")
    linked = report(tmp_path, "nightly", "2026-11-11T0600Z", "linked")
    (linked / "report.html").unlink()
    (linked / "report.html").symlink_to(tmp_path / "secret.html")
    asked = client(tmp_path)
    answer = asked.get("/report", params={"key": "nightly/2026-11-10T0600Z"}, headers={"accept": "text/html"})
    assert answer.status_code == 200 and answer.content == (folder / "report.html").read_bytes()
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'") and answer.headers["x-content-type-options"] == "nosniff"
    good = "nightly/2026-11-10T0600Z"
    for key in ("nightly/2026-11-11T0600Z", "../secret.html", "nightly/../../secret.html", "", good + "/"):
        answer = asked.get("/report", params={"key": key})
        assert answer.status_code == 404 and "secret" not in answer.text
        assert answer.headers["content-security-policy"].startswith("sandbox")
    other = asked.get("/report", params={"key": good}, headers={"host": "evil.example"})
    assert other.status_code == 400 and "fine" not in other.text


def test_reports_and_schedules_on_the_page(tmp_path: Path) -> None:
    report(tmp_path, "nightly", "2026-11-09T0600Z", "no detectable change", cadence={"every": "day"})
    folder = report(tmp_path, "nightly", "2026-11-10T0600Z", HOSTILE, alarms=2, cadence={"every": "day"})
    (folder / "report.md").write_text(CARD)
    app = page("lineage", tmp_path, tab="Reports", report="nightly/2026-11-10T0600Z")
    assert not app.exception
    said = told(app)
    assert "⚠ error · chat: task 0: acc has fallen" in said and "evalkit report build PLAN.yaml" in said
    assert "<script" not in "".join(each.proto.body for each in app.get("html"))
    assert "There is no report" in told(page("lineage", tmp_path, tab="Reports", report="../x"))
    app = page("lineage", tmp_path, tab="Schedules")
    assert not app.exception and "overdue" in told(app)
    assert app.button(key="s-acknowledge").disabled
    app.text_input(key="rater").set_value("ann").run()
    app.number_input(key="s_days").set_value(3).run()
    app.button(key="s-acknowledge").click().run()
    assert not app.exception
    known = acknowledged.until(tmp_path / "reports/nightly")
    assert list(known) == ["chat: task 1"] or list(known) == ["chat: task 0"]
    assert "acknowledged" in told(app)
