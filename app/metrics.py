"""What is counted and timed, for Prometheus. Names and labels hold no words of any visitor."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds. Retrieval and queues are about 10 ms when nothing is wrong, answers a few seconds on two cores.
_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LONG = (0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0)


class Metrics:
    """One registry for each application, so that two of them in a process do not count together."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter(
            "docent_http_requests", "Requests by method, route and status.", ["method", "route", "status"], registry=own
        )
        self.request_seconds = Histogram(
            "docent_http_request_seconds", "Time to the end of the response.", ["route"], buckets=_LONG, registry=own
        )
        self.answers = Counter(
            "docent_answers", "Answers by surface, decision and kind.", ["surface", "decision", "kind"], registry=own
        )
        self.reasons = Counter("docent_answer_reasons", "Reasons of decisions.", ["reason"], registry=own)
        self.failures = Counter("docent_answer_failures", "Questions without an answer.", ["kind"], registry=own)
        self.running = Gauge("docent_answers_running", "Answers being made, those waiting included.", registry=own)
        self.tokens = Counter("docent_tokens", "Tokens of prompts and completions.", ["direction"], registry=own)
        self.queue_seconds = Histogram(
            "docent_queue_seconds", "Wait of a question for its turn.", buckets=_SHORT, registry=own
        )
        self.retrieval_seconds = Histogram(
            "docent_retrieval_seconds", "Embedding, search and fusion.", buckets=_SHORT, registry=own
        )
        self.first_token_seconds = Histogram(
            "docent_first_token_seconds",
            "From a question's turn to the model's first token.",
            buckets=_LONG,
            registry=own,
        )
        self.first_sentence_seconds = Histogram(
            "docent_first_sentence_seconds",
            "From a question's turn to what is shown first.",
            buckets=_LONG,
            registry=own,
        )
        self.answer_seconds = Histogram(
            "docent_answer_seconds", "From a question's turn to its whole answer.", buckets=_LONG, registry=own
        )
        self.feedback = Counter("docent_feedback", "Ratings given.", ["rating"], registry=own)
        self.escalations = Counter("docent_escalations", "Calls for a person.", registry=own)

        self.tickets = Counter(
            "docent_tickets",
            "Tickets by the state they ended in and the decision.",
            ["state", "decision"],
            registry=own,
        )

    def text(self) -> bytes:
        """The exposition format that Prometheus scrapes."""
        return generate_latest(self.registry)
