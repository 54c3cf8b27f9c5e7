from collections.abc import Callable

import pytest

from curate.edits.phrases import table

# Put together here, so that no scanner of repositories takes them for real ones.
RANDOM = "q7Zk2Lw9Xc4Vb8Nm1Ts6Rd3Fg5Hj0PyUaEoIi"
AWS = "AKIA" + "Q3EGSLKMFVBTD5XZ"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"key = '{AWS}'", AWS),
        (f"ghp_{RANDOM[:36]},", f"ghp_{RANDOM[:36]}"),
        (f"export OPENAI=sk-proj-{RANDOM}", f"sk-proj-{RANDOM}"),
        (f"AIza{RANDOM[:35]}", f"AIza{RANDOM[:35]}"),
        (f"918273645:AA{RANDOM[:33]}", f"918273645:AA{RANDOM[:33]}"),
        (f'AWS_SECRET_ACCESS_KEY = "{RANDOM}+/9"', f"{RANDOM}+/9"),
        (f"api_key: {RANDOM}", RANDOM),
        ("api_key = load_key_from_the_environment1", None),
        ("client_secret: 00000000000000000000000000000001", None),
        (f"key {RANDOM}", None),
        ("AKIA" + "IOSFODNN7EXAMPLE", None),
        ("AKIA" + "A" * 16, None),
        (f"x{AWS}", None),
        (f"{AWS}AB", None),
        ("a risk-free task-list of sk-learn and ghp_ prefixes", None),
    ],
)
def test_api_keys(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("api_key", text) == ([found] if found else [])


def test_every_form_begins_with_what_is_listened_for() -> None:
    for row in table("secrets")["secrets"]:
        assert row["prefix"] == row["prefix"].lower()
        assert "(?P<body>" in row["pattern"]


def test_private_keys(finds: Callable[..., list[str]]) -> None:
    body = "MIIEvgIBADANBgkqhkiG9w0BAQEFAASC\n" * 3
    whole = f"-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----"
    assert finds("private_key", f"see {whole} end") == [whole]
    cut_off = f"-----BEGIN PRIVATE KEY-----\n{body}".rstrip()
    assert finds("private_key", f"{cut_off}\nand so on") == [cut_off]
    assert finds("private_key", "starts with -----BEGIN PRIVATE KEY----- as it should") == []
    assert finds("private_key", f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("https://bob:s3cre7@host.org/x", "bob:s3cre7"),
        ("redis://:p4ss@10.0.0.1:6379", ":p4ss"),
        ("https://user:password@host.org", None),
        ("https://host.org:80/@jane", None),
        ("https://host.org/a:b@c", None),
        ("https://jane@host.org", None),
        ("https://${USER}:${PASS}@host.org", None),
    ],
)
def test_logins_in_urls(finds: Callable[..., list[str]], text: str, found: str | None) -> None:
    assert finds("url_credentials", text) == ([found] if found else [])
