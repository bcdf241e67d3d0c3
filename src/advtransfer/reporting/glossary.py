"""The words of the report and what they mean; texts of a page link to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

PAGE = "glossary.html"


@dataclass(frozen=True)
class Entry:
    """A term and its meaning. Texts link where one of ``words`` (a pattern) stands; none: they do not."""

    id: str
    term: str
    meaning: str
    words: str = ""


# "# group", then for each term "## id | term | pattern of its words in texts" and its meaning (HTML).
TEXT = r"""
# Training and transfer

## source | source, target
A network is pre-trained on the source, of which few images have labels, and then used on the target, of
which fewer have. The target has other classes, or other images, or both.

## variant | variant | variants?
A way to pre-train: which labels are used and how the inputs are perturbed. The variants of a study share
everything else.

## clean | clean
Pre-training on the labelled source images as they are: what the others are compared with.

## adversarial | adversarial (l2, linf) | adversarial(?:ly)?
Pre-training on images that an attack has moved, within a ball of radius eps in the l2 or linf norm, to
where the loss is largest (projected gradient descent).

## pseudo-label | pseudo-label | pseudo-labels?
The class that a network trained on the labelled images gives to an unlabelled one. The variant trains on
labelled and pseudo-labelled images together.

## combined | combined
Pseudo-labels and adversarial perturbation together.

## clean-tuned | clean-tuned
Clean pre-training with a tuned weight decay, a baseline: is it the attack, or any regularisation?

## gaussian | gaussian
Pre-training under random noise of the attack's size, a baseline: is it the attack, or any perturbation?

## oracle | oracle
Pre-training with the true labels of all source images, or, in the linear model, the true representation:
what pseudo-labels could at best replace.

## raw | raw, untrained
Heads on the raw pixels, or on the features of a network that was not trained: what the head alone can do.

## shots | shots | shots
Labelled target images per class; <i>all</i> is every one that there is.

## linear-head | linear head | linear heads?
Logistic regression on the frozen features of the pre-trained network (protocol <i>linear</i>).

## finetune | fine-tuning | fine-tun(?:ing|ed)
The whole network is trained on the labelled target images (protocol <i>finetune</i>).

## eps | eps, radius
The size of an attack: the largest distance, in the attack's norm, by which it may move an input.

## robust-accuracy | robust accuracy | robust accuracy
Accuracy on attacked test images. It is an upper bound: a stronger attack can only lower it.

# Statistics

## replica | replica, trial | replicas?
One repetition of a whole study with a split, an initialisation and batches of its own, which its variants
share. In a simulation: a trial with data of its own.

## draw | draw
A choice of the labelled target images within a replica; draws are averaged before replicas are compared.

## interval | confidence interval | confidence intervals?
Of a mean over replicas, by Student's t distribution: 95 % unless a claim says otherwise. It holds for the
data set that was re-split, not for others.

## paired-difference | paired difference | paired differences?
The mean over replicas of one variant's value minus another's in the same replica. It is known better than
the two levels that it is taken from.

## holm | p (Holm)
The p value of a paired difference, corrected over all comparisons of the study (Holm 1979).

## claim | claim
A question that was written down before its answer, in reports/claims.yaml: which variants are compared on
what, and which side of 0 is claimed. C1: adversarial pre-training helps. C2: pseudo-labels help. C3: both
together beat either alone. C4: these in the linear model. C5: adversarial pre-training purifies features.

## verdict | supported, refuted, inconclusive
Supported: every comparison of a claim has an interval beyond 0 on the claimed side and a small enough p
value. Refuted: one lies beyond 0 on the other side. Inconclusive: all else. A claim of no difference is
judged by a margin.

# Theory

## sin-theta | sin Theta | sin Theta
The distance of the learned from the true representation, as the sine of the angle between two subspaces: 0
is perfect, 1 misses a direction altogether.

## excess-risk | excess risk | excess risk
How much worse a classifier of the target is than the best one there is: the part of the representation and
the part of the head add up.

## rate | rate | rates?
The slope of a line fitted to means on log-log axes: how fast an error falls with a size. The theory gives
its exponent for large sizes.

## plain-svd | plain SVD | plain SVD
The top singular vectors of the tasks' means, not normalised: a task counts by its signal, without any
attack.

## closed-form | closed form | closed form
The value that random matrix theory gives for large sizes.

## purity | purity | pur(?:e|ity)
How far a hidden unit has picked one atom of the dictionary: the largest |cos| of its weights with an atom,
weighted by the unit's importance.

## masking | gradient masking | gradient masking
A defence that hides the gradient from an attack instead of moving the boundary. A sign of it: one start of
the attack does far worse than all together.

# Representations

## cka | linear CKA | (?:linear )?CKA
How alike two representations of the same images are: 1 where they differ by a rotation, a factor and a
shift, 0 where they are unrelated.

## effective-rank | effective rank | effective rank
Over how many dimensions features spread: exp of the entropy of their singular values, taken as shares of
their sum.

## probe | linear probe | (?:linear )?probes?
A linear head on the output of one stage of a network: how early its features separate the classes.

# Provenance

## artifact | artifact
A file that a job wrote.

## seal | seal | seals?
A file beside an artifact with the parameters, the hash of every module of code, of every input and of every
output of the job that made it, and where it ran. Pointing at a number of this report tells the seal of its
job. A seal is a record against mistakes and silent changes, not a signature.

## audit | audit
A check of all published numbers and figures against seals, files, code and raw data: <code>make
audit</code>.
"""


def groups() -> dict[str, list[Entry]]:
    """The terms of each group, in order."""
    found: dict[str, list[Entry]] = {}
    for group in re.split(r"^# ", TEXT, flags=re.MULTILINE)[1:]:
        title, *entries = re.split(r"\n## ", group)
        found[title.strip()] = [_entry(text) for text in entries]
    return found


def linked(html: str, seen: set[str]) -> str:
    """Link the first use of each term in the paragraphs of ``html`` that ``seen`` does not hold yet; ``seen`` grows."""
    return re.sub(r"(?s)<p>.*?</p>", lambda found: _paragraph(found.group(0), seen), html)


def _paragraph(html: str, seen: set[str]) -> str:
    pieces = re.split(r"(<a\b.*?</a>|<code>.*?</code>|<[^>]*>)", html, flags=re.DOTALL)
    for entry in _linked_entries():
        if entry.id in seen:
            continue
        pattern = re.compile(rf"\b({entry.words})\b", re.IGNORECASE)
        for at, piece in enumerate(pieces):
            if not piece.startswith("<") and (found := pattern.search(piece)):
                before, after = piece[: found.start()], piece[found.end() :]
                pieces[at : at + 1] = [before, _link(entry, found.group(0)), after]
                seen.add(entry.id)
                break
    return "".join(pieces)


def _entry(text: str) -> Entry:
    head, meaning = text.split("\n", 1)
    id, term, *words = head.split(" | ")
    return Entry(id, term, " ".join(meaning.split()), *words)


def _linked_entries() -> Iterator[Entry]:
    """Longer terms first: "linear probe" before a term that is a part of it."""
    every = (entry for entries in groups().values() for entry in entries if entry.words)
    yield from sorted(every, key=lambda entry: -len(entry.term))


def _link(entry: Entry, word: str) -> str:
    meaning = escape(re.sub(r"<[^>]*>", "", entry.meaning))
    return f'<a class="term" href="{PAGE}#{entry.id}" title="{meaning}">{word}</a>'
