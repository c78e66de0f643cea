# Two stages: the wheel and everything that it needs are installed in the first, the second only receives them.
#
# python:3.12-slim-trixie (Python 3.12.13, every platform), as docker-library/repo-info listed it in August 2026. To renew it:
#   docker buildx imagetools inspect python:3.12-slim-trixie      and put the index digest here.
ARG BASE=python:3.12-slim-trixie@sha256:229a2c5bfa27522db7815ea81f9bed70af17ccb9de9fc7ad142b1877b5830d36
FROM ${BASE} AS install
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements-build.lock requirements.lock ./
# pip itself stands in the first lock, with its hashes. --only-binary: no foreign code runs while this image is built.
RUN python -m pip install -q --require-hashes --only-binary :all: -r requirements-build.lock \
 && python -m venv --without-pip /opt/whyforbidden \
 && python -m pip --python /opt/whyforbidden/bin/python install -q --require-hashes --only-binary :all: -r requirements.lock
COPY . .
RUN python -m pip wheel -q --no-deps --no-build-isolation --wheel-dir /wheels . \
 && python -m pip --python /opt/whyforbidden/bin/python install -q --no-deps /wheels/*.whl \
 && /opt/whyforbidden/bin/python -m compileall -q /opt/whyforbidden

FROM ${BASE}
COPY --from=install /opt/whyforbidden /opt/whyforbidden
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin whyforbidden \
 && install -d -o whyforbidden -g whyforbidden -m 0700 /data

# Everything that is kept stands in /data: the store, its key file, apps.toml and .env. Nothing else is written, so that the rest may be
# read-only: docker run --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges -v whyforbidden:/data …
USER whyforbidden
WORKDIR /data
VOLUME /data
ENV PATH=/opt/whyforbidden/bin:$PATH \
    WHYFORBIDDEN_HOST=0.0.0.0 \
    WHYFORBIDDEN_STORE_URL=sqlite:////data/whyforbidden.db \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["whyforbidden"]
CMD ["serve"]
