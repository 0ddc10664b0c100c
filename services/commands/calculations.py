"""The cases of kind `calculation`: a formula by its name, its inputs, and its result as `core` computes it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from services.core.anomaly import Limits, anomaly
from services.core.economy import cost_figures
from services.core.forecast import bias, mape, same_interval_average, wape
from services.core.kpis import mean, percentile
from services.core.peers import Lines, Peer, peer_outliers
from services.core.quality import Rating, review_score
from services.core.staffing import erlang_a, erlang_c, erlangs, required, staffed

Inputs = Mapping[str, Any]
Result = dict[str, Any]


class Miscalculated(ValueError):
    """A calculation whose formula is not known, or whose inputs it cannot take."""


def calculated(inputs: Inputs) -> Result:
    """The result of the formula that ``inputs`` name.

    Raises:
        Miscalculated: no such formula, or an input is missing, or is no number that makes sense there.
    """
    name = inputs.get("formula")
    formula = FORMULAS.get(str(name))
    if formula is None:
        raise Miscalculated(f"no formula is called {name!r}; known: {', '.join(FORMULAS)}")
    try:
        return formula(inputs)
    except KeyError as missing:
        raise Miscalculated(f"{name} wants the input {missing}") from None
    except (ValueError, TypeError, AttributeError, IndexError) as error:
        raise Miscalculated(f"{name}: {error}") from None


def _erlang_c(inputs: Inputs) -> Result:
    aht, threshold = inputs["aht_seconds"], inputs["threshold_seconds"]
    traffic = erlangs(inputs["contacts"], aht, inputs["interval_seconds"])
    if inputs.get("agents") is not None:
        queue = erlang_c(traffic, inputs["agents"], aht, threshold)
    else:
        queue = required(traffic, aht, threshold, inputs["target_service_level"], inputs.get("max_occupancy", 1.0))
    return {"erlangs": traffic, **asdict(queue), **_rostered(queue.agents, inputs)}


def _erlang_a(inputs: Inputs) -> Result:
    aht = inputs["aht_seconds"]
    traffic = erlangs(inputs["contacts"], aht, inputs["interval_seconds"])
    queue = erlang_a(traffic, inputs["agents"], aht, inputs["patience_seconds"], inputs["threshold_seconds"])
    return {"erlangs": traffic, **asdict(queue), **_rostered(queue.agents, inputs)}


def _rostered(agents: int, inputs: Inputs) -> Result:
    needed, available = staffed(agents, inputs.get("shrinkage", 0)), inputs.get("available_agents")
    return {"staffed": needed, "gap": None if available is None else available - needed}


def _cost_per_resolution(inputs: Inputs) -> Result:
    return asdict(cost_figures(inputs["costs"], inputs.get("tickets_resolved_distinct"), inputs.get("contacts")))


def _forecast(inputs: Inputs) -> Result:
    excluded = set(inputs.get("exclude_dates", ()))
    history = sorted(inputs["history"], key=lambda entry: str(entry["date"]))
    usual = [entry["contacts"] for entry in history if entry["date"] not in excluded]
    forecast, samples = same_interval_average(usual, inputs["weeks"])
    return {"forecast": forecast, "samples": samples}


def _forecast_error(inputs: Inputs) -> Result:
    """Two lists, or one list of intervals that have both."""
    forecast, actual = inputs.get("forecast"), inputs.get("actual")
    if forecast is None or actual is None:
        intervals = next((each for each in inputs.values() if isinstance(each, list)), [])
        forecast, actual = ([interval[name] for interval in intervals] for name in ("forecast", "actual"))
    return {"wape": wape(forecast, actual), "bias": bias(forecast, actual), "mape": mape(forecast, actual)}


def _anomaly(inputs: Inputs) -> Result:
    return asdict(anomaly(inputs["baseline"], inputs["value"], _taken(Limits, inputs)))


def _quality_score(inputs: Inputs) -> Result:
    scores = [_review(review, inputs) for review in inputs["reviews"]]
    known = sorted(score for score in scores if score is not None)
    return {"review_scores": scores, "mean": mean(known), "p50": percentile(known, 0.5)}


def _review(review: Mapping[str, Any], inputs: Inputs) -> float | None:
    """A score as such, or ratings by category; what a category is may be said with the rating, or once for all."""
    if "score" in review:
        return review["score"]  # type: ignore[no-any-return]
    defined = _by_name(inputs.get("categories", {}))
    rated = _by_name(review["categories"] if "categories" in review else review["ratings"])
    return review_score([_rating(inputs, defined.get(name, {}) | each) for name, each in rated.items()])


def _by_name(categories: Any) -> dict[str, dict[str, Any]]:
    if isinstance(categories, Mapping):
        return {name: each if isinstance(each, dict) else {"rating": each} for name, each in categories.items()}
    return {str(each.get("name", each.get("category", place))): each for place, each in enumerate(categories)}


def _rating(inputs: Inputs, category: Mapping[str, Any]) -> Rating:
    scale = category.get("scale", inputs.get("scale", (0, 100)))
    low, high = (scale["min"], scale["max"]) if isinstance(scale, Mapping) else scale
    return Rating(
        category.get("rating"),
        (category.get("scale_min", low), category.get("scale_max", high)),
        category.get("weight", 1),
        category.get("critical", False),
    )


def _percentiles(inputs: Inputs) -> Result:
    values: Sequence[float] = sorted(inputs["values"])
    return {f"p{100 * p:g}": percentile(values, p) for p in inputs["p"]} | {"mean": mean(values)}


def _peer_outliers(inputs: Inputs) -> Result:
    peers = [_taken(Peer, agent) for agent in inputs["agents"]]
    return {"flags": [flag._asdict() for flag in peer_outliers(peers, _taken(Lines, inputs))]}


def _taken(kind: type[Any], inputs: Inputs) -> Any:
    """A dataclass of ``kind`` from the inputs of its names."""
    return kind(**{field.name: inputs[field.name] for field in fields(kind) if field.name in inputs})


FORMULAS: Mapping[str, Callable[[Inputs], Result]] = {
    "erlang_c": _erlang_c,
    "erlang_a": _erlang_a,
    "cost_per_resolution": _cost_per_resolution,
    "forecast_same_interval_average": _forecast,
    "forecast_error": _forecast_error,
    "anomaly": _anomaly,
    "quality_score": _quality_score,
    "percentiles": _percentiles,
    "peer_outliers": _peer_outliers,
}
