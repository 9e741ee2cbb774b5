#!/bin/sh
# What happened is in SERF_EVENT, so one handler is enough.
exec /serf-handlers/member-join.sh
