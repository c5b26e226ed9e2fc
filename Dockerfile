# One node of Tickwire, serving Arena. For a game of your own: FROM this image, COPY the game, change CMD.
FROM python:3.11-slim AS build
WORKDIR /src
COPY . .
RUN python -m venv /opt/tickwire \
 && /opt/tickwire/bin/pip install --no-cache-dir --disable-pip-version-check .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin tickwire
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
