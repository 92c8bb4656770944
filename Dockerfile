# IRI Explorer. CPU by default; with a GPU:
#   docker build --build-arg DEVICE=gpu -t iri-explorer . && docker run --gpus all -p 8501:8501 iri-explorer
FROM python:3.12-slim

ARG DEVICE=cpu

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    IRI_CACHE_DIR=/data/cache \
    IRI_MODELS_DIR=/data/models

RUN useradd --uid 1000 --create-home app \
    && mkdir -p /data/cache /data/models \
    && chown -R app:app /data

WORKDIR /app
COPY requirements.txt .
# The registry's wheels of torch carry CUDA; torch and torchvision must come from one place.
RUN if [ "$DEVICE" = "cpu" ]; then \
        pip install --index-url https://download.pytorch.org/whl/cpu torch torchvision; \
    fi \
    && pip install -r requirements.txt

COPY --chown=app:app . .
USER app
VOLUME ["/data/cache", "/data/models"]
EXPOSE 8501

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; b = os.environ.get('STREAMLIT_SERVER_BASE_URL_PATH', '').strip('/'); a = r.urlopen(f\"http://127.0.0.1:8501/{b + '/' if b else ''}_stcore/health\", timeout=4).read(); raise SystemExit(a != b'ok')"]

CMD ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
