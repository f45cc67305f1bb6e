"""A generator's card, in the same sections, from what `flagstaff generate --summary` wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.lab.card.document import Bullets, Card, Paragraph, Section, Table
from worker.lab.card.wording import NOT_MEASURED, NOT_STATED, share

if TYPE_CHECKING:
    from worker.lab.card.prose import GeneratorProse
    from worker.lab.generation.lines import Parameters
    from worker.lab.generation.summary import GeneratedFigures, GenerationSummary


def generator_card(summary: GenerationSummary, prose: GeneratorProse) -> Card:
    """The card, the same for the same input.

    Args:
        summary: what was generated, and how.
        prose: what can't be measured.
    """
    parameters = summary.parameters
    return Card(
        title=f"Generator card: {parameters.generator}",
        limits=(
            f"A machine wrote all {summary.all.texts} texts; nobody has read them.",
            "Texts of other generators, sizes and sampling methods differ from these.",
        ),
        sections=(
            Section("Model details", (_details(parameters, prose),)),
            Section(
                "Intended use",
                (Bullets(prose.uses), Paragraph("Not for:"), Bullets(prose.out_of_scope)),
            ),
            Section("Factors", (Paragraph("Sampling method, length, prompt."), _sampling(summary))),
            Section("Metrics", (Bullets(_METRICS),)),
            Section(
                "Evaluation data",
                (Paragraph("None: the figures are of the generated texts themselves."),),
            ),
            Section(
                "Training data",
                (
                    Bullets(prose.training_data)
                    if prose.training_data
                    else Paragraph(f"What the generator learned from: {NOT_STATED}."),
                ),
            ),
            Section("Quantitative analyses", (_figures(summary),)),
            Section("Ethical considerations", (Bullets(prose.ethics),)),
            Section("Caveats and recommendations", (Bullets(prose.recommendations),)),
        ),
    )


_METRICS = (
    "Share ended: texts that the model ended by itself; the others were cut.",
    "Repeated 4-grams: share of a text's runs of four words that occur in it before (Welleck et al. 2020).",
    "Distinct-n: different runs of n words as a share of all (Li et al. 2016); it falls with more texts.",
)


def _details(parameters: Parameters, prose: GeneratorProse) -> Bullets:
    packages = ", ".join(f"{name} {version}" for name, version in sorted(parameters.packages.items()))
    return Bullets(
        (
            f"Name: {parameters.generator}",
            f"Commit: {parameters.revision or 'none: it was on the machine'}",
            f"Digest of the weights: {parameters.weights}",
            f"Digest of the tokenizer: {parameters.tokenizer}",
            f"Number format: {parameters.number_format}",
            f"Machine: {', '.join(parameters.platform) or NOT_STATED}",
            f"Packages: {packages or NOT_STATED}",
            f"Owners: {prose.owners}",
            f"Contact: {prose.contact}",
            f"Licence: {prose.licence}",
            f"Citation: {prose.citation}",
        )
    )


def _sampling(summary: GenerationSummary) -> Bullets:
    parameters = summary.parameters
    fewest, most = parameters.new_tokens
    prompts = "none" if parameters.prompts is None else (
        f"the first {parameters.prompt_tokens} tokens of texts with the digest {parameters.prompts}"
    )  # fmt: skip
    return Bullets(
        (
            f"Sampling methods: {', '.join(parameters.samplings)}; temperature {parameters.temperature:g}.",
            f"Seed: {parameters.seed}.",
            f"New tokens: {fewest} to {most}.",
            f"Prompts: {prompts}; {summary.prompt_texts} of {summary.all.texts} texts go on from one.",
            f"A text begins with its prompt: {'yes' if parameters.prompt_in_text else 'no'}.",
        )
    )


def _figures(summary: GenerationSummary) -> Table:
    lengths = tuple(summary.all.new_tokens)
    distinct = tuple(summary.all.distinct)
    return Table(
        "Of the generated texts, without their prompts; lengths are quantiles in tokens.",
        (
            "sampling", "texts", "empty", "ended", *(f"length {name}" for name in lengths),
            "repeated 4-grams", *(f"distinct-{name}" for name in distinct),
        ),
        tuple(
            (
                name, str(one.texts), str(one.empty), share(one.ended),
                *(_length(one, at) for at in lengths), share(one.repeated_4_grams),
                *(share(one.distinct.get(at)) for at in distinct),
            )
            for name, one in (("all", summary.all), *sorted(summary.by_sampling.items()))
        ),
    )  # fmt: skip


def _length(figures: GeneratedFigures, quantile: str) -> str:
    value = figures.new_tokens.get(quantile)
    return NOT_MEASURED if value is None else f"{value:g}"
