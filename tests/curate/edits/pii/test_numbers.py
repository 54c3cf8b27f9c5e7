"""Cards, accounts and national numbers: what a check digit can tell."""

from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("4929049941206325", "4929049941206325"),
        ("4929 0499 4120 6325,", "4929 0499 4120 6325"),
        ("4929-0499-4120-6325", "4929-0499-4120-6325"),
        ("3744 544168 08234", None),
        ("374744544168082", "374744544168082"),
        ("3747 445441 68082", "3747 445441 68082"),
        ("card 30260873912962", "30260873912962"),
        ("30260873912962", None),
        ("4929049941206326", None),
        ("1234567890123452", None),
        ("0.4929049941206325", None),
        ("id=4929049941206325", None),
        ("/4929049941206325", None),
        ("ISBN 4929049941206325", None),
        ("4242 4242 4242 4242", None),
        ("4929049941206325.00", None),
    ],
)
def test_cards(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("credit_card", text) == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("IBAN GB75RKJD46049068875686.", "GB75RKJD46049068875686"),
        ("GB75 RKJD 4604 9068 8756 86", "GB75 RKJD 4604 9068 8756 86"),
        ("gb75rkjd46049068875686", "gb75rkjd46049068875686"),
        ("DE75512108001245126199 und", "DE75512108001245126199"),
        ("NO9386011117947", "NO9386011117947"),
        ("GB76RKJD46049068875686", None),
        ("GB75RKJD4604906887568", None),
        ("XGB75RKJD46049068875686", None),
        ("DE89370400440532013000", None),
    ],
)
def test_accounts(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("iban", text) == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("536-32-3065", "536-32-3065"),
        ("My SSN is 536323065.", "536323065"),
        ("social security number: 536 32 3065", "536 32 3065"),
        ("536323065", None),
        ("536 32 3065", None),
        ("666-32-3065", None),
        ("936-32-3065", None),
        ("536-00-3065", None),
        ("1-536-32-3065", None),
        ("078-05-1120", None),
        ("ssn 123-45-6789", None),
    ],
)
def test_us_ssn(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("us_ssn", text) == ([found] if found else [])


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("CPF: 390.533.447-05", "390.533.447-05"),
        ("codice fiscale RSSMRA85T10A562S", "RSSMRA85T10A562S"),
        ("DNI 54362315K", "54362315K"),
        ("PESEL 44051401359", "44051401359"),
        ("Steuer-ID: 36 574 261 809", "36 574 261 809"),
        ("BSN 111222333", "111222333"),
        ("身份证号码：11010519491231002X", "11010519491231002X"),
        ("National Insurance number AB 12 34 56 C", "AB 12 34 56 C"),
        ("numéro de sécurité sociale 2 95 10 99 126 111 93", "2 95 10 99 126 111 93"),
        ("Henkilötunnus 131052-308T", "131052-308T"),
        ("CPF: 390.533.447-06", None),
        ("390.533.447-05", None),
        ("the PESELs 44051401359", None),
        ("BSN 000000000", None),
    ],
)
def test_national_numbers(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("national_id", text) == ([found] if found else [])
