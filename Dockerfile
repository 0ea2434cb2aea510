# One image for every service; compose.yaml says which one a container runs.
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev
RUN pip install --no-cache-dir "uv>=0.13,<0.14"
WORKDIR /app
ENV UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock hatch_build.py README.md LICENSE ./
RUN uv sync --frozen --no-dev --extra sentry --no-install-project
COPY scripts/compile_wire.py scripts/compile_wire.py
COPY gateway gateway
COPY services services
COPY shared shared
RUN BGPILOT_COMPILE=1 uv sync --frozen --no-dev --extra sentry --no-editable

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /nonexistent bgpilot
COPY --from=build /app/.venv /app/.venv
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 LOG_FORMAT=json
USER bgpilot
STOPSIGNAL SIGTERM
CMD ["python", "-m", "gateway"]
