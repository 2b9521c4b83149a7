"""Name servers made up for a test, in the form of a resolver."""

from __future__ import annotations

from collections.abc import Sequence


class Names:
    """Answers in turn, the last one for good; `asked` keeps what was asked for."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if not self._answers:
            raise OSError(f"{host}: no such name")
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
