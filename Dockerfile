# The image of every Airflow component: the locked packages, hash by hash, and Foresight itself.
FROM python:3.11-slim-bookworm

ENV AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/foresight/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/foresight/plugins \
    AIRFLOW__CORE__LOAD_EXAMPLES=False \
    FORESIGHT_CONFIG=/opt/foresight/include/config \
    OMP_NUM_THREADS=1

WORKDIR /opt/foresight
COPY requirements.txt requirements-uv.txt ./
RUN pip install --no-cache-dir --require-hashes -r requirements-uv.txt \
 && uv pip install --system --no-cache --no-deps --require-hashes -r requirements.txt
COPY . .
RUN uv pip install --system --no-cache --no-deps --no-build-isolation . \
 && useradd --uid 50000 --create-home airflow \
 && mkdir -p /opt/airflow/staging /opt/airflow/models /opt/airflow/files /opt/airflow/logs /opt/airflow/passwords && chown -R airflow /opt/airflow
USER airflow
CMD ["airflow", "version"]
