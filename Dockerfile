# Two stages: the wheel is built in the first, and only installed in the second.
FROM python:3.12-slim AS wheel
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl \
 && rm -r /wheels \
 && useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin whyforbidden \
 && install -d -o whyforbidden -g whyforbidden -m 0700 /data

# Everything that is kept stands in /data: the store, its key file, apps.toml and .env.
USER whyforbidden
WORKDIR /data
VOLUME /data
ENV WHYFORBIDDEN_HOST=0.0.0.0 \
    WHYFORBIDDEN_STORE_URL=sqlite:////data/whyforbidden.db \
    PYTHONUNBUFFERED=1
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["whyforbidden"]
CMD ["serve"]
