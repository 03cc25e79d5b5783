# Airflow's own image with the locked packages, hash by hash, and Foresight.
#
#   docker build --target slim --tag foresight:latest .     every component but workers of the queue ml
#   docker build --target ml --tag foresight:ml .           the same with TensorFlow: training, Keras models
#
# Group 0 owns what is written, so any user id may run it. No compiler: every package is a wheel.
ARG AIRFLOW=apache/airflow:slim-3.3.2-python3.11

FROM ${AIRFLOW} AS slim
ENV AIRFLOW__CORE__DAGS_FOLDER=/opt/foresight/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/foresight/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    FORESIGHT_CONFIG=/opt/foresight/include/config \
    OMP_NUM_THREADS=1
WORKDIR /opt/foresight
COPY --chown=airflow:0 requirements-uv.txt requirements-slim.txt ./
RUN pip install --no-cache-dir --require-hashes --requirement requirements-uv.txt \
 && uv pip install --no-cache --no-deps --require-hashes --requirement requirements-slim.txt
COPY --chown=airflow:0 . .
RUN uv pip install --no-cache --no-deps --no-build-isolation . \
 && mkdir -p /opt/airflow/staging /opt/airflow/models /opt/airflow/files \
 && chmod -R g+rwX /opt/airflow/staging /opt/airflow/models /opt/airflow/files
USER 50000
ENTRYPOINT ["/usr/bin/dumb-init", "--", "python", "/opt/foresight/deploy/entrypoint.py"]
CMD ["airflow", "version"]

FROM slim AS ml
COPY --chown=airflow:0 requirements.txt ./
RUN uv pip install --no-cache --no-deps --require-hashes --requirement requirements.txt
