from collections.abc import Callable

import pytest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to jane.roe+news@mail.uni-bonn.de.", "jane.roe+news@mail.uni-bonn.de"),
        ("(jane@firm.com)", "jane@firm.com"),
        ("<mailto:jane@firm.com>", "jane@firm.com"),
        ("email=jane@firm.com&x", "jane@firm.com"),
        ("'jane@firm.com',", "jane@firm.com"),
        ("jane@firm.com.Then", "jane@firm.com"),
        ("JANE_ROE@FIRM.CO.UK", "JANE_ROE@FIRM.CO.UK"),
        ("邮箱jane@qq.com，电话", "jane@qq.com"),
        ("почта@пример.рф", "почта@пример.рф"),
        ("\U0001f600jane@firm.com\U0001f600", "jane@firm.com"),
        ("jane (at) uni (dot) edu", "jane (at) uni (dot) edu"),
        ("jane[at]uni.edu is", "jane[at]uni.edu"),
        ("jane.roe AT uni DOT edu", "jane.roe AT uni DOT edu"),
        ("jane at uni dot edu", "jane at uni dot edu"),
    ],
)
def test_is_an_address(finds: Callable[..., list[str]], text: str, found: str) -> None:
    assert finds("email", text) == [found]


@pytest.mark.parametrize(
    "text",
    [
        "@param name the name",
        "follow @jane_roe and @john",
        "@jane@mastodon.social",
        "icon@2x.png and logo@3x.webp",
        "install left-pad@1.3.0",
        "java.lang.Object@1a2b3c",
        "git clone git@github.com:a/b.git",
        "ssh://git@github.com/a/b.git",
        "https://user@host.com/path",
        "a@b",
        "user@localhost",
        "12@3.4",
        "a @ b.com",
        "decorator @app.route",
        "we meet (at) noon",
        "the polka dot dress",
    ],
)
def test_is_no_address(finds: Callable[..., list[str]], text: str) -> None:
    assert finds("email", text) == []


def test_reserved_domains(finds: Callable[..., list[str]]) -> None:
    text = "a@example.com b@mail.example.org c@x.test d@y.invalid e@examples.com"
    assert finds("email", text) == ["e@examples.com"]
    assert len(finds("email", text, skip_reserved=False)) == 5
