"""A trained encoder as a detector's directory: merged, or as adapters beside the name of their encoder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from worker.detector.adapter import ADAPTER, CONFIG, MINILM, weights_digest
from worker.detector.checkpoint import AdaptedBase, Manifest, write_manifest
from worker.detector.weights import write_weights
from worker.errors import DetectorError

if TYPE_CHECKING:
    from worker.lab.encoder.base import Base
    from worker.lab.encoder.recipe import Recipe


def write_detector(  # noqa: PLR0913 - each is another part of what is written
    out: Path, base: Base, encoder: Path, recipe: Recipe, provenance: dict[str, Any], *, keep_adapter: bool
) -> None:
    """Writes the detector, uncalibrated. `detector.json` comes last: with it the directory is whole.

    Args:
        out: the directory.
        base: the trained model and its tokenizer.
        encoder: the directory that it began with.
        recipe: how it was trained.
        provenance: for people.
        keep_adapter: whether the adapters are written, and not the whole model.

    Raises:
        DetectorError: it can't be written.
    """
    manifest = Manifest(
        format=1,
        kind="adapter" if keep_adapter else "transformers",
        name=recipe.name,
        labels=base.labels,
        base=_adapted(base, encoder, recipe) if keep_adapter else None,
        preparation=recipe.preparation,
        provenance=provenance,
    )
    try:
        if keep_adapter:
            _write_adapter(out, base.model, recipe.base)
        else:
            _write_whole(out, base)
        write_manifest(out, manifest)
    except (OSError, SafetensorError) as error:
        raise DetectorError(f"train: can't write to {out}: {error}") from None


def _write_whole(out: Path, base: Base) -> None:
    model = base.model.merge_and_unload() if hasattr(base.model, "merge_and_unload") else base.model
    base.tokenizer.model_max_length = base.max_tokens
    base.tokenizer.save_pretrained(out)
    model.save_pretrained(out)


def _write_adapter(out: Path, model: Any, base: str) -> None:
    # Imported here: only adapters need it.
    from peft import get_peft_model_state_dict  # noqa: PLC0415

    config = model.peft_config["default"].to_dict()
    said = {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}
    said |= {"base_model_name_or_path": base, "inference_mode": True}
    (out / CONFIG).write_text(
        json.dumps(said, indent=2, sort_keys=True, default=str) + "\n", encoding="utf-8"
    )
    weights = get_peft_model_state_dict(model)
    write_weights(out / ADAPTER, {name: one.detach().cpu() for name, one in weights.items()}, None)


def _adapted(base: Base, encoder: Path, recipe: Recipe) -> AdaptedBase:
    local = recipe.base != MINILM and recipe.revision is None
    return AdaptedBase(
        model=str(Path(recipe.base).resolve()) if local else recipe.base,
        revision=recipe.revision,
        sha256=weights_digest(encoder),
        max_tokens=base.max_tokens,
    )
