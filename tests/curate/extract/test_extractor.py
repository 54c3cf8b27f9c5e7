"""Engines through the sandbox: structure survives, and no page takes another one along."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.extract import ENGINES, Extracted, Extractor, Limits
from workbench.errors import UserError

FILLER = "<p>A paragraph of running text that is long enough to be taken for the main content of this page.</p>"
PAGE = f"""<!doctype html><html><head><title>A page &amp; more</title><script>var x = "script";</script></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/about">About us</a></li></ul></nav>
<main><article><h1>Heading of it</h1>{FILLER}{FILLER}
<ul><li>first entry of a list</li><li>second entry<ul><li>nested entry</li></ul></li></ul>
<pre class="highlight"><code><span class="k">def</span> f(x):
    <span class="k">if</span> x:
        return  1

    return 2
</code></pre>
<table><tr><th>Name</th><th>Value</th></tr><tr><td>alpha</td><td>12</td></tr></table>
<p>Energy is
<math><semantics><mi>E</mi><annotation encoding="application/x-tex">E = mc^2</annotation></semantics></math>
and <script type="math/tex">a_1 < b</script>, so <span class="math">\\(x^2\\)</span> holds.</p>
{FILLER}</article></main>
<footer>Copyright 2024 Somebody, all rights reserved.</footer></body></html>"""


@pytest.fixture(scope="module", params=ENGINES)
def extractor(request: pytest.FixtureRequest) -> Iterator[Extractor]:
    limits = Limits(wall_s=20, cpu_s=0.3, memory_mb=1024, output_chars=500_000)
    with Extractor(request.param, limits) as found:
        yield found


def one(extractor: Extractor, html: str) -> Extracted:
    """The page's result; the page after it must be as ever."""
    found, after = extractor.extract([(html, None), (PAGE, "http://example.org/")])
    assert after.error is None and "Heading of it" in after.text
    return found


def test_structure_is_readable(extractor: Extractor) -> None:
    page = one(extractor, PAGE)
    assert page.error is None and page.title == "A page & more" and page.elapsed_s > 0
    assert "def f(x):\n    if x:\n        return  1\n\n    return 2\n" in page.text
    assert "Energy is \\(E = mc^2\\) and \\(a_1 < b\\), so \\(x^2\\) holds." in page.text
    lines = [line.lstrip(" •-") for line in page.text.splitlines()]
    for line in ("Heading of it", "first entry of a list", "second entry", "nested entry"):
        assert line in lines
    assert any(line.split() in (["alpha", "12"], ["alpha", "|", "12"]) for line in lines)
    assert "\n\nA paragraph of running text" in page.text
    for boilerplate in ("script", "About us", "Copyright"):
        assert boilerplate not in page.text


def test_a_page_gives_the_same_text_in_any_company(extractor: Extractor) -> None:
    pages = [(PAGE.replace("Heading", f"Heading {i % 7}"), None) for i in range(30)]
    together = [page.text for page in extractor.extract(pages)]
    assert together == [extractor.extract([page])[0].text for page in pages[:7]] * 4 + together[28:]


def test_empty_pages_have_no_text_and_no_error(extractor: Extractor) -> None:
    blank = ["", " \n\t", "\0\0", "\ufeff", "<!-- only a comment -->", "<!doctype html>", "<html></html>", "<p", "<br>"]
    assert [(page.text, page.error) for page in extractor.extract([(html, None) for html in blank])] == [("", None)] * 9


def test_bare_text_and_fragments(extractor: Extractor) -> None:
    assert one(extractor, "just words").text == "just words"
    assert one(extractor, "<p>One fragment alone.</p>").text == "One fragment alone."


def test_nuls_and_surrogates(extractor: Extractor) -> None:
    page = one(extractor, "<html><body>" + "<p>nul\0s and \ud800 and \ud83d\ude00 here</p>" * 3 + "</body></html>")
    assert page.text.startswith("nuls and \ufffd and 😀 here") and page.error is None


def test_xhtml_with_self_closed_tags(extractor: Extractor) -> None:
    page = '<?xml version="1.0" encoding="utf-16"?><html><head><script src="x"/></head><body><header/><div>'
    assert FILLER[3:-4] in one(extractor, page + FILLER + "</div></body></html>").text


@pytest.mark.parametrize("tag", ["div", "table><tr><td", "b", "ul><li", "blockquote"])
def test_a_hundred_thousand_nested_tags(extractor: Extractor, tag: str) -> None:
    page = one(extractor, f"<html><body>{FILLER}" + f"<{tag}>" * 100_000 + "deep</body></html>")
    assert page.error is not None or "running text" in page.text


def test_fifty_megabytes_on_one_line(extractor: Extractor) -> None:
    page = one(extractor, "<html><body><p>" + "word " * 10_000_000 + "</p></body></html>")
    assert page.text == "" and page.error is not None


def test_more_tags_than_memory(extractor: Extractor) -> None:
    page = one(extractor, "<html><body>" + "<b>" * 3_000_000)
    assert page.error is not None and page.error.startswith("TooMuch: 3000002 tags, ")


def test_an_unknown_engine() -> None:
    with pytest.raises(UserError, match="no extraction engine 'resiliparce'") as caught:
        Extractor("resiliparce")
    assert caught.value.hint == "did you mean 'resiliparse'?"


def test_real_pages_all_end_in_text_or_reason(extractor: Extractor, shared_data: Path) -> None:
    import gzip

    folder = shared_data / "extraction-gold" / "scrapinghub" / "html"
    pages = [gzip.decompress(path.read_bytes()).decode("utf-8", "replace") for path in sorted(folder.iterdir())[:12]]
    found = extractor.extract([(html, None) for html in pages])
    assert all(len(page.text) > 300 and page.error is None for page in found)
