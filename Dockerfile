# One image for every part: crawler, curation, Dask, Ray and the page.
#
#   docker build -t shutterprint .
#   docker build -t shutterprint:crawl --build-arg EXTRAS=crawl,s3 .   what a machine needs that only crawls
#
# torch comes from PyPI with CUDA. For machines without a GPU: --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PYTHON=python:3.11-slim-bookworm

FROM ${PYTHON} AS build
ARG EXTRAS=crawl,curate,train,examiner,s3
ARG TORCH_INDEX=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python3 -m venv /opt/venv
COPY constraints.txt pyproject.toml README.md LICENSE ./
# Packages first, in a layer of their own: a change of the code does not download them again.
RUN mkdir -p corpus examiner/web/assets \
    && touch corpus/__init__.py examiner/web/assets/openseadragon-LICENSE.txt \
    && /opt/venv/bin/pip install -c constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -e ".[${EXTRAS}]"
COPY . .
RUN /opt/venv/bin/pip install --no-deps -c constraints.txt -e . \
    && /opt/venv/bin/python -m compileall -q /app

FROM ${PYTHON}
RUN useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin shutterprint \
    && install -d -o shutterprint -g shutterprint /data /etc/shutterprint \
    # KubeRay starts Ray in a login shell, which sets PATH anew
    && echo "export PATH=/opt/venv/bin:\$PATH" > /etc/profile.d/shutterprint.sh
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    MPLCONFIGDIR=/tmp/matplotlib \
    RAY_USAGE_STATS_ENABLED=0 \
    SHUTTERPRINT_CONFIG=/etc/shutterprint/pipelines.yaml
# scrapy.cfg and train/main.py lie here: the stages of a pipeline are started in this folder.
WORKDIR /app
USER 10001:10001
VOLUME /data
CMD ["shutterprint", "--help"]
