# A RUN for each command. docker build -t layers:separate - <docs/lab/separate.Dockerfile
FROM debian:trixie-slim
RUN apt-get update
RUN apt-get install -y --no-install-recommends haproxy
RUN apt-get install -y --no-install-recommends curl
RUN rm -rf /var/lib/apt/lists/* /var/cache/apt/*
