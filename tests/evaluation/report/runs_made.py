"""A run with everything that a report can show, made by a known rule."""

import dataclasses

import numpy as np

from maskarc.evaluation import conditions, report
from maskarc.evaluation.report import pictures, runs
from tests.evaluation.scores import noisy_scores, scored_pairs

HOSTILE = "<script>alert('x')</script>/\"&_$\\frac.jpg"
COUNT = 400


def scores(loss=0.15, *, names=True):
    """Bare and masked, three kinds of masks, one hostile name, one pair twice."""
    similarities, is_same = noisy_scores(COUNT)
    masked = similarities - np.where(is_same, loss, 0).astype(np.float32)
    parts = []
    for condition, values in (("bare-bare", similarities), ("bare-masked", masked)):
        part = scored_pairs(values, is_same, condition=condition)
        part.labels["kind"] = np.where(np.arange(COUNT) % 3 == 0, "cloth", "n95")
        part.labels["wear"] = np.full(COUNT, "correct")
        part.labels["yaw"] = np.full(COUNT, "0–15°")
        if names:
            worst = np.argmax(np.where(is_same, -1, values))
            first = part.first.astype("<U60")
            first[worst] = HOSTILE
            part = dataclasses.replace(part, first=first)
        parts.append(part)
    about = {"model": HOSTILE, "seed": 0, "embedding_seconds": 10.0}
    about |= {"waiting_for_crops_seconds": 0.5, "versions": {"numpy": "2"}}
    return conditions._joined(parts, about)


def identification():
    """As `scoring.identify_gallery` returns it."""

    def table(first):
        point = {"fpir": 0.1, "tpir": 0.5, "threshold": 0.4, "strangers": 50}
        rare = {"fpir": 1e-3, "tpir": None, "threshold": None, "strangers": 50}
        return {
            "probes": 100,
            "strangers": 50,
            "rank": {"1": first, "5": 0.9, "10": 1.0},
            "rank_1": {"estimate": first, "low": first - 0.1, "high": first + 0.1},
            "cmc": [first, 0.9, 1.0],
            "open_set": [
                point | {"strangers_needed": 10},
                rare | {"strangers_needed": 1000},
            ],
        }

    nearest = {"rate": 0.9, "chance": 0.01, "probes": 90, "gallery": 99}
    return {
        "people": 60,
        "gallery": 50,
        "bare": table(0.8),
        "masked": table(0.5),
        "drop": {"estimate": 0.3, "low": 0.2, "high": 0.4},
        "nearest_neighbour": {"bare": nearest, "masked": None},
        "about": {},
    }


def full_run(name="a <b>run</b>"):
    """Scores, identification, failures and pictures."""
    made = scores()
    run = report.Run(
        name=name,
        about=made.about,
        scores=made,
        result=runs.tabulate(made, draws=60),
        identification=identification(),
        images=700,
        failures=((HOSTILE, "masked", "no_face"),),
    )
    thresholds = {n: c["threshold"] for n, c in run.result["conditions"].items()}
    worst = pictures.worst(made, thresholds, count=3)
    images = pictures.needed(worst)
    grey = np.full((16, 16, 3), 128, np.uint8)
    drawn = pictures.draw(worst, images, lambda place: grey)
    return dataclasses.replace(run, pictures=drawn)
