# Builds the wheel where Rust is, installs it where Python is, keeps only the environment.
FROM rust:1-slim-bookworm AS wheel
RUN apt-get update && apt-get install --yes --no-install-recommends python3 python3-venv \
    && python3 -m venv /tools && /tools/bin/pip install --quiet uv==0.13.9
WORKDIR /source
COPY . .
RUN /tools/bin/uv build --quiet --wheel --out-dir /wheel

FROM python:3.13-slim-bookworm AS environment
COPY requirements.lock /
COPY --from=wheel /wheel /wheel
RUN python -m venv --without-pip /opt/timserver && pip install --quiet uv==0.13.9 \
    && uv pip install --quiet --compile-bytecode --python /opt/timserver/bin/python \
        --constraints /requirements.lock /wheel/*.whl

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home timserver \
    && install --directory --owner timserver --mode 750 /var/lib/timserver
COPY --from=environment /opt/timserver /opt/timserver
ENV PATH=/opt/timserver/bin:$PATH \
    TIM_LISTENERS='[{"host": "0.0.0.0", "port": 8008}, {"host": "0.0.0.0", "port": 9008, "apis": ["metrics"]}]'
USER 10001
WORKDIR /var/lib/timserver
EXPOSE 8008 9008
ENTRYPOINT ["timserver"]
CMD ["serve"]
