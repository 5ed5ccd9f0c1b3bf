# Waypost with everything it needs, an embedded PostgreSQL too; its data is in /data.
FROM python:3.13-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/waypost
ENV PATH=/opt/waypost/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/runtime.txt requirements/
RUN pip install --require-hashes --only-binary=:all: --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip install --no-deps --no-build-isolation .

FROM python:3.13-slim-trixie
# PostgreSQL refuses to run as root, and wants a user with a name.
RUN groupadd --gid 10001 waypost \
    && useradd --uid 10001 --gid waypost --no-create-home --shell /usr/sbin/nologin waypost \
    && install --directory --owner=waypost --group=waypost --mode=0700 /data
COPY --from=build /opt/waypost /opt/waypost
ENV PATH=/opt/waypost/bin:$PATH PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
ENTRYPOINT ["waypost"]
CMD ["serve", "--host", "0.0.0.0", "--data-dir", "/data"]
