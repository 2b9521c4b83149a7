from tests.service.fixtures import indexed, model, serve

__all__ = ["indexed", "model", "serve"]
