# IRI Explorer on a CPU; for an NVIDIA GPU, build with --build-arg DEVICE=cu130.
# How to run it, with limits and a read-only root: docs/deployment.md
FROM python:3.12-slim-bookworm AS build
# The folder of PyTorch's own index: cpu (a few hundred megabytes) or a version of CUDA (several
# gigabytes). torch and torchvision must come from one of them, both.
ARG DEVICE=cpu
ENV PATH=/opt/iri/bin:$PATH
RUN python -m venv /opt/iri
WORKDIR /src
COPY requirements.txt .
RUN pip install --no-cache-dir --index-url "https://download.pytorch.org/whl/$DEVICE" \
    --constraint requirements.txt torch torchvision \
    && pip install --no-cache-dir --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY .streamlit .streamlit
COPY cache/starter cache/starter
COPY explorer explorer
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[postgres]"

FROM python:3.12-slim-bookworm
# All code belongs to root; the app's user writes to /data and /tmp alone.
RUN useradd --uid 1000 --home-dir /data app \
    && install --directory --owner app --group app /data
COPY --from=build /opt/iri /opt/iri
COPY docs/deployment/health.py /usr/local/lib/iri/health.py
ENV PATH=/opt/iri/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    IRI_CACHE_DIR=/data/cache \
    IRI_MODELS_DIR=/data/models
USER 1000
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "/usr/local/lib/iri/health.py"]
CMD ["iri", "app", "--address", "0.0.0.0", "--port", "8501"]
