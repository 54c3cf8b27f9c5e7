"""The pictures of the training page: a curve of each run with its band, and models by their size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from workbench.render import cell

if TYPE_CHECKING:
    import polars as pl


class Metric(NamedTuple):
    """How a column of `metrics/` is called."""

    title: str
    unit: str = ""


METRICS = {
    "loss": Metric("Loss", "nats"),
    "bits_per_byte": Metric("Held-out bits per byte", "bits"),
    "accuracy": Metric("Accuracy", "share"),
    "margin": Metric("Reward margin, chosen less rejected", "nats"),
    "reward_chosen": Metric("Implicit reward of the chosen", "nats"),
    "reward_rejected": Metric("Implicit reward of the rejected", "nats"),
    "gap": Metric("Score gap between chosen and rejected"),
    "probability": Metric("Probability of the raters' choice", "share"),
    "reward": Metric("Reward of a response"),
    "response_kl": Metric("KL to the reference, of a response", "nats"),
    "token_kl": Metric("KL to the reference, of a token", "nats"),
    "kl": Metric("KL to the reference, of the trained rows", "nats"),
    "approx_kl": Metric("KL to the policy that sampled", "nats"),
    "clip_fraction": Metric("Clipped tokens", "share"),
    "length": Metric("Length of a response", "tokens"),
    "ended": Metric("Responses that ended by themselves", "share"),
    "entropy": Metric("Entropy of a token", "nats"),
    "dead_groups": Metric("Groups whose rewards are all alike", "share"),
    "value_loss": Metric("Value loss"),
    "lr": Metric("Learning rate"),
    "grad_norm": Metric("Gradient norm"),
    "tokens_per_s": Metric("Throughput", "tokens/s"),
    "peak_share": Metric("Share of the measured matmul peak (MFU)", "share"),
    "seconds": Metric("Time of a step", "s"),
    "wait_s": Metric("Of which waiting for data", "s"),
    "weight": Metric("What the loss is divided by"),
    "tokens": Metric("Tokens of a step", "tokens"),
}
USUAL = (
    *("loss", "bits_per_byte", "policy.reward", "policy.response_kl", "accuracy", "margin", "reward_chosen"),
    *("reward_rejected", "gap", "policy.clip_fraction", "policy.length", "policy.entropy", "value.value_loss"),
    *("lr", "grad_norm", "tokens_per_s"),
)
"""The curves that are drawn unless others are chosen."""
_SILENT: dict[str, Any] = {"aria": False}  # a picture is told as a whole; its layers have nothing to add
AXES = {"step": "step", "tokens": "tokens read", "flops": "FLOPs, as the run counts them", "time": "seconds in steps"}
TRAINING, HELD_OUT, MARK = "training", "held-out", "mark"
SHAPES = {
    "alarm": ("triangle-up", "▲"),
    "skipped": ("cross", "✚"),
    "resumed": ("triangle-right", "▶"),
    "checkpoint": ("square", "■"),
    "phase": ("diamond", "◆"),
    "epoch": ("circle", "●"),
    "end": ("triangle-down", "▼"),
}
"""Signs of what happened, for Vega and for the line that explains them."""


def titled(name: str) -> str:
    """A column as people read it; the part of the training that it belongs to stands behind it."""
    if name in METRICS:
        return METRICS[name].title
    part, _, rest = name.partition(".")
    if part in ("policy", "value", "ptx") and rest:
        known = METRICS.get(rest)
        return f"{known.title if known else rest} ({part})"
    return name


def _unit(name: str) -> str:
    found = METRICS.get(name) or METRICS.get(name.partition(".")[2])
    return found.unit if found else ""


def curve(
    name: str, runs: Sequence[str], marks: Sequence[str], axis: str, *, log_x: bool, log_y: bool
) -> dict[str, Any]:
    """Points `x`, `low`, `value`, `high` of `run` and `kind`; marks have `x`, `what` and `note`."""
    x = {
        "field": "x",
        "type": "quantitative",
        "title": AXES[axis],
        "scale": {"type": "log", "nice": False} if log_x else {"zero": False, "nice": False},
        "axis": {"format": "~s"} if axis != "time" else {},
    }
    scale = {"type": "log", "nice": False} if log_y else {"zero": False}
    y = {
        "type": "quantitative",
        "title": _unit(name),
        "scale": scale,
        "axis": {"format": "~s" if _unit(name).startswith("tokens") else "~g"},
    }
    color = {
        "field": "run",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(runs)},
        "legend": _legend(len(runs)),
    }
    dash = {
        "field": "kind",
        "type": "nominal",
        "title": None,
        "scale": {"domain": [TRAINING, HELD_OUT], "range": [[1, 0], [5, 3]]},
        "legend": None,
    }
    tooltip = [
        *({"field": each, "type": "nominal"} for each in ("run", "kind")),
        *({"field": each, "type": "quantitative", "format": ","} for each in ("since", "step")),
        *({"field": each, "type": "quantitative", "format": ".5g"} for each in ("low", "value", "high")),
    ]
    band = {
        "transform": [{"filter": "datum.kind != 'mark' && datum.high > datum.low"}],
        "mark": {"type": "area", "opacity": 0.22, **_SILENT},
        "encoding": {"x": x, "y": {"field": "low", **y}, "y2": {"field": "high"}, "color": color, "detail": _KIND},
    }
    line = {
        "transform": [{"filter": "datum.kind != 'mark'"}],
        "mark": {"type": "line", "strokeWidth": 1.7, **_SILENT},
        "encoding": {"x": x, "y": {"field": "value", **y}, "color": color, "strokeDash": dash, "tooltip": tooltip},
    }
    points = {
        "transform": [{"filter": "datum.kind == 'held-out' || datum.alone"}],
        "mark": {"type": "point", "filled": True, "size": 24, **_SILENT},
        "encoding": {"x": x, "y": {"field": "value", **y}, "color": color, "tooltip": tooltip},
    }
    return {"layer": [band, line, points, *(_marks(x, marks) if marks else ())], "height": 300}


def _legend(runs: int) -> dict[str, Any] | None:
    return {"orient": "bottom", "columns": 4, "labelLimit": 130, "symbolOpacity": 1} if runs > 1 else None


_KIND = {"field": "kind", "type": "nominal"}


def _marks(x: Mapping[str, Any], present: Sequence[str]) -> list[dict[str, Any]]:
    """Thin lines, and on top of each a sign whose shape says what it was."""
    chosen: Any = [{"filter": "datum.kind == 'mark'"}]
    shape = {
        "field": "what",
        "type": "nominal",
        "title": None,
        "scale": {"domain": list(present), "range": [SHAPES[each][0] for each in present]},
        "legend": None,
    }
    told = [{"field": each, "type": "nominal"} for each in ("run", "what", "note")]
    tooltip = [*told, {"field": "step", "type": "quantitative", "format": ","}]
    grey = {"color": "#8A8F94"}
    return [
        {
            "transform": chosen,
            "mark": {"type": "rule", "strokeDash": [2, 3], "opacity": 0.6, **grey, **_SILENT},
            "encoding": {"x": x},
        },
        {
            "transform": chosen,
            "mark": {"type": "point", "filled": True, "size": 46, **grey, **_SILENT},
            "encoding": {"x": x, "y": {"value": 4}, "shape": shape, "tooltip": tooltip},
        },
    ]


def told(name: str, frame: pl.DataFrame) -> str:
    """What a curve says, for those who do not see it: where each run begins and ends, and its least and largest."""
    import polars as pl

    parts = []
    for run, kind in frame.filter(pl.col("kind") != MARK).select("run", "kind").unique(maintain_order=True).iter_rows():
        one = frame.filter((pl.col("run") == run) & (pl.col("kind") == kind)).sort("step")
        parts.append(
            f"{run}, {kind}: {cell(one['value'][0])} at step {one['step'][0]:,}, {cell(one['value'][-1])} at step "
            f"{one['step'][-1]:,}, lowest {cell(one['low'].min())}, highest {cell(one['high'].max())}"
        )
    return f"{titled(name)}. " + "; ".join(parts)


SIZES = {"flops": "FLOPs of the training", "parameters": "parameters", "tokens": "tokens read"}
LOSSES = {"loss": "held-out loss, nats a token", "bits": "held-out bits per byte"}
"""What the axes of the scaling picture may be, by the names of `training_story.scaling`."""


def scaling(x: str, y: str, groups: Sequence[str]) -> dict[str, Any]:
    """A point for each finished pretraining; both axes are logarithmic."""

    def axis(field: str, title: str) -> dict[str, Any]:
        scale = {"type": "log", "nice": False, "padding": 24}
        return {"field": field, "type": "quantitative", "title": title, "scale": scale, "axis": {"format": "~s"}}

    encoding = {"x": axis(x, SIZES[x]), "y": axis(y, LOSSES[y])}
    group = {"field": "data", "type": "nominal", "title": "tokens of", "scale": {"domain": list(groups)}}
    fields = ("parameters", "tokens", "flops", "loss", "bits", "n")
    tooltip = [
        {"field": "run", "type": "nominal"},
        *({"field": each, "type": "quantitative", "format": ",.5g"} for each in fields),
    ]
    return {
        "layer": [
            {
                "mark": {"type": "point", "filled": True, "size": 90, **_SILENT},
                "encoding": {
                    **encoding,
                    "color": {**group, "legend": {"orient": "bottom"} if len(groups) > 1 else None},
                    "shape": {**group, "legend": {"orient": "bottom"} if len(groups) > 1 else None},
                    "tooltip": tooltip,
                },
            },
            {
                "mark": {"type": "text", "dy": -13, "fontSize": 12, "limit": 160, **_SILENT},
                "encoding": {
                    **encoding,
                    "text": {"field": "run", "type": "nominal"},
                    "color": {**group, "legend": None},
                },
            },
        ],
        "height": 380,
    }
