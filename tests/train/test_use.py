"""Models by name, and the commands that use them."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import speaking_models
import torch
from typer.testing import CliRunner

from train.adapters import save_adapter
from train.chat import Conversation, talk
from train.cli.commands import app
from train.data.chat import load_template
from train.lora import LoraSettings, adapt, adapters
from train.model.build import save
from train.open import open_model
from train.sampler import Params
from train.tokenizer.train import train
from workbench.errors import Exit, UserError


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    opened = speaking_models.speaker()
    directory = tmp_path_factory.mktemp("models") / "small"
    save(opened.model, opened.config, directory)
    opened.tokenizer.save(directory)
    return directory


def run(*arguments: object, given: str = "") -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(argument) for argument in arguments], input=given)
    return done.exit_code, done.stdout, done.stderr


def test_opening_a_directory(checkpoint: Path, tmp_path: Path) -> None:
    opened = open_model(str(checkpoint), tmp_path)
    small = speaking_models.speaker()
    for name, weight in opened.model.state_dict().items():
        assert torch.equal(weight, small.model.state_dict()[name])
    assert opened.end_ids == {small.tokenizer.eos}
    assert opened.tokenizer.digest == small.tokenizer.digest
    assert not opened.model.training
    assert re.fullmatch("[0-9a-f]{32,}", opened.digest)
    assert opened.chat_prompt([{"role": "user", "content": "hi"}])[0] == small.tokenizer.bos


def test_end_tokens_of_generation_config_count(checkpoint: Path, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    subprocess.run(["cp", "-r", checkpoint, directory], check=True)
    (directory / "generation_config.json").write_text('{"eos_token_id": [7, 9]}')
    assert open_model(str(directory), tmp_path).end_ids == {7, 9, speaking_models.tokenizer().eos}


def test_a_tokenizer_that_does_not_belong(checkpoint: Path, tmp_path: Path) -> None:
    directory = tmp_path / "copy"
    subprocess.run(["cp", "-r", checkpoint, directory], check=True)
    train(["".join(map(chr, range(600))) * 30, "some more words to merge " * 30], 600).save(directory)
    with pytest.raises(UserError, match="the model knows 420") as error:
        open_model(str(directory), tmp_path)
    assert error.value.code == Exit.INPUT


def test_names_of_nothing(tmp_path: Path, checkpoint: Path) -> None:
    with pytest.raises(UserError) as error:
        open_model("nothing", tmp_path)
    assert error.value.code == Exit.INPUT
    with pytest.raises(UserError, match="no device 'warp'"):
        open_model(str(checkpoint), tmp_path, device="warp")


def test_an_adapter_is_merged_into_its_base(checkpoint: Path, tmp_path: Path) -> None:
    model = open_model(str(checkpoint), tmp_path).model
    settings = LoraSettings(r=2, targets="attention")
    adapt(model, settings)
    for _, part in adapters(model):
        torch.nn.init.normal_(part.lora_B.weight, std=0.1, generator=torch.Generator().manual_seed(1))
    tokens = torch.arange(40, 60)[None]
    wanted = model.eval()(tokens)
    adapter = tmp_path / "adapter"
    save_adapter(model, settings, adapter, base=str(checkpoint))
    opened = open_model(str(adapter), tmp_path)
    torch.testing.assert_close(opened.model(tokens), wanted.detach(), atol=1e-5, rtol=1e-5)
    assert opened.digest != open_model(str(checkpoint), tmp_path).digest
    save_adapter(model, settings, adapter, base="gone/away")
    with pytest.raises(UserError, match=r"base of .* is not found") as error:
        open_model(str(adapter), tmp_path)
    assert "--base" in error.value.hint
    open_model(str(adapter), tmp_path, base=str(checkpoint))


def test_generate(checkpoint: Path, tmp_path: Path) -> None:
    arguments = ("generate", checkpoint, "the", "日本", "-n", 2, "--max-new", 10, "--seed", 3)
    code, out, _ = run(*arguments, "--json")
    assert code == 0
    document = json.loads(out)
    assert document["schema"] == "train.generate/1"
    found = document["data"]["completions"]
    assert [(each["prompt"], each["index"]) for each in found] == [("the", 0), ("the", 1), ("日本", 0), ("日本", 1)]
    assert run(*arguments, "--batch", 1, "--json")[1].count(found[3]["text"][-2:]) >= 1
    code, out, _ = run(*arguments)
    assert code == 0 and "[4] 日本" in out
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "the"}\n{"prompt": "日本"}\n', encoding="utf-8")
    code, out, _ = run(
        "generate", checkpoint, "--file", file, "-n", 2, "--max-new", 10, "--seed", 3, "--out", tmp_path / "o"
    )
    lines = [json.loads(line) for line in (tmp_path / "o").read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == [each["text"] for each in found]
    assert all(len(line["ids"]) == len(line["logprobs"]) == len(line["drawn"]) for line in lines)
    code, out, _ = run("generate", checkpoint, "--file", "-", "--max-new", 3, "--chat", "--json", given="one\ntwo\n")
    assert [each["prompt"] for each in json.loads(out)["data"]["completions"]] == ["one", "two"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--temperature", "-1"], 2, "temperature must be between"),
        (["--precision", "fp8"], 2, "no precision 'fp8'"),
        (["--file", "nowhere"], 4, "cannot read nowhere"),
        (["word " * 200], 2, "the model's context is 96"),
        (["--template", "chatlm"], 4, "no chat template 'chatlm'"),
    ],
)
def test_generate_refuses(checkpoint: Path, arguments: list[str], code: int, message: str) -> None:
    found, _, said = run("generate", checkpoint, *arguments)
    assert found == code and message in said


def test_a_line_without_a_prompt(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "the"}\n{"text": "no"}\n', encoding="utf-8")
    code, _, said = run("generate", checkpoint, "--file", file)
    assert code == 4 and f"{file}:2: no `prompt` here" in said


def test_a_conversation() -> None:
    opened = speaking_models.speaker()
    shown = io.StringIO()
    talking = Conversation(opened, Params(max_new=12), lambda text: shown.write(text) and None, seed=1, system="brief")
    talk(talking, ["hello\n", "\n", "/again\n", "/nonsense\n", "more\n", "/quit\n", "never read\n"])
    roles = [message["role"] for message in talking.messages]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    assert talking.messages[2]["content"].split("\n")[0][:3] in shown.getvalue()
    assert "/again" in shown.getvalue()
    talking.new()
    assert [message["role"] for message in talking.messages] == ["system"]
    # The same seed and the same words give the same answer, another seed another.
    first = talking.ask("hello")
    assert talking.again() != first


def test_a_long_conversation_forgets_its_oldest_turns() -> None:
    shown: list[str] = []
    talking = Conversation(speaking_models.speaker(), Params(max_new=10), shown.append)
    for _ in range(6):
        talking.ask("a few words")
    assert any("forgotten" in text for text in shown)
    assert talking.messages[0]["role"] == "user" and len(talking.messages) < 12
    with pytest.raises(UserError, match="context"):
        talking.ask("word " * 200)


def test_what_a_model_writes_does_not_steer_the_terminal() -> None:
    shown: list[str] = []
    talking = Conversation(speaking_models.speaker(), Params(max_new=60), shown.append)
    for seed in range(4):
        talking.seed = seed
        talking.new()
        talking.ask("x")
    text = "".join(shown)
    assert "\x1b" not in text and "\x07" not in text
    assert "⟨U+" in text  # random weights write control characters


def test_chat_reads_from_a_pipe(checkpoint: Path) -> None:
    code, out, _ = run("chat", checkpoint, "--max-new", 5, "--json", "-q", given="hi\nmore\n")
    assert code == 0
    messages = json.loads(out[out.index('{"') if '{"' in out else out.index("{\n") :])["data"]["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user", "assistant"]


def test_serve_until_interrupted(checkpoint: Path) -> None:
    program = "import sys; from train.cli.commands import main; sys.argv[0] = 'train'; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "serve", str(checkpoint), "--port", "0", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    url = re.search(r"http://127\.0\.0\.1:\d+/v1", process.stderr.readline())
    assert url is not None
    body = json.dumps({"model": "small", "prompt": "the", "max_tokens": 4}).encode()
    asked = urllib.request.Request(url[0] + "/completions", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked) as answer:
        assert json.load(answer)["usage"]["completion_tokens"] <= 4
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert json.loads(out)["data"]["requests"] == 1
    assert "Traceback" not in said


def test_templates_are_chosen(checkpoint: Path, tmp_path: Path) -> None:
    assert open_model(str(checkpoint), tmp_path, template="plain").form == load_template("plain")
