#!/bin/sh
# member-event in place of the three: under one lock, and with the list of all members,
# which an event that was lost or came late cannot falsify.
export HAPROXY_TEMPLATE=/config/haproxy.cfg.hb
exec member-event
