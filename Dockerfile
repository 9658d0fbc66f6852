# One image for every process: web, worker, beat and migrate differ only in their command.
FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /opt/venv
COPY requirements.txt requirements-observability.txt ./
RUN /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements.txt
# Anything: with the packages for SENTRY_DSN and OTLP_ENDPOINT.
ARG OBSERVABILITY=
RUN [ -z "$OBSERVABILITY" ] || /opt/venv/bin/pip install --require-hashes --only-binary :all: -r requirements-observability.txt
COPY . .
# The key and the folder of this step stay behind in it: nothing of them is in the image.
RUN PORTAL_VAR=/tmp/build STATIC_ROOT=/app/staticfiles /opt/venv/bin/python manage.py collectstatic --no-input -v0 \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv /app

FROM python:3.13-slim
RUN groupadd --gid 10001 portal \
    && useradd --uid 10001 --gid portal --no-create-home --home-dir /app --shell /usr/sbin/nologin portal \
    && install -d -m 700 -o portal -g portal /var/lib/portal
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PORTAL_VAR=/var/lib/portal \
    STATIC_ROOT=/app/staticfiles
WORKDIR /app
USER 10001:10001
VOLUME /var/lib/portal
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "partner_portal.wsgi"]
