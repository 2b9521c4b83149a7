"""The thread that steps the pipeline. Requests come from the event loop, and their pieces go back to it."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.errors import Overloaded
from app.llm.embedded.genai import openvino, openvino_genai
from app.llm.embedded.pipeline import Loaded, Sampling, generation_config
from app.llm.embedded.text import TextStream

_RETRY_AFTER_SECONDS = 2  # about the time of one short answer
# Rounds of the event loop between two steps: a piece needs 3 from its queue to the socket, a new request about 6 from
# the socket to the queue. A round without work takes 20 us.
_TURN_ROUNDS = 8
_LONGEST_TURN = 0.5  # seconds; the event loop may be waiting for us, in `close`
CRASH_TEXT = "the engine failed on this or another request and restarts: try again in a few seconds"


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    spelled: bytes
    logprob: float


@dataclass(frozen=True, slots=True)
class PromptToken:
    """logprob: None for the first one, and for what the prefix cache held: it is not computed again."""

    token: int
    spelled: bytes
    logprob: float | None


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step added to an answer. The last piece has a finish_reason, or an error.

    prompt: every token of the prompt, with the piece that ends a generation which was asked for them.
    """

    text: str
    completion_tokens: int  # so far, the end-of-text token included
    logprobs: tuple[TokenLogprob, ...] = ()
    finish_reason: str = ""  # stop, length or cancelled
    error: str = ""
    prompt: tuple[PromptToken, ...] = ()


@dataclass(slots=True)
class Generation:
    """One request. Belongs to the event loop; the engine's thread only puts pieces into it."""

    prompt: Sequence[int]
    sampling: Sampling
    cancelled: bool = False
    _pieces: asyncio.Queue[Piece] = field(default_factory=asyncio.Queue)

    async def pieces(self) -> AsyncIterator[Piece]:
        """Ends after the piece with a finish_reason or an error."""
        while True:
            piece = await self._pieces.get()
            yield piece
            if piece.finish_reason or piece.error:
                return

    def put(self, piece: Piece) -> None:
        self._pieces.put_nowait(piece)


@dataclass(slots=True)
class _Running:
    generation: Generation
    handle: Any
    text: TextStream
    tokens: int = 0
    echoed: list[int] = field(default_factory=list)  # the prompt, and then what was generated
    echoed_logprobs: list[float] = field(default_factory=list)  # of the last so many of them


class Engine:
    """`submit` and `cancel` are called in the event loop, everything that touches the pipeline in one thread.

    on_crash: called in the engine's thread, after every request in flight got its error, when a step failed. The
    pipeline cannot be used again after that.
    """

    def __init__(self, loaded: Loaded, *, max_running: int, max_queue: int) -> None:
        self._pipeline = loaded.pipeline
        self._tokenizer = loaded.tokenizer
        self._base = loaded.pipeline.get_config()
        self._ends = {int(self._base.eos_token_id), *map(int, self._base.stop_token_ids)}
        self._spelled = {int(token): name for name, token in loaded.tokenizer.get_vocab().items()}
        self._max_running = max_running
        self._max_queue = max_queue
        self._waiting: deque[Generation] = deque()
        self._running: list[_Running] = []
        self._requests = 0
        self._closing = False
        self._wake = threading.Condition()
        self._outbox: list[tuple[Generation, Piece]] = []
        self._turn = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._on_crash: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)

    def start(self, loop: asyncio.AbstractEventLoop, on_crash: Callable[[], None]) -> None:
        self._loop = loop
        self._on_crash = on_crash
        self._thread.start()

    def close(self) -> None:
        """Ends after the step in work."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    @property
    def load(self) -> tuple[int, int]:
        """Requests in work, requests waiting."""
        return len(self._running), len(self._waiting)

    def submit(self, prompt: Sequence[int], sampling: Sampling) -> Generation:
        """Raises Overloaded where the queue is full, and RuntimeError where the pipeline refuses the settings."""
        generation_config(sampling, self._base)
        generation = Generation(prompt, sampling)
        with self._wake:
            # In work and waiting are counted together: a new request is first of all a waiting one.
            if len(self._running) + len(self._waiting) >= self._max_running + self._max_queue:
                raise Overloaded("too many requests: try again shortly", retry_after=_RETRY_AFTER_SECONDS)
            self._waiting.append(generation)
            self._wake.notify()
        return generation

    def cancel(self, generation: Generation) -> None:
        """Frees its place after the step in work. Does nothing where it has ended."""
        with self._wake:
            generation.cancelled = True
            self._wake.notify()

    def _run(self) -> None:
        try:
            while self._next():
                self._pipeline.step()
                self._deliver()
                self._give_turn()
        finally:
            # Whatever ended the loop (it stands on stderr), nobody is left waiting.
            self._fail_all()
            self._give_turn()
            if not self._closing:
                self._on_crash()

    def _next(self) -> bool:
        """Waits for work, drops what was cancelled and admits what waits. False: the engine closes."""
        with self._wake:
            while True:
                if self._closing:
                    return False
                self._drop_cancelled()
                while self._waiting and len(self._running) < self._max_running:
                    self._admit(self._waiting.popleft())
                # A cancelled request holds its place in the pipeline until the next step.
                if self._running or self._pipeline.has_non_finished_requests():
                    return True
                self._wake.wait()

    def _drop_cancelled(self) -> None:
        for generation in [waiting for waiting in self._waiting if waiting.cancelled]:
            self._waiting.remove(generation)
            self._post(generation, Piece("", 0, finish_reason="cancelled"))
        for running in [running for running in self._running if running.generation.cancelled]:
            running.handle.cancel()
            self._running.remove(running)
            self._post(running.generation, Piece("", running.tokens, finish_reason="cancelled"))

    def _admit(self, generation: Generation) -> None:
        self._requests += 1
        config = generation_config(generation.sampling, self._base)
        prompt = openvino.Tensor([list(generation.prompt)])
        handle = self._pipeline.add_request(self._requests, prompt, config)
        text = TextStream(self._tokenizer.decode, generation.sampling.stop)
        self._running.append(_Running(generation, handle, text))

    def _deliver(self) -> None:
        for running in list(self._running):
            piece = self._piece(running)
            if piece.finish_reason or piece.error:
                with self._wake:
                    self._running.remove(running)
            if piece.text or piece.logprobs or piece.finish_reason or piece.error:
                self._post(running.generation, piece)

    def _piece(self, running: _Running) -> Piece:
        text = ""
        reason = ""
        logprobs: list[TokenLogprob] = []
        while running.handle.can_read() and not reason:
            for output in running.handle.read().values():
                generated = self._generated(running, output)
                running.tokens += len(generated)
                text += running.text.push(generated)
                logprobs += self._logprobs(running.generation.sampling, output)
                reason = _reason(output.finish_reason)
        if running.text.stopped:
            running.handle.stop()
            reason = "stop"
        ignored = running.handle.get_status() == openvino_genai.GenerationStatus.IGNORED
        if ignored and not reason:
            return Piece(text, running.tokens, error="the engine has no memory left for this request")
        if reason:
            text += running.text.finish()
        return Piece(text, running.tokens, tuple(logprobs), reason, prompt=self._prompt(running) if reason else ())

    def _generated(self, running: _Running, output: openvino_genai.GenerationOutput) -> list[int]:
        """What came after the prompt, which the pipeline repeats where its logprobs are asked for."""
        ids = list(output.generated_ids)
        if not running.generation.sampling.prompt_logprobs:
            return ids
        before = len(running.echoed)
        running.echoed += ids
        running.echoed_logprobs += output.generated_log_probs
        return ids[max(0, len(running.generation.prompt) - before) :]

    def _prompt(self, running: _Running) -> tuple[PromptToken, ...]:
        """The pipeline gives no logprobs for what its prefix cache held, and a 1 for the first token of all."""
        if not running.generation.sampling.prompt_logprobs:
            return ()
        missing = len(running.echoed) - len(running.echoed_logprobs)
        known = [None] * missing + running.echoed_logprobs
        known[0] = None
        pairs = zip(running.generation.prompt, known, strict=False)  # without what was generated
        return tuple(PromptToken(token, self._spelled[token], value) for token, value in pairs)

    def _logprobs(self, sampling: Sampling, output: openvino_genai.GenerationOutput) -> list[TokenLogprob]:
        if not sampling.logprobs or sampling.prompt_logprobs:
            return []
        pairs = zip(output.generated_ids, output.generated_log_probs, strict=True)
        return [TokenLogprob(self._spelled[token], value) for token, value in pairs if token not in self._ends]

    def _fail_all(self) -> None:
        with self._wake:
            left = [*(running.generation for running in self._running), *self._waiting]
            self._running.clear()
            self._waiting.clear()
        for generation in left:
            self._post(generation, Piece("", 0, error=CRASH_TEXT))

    def _post(self, generation: Generation, piece: Piece) -> None:
        self._outbox.append((generation, piece))

    def _give_turn(self) -> None:
        """Hands the pieces to the event loop, and lets it work before the next step.

        Without the wait, each system call of the event loop would give the GIL back to the next step: one send a
        step, which made 8 streams crawl at 46 tokens/s, with gaps of 8 s.
        """
        outbox, self._outbox = self._outbox, []
        self._turn.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._put_all, outbox)
            self._turn.wait(_LONGEST_TURN)

    def _put_all(self, outbox: list[tuple[Generation, Piece]]) -> None:
        for generation, piece in outbox:
            generation.put(piece)
        self._pass_round(_TURN_ROUNDS)

    def _pass_round(self, left: int) -> None:
        if left and self._loop is not None:
            self._loop.call_soon(self._pass_round, left - 1)
        else:
            self._turn.set()


def _reason(reason: openvino_genai.GenerationFinishReason) -> str:
    if reason == openvino_genai.GenerationFinishReason.NONE:
        return ""
    return "length" if reason == openvino_genai.GenerationFinishReason.LENGTH else "stop"
