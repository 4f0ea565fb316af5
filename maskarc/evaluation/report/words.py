"""What a run says, in words: the figures at the top of a page."""

import dataclasses
from typing import Any

from maskarc.evaluation import calibration, summary
from maskarc.evaluation.report import runs, tables

# Of one kind of pair; below, a page says that they are few.
FEW = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Headline:
    """A figure: what it is of, its value, its interval, and what to read it with."""

    label: str
    value: str
    interval: str
    note: str


def headlines(run: runs.Run) -> list[Headline]:
    """The accuracy of each condition, and rank 1 of each kind of probes."""
    found = []
    drops = run.result.get("drop", {})
    for name, told in run.result.get("conditions", {}).items():
        if "reason" in told:
            continue
        note = f"accuracy, {told['pairs']:,} pairs"
        if drops.get(name, {}).get("same_pairs"):
            lost = tables.points(-drops[name]["accuracy"]["estimate"])
            note += f", {lost} points against {summary.BASE}"
        found.append(_headline(name, told["intervals"]["accuracy"], note))
    for kind in ("bare", "masked"):
        if run.identification and kind in run.identification:
            told = run.identification[kind]
            note = f"rank 1 of {run.identification['gallery']:,} people"
            found.append(_headline(f"{kind} probes", told["rank_1"], note))
    return found


def _headline(label: str, known: dict[str, Any], note: str) -> Headline:
    between = "no interval: no draw differs"
    if known["low"] is not None:
        low, high = tables.percent(known["low"]), tables.percent(known["high"])
        between = f"{low} to {high}"
    return Headline(
        label=label,
        value=tables.percent(known["estimate"]),
        interval=between,
        note=note,
    )


def findings(run: runs.Run) -> list[str]:
    """One sentence each on thresholds, failures and the list of pairs."""
    said = []
    few = [
        f"{name} ({min(told['genuine'], told['impostors'])})"
        for name, told in run.result.get("conditions", {}).items()
        if "reason" not in told and min(told["genuine"], told["impostors"]) < FEW
    ]
    if few:
        said.append(
            f"Fewer than {FEW} genuine or impostor pairs, and so little to be read "
            f"from: {', '.join(few)}."
        )
    costs = run.result.get("cross_thresholds", {}).get("accuracy", {})
    for chosen_on in (summary.BASE, calibration.POOLED):
        if chosen_on in costs and len(costs[chosen_on]) > 1:
            there = costs[chosen_on]
            name = max(there, key=lambda n: there[n]["cost"])
            at = there[name]
            said.append(
                f"The threshold {at['threshold']:.3f}, chosen on {chosen_on}, costs at "
                f"worst {100 * at['cost']:.2f} points of accuracy, on {name}: there it "
                f"rejects {tables.share(at['frr'])} of genuine pairs and accepts "
                f"{tables.share(at['far'])} of impostor pairs."
            )
    if run.images is not None:
        failed = len(run.failures)
        said.append(f"{failed or 'None'} of {run.images:,} images had no usable face.")
    if "audit" in run.result:
        faults = run.result["audit"]["findings"]
        named = ", ".join(
            f"{name.replace('_', ' ')} ({found['count']})"
            for name, found in faults.items()
        )
        said.append(
            f"The list of pairs has faults: {named}."
            if faults
            else "No fault was found in the list of pairs."
        )
    return said


def differences(compared: dict[str, Any], names: tuple[str, str]) -> list[str]:
    """What `comparison.compare` found, one sentence a condition.

    A difference is called more than chance where interval and test agree.
    """
    said = []
    for condition, told in compared["conditions"].items():
        if "reason" in told:
            said.append(f"{condition} is not compared: {told['reason']}.")
            continue
        value, p_value = told["difference"]["accuracy"], told["mcnemar"]["p_value"]
        better = names[int(value["estimate"] > 0)]
        points = 100 * abs(value["estimate"])
        is_certain = value["low"] is not None and value["low"] * value["high"] > 0
        is_certain = is_certain and p_value < 0.05
        verdict = "more than chance explains" if is_certain else "chance may explain it"
        difference = f"{better} is better by {points:.2f} points of accuracy, {verdict}"
        if not points:
            difference = "both have the same accuracy"
        test = tables.p_value(p_value)
        said.append(f"{condition}: {difference} (McNemar's test: p {test}).")
    for key, name in zip(("only_first", "only_second"), names, strict=True):
        if compared[key]:
            said.append(f"Only {name} has {', '.join(compared[key])}.")
    left_out = sum(told["left_out"] for told in compared["conditions"].values())
    if left_out:
        said.append(f"Left out, for only one run has them: {left_out:,} rows.")
    return said
