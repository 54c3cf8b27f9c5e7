"""The shape of a model, its presets by depth, and its two-way translation to a config.json of transformers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from workbench.errors import Exit, UserError

ROPE_KINDS = ("default", "linear", "llama3", "yarn")
_LSTM = "WinnowLstm"
_ARCHITECTURES = {"LlamaForCausalLM": "llama", "Qwen3ForCausalLM": "llama", _LSTM: "lstm"}


@dataclass(frozen=True, slots=True)
class Rope:
    """Rotary positions: which frequencies, and how they are stretched beyond the trained length.

    theta: base of the frequencies. factor: how many times longer than `original` (linear, llama3, yarn). original:
    the length trained before stretching (llama3, yarn). low, high: wavelengths a piece of `original` between which
    llama3 interpolates. beta_fast, beta_slow: turns within `original` between which YaRN interpolates; truncate: to
    whole dimensions. attention_factor, mscale, mscale_all_dim: YaRN's factor of cosine and sine, or what it is
    derived from.
    """

    kind: str = "default"
    theta: float = 10000.0
    factor: float = 1.0
    original: int = 0
    low: float = 1.0
    high: float = 4.0
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in ROPE_KINDS:
            raise _unsupported(f"RoPE of the kind '{self.kind}'", f"kinds: {', '.join(ROPE_KINDS)}")
        if self.kind in ("llama3", "yarn") and self.original < 1:
            raise UserError(
                f"RoPE of the kind '{self.kind}' needs the length trained before stretching",
                hint="name it as `original`, in a config.json as `original_max_position_embeddings`",
            )

    def to_hf(self) -> dict[str, Any]:
        """The entry `rope_parameters` of a config.json."""
        found: dict[str, Any] = {"rope_type": self.kind, "rope_theta": self.theta}
        if self.kind != "default":
            found["factor"] = self.factor
        if self.kind in ("llama3", "yarn"):
            found["original_max_position_embeddings"] = self.original
        if self.kind == "llama3":
            found |= {"low_freq_factor": self.low, "high_freq_factor": self.high}
        if self.kind == "yarn":
            found |= {"beta_fast": self.beta_fast, "beta_slow": self.beta_slow, "truncate": self.truncate}
            for name in ("attention_factor", "mscale", "mscale_all_dim"):
                if getattr(self, name) is not None:
                    found[name] = getattr(self, name)
        return found

    @staticmethod
    def from_hf(config: Mapping[str, Any]) -> Rope:
        """Reads `rope_parameters`, or the `rope_theta` and `rope_scaling` that it replaced."""
        given = config.get("rope_parameters") or {}
        old = config.get("rope_scaling") or {}
        found = {**old, **given}
        kind = found.get("rope_type", found.get("type", "default"))
        if found.get("partial_rotary_factor", 1.0) != 1.0 or config.get("partial_rotary_factor", 1.0) != 1.0:
            raise _unsupported("`partial_rotary_factor`")
        theta = found.get("rope_theta", config.get("rope_theta", 10000.0))
        if kind == "default":
            return Rope(theta=float(theta))
        longest = int(config.get("max_position_embeddings", 2048))
        original = int(found.get("original_max_position_embeddings") or (0 if kind == "linear" else longest))
        factor = found.get("factor")
        return Rope(
            kind=str(kind),
            theta=float(theta),
            factor=float(longest / original if factor is None and original else factor or 1.0),
            original=original,
            low=float(found.get("low_freq_factor", 1.0)),
            high=float(found.get("high_freq_factor", 4.0)),
            beta_fast=float(found.get("beta_fast") or 32.0),
            beta_slow=float(found.get("beta_slow") or 1.0),
            truncate=bool(found.get("truncate", True)),
            attention_factor=found.get("attention_factor"),
            mscale=found.get("mscale"),
            mscale_all_dim=found.get("mscale_all_dim"),
        )


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Everything that decides the shapes and the arithmetic of a model; it is written as config.json.

    hidden_size: width of the residual stream. intermediate_size: width inside the MLP. kv_heads: heads of keys and
    values, a divisor of `heads`. tied: the head is the embedding. qk_norm: queries and keys are normalised per head
    (on disk: Qwen3). init_std: standard deviation of new weights. kind: `llama`, or `lstm` (of which only
    vocab_size, hidden_size, layers, norm_eps, tied and the tokens count).
    """

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    max_positions: int
    norm_eps: float = 1e-5
    rope: Rope = field(default_factory=Rope)
    tied: bool = False
    qk_norm: bool = False
    init_std: float = 0.02
    bos: int | None = None
    eos: int | None = None
    pad: int | None = None
    kind: str = "llama"

    def __post_init__(self) -> None:
        sizes = ("vocab_size", "hidden_size", "intermediate_size", "layers", "heads", "kv_heads", "head_dim")
        for name in (*sizes, "max_positions"):
            if getattr(self, name) < 1:
                raise UserError(f"a model's `{name}` must be at least 1, not {getattr(self, name)}")
        if self.heads % self.kv_heads:
            raise UserError(f"{self.heads} heads cannot share {self.kv_heads} heads of keys and values evenly")
        if self.head_dim % 2:
            raise UserError(f"a head's size must be even, not {self.head_dim}: RoPE turns pairs")

    @staticmethod
    def preset(
        depth: int,
        vocab_size: int,
        *,
        max_positions: int = 512,
        kind: str = "llama",
        tied: bool | None = None,
        bos: int | None = None,
        eos: int | None = None,
        pad: int | None = None,
    ) -> ModelConfig:
        """The model of so many layers: width 64 a layer, heads of 64 (32 up to three layers), MLP of 8/3 the width.

        From twelve layers on two heads share keys and values where their number is even; up to eight layers the head
        is tied to the embedding, because it would be most of the parameters.
        """
        if depth < 1:
            raise UserError(f"a model has at least one layer, not {depth}", hint="choose a depth from 1 to 26")
        width = 64 * depth
        head_dim = 32 if depth <= 3 else 64
        heads = width // head_dim
        return ModelConfig(
            vocab_size=vocab_size,
            hidden_size=width,
            intermediate_size=64 * math.ceil(width / 24),
            layers=depth if kind == "llama" else min(depth, 4),
            heads=heads,
            kv_heads=heads // 2 if depth >= 12 and heads % 2 == 0 else heads,
            head_dim=head_dim,
            max_positions=max_positions,
            tied=depth <= 8 if tied is None else tied,
            bos=bos,
            eos=eos,
            pad=pad,
            kind=kind,
        )

    def replace(self, **changes: Any) -> ModelConfig:
        """The same shape with other values."""
        return replace(self, **changes)

    def parameters(self) -> dict[str, int]:
        """Numbers of parameters by part, `total`, and `matmul`: those that multiply every token (with the head)."""
        embedding = self.vocab_size * self.hidden_size
        if self.kind == "lstm":
            attention, mlp = 0, self.layers * 8 * self.hidden_size * (self.hidden_size + 1)
            norms = self.hidden_size
        else:
            attention = 2 * self.layers * self.hidden_size * self.head_dim * (self.heads + self.kv_heads)
            mlp = 3 * self.layers * self.hidden_size * self.intermediate_size
            norms = self.hidden_size * (2 * self.layers + 1) + 2 * self.layers * self.head_dim * self.qk_norm
        parts = {
            "embedding": embedding,
            "head": 0 if self.tied else embedding,
            "attention": attention,
            "mlp": mlp,
            "norms": norms,
        }
        return parts | {"total": sum(parts.values()), "matmul": attention + mlp + embedding}

    def to_hf(self) -> dict[str, Any]:
        """A config.json that transformers 5 opens, with the keys that older readers look for beside the new ones."""
        common = {
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "num_hidden_layers": self.layers,
            "rms_norm_eps": self.norm_eps,
            "max_position_embeddings": self.max_positions,
            "tie_word_embeddings": self.tied,
            "initializer_range": self.init_std,
            "bos_token_id": self.bos,
            "eos_token_id": self.eos,
            "pad_token_id": self.pad,
            "dtype": "float32",
            "torch_dtype": "float32",
        }
        if self.kind == "lstm":
            return {"architectures": [_LSTM], "model_type": "winnow_lstm", **common}
        rope = self.rope.to_hf()
        stretched = {name: value for name, value in rope.items() if name != "rope_theta"}
        return {
            "architectures": ["Qwen3ForCausalLM" if self.qk_norm else "LlamaForCausalLM"],
            "model_type": "qwen3" if self.qk_norm else "llama",
            **common,
            "intermediate_size": self.intermediate_size,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "attention_bias": False,
            "attention_dropout": 0.0,
            "mlp_bias": False,
            "use_cache": True,
            "rope_parameters": rope,
            "rope_theta": self.rope.theta,
            "rope_scaling": None if self.rope.kind == "default" else stretched,
        }

    @staticmethod
    def from_hf(config: Mapping[str, Any]) -> ModelConfig:
        """Reads a config.json; whatever would change the arithmetic and is not supported is a user error."""
        names = list(config.get("architectures") or [])
        if len(names) != 1 or names[0] not in _ARCHITECTURES:
            raise _unsupported(
                f"the architecture {', '.join(map(str, names)) or '(none named)'}",
                "LlamaForCausalLM can be read, and Qwen3ForCausalLM",
            )
        kind = _ARCHITECTURES[names[0]]
        for name in ("attention_bias", "mlp_bias", "attention_dropout", "use_sliding_window", "quantization_config"):
            if config.get(name):
                raise _unsupported(f"`{name}`")
        sliding = config.get("sliding_window") and names[0] == "LlamaForCausalLM"
        if sliding or set(config.get("layer_types") or ["full_attention"]) != {"full_attention"}:
            raise _unsupported("a sliding window of attention")
        if (config.get("hidden_act") or "silu") != "silu":
            raise _unsupported(f"the activation '{config['hidden_act']}'")
        try:
            return _read(config, kind, qk_norm=names[0] == "Qwen3ForCausalLM")
        except KeyError as missing:
            raise UserError(f"config.json has no {missing}", code=Exit.INPUT) from None
        except (TypeError, ValueError) as wrong:
            raise UserError(f"config.json holds a value of a wrong type: {wrong}", code=Exit.INPUT) from None


def _read(config: Mapping[str, Any], kind: str, *, qk_norm: bool) -> ModelConfig:
    width = int(config["hidden_size"])
    heads = int(config["num_attention_heads"]) if kind == "llama" else 1
    return ModelConfig(
        vocab_size=int(config["vocab_size"]),
        hidden_size=width,
        intermediate_size=int(config["intermediate_size"]) if kind == "llama" else 4 * width,
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_dim=int(config.get("head_dim") or (128 if qk_norm else width // heads)),
        max_positions=int(config.get("max_position_embeddings", 2048)),
        norm_eps=float(config.get("rms_norm_eps", 1e-6)),
        rope=Rope.from_hf(config),
        tied=bool(config.get("tie_word_embeddings", False)),
        qk_norm=qk_norm,
        init_std=float(config.get("initializer_range", 0.02)),
        bos=_first(config.get("bos_token_id")),
        eos=_first(config.get("eos_token_id")),
        pad=_first(config.get("pad_token_id")),
        kind=kind,
    )


def _first(token: Any) -> int | None:
    """One id of an entry that may list several."""
    if isinstance(token, list):
        token = token[0] if token else None
    return None if token is None else int(token)


def _unsupported(what: str, hint: str = "") -> UserError:
    return UserError(f"{what} is not supported", hint=hint, code=Exit.INPUT)
