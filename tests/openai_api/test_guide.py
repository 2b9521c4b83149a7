"""The guide for OpenAI clients says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from app.openai_api.completion import completion_id
from tests.answering.scripted_model import ScriptedModel
from tests.openai_api.conftest import DOCS
from tests.service.serving import Service

GUIDE = (Path(__file__).parents[2] / "docs/how-to/use-from-an-openai-client.md").read_text(encoding="utf-8")
BASE_URL = "http://127.0.0.1:8000/v1"


def test_the_python_example_runs(service: Service, model: ScriptedModel, key: str) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    question = "How do I index my own docs?"
    assert all(part in example for part in (BASE_URL, "YOUR_KEY", question))
    example = example.replace(BASE_URL, f"{service.url}/v1").replace("YOUR_KEY", key)
    model.say("The server listens on port 7070 by default [1].")
    done = subprocess.run(
        [sys.executable, "-c", example.replace(question, "Which port does the Lumen server listen on?")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text, decision = done.stdout.splitlines() or [done.stderr, ""]
    assert text == f"The server listens on port 7070 by default. [[1]]({DOCS}/start#start-the-server)"
    assert re.fullmatch(r"reply [01]\.\d+", decision)


def test_the_curl_example_works(service: Service, model: ScriptedModel, key: str) -> None:
    (example,) = re.findall(r"^curl (\S+) \\\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    url, options = example
    assert url.startswith(BASE_URL)
    headers = dict(re.findall(r"-H '(.+?): (.+?)'", options.replace("YOUR_KEY", key)))
    (body,) = re.findall(r"-d '(.+)'", options)
    model.say("NOT IN DOCS")
    response = service.client.post("/v1" + url.removeprefix(BASE_URL), content=body, headers=headers)
    assert response.status_code == 200
    assert response.json()["choices"][0]["message"]["docent"]["decision"] == "escalate"  # Lumen's docs hold no answer


def test_the_ids_of_the_guide_belong_together() -> None:
    (completion,), (answer, *_) = re.findall(r"chatcmpl-\w+", GUIDE), re.findall(r"ans_\w+", GUIDE)
    assert completion == completion_id(answer)
