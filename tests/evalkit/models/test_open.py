from __future__ import annotations

from pathlib import Path

import pytest

from evalkit.models.open import open_model
from workbench.errors import UserError


@pytest.mark.parametrize(
    ("spec", "said", "hint"),
    [
        ("mokc:1", "no models of the kind 'mokc:'", "did you mean 'mock'?"),
        ("mock:one", "no mock model", "mock:0"),
        ("http://127.0.0.1:1/v1", "names no model", "#"),
        ("openai:http://127.0.0.1:1/v1#", "names no model", "#"),
        ("openai:gpt#small", "not the address of a server", ""),
        ("chat:http://me:secret@host/v1#small", "give the bare address", ""),
        ("no-such-run", "", ""),
    ],
)
def test_a_name_that_means_nothing(tmp_path: Path, spec: str, said: str, hint: str) -> None:
    with pytest.raises(UserError) as raised:
        open_model(spec, root=tmp_path)
    assert said in raised.value.message
    assert hint in raised.value.hint


def test_settings_of_a_server_are_checked(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="concurency"):
        open_model("http://127.0.0.1:1/v1#m", root=tmp_path, server={"concurency": 3})
    model = open_model("chat:http://127.0.0.1:1/v1#m", root=tmp_path, server={"concurrency": 3})
    assert model.name == "chat:http://127.0.0.1:1/v1#m"
    model.close()
