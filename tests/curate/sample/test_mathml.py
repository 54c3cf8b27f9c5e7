"""TeX to MathML."""

from __future__ import annotations

import pytest

from curate.sample.mathml import math, presentation


def test_fractions_roots_and_scripts() -> None:
    assert presentation(r"\frac{p}{q^2}") == (
        "<mrow><mfrac><mrow><mi>p</mi></mrow><mrow><msup><mi>q</mi><mn>2</mn></msup></mrow></mfrac></mrow>"
    )
    assert (
        presentation(r"\sqrt{2} < 1.5")
        == "<mrow><msqrt><mrow><mn>2</mn></mrow></msqrt><mo>&lt;</mo><mn>1.5</mn></mrow>"
    )


def test_the_source_stands_in_an_annotation_or_in_alttext() -> None:
    annotated = math("a<b", display=False, annotated=True)
    assert '<annotation encoding="application/x-tex">a&lt;b</annotation>' in annotated
    assert 'display="block" alttext="a&lt;b"' in math("a<b", display=True, annotated=False)


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(KeyError):
        presentation(r"\oint")
