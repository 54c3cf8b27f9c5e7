from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("lang", "text", "found"),
    [
        ("en", "Call +1 212-736-5000 now", "+1 212-736-5000"),
        ("en", "(212) 736-5000", "(212) 736-5000"),
        ("en", "212-736-5000.", "212-736-5000"),
        ("en", "in NY 10001 (212) 736-5000", "(212) 736-5000"),
        ("en", "Tel: 212 736 5000 ext. 12", "212 736 5000 ext. 12"),
        ("en", "Phone 579.888.3058x917", "579.888.3058x917"),
        ("en", "Phone:\n5798883058", "5798883058"),
        ("en", "25 833387-Office,", "25 833387"),
        ("en", "T: 020 7946 0018", "020 7946 0018"),
        ("de", "Tel.: 030/901820", "030/901820"),
        ("de", "+49 (0)30 - 90 18 20", "+49 (0)30 - 90 18 20"),
        ("de", "Handy 0171 1234567", "0171 1234567"),
        ("fr", "01 42 68 53 00", "01 42 68 53 00"),
        ("fr", "Tél : 01.42.68.53.00", "01.42.68.53.00"),
        ("ru", "тел. 8 (495) 123-45-67", "8 (495) 123-45-67"),
        ("zh", "电话：010-62345678", "010-62345678"),
        ("zh", "手机13812345678。", "13812345678"),
        ("ja", "電話03-3581-0101", "03-3581-0101"),
        ("ko", "전화 02-312-3456", "02-312-3456"),
        ("ar", "هاتف: ٠١١ ٤٦٥ ٤٣٢١", "٠١١ ٤٦٥ ٤٣٢١"),
        ("pt", "Telefone: (11) 3067-6300", "(11) 3067-6300"),
    ],
)
def test_is_a_number(finds: Callable[..., list[str]], lang: str, text: str, found: str) -> None:
    assert finds("phone", text, lang) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "born 1985-03-12, died 12.03.2005",
        "from 1999-2004 and 2001/2002",
        "at 2020-01-15 12:30:45",
        "20200115",
        "timestamp 1577836800",
        "1577836800000",
        "ISBN 978-3-16-148410-0",
        "ISSN 0028-0836",
        "$1,234,567.89",
        "1.234.567",
        "48.8566140, 2.3522219",
        "0.5835000 0.6702000",
        "t = -0.28733, df = 594",
        "1 2 3 4 5 6 7 8 9 10",
        "12 34 56 78 90 12 34 56",
        "commit 7622dec1e5f7",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "order no. 123-456-7890",
        "invoice 212-736-5000",
        "/photos/212-736-5000/",
        "x=212-736-5000",
        "part-212-736-5000",
        "212-736-5000.jpg",
        "10(2) 141-157",
        "pages 1234567 of 7654321",
        "RFC 2119 8174 7230",
        "J45.909, E11.65, 250.00",
        "<PHONE> 8901234",
        "192.168.100.200",
        "ca. 555-0123",
    ],
)
def test_is_no_number(finds: Callable[..., list[str]], text: str) -> None:
    assert finds("phone", text) == []


def test_several_in_one_run(finds: Callable[..., list[str]]) -> None:
    assert finds("phone", "Tel. 212-736-5000 / 212-736-5001") == ["212-736-5000", "212-736-5001"]
    assert finds("phone", "+41 44 668 18 00 +41 44 668 18 01") == ["+41 44 668 18 00", "+41 44 668 18 01"]


def test_the_host_tells_the_country(finds: Callable[..., list[str]]) -> None:
    assert finds("phone", "044 668 18 00", "en") == []
    assert finds("phone", "044 668 18 00", "en", "www.firm.ch") == ["044 668 18 00"]


def test_numbers_for_fiction(finds: Callable[..., list[str]]) -> None:
    assert finds("phone", "(212) 555-0123") == []
    assert finds("phone", "(212) 555-0123", skip_reserved=False) == ["(212) 555-0123"]
