"""The card of a bundle, for people: what it is, what it learnt from, how good, where its limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from models.calibration import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.calibration import Calibration

TEMPLATE: Final = """\
# Model card: {name}

LSTM autoencoder of normalised vibration spectra, for bearingwatch. It reconstructs what healthy
bearings have in common; what it cannot reconstruct is a departure from health. Created {created}.

## Data

{data_summary}.

Source: {source}

Terms: {terms}

| recording | bytes | SHA-256 |
|---|---|---|
{recordings}

| sensor | healthy windows learnt from |
|---|---|
{sensors}

The data themselves are not part of the bundle; the golden windows come from the simulator.

## Command

    {command}

Seed {seed}; best epoch {epochs}, loss {loss:.4f} (on changed inputs), validation loss
{validation_loss:.4f} (the last {validation_share:.0%} of each sensor's healthy windows,
unchanged). Same seed, machine and library versions give the same weights.

## Calibration

From {held_sensors} sensors ({held_windows} windows), each scored by a network that did not learn
from it. log10 of the charted loss: mean {mean:.3f}, standard deviation between sensors
{between:.3f}, within a sensor {within:.3f}, lag-1 autocorrelation {autocorrelation:.2f}.
Standardised quantiles: {tail}.

{remarks}
"""


def write_card(
    name: str, created: str, training: Mapping[str, Any], calibration: Calibration, remarks: str
) -> str:
    """Return the card as Markdown; `remarks` (results, limits) are appended as they are."""
    quantiles = zip(PROBABILITIES, calibration.tail, strict=True)
    return (
        TEMPLATE.format(
            name=name,
            created=created,
            **{
                key: training[key] for key in ("data_summary", "source", "terms", "command", "seed")
            },
            **{key: training[key] for key in ("epochs", "loss", "validation_loss")},
            validation_share=training["settings"]["validation_share"],
            recordings="\n".join(
                f"| {item['name']} | {item['bytes']} | {item['sha256']} |"
                for item in training["data"]
            ),
            sensors="\n".join(f"| {key} | {n} |" for key, n in training["healthy_windows"].items()),
            held_sensors=calibration.sensors,
            held_windows=calibration.windows,
            mean=calibration.mean,
            between=calibration.between_sd,
            within=calibration.within_sd,
            autocorrelation=calibration.autocorrelation,
            tail=", ".join(f"{value:.2f} at {chance:g}" for chance, value in quantiles),
            remarks=remarks.strip(),
        ).rstrip()
        + "\n"
    )
