"""Formulas become TeX, wherever a page hides them."""

import pytest

from curate.extract.mathml import formulas_to_tex


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ('<script type="math/tex">R^2 < 1</script>', r"\(R^2 &lt; 1\)"),
        ("<script type='math/tex; mode=display'>\\int x\n dx</script>", r"\[\int x dx\]"),
        ('<math alttext="E=mc^2"><mi>E</mi></math>', r"\(E=mc^2\)"),
        ('<math display="block" data-latex="a < b > c"><mi>E</mi></math>', r"\[a &lt; b &gt; c\]"),
        ("<math data-latex=G xmlns=x><mi>G</mi></math>", r"\(G\)"),
        (
            '<math><semantics><mi>y</mi><annotation encoding="application/x-tex">y_1 &amp; z</annotation></semantics>'
            "</math>",
            r"\(y_1 &amp; z\)",
        ),
        ('<img class="latex" src="x.png" alt="\\frac{a}{b}" />', r"\(\frac{a}{b}\)"),
        (
            '<span class="mwe-math-mathml-inline mwe-math-mathml-a11y" style="display: none;"><math alttext="N"></math>'
            "</span>",
            r'<span class="mwe-math-mathml-inline mwe-math-mathml-a11y">\(N\)</span>',
        ),
        ("<math></math>", ""),
    ],
)
def test_the_author_s_tex(html: str, text: str) -> None:
    assert formulas_to_tex(f"<p>x {html} y</p>") == f"<p>x {text} y</p>"


@pytest.mark.parametrize(
    ("mathml", "tex"),
    [
        ("<mfrac><mn>1</mn><mrow><mi>n</mi><mo>+</mo><mn>2</mn></mrow></mfrac>", r"\frac{1}{n+2}"),
        ("<msup><mi>x</mi><mn>2</mn></msup><mo>=</mo><msub><mi>a</mi><mn>10</mn></msub>", "x^2=a_{10}"),
        ("<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>", "x_i^2"),
        (
            "<munderover><mo>∑</mo><mrow><mi>j</mi><mo>=</mo><mn>1</mn></mrow><mi>p</mi></munderover><mi>s</mi>",
            "∑_{j=1}^ps",
        ),
        ("<msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt>", r"\sqrt{x+1}"),
        ("<mroot><mi>x</mi><mn>3</mn></mroot>", r"\sqrt[3]{x}"),
        ('<mfenced open="[" close=")"><mi>a</mi><mi>b</mi></mfenced>', "[a, b)"),
        ("<mi>sin</mi><mi>x</mi>", "sin x"),
        (
            "<mtable><mtr><mtd><mn>1</mn></mtd><mtd><mn>0</mn></mtd></mtr></mtable>",
            r"\begin{matrix} 1 &amp; 0 \end{matrix}",
        ),
        ("<!-- c --><mi>&alpha;</mi><mspace width='1em'/><mo>&lt;</mo><mn>1", "α &lt;1"),
        ("</mrow><mi>x</mi></mi></mfrac>", "x"),
        ("<mfrac><mi>x</mi></mfrac>", "x"),
    ],
)
def test_mathml_without_tex(mathml: str, tex: str) -> None:
    assert formulas_to_tex(f"<math>{mathml}</math>") == f"\\({tex}\\)"
    prefixed = mathml.replace("<m", "<mml:m").replace("</m", "</mml:m")
    assert formulas_to_tex(f"<mml:math>{prefixed}</mml:math>") == f"\\({tex}\\)"


def test_what_is_not_closed_stays() -> None:
    for html in ("<math><mi>x", "<math", "<math>" * 50_000, '<script type="math/tex">x', "mathematics <b>"):
        assert formulas_to_tex(html) == html


def test_deep_and_broken_mathml_is_bounded() -> None:
    assert formulas_to_tex("<math>" + "<mrow>" * 50_000 + "<mi>x</mi></math>").endswith("\\)")
