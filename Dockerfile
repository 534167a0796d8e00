FROM python:3.12.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

# All dependencies in one layer, which changes only with the pins.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir hpsearch studies && touch hpsearch/__init__.py \
    && pip install --constraint constraints.txt '.[cluster,s3]' \
    && pip uninstall --yes hpsearch

COPY hpsearch hpsearch
COPY studies studies
COPY scripts scripts
COPY deploy deploy
RUN pip install --no-deps --editable . \
    && useradd --uid 1000 --create-home hpsearch \
    && mkdir /workspace /mlartifacts \
    && chown hpsearch /workspace /mlartifacts \
    # Training's loops are compiled now, not by each container; on another processor once more.
    && su hpsearch -c 'python -c "import hpsearch.trainers.two_layer_net.sgd"'

USER hpsearch
ENV HPSEARCH_WORKSPACE=/workspace
ENTRYPOINT ["python", "scripts/run_study.py"]
