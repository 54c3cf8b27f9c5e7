"""A run with the engine winnow: the dial and the model decide its text, and each page's blocks can be asked for."""

from pathlib import Path

from whole_run import curate, table

WORDS = "the bridge over the river was opened by the mayor of the town and it is said that people came from afar to see"


def test_a_run_and_its_blocks(tmp_path: Path) -> None:
    body = "".join(f"<p>Part {k} of the story: {WORDS}, which took {k + 2} years.</p>" for k in range(6))
    menu = '<nav class="menu"><a href="/">Home</a><a href="/all">All the news</a></nav>'
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "one.html").write_text(f"<title>A bridge</title>{menu}<article>{body}</article>", "utf-8")
    run = tmp_path / "run"
    arguments = ["run", "--input", pages, "--out", run, "--set", "extract.engine=winnow", "-j", "1", "--no-progress"]
    ended = curate(*arguments)
    assert ended.code == 0, ended.stderr
    (page,) = table(run, "decisions").to_dicts()
    answer = curate("explain", run, page["id"]).data
    assert answer["text"].startswith("Part 0") and "Home" not in answer["text"]
    kept = [block["text"] for block in answer["blocks"]["blocks"] if block["kept"]]
    assert len(kept) == 6 and len(answer["blocks"]["blocks"]) > 6
    again = curate(*arguments, "--set", "extract.favor=precision")
    assert again.code == 2, "the dial is part of what a run is"
    (pages / "one.html").unlink()
    assert curate("explain", run, page["id"]).data["blocks"] is None
    (tmp_path / "no.model").write_text("a file, and no model")
    for name, why in (("none", "no extraction model"), ("no.model", "another kind of file")):
        wrong = curate(*arguments[:4], tmp_path / "other", *arguments[5:], "--set", f"extract.model={tmp_path}/{name}")
        assert wrong.code == 4 and why in wrong.envelope["errors"][0]["message"]
        assert "extract.model=builtin" in wrong.envelope["errors"][0]["hint"]
    assert not (tmp_path / "other").exists()
