from tests.service.fixtures import indexed, model, real_service, serve

__all__ = ["indexed", "model", "real_service", "serve"]
