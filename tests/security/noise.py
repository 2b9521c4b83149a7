"""Seeded noise: bodies that are near to valid ones, and such that are near to nothing."""

from __future__ import annotations

import copy
import json
import random
import string
from typing import Any

_WORDS = (
    "",
    " ",
    "\0",
    "\x1b[2J",
    "\r\nX-Injected: 1",
    "../../../../etc/shadow",
    "%2e%2e%2f",
    "'; drop table messages; --",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "<script>alert(1)</script>",
    "\u202e\u2066\ufeff",
    "\ud800",
    "\udfff lone",
    "🙂" * 50,
    "ß" * 300,
    "null",
    "true",
    "-1",
    "1e999",
    "NaN",
    "site_0000000000000000",
    f"ans_{0:024x}",
    f"conv_{0:024x}",
    "x" * 10_000,
    "[1] " * 100,
    "`" * 500,
    "#" * 500,
    "NOT IN DOCS",
    "human please",
)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**63,
    -(2**63) - 1,
    10**400,
    0.1,
    -0.0,
    1e308,
    float("inf"),
    float("nan"),
    [],
    {},
    [[]],
    [None],
    {"": ""},
    {"__proto__": {"x": 1}},
    {"$ref": "#"},
    [{}] * 50,
)
_KINDS = (
    "application/json",
    "application/json; charset=utf-8",
    "application/json; charset=utf-16",
    "application/problem+json",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "",
    "é",
    "application/json;" + "a" * 500,
)


class Noise:
    def __init__(self, seed: int | str) -> None:
        self._random = random.Random(seed)  # noqa: S311

    def body(self, valid: dict[str, Any] | None) -> tuple[bytes, str]:
        """A body with its content type: mostly a mutation of `valid` as JSON, sometimes broken or none at all."""
        kind = self._random.choice(_KINDS) if self._random.random() < 0.1 else "application/json"
        if valid is None or self._random.random() < 0.2:
            return self._bytes(), kind
        value: Any = copy.deepcopy(valid)
        for _ in range(self._random.choice((1, 1, 1, 2, 4))):
            value = self._changed(value)
        text = json.dumps(value, ensure_ascii=self._random.random() < 0.9)
        written = text.encode("utf-8", "surrogatepass")
        if self._random.random() < 0.15:
            written = self._damaged(written)
        return written, kind

    def text(self) -> str:
        """A piece of a path, a query or a header, as far as those can hold it."""
        if self._random.random() < 0.7:
            return self._random.choice(_WORDS).encode("utf-8", "replace").decode()
        return "".join(self._random.choices(string.printable + "äß漢\x80\xff", k=self._random.randrange(60)))

    def chance(self, share: float) -> bool:
        return self._random.random() < share

    def _value(self) -> Any:
        chosen = self._random.choice((*_VALUES, *_WORDS, self.text(), [self.text()], {self.text(): self.text()}))
        return copy.deepcopy(chosen)

    def _changed(self, value: Any) -> Any:
        if isinstance(value, dict) and value and self._random.random() < 0.85:
            name = self._random.choice(list(value))
            change = self._random.randrange(6)
            if change == 0:
                del value[name]
            elif change == 1:
                value[self._random.choice(_WORDS)] = self._value()
            elif change == 2:
                value[name] = self._value()
            elif change == 3:
                value[name] = self._deep(value[name])
            else:
                value[name] = self._changed(value[name])
            return value
        if isinstance(value, list) and value and self._random.random() < 0.85:
            at = self._random.randrange(len(value))
            value[at] = self._changed(value[at])
            return value * self._random.choice((1, 1, 2, 30))
        if isinstance(value, str) and self._random.random() < 0.5:
            at = self._random.randrange(len(value) + 1)
            return value[:at] + self._random.choice(_WORDS) + value[at:]
        return self._value()

    def _deep(self, value: Any) -> Any:
        for _ in range(self._random.choice((1, 10, 200))):
            value = [value] if self._random.random() < 0.5 else {"a": value}
        return value

    def _damaged(self, written: bytes) -> bytes:
        at = self._random.randrange(len(written) + 1)
        return self._random.choice(
            (
                written[:at],
                written[:at] + self._random.randbytes(3) + written[at:],
                b"\xef\xbb\xbf" + written,
                written.decode("utf-8", "replace").encode("utf-16"),
                written * 2,
                written[:at] + written[at + 1 :],
            )
        )

    def _bytes(self) -> bytes:
        return self._random.choice(
            (
                b"",
                b"null",
                b"[]",
                b"{}",
                b'""',
                b"0",
                b"{" * 200,
                b"[" * 30_000,
                b'{"a":' * 5_000,
                b"1" * 5_000,
                b'{"question": "a", "question": "b"}',
                b'{"rating": "up", "rating": "down"}',
                self._random.randbytes(self._random.randrange(400)),
                b"\0" * 300,
                b'{"' + b"k" * 20_000 + b'": 1}',
                b" " * 70_000,
                json.dumps(self._value()).encode("utf-8", "surrogatepass"),
            )
        )
