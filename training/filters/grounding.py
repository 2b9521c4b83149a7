"""Do the docs hold what an answer says? A logistic model over eight features of the pair and its supporting passage.

Fitted and measured on 3,000 published pairs that a large model wrote about the docs of one product, a row being good
when it was judged true to the docs and self-standing by reading. `python -m training.filters` prints today's figures.

- 460 rows (tests/data/nitro_pair_labels.csv), 29 % of them good as they were published, and 39 % once what is not in
  their passages is cut off (`training.filters.trimming`; those were read again). What is kept is judged as it is
  kept.
- Fitted on one half of them (221 rows, by a hash of the row), at the default threshold of 0.75 the other half has a
  precision of 0.84 (48 of 57, 95 % interval 0.73 to 0.91) with 0.55 of its good rows kept (33 of 60). Without
  trimming, that half was at 0.72 when it was first looked at (31 of 43). Rules for wording came of reading both
  halves since.
- The weights below are fitted on all 460. Out of fold, at 0.75, precision is 0.88 (98 of 111, 0.81 to 0.93), and 0.53
  of the good rows are kept (70 of 132, 0.45 to 0.61).
- Of 142 rows that no weight knows and that filters without trimming had kept (tests/data/nitro_kept_labels.csv), 100
  are kept at 0.75, 0.91 of them good. Of 130 further ones, drawn from what trimming lets pass from 0.60 on
  (tests/data/nitro_trimmed_labels.csv, read more strictly: what is true but tells next to nothing counts as bad), 91
  are kept, 0.80 of them good (73, 0.71 to 0.87), and no threshold does better than that;
  some rules of trimming came of reading them.

So what is kept is good between eight and nine times in ten, not nine. What still passes is said in words of the docs:
a claim wider than theirs, one example's value told as the rule, a plausible step more, or next to nothing. Words
cannot tell it, and neither can what was tried beside them, out of fold: cosines of sentences and quotes, kinship of
single words, the service's own grounding check of each sentence, the share that was cut, likelihoods of a small
model, a forest of trees. A judging model could (`filters.judge`); for data that has to be cleaner, let it, or a
person, read.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass

from app.index.terms import Vocabulary, terms
from training.filters.passages import Found, Support, claims
from training.filters.wording import asks_whether, consequences, hedges, names_command
from training.pair import Pair

_FEWEST_TERMS = 3  # of a shorter answer one foreign word would be half of it


@dataclass(frozen=True, slots=True)
class Features:
    """What speaks for an answer, or against it.

    added: share of the answer's terms that are not among `known_terms`, 0 to 1.
    densest: how many of them the sentence with most of them has.
    reach: 1 / rank of the supporting chunk in a search for the question, 0 when it is not found.
    explained: share of the question's terms (by IDF) in the prose of the passage that has most of them.
    consequences, hedges: how often the answer draws consequences, and hedges.
    names_command, asks_whether: whether the question quotes a command, flag or path, and whether it is one of yes
        and no, 0 or 1.
    """

    added: float
    densest: float
    reach: float
    explained: float
    consequences: float
    hedges: float
    names_command: float
    asks_whether: float


@dataclass(frozen=True, slots=True)
class Weights(Features):
    """Of the logistic model, by feature."""

    intercept: float


WEIGHTS = Weights(
    added=-5.36, densest=0.01, reach=1.79, explained=2.47, consequences=-0.03, hedges=-0.61, names_command=-1.62,
    asks_whether=1.12, intercept=-1.04,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judgement:
    """probability: that pair is true to the docs. added: the words that they do not have."""

    probability: float
    added: tuple[str, ...]

    @property
    def reason(self) -> str:
        told = f", not in the passage: {' '.join(self.added[:6])}" if self.added else ""
        return f"probability {self.probability:.2f}{told}"


def judge(pair: Pair, found: Found, support: Support, vocabulary: Vocabulary) -> Judgement:
    measured = features(pair, found, support, vocabulary)
    *weights, intercept = astuple(WEIGHTS)
    logit = intercept + sum(weight * value for weight, value in zip(weights, astuple(measured), strict=True))
    known = known_terms(pair, support)
    added = dict.fromkeys(term for claim in claims(pair.answer) for term in sorted(claim - known))
    return Judgement(1 / (1 + math.exp(-logit)), tuple(added))


def known_terms(pair: Pair, support: Support) -> frozenset[str]:
    """What an answer may say without adding anything: the passages' terms, and what its question asks about.

    A question of yes and no puts a claim before the docs itself, so of it only the passages' terms are known.
    """
    return support.terms if asks_whether(pair.question) else support.terms | frozenset(terms(pair.question))


def repeats_question(pair: Pair) -> bool:
    """Whether it is one of yes and no that is answered in its own words: 'yes, it can'."""
    said = frozenset().union(*claims(pair.answer))
    return asks_whether(pair.question) and said <= frozenset(terms(f"{pair.question} yes no"))


def features(pair: Pair, found: Found, support: Support, vocabulary: Vocabulary) -> Features:
    asked = frozenset(terms(pair.question))
    known = known_terms(pair, support)
    sentences = claims(pair.answer)
    said = frozenset().union(*sentences)
    return Features(
        added=len(said - known) / max(_FEWEST_TERMS, len(said)),
        densest=max((len(one - known) for one in sentences), default=0),
        reach=1 / support.rank if support.rank else 0.0,
        explained=max((vocabulary.coverage(asked, one.prose_terms) for one in found.passages), default=0.0),
        consequences=consequences(pair.answer),
        hedges=hedges(pair.answer),
        names_command=names_command(pair.question),
        asks_whether=asks_whether(pair.question),
    )
