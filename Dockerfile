FROM python:3.12-slim

RUN useradd --create-home hpsearch
WORKDIR /app

# Dependencies first: this layer changes only with the pins.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir hpsearch && touch hpsearch/__init__.py \
    && pip install --no-cache-dir --constraint constraints.txt . \
    && pip uninstall --yes hpsearch

COPY hpsearch hpsearch
COPY studies studies
COPY scripts scripts
RUN pip install --no-cache-dir --no-deps --editable . && mkdir /workspace && chown hpsearch /workspace

USER hpsearch
ENV HPSEARCH_WORKSPACE=/workspace
ENTRYPOINT ["python", "scripts/run_study.py"]
