# One process, one volume. Build: docker build -t trunkline . ; run: docker run -p 3000:3000 -v trunkline:/data trunkline
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /opt/trunkline && /opt/trunkline/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY prompts prompts
RUN /opt/trunkline/bin/pip install --no-cache-dir --no-deps .

FROM python:3.13-slim
# The registry starts `git` for heavy work: cold indexes, merges, garbage collection.
RUN apt-get update && apt-get install -y --no-install-recommends git && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 trunkline && install -d -o trunkline /data
COPY --from=build /opt/trunkline /opt/trunkline
ENV PATH=/opt/trunkline/bin:$PATH TRUNKLINE_DATA=/data TRUNKLINE_HOST=0.0.0.0
USER trunkline
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/health')"]
CMD ["trunkline", "serve"]
