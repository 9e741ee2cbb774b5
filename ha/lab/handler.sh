#!/bin/sh
# The lab's name for the handler of a join, and for that of a leave.
exec member-event "$@"
